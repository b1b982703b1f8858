"""Backups through the command line: made while writes go on, verified, and restored into a new cluster."""

import hashlib
import json
import re
import stat
import subprocess

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import BINARY, KEY, SECRET, Node, build, fetch, nodes, plain, refused
from test_crashes import Workload
from test_operations import CERTIFICATE, FUNCTION


def turnpike(node, *arguments, **environment):
    """Runs `turnpike cluster …` at a node; gives what became of it."""
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin, **environment}
    return subprocess.run(
        [BINARY, "cluster", *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )


def answer(done):
    assert done.returncode == 0, done.stderr
    # Progress is for terminals.
    assert done.stderr == ""
    return json.loads(done.stdout)


def refusal(done):
    """The one line that says why not."""
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.startswith("turnpike: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def upload(node, body, stated=None):
    """Sends a backup as another client would, which states this hash of it."""
    url = node.admin + "/_turnpike/cluster/restore"
    request = botocore.awsrequest.AWSRequest("POST", url, data=body)
    request.headers["X-Amz-Content-SHA256"] = stated or hashlib.sha256(body).hexdigest()
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "apigateway", "us-east-1").add_auth(request)
    return fetch(url, "POST", dict(request.headers), body)


def names(node):
    pages = node.client().get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 500})
    return {item["name"] for page in pages for item in page["items"]}


@pytest.fixture
def cluster(tmp_path):
    with nodes(tmp_path, 3) as started:
        yield started


@pytest.fixture
def new(tmp_path):
    """A one-node cluster that has nothing, with a secret of its own."""
    (tmp_path / "new").mkdir()
    node = Node(tmp_path / "new", 1, environment={"TURNPIKE_CLUSTER_SECRET": "the new cluster's own secret"})
    node.start().wait_ready()
    yield node
    node.stop()


