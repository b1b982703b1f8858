"""Every operation of the second version's service model that is for WebSocket APIs is called, each on another node than
the last; the others are refused in words."""

import botocore.session
import pytest

from conftest import Turns, refused
from test_operations import CERTIFICATE, FUNCTION, Walk

# What is HTTP APIs' or REST APIs' alone, and what no API has: AWS's links into VPCs, and its portals.
ELSEWHERE = {
    "DeleteCorsConfiguration",
    "CreateRoutingRule", "DeleteRoutingRule", "GetRoutingRule", "ListRoutingRules", "PutRoutingRule",
    "CreateVpcLink", "DeleteVpcLink", "GetVpcLink", "GetVpcLinks", "UpdateVpcLink",
}
# There, but for HTTP APIs: of WebSocket APIs nothing is imported or exported at AWS.
REFUSED = {"ExportApi", "ImportApi", "ReimportApi"}


def is_portals(operation):
    return any(word in operation for word in ("Portal", "ProductPage", "ProductRestEndpointPage"))


@pytest.fixture
def walk(three):
    return Walk(Turns(three, "apigatewayv2"))


def test_every_operation_for_websocket_apis_answers(walk, three):
    api = {"ApiId": walk("CreateApi", Name="walked", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]}
    assert walk("UpdateApi", **api, Version="2")["Version"] == "2"
    assert walk("GetApi", **api)["Version"] == "2"
    assert api["ApiId"] in [found["ApiId"] for found in walk("GetApis", MaxResults="500")["Items"]]
    models(walk, api)
    integration = integrations(walk, api)
    authorizer = authorizers(walk, api)
    route = routes(walk, api, integration, authorizer)
    stages(walk, api)
    domains(walk, api)
    tags(walk, api)
    removals(walk, api, integration, authorizer, route)
    expected = set(botocore.session.get_session().get_service_model("apigatewayv2").operation_names)
    expected = {operation for operation in expected - ELSEWHERE - REFUSED if not is_portals(operation)}
    assert walk.called == expected


def models(walk, api):
    model = walk("CreateModel", **api, Name="Message", Schema='{"type": "object", "properties": {"a": {"type": "string"}}}')["ModelId"]
    assert walk("UpdateModel", **api, ModelId=model, Description="a message")["Description"] == "a message"
    assert walk("GetModel", **api, ModelId=model)["ContentType"] == "application/json"
    assert [found["Name"] for found in walk("GetModels", **api)["Items"]] == ["Message"]
    assert '"a"' in walk("GetModelTemplate", **api, ModelId=model)["Value"]


def integrations(walk, api):
    integration = {**api, "IntegrationId": walk("CreateIntegration", **api, IntegrationType="MOCK")["IntegrationId"]}
    assert walk("UpdateIntegration", **integration, TimeoutInMillis=50)["TimeoutInMillis"] == 50
    assert walk("GetIntegration", **integration)["TimeoutInMillis"] == 50
    assert len(walk("GetIntegrations", **api)["Items"]) == 1
    response = walk("CreateIntegrationResponse", **integration, IntegrationResponseKey="$default")["IntegrationResponseId"]
    response = {**integration, "IntegrationResponseId": response}
    walk("UpdateIntegrationResponse", **response, IntegrationResponseKey=r"/2\d\d/")
    assert walk("GetIntegrationResponse", **response)["IntegrationResponseKey"] == r"/2\d\d/"
    assert len(walk("GetIntegrationResponses", **integration)["Items"]) == 1
    walk("DeleteIntegrationResponse", **response)
    return integration


def authorizers(walk, api):
    authorizer = walk(
        "CreateAuthorizer", **api, Name="first", AuthorizerType="REQUEST", AuthorizerUri=FUNCTION,
        IdentitySource=["route.request.header.Auth"],
    )["AuthorizerId"]
    authorizer = {**api, "AuthorizerId": authorizer}
    walk("UpdateAuthorizer", **authorizer, Name="second")
    assert walk("GetAuthorizer", **authorizer)["Name"] == "second"
    assert len(walk("GetAuthorizers", **api)["Items"]) == 1
    return authorizer


def routes(walk, api, integration, authorizer):
    route = walk("CreateRoute", **api, RouteKey="$connect", RequestParameters={"route.request.header.A": {"Required": True}})
    route = {**api, "RouteId": route["RouteId"]}
    walk(
        "UpdateRoute", **route, Target=f"integrations/{integration['IntegrationId']}", AuthorizationType="CUSTOM",
        AuthorizerId=authorizer["AuthorizerId"], RouteResponseSelectionExpression="$default",
    )
    walk("DeleteRouteRequestParameter", **route, RequestParameterKey="route.request.header.A")
    found = walk("GetRoute", **route)
    assert found["AuthorizationType"] == "CUSTOM" and "RequestParameters" not in found
    assert len(walk("GetRoutes", **api)["Items"]) == 1
    response = {**route, "RouteResponseId": walk("CreateRouteResponse", **route, RouteResponseKey="$default")["RouteResponseId"]}
    walk("UpdateRouteResponse", **response, ResponseModels={"$default": "Message"})
    assert walk("GetRouteResponse", **response)["ResponseModels"] == {"$default": "Message"}
    assert len(walk("GetRouteResponses", **route)["Items"]) == 1
    walk("DeleteRouteResponse", **response)
    return route


