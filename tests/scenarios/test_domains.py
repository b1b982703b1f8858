"""Domain names, base path mappings and access associations through boto3, each call on another node than the last."""

import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor

import botocore.exceptions
import pytest

from conftest import build, fetch, nodes, plain, refused

ACM = "arn:aws:acm:us-east-1:000000000000:certificate/"
ONE, OTHER = ACM + "11111111-2222-3333-4444-555555555555", ACM + "99999999-2222-3333-4444-555555555555"
REGIONAL = {"regionalCertificateArn": ONE, "endpointConfiguration": {"types": ["REGIONAL"]}}
PRIVATE = {"certificateArn": ONE, "endpointConfiguration": {"types": ["PRIVATE"]}}
ARN = "arn:aws:apigateway:us-east-1:"
UNKNOWN = ("NotFoundException", 404, "Invalid domain name identifier specified")
UNMAPPED = ("NotFoundException", 404, "Invalid base path mapping identifier specified")
numbers = itertools.count()


@pytest.fixture
def call(turns):
    """Calls an operation, on the next node."""
    return lambda operation, **members: plain(getattr(turns, operation)(**members))


@pytest.fixture
def name(three):
    """A domain name that no other scenario has; it and those below it are gone afterwards."""
    name, client = f"n{next(numbers)}.example.com", three[0].client()
    yield name
    for found in client.get_domain_names(limit=500)["items"]:
        if found["domainName"].endswith(name):
            identifier = {"domainNameId": found["domainNameId"]} if "domainNameId" in found else {}
            client.delete_domain_name(domainName=found["domainName"], **identifier)


@pytest.fixture
def api(three, backend):
    """An API with a stage `prod`."""
    client = three[0].client()
    api, _ = build(client, backend)
    client.create_deployment(restApiId=api, stageName="prod")
    return api


def patch(path, value=None, op="replace"):
    return {"op": op, "path": path, **({} if value is None else {"value": value})}


def test_an_edge_domain_name_has_its_defaults(call, name):
    made = call("create_domain_name", domainName=name.upper(), certificateArn=ONE)
    target, date = made.pop("distributionDomainName"), made.pop("certificateUploadDate")
    assert target.startswith("d") and target.endswith(".cloudfront.net") and len(target.split(".")[0]) == 14
    assert made == {
        "domainName": name,
        "domainNameArn": f"{ARN}:/domainnames/{name}",
        "certificateArn": ONE,
        "distributionHostedZoneId": "Z2FDTNDATAQYW2",
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
        "domainNameStatus": "AVAILABLE",
        "securityPolicy": "TLS_1_2",
        "routingMode": "BASE_PATH_MAPPING_ONLY",
    }
    whole = {**made, "distributionDomainName": target, "certificateUploadDate": date, "tags": {}}
    assert call("get_domain_name", domainName=name) == whole
    refused(
        lambda: call("create_domain_name", domainName=name, **REGIONAL),
        "BadRequestException", 400, "The domain name you provided already exists.",
    )
    call("delete_domain_name", domainName=name)
    for operation in ("get_domain_name", "delete_domain_name", "update_domain_name", "get_base_path_mappings"):
        refused(lambda: call(operation, domainName=name), *UNKNOWN)


def test_a_regional_domain_name_has_mutual_tls(call, name):
    trust = {"truststoreUri": "s3://trust/store.pem", "truststoreVersion": "1"}
    made = call("create_domain_name", domainName=name, mutualTlsAuthentication=trust, tags={"a": "b"}, **REGIONAL)
    host = made["regionalDomainName"]
    assert host.startswith("d-") and host.endswith(".execute-api.us-east-1.amazonaws.com")
    assert len(host.split(".")[0]) == 12
    assert made["regionalHostedZoneId"] == "Z1UJRXOUMOOFQ8"
    assert made["mutualTlsAuthentication"] == trust and made["tags"] == {"a": "b"}
    assert not [member for member in made if member.startswith(("distribution", "certificate"))]
    # An empty text turns it off.
    changed = call("update_domain_name", domainName=name, patchOperations=[
        patch("/mutualTlsAuthentication/truststoreUri", ""),
    ])
    assert "mutualTlsAuthentication" not in changed and changed["regionalDomainName"] == host


