"""Lambda's management operations: what they answer, what they refuse, and that clients agree with both."""

import base64
import gzip
import hashlib
import io
import json
import pathlib
import re
import stat
import zipfile

import botocore
import pytest

from conftest import Node, fetch, nodes, plain, refused
from functions import ECHO, PYTHON, ROLE, call, make, package


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS": "on"}}
    with nodes(tmp_path_factory.mktemp("functions"), 1, place) as started:
        yield started[0]


@pytest.fixture(scope="module")
def client(node):
    return node.client("lambda")


def test_a_function_is_made_shown_changed_and_deleted(client):
    code = package(ECHO)
    made = plain(make(client, "life", ECHO, Description="first", Timeout=5, MemorySize=256, Tags={"team": "a"},
                      Environment={"Variables": {"COLOUR": "red"}}))
    sha256 = base64.b64encode(hashlib.sha256(code).digest()).decode()
    revision, modified = made.pop("RevisionId"), made.pop("LastModified")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", modified)
    assert made == {
        "FunctionName": "life", "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:life",
        "Runtime": PYTHON, "Role": ROLE, "Handler": "app.handler", "CodeSize": len(code), "Description": "first",
        "Timeout": 5, "MemorySize": 256, "CodeSha256": sha256, "Version": "$LATEST",
        "Environment": {"Variables": {"COLOUR": "red"}}, "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip", "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512}, "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/life"},
    }
    found = client.get_function(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:life")
    assert found["Tags"] == {"team": "a"} and found["Configuration"]["RevisionId"] == revision
    assert fetch(found["Code"]["Location"]).body == code
    assert fetch(found["Code"]["Location"].replace("life", "other")).status == 403
    refused(lambda: make(client, "life", ECHO), "ResourceConflictException", 409, "Function already exist: life")

    changed = client.update_function_configuration(
        FunctionName="life", Timeout=7, Environment={"Variables": {"COLOUR": "blue", "SIZE": "1"}}, RevisionId=revision
    )
    assert (changed["Timeout"], changed["MemorySize"], changed["Environment"]["Variables"]["COLOUR"]) == (7, 256, "blue")
    refused(
        lambda: client.update_function_configuration(FunctionName="life", Timeout=8, RevisionId=revision),
        "PreconditionFailedException", 412,
    )
    cleared = client.update_function_configuration(FunctionName="life", Environment={"Variables": {}})
    assert "Environment" not in cleared
    other = {"app.py": "def handler(event, context):\n    return 'other'\n"}
    tried = client.update_function_code(FunctionName="life", ZipFile=package(other), DryRun=True)
    assert tried["CodeSha256"] != sha256
    assert client.get_function_configuration(FunctionName="life")["CodeSha256"] == sha256
    assert call(client, "life", 1).json() == 1
    client.update_function_code(FunctionName="life", ZipFile=package(other))
    assert call(client, "life", 1).json() == "other"

    client.delete_function(FunctionName="life")
    refused(
        lambda: client.get_function(FunctionName="life"), "ResourceNotFoundException", 404,
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:life",
    )
    refused(lambda: call(client, "life"), "ResourceNotFoundException", 404)


def test_what_may_not_be_is_refused_in_awss_words(node):
    good = dict(FunctionName="refused", Runtime=PYTHON, Handler="a.b", Role=ROLE, Code={"ZipFile": package(ECHO)})
    # What botocore would refuse by itself reaches the node only without its checks.
    client = node.client("lambda", parameter_validation=False)
    for change, code, message in [
        ({"Role": "admin"}, "ValidationException", "1 validation error detected: Value 'admin' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+"),
        ({"Timeout": 901}, "ValidationException", "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"),
        ({"Timeout": 0, "MemorySize": 64}, "ValidationException", None),
        ({"Runtime": "cobol85"}, "InvalidParameterValueException", None),
        ({"Runtime": None}, "InvalidParameterValueException", None),
        ({"Handler": "a b"}, "ValidationException", None),
        ({"FunctionName": "a/b"}, "InvalidParameterValueException", None),
        ({"FunctionName": "x" * 65}, "InvalidParameterValueException", None),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code."),
        ({"Code": {"ZipFile": b"no archive"}}, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."),
        ({"Code": {"S3Bucket": "b", "S3Key": "k"}}, "InvalidParameterValueException", None),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", None),
        ({"Environment": {"Variables": {"A-B": "secret-text"}}}, "ValidationException", None),
        ({"Environment": {"Variables": {"LONG": "x" * 5000}}}, "InvalidParameterValueException", None),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]}, "InvalidParameterValueException", None),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "InvalidParameterValueException", None),
        ({"Architectures": ["sparc"]}, "ValidationException", None),
        ({"Tags": {"aws:x": "1"}}, "InvalidParameterValueException", None),
    ]:
        call_it = lambda: client.create_function(**{k: v for k, v in {**good, **change}.items() if v is not None})
        refused(call_it, code, 400, message)
    refused(lambda: client.get_function(FunctionName="refused"), "ResourceNotFoundException", 404)
    refused(lambda: client.list_functions(MaxItems=0), "ValidationException", 400)
    refused(lambda: client.list_layers(), "UnknownOperationException", 404)


