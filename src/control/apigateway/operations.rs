//! The operations of API Gateway's management plane for REST APIs, by verb and path.
//!
//! Source: the service model `apigateway/2015-07-09`; a scenario compares this table with botocore's.

use crate::control::wire::{Call, Error, find_operation, operation_table};

/// A call that has found its operation.
pub(crate) struct Route {
    /// What is to be done.
    pub(super) operation: Operation,
    /// What the path names, in its order.
    pub(super) names: Vec<String>,
}

operation_table! {
    GetAccount: GET "/account";
    UpdateAccount: PATCH "/account";
    CreateApiKey: POST "/apikeys";
    GetApiKeys: GET "/apikeys";
    ImportApiKeys: POST "/apikeys";
    GetApiKey: GET "/apikeys/{}";
    UpdateApiKey: PATCH "/apikeys/{}";
    DeleteApiKey: DELETE "/apikeys/{}";
    GenerateClientCertificate: POST "/clientcertificates";
    GetClientCertificates: GET "/clientcertificates";
    GetClientCertificate: GET "/clientcertificates/{}";
    UpdateClientCertificate: PATCH "/clientcertificates/{}";
    DeleteClientCertificate: DELETE "/clientcertificates/{}";
    CreateDomainName: POST "/domainnames";
    GetDomainNames: GET "/domainnames";
    GetDomainName: GET "/domainnames/{}";
    UpdateDomainName: PATCH "/domainnames/{}";
    DeleteDomainName: DELETE "/domainnames/{}";
    CreateBasePathMapping: POST "/domainnames/{}/basepathmappings";
    GetBasePathMappings: GET "/domainnames/{}/basepathmappings";
    GetBasePathMapping: GET "/domainnames/{}/basepathmappings/{}";
    UpdateBasePathMapping: PATCH "/domainnames/{}/basepathmappings/{}";
    DeleteBasePathMapping: DELETE "/domainnames/{}/basepathmappings/{}";
    CreateDomainNameAccessAssociation: POST "/domainnameaccessassociations";
    GetDomainNameAccessAssociations: GET "/domainnameaccessassociations";
    DeleteDomainNameAccessAssociation: DELETE "/domainnameaccessassociations/{}";
    RejectDomainNameAccessAssociation: POST "/rejectdomainnameaccessassociations";
    CreateRestApi: POST "/restapis";
    GetRestApis: GET "/restapis";
    ImportRestApi: POST "/restapis";
    PutRestApi: PUT "/restapis/{}";
    GetRestApi: GET "/restapis/{}";
    UpdateRestApi: PATCH "/restapis/{}";
    DeleteRestApi: DELETE "/restapis/{}";
    CreateAuthorizer: POST "/restapis/{}/authorizers";
    GetAuthorizers: GET "/restapis/{}/authorizers";
    TestInvokeAuthorizer: POST "/restapis/{}/authorizers/{}";
    GetAuthorizer: GET "/restapis/{}/authorizers/{}";
    UpdateAuthorizer: PATCH "/restapis/{}/authorizers/{}";
    DeleteAuthorizer: DELETE "/restapis/{}/authorizers/{}";
    CreateDeployment: POST "/restapis/{}/deployments";
    GetDeployments: GET "/restapis/{}/deployments";
    GetDeployment: GET "/restapis/{}/deployments/{}";
    UpdateDeployment: PATCH "/restapis/{}/deployments/{}";
    DeleteDeployment: DELETE "/restapis/{}/deployments/{}";
    CreateDocumentationPart: POST "/restapis/{}/documentation/parts";
    ImportDocumentationParts: PUT "/restapis/{}/documentation/parts";
    GetDocumentationParts: GET "/restapis/{}/documentation/parts";
    GetDocumentationPart: GET "/restapis/{}/documentation/parts/{}";
    UpdateDocumentationPart: PATCH "/restapis/{}/documentation/parts/{}";
    DeleteDocumentationPart: DELETE "/restapis/{}/documentation/parts/{}";
    CreateDocumentationVersion: POST "/restapis/{}/documentation/versions";
    GetDocumentationVersions: GET "/restapis/{}/documentation/versions";
    GetDocumentationVersion: GET "/restapis/{}/documentation/versions/{}";
    UpdateDocumentationVersion: PATCH "/restapis/{}/documentation/versions/{}";
    DeleteDocumentationVersion: DELETE "/restapis/{}/documentation/versions/{}";
    GetGatewayResponses: GET "/restapis/{}/gatewayresponses";
    PutGatewayResponse: PUT "/restapis/{}/gatewayresponses/{}";
    GetGatewayResponse: GET "/restapis/{}/gatewayresponses/{}";
    UpdateGatewayResponse: PATCH "/restapis/{}/gatewayresponses/{}";
    DeleteGatewayResponse: DELETE "/restapis/{}/gatewayresponses/{}";
    CreateModel: POST "/restapis/{}/models";
    GetModels: GET "/restapis/{}/models";
    GetModel: GET "/restapis/{}/models/{}";
    UpdateModel: PATCH "/restapis/{}/models/{}";
    DeleteModel: DELETE "/restapis/{}/models/{}";
    GetModelTemplate: GET "/restapis/{}/models/{}/default_template";
    CreateRequestValidator: POST "/restapis/{}/requestvalidators";
    GetRequestValidators: GET "/restapis/{}/requestvalidators";
    GetRequestValidator: GET "/restapis/{}/requestvalidators/{}";
    UpdateRequestValidator: PATCH "/restapis/{}/requestvalidators/{}";
    DeleteRequestValidator: DELETE "/restapis/{}/requestvalidators/{}";
    GetResources: GET "/restapis/{}/resources";
    CreateResource: POST "/restapis/{}/resources/{}";
    GetResource: GET "/restapis/{}/resources/{}";
    UpdateResource: PATCH "/restapis/{}/resources/{}";
    DeleteResource: DELETE "/restapis/{}/resources/{}";
    TestInvokeMethod: POST "/restapis/{}/resources/{}/methods/{}";
    PutMethod: PUT "/restapis/{}/resources/{}/methods/{}";
    GetMethod: GET "/restapis/{}/resources/{}/methods/{}";
    UpdateMethod: PATCH "/restapis/{}/resources/{}/methods/{}";
    DeleteMethod: DELETE "/restapis/{}/resources/{}/methods/{}";
    PutIntegration: PUT "/restapis/{}/resources/{}/methods/{}/integration";
    GetIntegration: GET "/restapis/{}/resources/{}/methods/{}/integration";
    UpdateIntegration: PATCH "/restapis/{}/resources/{}/methods/{}/integration";
    DeleteIntegration: DELETE "/restapis/{}/resources/{}/methods/{}/integration";
    PutIntegrationResponse: PUT "/restapis/{}/resources/{}/methods/{}/integration/responses/{}";
    GetIntegrationResponse: GET "/restapis/{}/resources/{}/methods/{}/integration/responses/{}";
    UpdateIntegrationResponse: PATCH "/restapis/{}/resources/{}/methods/{}/integration/responses/{}";
    DeleteIntegrationResponse: DELETE "/restapis/{}/resources/{}/methods/{}/integration/responses/{}";
    PutMethodResponse: PUT "/restapis/{}/resources/{}/methods/{}/responses/{}";
    GetMethodResponse: GET "/restapis/{}/resources/{}/methods/{}/responses/{}";
    UpdateMethodResponse: PATCH "/restapis/{}/resources/{}/methods/{}/responses/{}";
    DeleteMethodResponse: DELETE "/restapis/{}/resources/{}/methods/{}/responses/{}";
    CreateStage: POST "/restapis/{}/stages";
    GetStages: GET "/restapis/{}/stages";
    GetStage: GET "/restapis/{}/stages/{}";
    UpdateStage: PATCH "/restapis/{}/stages/{}";
    DeleteStage: DELETE "/restapis/{}/stages/{}";
    FlushStageAuthorizersCache: DELETE "/restapis/{}/stages/{}/cache/authorizers";
    FlushStageCache: DELETE "/restapis/{}/stages/{}/cache/data";
    GetExport: GET "/restapis/{}/stages/{}/exports/{}";
    GetSdk: GET "/restapis/{}/stages/{}/sdks/{}";
    GetSdkTypes: GET "/sdktypes";
    GetSdkType: GET "/sdktypes/{}";
    TagResource: PUT "/tags/{}";
    GetTags: GET "/tags/{}";
    UntagResource: DELETE "/tags/{}";
    CreateUsagePlan: POST "/usageplans";
    GetUsagePlans: GET "/usageplans";
    GetUsagePlan: GET "/usageplans/{}";
    UpdateUsagePlan: PATCH "/usageplans/{}";
    DeleteUsagePlan: DELETE "/usageplans/{}";
    CreateUsagePlanKey: POST "/usageplans/{}/keys";
    GetUsagePlanKeys: GET "/usageplans/{}/keys";
    GetUsagePlanKey: GET "/usageplans/{}/keys/{}";
    DeleteUsagePlanKey: DELETE "/usageplans/{}/keys/{}";
    UpdateUsage: PATCH "/usageplans/{}/keys/{}/usage";
    GetUsage: GET "/usageplans/{}/usage";
    CreateVpcLink: POST "/vpclinks";
    GetVpcLinks: GET "/vpclinks";
    GetVpcLink: GET "/vpclinks/{}";
    UpdateVpcLink: PATCH "/vpclinks/{}";
    DeleteVpcLink: DELETE "/vpclinks/{}";
}