def test_a_backup_under_writes_is_restored_into_a_new_cluster_and_served_there(cluster, new, backend, tmp_path):
    file = tmp_path / "backup"
    api, _ = build(cluster[0].client(), backend)
    cluster[0].client().create_deployment(restApiId=api, stageName="prod")
    with Workload(cluster) as workload:
        workload.progress(20)
        acknowledged = set(workload.acknowledged)
        made = answer(turnpike(cluster[1], "backup", file, "--output", "json"))
        workload.progress(20)
    assert made["documents"] > len(acknowledged) and made["bytes"] == file.stat().st_size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir() if "part" in entry.name] == []

    # Nothing is replaced unless that is said.
    assert "say --force" in refusal(turnpike(cluster[1], "backup", file))
    again = answer(turnpike(cluster[2], "backup", file, "--force", "--output", "json"))
    assert again["index"] > made["index"] and again["cluster"] == made["cluster"] == cluster[0].status()["cluster"]

    # Without a node and without credentials.
    nowhere = {"TURNPIKE_ADMIN_URL": "http://127.0.0.1:1", "TURNPIKE_ROOT_ACCESS_KEY_ID": "", "TURNPIKE_ROOT_SECRET_ACCESS_KEY": ""}
    verified = answer(turnpike(new, "verify", file, "--output", "json", **nowhere))
    assert verified == again
    table = turnpike(new, "verify", file, **nowhere).stdout
    assert table.startswith("INDEX  DOCUMENTS  BYTES") and str(again["documents"]) in table and again["cluster"] in table

    whole = file.read_bytes()
    damaged = tmp_path / "damaged"
    for at in (0, 5, 20, len(whole) // 2, len(whole) - 1):
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        why = refusal(turnpike(new, "verify", damaged, **nowhere))
        assert re.search("not a backup|format|damaged|cut off", why), why
        refusal(turnpike(new, "restore", damaged))
    damaged.write_bytes(whole[: len(whole) // 2])
    assert "cut off" in refusal(turnpike(new, "verify", damaged, **nowhere))
    damaged.write_bytes(whole + b"x")
    assert "more behind its end" in refusal(turnpike(new, "verify", damaged, **nowhere))
    assert "can't open" in refusal(turnpike(new, "verify", tmp_path / "none", **nowhere))
    assert names(new) == set()

    # The node relies on no client to have verified what it sends, nor on what it says of it.
    for body, stated, status, why in (
        (damaged.read_bytes(), None, 400, "the backup can't be restored: it is damaged"),
        (whole, hashlib.sha256(b"another").hexdigest(), 400, "not the one that was signed"),
        (whole, "UNSIGNED-PAYLOAD", 403, "must be the body's SHA-256"),
    ):
        told = upload(new, body, stated)
        assert told.status == status and why in told.json()["message"], told.text
    assert names(new) == set()

    why = refusal(turnpike(cluster[0], "restore", file))
    assert "409" in why and "begin a new cluster, in empty data directories" in why

    restored = answer(turnpike(new, "restore", file, "--output", "json"))
    assert restored["documents"] == again["documents"] and restored["lagging"] == [] and restored["left_out"] == 0
    # At once, on the same ids.
    assert fetch(new.url(api, "prod", "/pets")).status == 200
    assert acknowledged <= names(new) <= names(cluster[0])
    status = new.status()
    assert status["restoring"] is None and status["cluster"] != made["cluster"] and len(status["members"]) == 1
    assert "409" in refusal(turnpike(new, "restore", file))

    # It is a cluster like any other.
    new.client().create_rest_api(name="after")
    new.kill()
    new.start().wait_ready()
    assert "after" in names(new) and fetch(new.url(api, "prod", "/pets")).status == 200


def described(node, api, route, integration):
    """All that the second version's plane says of an API."""
    client = node.client("apigatewayv2")
    place = {"ApiId": api}
    lists = [
        client.get_routes(**place), client.get_integrations(**place), client.get_stages(**place),
        client.get_deployments(**place), client.get_models(**place), client.get_authorizers(**place),
        client.get_route_responses(**place, RouteId=route),
        client.get_integration_responses(**place, IntegrationId=integration),
        client.get_api_mappings(DomainName="chat.example.com"),
    ]
    assert all(len(found["Items"]) >= 1 for found in lists)
    return [plain(client.get_api(**place)), *(found["Items"] for found in lists)]


def test_websocket_apis_are_restored_with_all_that_they_are_made_of(one, new, tmp_path):
    client = one.client("apigatewayv2")
    api = client.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    place = {"ApiId": api}
    client.create_model(**place, Name="Message", Schema='{"type": "object"}')
    client.create_authorizer(**place, Name="door", AuthorizerType="REQUEST", AuthorizerUri=FUNCTION, IdentitySource=[])
    integration = client.create_integration(**place, IntegrationType="MOCK")["IntegrationId"]
    client.create_integration_response(**place, IntegrationId=integration, IntegrationResponseKey="$default")
    route = client.create_route(**place, RouteKey="$default", Target=f"integrations/{integration}")["RouteId"]
    client.create_route_response(**place, RouteId=route, RouteResponseKey="$default")
    client.create_stage(**place, StageName="prod", AutoDeploy=True)
    configuration = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL"}
    client.create_domain_name(DomainName="chat.example.com", DomainNameConfigurations=[configuration])
    client.create_api_mapping(**place, DomainName="chat.example.com", Stage="prod")
    file = tmp_path / "backup"
    answer(turnpike(one, "backup", file, "--output", "json"))
    answer(turnpike(new, "restore", file, "--output", "json"))
    assert described(new, api, route, integration) == described(one, api, route, integration)
    # Names are as taken as they were, and what is changed is deployed.
    again = new.client("apigatewayv2")
    before = again.get_stage(**place, StageName="prod")["DeploymentId"]
    refused(lambda: again.create_route(**place, RouteKey="$default"), "ConflictException", 409)
    again.create_route(**place, RouteKey="hello")
    assert again.get_stage(**place, StageName="prod")["DeploymentId"] != before
    client.delete_domain_name(DomainName="chat.example.com")
    client.delete_api(**place)


def test_what_takes_many_commits_is_restored_whole(new, backend, tmp_path):
    with nodes(tmp_path, 1) as (old,):
        client = old.client()
        api, resource = build(client, backend)
        other = client.create_resource(restApiId=api, parentId=resource, pathPart="large")["id"]
        large = {"application/json": "x" * 400_000}
        places = [
            {"restApiId": api, "resourceId": parent, "httpMethod": verb}
            for parent in (resource, other)
            for verb in ("DELETE", "PATCH", "POST", "PUT", "OPTIONS", "HEAD")
        ]
        for place in places:
            client.put_method(**place, authorizationType="NONE")
            client.put_integration(**place, type="MOCK", requestTemplates=large)
        client.create_deployment(restApiId=api, stageName="prod")
        made = answer(turnpike(old, "backup", tmp_path / "backup", "--output", "json"))
        assert made["bytes"] > 4 * 1024 * 1024, "more than one commit holds"
        done = turnpike(new, "restore", tmp_path / "backup")
        assert done.returncode == 0 and done.stdout.startswith(f"restored {made['documents']} documents"), done
        assert fetch(new.url(api, "prod", "/pets")).status == 200
        for place in places:
            assert new.client().get_integration(**place)["requestTemplates"] == large
        new.client().create_rest_api(name="after")


def test_the_root_credentials_stay_those_of_each_cluster(tmp_path):
    unset = {"TURNPIKE_ROOT_ACCESS_KEY_ID": "", "TURNPIKE_ROOT_SECRET_ACCESS_KEY": ""}
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    secrets = {"first": "the first cluster's secret", "second": "the second cluster's secret"}
    started = {}
    try:
        for name, secret in secrets.items():
            node = Node(tmp_path / name, 1, environment={**unset, "TURNPIKE_CLUSTER_SECRET": secret}).start()
            line = node.process.stdout.readline()
            key = dict(re.findall(r"(AWS_\w+)=(\S+)", line))
            started[name] = node.wait_ready(), key
        (first, first_key), (second, second_key) = started["first"], started["second"]
        client = first.client(key=first_key["AWS_ACCESS_KEY_ID"], secret=first_key["AWS_SECRET_ACCESS_KEY"])
        client.create_rest_api(name="mine")
        file = tmp_path / "backup"
        made = answer(turnpike(first, "backup", file, "--output", "json", **first_key))
        # Who holds no credentials gets nothing, and brings nothing.
        assert "403" in refusal(turnpike(second, "backup", tmp_path / "stolen", **first_key))
        assert "403" in refusal(turnpike(second, "restore", file, **first_key))
        assert not (tmp_path / "stolen").exists()
        restored = answer(turnpike(second, "restore", file, "--output", "json", **second_key))
        assert (restored["documents"], restored["left_out"]) == (made["documents"] - 1, 1)
        second.kill()
        second.start().wait_ready()
        client = second.client(key=second_key["AWS_ACCESS_KEY_ID"], secret=second_key["AWS_SECRET_ACCESS_KEY"])
        assert [item["name"] for item in client.get_rest_apis()["items"]] == ["mine"]
    finally:
        for node, _ in started.values():
            node.kill()
