"""API keys, usage plans, their keys and usage, through boto3 and the AWS CLI, each call on another node than the last."""

import concurrent.futures
import datetime
import itertools
import json
import os
import subprocess

import botocore.exceptions
import pytest

from conftest import BINARY, KEY, SECRET, build, nodes, plain, refused

VALUE = "a-value-of-the-scenarios-{:020d}"
numbers = itertools.count(1)


@pytest.fixture
def call(turns):
    """Calls an operation, on the next node."""
    return lambda operation, **members: getattr(turns, operation)(**members)


@pytest.fixture
def stage(call, three, backend):
    """Deploys an API under this stage name; gives the API's id."""

    def deploy(*names):
        api, _ = build(three[0].client(), backend)
        for name in names:
            call("create_deployment", restApiId=api, stageName=name)
        return api

    return deploy


def value():
    return VALUE.format(next(numbers))


def patch(*operations):
    return [dict(zip(("op", "path", "value"), operation)) for operation in operations]


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def wins(*calls):
    """Makes calls at the same time; gives what each was refused with, or None."""

    def outcome(one):
        try:
            one()
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        return None

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def test_an_api_key_has_awss_defaults_and_is_patched(call):
    made = call("create_api_key")
    assert status(made) == 201
    assert set(plain(made)) == {"id", "value", "enabled", "createdDate", "lastUpdatedDate", "stageKeys"}
    assert (made["enabled"], made["stageKeys"]) == (False, [])
    assert len(made["id"]) == 10 and len(made["value"]) == 40 and made["value"].isalnum()
    seen = call("get_api_key", apiKey=made["id"])
    assert "value" not in seen and seen["tags"] == {}
    assert call("get_api_key", apiKey=made["id"], includeValue=True)["value"] == made["value"]
    chosen = value()
    made = call(
        "create_api_key", name="partner", description="", customerId="c-1", enabled=True, value=chosen,
        generateDistinctId=False, tags={"a": "1"},
    )
    assert (made["value"], made["name"], made["customerId"], made["tags"]) == (chosen, "partner", "c-1", {"a": "1"})
    assert "description" not in made
    changed = call("update_api_key", apiKey=made["id"], patchOperations=patch(
        ("replace", "/name", "other"), ("replace", "/description", "d"), ("replace", "/enabled", "false"),
        ("replace", "/customerId", "c-2"), ("add", "/labels", "l"), ("remove", "/labels", "l"),
    ))
    assert (changed["name"], changed["description"], changed["enabled"]) == ("other", "d", False)
    assert changed["customerId"] == "c-2" and changed["tags"] == {"a": "1"} and "value" not in changed
    assert plain(call("get_api_key", apiKey=made["id"])) == plain(changed)
    # The second operation is refused, and so the first one is not made.
    refused(
        lambda: call("update_api_key", apiKey=made["id"], patchOperations=patch(
            ("replace", "/name", "third"), ("replace", "/value", "x"),
        )),
        "BadRequestException", 400,
        "Invalid patch path  '/value' specified for op 'replace'. Must be one of: [/description, /enabled, /name, "
        "/customerId]",
    )
    assert call("get_api_key", apiKey=made["id"])["name"] == "other"
    assert status(call("delete_api_key", apiKey=made["id"])) == 202
    for operation in ("get_api_key", "delete_api_key"):
        refused(lambda: call(operation, apiKey=made["id"]), "NotFoundException", 404,
                "Invalid API Key identifier specified")
    # Its value is free again.
    assert call("create_api_key", value=chosen)["value"] == chosen


def test_api_keys_are_refused_in_awss_words(call):
    create = lambda **members: lambda: call("create_api_key", **members)
    rows = [
        (create(name="x" * 1025), "BadRequestException", 400, "Invalid API Key name, can be at most 1024 characters."),
        (create(value="x" * 19), "BadRequestException", 400, "API Key value should be at least 20 characters"),
        (create(value="x" * 129), "BadRequestException", 400, "API Key value exceeds maximum size of 128 characters"),
        (create(description="x" * 1025), "BadRequestException", 400, "Invalid API Key description specified."),
        (create(stageKeys=[{"restApiId": "none", "stageName": "s"}]), "NotFoundException", 404,
         "Invalid API identifier specified 000000000000:none"),
        (create(tags={f"k{number}": "" for number in range(51)}), "BadRequestException", 400,
         "Tags exceed limit of 50"),
        (lambda: call("update_api_key", apiKey="none", patchOperations=[]), "NotFoundException", 404,
         "Invalid API Key identifier specified"),
    ]
    for row in rows:
        refused(*row)


