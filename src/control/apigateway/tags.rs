//! Tags: TagResource, GetTags, UntagResource, of everything that can be tagged.

use super::{
    MAX_TAGS, Target, access_associations, api_keys, client_certificates, domain_names, usage_plans, vpc_links,
};
use crate::catalog::{Document, Documents, Edit, Key, keys};
use crate::control::wire::{Answer, Error, Members, Page};
use crate::model::arn::{self, Taggable};
use crate::model::rest::Strings;

/// A tag's key has at most so many characters,
const MAX_KEY: usize = 128;
/// and its value so many.
const MAX_VALUE: usize = 256;
/// Keys that begin so, in any case, are AWS's own.
const RESERVED: &str = "aws:";

/// Whether an answer has `tags` when there are none: AWS's operations differ (control-plane reference, 6).
#[derive(Clone, Copy)]
pub(super) enum Shown {
    Always,
    UnlessEmpty,
}

/// The tags of something that was found, and the edit that gives it others.
struct Tagged {
    tags: Strings,
    retag: Box<dyn FnOnce(Strings) -> Edit + Send>,
}

impl Target<'_> {
    pub(in crate::control) async fn tag_resource(&self, resource_arn: &str) -> Result<Answer, Error> {
        let added = self.body.strings("tags")?.unwrap_or_default();
        check(&added)?;
        self.retag(resource_arn, |tags| tags.extend(added)).await
    }

    pub(in crate::control) async fn untag_resource(&self, resource_arn: &str) -> Result<Answer, Error> {
        let removed = self.call.parameters("tagKeys");
        if removed.is_empty() {
            return Err(Error::bad_request("Tag keys must be specified"));
        }
        self.retag(resource_arn, |tags| tags.retain(|key, _| !removed.contains(key))).await
    }

    /// All tags, unless a page of them is asked for.
    pub(in crate::control) fn get_tags(&self, resource_arn: &str) -> Result<Answer, Error> {
        let thing = read(resource_arn)?;
        let tags = self.control.catalog.read(|documents| self.find_tagged(documents, &thing))?.tags;
        let is_page = ["limit", "position"].iter().any(|name| self.call.parameter(name).is_some());
        let (tags, position) = match is_page {
            true => Page::read(self.call)?.take(tags.into_iter().collect(), |(key, _): &(String, String)| key),
            false => (tags.into_iter().collect(), None),
        };
        let tags: Strings = tags.into_iter().collect();
        Ok(Answer::json(200, Members::new().set("tags", serde_json::json!(tags)).some("position", position)))
    }

    /// Changes something's tags. Nobody who serves requests looks at them: there is nothing to wait for.
    async fn retag(&self, resource_arn: &str, change: impl FnOnce(&mut Strings)) -> Result<Answer, Error> {
        let thing = read(resource_arn)?;
        let found = self.control.catalog.read(|documents| self.find_tagged(documents, &thing))?;
        let mut tags = found.tags.clone();
        change(&mut tags);
        check(&tags)?;
        if tags != found.tags {
            self.control.catalog.commit((found.retag)(tags)).await?;
        }
        Ok(Answer::empty(204))
    }

    /// Where each kind of thing keeps its tags: a line for each.
    fn find_tagged(&self, documents: &Documents<'_>, thing: &Taggable) -> Result<Tagged, Error> {
        let absent = |message: &str| Error::not_found(message);
        match thing {
            Taggable::RestApi(api) => {
                found(documents, keys::rest_api(api), |api| &mut api.tags, || self.unknown_api(api))
            }
            Taggable::Stage(api, stage) => {
                let unknown = || absent("Invalid stage identifier specified");
                found(documents, keys::stage(api, stage), |stage| &mut stage.tags, unknown)
            }
            Taggable::Api(api) => {
                let unknown = || Error::not_found(format!("Invalid API identifier specified {api}"));
                found(documents, keys::api(api), |api| &mut api.tags, unknown)
            }
            Taggable::ApiStage(api, stage) => {
                let unknown = || absent("Invalid stage identifier specified");
                found(documents, keys::api_stage(api, stage), |stage| &mut stage.tags, unknown)
            }
            Taggable::ApiKey(key) => {
                found(documents, keys::api_key(key), |key| &mut key.tags, || absent(api_keys::MISSING))
            }
            Taggable::UsagePlan(plan) => {
                found(documents, keys::usage_plan(plan), |plan| &mut plan.tags, || absent(usage_plans::MISSING))
            }
            Taggable::ClientCertificate(id) => {
                let unknown = || absent(client_certificates::MISSING);
                found(documents, keys::client_certificate(id), |certificate| &mut certificate.tags, unknown)
            }
            Taggable::VpcLink(link) => {
                found(documents, keys::vpc_link(link), |link| &mut link.tags, || absent(vpc_links::MISSING))
            }
            Taggable::DomainName(label) => {
                let unknown = || absent(domain_names::MISSING);
                found(documents, keys::domain_name(label), |domain| &mut domain.tags, unknown)
            }
            Taggable::AccessAssociation(arn) => {
                let unknown = || absent(access_associations::MISSING);
                found(documents, keys::access_association(arn), |association| &mut association.tags, unknown)
            }
        }
    }
}

