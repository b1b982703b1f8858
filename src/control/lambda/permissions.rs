//! Who may call a function: AddPermission, GetPolicy, RemovePermission.

use serde_json::{Value, json};

use super::{Target, check_revision, errors, revision};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::functions::Reference;
use crate::model::arn;
use crate::model::function::{LATEST, Policy, Statement};

/// A policy has at most so many bytes: AWS's 20 KB.
const MAX_POLICY: usize = 20_480;

impl Target<'_> {
    pub(super) async fn add_permission(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        if named.qualifier.as_deref() == Some(LATEST) {
            return Err(errors::invalid("We currently do not support adding policies for $LATEST."));
        }
        let statement = self.statement()?;
        let key = keys::function_policy(&named.name, named.qualifier.as_deref());
        let (found, edit) = self.control.catalog.read(|documents| {
            let edit = self.relying_on(documents, &named)?;
            Ok::<_, Error>((documents.get(&key)?, edit))
        })?;
        let mut policy = found.as_ref().map(|found| found.value.clone()).unwrap_or_default();
        check_revision(self.body.text("RevisionId")?, &policy.revision_id)?;
        if policy.statements.iter().any(|known| known.sid == statement.sid) {
            return Err(errors::conflict(format!(
                "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing \
                 statement.",
                statement.sid
            )));
        }
        let shown = self.shown(&statement, &named).to_string();
        policy.statements.push(statement);
        policy.revision_id = revision();
        let size = self.document(&policy, &named).len();
        if size > MAX_POLICY {
            return Err(errors::policy_too_long(size, MAX_POLICY));
        }
        let edit = match &found {
            Some(found) => edit.update(&key, found, &policy),
            None => edit.create(&key, &policy),
        };
        self.commit(edit).await?;
        Ok(Answer::json(201, Members::new().set("Statement", shown)))
    }

    pub(super) fn get_policy(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let policy = self.control.catalog.read(|documents| self.find_policy(documents, &named))?.value;
        let document = self.document(&policy, &named);
        Ok(Answer::json(200, Members::new().set("Policy", document).set("RevisionId", policy.revision_id)))
    }

    pub(super) async fn remove_permission(&self, text: &str, sid: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let found = self.control.catalog.read(|documents| self.find_policy(documents, &named))?;
        check_revision(self.call.parameter("RevisionId"), &found.value.revision_id)?;
        let mut policy = found.value.clone();
        policy.statements.retain(|statement| statement.sid != sid);
        if policy.statements.len() == found.value.statements.len() {
            return Err(errors::not_found(format!("Statement {sid} is not found in resource policy.")));
        }
        policy.revision_id = revision();
        let key = keys::function_policy(&named.name, named.qualifier.as_deref());
        let edit = match policy.statements.is_empty() {
            true => Edit::new().delete(&key, &found),
            false => Edit::new().update(&key, &found, &policy),
        };
        self.commit(edit).await?;
        Ok(Answer::empty(204))
    }

    fn find_policy(&self, documents: &Documents<'_>, named: &Reference) -> Result<Stored<Policy>, Error> {
        self.relying_on(documents, named)?;
        let found = documents.get(&keys::function_policy(&named.name, named.qualifier.as_deref()))?;
        found.ok_or_else(|| errors::not_found("The resource you requested does not exist."))
    }

    /// An edit that relies on what a qualifier names being there.
    fn relying_on(&self, documents: &Documents<'_>, named: &Reference) -> Result<Edit, Error> {
        self.find(documents, &named.name)?;
        let edit = Edit::new().require(&keys::function(&named.name));
        let Some(qualifier) = named.qualifier.as_deref().filter(|qualifier| *qualifier != LATEST) else {
            return Ok(edit);
        };
        let unknown = || errors::no_function(&self.arn(&named.name, Some(qualifier)));
        match qualifier.parse() {
            Ok(number) => {
                let key = keys::function_version(&named.name, number);
                if documents.exists(&key) { Ok(edit.require(&key)) } else { Err(unknown()) }
            }
            Err(_) => {
                let key = keys::function_alias(&named.name, qualifier);
                if documents.exists(&key) { Ok(edit.require(&key)) } else { Err(unknown()) }
            }
        }
    }

    /// The statement that a call gives.
    fn statement(&self) -> Result<Statement, Error> {
        let text = |name: &str| Ok::<_, Error>(self.body.text(name)?.unwrap_or_default());
        let (sid, action, principal) = (text("StatementId")?, text("Action")?, text("Principal")?);
        let mut violations = Violations::new();
        for (value, position) in [(&sid, "statementId"), (&action, "action"), (&principal, "principal")] {
            violations.present(!value.is_empty(), position);
        }
        violations.check()?;
        let mut violations = Violations::new();
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let pattern = |pattern: &str| format!("Member must satisfy regular expression pattern: {pattern}");
        let named = sid.len() <= 100 && sid.bytes().all(word);
        violations.holds(named, &sid, "statementId", &pattern("([a-zA-Z0-9-_]+)"));
        let of_lambda = action.strip_prefix("lambda:").is_some_and(|rest| {
            rest == "*" || (!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphabetic()))
        });
        violations.holds(action == "*" || of_lambda, &action, "action", &pattern("(lambda:[*]|lambda:[a-zA-Z]+|[*])"));
        let source_arn = self.body.text("SourceArn")?;
        if let Some(source) = &source_arn {
            violations.holds(arn::well_formed(source), source, "sourceArn", &pattern("arn:(aws[a-zA-Z0-9-]*):…"));
        }
        let source_account = self.body.text("SourceAccount")?;
        if let Some(account) = &source_account {
            violations.holds(is_account(account), account, "sourceAccount", &pattern(r"\d{12}"));
        }
        violations.check()?;
        if principal_of(&principal).is_none() {
            return Err(errors::invalid(
                "The provided principal was invalid. Please check the principal and try again.",
            ));
        }
        Ok(Statement {
            sid,
            principal,
            action,
            source_arn,
            source_account,
            event_source_token: self.body.text("EventSourceToken")?,
            organization: self.body.text("PrincipalOrgID")?,
            url_authorization: self.body.text("FunctionUrlAuthType")?,
        })
    }

    /// A policy's document, as a text.
    fn document(&self, policy: &Policy, named: &Reference) -> String {
        let statements: Vec<Value> = policy.statements.iter().map(|statement| self.shown(statement, named)).collect();
        json!({"Version": "2012-10-17", "Id": "default", "Statement": statements}).to_string()
    }

    fn shown(&self, statement: &Statement, named: &Reference) -> Value {
        let mut equals = serde_json::Map::new();
        for (name, value) in [
            ("AWS:SourceAccount", &statement.source_account),
            ("lambda:EventSourceToken", &statement.event_source_token),
            ("aws:PrincipalOrgID", &statement.organization),
            ("lambda:FunctionUrlAuthType", &statement.url_authorization),
        ] {
            if let Some(value) = value {
                equals.insert(name.to_owned(), json!(value));
            }
        }
        let like = statement.source_arn.as_ref().map(|source| json!({"AWS:SourceArn": source}));
        let condition = Members::new().unless_empty("StringEquals", Value::Object(equals)).some("ArnLike", like);
        Members::new()
            .set("Sid", statement.sid.as_str())
            .set("Effect", "Allow")
            .set("Principal", principal_of(&statement.principal).unwrap_or_default())
            .set("Action", statement.action.as_str())
            .set("Resource", self.arn(&named.name, named.qualifier.as_deref()))
            .unless_empty("Condition", condition)
            .into()
    }
}

/// A principal as a policy's document has it: a service, an account, an ARN of IAM, or everybody.
fn principal_of(text: &str) -> Option<Value> {
    if text == "*" {
        return Some(json!("*"));
    }
    if is_account(text) {
        return Some(json!({"AWS": format!("arn:aws:iam::{text}:root")}));
    }
    if matches!(arn::service(text), Some("iam" | "sts")) {
        return Some(json!({"AWS": text}));
    }
    let is_service = text.contains('.') && !text.contains(|c: char| c.is_whitespace() || c == ':');
    is_service.then(|| json!({"Service": text}))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_services_accounts_and_arns() {
        for (text, expected) in [
            ("*", Some(json!("*"))),
            ("apigateway.amazonaws.com", Some(json!({"Service": "apigateway.amazonaws.com"}))),
            ("123456789012", Some(json!({"AWS": "arn:aws:iam::123456789012:root"}))),
            ("arn:aws:iam::123456789012:role/r", Some(json!({"AWS": "arn:aws:iam::123456789012:role/r"}))),
            ("arn:aws:s3:::bucket", None),
            ("nobody", None),
        ] {
            assert_eq!(principal_of(text), expected, "{text}");
        }
    }
}