def test_a_value_is_one_keys_whichever_node_is_asked(call, three):
    chosen = value()
    clients = [node.client() for node in three]
    outcomes = wins(*(lambda client=client: client.create_api_key(value=chosen) for client in clients))
    assert sorted(outcomes, key=str) == ["ConflictException", "ConflictException", None]
    refused(lambda: call("create_api_key", value=chosen), "ConflictException", 409, "API Key already exists")


def test_keys_name_stages_as_they_did_before_there_were_plans(call, stage):
    api = stage("prod", "test")
    made = call("create_api_key", stageKeys=[{"restApiId": api, "stageName": "prod"}])
    assert made["stageKeys"] == [f"{api}/prod"]
    changed = call("update_api_key", apiKey=made["id"], patchOperations=patch(
        ("add", "/stages", f"{api}/test"), ("remove", "/stages", f"{api}/prod"),
    ))
    assert changed["stageKeys"] == [f"{api}/test"]
    refused(
        lambda: call("update_api_key", apiKey=made["id"], patchOperations=patch(("add", "/stages", f"{api}/none"))),
        "NotFoundException", 404, "Invalid stage identifier specified",
    )


def test_keys_are_listed_by_name_and_customer_in_pages(call):
    prefix = f"listed-{next(numbers)}-"
    made = [
        call("create_api_key", name=f"{prefix}{number}", customerId=f"{prefix}{number % 2}", value=value())
        for number in range(5)
    ]
    listed = call("get_api_keys", nameQuery=prefix, limit=500)
    assert {found["id"] for found in listed["items"]} == {key["id"] for key in made}
    assert all("value" not in found and "tags" not in found for found in listed["items"])
    assert call("get_api_keys", nameQuery=prefix.upper())["items"] == []
    odd = call("get_api_keys", customerId=f"{prefix}1", includeValues=True)["items"]
    assert {found["value"] for found in odd} == {made[1]["value"], made[3]["value"]}
    found, position = [], {}
    while True:
        page = call("get_api_keys", nameQuery=prefix, limit=2, **position)
        assert len(page["items"]) <= 2
        found += [item["id"] for item in page["items"]]
        if "position" not in page:
            break
        position = {"position": page["position"]}
    assert sorted(found) == sorted(key["id"] for key in made) and len(found) == 5


def test_keys_are_imported_all_or_none(call, stage):
    plan = call("create_usage_plan", name="imported")["id"]
    values = [value() for _ in range(3)]
    import_keys = lambda text, **members: call("import_api_keys", body=text.encode(), format="csv", **members)
    # A mistake in the middle: nothing of it is there.
    text = f"name,key\nimport-one,{values[0]}\nimport-two,short\nimport-three,{values[2]}\n"
    refused(lambda: import_keys(text), "BadRequestException", 400,
            "Errors found during import:\n\tRecord 2: API Key value should be at least 30 characters")
    assert call("get_api_keys", nameQuery="import-")["items"] == []
    text = (
        "Key, Name, Owner, Enabled, description, UsagePlanIds\n"
        f"{values[0]}, import-one, me, TRUE, \"one, first\", '{plan},none'\n"
        f"{values[1]}, import-two, me, FALSE, , {plan}\n"
        f"{values[2]}, import-three\n"
    )
    warning = "Skipped usage plan association for record: 1. Invalid Usage Plan ID specified"
    refused(lambda: import_keys(text, failOnWarnings=True), "BadRequestException", 400,
            f"Warnings found during import:\n\t{warning}")
    assert call("get_usage_plan_keys", usagePlanId=plan)["items"] == []
    imported = import_keys(text)
    assert status(imported) == 201 and imported["warnings"] == [warning] and len(imported["ids"]) == 3
    one = call("get_api_key", apiKey=imported["ids"][0], includeValue=True)
    assert (one["name"], one["value"], one["enabled"], one["description"]) == (
        "import-one", values[0], True, "one, first")
    assert [call("get_api_key", apiKey=key)["enabled"] for key in imported["ids"]] == [True, False, True]
    joined = {found["id"] for found in call("get_usage_plan_keys", usagePlanId=plan)["items"]}
    assert joined == set(imported["ids"][:2])
    # The same value again: the key is overwritten, and stays where it is.
    again = import_keys(f"Name,Key,UsagePlanIds\nimport-new,{values[0]},{plan}\n")
    assert again["ids"] == imported["ids"][:1]
    assert again["warnings"] == [
        "Skipped usage plan association for record: 1. "
        f"API Key {again['ids'][0]} is already in Usage Plan {plan}"
    ]
    assert call("get_api_key", apiKey=again["ids"][0])["name"] == "import-new"
    refused(lambda: call("import_api_keys", body=b"Name,Key\n", format="xml"), "ValidationException", 400,
            "1 validation error detected: Value 'xml' at 'format' failed to satisfy constraint: Member must satisfy "
            "enum value set: [csv]")
    refused(lambda: import_keys("Name,Value\nx,y\n"), "BadRequestException", 400, "The file's header has no column Key")


