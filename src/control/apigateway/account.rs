//! Account: GetAccount, UpdateAccount.

use super::Target;
use crate::catalog::{Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, any_of, operations};
use crate::model::arn;
use crate::model::rest::Account;

const PATHS: &[&str] = &["/cloudwatchRoleArn", "/features"];
const BAD_ROLE: &str = "The role ARN is not well formed";
/// The one feature there is; it can't be given up.
const USAGE_PLANS: &str = "UsagePlans";

impl Target<'_> {
    pub(super) fn get_account(&self) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| documents.get(&keys::account()))?;
        Ok(Answer::json(200, members(&found.map(|found| found.value).unwrap_or_default())))
    }

    pub(super) async fn update_account(&self) -> Result<Answer, Error> {
        let operations = operations(self.body, "updateAccountInput")?;
        let key = keys::account();
        let found: Option<Stored<Account>> = self.control.catalog.read(|documents| documents.get(&key))?;
        let before = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
        let mut changed = before.clone();
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        if changed != before {
            let edit = match &found {
                Some(found) => Edit::new().update(&key, found, &changed),
                None => Edit::new().create(&key, &changed),
            };
            self.control.catalog.commit(edit).await?;
        }
        Ok(Answer::json(200, members(&changed)))
    }
}

fn members(account: &Account) -> Members {
    Members::new()
        .some("cloudwatchRoleArn", account.cloudwatch_role_arn.clone())
        .set("throttleSettings", Members::new().set("burstLimit", 5000).set("rateLimit", 10_000.0))
        .set("features", vec![USAGE_PLANS])
        .set("apiKeyVersion", "4")
}

/// What of the account can be patched, and how.
fn patch(account: &mut Account, operation: &Operation) -> Result<(), Error> {
    match (operation.op, operation.parts().as_slice()) {
        (Op::Replace, ["cloudwatchRoleArn"]) => {
            let role = operation.some_text();
            if role.as_deref().is_some_and(|role| !is_role(role)) {
                return Err(Error::bad_request(BAD_ROLE));
            }
            account.cloudwatch_role_arn = role;
        }
        (Op::Add, ["features"]) if operation.text() == USAGE_PLANS => {}
        (Op::Remove, ["features"]) if operation.text() == USAGE_PLANS => {
            return Err(Error::bad_request("Usage Plans cannot be disabled once enabled"));
        }
        (Op::Add | Op::Remove, ["features"]) => {
            return Err(Error::bad_request(format!("Invalid feature specified. Valid options are {USAGE_PLANS}")));
        }
        _ => return Err(any_of(operation, PATHS)),
    }
    Ok(())
}

/// Whether a text is the ARN of a role: `arn:aws:iam::{account}:role/{name}`.
fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, _, "iam", "", account, resource] = parts.as_slice() else { return false };
    arn::well_formed(text)
        && text.len() <= 2048
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::is_role;

    #[test]
    fn roles_are_told_from_other_arns() {
        for (text, expected) in [
            ("arn:aws:iam::123456789012:role/logs", true),
            ("arn:aws-cn:iam::123456789012:role/path/logs", true),
            ("arn:aws:iam::123456789012:role/", false),
            ("arn:aws:iam::123456789012:user/logs", false),
            ("arn:aws:iam::12:role/logs", false),
            ("arn:aws:s3::123456789012:role/logs", false),
            ("logs", false),
        ] {
            assert_eq!(is_role(text), expected, "{text}");
        }
    }
}
