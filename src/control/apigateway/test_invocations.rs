//! Test invocations: TestInvokeAuthorizer, TestInvokeMethod.
//!
//! They are requests to an API as it is now, by the data plane's own phases; what is answered is what happened, so
//! that the call itself succeeds even where the request does not. Source: control-plane reference, 18.

use serde_json::{Map, Value};

use super::api::Tree;
use super::{Place, Target, client_certificates, deployments, find_resource, stages};
use crate::catalog::{Documents, keys};
use crate::control::wire::{Answer, Error, Members};
use crate::model::id::{ApiId, AuthorizerId, ClientCertificateId};
use crate::model::rest::{Snapshot, SnapshotResource, Strings, Verb};
use crate::traffic::execute::invoke::{Asked, Invoked, Malformed, Sample, Trial};

/// A request that is made up has at most so many header fields.
const MAX_HEADERS: usize = 100;

impl Target<'_> {
    pub(super) async fn test_invoke_authorizer(&self, api: &ApiId, id: &str) -> Result<Answer, Error> {
        let sample = self.sample()?;
        let (api, found) = self.control.catalog.read(|documents| {
            let card = self.find_api(documents, api)?.value;
            let found = documents.get(&keys::authorizer(api, &AuthorizerId::new(id)))?;
            let found = found.ok_or_else(|| Error::not_found("Invalid Authorizer identifier specified"))?;
            Ok::<_, Error>((deployments::snapshot(documents, card, Vec::new())?, found))
        })?;
        Ok(Answer::json(200, asked(self.control.invoker.authorizer(&api, &found.value, sample).await?)))
    }

    pub(super) async fn test_invoke_method(&self, place: &Place) -> Result<Answer, Error> {
        let sample = self.sample()?;
        let api = self.control.catalog.read(|documents| {
            let api = self.take(documents, place)?;
            self.check_client_certificate(documents)?;
            Ok::<_, Error>(api)
        })?;
        let trial = Trial { api, verb: place.verb.clone(), sample };
        Ok(Answer::json(200, invoked(&self.control.invoker.method(trial).await?)))
    }

    /// The request that the body describes.
    fn sample(&self) -> Result<Sample, Error> {
        let variables = self.body.strings("stageVariables")?.unwrap_or_default();
        stages::check_variables(&variables)?;
        Ok(Sample {
            path_with_query: self.body.text("pathWithQueryString")?,
            headers: self.headers()?,
            body: self.body.text("body")?.unwrap_or_default(),
            variables,
            context: self.body.strings("additionalContext")?.unwrap_or_default(),
        })
    }

    /// `headers` and `multiValueHeaders` together; a value that both have is there once.
    fn headers(&self) -> Result<Vec<(String, String)>, Error> {
        let several = self.body.lists("multiValueHeaders")?.unwrap_or_default().into_iter();
        let mut headers: Vec<_> =
            several.flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value))).collect();
        for field in self.body.strings("headers")?.unwrap_or_default() {
            if !headers.contains(&field) {
                headers.push(field);
            }
        }
        if headers.len() > MAX_HEADERS {
            return Err(Error::bad_request(format!("A request may have at most {MAX_HEADERS} headers.")));
        }
        Ok(headers)
    }

    /// Takes the API as it is at this commit, with the one method that is tested: that of the verb, or else of `ANY`.
    fn take(&self, documents: &Documents<'_>, place: &Place) -> Result<Snapshot, Error> {
        let resource = find_resource(documents, &place.api, &place.resource)?.value;
        let method = |verb| documents.get(&keys::method(&place.api, &place.resource, verb));
        let found = match method(place.verb()?)? {
            Some(found) => Some(found),
            None => method(Verb::Any)?,
        };
        let method = found.ok_or_else(|| Error::not_found("Invalid Method identifier specified"))?.value;
        if method.integration.is_none() {
            return Err(Error::bad_request("No integration defined for method"));
        }
        let api = self.find_api(documents, &place.api)?.value;
        let path = Tree::read(documents, &place.api)?.path(&resource);
        let resources = vec![SnapshotResource { id: resource.id, path, methods: vec![method] }];
        deployments::snapshot(documents, api, resources)
    }

    /// The certificate that is shown to the backend must exist.
    fn check_client_certificate(&self, documents: &Documents<'_>) -> Result<(), Error> {
        let named = self.body.text("clientCertificateId")?.filter(|id| !id.is_empty());
        match named.map(|id| keys::client_certificate(&ClientCertificateId::new(id))) {
            Some(key) if !documents.exists(&key) => Err(Error::not_found(client_certificates::MISSING)),
            _ => Ok(()),
        }
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::bad_request(malformed.to_string())
    }
}

fn invoked(invoked: &Invoked) -> Members {
    // The last value of each name, and all values of each name.
    let (mut last, mut all) = (Map::new(), Map::new());
    for (name, value) in &invoked.headers {
        last.insert(name.clone(), value.as_str().into());
        let values = all.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        values.as_array_mut().into_iter().for_each(|values| values.push(value.as_str().into()));
    }
    Members::new()
        .set("status", invoked.status)
        .set("body", String::from_utf8_lossy(&invoked.body))
        .set("headers", last)
        .set("multiValueHeaders", all)
        .set("log", invoked.log.as_str())
        .set("latency", milliseconds(invoked.latency))
}

fn asked(asked: Asked) -> Members {
    let permission = asked.permission.unwrap_or_default();
    let texts = |texts: Strings| texts.into_iter().map(|(name, text)| (name, text.into())).collect::<Map<_, _>>();
    let lists = permission.authorization.into_iter().map(|(name, values)| (name, values.into()));
    Members::new()
        .set("clientStatus", asked.status)
        .set("log", asked.log)
        .set("latency", milliseconds(asked.latency))
        .some("principalId", permission.principal)
        .some("policy", permission.policy)
        .unless_empty("authorization", lists.collect::<Map<_, _>>())
        .unless_empty("claims", texts(permission.claims))
}

fn milliseconds(latency: std::time::Duration) -> u64 {
    u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::traffic::execute::invoke;
    use serde_json::json;

    #[test]
    fn answers_have_last_and_all_values_of_headers() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let answer = Value::from(invoked(&Invoked {
            status: 200,
            headers: vec![field("A", "1"), field("B", "x"), field("A", "2")],
            body: "text".into(),
            log: "log\n".to_owned(),
            latency: Duration::from_millis(12),
        }));
        let expected = json!({
            "status": 200, "body": "text", "headers": {"A": "2", "B": "x"},
            "multiValueHeaders": {"A": ["1", "2"], "B": ["x"]}, "log": "log\n", "latency": 12,
        });
        assert_eq!(answer, expected);
    }

    #[test]
    fn an_authorizers_answer_has_what_it_permits() {
        let permission = invoke::Permission {
            principal: Some("user".to_owned()),
            policy: Some("{}".to_owned()),
            authorization: [("key".to_owned(), vec!["value".to_owned()])].into(),
            claims: [("sub".to_owned(), "1".to_owned())].into(),
        };
        let answer = |status, permission| {
            Value::from(asked(Asked { status, permission, log: "log\n".to_owned(), latency: Duration::ZERO }))
        };
        assert_eq!(
            answer(200, Some(permission)),
            json!({
                "clientStatus": 200, "log": "log\n", "latency": 0, "principalId": "user", "policy": "{}",
                "authorization": {"key": ["value"]}, "claims": {"sub": "1"},
            })
        );
        assert_eq!(answer(401, None), json!({"clientStatus": 401, "log": "log\n", "latency": 0}));
    }
}
