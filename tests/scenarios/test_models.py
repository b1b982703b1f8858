"""Models, request validators, gateway responses and authorizers through boto3."""

import json
import threading

import botocore.exceptions
import pytest

from conftest import build, plain, refused, replace

DRAFT = "http://json-schema.org/draft-04/schema#"
POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abc"
FUNCTION = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
    "arn:aws:lambda:us-east-1:000000000000:function:authorize/invocations"
)


@pytest.fixture
def api(turns):
    return turns.create_rest_api(name="models")["id"]


def method_of(turns, api, **words):
    """A method on the root."""
    root = turns.get_resources(restApiId=api)["items"][0]["id"]
    place = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    turns.put_method(**place, **{"authorizationType": "NONE", **words})
    return place


def address(api, name):
    return f"https://apigateway.amazonaws.com/restapis/{api}/models/{name}"


def test_models_are_made_changed_and_deleted(turns, api):
    schema = json.dumps({"$schema": DRAFT, "type": "object", "properties": {"name": {"type": "string"}}})
    made = turns.create_model(restApiId=api, name="Pet", contentType="application/json", schema=schema, description="")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert plain(made) == {"id": made["id"], "name": "Pet", "contentType": "application/json", "schema": schema}
    assert plain(turns.get_model(restApiId=api, modelName="Pet")) == plain(made)
    assert [item["name"] for item in turns.get_models(restApiId=api)["items"]] == ["Empty", "Error", "Pet"]
    pages = turns.get_paginator("get_models").paginate(restApiId=api, PaginationConfig={"PageSize": 1})
    assert [item["name"] for page in pages for item in page["items"]] == ["Empty", "Error", "Pet"]
    changed = turns.update_model(
        restApiId=api, modelName="Pet",
        patchOperations=replace("/description", "a pet") + replace("/schema", '{"type": "array"}'),
    )
    assert (changed["description"], changed["schema"]) == ("a pet", '{"type": "array"}')
    assert plain(turns.get_model(restApiId=api, modelName="Pet")) == plain(changed)
    done = turns.delete_model(restApiId=api, modelName="Pet")
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 202
    missing = "Invalid model name specified: Pet"
    refused(lambda: turns.get_model(restApiId=api, modelName="Pet"), "NotFoundException", 404, missing)
    refused(lambda: turns.delete_model(restApiId=api, modelName="Pet"), "NotFoundException", 404, missing)
    refused(
        lambda: turns.update_model(restApiId=api, modelName="Pet", patchOperations=[]), "NotFoundException", 404, missing
    )
    refused(lambda: turns.get_model_template(restApiId=api, modelName="Pet"), "NotFoundException", 404, missing)


def test_models_are_refused_in_awss_words(turns, api):
    def create(name="M", schema='{"type": "object"}', **words):
        words = {"restApiId": api, "contentType": "application/json", **words}
        return lambda: turns.create_model(name=name, schema=schema, **words)

    def patch(path, value="x", op="replace"):
        operation = {"op": op, "path": path, "value": value}
        return lambda: turns.update_model(restApiId=api, modelName="Empty", patchOperations=[operation])

    empty = "Model schema must have at least 1 property or array items defined"
    invalid = "Invalid model specified: Validation Result: warnings : [], errors : [{}]".format
    for call, code, status, message in [
        (create(restApiId="none"), "NotFoundException", 404, "Invalid API identifier specified 000000000000:none"),
        (create("Empty"), "ConflictException", 409, "Model name already exists for this REST API"),
        (create(""), "BadRequestException", 400, "Model name must be non-empty"),
        (create("a-b"), "BadRequestException", 400, "Model name must be alphanumeric: a-b"),
        (create(schema=""), "BadRequestException", 400, empty),
        (create(schema="{}"), "BadRequestException", 400, empty),
        (create(schema="text"), "BadRequestException", 400, invalid("Invalid model schema specified")),
        (create(schema='{"type": "x"}'), "BadRequestException", 400, invalid("Invalid model schema specified")),
        (create(schema='{"a":' * 200 + "1" + "}" * 200), "BadRequestException", 400, None),
        (create(schema='{"$ref": "http://example.com/"}'), "BadRequestException", 400,
         invalid("Invalid model schema specified, Model reference must be in canonical form")),
        (create(schema=json.dumps({"$ref": address(api, "None")})), "BadRequestException", 400,
         invalid("Invalid model reference specified: " + address(api, "None"))),
        (create(schema=json.dumps({"$ref": address("other", "Empty")})), "BadRequestException", 400, None),
        (patch("/name"), "BadRequestException", 400,
         "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]"),
        (patch("/schema", op="add"), "BadRequestException", 400,
         "Invalid patch path  '/schema' specified for op 'add'. Please choose supported operations"),
        (patch("/schema", ""), "BadRequestException", 400, empty),
    ]:
        refused(call, code, status, message)
    assert len(turns.get_models(restApiId=api)["items"]) == 2


