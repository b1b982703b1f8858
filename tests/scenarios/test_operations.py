"""Every operation of API Gateway's service model is called, each on another node than the last."""

import io
import json
import zipfile

import botocore.session
import pytest

from conftest import replace

PARTS = json.dumps({"documentationParts": [{"location": {"type": "API"}, "properties": {"description": "imported"}}]})
DOCUMENT = json.dumps({
    "swagger": "2.0",
    "info": {"title": "imported", "version": "1"},
    "paths": {"/a": {"get": {
        "responses": {"200": {"description": "200 response"}},
        "x-amazon-apigateway-integration": {
            "type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "responses": {"default": {"statusCode": "200"}},
        },
    }}},
})
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inside/0123456789abcdef"
FUNCTION = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:f/invocations"


class Walk:
    """Calls operations by their names, each on the next node, and keeps what was called."""

    def __init__(self, turns):
        self.turns = turns
        self.called = set()

    def __call__(self, operation, **members):
        answer = getattr(self.turns, botocore.xform_name(operation))(**members)
        self.called.add(operation)
        return answer


@pytest.fixture
def walk(turns):
    return Walk(turns)


def test_every_operation_of_the_service_model_answers(walk):
    account_and_sdk_types(walk)
    certificate = walk("GenerateClientCertificate", description="one")["clientCertificateId"]
    api = walk("CreateRestApi", name="walked", version="1")
    place = {"restApiId": api["id"]}
    children(walk, place)
    method = methods(walk, place, api["rootResourceId"])
    documentation(walk, place)
    stages(walk, place, certificate)
    plan = plans(walk, api["id"])
    domains(walk, api["id"])
    tags(walk, api["id"])
    links_and_certificates(walk, certificate)
    imports(walk)
    removals(walk, place, method, plan)
    expected = set(botocore.session.get_session().get_service_model("apigateway").operation_names)
    assert walk.called == expected


