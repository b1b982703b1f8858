"""The control plane through boto3 and the AWS CLI."""

import os
import socket
import subprocess

from conftest import KEY, SECRET, build, fetch, refused


def test_an_api_built_on_one_node_is_called_on_another(three, backend):
    client = three[0].client()
    api, resource = build(client, backend)
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    # Any node takes any call, and sees what the others were told.
    second = three[1].client()
    second.put_method_response(**place, statusCode="200", responseModels={"application/json": "Empty"})
    method = three[2].client().get_method(**place)
    assert method["methodResponses"]["200"]["responseModels"] == {"application/json": "Empty"}
    assert method["methodIntegration"]["cacheNamespace"] == resource
    client.create_deployment(restApiId=api, stageName="prod")
    answer = fetch(three[2].url(api, "prod", "/pets"))
    assert answer.status == 200 and answer.json()["path"] == "/pets"


def test_the_aws_cli_builds_an_api(three, backend):
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": three[1].admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_PAGER": "",
    }

    def aws(*words):
        command = ["aws", *words, "--output", "text"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    apigateway = lambda *words: aws("apigateway", *words)
    api, root = apigateway("create-rest-api", "--name", "cli", "--query", "[id,rootResourceId]").split()
    resource = apigateway(
        "create-resource", "--rest-api-id", api, "--parent-id", root, "--path-part", "{proxy+}", "--query", "id"
    )
    place = ["--rest-api-id", api, "--resource-id", resource, "--http-method", "ANY"]
    apigateway(
        "put-method", *place, "--authorization-type", "NONE",
        "--request-parameters", "method.request.path.proxy=true",
    )
    apigateway(
        "put-integration", *place, "--type", "HTTP_PROXY", "--integration-http-method", "ANY",
        "--uri", f"http://{backend}/{{proxy}}",
        "--request-parameters", "integration.request.path.proxy=method.request.path.proxy",
    )
    apigateway("create-deployment", "--rest-api-id", api, "--stage-name", "v1")
    answer = fetch(three[2].url(api, "v1", "/a/b?x=1"), method="DELETE").json()
    assert (answer["method"], answer["path"]) == ("DELETE", "/a/b?x=1")
    apigateway("delete-rest-api", "--rest-api-id", api)
    assert fetch(three[0].url(api, "v1", "/a")).status == 403
    assert aws("sts", "get-caller-identity", "--query", "Arn") == "arn:aws:iam::000000000000:root"


def test_answers_have_awss_defaults(one, backend):
    client = one.client()
    api = client.create_rest_api(name="defaults")
    assert api["apiKeySource"] == "HEADER" and api["disableExecuteApiEndpoint"] is False
    assert api["endpointConfiguration"] == {"types": ["EDGE"], "ipAddressType": "ipv4"}
    assert "tags" not in api and "description" not in api
    assert api["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert client.get_rest_api(restApiId=api["id"])["tags"] == {}
    root = client.get_resources(restApiId=api["id"])["items"]
    assert root == [{"id": api["rootResourceId"], "path": "/"}]
    identifier, resource = build(client, backend, integration={"type": "MOCK"})
    place = {"restApiId": identifier, "resourceId": resource, "httpMethod": "GET"}
    integration = client.get_integration(**place)
    integration.pop("ResponseMetadata")
    assert integration == {
        "type": "MOCK", "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000,
        "cacheNamespace": resource, "cacheKeyParameters": [],
    }
    deployment = client.create_deployment(restApiId=identifier)
    stage = client.create_stage(restApiId=identifier, stageName="s", deploymentId=deployment["id"])
    assert stage["cacheClusterStatus"] == "NOT_AVAILABLE" and stage["methodSettings"] == {}
    summary = client.get_deployment(restApiId=identifier, deploymentId=deployment["id"], embed=["apisummary"])
    assert summary["apiSummary"] == {"/pets": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    policy = '{"Version": "2012-10-17"}'
    with_policy = client.create_rest_api(name="policy", policy=policy, endpointConfiguration={"types": ["PRIVATE"]})
    assert with_policy["policy"] == '{\\"Version\\":\\"2012-10-17\\"}'
    assert with_policy["endpointConfiguration"]["ipAddressType"] == "dualstack"


def test_refusals_have_awss_words(one, backend):
    client = one.client()
    api, resource = build(client, backend)
    root = client.get_resources(restApiId=api)["items"]
    root = next(item["id"] for item in root if item["path"] == "/")
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    create = lambda **words: lambda: client.create_rest_api(**{"name": "x", **words})
    under = lambda parent, part: lambda: client.create_resource(restApiId=api, parentId=parent, pathPart=part)
    put = lambda **words: lambda: client.put_integration(**place, **words)
    proxy = client.create_resource(restApiId=api, parentId=root, pathPart="{proxy+}")["id"]
    patch = lambda call, path, op="replace", **words: lambda: call(
        patchOperations=[{"op": op, "path": path, "value": "x"}], **words
    )
    rows = [
        (lambda: client.get_rest_api(restApiId="none"), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (lambda: client.get_resources(restApiId="none"), "NotFoundException", 404,
         "Invalid Resource identifier specified"),
        (lambda: client.get_method(**{**place, "httpMethod": "PUT"}), "NotFoundException", 404,
         "Invalid Method identifier specified"),
        (create(description=""), "BadRequestException", 400, "Description cannot be an empty string"),
        (create(endpointConfiguration={"types": ["EDGE", "REGIONAL"]}), "BadRequestException", 400,
         "Cannot create an api with multiple Endpoint Types."),
        (create(minimumCompressionSize=-1), "BadRequestException", 400,
         "Invalid minimum compression size, must be between 0 and 10485760"),
        (under(root, "pets"), "ConflictException", 409,
         "Another resource with the same parent already has this name: pets"),
        (under(root, "{id}"), "BadRequestException", 400,
         "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed"),
        (under(proxy, "x"), "BadRequestException", 400,
         "Cannot create a child of a resource with a greedy path variable: {proxy+}"),
        (lambda: client.put_method(**place, authorizationType="NONE"), "ConflictException", 409,
         "Method already exists for this resource"),
        (put(type="HTTP_PROXY", uri="http://h"), "BadRequestException", 400,
         "Enumeration value for HttpMethod must be non-empty"),
        (put(type="HTTP", integrationHttpMethod="GET", uri="h"), "BadRequestException", 400,
         "Invalid HTTP endpoint specified for URI"),
        (put(type="wrong"), "ValidationException", 400,
         "1 validation error detected: Value 'wrong' at 'putIntegrationInput.type' failed to satisfy constraint: "
         "Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"),
        (lambda: client.create_stage(restApiId=api, stageName="s", deploymentId="none"), "BadRequestException", 400,
         "Deployment id does not exist"),
        (put(type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://h/{id}",
             requestParameters={"integration.request.path.id": "method.request.path.id"}), "BadRequestException", 400,
         "Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping "
         "expression parameter specified: method.request.path.id]"),
        (lambda: client.get_rest_api(restApiId=api + "/resources/" + resource), "NotFoundException", 404, None),
        (patch(client.update_rest_api, "/x", restApiId=api), "BadRequestException", 400, "Invalid patch path /x"),
        (patch(client.update_rest_api, "/name", op="add", restApiId=api), "BadRequestException", 400,
         "Invalid patch operation specified. Must be one of: [replace]"),
        (patch(client.update_resource, "/x", restApiId=api, resourceId=resource), "BadRequestException", 400,
         "Invalid patch path  '/x' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"),
        (patch(client.update_resource, "/pathPart", restApiId=api, resourceId=root), "BadRequestException", 400,
         "Root resource cannot update its pathPart."),
    ]
    for call, code, status, message in rows:
        refused(call, code, status, message)


def test_a_patch_is_made_whole_or_not_at_all(one):
    client = one.client()
    api = client.create_rest_api(name="before")["id"]
    operations = [
        {"op": "replace", "path": "/name", "value": "after"},
        {"op": "replace", "path": "/nowhere", "value": "x"},
    ]
    refused(lambda: client.update_rest_api(restApiId=api, patchOperations=operations), "BadRequestException", 400)
    assert client.get_rest_api(restApiId=api)["name"] == "before"
    assert client.update_rest_api(restApiId=api, patchOperations=operations[:1])["name"] == "after"


def test_lists_come_in_pages(one):
    client = one.client()
    api = client.create_rest_api(name="pages")
    for number in range(7):
        client.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart=f"r{number}")
    pages = client.get_paginator("get_resources").paginate(restApiId=api["id"], PaginationConfig={"PageSize": 3})
    sizes = [len(page["items"]) for page in pages]
    assert sizes == [3, 3, 2]


def test_a_deployment_in_use_stays_and_a_removed_one_is_gone(one, backend):
    client = one.client()
    api, _ = build(client, backend)
    first = client.create_deployment(restApiId=api, stageName="s")["id"]
    delete = lambda: client.delete_deployment(restApiId=api, deploymentId=first)
    refused(delete, "BadRequestException", 400, "Active stages pointing to this deployment must be moved or deleted")
    client.create_deployment(restApiId=api, stageName="s")
    delete()
    refused(delete, "NotFoundException", 404, "Invalid Deployment identifier specified")


def test_removing_a_resource_removes_what_is_below(one, backend):
    client = one.client()
    api, resource = build(client, backend)
    child = client.create_resource(restApiId=api, parentId=resource, pathPart="{id}")["id"]
    client.delete_resource(restApiId=api, resourceId=resource)
    for gone in (resource, child):
        refused(lambda: client.get_resource(restApiId=api, resourceId=gone), "NotFoundException", 404)
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    client.create_resource(restApiId=api, parentId=root, pathPart="pets")


def test_who_does_not_sign_rightly_gets_nothing(one):
    unsigned = fetch(one.admin + "/restapis")
    assert unsigned.status == 403 and unsigned.json() == {"message": "Missing Authentication Token"}
    assert unsigned.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    refused(one.client(secret="wrong").get_rest_apis, "InvalidSignatureException", 403)
    refused(one.client(key="AKIAUNKNOWN").get_rest_apis, "UnrecognizedClientException", 403,
            "The security token included in the request is invalid.")
    refused(one.client("sts", secret="wrong").get_caller_identity, "SignatureDoesNotMatch", 403)
    refused(one.client("sts", key="AKIAUNKNOWN").get_caller_identity, "InvalidClientTokenId", 403,
            "The security token included in the request is invalid.")
    # A signature that was made for another service is none for this one.
    refused(one.client(signature="execute-api").get_rest_apis, "InvalidSignatureException", 403,
            "Credential should be scoped to correct service: 'apigateway'. ")
    # A stranger's body is not read: the answer comes while it is still due.
    host, port = one.address("admin").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"POST /restapis HTTP/1.1\r\nHost: h\r\nContent-Length: 6000000\r\n\r\n")
        assert b" 403 " in raw.recv(4096)


def test_bad_bodies_are_told(tmp_path):
    from conftest import Node

    node = Node(tmp_path, 1, environment={"TURNPIKE_ADMIN_AUTH": "off"}).start().wait_ready()
    try:
        post = lambda body: fetch(node.admin + "/restapis", method="POST", body=body)
        for body, code in [
            (b"{", "SerializationException"),
            (b'{"name": true}', "SerializationException"),
            (b'{"name": 5}', "SerializationException"),
            (b"[" * 200_000, "SerializationException"),
            (b"{}", "BadRequestException"),
            (b'{"name": "' + b"x" * 2000 + b'"}', "BadRequestException"),
        ]:
            answer = post(body)
            assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (400, code), body[:40]
        assert post(b'{"name": true}').json()["message"] == (
            "class java.lang.Boolean can not be converted to an String"
        )
        assert post(b'{"name": "fine", "unknown": 1}').status == 201
        assert post(b"x" * (7 * 1024 * 1024)).status == 413
        assert fetch(node.admin + "/nowhere").status == 404
        assert fetch(node.admin + "/health/ready").json() == {"status": "ok"}
    finally:
        assert node.stop() == 0


def test_a_wrong_setting_is_told_in_one_line(tmp_path):
    def run(*arguments, **environment):
        from conftest import BINARY

        done = subprocess.run(
            [BINARY, "serve", "--data", str(tmp_path / "d"), *arguments],
            env={**os.environ, **environment}, capture_output=True, text=True, timeout=30, check=False,
        )
        assert done.returncode != 0
        return done.stderr

    assert "--bootstrap" in run() and "--join" in run()
    assert "twelve digits" in run("--bootstrap", "--account", "1")
    off = run("--bootstrap", "--admin", "0.0.0.0:0", TURNPIKE_ADMIN_AUTH="off")
    assert "loopback" in off and len(off.strip().splitlines()) == 1
    assert "16 characters" in run("--bootstrap", TURNPIKE_CLUSTER_SECRET="short")
    assert "--gateway" in run("--bootstrap", "--gateway", "nonsense")


def test_a_deployment_that_is_answered_is_served_by_every_node(three, backend):
    """A thousand in a row, through each node in turn; each is looked for at once on the two others."""
    clients = [node.client() for node in three]
    api, resource = build(clients[0], backend)
    for number in range(1000):
        taker = number % 3
        clients[taker].put_integration(
            restApiId=api, resourceId=resource, httpMethod="GET", type="HTTP_PROXY", integrationHttpMethod="GET",
            uri=f"http://{backend}/{number}",
        )
        clients[taker].create_deployment(restApiId=api, stageName="prod")
        for node in (three[taker - 1], three[taker - 2]):
            assert fetch(node.url(api, "prod", "/pets")).json()["path"] == f"/{number}", f"deployment {number}"


def test_a_clone_has_everything_below_its_original_under_new_ids(three, backend):
    client = three[0].client()
    integration = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": f"http://{backend}/any"}
    original, resource = build(client, backend, path="{id}", integration=integration)
    client.update_rest_api(
        restApiId=original,
        patchOperations=[{"op": "add", "path": "/binaryMediaTypes/image~1png"}],
    )
    clone = three[1].client().create_rest_api(name="clone", cloneFrom=original)
    assert clone["binaryMediaTypes"] == ["image/png"]
    paths = lambda api: {
        item["path"]: item for item in three[2].client().get_resources(restApiId=api, embed=["methods"])["items"]
    }
    ours, theirs = paths(clone["id"]), paths(original)
    assert set(ours) == set(theirs) == {"/", "/{id}"}
    assert {item["id"] for item in ours.values()}.isdisjoint(item["id"] for item in theirs.values())
    mine, other = (item["/{id}"]["resourceMethods"]["GET"]["methodIntegration"] for item in (ours, theirs))
    assert mine.pop("cacheNamespace") == ours["/{id}"]["id"] and other.pop("cacheNamespace") == resource
    assert mine == other
    # The copy lives on its own, and its path parts are taken as the original's are.
    refused(
        lambda: client.create_resource(restApiId=clone["id"], parentId=clone["rootResourceId"], pathPart="{other}"),
        "BadRequestException", 400,
    )
    client.delete_rest_api(restApiId=original)
    client.create_deployment(restApiId=clone["id"], stageName="live")
    assert fetch(three[2].url(clone["id"], "live", "/7")).status == 200
    refused(
        lambda: client.create_rest_api(name="clone", cloneFrom="nothing000"), "NotFoundException", 404,
        "Invalid API identifier specified 000000000000:nothing000",
    )
