//! The operations of API Gateway's management plane for APIs of V2, by verb and path.
//!
//! Source: the service model `apigatewayv2/2018-11-29`; a scenario compares this table with botocore's. What only HTTP APIs
//! have (CORS), what only REST APIs have (routing rules), and VPC links of V2 and portals are not in it.

use crate::control::wire::{Call, Error, find_operation, operation_table};

/// What is said of what other releases serve.
pub(super) const NOT_HERE: &str = "This release serves WebSocket APIs by API Gateway's V2, and REST APIs by V1: HTTP \
                                   APIs, VPC links of V2, routing rules and portals are not supported.";

/// A call that has found its operation.
pub(crate) struct Found {
    /// What is to be done.
    pub(super) operation: Operation,
    /// What the path names, in its order.
    pub(super) names: Vec<String>,
}

operation_table! {
    CreateApi: POST "/v2/apis";
    GetApis: GET "/v2/apis";
    ImportApi: PUT "/v2/apis";
    GetApi: GET "/v2/apis/{}";
    UpdateApi: PATCH "/v2/apis/{}";
    ReimportApi: PUT "/v2/apis/{}";
    DeleteApi: DELETE "/v2/apis/{}";
    ExportApi: GET "/v2/apis/{}/exports/{}";
    CreateAuthorizer: POST "/v2/apis/{}/authorizers";
    GetAuthorizers: GET "/v2/apis/{}/authorizers";
    GetAuthorizer: GET "/v2/apis/{}/authorizers/{}";
    UpdateAuthorizer: PATCH "/v2/apis/{}/authorizers/{}";
    DeleteAuthorizer: DELETE "/v2/apis/{}/authorizers/{}";
    CreateDeployment: POST "/v2/apis/{}/deployments";
    GetDeployments: GET "/v2/apis/{}/deployments";
    GetDeployment: GET "/v2/apis/{}/deployments/{}";
    UpdateDeployment: PATCH "/v2/apis/{}/deployments/{}";
    DeleteDeployment: DELETE "/v2/apis/{}/deployments/{}";
    CreateIntegration: POST "/v2/apis/{}/integrations";
    GetIntegrations: GET "/v2/apis/{}/integrations";
    GetIntegration: GET "/v2/apis/{}/integrations/{}";
    UpdateIntegration: PATCH "/v2/apis/{}/integrations/{}";
    DeleteIntegration: DELETE "/v2/apis/{}/integrations/{}";
    CreateIntegrationResponse: POST "/v2/apis/{}/integrations/{}/integrationresponses";
    GetIntegrationResponses: GET "/v2/apis/{}/integrations/{}/integrationresponses";
    GetIntegrationResponse: GET "/v2/apis/{}/integrations/{}/integrationresponses/{}";
    UpdateIntegrationResponse: PATCH "/v2/apis/{}/integrations/{}/integrationresponses/{}";
    DeleteIntegrationResponse: DELETE "/v2/apis/{}/integrations/{}/integrationresponses/{}";
    CreateModel: POST "/v2/apis/{}/models";
    GetModels: GET "/v2/apis/{}/models";
    GetModel: GET "/v2/apis/{}/models/{}";
    UpdateModel: PATCH "/v2/apis/{}/models/{}";
    DeleteModel: DELETE "/v2/apis/{}/models/{}";
    GetModelTemplate: GET "/v2/apis/{}/models/{}/template";
    CreateRoute: POST "/v2/apis/{}/routes";
    GetRoutes: GET "/v2/apis/{}/routes";
    GetRoute: GET "/v2/apis/{}/routes/{}";
    UpdateRoute: PATCH "/v2/apis/{}/routes/{}";
    DeleteRoute: DELETE "/v2/apis/{}/routes/{}";
    DeleteRouteRequestParameter: DELETE "/v2/apis/{}/routes/{}/requestparameters/{}";
    CreateRouteResponse: POST "/v2/apis/{}/routes/{}/routeresponses";
    GetRouteResponses: GET "/v2/apis/{}/routes/{}/routeresponses";
    GetRouteResponse: GET "/v2/apis/{}/routes/{}/routeresponses/{}";
    UpdateRouteResponse: PATCH "/v2/apis/{}/routes/{}/routeresponses/{}";
    DeleteRouteResponse: DELETE "/v2/apis/{}/routes/{}/routeresponses/{}";
    CreateStage: POST "/v2/apis/{}/stages";
    GetStages: GET "/v2/apis/{}/stages";
    GetStage: GET "/v2/apis/{}/stages/{}";
    UpdateStage: PATCH "/v2/apis/{}/stages/{}";
    DeleteStage: DELETE "/v2/apis/{}/stages/{}";
    DeleteAccessLogSettings: DELETE "/v2/apis/{}/stages/{}/accesslogsettings";
    ResetAuthorizersCache: DELETE "/v2/apis/{}/stages/{}/cache/authorizers";
    DeleteRouteSettings: DELETE "/v2/apis/{}/stages/{}/routesettings/{}";
    CreateDomainName: POST "/v2/domainnames";
    GetDomainNames: GET "/v2/domainnames";
    GetDomainName: GET "/v2/domainnames/{}";
    UpdateDomainName: PATCH "/v2/domainnames/{}";
    DeleteDomainName: DELETE "/v2/domainnames/{}";
    CreateApiMapping: POST "/v2/domainnames/{}/apimappings";
    GetApiMappings: GET "/v2/domainnames/{}/apimappings";
    GetApiMapping: GET "/v2/domainnames/{}/apimappings/{}";
    UpdateApiMapping: PATCH "/v2/domainnames/{}/apimappings/{}";
    DeleteApiMapping: DELETE "/v2/domainnames/{}/apimappings/{}";
    GetTags: GET "/v2/tags/{}";
    TagResource: POST "/v2/tags/{}";
    UntagResource: DELETE "/v2/tags/{}";
}