def account_and_sdk_types(walk):
    assert walk("GetAccount")["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    role = "arn:aws:iam::000000000000:role/gateway"
    assert walk("UpdateAccount", patchOperations=replace("/cloudwatchRoleArn", role))["cloudwatchRoleArn"] == role
    kinds = [kind["id"] for kind in walk("GetSdkTypes")["items"]]
    assert {"javascript", "java", "ruby", "typescript", "python", "rust"} <= set(kinds)
    assert walk("GetSdkType", id="javascript")["friendlyName"] == "JavaScript"


def children(walk, place):
    """What an API has beside its resources."""
    model = walk("CreateModel", **place, name="Pet", contentType="application/json", schema='{"type": "object"}')
    assert walk("GetModel", **place, modelName="Pet")["id"] == model["id"]
    assert [found["name"] for found in walk("GetModels", **place)["items"]] == ["Empty", "Error", "Pet"]
    walk("UpdateModel", **place, modelName="Pet", patchOperations=replace("/description", "a pet"))
    assert "$input.path" in walk("GetModelTemplate", **place, modelName="Pet")["value"]

    validator = walk("CreateRequestValidator", **place, name="all", validateRequestBody=True)["id"]
    walk("UpdateRequestValidator", **place, requestValidatorId=validator, patchOperations=replace("/name", "every"))
    assert walk("GetRequestValidator", **place, requestValidatorId=validator)["name"] == "every"
    assert len(walk("GetRequestValidators", **place)["items"]) == 1

    authorizer = walk(
        "CreateAuthorizer", **place, name="token", type="TOKEN", authorizerUri=FUNCTION,
        identitySource="method.request.header.X-Token",
    )["id"]
    walk("UpdateAuthorizer", **place, authorizerId=authorizer, patchOperations=replace("/name", "tokens"))
    assert walk("GetAuthorizer", **place, authorizerId=authorizer)["name"] == "tokens"
    assert len(walk("GetAuthorizers", **place)["items"]) == 1
    # Without its token the caller is nobody, and no function is asked.
    assert walk("TestInvokeAuthorizer", **place, authorizerId=authorizer)["clientStatus"] == 401

    walk("PutGatewayResponse", **place, responseType="THROTTLED", statusCode="429")
    walk("UpdateGatewayResponse", **place, responseType="THROTTLED", patchOperations=replace("/statusCode", "430"))
    assert walk("GetGatewayResponse", **place, responseType="THROTTLED")["statusCode"] == "430"
    assert len(walk("GetGatewayResponses", **place)["items"]) == 21


def methods(walk, place, root):
    resource = walk("CreateResource", **place, parentId=root, pathPart="pets")["id"]
    walk("UpdateResource", **place, resourceId=resource, patchOperations=replace("/pathPart", "animals"))
    assert walk("GetResource", **place, resourceId=resource)["path"] == "/animals"
    assert len(walk("GetResources", **place)["items"]) == 2
    method = {**place, "resourceId": resource, "httpMethod": "GET"}
    walk("PutMethod", **method, authorizationType="NONE")
    walk("UpdateMethod", **method, patchOperations=replace("/operationName", "list"))
    walk("PutIntegration", **method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    walk("UpdateIntegration", **method, patchOperations=replace("/timeoutInMillis", "5000"))
    assert walk("GetIntegration", **method)["timeoutInMillis"] == 5000
    walk("PutMethodResponse", **method, statusCode="200")
    added = [{"op": "add", "path": "/responseModels/application~1json", "value": "Pet"}]
    walk("UpdateMethodResponse", **method, statusCode="200", patchOperations=added)
    assert walk("GetMethodResponse", **method, statusCode="200")["responseModels"] == {"application/json": "Pet"}
    walk("PutIntegrationResponse", **method, statusCode="200", responseTemplates={"application/json": "{}"})
    walk("UpdateIntegrationResponse", **method, statusCode="200", patchOperations=replace("/selectionPattern", ""))
    walk("GetIntegrationResponse", **method, statusCode="200")
    assert walk("GetMethod", **method)["operationName"] == "list"
    assert walk("TestInvokeMethod", **method, pathWithQueryString="/animals")["status"] == 200
    return method


def documentation(walk, place):
    part = walk(
        "CreateDocumentationPart", **place, location={"type": "RESOURCE", "path": "/animals"},
        properties='{"description": "animals"}',
    )["id"]
    walk(
        "UpdateDocumentationPart", **place, documentationPartId=part,
        patchOperations=replace("/properties", '{"description": "all animals"}'),
    )
    assert "all animals" in walk("GetDocumentationPart", **place, documentationPartId=part)["properties"]
    assert len(walk("ImportDocumentationParts", **place, body=PARTS)["ids"]) == 1
    assert len(walk("GetDocumentationParts", **place)["items"]) == 2
    walk("CreateDocumentationVersion", **place, documentationVersion="v1")
    walk(
        "UpdateDocumentationVersion", **place, documentationVersion="v1",
        patchOperations=replace("/description", "the first"),
    )
    assert walk("GetDocumentationVersion", **place, documentationVersion="v1")["description"] == "the first"
    assert len(walk("GetDocumentationVersions", **place)["items"]) == 1
    walk("DeleteDocumentationPart", **place, documentationPartId=part)


def stages(walk, place, certificate):
    deployment = walk("CreateDeployment", **place)["id"]
    walk("UpdateDeployment", **place, deploymentId=deployment, patchOperations=replace("/description", "the first"))
    assert walk("GetDeployment", **place, deploymentId=deployment)["description"] == "the first"
    assert len(walk("GetDeployments", **place)["items"]) == 1
    stage = {**place, "stageName": "live"}
    walk("CreateStage", **stage, deploymentId=deployment, documentationVersion="v1")
    walk("UpdateStage", **stage, patchOperations=replace("/clientCertificateId", certificate))
    assert walk("GetStage", **stage)["clientCertificateId"] == certificate
    assert len(walk("GetStages", **place)["item"]) == 1
    walk("FlushStageCache", **stage)
    walk("FlushStageAuthorizersCache", **stage)
    exported = json.loads(walk("GetExport", **stage, exportType="oas30")["body"].read())
    assert list(exported["paths"]) == ["/animals"]
    sdk = walk("GetSdk", **stage, sdkType="javascript")["body"].read()
    assert "apiGateway-js-sdk/apigClient.js" in zipfile.ZipFile(io.BytesIO(sdk)).namelist()


def plans(walk, api):
    key = walk("CreateApiKey", name="partner", enabled=True)["id"]
    walk("UpdateApiKey", apiKey=key, patchOperations=replace("/description", "a partner"))
    assert walk("GetApiKey", apiKey=key, includeValue=True)["description"] == "a partner"
    file = b"Name,Key,Enabled\nimported,0123456789012345678901234567890123456789,TRUE\n"
    imported = walk("ImportApiKeys", body=file, format="csv")["ids"]
    assert {key, *imported} <= {found["id"] for found in walk("GetApiKeys", limit=500)["items"]}
    plan = walk("CreateUsagePlan", name="gold", quota={"limit": 10, "period": "DAY"})["id"]
    stage = [{"op": "add", "path": "/apiStages", "value": f"{api}:live"}]
    walk("UpdateUsagePlan", usagePlanId=plan, patchOperations=stage)
    assert walk("GetUsagePlan", usagePlanId=plan)["apiStages"] == [{"apiId": api, "stage": "live"}]
    assert plan in [found["id"] for found in walk("GetUsagePlans", limit=500)["items"]]
    pair = {"usagePlanId": plan, "keyId": key}
    walk("CreateUsagePlanKey", **pair, keyType="API_KEY")
    assert walk("GetUsagePlanKey", **pair)["name"] == "partner"
    assert len(walk("GetUsagePlanKeys", usagePlanId=plan)["items"]) == 1
    walk("UpdateUsage", **pair, patchOperations=replace("/remaining", "50"))
    assert walk("GetUsage", usagePlanId=plan, startDate="2026-01-01", endDate="2026-01-02")["usagePlanId"] == plan
    return {"plan": plan, "key": key, "imported": imported, "api": api}


def domains(walk, api):
    name = {"domainName": "walked.example.com"}
    walk(
        "CreateDomainName", **name, regionalCertificateArn=CERTIFICATE, endpointConfiguration={"types": ["REGIONAL"]}
    )
    walk("UpdateDomainName", **name, patchOperations=replace("/securityPolicy", "TLS_1_2"))
    assert walk("GetDomainName", **name)["domainNameStatus"] == "AVAILABLE"
    assert "walked.example.com" in [found["domainName"] for found in walk("GetDomainNames", limit=500)["items"]]
    walk("CreateBasePathMapping", **name, basePath="v1", restApiId=api, stage="live")
    walk("UpdateBasePathMapping", **name, basePath="v1", patchOperations=replace("/basePath", "v2"))
    assert walk("GetBasePathMapping", **name, basePath="v2")["stage"] == "live"
    assert len(walk("GetBasePathMappings", **name)["items"]) == 1
    walk("DeleteBasePathMapping", **name, basePath="v2")
    walk("DeleteDomainName", **name)

    private = walk(
        "CreateDomainName", domainName="walked.private", certificateArn=CERTIFICATE,
        endpointConfiguration={"types": ["PRIVATE"]}, policy="{}",
    )
    for end in ("DeleteDomainNameAccessAssociation", "RejectDomainNameAccessAssociation"):
        association = walk(
            "CreateDomainNameAccessAssociation", domainNameArn=private["domainNameArn"],
            accessAssociationSourceType="VPCE", accessAssociationSource="vpce-0123456789abcdef0",
        )["domainNameAccessAssociationArn"]
        assert len(walk("GetDomainNameAccessAssociations")["items"]) == 1
        named = {"domainNameAccessAssociationArn": association}
        walk(end, **named, **({"domainNameArn": private["domainNameArn"]} if end.startswith("Reject") else {}))
    walk("DeleteDomainName", domainName="walked.private", domainNameId=private["domainNameId"])


def tags(walk, api):
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{api}"
    walk("TagResource", resourceArn=arn, tags={"a": "1", "b": "2"})
    walk("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert walk("GetTags", resourceArn=arn)["tags"] == {"b": "2"}


def links_and_certificates(walk, certificate):
    link = walk("CreateVpcLink", name="inside", targetArns=[BALANCER])["id"]
    walk("UpdateVpcLink", vpcLinkId=link, patchOperations=replace("/description", "inside"))
    assert walk("GetVpcLink", vpcLinkId=link)["status"] == "AVAILABLE"
    assert link in [found["id"] for found in walk("GetVpcLinks")["items"]]
    walk("DeleteVpcLink", vpcLinkId=link)
    walk("UpdateClientCertificate", clientCertificateId=certificate, patchOperations=replace("/description", "two"))
    found = walk("GetClientCertificate", clientCertificateId=certificate)
    assert found["description"] == "two" and found["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert certificate in [found["clientCertificateId"] for found in walk("GetClientCertificates")["items"]]


def imports(walk):
    api = walk("ImportRestApi", body=DOCUMENT)["id"]
    put = walk("PutRestApi", restApiId=api, mode="overwrite", body=DOCUMENT.replace("/a", "/b"))
    assert put["name"] == "imported"
    walk("DeleteRestApi", restApiId=api)


def removals(walk, place, method, plan):
    """The rest, from the outside in."""
    pair = {"usagePlanId": plan["plan"], "keyId": plan["key"]}
    walk("DeleteUsagePlanKey", **pair)
    removed = [{"op": "remove", "path": "/apiStages", "value": f"{plan['api']}:live"}]
    walk("UpdateUsagePlan", usagePlanId=plan["plan"], patchOperations=removed)
    walk("DeleteUsagePlan", usagePlanId=plan["plan"])
    for key in [plan["key"], *plan["imported"]]:
        walk("DeleteApiKey", apiKey=key)
    certificate = walk("GetStage", **place, stageName="live")["clientCertificateId"]
    walk("DeleteStage", **place, stageName="live")
    walk("DeleteClientCertificate", clientCertificateId=certificate)
    walk("DeleteDeployment", **place, deploymentId=walk("GetDeployments", **place)["items"][0]["id"])
    walk("DeleteDocumentationVersion", **place, documentationVersion="v1")
    walk("DeleteIntegrationResponse", **method, statusCode="200")
    walk("DeleteIntegration", **method)
    walk("DeleteMethodResponse", **method, statusCode="200")
    walk("DeleteMethod", **method)
    walk("DeleteResource", **place, resourceId=method["resourceId"])
    walk("DeleteGatewayResponse", **place, responseType="THROTTLED")
    walk("DeleteAuthorizer", **place, authorizerId=walk("GetAuthorizers", **place)["items"][0]["id"])
    validator = walk("GetRequestValidators", **place)["items"][0]["id"]
    walk("DeleteRequestValidator", **place, requestValidatorId=validator)
    walk("DeleteModel", **place, modelName="Pet")
    walk("DeleteRestApi", **place)
    assert walk("GetRestApis", limit=500)["items"] is not None
    walk("GetRestApi", restApiId=walk("CreateRestApi", name="last")["id"])
    last = next(found["id"] for found in walk("GetRestApis", limit=500)["items"] if found["name"] == "last")
    walk("UpdateRestApi", restApiId=last, patchOperations=replace("/name", "the last"))
    walk("DeleteRestApi", restApiId=last)