fn found<T: Document + Clone + Send + 'static>(
    documents: &Documents<'_>,
    key: Key<T>,
    tags: impl Fn(&mut T) -> &mut Strings + Send + 'static,
    unknown: impl FnOnce() -> Error,
) -> Result<Tagged, Error> {
    let stored = documents.get(&key)?.ok_or_else(unknown)?;
    let mut changed = stored.value.clone();
    let found = tags(&mut changed).clone();
    let retag = move |new| {
        *tags(&mut changed) = new;
        Edit::new().update(&key, &stored, &changed)
    };
    Ok(Tagged { tags: found, retag: Box::new(retag) })
}

fn read(text: &str) -> Result<Taggable, Error> {
    if !arn::well_formed(text) {
        return Err(Error::bad_request("Invalid ARN specified in the request"));
    }
    Taggable::parse(text).ok_or_else(|| Error::bad_request(format!("The resource {text} can't be tagged")))
}

/// Something may have these tags.
pub(super) fn check(tags: &Strings) -> Result<(), Error> {
    if tags.len() > MAX_TAGS {
        return Err(Error::bad_request(format!("Tags exceed limit of {MAX_TAGS}")));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > MAX_KEY || value.chars().count() > MAX_VALUE {
            return Err(Error::bad_request(format!(
                "Invalid tag '{key}': keys have 1 to {MAX_KEY} characters, values at most {MAX_VALUE}"
            )));
        }
        if key.get(..RESERVED.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED)) {
            return Err(Error::bad_request(format!(
                "Invalid tag '{key}': keys that begin with {RESERVED} are reserved"
            )));
        }
    }
    Ok(())
}

/// Shows tags as the operation does it.
pub(super) fn show(members: Members, tags: &Strings, shown: Shown) -> Members {
    let map = serde_json::json!(tags);
    match shown {
        Shown::Always => members.set("tags", map),
        Shown::UnlessEmpty => members.unless_empty("tags", map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_bounded_and_some_keys_reserved() {
        let one = |key: &str, value: &str| Strings::from([(key.to_owned(), value.to_owned())]);
        let many = |count: usize| (0..count).map(|number| (number.to_string(), String::new())).collect::<Strings>();
        for (tags, expected) in [
            (one("k", ""), true),
            (one("ключ", "значение"), true),
            (one("", "v"), false),
            (one(&"k".repeat(128), &"v".repeat(256)), true),
            (one(&"k".repeat(129), ""), false),
            (one("k", &"v".repeat(257)), false),
            (one("aws:x", "v"), false),
            (one("AWS:x", "v"), false),
            (one("awsx", "v"), true),
            (many(50), true),
            (many(51), false),
        ] {
            assert_eq!(check(&tags).is_ok(), expected, "{tags:?}");
        }
    }
}