/// Whether a call is for this plane: V1's paths don't begin so, though both sign as the same service.
pub(in crate::control) fn is_meant(call: &Call) -> bool {
    call.path.trim_start_matches('/').split('/').next() == Some("v2")
}

/// Finds the operation that a call is for.
pub(in crate::control) fn find(call: &Call) -> Result<Found, Error> {
    match find_operation(TABLE, call) {
        Some((operation, names)) => Ok(Found { operation, names }),
        None if is_of_another_release(call) => Err(Error::bad_request(NOT_HERE)),
        None => Err(Error::unknown_operation(format!("There is no operation {} {}", call.method, call.path))),
    }
}

/// Whether AWS has an operation with such a path that this plane doesn't have.
fn is_of_another_release(call: &Call) -> bool {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    matches!(
        segments.as_slice(),
        ["v2", "vpclinks" | "portals" | "portalproducts", ..]
            | ["v2", "domainnames", _, "routingrules", ..]
            | ["v2", "apis", _, "cors"]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str) -> Call {
        Call {
            method: method.into(),
            path: path.into(),
            query: String::new(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        }
    }

    #[test]
    fn verb_and_path_name_an_operation() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (method, path, expected) in [
            ("POST", "/v2/apis", Some((Operation::CreateApi, names(&[])))),
            ("GET", "/v2/apis/a/stages/%24default", Some((Operation::GetStage, names(&["a", "$default"])))),
            (
                "DELETE",
                "/v2/apis/a/stages/s/routesettings/send%2Fall",
                Some((Operation::DeleteRouteSettings, names(&["a", "s", "send/all"]))),
            ),
            ("POST", "/v2/tags/arn%3Aaws%3A%2Fapis%2Fa", Some((Operation::TagResource, names(&["arn:aws:/apis/a"])))),
            ("POST", "/v2/apis/a", None),
            ("GET", "/restapis", None),
        ] {
            let found = find(&call(method, path)).ok().map(|found| (found.operation, found.names));
            assert_eq!(found, expected, "{method} {path}");
        }
    }

    #[test]
    fn paths_of_the_two_versions_are_told_apart() {
        for (path, expected) in [("/v2/apis", true), ("/v2", true), ("/restapis", false), ("/v2x/apis", false)] {
            assert_eq!(is_meant(&call("GET", path)), expected, "{path}");
        }
    }

    #[test]
    fn what_other_releases_serve_is_refused_in_words() {
        for path in ["/v2/vpclinks", "/v2/vpclinks/x", "/v2/domainnames/d/routingrules", "/v2/apis/a/cors"] {
            assert_eq!(find(&call("GET", path)).err(), Some(Error::bad_request(NOT_HERE)), "{path}");
        }
        assert_ne!(find(&call("GET", "/v2/nothing")).err(), Some(Error::bad_request(NOT_HERE)));
    }
}