def test_models_that_refer_to_each_other_are_flattened(turns, api):
    create = lambda name, schema: turns.create_model(
        restApiId=api, name=name, contentType="application/json", schema=json.dumps(schema)
    )
    create("Pet", {"type": "object", "properties": {"name": {"type": "string"}}})
    create("Pets", {"type": "array", "items": {"$ref": address(api, "Pet")}})
    flat = json.loads(turns.get_model(restApiId=api, modelName="Pets", flatten=True)["schema"])
    pet = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert flat == {"type": "array", "items": {"$ref": "#/definitions/Pet"}, "definitions": {"Pet": pet}}
    # A circle neither hangs nor grows.
    circle = json.dumps({"properties": {"others": {"$ref": address(api, "Pets")}, "self": {"$ref": address(api, "Pet")}}})
    turns.update_model(restApiId=api, modelName="Pet", patchOperations=replace("/schema", circle))
    flat = json.loads(turns.get_model(restApiId=api, modelName="Pets", flatten=True)["schema"])
    assert flat["definitions"]["Pet"]["properties"] == {"others": {"$ref": "#"}, "self": {"$ref": "#/definitions/Pet"}}
    assert json.loads(turns.get_model(restApiId=api, modelName="Pets")["schema"])["items"] == {"$ref": address(api, "Pet")}
    refused(
        lambda: turns.delete_model(restApiId=api, modelName="Pet"), "ConflictException", 409,
        "Cannot delete model 'Pet', is referenced in model: Pets",
    )
    template = turns.get_model_template(restApiId=api, modelName="Pets")["value"]
    assert template.startswith("#set($inputRoot = $input.path('$'))\n[\n##TODO") and len(template) < 200_000
    template = turns.get_model_template(restApiId=api, modelName="Empty")["value"]
    assert template == "#set($inputRoot = $input.path('$'))\n{ }"


def test_a_model_in_use_is_not_deleted(turns, api):
    place = method_of(turns, api, requestModels={"application/json": "Empty"})
    turns.put_method_response(**place, statusCode="200", responseModels={"application/json": "Error"})
    delete = lambda name: lambda: turns.delete_model(restApiId=api, modelName=name)
    refused(delete("Empty"), "ConflictException", 409,
            "Cannot delete model 'Empty', is referenced in method request: //GET")
    refused(delete("Error"), "ConflictException", 409,
            "Cannot delete model 'Error', is referenced in method response: //GET")
    turns.delete_method(**place)
    delete("Empty")()
    unknown = "Invalid model identifier specified: Empty"
    refused(lambda: turns.put_method(**place, authorizationType="NONE", requestModels={"application/json": "Empty"}),
            "BadRequestException", 400, unknown)