/// Finds the operation that a call is for; a call that is certainly for none is refused here.
pub(in crate::control) fn route(call: &Call) -> Result<Route, Error> {
    let (operation, names) = find_operation(TABLE, call)
        .ok_or_else(|| Error::unknown_operation(format!("There is no operation {} {}", call.method, call.path)))?;
    let mut route = Route { operation, names };
    if call.parameter("mode").as_deref() == Some("import") {
        route.operation = match route.operation {
            Operation::CreateRestApi => Operation::ImportRestApi,
            Operation::CreateApiKey => Operation::ImportApiKeys,
            other => other,
        };
    }
    Ok(route)
}

impl Operation {
    /// Whether the body is a document of its own, and no JSON object of members.
    pub(super) fn takes_document(self) -> bool {
        matches!(self, Self::ImportRestApi | Self::PutRestApi | Self::ImportApiKeys | Self::ImportDocumentationParts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &str, path: &str, query: &str) -> Option<(Operation, Vec<String>)> {
        let call = Call {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        route(&call).ok().map(|route| (route.operation, route.names))
    }

    #[test]
    fn verb_path_and_mode_name_an_operation() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(TABLE.len(), 124);
        for (method, path, query, expected) in [
            ("POST", "/restapis", "", Some((Operation::CreateRestApi, names(&[])))),
            ("POST", "/restapis", "mode=import&failonwarnings=true", Some((Operation::ImportRestApi, names(&[])))),
            ("PUT", "/restapis/a/", "mode=merge", Some((Operation::PutRestApi, names(&["a"])))),
            (
                "GET",
                "/tags/arn%3Aaws%3A%2Frestapis%2Fa",
                "",
                Some((Operation::GetTags, names(&["arn:aws:/restapis/a"]))),
            ),
            (
                "GET",
                "/domainnames/d/basepathmappings/%28none%29",
                "",
                Some((Operation::GetBasePathMapping, names(&["d", "(none)"]))),
            ),
            ("GET", "/restapis/a/nothing", "", None),
            ("PUT", "/restapis", "", None),
            ("GET", "/", "", None),
        ] {
            assert_eq!(found(method, path, query), expected, "{method} {path}?{query}");
        }
    }
}