def test_a_domain_name_moves_from_edge_to_regional(call, name):
    call("create_domain_name", domainName=name, certificateArn=ONE)
    moving = call("update_domain_name", domainName=name, patchOperations=[
        patch("/endpointConfiguration/types", "REGIONAL", "add"), patch("/regionalCertificateArn", OTHER, "add"),
    ])
    assert moving["endpointConfiguration"]["types"] == ["EDGE", "REGIONAL"]
    assert moving["distributionDomainName"] and moving["regionalDomainName"]
    moved = call("update_domain_name", domainName=name, patchOperations=[
        patch("/endpointConfiguration/types", "EDGE", "remove"), patch("/certificateArn", op="remove"),
    ])
    assert moved["endpointConfiguration"]["types"] == ["REGIONAL"]
    assert "distributionDomainName" not in moved and "certificateArn" not in moved
    # As Terraform does it: by place, in one step.
    back = call("update_domain_name", domainName=name, patchOperations=[
        patch("/endpointConfiguration/types/0", "EDGE"), patch("/certificateArn", ONE),
    ])
    assert back["endpointConfiguration"]["types"] == ["EDGE"]


def test_a_domain_name_is_patched_whole_or_not_at_all(call, name):
    call("create_domain_name", domainName=name, **REGIONAL)
    changed = call("update_domain_name", domainName=name, patchOperations=[
        patch("/securityPolicy", "SecurityPolicy_TLS13_1_3_2025_09"),
        patch("/endpointAccessMode", "STRICT"),
        patch("/endpointConfiguration/ipAddressType", "dualstack"),
        patch("/routingMode", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"),
        patch("/ownershipVerificationCertificateArn", OTHER),
        patch("/regionalCertificateName", "the certificate"),
    ])
    assert changed["securityPolicy"] == "SecurityPolicy_TLS13_1_3_2025_09"
    assert (changed["endpointAccessMode"], changed["regionalCertificateName"]) == ("STRICT", "the certificate")
    assert changed["endpointConfiguration"]["ipAddressType"] == "dualstack"
    assert changed["routingMode"] == "ROUTING_RULE_THEN_BASE_PATH_MAPPING"
    assert changed["ownershipVerificationCertificateArn"] == OTHER
    bad = [
        (patch("/nothing", "x"), None),
        (patch("/securityPolicy", "x", "add"),
         "Invalid patch path  '/securityPolicy' specified for op 'add'. Please choose supported operations"),
        (patch("/securityPolicy", "SSL"), None),
        (patch("/routingMode", "x"), None),
        (patch("/policy", "{}"), None),
        (patch("/regionalCertificateArn", "x"), "Invalid certificate ARN specified: x"),
        (patch("/endpointConfiguration/types/0", "NONE"),
         "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE"),
        (patch("/endpointConfiguration/types", "REGIONAL", "remove"),
         "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."),
        (patch("/endpointConfiguration/ipAddressType", "ipv6"), "ipAddressType must be either ipv4 or dualstack."),
    ]
    for operation, message in bad:
        operations = [patch("/ownershipVerificationCertificateArn", ONE), operation]
        refused(
            lambda: call("update_domain_name", domainName=name, patchOperations=operations),
            "BadRequestException", 400, message,
        )
    assert call("get_domain_name", domainName=name) == changed


def test_what_a_domain_name_may_not_be(call, name):
    bad_request = lambda message=None, **members: (
        lambda: call("create_domain_name", **{"domainName": name, **members}), "BadRequestException", 400, message,
    )
    for row in [
        bad_request("Invalid domain name specified: localhost", domainName="localhost", certificateArn=ONE),
        bad_request(None, domainName="a.*.example.com", certificateArn=ONE),
        bad_request(None),
        bad_request(None, certificateArn=ONE, endpointConfiguration={"types": ["REGIONAL"]}),
        bad_request("Invalid certificate ARN specified: none", certificateArn="none"),
        bad_request("REGIONAL Configuration and EDGE Configuration cannot be both DISABLED.",
                    certificateArn=ONE, endpointConfiguration={"types": []}),
        bad_request(None, certificateArn=ONE, policy="{}"),
        bad_request(None, certificateArn=ONE, mutualTlsAuthentication={"truststoreUri": "s3://a/b"}),
        bad_request("Invalid truststoreUri specified: a", mutualTlsAuthentication={"truststoreUri": "a"}, **REGIONAL),
        bad_request("The security policy SecurityPolicy_TLS13_2025_EDGE is not supported for this endpoint type.",
                    securityPolicy="SecurityPolicy_TLS13_2025_EDGE", endpointAccessMode="BASIC", **REGIONAL),
        bad_request("Tags exceed limit of 50", certificateArn=ONE, tags={str(number): "" for number in range(51)}),
    ]:
        refused(*row)
    refused(
        lambda: call("create_domain_name", domainName=name, securityPolicy="SSL", routingMode="x",
                     endpointConfiguration={"types": ["x"]}),
        "ValidationException", 400,
    )
    refused(lambda: call("get_domain_name", domainName=name), *UNKNOWN)


def test_an_uploaded_certificates_key_is_never_answered(call, name, tmp_path):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", "key.pem", "-out", "leaf.pem", "-subj", f"/CN={name}", "-days", "2"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    leaf, key = ((tmp_path / file).read_text() for file in ("leaf.pem", "key.pem"))
    made = call("create_domain_name", domainName=name, certificateName="mine", certificateBody=leaf,
                certificatePrivateKey=key)
    assert made["certificateName"] == "mine"
    found = call("get_domain_name", domainName=name)
    assert "PRIVATE" not in str(made) + str(found) and "certificateArn" not in found
    refused(
        lambda: call("create_domain_name", domainName="other." + name, certificateName="mine", certificateBody=leaf),
        "BadRequestException", 400, "Certificate body and certificate private key must be specified together",
    )
    changed = call("update_domain_name", domainName=name, patchOperations=[patch("/certificateArn", ONE)])
    assert changed["certificateArn"] == ONE


def test_domain_names_are_paged(call, name):
    names = [f"{letter}.{name}" for letter in "cab"] + [f"*.{name}"]
    for each in names:
        call("create_domain_name", domainName=each, **REGIONAL)
    found, position = [], {}
    while True:
        page = call("get_domain_names", limit=2, **position)
        assert len(page["items"]) <= 2
        found += [item["domainName"] for item in page["items"]]
        if "position" not in page:
            break
        position = {"position": page["position"]}
    assert sorted(each for each in found if each.endswith(name)) == sorted(names)
    assert len(set(found)) == len(found)
    assert call("get_domain_names", resourceOwner="OTHER_ACCOUNTS")["items"] == []
    refused(lambda: call("get_domain_names", resourceOwner="x"), "ValidationException", 400)


def test_a_base_path_maps_to_a_stage(call, name, api):
    call("create_domain_name", domainName=name, **REGIONAL)
    domain = {"domainName": name}
    mapped = {"restApiId": api, "stage": "prod"}
    assert call("create_base_path_mapping", **domain, **mapped) == {"basePath": "(none)", **mapped}
    assert call("create_base_path_mapping", **domain, basePath="v1", restApiId=api) == {
        "basePath": "v1", "restApiId": api,
    }
    assert call("get_base_path_mapping", **domain, basePath="(none)") == {"basePath": "(none)", **mapped}
    refused(lambda: call("get_base_path_mapping", **domain, basePath="v2"), *UNMAPPED)
    first = call("get_base_path_mappings", **domain, limit=1)
    second = call("get_base_path_mappings", **domain, limit=1, position=first["position"])
    assert [page["items"][0]["basePath"] for page in (first, second)] == ["(none)", "v1"] and "position" not in second

    unknown = "Invalid REST API identifier specified"
    taken = ("ConflictException", 409, "Base path already exists for this domain name")
    make = lambda **members: lambda: call("create_base_path_mapping", **{**domain, **mapped, **members})
    slash = (
        "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level base "
        "path mapping, use API Gateway V2."
    )
    for row in [
        (make(), *taken),
        (make(basePath=""), *taken),
        (make(basePath="(none)"), *taken),
        (make(basePath="v1"), *taken),
        (make(basePath="a/b"), "BadRequestException", 400, slash),
        (make(basePath="a b"), "BadRequestException", 400),
        (make(basePath="v2", restApiId="none"), "BadRequestException", 400, unknown),
        (make(basePath="v2", stage="none"), "BadRequestException", 400, "Invalid stage identifier specified"),
        (make(domainName="none.example.com"), *UNKNOWN),
    ]:
        refused(*row)


def test_a_mapping_is_patched_and_renamed(call, name, api):
    call("create_domain_name", domainName=name, **REGIONAL)
    other = call("create_rest_api", name="other")["id"]
    domain = {"domainName": name}
    for base_path in ("v1", "taken"):
        call("create_base_path_mapping", **domain, basePath=base_path, restApiId=api, stage="prod")
    change = lambda base_path, *operations: call(
        "update_base_path_mapping", **domain, basePath=base_path, patchOperations=list(operations)
    )
    assert change("v1", patch("/basePath", "v2"))["basePath"] == "v2"
    refused(lambda: call("get_base_path_mapping", **domain, basePath="v1"), *UNMAPPED)
    assert change("v2", patch("/basepath", "(none)"))["basePath"] == "(none)"
    assert change("(none)", patch("/basePath", "v3"), patch("/stage", "")) == {"basePath": "v3", "restApiId": api}
    assert change("v3", patch("/restApiId", other))["restApiId"] == other
    assert change("v3", patch("/restapiId", api), patch("/stage", "prod"))["stage"] == "prod"
    for operation, *expected in [
        (patch("/basePath", "taken"), "ConflictException", 409, "Base path already exists for this domain name"),
        (patch("/restapiId", other), "BadRequestException", 400, "Invalid stage identifier specified"),
        (patch("/restapiId", "none"), "BadRequestException", 400, "Invalid REST API identifier specified"),
        (patch("/stage", "none"), "BadRequestException", 400, "Invalid stage identifier specified"),
        (patch("/nothing", "x"), "BadRequestException", 400,
         "Invalid patch path  '/nothing' specified for op 'replace'. Must be one of: [/basePath, /restapiId, /stage]"),
        (patch("/stage", op="remove"), "BadRequestException", 400),
    ]:
        refused(lambda: change("v3", operation), *expected)
    assert call("get_base_path_mapping", **domain, basePath="v3") == {
        "basePath": "v3", "restApiId": api, "stage": "prod",
    }
    call("delete_rest_api", restApiId=other)


def test_mapped_apis_and_stages_are_not_deleted(call, name, api):
    names = [f"{letter}.{name}" for letter in "ab"]
    for each in names:
        call("create_domain_name", domainName=each, **REGIONAL)
    domain = {"domainName": names[0]}
    call("create_base_path_mapping", **domain, basePath="v1", restApiId=api, stage="prod")
    call("create_base_path_mapping", domainName=names[1], restApiId=api)
    still_mapped = (
        "Deleting RestApi failed. Please remove all base path mappings related to the RestApi in your domains: "
    )
    refused(
        lambda: call("delete_rest_api", restApiId=api),
        "BadRequestException", 400, still_mapped + ", ".join(names),
    )
    refused(
        lambda: call("delete_stage", restApiId=api, stageName="prod"), "BadRequestException", 400,
        "Deleting stage prod failed. Please remove all base path mappings related to the stage in your domains: "
        + names[0],
    )
    # A rename is followed, as is a deletion, and that of the whole domain name.
    call("update_base_path_mapping", **domain, basePath="v1", patchOperations=[patch("/basePath", "v2")])
    refused(lambda: call("delete_stage", restApiId=api, stageName="prod"), "BadRequestException", 400)
    call("delete_base_path_mapping", **domain, basePath="v2")
    refused(lambda: call("delete_base_path_mapping", **domain, basePath="v2"), *UNMAPPED)
    call("delete_stage", restApiId=api, stageName="prod")
    refused(
        lambda: call("delete_rest_api", restApiId=api), "BadRequestException", 400, still_mapped + names[1],
    )
    call("delete_domain_name", domainName=names[1])
    call("delete_rest_api", restApiId=api)


def test_private_domain_names_have_ids_policies_and_associations(call, name, api):
    policy = '{"Version":"2012-10-17","Statement":[]}'
    one, two = (call("create_domain_name", domainName=name, policy=policy, **PRIVATE) for _ in range(2))
    assert one["domainNameId"] != two["domainNameId"]
    named = {"domainName": name, "domainNameId": one["domainNameId"]}
    assert one["domainNameArn"] == f"{ARN}000000000000:/domainnames/{name}+{one['domainNameId']}"
    assert one["endpointConfiguration"] == {"types": ["PRIVATE"], "ipAddressType": "dualstack"}
    # Unlike an API's policy, as it was given: the Terraform provider compares it so.
    assert one["policy"] == policy
    refused(lambda: call("get_domain_name", domainName=name), *UNKNOWN)
    assert call("get_domain_name", **named)["domainNameArn"] == one["domainNameArn"]
    changed = call("update_domain_name", **named, patchOperations=[patch("/managementPolicy", "{}")])
    assert changed["managementPolicy"] == "{}"
    refused(
        lambda: call("update_domain_name", **named, patchOperations=[patch("/endpointConfiguration/types/0", "EDGE")]),
        "BadRequestException", 400,
    )
    refused(
        lambda: call("create_base_path_mapping", **named, restApiId=api), "BadRequestException", 400,
        "Private APIs can only be mapped to private domain names, and other APIs only to public ones.",
    )
    private = call("create_rest_api", name="private", endpointConfiguration={"types": ["PRIVATE"]})["id"]
    call("create_base_path_mapping", **named, restApiId=private)
    assert call("get_base_path_mapping", **named, basePath="(none)")["restApiId"] == private

    source = {"accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-0123456789abcdef0"}
    associate = lambda domain, **members: call(
        "create_domain_name_access_association", **{"domainNameArn": domain["domainNameArn"], **source, **members}
    )
    made = associate(one, tags={"a": "b"})
    assert made == {
        "domainNameAccessAssociationArn":
            f"{ARN}000000000000:/domainnameaccessassociations/domainname/{name}+{one['domainNameId']}"
            "/vpcesource/vpce-0123456789abcdef0",
        "domainNameArn": one["domainNameArn"], **source, "tags": {"a": "b"},
    }
    others = [associate(one, accessAssociationSource="vpce-1"), associate(two)]
    arns = lambda **members: [
        item["domainNameAccessAssociationArn"]
        for item in call("get_domain_name_access_associations", **members)["items"]
        if f"/{name}+" in item["domainNameArn"]
    ]
    assert len(arns()) == 3 and arns(resourceOwner="OTHER_ACCOUNTS") == []
    public = f"public.{name}"
    call("create_domain_name", domainName=public, certificateArn=ONE)
    missing = ("NotFoundException", 404, "Invalid domain name access association identifier specified")
    reject = lambda association, domain: call(
        "reject_domain_name_access_association", domainNameArn=domain["domainNameArn"],
        domainNameAccessAssociationArn=association["domainNameAccessAssociationArn"],
    )
    for row in [
        (lambda: associate(one), "ConflictException", 409),
        (lambda: associate({"domainNameArn": f"{ARN}:/domainnames/{public}"}), "BadRequestException", 400),
        (lambda: associate({"domainNameArn": one["domainNameArn"] + "x"}), *UNKNOWN),
        (lambda: associate({"domainNameArn": "x"}), "BadRequestException", 400, "Invalid ARN specified in the request"),
        (lambda: associate(one, accessAssociationSource="vpc-1"), "BadRequestException", 400),
        (lambda: associate(one, accessAssociationSourceType="VPC"), "ValidationException", 400),
        (lambda: reject(made, two), *missing),
    ]:
        refused(*row)
    reject(made, one)
    refused(lambda: reject(made, one), *missing)
    gone = others[0]["domainNameAccessAssociationArn"]
    call("delete_domain_name_access_association", domainNameAccessAssociationArn=gone)
    refused(lambda: call("delete_domain_name_access_association", domainNameAccessAssociationArn=gone), *missing)
    # What is left goes with its domain name.
    call("delete_domain_name", domainName=name, domainNameId=two["domainNameId"])
    assert arns() == []
    call("delete_domain_name", **named)
    call("delete_rest_api", restApiId=private)


def test_the_newer_kinds_are_tagged(call, name):
    balancer = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/0123456789abcdef"
    private = call("create_domain_name", domainName=name, **PRIVATE)
    association = call(
        "create_domain_name_access_association", domainNameArn=private["domainNameArn"],
        accessAssociationSourceType="VPCE", accessAssociationSource="vpce-2",
    )
    link = call("create_vpc_link", name="tagged", targetArns=[balancer])["id"]
    certificate = call("generate_client_certificate")["clientCertificateId"]
    call("create_domain_name", domainName=f"public.{name}", certificateArn=ONE)
    for arn in [
        private["domainNameArn"],
        association["domainNameAccessAssociationArn"],
        f"{ARN}:/domainnames/public.{name}",
        f"{ARN}:/vpclinks/{link}",
        f"{ARN}:/clientcertificates/{certificate}",
    ]:
        call("tag_resource", resourceArn=arn, tags={"a": "1", "b": "2"})
        call("untag_resource", resourceArn=arn, tagKeys=["a"])
        assert call("get_tags", resourceArn=arn)["tags"] == {"b": "2"}, arn
    assert call("get_vpc_link", vpcLinkId=link)["tags"] == {"b": "2"}
    assert call("get_domain_name", domainName=f"public.{name}")["tags"] == {"b": "2"}
    call("delete_vpc_link", vpcLinkId=link)
    call("delete_client_certificate", clientCertificateId=certificate)


def test_one_of_many_at_once_makes_a_mapping(three, name, api):
    """Of callers that map the same base path at the same time, on all nodes, one does, and the others are told."""
    clients = [node.client() for node in three]
    clients[0].create_domain_name(domainName=name, **REGIONAL)

    def make(number):
        try:
            clients[number % 3].create_base_path_mapping(domainName=name, basePath="v1", restApiId=api, stage="prod")
            return None
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Message"]

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(make, range(6)))
    assert results.count(None) == 1
    assert set(results) == {None, "Base path already exists for this domain name"}


