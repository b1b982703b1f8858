//! Gateway responses: GetGatewayResponses, PutGatewayResponse, GetGatewayResponse, UpdateGatewayResponse, DeleteGatewayResponse.

use super::{Target, expressions, integrations};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Op, Operation, Page, Violations, operations_and};
use crate::model::id::ApiId;
use crate::model::rest::{GatewayResponse, GatewayResponseType, Strings};

/// The types in the order in which AWS's refusal lists them.
const TYPES: &[&str] = &[
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "MISSING_AUTHENTICATION_TOKEN",
    "BAD_REQUEST_BODY",
    "INVALID_SIGNATURE",
    "INVALID_API_KEY",
    "BAD_REQUEST_PARAMETERS",
    "AUTHORIZER_FAILURE",
    "UNAUTHORIZED",
    "INTEGRATION_TIMEOUT",
    "ACCESS_DENIED",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "WAF_FILTERED",
    "QUOTA_EXCEEDED",
    "THROTTLED",
    "API_CONFIGURATION_ERROR",
    "UNSUPPORTED_MEDIA_TYPE",
    "INTEGRATION_FAILURE",
    "EXPIRED_TOKEN",
];
/// A gateway response has at most so many parameters, and as many templates.
const MAX_ENTRIES: usize = 100;

impl Target<'_> {
    pub(super) fn get_gateway_responses(&self, api: &ApiId) -> Result<Answer, Error> {
        let all = self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            let found = GatewayResponseType::ALL.map(|kind| Ok::<_, Error>((kind, find(documents, api, kind)?)));
            found.into_iter().collect::<Result<Vec<_>, _>>()
        })?;
        let (page, position) = Page::read(self.call)?.take(all, |(kind, _)| kind.as_str());
        Ok(Answer::list(page.iter().map(|(kind, found)| shown(*kind, found.as_ref()).into()).collect(), position))
    }

    pub(super) fn get_gateway_response(&self, api: &ApiId, kind: &str) -> Result<Answer, Error> {
        let kind = parse(kind, |_| {})?;
        let found = self.find_gateway_response(api, kind)?;
        Ok(Answer::json(200, shown(kind, found.as_ref())))
    }

    pub(super) async fn put_gateway_response(&self, api: &ApiId, kind: &str) -> Result<Answer, Error> {
        let body = self.body;
        let status = body.text("statusCode")?.filter(|status| !status.is_empty());
        let kind = parse(kind, |violations| {
            if let Some(status) = &status {
                violations.status_code(status);
            }
        })?;
        let mut response = GatewayResponse::default_of(kind);
        response.status = status.or(response.status);
        response.parameters = body.strings("responseParameters")?.unwrap_or_default();
        if let Some(templates) = body.strings("responseTemplates")?.filter(|templates| !templates.is_empty()) {
            response.templates = templates;
        }
        check(&response)?;
        self.control.catalog.read(|documents| self.find_api(documents, api).map(|_| ()))?;
        let edit = Edit::new().require(&keys::rest_api(api)).put(&keys::gateway_response(api, kind), &response);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&response, false)))
    }

    pub(super) async fn update_gateway_response(&self, api: &ApiId, kind: &str) -> Result<Answer, Error> {
        let mut known = None;
        let operations = operations_and(self.body, "updateGatewayResponseInput", |violations| {
            known = GatewayResponseType::parse(kind);
            violations.one_of(kind, "responseType", TYPES);
        })?;
        let Some(kind) = known else { return Err(Error::not_found(MISSING)) };
        let found = self.find_gateway_response(api, kind)?;
        if operations.is_empty() {
            return Ok(Answer::json(200, shown(kind, found.as_ref())));
        }
        let mut changed = found.as_ref().map_or_else(|| GatewayResponse::default_of(kind), |found| found.value.clone());
        for operation in &operations {
            patch(&mut changed, operation)?;
        }
        check(&changed)?;
        let key = keys::gateway_response(api, kind);
        let edit = match &found {
            Some(found) => Edit::new().update(&key, found, &changed),
            None => Edit::new().require(&keys::rest_api(api)).create(&key, &changed),
        };
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(200, members(&changed, false)))
    }

    pub(super) async fn delete_gateway_response(&self, api: &ApiId, kind: &str) -> Result<Answer, Error> {
        let kind = parse(kind, |_| {})?;
        let found = self.find_gateway_response(api, kind)?.ok_or_else(|| Error::not_found(MISSING))?;
        let edit = Edit::new().delete(&keys::gateway_response(api, kind), &found);
        self.control.catalog.commit(edit).await?;
        Ok(Answer::empty(202))
    }

    fn find_gateway_response(
        &self,
        api: &ApiId,
        kind: GatewayResponseType,
    ) -> Result<Option<Stored<GatewayResponse>>, Error> {
        self.control.catalog.read(|documents| {
            self.find_api(documents, api)?;
            find(documents, api, kind)
        })
    }
}

const MISSING: &str = "Gateway response type not defined on api";

fn find(
    documents: &Documents<'_>,
    api: &ApiId,
    kind: GatewayResponseType,
) -> Result<Option<Stored<GatewayResponse>>, Error> {
    Ok(documents.get(&keys::gateway_response(api, kind))?)
}