def test_a_reference_and_its_deletion_never_both_succeed(three, turns):
    """A method that names a model, made on one node while another deletes the model."""
    for attempt in range(8):
        api = turns.create_rest_api(name=f"race {attempt}")["id"]
        root = turns.get_resources(restApiId=api)["items"][0]["id"]
        validator = turns.create_request_validator(restApiId=api, name="v")["id"]
        results = {}

        def run(name, call):
            try:
                call()
                results[name] = True
            except botocore.exceptions.ClientError as error:
                results[name] = error.response["Error"]["Message"]

        first, second, third = (node.client() for node in three)
        threads = [
            threading.Thread(target=run, args=("put", lambda: first.put_method(
                restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE",
                requestModels={"application/json": "Empty"}, requestValidatorId=validator))),
            threading.Thread(target=run, args=("model", lambda: second.delete_model(restApiId=api, modelName="Empty"))),
            threading.Thread(target=run, args=("validator", lambda: third.delete_request_validator(
                restApiId=api, requestValidatorId=validator))),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if results["put"] is True:
            assert results["model"] is not True and results["validator"] is not True, results
        else:
            assert True in (results["model"], results["validator"]), results


def test_request_validators(turns, api):
    made = turns.create_request_validator(restApiId=api, name="all", validateRequestBody=True)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {"id": made["id"], "name": "all", "validateRequestBody": True, "validateRequestParameters": False}
    assert plain(made) == expected
    here = {"restApiId": api, "requestValidatorId": made["id"]}
    assert plain(turns.get_request_validator(**here)) == expected
    changed = turns.update_request_validator(
        **here, patchOperations=replace("/name", "x") + replace("/validateRequestBody", "yes")
    )
    assert (changed["name"], changed["validateRequestBody"]) == ("x", False)
    second = turns.create_request_validator(restApiId=api)
    assert "name" not in second
    pages = turns.get_paginator("get_request_validators").paginate(restApiId=api, PaginationConfig={"PageSize": 1})
    assert {item["id"] for page in pages for item in page["items"]} == {made["id"], second["id"]}
    missing = "Invalid Request Validator identifier specified"
    patch = lambda path, value="": lambda: turns.update_request_validator(**here, patchOperations=replace(path, value))
    place = method_of(turns, api, requestValidatorId=made["id"])
    for call, code, status, message in [
        (lambda: turns.create_request_validator(restApiId="none"), "BadRequestException", 400,
         "Invalid REST API identifier specified"),
        (lambda: turns.get_request_validators(restApiId="none"), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (lambda: turns.get_request_validator(restApiId="none", requestValidatorId="x"), "NotFoundException", 404, missing),
        (lambda: turns.update_method(**place, patchOperations=replace("/requestValidatorId", "none")),
         "BadRequestException", 400, missing),
        (patch("/name"), "BadRequestException", 400, "Request Validator name cannot be blank"),
        (patch("/x"), "BadRequestException", 400,
         "Invalid patch path  '/x' specified for op 'replace'. Must be one of: "
         "[/name, /validateRequestParameters, /validateRequestBody]"),
        (lambda: turns.delete_request_validator(**here), "ConflictException", 409,
         f"Cannot delete request validator '{made['id']}', is referenced in method: GET//"),
    ]:
        refused(call, code, status, message)
    assert turns.get_method(**place)["requestValidatorId"] == made["id"]
    assert "requestValidatorId" not in turns.update_method(**place, patchOperations=replace("/requestValidatorId", ""))
    assert turns.delete_request_validator(**here)["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(lambda: turns.delete_request_validator(**here), "NotFoundException", 404, missing)


def test_gateway_responses(turns, api):
    template = '{"message":$context.error.messageString}'
    all_of_them = lambda: turns.get_gateway_responses(restApiId=api)["items"]
    items = all_of_them()
    assert len(items) == 21 and all(item["defaultResponse"] for item in items)
    assert [item["responseType"] for item in items] == sorted(item["responseType"] for item in items)
    here = {"restApiId": api, "responseType": "THROTTLED"}
    default = {
        "responseType": "THROTTLED", "statusCode": "429", "responseParameters": {},
        "responseTemplates": {"application/json": template}, "defaultResponse": True,
    }
    assert plain(turns.get_gateway_response(**here)) == default
    assert "statusCode" not in turns.get_gateway_response(restApiId=api, responseType="DEFAULT_4XX")
    undefined = "Gateway response type not defined on api"
    refused(lambda: turns.delete_gateway_response(**here), "NotFoundException", 404, undefined)
    put = turns.put_gateway_response(**here, responseParameters={"gatewayresponse.header.X": "'x'"})
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 201
    changed = {**default, "responseParameters": {"gatewayresponse.header.X": "'x'"}, "defaultResponse": False}
    assert plain(put) == changed and plain(turns.get_gateway_response(**here)) == changed
    # A patch starts from the default where nothing was put.
    patched = turns.update_gateway_response(
        restApiId=api, responseType="UNAUTHORIZED", patchOperations=replace("/statusCode", "444")
    )
    assert (patched["statusCode"], patched["responseTemplates"]) == ("444", {"application/json": template})
    assert sum(not item["defaultResponse"] for item in all_of_them()) == 2
    bad = lambda op, path, value="x": lambda: turns.update_gateway_response(
        **here, patchOperations=[{"op": op, "path": path, "value": value}]
    )
    for call, code, status, message in [
        (lambda: turns.get_gateway_responses(restApiId="none"), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (bad("add", "/statusCode"), "BadRequestException", 400, "Invalid patch path /statusCode"),
        (bad("replace", "/responseTemplates/text~1plain"), "NotFoundException", 404,
         "Content-Type specified was not found"),
        (bad("replace", "/x"), "BadRequestException", 400, "Invalid patch path /x"),
        (lambda: turns.put_gateway_response(**here, responseParameters={"x": "'x'"}), "BadRequestException", 400, None),
        (lambda: turns.put_gateway_response(**here, statusCode="99"), "ValidationException", 400, None),
        (lambda: turns.get_gateway_response(restApiId=api, responseType="NONE"), "ValidationException", 400,
         "1 validation error detected: Value 'NONE' at 'responseType' failed to satisfy constraint: Member must satisfy "
         "enum value set: [REQUEST_TOO_LARGE, RESOURCE_NOT_FOUND, AUTHORIZER_CONFIGURATION_ERROR, "
         "MISSING_AUTHENTICATION_TOKEN, BAD_REQUEST_BODY, INVALID_SIGNATURE, INVALID_API_KEY, BAD_REQUEST_PARAMETERS, "
         "AUTHORIZER_FAILURE, UNAUTHORIZED, INTEGRATION_TIMEOUT, ACCESS_DENIED, DEFAULT_4XX, DEFAULT_5XX, WAF_FILTERED, "
         "QUOTA_EXCEEDED, THROTTLED, API_CONFIGURATION_ERROR, UNSUPPORTED_MEDIA_TYPE, INTEGRATION_FAILURE, "
         "EXPIRED_TOKEN]"),
    ]:
        refused(call, code, status, message)
    assert plain(turns.get_gateway_response(**here)) == changed
    assert turns.delete_gateway_response(**here)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert plain(turns.get_gateway_response(**here)) == default
    refused(lambda: turns.delete_gateway_response(**here), "NotFoundException", 404, undefined)


def test_authorizers(turns, api):
    create = lambda name, kind, **words: turns.create_authorizer(restApiId=api, name=name, type=kind, **words)
    token = create("token", "TOKEN", authorizerUri=FUNCTION, identitySource="method.request.header.Token")
    assert token["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {
        "id": token["id"], "name": "token", "type": "TOKEN", "authType": "custom", "authorizerUri": FUNCTION,
        "identitySource": "method.request.header.Token",
    }
    assert plain(token) == expected
    here = {"restApiId": api, "authorizerId": token["id"]}
    assert plain(turns.get_authorizer(**here)) == expected
    sources = "method.request.header.A, method.request.querystring.b,context.identity.sourceIp"
    request = create("request", "REQUEST", authorizerUri=FUNCTION, identitySource=sources, authorizerResultTtlInSeconds=0)
    assert (request["identitySource"], request["authorizerResultTtlInSeconds"]) == (sources, 0)
    pool = create("pool", "COGNITO_USER_POOLS", providerARNs=[POOL])
    assert (pool["authType"], pool["providerARNs"]) == ("cognito_user_pools", [POOL])
    pages = turns.get_paginator("get_authorizers").paginate(restApiId=api, PaginationConfig={"PageSize": 2})
    assert {item["name"] for page in pages for item in page["items"]} == {"token", "request", "pool"}
    changed = turns.update_authorizer(
        **here, patchOperations=replace("/authorizerResultTtlInSeconds", "60") + replace("/name", "renamed")
        + replace("/identityValidationExpression", "^Bearer .+")
    )
    assert plain(changed) == {
        **expected, "name": "renamed", "authorizerResultTtlInSeconds": 60, "identityValidationExpression": "^Bearer .+",
    }
    second = POOL + "2"
    arns = lambda op, value: turns.update_authorizer(
        restApiId=api, authorizerId=pool["id"], patchOperations=[{"op": op, "path": "/providerARNs", "value": value}]
    )["providerARNs"]
    assert arns("add", second) == [POOL, second] and arns("remove", POOL) == [second]

    no_authorizer = (
        "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a "
        "valid authorizer."
    )
    place = method_of(turns, api, authorizationType="CUSTOM", authorizerId=token["id"])
    assert turns.get_method(**place)["authorizerId"] == token["id"]
    patch = lambda path, value, which=token: lambda: turns.update_authorizer(
        restApiId=api, authorizerId=which["id"], patchOperations=replace(path, value)
    )
    method = lambda path, value: lambda: turns.update_method(**place, patchOperations=replace(path, value))
    missing = "Invalid Authorizer identifier specified"
    taken = "Authorizer name must be unique. Authorizer pool already exists in this RestApi."
    for call, code, status, message in [
        (lambda: turns.create_authorizer(restApiId="none", name="x", type="TOKEN", authorizerUri=FUNCTION),
         "ConflictException", 409,
         "Unable to complete operation due to concurrent modification. Please try again later."),
        (lambda: turns.get_authorizers(restApiId="none"), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (lambda: turns.get_authorizer(restApiId=api, authorizerId="none"), "NotFoundException", 404, missing),
        (lambda: create("x", "WRONG"), "ValidationException", 400, None),
        (lambda: create("pool", "TOKEN", authorizerUri=FUNCTION), "BadRequestException", 400, taken),
        (patch("/name", "pool"), "BadRequestException", 400, taken),
        (lambda: create("x", "TOKEN"), "BadRequestException", 400, None),
        (lambda: create("x", "TOKEN", authorizerUri="http://x"), "BadRequestException", 400,
         "Invalid Authorizer URI: http://x. Authorizer URI should be a valid API Gateway ARN that represents a Lambda "
         "function invocation."),
        (lambda: create("x", "REQUEST", authorizerUri=FUNCTION), "BadRequestException", 400, None),
        (lambda: create("x", "COGNITO_USER_POOLS"), "BadRequestException", 400, None),
        (lambda: create("x", "COGNITO_USER_POOLS", providerARNs=["x"]), "BadRequestException", 400, None),
        (patch("/authorizerResultTtlInSeconds", "3601"), "BadRequestException", 400, None),
        (patch("/authorizerResultTtlInSeconds", "300", request), None, None, None),
        (patch("/identitySource", "plain"), "BadRequestException", 400, None),
        (patch("/type", "COGNITO_USER_POOLS"), "BadRequestException", 400, None),
        (patch("/x", "x"), "BadRequestException", 400, None),
        (method("/authorizerId", "none"), "BadRequestException", 400, no_authorizer),
        # Its type does not fit.
        (method("/authorizerId", pool["id"]), "BadRequestException", 400, no_authorizer),
        (method("/authorizationType", "COGNITO_USER_POOLS"), "BadRequestException", 400, no_authorizer),
        (lambda: turns.delete_authorizer(**here), "ConflictException", 409,
         "Cannot delete authorizer 'renamed', is referenced in method: GET//"),
    ]:
        if code is None:
            call()
        else:
            refused(call, code, status, message)
    assert plain(turns.get_authorizer(**here)) == plain(changed)
    turns.update_method(
        **place,
        patchOperations=replace("/authorizationType", "COGNITO_USER_POOLS") + replace("/authorizerId", pool["id"]),
    )
    assert turns.delete_authorizer(**here)["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(lambda: turns.delete_authorizer(**here), "NotFoundException", 404, missing)
    # An authorizer where none is used is ignored, and forgotten.
    method("/authorizationType", "NONE")()
    assert "authorizerId" not in turns.get_method(**place)
    turns.delete_authorizer(restApiId=api, authorizerId=pool["id"])


def test_a_name_is_given_to_one_authorizer_only(three, turns, api):
    results = []

    def create(client):
        try:
            results.append(client.create_authorizer(restApiId=api, name="same", type="TOKEN", authorizerUri=FUNCTION)["id"])
        except botocore.exceptions.ClientError as error:
            results.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create, args=(node.client(),)) for node in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns.get_authorizers(restApiId=api)["items"]) == 1, results
    assert sorted(len(result) for result in results)[0] == 6, results


def test_a_deployment_takes_all_of_it(turns, backend):
    """What an API has besides methods is part of what is deployed."""
    api, resource = build(turns, backend)
    turns.create_request_validator(restApiId=api, name="v")
    turns.put_gateway_response(restApiId=api, responseType="DEFAULT_4XX", statusCode="418")
    turns.create_authorizer(restApiId=api, name="a", type="TOKEN", authorizerUri=FUNCTION)
    assert turns.create_deployment(restApiId=api, stageName="prod")["id"]
    turns.delete_rest_api(restApiId=api)
    refused(lambda: turns.get_models(restApiId=api), "NotFoundException", 404)