def served(node, host, path):
    """What a node answers to a request for a host: the backend's status and path, or the refusal's body."""
    answer = fetch(f"http://{node.address('gateway')}{path}", headers={"Host": host})
    return (answer.status, answer.json()["path"] if answer.status == 200 else answer.text)


FORBIDDEN = (403, '{"message":"Forbidden"}')


def test_a_domain_name_serves_what_is_mapped_on_all_nodes_at_once(call, three, name, api):
    everywhere = lambda path, host=name: {served(node, host, path) for node in three}
    call("create_domain_name", domainName=name, **REGIONAL)
    domain = {"domainName": name}
    assert everywhere("/pets") == {FORBIDDEN}
    call("create_base_path_mapping", **domain, restApiId=api, stage="prod")
    assert everywhere("/pets") == {(200, "/pets")} == everywhere("/pets", name.upper() + ":8080")
    call("update_base_path_mapping", **domain, basePath="(none)", patchOperations=[patch("/basePath", "v1")])
    assert everywhere("/pets") == {FORBIDDEN} and everywhere("/v1/pets") == {(200, "/pets")}
    # Without a stage, the path names it.
    call("create_base_path_mapping", **domain, basePath="all", restApiId=api)
    assert everywhere("/all/prod/pets") == {(200, "/pets")}
    assert everywhere("/all/none/pets") == {FORBIDDEN} == everywhere("/v1more/pets")
    # A custom domain name's paths are its own.
    assert everywhere(f"/_aws/execute-api/{api}/prod/pets") == {FORBIDDEN}
    call("update_rest_api", restApiId=api, patchOperations=[patch("/disableExecuteApiEndpoint", "true")])
    call("create_deployment", restApiId=api, stageName="prod")
    assert everywhere("/prod/pets", f"{api}.execute-api.us-east-1.amazonaws.com") == {FORBIDDEN}
    assert everywhere("/v1/pets") == {(200, "/pets")}
    call("update_domain_name", **domain, patchOperations=[patch("/routingMode", "ROUTING_RULE_ONLY")])
    assert everywhere("/v1/pets") == {FORBIDDEN}
    call("update_domain_name", **domain, patchOperations=[patch("/routingMode", "BASE_PATH_MAPPING_ONLY")])
    assert everywhere("/v1/pets") == {(200, "/pets")}
    # What can't be checked is refused.
    trust = patch("/mutualTlsAuthentication/truststoreUri", "s3://trust/store.pem")
    call("update_domain_name", **domain, patchOperations=[trust])
    assert everywhere("/v1/pets") == {FORBIDDEN}
    call("update_domain_name", **domain, patchOperations=[{**trust, "value": ""}])
    assert everywhere("/v1/pets") == {(200, "/pets")}
    call("delete_base_path_mapping", **domain, basePath="v1")
    assert everywhere("/v1/pets") == {FORBIDDEN}
    call("delete_domain_name", **domain)
    assert everywhere("/all/prod/pets") == {FORBIDDEN}