/// Reads the type that a path names; other violations are told behind its own.
fn parse(kind: &str, others: impl FnOnce(&mut Violations)) -> Result<GatewayResponseType, Error> {
    let mut violations = Violations::new();
    violations.one_of(kind, "responseType", TYPES);
    others(&mut violations);
    violations.check()?;
    GatewayResponseType::parse(kind).ok_or_else(|| Error::not_found(MISSING))
}

/// What must be true of a gateway response, however it came to be so.
fn check(response: &GatewayResponse) -> Result<(), Error> {
    if response.parameters.len() > MAX_ENTRIES || response.templates.len() > MAX_ENTRIES {
        return Err(Error::bad_request(format!(
            "A gateway response may have at most {MAX_ENTRIES} parameters, and as many templates"
        )));
    }
    for (target, source) in &response.parameters {
        expressions::check_gateway_response(target, source)?;
    }
    let templates = response.templates.iter().map(|(content_type, text)| (content_type.clone(), Some(text.clone())));
    integrations::check_content_types(Some(&templates.collect()))
}

/// What of a gateway response can be patched, and how.
fn patch(response: &mut GatewayResponse, operation: &Operation) -> Result<(), Error> {
    let (name, map, missing): (_, &mut Strings, _) = match operation.parts().as_slice() {
        ["statusCode"] if operation.op == Op::Replace => {
            let mut violations = Violations::new();
            violations.status_code(operation.text());
            violations.check()?;
            response.status = operation.some_text();
            return Ok(());
        }
        ["responseParameters", name] if !name.is_empty() => {
            ((*name).to_owned(), &mut response.parameters, "Invalid parameter name specified")
        }
        ["responseTemplates", name] if !name.is_empty() => {
            ((*name).to_owned(), &mut response.templates, "Content-Type specified was not found")
        }
        _ => return Err(Error::bad_request(format!("Invalid patch path {}", operation.path))),
    };
    match operation.op {
        Op::Replace | Op::Remove if !map.contains_key(&name) => return Err(Error::not_found(missing)),
        Op::Remove => {
            map.remove(&name);
        }
        Op::Add | Op::Replace => {
            let what = operation.parts().first().copied().unwrap_or_default().to_owned();
            let value = operation.some_text();
            let value = value.ok_or_else(|| Error::bad_request(format!("Invalid null or empty value in {what}")))?;
            map.insert(name, value);
        }
        Op::Copy | Op::Move | Op::Test => {
            return Err(Error::bad_request(super::method_responses::ONLY_MAP_OPERATIONS));
        }
    }
    Ok(())
}

fn shown(kind: GatewayResponseType, found: Option<&Stored<GatewayResponse>>) -> Members {
    match found {
        Some(found) => members(&found.value, false),
        None => members(&GatewayResponse::default_of(kind), true),
    }
}

fn members(response: &GatewayResponse, is_default: bool) -> Members {
    Members::new()
        .set("responseType", response.kind.as_str())
        .some("statusCode", response.status.clone())
        .set("responseParameters", serde_json::json!(response.parameters))
        .set("responseTemplates", serde_json::json!(response.templates))
        .set("defaultResponse", is_default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::wire::{Input, operations};

    fn apply(op: &str, path: &str, value: Option<&str>) -> Result<GatewayResponse, Error> {
        let body = serde_json::json!({"patchOperations": [{"op": op, "path": path, "value": value}]});
        let mut response = GatewayResponse::default_of(GatewayResponseType::Default4xx);
        for operation in operations(&Input::read(body.to_string().as_bytes())?, "updateGatewayResponseInput")? {
            patch(&mut response, &operation)?;
        }
        check(&response)?;
        Ok(response)
    }

    #[test]
    fn refusals_have_aws_words() {
        for (op, path, value, expected) in [
            ("add", "/statusCode", Some("444"), "Invalid patch path /statusCode"),
            ("remove", "/statusCode", None, "Invalid patch path /statusCode"),
            ("replace", "/responseTemplates", Some("x"), "Invalid patch path /responseTemplates"),
            (
                "replace",
                "/responseTemplates/application~1json",
                None,
                "Invalid null or empty value in responseTemplates",
            ),
            ("replace", "/responseTemplates/text~1plain", Some("x"), "Content-Type specified was not found"),
            (
                "add",
                "/responseParameters/gatewayresponse.header.X",
                None,
                "Invalid null or empty value in responseParameters",
            ),
            ("remove", "/responseParameters/gatewayresponse.header.X", None, "Invalid parameter name specified"),
            ("replace", "/x", Some("x"), "Invalid patch path /x"),
        ] {
            match apply(op, path, value) {
                Err(Error::Told { message, .. }) => assert_eq!(message, expected, "{op} {path}"),
                other => panic!("{op} {path}: expected a refusal, got {other:?}"),
            }
        }
        assert!(apply("add", "/responseParameters/gatewayresponse.header.X", Some("no expression")).is_err());
    }

    #[test]
    fn a_patch_starts_from_the_default() {
        let changed = apply("add", "/responseParameters/gatewayresponse.header.X", Some("'x'")).expect("patched");
        assert_eq!(changed.templates.len(), 1);
        assert_eq!(changed.status, None);
        let changed = apply("remove", "/responseTemplates/application~1json", None).expect("patched");
        assert!(changed.templates.is_empty());
    }
}