def test_the_aws_cli_imports_keys(three, tmp_path):
    file = tmp_path / "keys.csv"
    file.write_text("".join(["Name,Key\n", *(f"cli-{number},{value()}\n" for number in range(300))]))
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": three[1].admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_PAGER": "",
    }
    command = ["aws", "apigateway", "import-api-keys", "--body", f"fileb://{file}", "--format", "csv"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    imported = json.loads(done.stdout)
    assert len(imported["ids"]) == 300 and imported["warnings"] == []
    listed = three[2].client().get_paginator("get_api_keys").paginate(nameQuery="cli-").build_full_result()["items"]
    assert {found["id"] for found in listed} == set(imported["ids"])


def test_a_usage_plan_has_awss_defaults_and_is_patched(call, stage):
    api = stage("prod", "test")
    made = call("create_usage_plan", name="plain")
    assert status(made) == 201
    assert plain(made) == {"id": made["id"], "name": "plain", "apiStages": []} and len(made["id"]) == 6
    assert call("get_usage_plan", usagePlanId=made["id"])["tags"] == {}
    full = {
        "name": "gold", "description": "d",
        "apiStages": [{"apiId": api, "stage": "prod", "throttle": {
            "/pets/GET": {"rateLimit": 1.0, "burstLimit": 2}}}],
        "throttle": {"burstLimit": 20, "rateLimit": 10.5}, "quota": {"limit": 100, "period": "MONTH"},
    }
    gold = call("create_usage_plan", **full, tags={"a": "1"})
    quota = {"limit": 100, "offset": 0, "period": "MONTH"}
    assert plain(gold) == {**full, "id": gold["id"], "quota": quota, "tags": {"a": "1"}}
    place = {"usagePlanId": gold["id"]}
    assert plain(call("get_usage_plan", **place)) == plain(gold)
    assert gold["id"] in [found["id"] for found in call("get_usage_plans", limit=500)["items"]]
    changed = call("update_usage_plan", **place, patchOperations=patch(
        ("replace", "/name", "silver"), ("replace", "/description", ""), ("add", "/productCode", "p"),
        ("replace", "/quota/period", "WEEK"), ("replace", "/quota/offset", "6"), ("replace", "/quota/limit", "50"),
        ("replace", "/throttle/rateLimit", "5.000000"), ("add", "/apiStages", f"{api}:test"),
        ("replace", f"/apiStages/{api}:test/throttle/~1pets/GET/rateLimit", "3"),
        ("add", f"/apiStages/{api}:test/throttle//pets/GET/burstLimit", "4"),
        ("remove", f"/apiStages/{api}:prod/throttle/pets/GET"),
    ))
    assert plain(changed) == {
        "id": gold["id"], "name": "silver", "productCode": "p", "tags": {"a": "1"},
        "apiStages": [
            {"apiId": api, "stage": "prod"},
            {"apiId": api, "stage": "test", "throttle": {"/pets/GET": {"burstLimit": 4, "rateLimit": 3.0}}},
        ],
        "quota": {"limit": 50, "offset": 6, "period": "WEEK"},
        "throttle": {"burstLimit": 20, "rateLimit": 5.0},
    }
    changed = call("update_usage_plan", **place, patchOperations=patch(
        ("remove", "/quota"), ("remove", "/throttle"), ("remove", "/productCode"),
        ("remove", f"/apiStages/{api}:test/throttle"),
    ))
    assert set(plain(changed)) == {"id", "name", "apiStages", "tags"} and "throttle" not in changed["apiStages"][1]
    refused(lambda: call("delete_usage_plan", **place), "BadRequestException", 400,
            f"Cannot delete Usage Plan {gold['id']} because there are API Stages associated with it, including {api}:prod")
    call("update_usage_plan", **place, patchOperations=patch(
        ("remove", "/apiStages", f"{api}:prod"), ("remove", "/apiStages", f"{api}:test"),
    ))
    assert status(call("delete_usage_plan", **place)) == 202
    for operation in ("get_usage_plan", "delete_usage_plan"):
        refused(lambda: call(operation, **place), "NotFoundException", 404, "Invalid Usage Plan ID specified")


def test_usage_plans_are_refused_in_awss_words(call, stage):
    api = stage("prod")
    plan = call("create_usage_plan", name="x")["id"]
    create = lambda **members: lambda: call("create_usage_plan", name="x", **members)
    update = lambda *operation: lambda: call("update_usage_plan", usagePlanId=plan, patchOperations=patch(operation))
    rows = [
        (create(quota={"limit": 1, "period": "YEAR"}), "ValidationException", 400,
         "1 validation error detected: Value 'YEAR' at 'createUsagePlanInput.quota.period' failed to satisfy "
         "constraint: Member must satisfy enum value set: [DAY, WEEK, MONTH]"),
        (create(quota={"limit": 1, "offset": 1, "period": "DAY"}), "BadRequestException", 400,
         "Usage Plan quota offset must be zero in the DAY period"),
        (create(quota={"limit": 1, "offset": 28, "period": "MONTH"}), "BadRequestException", 400,
         "Usage Plan quota offset must be between 0 and 27 inclusive in the MONTH period"),
        (create(quota={"limit": 0, "period": "DAY"}), "BadRequestException", 400, None),
        (create(quota={"period": "DAY"}), "BadRequestException", 400, "Usage Plan quota limit must be specified"),
        (create(throttle={"rateLimit": -1.0}), "BadRequestException", 400, None),
        (create(apiStages=[{"apiId": api}]), "BadRequestException", 400,
         "Invalid API Stage {api: %s, stage: %s} specified for usageplan %s"),
        (create(apiStages=[{"apiId": api, "stage": "none"}]), "NotFoundException", 404, None),
        (create(apiStages=[{"apiId": api, "stage": "prod", "throttle": {
            f"/{number}/GET": {"rateLimit": 1.0} for number in range(21)}}]), "LimitExceededException", 429, None),
        (update("add", "/apiStages", f"{api}:none"), "NotFoundException", 404,
         f"Invalid API Stage {{api: {api}, stage: none}} specified for usageplan {plan}"),
        (update("remove", "/apiStages", f"{api}:prod"), "NotFoundException", 404,
         f"Invalid API Stage {{api: {api}, stage: prod}} specified for usageplan {plan}"),
        (update("add", "/apiStages", api), "BadRequestException", 400, "Invalid API Stage specified"),
        (update("remove", "/apiStages"), "BadRequestException", 400, "Invalid API Stage specified"),
        (lambda: call("update_usage_plan", usagePlanId="none", patchOperations=[]), "NotFoundException", 404,
         "Invalid Usage Plan ID specified"),
    ]
    for row in rows:
        refused(*row)
    assert call("get_usage_plan", usagePlanId=plan)["apiStages"] == []


def test_keys_join_and_leave_plans(call, three):
    key = call("create_api_key", name="joining-one")
    other = call("create_api_key", name="other")
    plan = call("create_usage_plan", name="joined")["id"]
    shown = {"id": key["id"], "type": "API_KEY", "value": key["value"], "name": "joining-one"}
    made = call("create_usage_plan_key", usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert status(made) == 201 and plain(made) == shown
    pair = {"usagePlanId": plan, "keyId": key["id"]}
    assert plain(call("get_usage_plan_key", **pair)) == shown
    call("create_usage_plan_key", usagePlanId=plan, keyId=other["id"], keyType="API_KEY")
    assert call("get_usage_plan_keys", usagePlanId=plan, nameQuery="joining")["items"] == [shown]
    paginator = three[1].client().get_paginator("get_usage_plan_keys")
    pages = list(paginator.paginate(usagePlanId=plan, PaginationConfig={"PageSize": 1}))
    assert sorted(page["items"][0]["id"] for page in pages) == sorted([key["id"], other["id"]])
    assert [found["id"] for found in call("get_usage_plans", keyId=key["id"])["items"]] == [plan]
    assert call("get_usage_plan_keys", usagePlanId="none")["items"] == []
    missing = "Invalid API Key identifier specified"
    for row in [
        (lambda: call("create_usage_plan_key", **pair, keyType="API_KEY"), "ConflictException", 409,
         f"API Key {key['id']} is already in Usage Plan {plan}"),
        (lambda: call("create_usage_plan_key", **pair, keyType="TOKEN"), "BadRequestException", 400, None),
        (lambda: call("create_usage_plan_key", usagePlanId="none", keyId=key["id"], keyType="API_KEY"),
         "NotFoundException", 404, "Invalid Usage Plan ID specified"),
        (lambda: call("create_usage_plan_key", usagePlanId=plan, keyId="none", keyType="API_KEY"),
         "NotFoundException", 404, missing),
        (lambda: call("get_usage_plan_key", usagePlanId=plan, keyId="none"), "NotFoundException", 404, missing),
        (lambda: call("get_usage_plans", keyId="none"), "NotFoundException", 404, missing),
    ]:
        refused(*row)
    assert status(call("delete_usage_plan_key", **pair)) == 202
    refused(lambda: call("delete_usage_plan_key", **pair), "NotFoundException", 404, missing)
    # A key that is deleted leaves its plans, and a plan that is deleted its keys.
    call("delete_api_key", apiKey=other["id"])
    assert call("get_usage_plan_keys", usagePlanId=plan)["items"] == []
    call("create_usage_plan_key", **pair, keyType="API_KEY")
    call("delete_usage_plan", usagePlanId=plan)
    assert call("get_usage_plans", keyId=key["id"])["items"] == []
    assert call("get_api_key", apiKey=key["id"])["name"] == "joining-one"


def test_a_key_is_in_one_plan_of_a_stage(call, stage, three):
    api = stage("prod", "test")
    key = call("create_api_key")["id"]
    opens = lambda name: [{"apiId": api, "stage": name}]
    gold = call("create_usage_plan", name="gold", apiStages=opens("prod"))["id"]
    silver = call("create_usage_plan", name="silver", apiStages=opens("prod"))["id"]
    tests = call("create_usage_plan", name="tests", apiStages=opens("test"))["id"]
    join = lambda plan: lambda: call("create_usage_plan_key", usagePlanId=plan, keyId=key, keyType="API_KEY")
    join(gold)()
    join(tests)()
    refused(join(silver), "ConflictException", 409,
            f"API Key {key} is already in Usage Plan {gold}, which is associated with API Stage {api}:prod as well: an "
            "API Key can be in one Usage Plan for each API Stage")
    open_stage = lambda plan, name: lambda: call(
        "update_usage_plan", usagePlanId=plan, patchOperations=patch(("add", "/apiStages", f"{api}:{name}")))
    refused(open_stage(tests, "prod"), "ConflictException", 409, None)
    assert len(call("get_usage_plan", usagePlanId=tests)["apiStages"]) == 1
    # Out of the one, the key can be in the other.
    call("delete_usage_plan_key", usagePlanId=gold, keyId=key)
    join(silver)()
    refused(join(gold), "ConflictException", 409, None)


def test_a_key_is_in_one_plan_of_a_stage_whoever_comes_at_the_same_time(call, stage, three):
    clients = [node.client() for node in three]
    api = stage("prod")
    for _ in range(4):
        key = call("create_api_key")["id"]
        plans = [call("create_usage_plan", name=f"rival-{number}")["id"] for number in range(2)]
        join = lambda client, plan: lambda: client.create_usage_plan_key(
            usagePlanId=plan, keyId=key, keyType="API_KEY")
        open_stage = lambda client, plan: lambda: client.update_usage_plan(
            usagePlanId=plan, patchOperations=patch(("add", "/apiStages", f"{api}:prod")))
        close = lambda plan: call("update_usage_plan", usagePlanId=plan, patchOperations=patch(
            ("remove", "/apiStages", f"{api}:prod")))
        # Both open the stage while the key is in both.
        for plan in plans:
            join(clients[0], plan)()
        outcomes = wins(open_stage(clients[1], plans[0]), open_stage(clients[2], plans[1]))
        assert sorted(outcomes, key=str) == ["ConflictException", None]
        loser = plans[0] if outcomes[0] else plans[1]
        # The key joins the one while the other opens the stage that the first has.
        call("delete_usage_plan_key", usagePlanId=loser, keyId=key)
        outcomes = wins(open_stage(clients[0], loser), join(clients[1], loser))
        assert sorted(outcomes, key=str) == ["ConflictException", None]
        for plan in plans:
            if call("get_usage_plan", usagePlanId=plan)["apiStages"]:
                close(plan)


def test_plans_lose_what_is_deleted(call, stage):
    api, other = stage("prod", "test"), stage("prod")
    opens = [{"apiId": api, "stage": "prod"}, {"apiId": other, "stage": "prod"}, {"apiId": api, "stage": "test"}]
    plan = call("create_usage_plan", name="x", apiStages=opens)["id"]
    seen = lambda: [(found["apiId"], found["stage"]) for found in call("get_usage_plan", usagePlanId=plan)["apiStages"]]
    call("delete_stage", restApiId=api, stageName="prod")
    assert seen() == [(other, "prod"), (api, "test")]
    call("delete_rest_api", restApiId=api)
    assert seen() == [(other, "prod")]
    call("delete_rest_api", restApiId=other)
    assert seen() == []
    assert status(call("delete_usage_plan", usagePlanId=plan)) == 202


def test_usage_is_told_by_day_and_extended(call):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    plan = call("create_usage_plan", name="used", quota={"limit": 10, "period": "DAY"})["id"]
    made = [call("create_api_key")["id"] for _ in range(3)]
    for key in made:
        call("create_usage_plan_key", usagePlanId=plan, keyId=key, keyType="API_KEY")
    span = {"usagePlanId": plan, "startDate": str(today - datetime.timedelta(1)), "endDate": str(today)}
    usage = call("get_usage", **span)
    shown = {"usagePlanId": plan, "startDate": span["startDate"], "endDate": span["endDate"]}
    assert plain(usage) == {**shown, "items": {key: [[0, 10], [0, 10]] for key in made}}
    updated = call("update_usage", usagePlanId=plan, keyId=made[0], patchOperations=patch(("replace", "/remaining", "25")))
    assert updated["items"][made[0]] == [[0, 25]] and updated["usagePlanId"] == plan
    assert updated["startDate"] == updated["endDate"]
    assert call("get_usage", **span, keyId=made[0])["items"] == {made[0]: [[0, 10], [0, 25]]}
    updated = call("update_usage", usagePlanId=plan, keyId=made[0], patchOperations=patch(("replace", "/remaining", "5")))
    assert updated["items"][made[0]] == [[0, 5]]
    # The extension is the period's: of a longer one as well, and it goes with the quota's limit.
    call("update_usage_plan", usagePlanId=plan, patchOperations=patch(
        ("replace", "/quota/limit", "100"), ("replace", "/quota/period", "MONTH")))
    assert call("get_usage", **{**span, "startDate": str(today)}, keyId=made[0])["items"] == {made[0]: [[0, 95]]}
    found, position = {}, {}
    while True:
        page = call("get_usage", **span, limit=2, **position)
        found.update(page["items"])
        if "position" not in page:
            break
        position = {"position": page["position"]}
    assert set(found) == set(made)
    free = call("create_usage_plan", name="free")["id"]
    call("create_usage_plan_key", usagePlanId=free, keyId=made[0], keyType="API_KEY")
    assert call("get_usage", **{**span, "usagePlanId": free})["items"] == {made[0]: [[0, -1], [0, -1]]}
    for row in [
        (lambda: call("get_usage", **{**span, "usagePlanId": "none"}), "NotFoundException", 404,
         "Invalid Usage Plan ID specified"),
        (lambda: call("get_usage", **{**span, "startDate": "yesterday"}), "BadRequestException", 400,
         "Invalid startDate 'yesterday' specified. Must be in the format YYYY-MM-DD"),
        (lambda: call("get_usage", **{**span, "startDate": "2020-01-01"}), "BadRequestException", 400,
         "Invalid date range specified: it can be at most 90 days"),
        (lambda: call("get_usage", **{**span, "endDate": "2020-01-01"}), "BadRequestException", 400,
         "Invalid date range specified: endDate is before startDate"),
        (lambda: call("update_usage", usagePlanId=free, keyId=made[0], patchOperations=patch(
            ("replace", "/remaining", "5"))), "BadRequestException", 400,
         f"Usage Plan {free} does not have a quota"),
        (lambda: call("update_usage", usagePlanId=plan, keyId="none", patchOperations=[]), "NotFoundException", 404,
         "Invalid API Key identifier specified"),
        (lambda: call("update_usage", usagePlanId=plan, keyId=made[0], patchOperations=patch(
            ("replace", "/remaining", "-5"))), "BadRequestException", 400,
         "Invalid value '-5' specified for path '/remaining'"),
        (lambda: call("update_usage", usagePlanId=plan, keyId=made[0], patchOperations=patch(
            ("replace", "/used", "5"))), "BadRequestException", 400,
         "Invalid patch path  '/used' specified for op 'replace'. Must be one of: [/remaining]"),
    ]:
        refused(*row)


def backup(node, file):
    return cluster(node, "backup", file)


def cluster(node, *words):
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin}
    command = [BINARY, "cluster", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_backup_gives_no_value_away_and_needs_the_clusters_secret(tmp_path):
    chosen, file = value(), tmp_path / "backup"
    for name in ("same", "other"):
        (tmp_path / name).mkdir()
    with nodes(tmp_path, 1) as [node]:
        client = node.client()
        key = client.create_api_key(name="kept", value=chosen)["id"]
        plan = client.create_usage_plan(name="kept")["id"]
        client.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
        backup(node, file)
        assert chosen.encode() not in file.read_bytes()
        assert chosen not in node.tail()
    with nodes(tmp_path / "same", 1) as [node]:
        told = cluster(node, "restore", file, "--output", "table")
        assert "values" not in told
        client = node.client()
        assert client.get_api_key(apiKey=key, includeValue=True)["value"] == chosen
        refused(lambda: client.create_api_key(value=chosen), "ConflictException", 409, "API Key already exists")
    other = {"environment": {"TURNPIKE_CLUSTER_SECRET": "the secret of quite another cluster"}}
    with nodes(tmp_path / "other", 1, place=lambda number: other) as [node]:
        told = cluster(node, "restore", file, "--output", "table")
        assert "the values of its API keys can't be read" in told
        client = node.client()
        reason = (
            f"The value of API Key {key} can't be read: the secret of another cluster sealed it, whose backup was "
            "restored here. Run the nodes with that secret, or replace the key."
        )
        assert client.get_api_key(apiKey=key)["name"] == "kept"
        refused(lambda: client.get_api_key(apiKey=key, includeValue=True), "ConflictException", 409, reason)
        listed = client.get_api_keys(includeValues=True)
        assert listed["warnings"] == [reason] and [found["id"] for found in listed["items"]] == [key]
        assert "value" not in client.get_usage_plan_keys(usagePlanId=plan)["items"][0]
        # The key is replaced, with the value that callers have.
        client.delete_api_key(apiKey=key)
        again = client.create_api_key(name="kept", value=chosen)["id"]
        client.create_usage_plan_key(usagePlanId=plan, keyId=again, keyType="API_KEY")
        assert client.get_usage_plan_key(usagePlanId=plan, keyId=again)["value"] == chosen
