"""Documentation parts and versions through boto3."""

import json
import threading

import botocore.exceptions
import pytest

from conftest import build, plain, refused, replace


@pytest.fixture
def api(turns):
    return turns.create_rest_api(name="documented")["id"]


def text(words):
    return json.dumps({"description": words})


def location(kind, **words):
    return {"type": kind, **words}


def test_parts_are_made_changed_and_deleted(turns, api):
    create = lambda kind, **words: turns.create_documentation_part(
        restApiId=api, location=location(kind, **words), properties=text(kind)
    )
    made = create("API")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert plain(made) == {"id": made["id"], "location": {"type": "API"}, "properties": text("API")}
    method = create("METHOD", path="/pets", method="GET")
    # What is not said is as by default, but not shown: Terraform would want it gone again.
    assert create("RESPONSE_HEADER", name="X")["location"] == {"type": "RESPONSE_HEADER", "name": "X"}
    refused(
        lambda: create("RESPONSE_HEADER", name="X", path="/", method="*", statusCode="*"), "ConflictException", 409
    )
    create("MODEL", name="Pet")
    here = {"restApiId": api, "documentationPartId": method["id"]}
    assert plain(turns.get_documentation_part(**here)) == plain(method)
    assert turns.update_documentation_part(**here, patchOperations=replace("/properties", text("new")))[
        "properties"
    ] == text("new")
    found = lambda **words: {
        item["location"]["type"] for item in turns.get_documentation_parts(restApiId=api, **words)["items"]
    }
    assert found() == {"API", "METHOD", "RESPONSE_HEADER", "MODEL"}
    assert found(type="METHOD") == {"METHOD"} and found(path="/pets") == {"METHOD"}
    assert found(nameQuery="Pe") == {"MODEL"} and found(locationStatus="DOCUMENTED") == found()
    pages = turns.get_paginator("get_documentation_parts").paginate(restApiId=api, PaginationConfig={"PageSize": 1})
    assert sum(len(page["items"]) for page in pages) == 4
    missing = "Invalid Documentation part identifier specified"
    patch = lambda path, value: lambda: turns.update_documentation_part(**here, patchOperations=replace(path, value))
    for call, code, status, message in [
        (lambda: turns.create_documentation_part(restApiId="none", location=location("API"), properties="{}"),
         "NotFoundException", 404, "Invalid API identifier specified 000000000000:none"),
        (lambda: turns.get_documentation_parts(restApiId="none"), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (lambda: create("API"), "ConflictException", 409, None),
        (lambda: create("METHOD", path="/pets", method="GET"), "ConflictException", 409, None),
        (lambda: create("API", path="/"), "BadRequestException", 400, None),
        (lambda: create("PATH_PARAMETER", path="/pets"), "BadRequestException", 400, None),
        (lambda: create("RESPONSE", statusCode="999"), "BadRequestException", 400, None),
        (lambda: create("WRONG"), "ValidationException", 400,
         "1 validation error detected: Value 'WRONG' at 'createDocumentationPartInput.location.type' failed to satisfy "
         "constraint: Member must satisfy enum value set: [RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER, "
         "RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, REQUEST_BODY, QUERY_PARAMETER, API, REQUEST_HEADER]"),
        (lambda: turns.create_documentation_part(restApiId=api, location=location("RESOURCE"), properties="[]"),
         "BadRequestException", 400, None),
        (patch("/properties", ""), "BadRequestException", 400, "Documentation part properties must be non-empty"),
        (patch("/location", "x"), "BadRequestException", 400,
         "Invalid patch path  '/location' specified for op 'replace'. Must be one of: [/properties]"),
        (lambda: turns.get_documentation_part(restApiId=api, documentationPartId="none"), "NotFoundException", 404,
         missing),
    ]:
        refused(call, code, status, message)
    assert turns.delete_documentation_part(**here)["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(lambda: turns.delete_documentation_part(**here), "NotFoundException", 404, missing)
    # What it was about may be written about again.
    assert create("METHOD", path="/pets", method="GET")["id"] != method["id"]


def test_one_place_has_one_text(three, turns, api):
    results = []

    def create(client):
        try:
            results.append(client.create_documentation_part(
                restApiId=api, location=location("METHOD"), properties="{}")["location"]["type"])
        except botocore.exceptions.ClientError as error:
            results.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=create, args=(node.client(),)) for node in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["ConflictException", "ConflictException", "METHOD"]
    assert len(turns.get_documentation_parts(restApiId=api)["items"]) == 1


def test_what_has_no_text_is_listed(turns, backend):
    api, resource = build(turns, backend, parameters={"method.request.querystring.page": False})
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    turns.put_method_response(
        **place, statusCode="200", responseModels={"application/json": "Empty"},
        responseParameters={"method.response.header.X": True},
    )
    undocumented = lambda **words: [
        item["location"]
        for item in turns.get_documentation_parts(restApiId=api, locationStatus="UNDOCUMENTED", **words)["items"]
    ]
    pets = {"path": "/pets", "method": "GET"}
    assert undocumented(path="/pets") == [
        location("METHOD", **pets),
        location("QUERY_PARAMETER", **pets, name="page"),
        location("RESOURCE", path="/pets"),
        location("RESPONSE", **pets, statusCode="200"),
        location("RESPONSE_BODY", **pets, statusCode="200"),
        location("RESPONSE_HEADER", **pets, statusCode="200", name="X"),
    ]
    assert undocumented(type="MODEL") == [location("MODEL", name="Empty"), location("MODEL", name="Error")]
    turns.create_documentation_part(restApiId=api, location=location("METHOD", **pets), properties="{}")
    assert undocumented(type="METHOD") == [] and undocumented(type="API") == [location("API")]


def test_parts_are_imported(turns, api):
    def load(parts, mode="merge", **words):
        body = json.dumps({"swagger": "2.0", "x-amazon-apigateway-documentation": {"documentationParts": parts}})
        return turns.import_documentation_parts(restApiId=api, mode=mode, body=body.encode(), **words)

    def all_parts():
        items = turns.get_documentation_parts(restApiId=api)["items"]
        return {item["location"]["type"]: (item["id"], json.loads(item["properties"])) for item in items}

    part = lambda kind, words, **where: {"location": location(kind, **where), "properties": {"description": words}}
    first = load([part("API", "one"), part("METHOD", "two", path="/pets")])
    assert first["ResponseMetadata"]["HTTPStatusCode"] == 200 and "warnings" not in first
    before = all_parts()
    assert sorted(first["ids"]) == sorted(identifier for identifier, _ in before.values())
    # A merge changes what is there and leaves what it says nothing about.
    assert load([part("API", "three")])["ids"] == [before["API"][0]]
    after = all_parts()
    assert after == {"API": (before["API"][0], {"description": "three"}), "METHOD": before["METHOD"]}
    # Overwriting drops all that was there.
    yaml = b"documentationParts:\n- location: {type: API}\n  properties: {description: four}\n"
    over = turns.import_documentation_parts(restApiId=api, mode="overwrite", body=yaml)
    assert all_parts() == {"API": (over["ids"][0], {"description": "four"})} and over["ids"][0] != before["API"][0]
    # A text about what was dropped can be made again.
    turns.create_documentation_part(restApiId=api, location=location("METHOD", path="/pets"), properties="{}")
    faulty = [part("API", "five"), part("API", "six", path="/"), part("NONSENSE", "seven")]
    kept = all_parts()
    with pytest.raises(botocore.exceptions.ClientError, match="Warnings found during import:\n\t"):
        load(faulty, failOnWarnings=True)
    assert all_parts() == kept
    loaded = load(faulty)
    assert len(loaded["warnings"]) == 2 and all_parts()["API"][1] == {"description": "five"}
    bomb = "a0: &a0 [x,x]\n" + "".join(
        f"a{at}: &a{at} [*a{at - 1},*a{at - 1},*a{at - 1},*a{at - 1}]\n" for at in range(1, 30)
    )
    for body in (b"text", b"{", b"{}", b'{"a":' + b"[" * 50_000, bomb.encode(), b"\xff\xfe"):
        refused(
            lambda: turns.import_documentation_parts(restApiId=api, body=body), "BadRequestException", 400,
            "Unable to build importer with provided input.",
        )
    refused(
        lambda: turns.import_documentation_parts(restApiId="none", body=b"{}"), "NotFoundException", 404,
        "Invalid API identifier specified 000000000000:none",
    )
    refused(lambda: load([], mode="wrong"), "ValidationException", 400)


def test_versions(turns, backend):
    api, _ = build(turns, backend)
    turns.create_deployment(restApiId=api, stageName="prod")
    turns.create_documentation_part(restApiId=api, location=location("API"), properties=text("x"))
    made = turns.create_documentation_version(restApiId=api, documentationVersion="1.0", stageName="prod")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert set(plain(made)) == {"version", "createdDate"} and made["version"] == "1.0"
    assert turns.get_stage(restApiId=api, stageName="prod")["documentationVersion"] == "1.0"
    here = {"restApiId": api, "documentationVersion": "1.0"}
    assert plain(turns.get_documentation_version(**here)) == plain(made)
    changed = turns.update_documentation_version(**here, patchOperations=replace("/description", "first"))
    assert changed["description"] == "first"
    second = turns.create_documentation_version(restApiId=api, documentationVersion="2/β", description="second")
    assert turns.get_documentation_version(restApiId=api, documentationVersion="2/β")["description"] == "second"
    pages = turns.get_paginator("get_documentation_versions").paginate(restApiId=api, PaginationConfig={"PageSize": 1})
    assert [item["version"] for page in pages for item in page["items"]] == ["1.0", second["version"]]
    create = lambda **words: lambda: turns.create_documentation_version(
        **{"restApiId": api, "documentationVersion": "3", **words}
    )
    stage = lambda value: lambda: turns.update_stage(
        restApiId=api, stageName="prod", patchOperations=replace("/documentationVersion", value)
    )
    missing = "Invalid Documentation version specified"
    for call, code, status, message in [
        (create(restApiId="none"), "NotFoundException", 404, "Invalid API identifier specified 000000000000:none"),
        (create(documentationVersion="1.0"), "ConflictException", 409, None),
        (create(documentationVersion=""), "BadRequestException", 400, None),
        (create(stageName="none"), "NotFoundException", 404, "Invalid stage identifier specified"),
        (lambda: turns.get_documentation_version(restApiId=api, documentationVersion="3"), "NotFoundException", 404,
         missing),
        (lambda: turns.update_documentation_version(**here, patchOperations=replace("/version", "x")),
         "BadRequestException", 400,
         "Invalid patch path  '/version' specified for op 'replace'. Must be one of: [/description]"),
        (stage("none"), "BadRequestException", 400, None),
        (lambda: turns.delete_documentation_version(**here), "BadRequestException", 400, None),
    ]:
        refused(call, code, status, message)
    stage("2/β")()
    assert turns.delete_documentation_version(**here)["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(lambda: turns.delete_documentation_version(**here), "NotFoundException", 404, missing)
