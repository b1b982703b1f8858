"""The control plane of WebSocket APIs through boto3 and the AWS CLI: defaults, what updates do, refusals in AWS's words."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import KEY, SECRET, Turns, fetch, plain, refused
from sockets import make, mock, sockets
from test_operations import FUNCTION

CONFLICT, BAD, GONE, MANY = (
    ("ConflictException", 409), ("BadRequestException", 400), ("NotFoundException", 404), ("TooManyRequestsException", 429)
)
HTTP = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST", "IntegrationUri": "http://127.0.0.1:1/"}


@pytest.fixture
def client(three):
    """A client of the three nodes, each call to another one than the last."""
    return Turns(three, "apigatewayv2")


@pytest.fixture
def api(client):
    """An API of nothing but itself."""
    made = client.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    yield {"ApiId": made["ApiId"]}
    client.delete_api(ApiId=made["ApiId"])


def without(answer, *names):
    """An answer without what is another each time."""
    return {name: value for name, value in plain(answer).items() if name not in names}


def test_things_have_awss_defaults(client, api):
    identifier = api["ApiId"]
    assert len(identifier) == 10
    assert without(client.get_api(**api), "CreatedDate") == {
        "ApiEndpoint": f"wss://{identifier}.execute-api.us-east-1.amazonaws.com",
        "ApiId": identifier,
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Name": "chat",
        "ProtocolType": "WEBSOCKET",
        "RouteSelectionExpression": "$request.body.action",
        "Tags": {},
    }
    route = client.create_route(**api, RouteKey="$default")
    assert without(route, "RouteId") == {"ApiKeyRequired": False, "AuthorizationType": "NONE", "RouteKey": "$default"}
    assert route["ResponseMetadata"]["HTTPStatusCode"] == 201 and len(route["RouteId"]) == 7
    shared = {
        "ConnectionType": "INTERNET", "PassthroughBehavior": "WHEN_NO_MATCH", "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": 29000,
    }
    status = {"IntegrationResponseSelectionExpression": "${integration.response.statuscode}"}
    error = {"IntegrationResponseSelectionExpression": "${integration.response.body.errorMessage}"}
    for given, added in [
        ({"IntegrationType": "MOCK"}, status),
        (HTTP, {}),
        ({**HTTP, "IntegrationType": "HTTP"}, status),
        ({"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION}, {"IntegrationMethod": "POST"}),
        ({"IntegrationType": "AWS", "IntegrationUri": FUNCTION, "IntegrationMethod": "POST"}, error),
    ]:
        assert without(client.create_integration(**api, **given), "IntegrationId") == {**shared, **given, **added}
    stage = client.create_stage(**api, StageName="prod")
    assert without(stage, "CreatedDate", "LastUpdatedDate") == {
        "AutoDeploy": False,
        "DefaultRouteSettings": {"DataTraceEnabled": False, "DetailedMetricsEnabled": False, "LoggingLevel": "OFF"},
        "RouteSettings": {},
        "StageName": "prod",
        "StageVariables": {},
        "Tags": {},
    }
    deployment = client.create_deployment(**api, StageName="prod")
    assert without(deployment, "CreatedDate", "DeploymentId") == {"AutoDeployed": False, "DeploymentStatus": "DEPLOYED"}
    assert client.get_stage(**api, StageName="prod")["DeploymentId"] == deployment["DeploymentId"]
    authorizer = client.create_authorizer(
        **api, Name="a", AuthorizerType="REQUEST", AuthorizerUri=FUNCTION, IdentitySource=[]
    )
    assert without(authorizer, "AuthorizerId") == {"AuthorizerType": "REQUEST", "AuthorizerUri": FUNCTION, "Name": "a"}


def test_an_update_of_an_api_keeps_what_it_does_not_name(client, api):
    whole = plain(client.update_api(**api, Description="d", Version="1", DisableSchemaValidation=True))
    assert (whole["Description"], whole["Version"], whole["DisableSchemaValidation"]) == ("d", "1", True)
    assert plain(client.update_api(**api)) == whole
    cleared = plain(client.update_api(**api, Description="", Version=""))
    assert cleared == {name: value for name, value in whole.items() if name not in ("Description", "Version")}
    key = "$context.authorizer.usageIdentifierKey"
    client.update_api(**api, Name="other", ApiKeySelectionExpression=key, IpAddressType="dualstack")
    found = client.get_api(**api)
    assert (found["Name"], found["ApiKeySelectionExpression"], found["IpAddressType"]) == ("other", key, "dualstack")


def test_maps_of_an_integration_are_merged_or_replaced_as_aws_does_it(client, api):
    made = client.create_integration(
        **api, **HTTP, RequestParameters={"integration.request.header.A": "'1'", "integration.request.header.B": "'2'"},
        RequestTemplates={"a": "1", "b": ""}, TlsConfig={"ServerNameToVerify": "inside"}, Description="d",
    )
    assert made["RequestTemplates"] == {"a": "1", "b": ""}
    place = {**api, "IntegrationId": made["IntegrationId"]}
    changed = client.update_integration(
        **place, RequestParameters={"integration.request.header.A": "", "integration.request.header.C": "context.stage"},
        RequestTemplates={"c": "3"}, Description="", TimeoutInMillis=1000,
    )
    assert changed["RequestParameters"] == {
        "integration.request.header.B": "'2'", "integration.request.header.C": "context.stage"
    }
    assert changed["RequestTemplates"] == {"c": "3"} and "Description" not in changed
    assert (changed["TimeoutInMillis"], changed["TlsConfig"]) == (1000, {"ServerNameToVerify": "inside"})
    assert plain(client.get_integration(**place)) == plain(changed)


def test_parameters_of_a_route_are_put_beside_each_other_and_models_replaced(client, api):
    for name in ("One", "Two"):
        client.create_model(**api, Name=name, Schema='{"type": "object"}')
    required, merely = {"Required": True}, {"Required": False}
    route = client.create_route(
        **api, RouteKey="$connect", RequestParameters={"route.request.header.A": required},
        RequestModels={"a": "One"}, ModelSelectionExpression="$request.body.action",
    )
    place = {**api, "RouteId": route["RouteId"]}
    changed = client.update_route(
        **place, RequestParameters={"route.request.querystring.b": merely}, RequestModels={"b": "Two"}
    )
    assert changed["RequestParameters"] == {"route.request.header.A": required, "route.request.querystring.b": merely}
    assert changed["RequestModels"] == {"b": "Two"}
    client.delete_route_request_parameter(**place, RequestParameterKey="route.request.header.A")
    assert client.get_route(**place)["RequestParameters"] == {"route.request.querystring.b": merely}
    # Its key is free again when it has another.
    client.update_route(**place, RouteKey="hello")
    client.create_route(**api, RouteKey="$connect")
    refused(lambda: client.create_route(**api, RouteKey="hello"), *CONFLICT, "Route with key hello already exists for this API")


def test_settings_of_a_stage_are_merged_by_route_and_replaced_as_a_whole(client, api):
    for key in ("a", "b/c"):
        client.create_route(**api, RouteKey=key)
    stage = {**api, "StageName": "prod"}
    client.create_stage(
        **stage, StageVariables={"x": "1", "y": "2"}, RouteSettings={"a": {"ThrottlingRateLimit": 5.0}},
        DefaultRouteSettings={"ThrottlingBurstLimit": 7, "LoggingLevel": "INFO"},
    )
    changed = client.update_stage(
        **stage, StageVariables={"x": "", "z": "3"}, RouteSettings={"b/c": {"DataTraceEnabled": True}},
        DefaultRouteSettings={"DetailedMetricsEnabled": True},
    )
    quiet = {"DataTraceEnabled": False, "DetailedMetricsEnabled": False, "LoggingLevel": "OFF"}
    assert changed["StageVariables"] == {"y": "2", "z": "3"}
    assert changed["RouteSettings"] == {
        "a": {**quiet, "ThrottlingRateLimit": 5.0}, "b/c": {**quiet, "DataTraceEnabled": True}
    }
    assert changed["DefaultRouteSettings"] == {**quiet, "DetailedMetricsEnabled": True}
    client.delete_route_settings(**stage, RouteKey="b/c")
    assert list(client.get_stage(**stage)["RouteSettings"]) == ["a"]
    words = "Unable to find Route by key nowhere within the provided RouteSettings"
    refused(lambda: client.update_stage(**stage, RouteSettings={"nowhere": {}}), *GONE, words)
    refused(lambda: client.delete_route_settings(**stage, RouteKey="nowhere"), *GONE, words)


def test_a_stage_that_deploys_itself_serves_every_change(client, api):
    stage = {**api, "StageName": "auto"}
    made = client.create_stage(**stage, AutoDeploy=True)
    no_routes = "Deployment attempt failed: Unable to deploy API because no routes exist in this API"
    assert made["LastDeploymentStatusMessage"] == no_routes and "DeploymentId" not in made
    integration = client.create_integration(**api, IntegrationType="MOCK")["IntegrationId"]
    route = client.create_route(**api, RouteKey="$default", Target=f"integrations/{integration}")["RouteId"]
    seen = set()
    for change in [
        lambda: client.create_route(**api, RouteKey="hello"),
        lambda: client.update_route(**api, RouteId=route, RouteResponseSelectionExpression="$default"),
        lambda: client.create_route_response(**api, RouteId=route, RouteResponseKey="$default"),
        lambda: client.update_integration(**api, IntegrationId=integration, TimeoutInMillis=100),
        lambda: client.create_integration_response(
            **api, IntegrationId=integration, IntegrationResponseKey="$default"
        ),
        lambda: client.create_model(**api, Name="One", Schema='{"type": "object"}'),
        lambda: client.update_api(**api, RouteSelectionExpression="$request.body.verb"),
    ]:
        change()
        found = client.get_stage(**stage)
        assert found["DeploymentId"] not in seen
        seen.add(found["DeploymentId"])
        words = f"Successfully deployed stage with deployment ID '{found['DeploymentId']}'"
        assert found["LastDeploymentStatusMessage"] == words
        deployment = client.get_deployment(**api, DeploymentId=found["DeploymentId"])
        assert deployment["AutoDeployed"] is True
        assert deployment["Description"] == "Automatic deployment triggered by changes to the Api configuration"
    # What changes nothing deploys nothing.
    client.update_integration(**api, IntegrationId=integration, TimeoutInMillis=100)
    assert client.get_stage(**stage)["DeploymentId"] in seen
    words = "Stage auto deploys by itself: its deployment can't be chosen while autoDeploy is true."
    refused(lambda: client.create_deployment(**api, StageName="auto"), *BAD, words)
    refused(lambda: client.update_stage(**stage, DeploymentId=min(seen)), *BAD, words)
    # From then on it is as others are.
    client.update_stage(**stage, AutoDeploy=False, DeploymentId=min(seen))
    client.create_route(**api, RouteKey="more")
    assert client.get_stage(**stage)["DeploymentId"] == min(seen)


def test_a_change_is_served_by_every_node_when_its_call_is_answered(client, three):
    api = make(three[0], {"$default": mock('{"version": 0}')}, stage="auto")
    place = {"ApiId": api}
    client.update_stage(**place, StageName="auto", AutoDeploy=True)
    place["IntegrationId"] = client.get_integrations(ApiId=api)["Items"][0]["IntegrationId"]
    place["IntegrationResponseId"] = client.get_integration_responses(**place)["Items"][0]["IntegrationResponseId"]
    with sockets(*[(node, api, "auto") for node in three]) as connections:
        for version in range(1, 6):
            client.update_integration_response(**place, ResponseTemplates={"$default": f'{{"version": {version}}}'})
            assert [connection.ask("{}") for connection in connections] == 3 * [{"version": version}]
        # Back to what was before, as a deployment by hand.
        client.update_stage(ApiId=api, StageName="auto", AutoDeploy=False)
        found = client.get_deployments(ApiId=api, MaxResults="500")["Items"]
        by_hand = next(deployment["DeploymentId"] for deployment in found if not deployment["AutoDeployed"])
        client.update_stage(ApiId=api, StageName="auto", DeploymentId=by_hand)
        assert [connection.ask("{}") for connection in connections] == 3 * [{"version": 0}]
    client.delete_api(ApiId=api)


def test_changes_at_the_same_time_are_all_deployed_and_a_key_is_taken_once(client, three):
    api = make(three[0], {"$default": mock('{"route": "default"}')}, stage="auto")
    place = {"ApiId": api}
    client.update_stage(**place, StageName="auto", AutoDeploy=True)
    target = client.get_routes(**place)["Items"][0]["Target"]
    clients = [node.client("apigatewayv2") for node in three]

    def add(number):
        mine = clients[number % 3]
        try:
            # Each key is wanted by two.
            route = mine.create_route(
                **place, RouteKey=f"r{number // 2}", Target=target, RouteResponseSelectionExpression="$default"
            )
        except mine.exceptions.ConflictException as refusal:
            assert refusal.response["Error"]["Message"].endswith("already exists for this API")
            return 0
        mine.create_route_response(**place, RouteId=route["RouteId"], RouteResponseKey="$default")
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(add, range(24))) == 12
    assert len(client.get_routes(**place, MaxResults="500")["Items"]) == 13
    with sockets(*[(node, api, "auto") for node in three]) as connections:
        for connection in connections:
            answers = [connection.ask({"action": f"r{number}"}) for number in range(12)]
            assert answers == 12 * [{"route": "default"}]
    client.delete_api(**place)


def test_old_deployments_of_a_stage_that_deploys_itself_are_forgotten(client, api):
    client.create_route(**api, RouteKey="$default")
    kept = client.create_deployment(**api, Description="by hand")["DeploymentId"]
    client.create_stage(**api, StageName="auto", AutoDeploy=True)
    for number in range(30):
        client.update_api(**api, Version=str(number))
    found = client.get_deployments(**api, MaxResults="500")["Items"]
    assert kept in [deployment["DeploymentId"] for deployment in found]
    # 25 that nothing serves any longer, and the one that is served.
    assert len([deployment for deployment in found if deployment["AutoDeployed"]]) == 26


def test_what_is_used_is_not_deleted(client, api):
    integration = client.create_integration(**api, IntegrationType="MOCK")["IntegrationId"]
    authorizer = client.create_authorizer(
        **api, Name="door", AuthorizerType="REQUEST", AuthorizerUri=FUNCTION, IdentitySource=[]
    )["AuthorizerId"]
    model = client.create_model(**api, Name="Message", Schema='{"type": "object"}')["ModelId"]
    route = client.create_route(
        **api, RouteKey="$connect", Target=f"integrations/{integration}", AuthorizationType="CUSTOM",
        AuthorizerId=authorizer, RequestModels={"$default": "Message"},
    )["RouteId"]
    client.create_stage(**api, StageName="prod")
    deployment = client.create_deployment(**api, StageName="prod")["DeploymentId"]
    calls = [
        (
            lambda: client.delete_integration(**api, IntegrationId=integration), CONFLICT,
            f"Cannot delete Integration because it is referenced by the following Routes with Ids: [{route}]",
        ),
        (
            lambda: client.delete_authorizer(**api, AuthorizerId=authorizer), CONFLICT,
            "Cannot delete authorizer door, is referenced in route: $connect",
        ),
        (
            lambda: client.delete_model(**api, ModelId=model), CONFLICT,
            "Cannot delete model 'Message', is referenced in route: $connect",
        ),
        (
            lambda: client.delete_deployment(**api, DeploymentId=deployment), BAD,
            "Active stages pointing to this deployment must be moved or deleted",
        ),
    ]
    for call, error, message in calls:
        refused(call, *error, message)
    client.delete_route(**api, RouteId=route)
    client.delete_stage(**api, StageName="prod")
    for call, _, _ in calls:
        call()


def test_what_stages_use_of_others_is_not_deleted(client, api, three):
    first = three[0].client()
    balancer = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inside/0123456789abcdef"
    certificate = first.generate_client_certificate()["clientCertificateId"]
    link = first.create_vpc_link(name="inside", targetArns=[balancer])["id"]
    integration = client.create_integration(**api, **HTTP, ConnectionType="VPC_LINK", ConnectionId=link)["IntegrationId"]
    client.create_route(**api, RouteKey="$default", Target=f"integrations/{integration}")
    stage = {**api, "StageName": "prod"}
    client.create_stage(**stage, ClientCertificateId=certificate)
    client.create_deployment(**stage)
    refused(
        lambda: first.delete_client_certificate(clientCertificateId=certificate), *BAD,
        f"Client certificate '{certificate}' cannot be deleted, it is used by the stage 'prod' of the API '{api['ApiId']}'.",
    )
    refused(
        lambda: first.delete_vpc_link(vpcLinkId=link), *BAD,
        f"Cannot delete vpc link. Vpc link '{link}', is referenced in [$default:{integration}:prod] in format of "
        "[Method:Resource:Stage].",
    )
    refused(lambda: client.update_stage(**stage, ClientCertificateId="none"), *BAD)
    client.delete_stage(**stage)
    first.delete_client_certificate(clientCertificateId=certificate)
    first.delete_vpc_link(vpcLinkId=link)


def test_refusals_have_words(client, api):
    integration = {**api, "IntegrationId": client.create_integration(**api, IntegrationType="MOCK")["IntegrationId"]}
    route = {**api, "RouteId": client.create_route(**api, RouteKey="$default")["RouteId"]}
    authorizer = {"Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": FUNCTION, "IdentitySource": []}
    stage = {**api, "StageName": "s"}
    mapping = "Invalid mapping expression specified: "
    # The operation, its members, the error, its message.
    for operation, members, error, message in [
        ("create_api", {"Name": "x", "ProtocolType": "WEBSOCKET"}, BAD, "RouteSelectionExpression must be specified"),
        ("create_api", {"Name": "x", "ProtocolType": "TCP"}, BAD, "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]"),
        ("create_api", {"Name": "x" * 129, "ProtocolType": "WEBSOCKET"}, BAD, "Invalid name, can be at most 128 characters."),
        ("update_api", {**api, "Target": "http://x"}, BAD, "Target cannot be set for WEBSOCKET protocol Apis."),
        ("update_api", {**api, "CorsConfiguration": {}}, BAD, "CorsConfiguration cannot be set for WEBSOCKET protocol Apis."),
        ("update_api", {**api, "IpAddressType": "ipv6"}, BAD, "Invalid ipAddressType specified. Must be one of [ipv4, dualstack]"),
        ("update_api", {**api, "Name": ""}, BAD, "Name must be specified"),
        ("get_api", {"ApiId": "nothing"}, GONE, "Invalid API identifier specified nothing"),
        ("create_route", {"ApiId": "nothing", "RouteKey": "a"}, GONE, "Invalid API identifier specified nothing"),
        ("create_route", {**api, "RouteKey": "$default"}, CONFLICT, "Route with key $default already exists for this API"),
        (
            "create_route", {**api, "RouteKey": "$other"}, BAD,
            "The provided route key is not formatted properly for WEBSOCKET protocol. Keys that begin with $ are reserved: "
            "$connect, $disconnect, $default",
        ),
        (
            "create_route", {**api, "RouteKey": "a", "AuthorizationType": "AWS_IAM"}, BAD,
            "Currently, authorization can be set only on the $connect route",
        ),
        (
            "create_route", {**api, "RouteKey": "$connect", "AuthorizationType": "JWT"}, BAD,
            "Invalid authorizationType specified. Must be one of [NONE, AWS_IAM, CUSTOM]",
        ),
        (
            "create_route", {**api, "RouteKey": "$connect", "AuthorizationType": "CUSTOM"}, BAD,
            "Unable to update route. Authorizer type is invalid or null.",
        ),
        ("create_route", {**api, "RouteKey": "a", "Target": "integrations/x"}, BAD, "Invalid Integration identifier specified x"),
        (
            "create_route", {**api, "RouteKey": "a", "Target": "x"}, BAD,
            "Invalid target specified. Must be of the form integrations/{integrationId}",
        ),
        ("create_route", {**api, "RouteKey": "a", "RequestModels": {"a": "None"}}, BAD, "Invalid model name specified: None"),
        (
            "update_route", {**route, "RequestParameters": {"route.request.body.a": {"Required": True}}}, BAD,
            mapping + "route.request.body.a",
        ),
        (
            "update_route", {**route, "RouteResponseSelectionExpression": "a"}, BAD,
            "Invalid routeResponseSelectionExpression specified. Must be one of [$default]",
        ),
        ("get_route", {**api, "RouteId": "x"}, GONE, "Invalid Route identifier specified x"),
        (
            "delete_route_request_parameter", {**route, "RequestParameterKey": "x"}, GONE,
            "Invalid Request Parameter identifier specified x",
        ),
        (
            "create_route_response", {**route, "RouteResponseKey": "a"}, BAD,
            "Invalid routeResponseKey specified. Must be one of [$default]",
        ),
        ("get_route_response", {**route, "RouteResponseId": "x"}, GONE, "Invalid RouteResponse identifier specified x"),
        ("create_integration", {**api, "IntegrationType": "HTTP"}, BAD, "Enumeration value for HttpMethod must be non-empty"),
        ("create_integration", {**api, **HTTP, "IntegrationUri": "ftp://x"}, BAD, "Invalid HTTP endpoint specified for URI"),
        (
            "create_integration", {**api, "IntegrationType": "OTHER"}, BAD,
            "Invalid integrationType specified. Must be one of [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]",
        ),
        (
            "create_integration", {**api, "IntegrationType": "MOCK", "IntegrationSubtype": "SQS-SendMessage"}, BAD,
            "IntegrationSubtype cannot be set for WEBSOCKET protocol Apis.",
        ),
        ("create_integration", {**api, **HTTP, "ConnectionType": "VPC_LINK"}, BAD, "ConnectionId must be specified"),
        ("update_integration", {**integration, "TimeoutInMillis": 29001}, BAD, "Timeout should be between 50 ms and 29000 ms"),
        (
            "update_integration", {**integration, "PayloadFormatVersion": "2.0"}, BAD,
            "Invalid payloadFormatVersion specified. Must be one of [1.0]",
        ),
        (
            "update_integration", {**integration, "RequestParameters": {"integration.request.header.A": "method.request.header.a"}},
            BAD, mapping + "method.request.header.a",
        ),
        (
            "update_integration", {**integration, "RequestTemplates": {"a": "x" * (300 * 1024 + 1)}}, BAD,
            "Invalid template specified for a: a template may have at most 307200 bytes.",
        ),
        ("get_integration", {**api, "IntegrationId": "x"}, GONE, "Invalid Integration identifier specified x"),
        (
            "create_integration_response", {**integration, "IntegrationResponseKey": "/(/"}, BAD,
            "Invalid integrationResponseKey specified: /(/ is not a regular expression",
        ),
        (
            "get_integration_response", {**integration, "IntegrationResponseId": "x"}, GONE,
            "Invalid IntegrationResponse identifier specified x",
        ),
        (
            "create_authorizer", {**api, **authorizer, "AuthorizerResultTtlInSeconds": 300}, BAD,
            "AuthorizerResultTtlInSeconds cannot be set for WEBSOCKET protocol Apis.",
        ),
        (
            "create_authorizer", {**api, **authorizer, "AuthorizerType": "JWT"}, BAD,
            "JWT authorizers are not supported for WEBSOCKET protocol Apis.",
        ),
        (
            "create_authorizer", {**api, **authorizer, "IdentitySource": ["$request.header.Auth"]}, BAD,
            mapping + "$request.header.Auth",
        ),
        ("get_authorizer", {**api, "AuthorizerId": "x"}, GONE, "Invalid Authorizer identifier specified x"),
        ("create_model", {**api, "Name": "a-b", "Schema": "{}"}, BAD, "Model name must be alphanumeric: a-b"),
        ("create_model", {**api, "Name": "a", "Schema": "x" * 32769}, BAD, "Invalid schema, can be at most 32768 characters."),
        ("get_model", {**api, "ModelId": "x"}, GONE, "Invalid Model identifier specified x"),
        ("get_deployment", {**api, "DeploymentId": "x"}, GONE, "Invalid Deployment identifier specified x"),
        ("create_deployment", {**stage}, GONE, "Invalid stage identifier specified"),
        ("create_stage", {**stage, "DeploymentId": "x"}, BAD, "Deployment id does not exist"),
        ("create_stage", {**api, "StageName": "$default"}, BAD, "Stage name only allows a-zA-Z0-9_-"),
        (
            "create_stage", {**stage, "AccessLogSettings": {"Format": "$context.status"}}, BAD,
            "Access Log format must contain at least $context.requestId or $context.extendedRequestId",
        ),
        (
            "create_stage", {**stage, "DefaultRouteSettings": {"ThrottlingRateLimit": -1.0}}, BAD,
            "Throttling limits must not be negative.",
        ),
        ("get_stage", stage, GONE, "Invalid stage identifier specified"),
        ("get_routes", {**api, "MaxResults": "x"}, BAD, "Invalid maxResults specified"),
        ("get_routes", {**api, "NextToken": "%"}, BAD, "Invalid nextToken parameter"),
        ("get_tags", {"ResourceArn": "arn:aws:apigateway:us-east-1::/apis/x"}, GONE, "Invalid API identifier specified x"),
    ]:
        refused(lambda: getattr(client, operation)(**members), *error, message)


def test_bodies_that_are_not_what_they_should_be_are_refused(client, api, three):
    deep = "[" * 10000
    place = f"/v2/apis/{api['ApiId']}"
    integration = client.create_integration(**api, IntegrationType="MOCK")["IntegrationId"]
    route = client.create_route(**api, RouteKey="$default")["RouteId"]
    client.create_stage(**api, StageName="s")
    before = [client.get_api(**api), client.get_routes(**api), client.get_integrations(**api), client.get_stages(**api)]
    for method, path, bodies in [
        ("POST", "/v2/apis", ["[]", '"x"', "{", deep, '{"name": 5}', '{"name": "x", "protocolType": []}']),
        ("PATCH", place, ['{"name": {}}', '{"disableExecuteApiEndpoint": []}', f'{{"version": {deep}']),
        ("POST", f"{place}/routes", ["", '{"routeKey": 5}', '{"routeKey": "a", "requestModels": []}', '{"routeKey": ""}']),
        ("PATCH", f"{place}/routes/{route}", ['{"requestParameters": {"a": 1}}', '{"authorizationScopes": "x"}', '{"target": 1}']),
        ("PATCH", f"{place}/integrations/{integration}", ['{"timeoutInMillis": "x"}', '{"timeoutInMillis": -1}', '{"tlsConfig": 1}',
                                                          '{"requestTemplates": {"a": 1}}', '{"timeoutInMillis": 1e99}']),
        ("PATCH", f"{place}/stages/s", ['{"routeSettings": []}', '{"routeSettings": {"$default": 1}}', '{"stageVariables": {"": "x"}}',
                                        '{"defaultRouteSettings": {"throttlingRateLimit": "x"}}', '{"accessLogSettings": []}']),
        ("POST", f"{place}/authorizers", ["{}", '{"authorizerType": "REQUEST"}', '{"authorizerType": "REQUEST", "identitySource": "x"}']),
        ("POST", f"{place}/models", ["{}", '{"name": "a"}', f'{{"name": "a", "schema": "{deep}"}}', '{"name": "a", "schema": {}}']),
        ("POST", f"{place}/deployments", ['{"stageName": 5}']),
        ("POST", "/v2/domainnames", ["{}", '{"domainName": "a"}', '{"domainName": "a.example.com", "domainNameConfigurations": {}}']),
        ("POST", "/v2/tags/nothing", ['{"tags": {"a": "b"}}']),
    ]:
        for body in bodies:
            told = signed(three[0], method, path, body)
            assert told.status == 400 and told.json()["message"], f"{method} {path} {body:.60}: {told.text}"
    after = [client.get_api(**api), client.get_routes(**api), client.get_integrations(**api), client.get_stages(**api)]
    assert [plain(found) for found in after] == [plain(found) for found in before]


def signed(node, method, path, body):
    """Makes a call as no client would make it."""
    request = botocore.awsrequest.AWSRequest(method, node.admin + path, data=body)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "apigateway", "us-east-1").add_auth(request)
    return fetch(node.admin + path, method, dict(request.headers), body.encode())


def test_names_are_taken_once(client, api):
    authorizer = {"Name": "a", "AuthorizerType": "REQUEST", "AuthorizerUri": FUNCTION, "IdentitySource": []}
    integration = {**api, "IntegrationId": client.create_integration(**api, IntegrationType="MOCK")["IntegrationId"]}
    route = {**api, "RouteId": client.create_route(**api, RouteKey="$default")["RouteId"]}
    for operation, members, error in [
        ("create_authorizer", {**api, **authorizer}, BAD),
        ("create_model", {**api, "Name": "a", "Schema": '{"type": "object"}'}, CONFLICT),
        ("create_stage", {**api, "StageName": "s"}, CONFLICT),
        ("create_integration_response", {**integration, "IntegrationResponseKey": "$default"}, CONFLICT),
        ("create_route_response", {**route, "RouteResponseKey": "$default"}, CONFLICT),
    ]:
        getattr(client, operation)(**members)
        refused(lambda: getattr(client, operation)(**members), *error)


def test_keys_of_routes_that_look_alike_are_others(client, api):
    keys = ["a/b", "a%2Fb", "a%252Fb", "a%2fb", "A/b"]
    for key in keys:
        client.create_route(**api, RouteKey=key)
        refused(lambda: client.create_route(**api, RouteKey=key), *CONFLICT, f"Route with key {key} already exists for this API")
    assert sorted(route["RouteKey"] for route in client.get_routes(**api)["Items"]) == sorted(keys)


def test_an_api_has_limits(client, api):
    authorizer = {"AuthorizerType": "REQUEST", "AuthorizerUri": FUNCTION, "IdentitySource": []}
    for operation, members, most in [
        ("create_authorizer", lambda number: {"Name": f"a{number}", **authorizer}, 10),
        ("create_stage", lambda number: {"StageName": f"s{number}"}, 10),
        ("create_route", lambda number: {"RouteKey": f"r{number}"}, 300),
        ("create_integration", lambda number: {"IntegrationType": "MOCK"}, 300),
    ]:
        for number in range(most):
            getattr(client, operation)(**api, **members(number))
        kind = operation.removeprefix("create_")
        words = f"An API may have at most {most} {kind}s"
        refused(lambda: getattr(client, operation)(**api, **members(most)), *MANY, words)


def test_lists_come_in_pages(client, api):
    for number in range(5):
        client.create_route(**api, RouteKey=f"r{number}")
    seen, token = [], {}
    while True:
        page = client.get_routes(**api, MaxResults="2", **token)
        assert 1 <= len(page["Items"]) <= 2
        seen += [route["RouteKey"] for route in page["Items"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sorted(seen) == [f"r{number}" for number in range(5)]


def test_tags_are_put_on_apis_and_stages(client, api):
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    client.create_stage(**api, StageName="prod", Tags={"a": "1"})
    for resource, found in [
        (arn, lambda: client.get_api(**api)["Tags"]),
        (f"{arn}/stages/prod", lambda: client.get_stage(**api, StageName="prod")["Tags"]),
    ]:
        answer = client.tag_resource(ResourceArn=resource, Tags={"a": "2", "b": "3"})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
        assert found() == client.get_tags(ResourceArn=resource)["Tags"] == {"a": "2", "b": "3"}
        answer = client.untag_resource(ResourceArn=resource, TagKeys=["a"])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert found() == {"b": "3"}


def test_a_deleted_api_leaves_nothing(client, three):
    made = client.create_api(Name="gone", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    api = {"ApiId": made["ApiId"]}
    route = client.create_route(**api, RouteKey="$default")["RouteId"]
    client.create_stage(**api, StageName="prod")
    client.create_deployment(**api, StageName="prod")
    plans = three[1].client()
    plan = plans.create_usage_plan(name="plan", apiStages=[{"apiId": api["ApiId"], "stage": "prod"}])["id"]
    client.delete_api(**api)
    refused(lambda: client.get_route(**api, RouteId=route), *GONE)
    assert plans.get_usage_plan(usagePlanId=plan)["apiStages"] == []
    plans.delete_usage_plan(usagePlanId=plan)


def test_usage_plans_open_stages_of_websocket_apis(client, api, three):
    client.create_stage(**api, StageName="prod")
    plans = three[0].client()
    stage = {"apiId": api["ApiId"], "stage": "prod"}
    plan = plans.create_usage_plan(name="plan", apiStages=[stage])["id"]
    assert plans.get_usage_plan(usagePlanId=plan)["apiStages"] == [stage]
    refused(
        lambda: plans.create_usage_plan(name="plan", apiStages=[{**stage, "stage": "none"}]), "NotFoundException", 404
    )
    key = plans.create_api_key(name="key", stageKeys=[{"restApiId": api["ApiId"], "stageName": "prod"}])
    assert key["stageKeys"] == [f"{api['ApiId']}/prod"]
    client.delete_stage(**api, StageName="prod")
    assert plans.get_usage_plan(usagePlanId=plan)["apiStages"] == []
    plans.delete_usage_plan(usagePlanId=plan)
    plans.delete_api_key(apiKey=key["id"])


def test_the_aws_cli_builds_a_websocket_api(three):
    environment = {
        **os.environ, "AWS_ENDPOINT_URL": three[1].admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
    }

    def aws(*words):
        command = ["aws", "apigatewayv2", *words, "--output", "json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    api = aws(
        "create-api", "--name", "cli", "--protocol-type", "WEBSOCKET",
        "--route-selection-expression", "$request.body.action", "--tags", "a=b",
    )["ApiId"]
    place = ["--api-id", api]
    integration = aws(
        "create-integration", *place, "--integration-type", "MOCK", "--template-selection-expression", "200",
        "--request-templates", '{"200": "{\\"statusCode\\": 200}"}',
    )["IntegrationId"]
    route = aws("create-route", *place, "--route-key", "$default", "--target", f"integrations/{integration}")["RouteId"]
    aws("create-stage", *place, "--stage-name", "prod", "--stage-variables", "a=1,b=2")
    assert aws("create-deployment", *place, "--stage-name", "prod")["DeploymentStatus"] == "DEPLOYED"
    assert aws("get-routes", *place)["Items"][0]["RouteId"] == route
    assert aws("get-stage", *place, "--stage-name", "prod")["StageVariables"] == {"a": "1", "b": "2"}
    assert aws("delete-route", *place, "--route-id", route) is None
    aws("delete-api", *place)