def bomb(size, names=("a",)):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=True) as entry:
                for _ in range(size >> 20):
                    entry.write(bytes(1 << 20))
    return buffer.getvalue()


def link(name, target):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, target)
    return buffer.getvalue()


def test_packages_that_mean_harm_are_refused_and_leave_nothing(client, node):
    create = lambda code: client.create_function(
        FunctionName="harm", Runtime=PYTHON, Handler="a.b", Role=ROLE, Code={"ZipFile": code}
    )
    for code in [
        package({"../../escaped.py": "x"}), package({"/tmp/escaped.py": "x"}), package({"a/../../escaped.py": "x"}),
        link("passwd", "/etc/passwd"), link("a/up", "../../up"), package({}), bomb(260 << 20), package(ECHO)[:-30],
    ]:
        refused(lambda: create(code), "InvalidParameterValueException", 400)
    refused(lambda: client.get_function(FunctionName="harm"), "ResourceNotFoundException", 404)
    assert not list(node.data.rglob("*escaped*")) and not list((node.data / "functions" / "code").glob("*.part"))


def test_versions_and_aliases_share_calls(client):
    first = {"app.py": "def handler(event, context):\n    return [context.function_version, context.invoked_function_arn]\n"}
    made = make(client, "versions", first, Publish=True)
    assert made["Version"] == "1"
    # Nothing has changed since: no new version.
    assert client.publish_version(FunctionName="versions")["Version"] == "1"
    second = client.update_function_code(
        FunctionName="versions", ZipFile=package({"app.py": first["app.py"] + "# second\n"}), Publish=True
    )
    arn = "arn:aws:lambda:us-east-1:000000000000:function:versions"
    assert (second["Version"], second["FunctionArn"]) == ("2", arn + ":2")
    refused(
        lambda: client.publish_version(FunctionName="versions", CodeSha256="x"), "InvalidParameterValueException", 400
    )
    listed = client.list_versions_by_function(FunctionName="versions")["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName="versions", PaginationConfig={"PageSize": 1}
    )
    assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST", "1", "2"]
    assert len(client.list_functions(FunctionVersion="ALL")["Functions"]) >= 3

    alias = plain(client.create_alias(FunctionName="versions", Name="live", FunctionVersion="1", Description="d"))
    revision = alias.pop("RevisionId")
    assert alias == {"AliasArn": arn + ":live", "Name": "live", "FunctionVersion": "1", "Description": "d"}
    assert call(client, "versions:live").json() == ["1", arn + ":live"]
    assert call(client, "versions", Qualifier="2").json() == ["2", arn + ":2"]
    assert call(client, "versions").json() == ["$LATEST", arn]
    assert client.get_function_configuration(FunctionName="versions", Qualifier="live")["Version"] == "1"
    client.update_alias(
        FunctionName="versions", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}}, RevisionId=revision
    )
    ran = [call(client, "versions:live") for _ in range(60)]
    assert {answer.version for answer in ran} == {"1", "2"}
    assert all(answer.json()[0] == answer.version for answer in ran)
    refused(
        lambda: client.update_alias(FunctionName="versions", Name="live", RevisionId=revision),
        "PreconditionFailedException", 412,
    )
    for change in [{"FunctionVersion": "9"}, {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}}}]:
        with pytest.raises(botocore.exceptions.ClientError):
            client.update_alias(FunctionName="versions", Name="live", **change)
    refused(lambda: client.create_alias(FunctionName="versions", Name="live", FunctionVersion="1"), "ResourceConflictException", 409)
    refused(lambda: client.create_alias(FunctionName="versions", Name="12", FunctionVersion="1"), "ValidationException", 400)
    refused(lambda: client.delete_function(FunctionName="versions", Qualifier="2"), "ResourceConflictException", 409)
    client.update_alias(FunctionName="versions", Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    client.delete_function(FunctionName="versions", Qualifier="2")
    refused(lambda: call(client, "versions:2"), "ResourceNotFoundException", 404)
    assert [item["Name"] for item in client.list_aliases(FunctionName="versions", FunctionVersion="1")["Aliases"]] == ["live"]
    client.delete_alias(FunctionName="versions", Name="live")
    refused(
        lambda: client.get_alias(FunctionName="versions", Name="live"), "ResourceNotFoundException", 404,
        f"Cannot find alias arn: {arn}:live",
    )
    client.delete_function(FunctionName="versions")


def test_permissions_are_statements_of_a_policy(client):
    make(client, "allowed", ECHO, Publish=True)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:allowed"
    refused(
        lambda: client.get_policy(FunctionName="allowed"), "ResourceNotFoundException", 404,
        "The resource you requested does not exist.",
    )
    api = "arn:aws:execute-api:us-east-1:000000000000:abc/*/GET/pets"
    added = client.add_permission(
        FunctionName="allowed", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com", SourceArn=api, SourceAccount="000000000000",
    )
    statement = {
        "Sid": "api", "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction", "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceAccount": "000000000000"}, "ArnLike": {"AWS:SourceArn": api}},
    }
    assert json.loads(added["Statement"]) == statement
    client.add_permission(FunctionName="allowed", StatementId="all", Action="lambda:*", Principal="123456789012")
    policy = client.get_policy(FunctionName="allowed")
    document = json.loads(policy["Policy"])
    assert (document["Version"], document["Id"], document["Statement"][0]) == ("2012-10-17", "default", statement)
    assert document["Statement"][1]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    client.add_permission(
        FunctionName="allowed", Qualifier="1", StatementId="api", Action="lambda:InvokeFunction", Principal="*"
    )
    assert json.loads(client.get_policy(FunctionName="allowed", Qualifier="1")["Policy"])["Statement"][0]["Resource"] == arn + ":1"
    add = lambda **change: client.add_permission(
        **{**dict(FunctionName="allowed", StatementId="new", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"), **change}
    )
    refused(lambda: add(StatementId="api"), "ResourceConflictException", 409)
    refused(lambda: add(Principal="nobody"), "InvalidParameterValueException", 400)
    refused(lambda: add(Action="s3:GetObject"), "ValidationException", 400)
    refused(lambda: add(Qualifier="$LATEST"), "InvalidParameterValueException", 400)
    refused(lambda: add(Qualifier="7"), "ResourceNotFoundException", 404)
    refused(lambda: add(RevisionId="old"), "PreconditionFailedException", 412)
    client.remove_permission(FunctionName="allowed", StatementId="api", RevisionId=policy["RevisionId"])
    refused(
        lambda: client.remove_permission(FunctionName="allowed", StatementId="api"), "ResourceNotFoundException", 404
    )
    client.remove_permission(FunctionName="allowed", StatementId="all")
    refused(lambda: client.get_policy(FunctionName="allowed"), "ResourceNotFoundException", 404)
    for number in range(200):
        try:
            add(StatementId=f"s{number}", SourceArn=api)
        except client.exceptions.PolicyLengthExceededException:
            break
    else:
        pytest.fail("a policy may be as long as it likes")


def test_tags_concurrency_and_settings(client):
    made = make(client, "settings", ECHO)
    arn = made["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    client.untag_resource(Resource=arn, TagKeys=["a"])
    assert client.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert plain(client.get_function_concurrency(FunctionName="settings")) == {}
    client.put_function_concurrency(FunctionName="settings", ReservedConcurrentExecutions=3)
    assert client.get_function(FunctionName="settings")["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    assert client.get_function_concurrency(FunctionName="settings")["ReservedConcurrentExecutions"] == 3
    client.delete_function_concurrency(FunctionName="settings")
    assert "Concurrency" not in client.get_function(FunctionName="settings")
    assert plain(client.get_function_code_signing_config(FunctionName="settings")).get("CodeSigningConfigArn", "") == ""
    assert client.get_runtime_management_config(FunctionName="settings")["UpdateRuntimeOn"] == "Auto"
    client.put_runtime_management_config(FunctionName="settings", UpdateRuntimeOn="FunctionUpdate")
    assert client.get_runtime_management_config(FunctionName="settings")["UpdateRuntimeOn"] == "FunctionUpdate"
    assert client.get_function_recursion_config(FunctionName="settings")["RecursiveLoop"]
    account = client.get_account_settings()
    assert account["AccountLimit"]["CodeSizeUnzipped"] == 262144000 and account["AccountUsage"]["FunctionCount"] >= 1


def test_lists_of_functions_are_paged(client):
    for number in range(3):
        make(client, f"paged-{number}", ECHO)
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    assert names == sorted(names) and {f"paged-{number}" for number in range(3)} <= set(names)
    assert all("State" not in function for function in client.list_functions()["Functions"])


def test_packages_are_kept_as_long_as_a_version_uses_them(client, node):
    blobs = lambda: {path.name for path in node.data.rglob("blob-*")}
    code = package({"app.py": "# only here\n" + ECHO["app.py"]})
    for name in ("one", "two"):
        client.create_function(FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=ROLE, Code={"ZipFile": code})
    client.delete_function(FunctionName="one")
    assert call(client, "two", 1).json() == 1
    assert "blob-" + hashlib.sha256(code).hexdigest() in blobs()
    client.update_function_code(FunctionName="two", ZipFile=package(ECHO))
    # Gone and used again, before its bytes are.
    client.create_function(FunctionName="one", Runtime=PYTHON, Handler="app.handler", Role=ROLE, Code={"ZipFile": code})
    assert call(client, "one", 2).json() == 2


def test_without_the_flag_lambda_says_how_to_turn_it_on(one):
    with pytest.raises(botocore.exceptions.ClientError, match="--functions") as caught:
        one.client("lambda").list_functions()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_two_nodes_do_not_share_a_directory(node, tmp_path):
    other = Node(tmp_path, 2, environment={"TURNPIKE_FUNCTIONS": str(node.data / "functions")}).start()
    assert other.process.wait(60) == 1
    assert "can't set up functions in" in other.tail() and "another node's functions work in it" in other.tail()


def test_only_who_signs_for_lambda_may_call(node):
    refused(lambda: node.client("lambda", secret="wrong").list_functions(), "InvalidSignatureException", 403)
    refused(lambda: node.client("lambda", key="AKIAUNKNOWNUNKNOWN00").list_functions(), "UnrecognizedClientException", 403)
    refused(
        lambda: node.client("lambda", signature="apigateway").list_functions(), "InvalidSignatureException", 403
    )
    assert fetch(f"{node.admin}/2015-03-31/functions/").status == 403


def test_every_operation_that_is_served_is_botocores():
    source = pathlib.Path(__file__).parents[2] / "src" / "control" / "lambda" / "operations.rs"
    ours = set(re.findall(r'^    (\w+): (\w+) "([^"]+)";', source.read_text(), re.MULTILINE))
    folder = pathlib.Path(botocore.__file__).parent / "data" / "lambda" / "2015-03-31"
    model = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    theirs = {
        (name, operation["http"]["method"], re.sub(r"\{\w+\}", "{}", operation["http"]["requestUri"]).rstrip("/"))
        for name, operation in model["operations"].items()
    }
    assert ours and ours <= theirs, ours - theirs
