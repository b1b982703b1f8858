//! Tags of functions: TagResource, ListTags, UntagResource.

use serde_json::json;

use super::{Target, errors};
use crate::catalog::{Edit, keys};
use crate::control::wire::{Answer, Error, Members};
use crate::model::rest::Strings;

/// A function has at most so many tags.
const MAX_TAGS: usize = 50;
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;
/// Keys that begin so are AWS's own.
const RESERVED: &str = "aws:";

impl Target<'_> {
    pub(super) async fn tag_resource(&self, arn: &str) -> Result<Answer, Error> {
        let given = self.body.strings("Tags")?.unwrap_or_default();
        self.retag(arn, |tags| tags.extend(given.clone())).await
    }

    pub(super) async fn untag_resource(&self, arn: &str) -> Result<Answer, Error> {
        let gone = self.call.parameters("tagKeys");
        self.retag(arn, |tags| tags.retain(|key, _| !gone.contains(key))).await
    }

    pub(super) fn list_tags(&self, arn: &str) -> Result<Answer, Error> {
        let name = self.read(arn)?.name;
        let found = self.control.catalog.read(|documents| self.find(documents, &name))?;
        Ok(Answer::json(200, Members::new().set("Tags", json!(found.value.tags))))
    }

    async fn retag(&self, arn: &str, change: impl Fn(&mut Strings)) -> Result<Answer, Error> {
        let named = self.read(arn)?;
        if named.qualifier.is_some() {
            return Err(errors::invalid(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            ));
        }
        let found = self.control.catalog.read(|documents| self.find(documents, &named.name))?;
        let mut function = found.value.clone();
        change(&mut function.tags);
        check(&function.tags)?;
        if function.tags != found.value.tags {
            // Nobody who runs a function looks at them: there is nothing to wait for.
            let edit = Edit::new().update(&keys::function(&named.name), &found, &function);
            self.control.catalog.commit(edit).await?;
        }
        Ok(Answer::empty(204))
    }
}

/// A function may have these tags.
pub(super) fn check(tags: &Strings) -> Result<(), Error> {
    if tags.len() > MAX_TAGS {
        return Err(errors::invalid(format!("Tags exceed limit of {MAX_TAGS}")));
    }
    for (key, value) in tags {
        let fits = !key.is_empty() && key.chars().count() <= MAX_KEY && value.chars().count() <= MAX_VALUE;
        let own = key.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED));
        if !fits || own {
            return Err(errors::invalid(format!(
                "Invalid tag '{key}': keys have 1 to {MAX_KEY} characters and don't begin with {RESERVED}, values have at \
                 most {MAX_VALUE}"
            )));
        }
    }
    Ok(())
}