def test_a_domain_name_wins_over_a_wildcard(call, three, name, api):
    for each, base_path in ((f"*.{name}", "wild"), (f"one.{name}", "exact")):
        call("create_domain_name", domainName=each, **REGIONAL)
        call("create_base_path_mapping", domainName=each, basePath=base_path, restApiId=api, stage="prod")
    for node in three:
        assert served(node, f"one.{name}", "/exact/pets") == (200, "/pets")
        assert served(node, f"one.{name}", "/wild/pets") == FORBIDDEN
        assert served(node, f"two.{name}", "/wild/pets") == (200, "/pets")
        assert served(node, f"a.two.{name}", "/wild/pets") == FORBIDDEN == served(node, name, "/wild/pets")


def test_private_domain_names_are_not_served(call, three, name):
    made = call("create_domain_name", domainName=name, **PRIVATE)
    private = call("create_rest_api", name="private", endpointConfiguration={"types": ["PRIVATE"]})["id"]
    call("create_base_path_mapping", domainName=name, domainNameId=made["domainNameId"], restApiId=private)
    assert {served(node, name, "/prod/pets") for node in three} == {FORBIDDEN}


def test_domain_names_are_served_after_a_restart(tmp_path, backend, name):
    with nodes(tmp_path, 1) as (node,):
        client = node.client()
        api, _ = build(client, backend)
        client.create_deployment(restApiId=api, stageName="prod")
        client.create_domain_name(domainName=name, **REGIONAL)
        client.create_base_path_mapping(domainName=name, basePath="v1", restApiId=api, stage="prod")
        node.kill()
        node.start().wait_ready()
        assert served(node, name, "/v1/pets") == (200, "/pets")
