"""OpenAPI in and out and in again: what is imported from an export is the same API."""

import json

import pytest

LAMBDA = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f/invocations"

PETS = {
    "openapi": "3.0.1",
    "info": {"title": "round trip", "description": "There and back", "version": "1.0"},
    "paths": {
        "/pets": {
            "get": {
                "operationId": "listPets",
                "parameters": [
                    {"name": "kind", "in": "query", "required": True, "schema": {"type": "string"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "responses": {
                    "200": {
                        "description": "200 response",
                        "headers": {"X-Why": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pets"}}},
                    },
                    "404": {"description": "404 response"},
                },
                "security": [{"token": []}, {"api_key": []}],
                "x-amazon-apigateway-integration": {
                    "type": "http",
                    "httpMethod": "GET",
                    "uri": "http://pets.example.com/",
                    "timeoutInMillis": 5000,
                    "cacheKeyParameters": ["method.request.querystring.kind"],
                    "requestParameters": {
                        "integration.request.querystring.kind": "method.request.querystring.kind"
                    },
                    "responses": {
                        "default": {"statusCode": "200", "responseParameters": {"method.response.header.X-Why": "'so'"}},
                        "404": {"statusCode": "404", "responseTemplates": {"application/json": "#set($a = 1)\n$a\n"}},
                    },
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
                "responses": {"201": {"description": "201 response"}},
                "security": [{"sigv4": []}],
                "x-amazon-apigateway-request-validator": "all of it",
                "x-amazon-apigateway-integration": {
                    "type": "mock",
                    "passthroughBehavior": "never",
                    "requestTemplates": {"application/json": '{"statusCode": 201}'},
                    "responses": {"default": {"statusCode": "201"}},
                },
            },
        },
        "/pets/{proxy+}": {
            "x-amazon-apigateway-any-method": {
                "parameters": [{"name": "proxy", "in": "path", "required": True, "schema": {"type": "string"}}],
                "responses": {},
                "security": [{"pool": ["pets/read"]}],
                "x-amazon-apigateway-integration": {"type": "aws_proxy", "httpMethod": "POST", "uri": LAMBDA},
            }
        },
    },
    "components": {
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "integer"}, "parent": {"$ref": "#/components/schemas/Pet"}},
            },
            "Pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}},
            "Unused": {"type": "string", "description": "Nobody's"},
        },
        "securitySchemes": {
            "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            "sigv4": {
                "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"
            },
            "token": {
                "type": "apiKey", "name": "X-Token", "in": "header", "x-amazon-apigateway-authtype": "oauth2",
                "x-amazon-apigateway-authorizer": {
                    "type": "token", "authorizerUri": LAMBDA, "authorizerResultTtlInSeconds": 60,
                    "identityValidationExpression": "^x.*$",
                },
            },
            "pool": {
                "type": "apiKey", "name": "Authorization", "in": "header",
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": {
                    "type": "cognito_user_pools",
                    "providerARNs": ["arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a"],
                },
            },
            "nobody's": {
                "type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {
                    "type": "request", "authorizerUri": LAMBDA, "identitySource": "method.request.querystring.a",
                },
            },
        },
    },
    "x-amazon-apigateway-api-key-source": "AUTHORIZER",
    "x-amazon-apigateway-binary-media-types": ["image/*"],
    "x-amazon-apigateway-minimum-compression-size": 512,
    "x-amazon-apigateway-policy": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}],
    },
    "x-amazon-apigateway-request-validators": {
        "all of it": {"validateRequestBody": True, "validateRequestParameters": True}
    },
    "x-amazon-apigateway-gateway-responses": {
        "UNAUTHORIZED": {
            "statusCode": 401,
            "responseParameters": {"gatewayresponse.header.X-Why": "'who'"},
            "responseTemplates": {"application/json": "{}"},
        }
    },
}


def imported(node, document):
    return node.client().import_rest_api(body=document)["id"]


def exported(node, api, kind, accepts):
    client = node.client()
    client.create_deployment(restApiId=api, stageName="prod")
    answer = client.get_export(
        restApiId=api, stageName="prod", exportType=kind, accepts=accepts, parameters={"extensions": "apigateway"}
    )
    return answer["body"].read()


def comparable(document, api):
    """What of a document is not the id of the API."""
    return json.loads(document.replace(api.encode(), b"ID"))


def described(node, api):
    """All of an API, with names in the place of ids."""
    client = node.client()
    names = {api: "API"}

    def listed(call, key="items"):
        return call(restApiId=api, limit=500)[key]

    for call in (client.get_authorizers, client.get_request_validators):
        names.update({item["id"]: item["name"] for item in listed(call)})
    resources = listed(lambda **place: client.get_resources(**place, embed=["methods"]))
    names.update({resource["id"]: resource["path"] for resource in resources})
    whole = {
        "api": client.get_rest_api(restApiId=api),
        "resources": sorted(resources, key=lambda resource: resource["path"]),
    }
    for part, call in {
        "models": client.get_models, "authorizers": client.get_authorizers,
        "validators": client.get_request_validators, "responses": client.get_gateway_responses,
    }.items():
        items = listed(call)
        for item in items:
            if part == "models":
                item["schema"] = json.loads(item["schema"].replace(api, "API"))
        whole[part] = sorted(items, key=lambda item: item.get("name") or item["responseType"])

    def named(value):
        if isinstance(value, dict):
            left_out = ("ResponseMetadata", "createdDate", "warnings")
            generated = ("id",) if "schema" in value else ()
            return {key: named(inner) for key, inner in value.items() if key not in left_out + generated}
        if isinstance(value, list):
            return [named(inner) for inner in value]
        return names.get(value, value) if isinstance(value, str) else value

    return named(whole)


@pytest.mark.parametrize("kind", ["swagger", "oas30"])
@pytest.mark.parametrize("accepts", ["application/json", "application/yaml"])
def test_an_import_of_an_export_is_the_same_api(three, kind, accepts):
    first = imported(three[0], json.dumps(PETS))
    document = exported(three[1], first, kind, accepts)
    second = imported(three[2], document)
    again = exported(three[0], second, kind, accepts)
    if accepts == "application/json":
        assert comparable(again, second) == comparable(document, first)
    else:
        assert again.replace(second.encode(), b"ID") == document.replace(first.encode(), b"ID")
    assert described(three[2], second) == described(three[1], first)


def test_an_export_that_is_put_back_changes_nothing(three):
    api = imported(three[0], json.dumps(PETS))
    document = exported(three[1], api, "oas30", "application/json")
    before = described(three[1], api)
    three[2].client().put_rest_api(restApiId=api, mode="overwrite", body=document)
    assert described(three[0], api) == before