def stages(walk, api):
    deployment = {**api, "DeploymentId": walk("CreateDeployment", **api)["DeploymentId"]}
    walk("UpdateDeployment", **deployment, Description="the first")
    assert walk("GetDeployment", **deployment)["Description"] == "the first"
    assert len(walk("GetDeployments", **api)["Items"]) == 1
    stage = {**api, "StageName": "live"}
    walk("CreateStage", **stage, **{"DeploymentId": deployment["DeploymentId"]})
    log = {"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:g", "Format": "$context.requestId"}
    walk("UpdateStage", **stage, AccessLogSettings=log, RouteSettings={"$connect": {"LoggingLevel": "INFO"}})
    assert walk("GetStage", **stage)["AccessLogSettings"] == log
    assert len(walk("GetStages", **api)["Items"]) == 1
    walk("DeleteAccessLogSettings", **stage)
    walk("DeleteRouteSettings", **stage, RouteKey="$connect")
    walk("ResetAuthorizersCache", **stage)
    found = walk("GetStage", **stage)
    assert "AccessLogSettings" not in found and found["RouteSettings"] == {}


def domains(walk, api):
    name = {"DomainName": "walked-chat.example.com"}
    walk("CreateDomainName", **name, DomainNameConfigurations=[{"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}])
    walk("UpdateDomainName", **name, DomainNameConfigurations=[{"SecurityPolicy": "TLS_1_2"}])
    assert walk("GetDomainName", **name)["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    assert name["DomainName"] in [found["DomainName"] for found in walk("GetDomainNames", MaxResults="500")["Items"]]
    mapping = walk("CreateApiMapping", **name, **api, Stage="live")["ApiMappingId"]
    mapping = {**name, "ApiMappingId": mapping}
    walk("UpdateApiMapping", **mapping, **api, ApiMappingKey="chat")
    assert walk("GetApiMapping", **mapping)["ApiMappingKey"] == "chat"
    assert len(walk("GetApiMappings", **name)["Items"]) == 1
    walk("DeleteApiMapping", **mapping)
    walk("DeleteDomainName", **name)


def tags(walk, api):
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    walk("TagResource", ResourceArn=arn, Tags={"a": "1", "b": "2"})
    walk("UntagResource", ResourceArn=arn, TagKeys=["a"])
    assert walk("GetTags", ResourceArn=arn)["Tags"] == {"b": "2"}


def removals(walk, api, integration, authorizer, route):
    walk("DeleteStage", **api, StageName="live")
    walk("DeleteDeployment", **api, DeploymentId=walk("GetDeployments", **api)["Items"][0]["DeploymentId"])
    walk("DeleteRoute", **route)
    walk("DeleteAuthorizer", **authorizer)
    walk("DeleteIntegration", **integration)
    walk("DeleteModel", **api, ModelId=walk("GetModels", **api)["Items"][0]["ModelId"])
    walk("DeleteApi", **api)


def test_what_is_for_other_apis_is_refused_in_words(one):
    client = one.client("apigatewayv2")
    api = client.create_api(Name="other", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    here = "This release serves WebSocket APIs by API Gateway's V2"
    for call, told in [
        (lambda: client.create_api(Name="http", ProtocolType="HTTP"), here),
        (lambda: client.import_api(Body="{}"), here),
        (lambda: client.create_vpc_link(Name="x", SubnetIds=["subnet-1"]), here),
        (lambda: client.get_vpc_links(), here),
        (lambda: client.list_routing_rules(DomainName="d.example.com"), here),
        (lambda: client.list_portals(), here),
        (lambda: client.delete_cors_configuration(ApiId=api), here),
        (lambda: client.reimport_api(ApiId=api, Body="{}"), "Reimport is not supported for WEBSOCKET protocol Apis."),
        (
            lambda: client.export_api(ApiId=api, Specification="OAS30", OutputType="JSON"),
            "Export is not supported for WEBSOCKET protocol Apis.",
        ),
    ]:
        with pytest.raises(client.exceptions.BadRequestException) as caught:
            call()
        assert caught.value.response["Error"]["Message"].startswith(told)
    client.delete_api(ApiId=api)
    refused(lambda: client.export_api(ApiId=api, Specification="OAS30", OutputType="JSON"), "NotFoundException", 404)
