"""Domain names and mappings: the same things in the words of both versions of API Gateway."""

import itertools

import pytest

from conftest import Turns, build, plain, refused
from test_operations import CERTIFICATE

BAD, GONE, CONFLICT = ("BadRequestException", 400), ("NotFoundException", 404), ("ConflictException", 409)
CONFIGURATION = {"CertificateArn": CERTIFICATE, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}
UNKNOWN = (*GONE, "The domain name resource specified in the request was not found.")
numbers = itertools.count()


@pytest.fixture
def second(three):
    """A client of the second version, of three nodes in turn."""
    return Turns(three, "apigatewayv2")


@pytest.fixture
def name(turns):
    name = f"w{next(numbers)}.example.com"
    yield name
    if name in [found["domainName"] for found in turns.get_domain_names(limit=500)["items"]]:
        turns.delete_domain_name(domainName=name)


@pytest.fixture
def chat(second):
    """A WebSocket API with a stage."""
    api = second.create_api(Name="chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
    second.create_stage(ApiId=api, StageName="prod")
    return api


@pytest.fixture
def pets(turns, three, backend):
    """A REST API with a stage."""
    api, _ = build(three[0].client(), backend)
    turns.create_deployment(restApiId=api, stageName="prod")
    return api


def test_a_domain_name_is_seen_in_both_versions(turns, second, name):
    made = plain(second.create_domain_name(DomainName=name, DomainNameConfigurations=[CONFIGURATION], Tags={"a": "b"}))
    configuration = made["DomainNameConfigurations"][0]
    host = configuration.pop("ApiGatewayDomainName")
    assert host.startswith("d-") and host.endswith(".execute-api.us-east-1.amazonaws.com")
    assert configuration.pop("CertificateUploadDate")
    assert made == {
        "ApiMappingSelectionExpression": "$request.basepath",
        "DomainName": name,
        "DomainNameArn": f"arn:aws:apigateway:us-east-1::/domainnames/{name}",
        "DomainNameConfigurations": [{
            **CONFIGURATION, "DomainNameStatus": "AVAILABLE", "HostedZoneId": "Z1UJRXOUMOOFQ8", "IpAddressType": "ipv4",
        }],
        "RoutingMode": "API_MAPPING_ONLY",
        "Tags": {"a": "b"},
    }
    first = turns.get_domain_name(domainName=name)
    assert (first["regionalDomainName"], first["routingMode"], first["tags"]) == (host, "BASE_PATH_MAPPING_ONLY", {"a": "b"})
    trust = {"TruststoreUri": "s3://trust/store.pem"}
    assert second.update_domain_name(DomainName=name, MutualTlsAuthentication=trust)["MutualTlsAuthentication"] == trust
    assert turns.get_domain_name(domainName=name)["mutualTlsAuthentication"] == {"truststoreUri": "s3://trust/store.pem"}
    # An empty address takes it away.
    changed = second.update_domain_name(
        DomainName=name, MutualTlsAuthentication={"TruststoreUri": ""}, RoutingMode="ROUTING_RULE_THEN_API_MAPPING",
        DomainNameConfigurations=[{**CONFIGURATION, "IpAddressType": "dualstack"}],
    )
    assert "MutualTlsAuthentication" not in changed
    assert changed["DomainNameConfigurations"][0]["IpAddressType"] == "dualstack"
    assert turns.get_domain_name(domainName=name)["routingMode"] == "ROUTING_RULE_THEN_BASE_PATH_MAPPING"
    second.delete_domain_name(DomainName=name)
    refused(lambda: turns.get_domain_name(domainName=name), *GONE)
    refused(lambda: second.get_domain_name(DomainName=name), *UNKNOWN)


def test_an_edge_domain_name_is_shown_and_not_managed(turns, second, name):
    turns.create_domain_name(domainName=name, certificateArn=CERTIFICATE)
    shown = second.get_domain_name(DomainName=name)["DomainNameConfigurations"]
    assert [found["EndpointType"] for found in shown] == ["EDGE"]
    assert shown[0]["ApiGatewayDomainName"].endswith(".cloudfront.net")
    with pytest.raises(Exception, match="Only REGIONAL domain names can be managed through the API Gateway V2 API"):
        second.update_domain_name(DomainName=name, DomainNameConfigurations=[CONFIGURATION])


def test_a_mapping_is_seen_in_both_versions(turns, second, name, chat):
    second.create_domain_name(DomainName=name, DomainNameConfigurations=[CONFIGURATION])
    made = plain(second.create_api_mapping(DomainName=name, ApiId=chat, Stage="prod", ApiMappingKey="chat"))
    place = {"DomainName": name, "ApiMappingId": made["ApiMappingId"]}
    assert made == {"ApiId": chat, "ApiMappingId": place["ApiMappingId"], "ApiMappingKey": "chat", "Stage": "prod"}
    first = {"basePath": "chat", "restApiId": chat, "stage": "prod"}
    assert turns.get_base_path_mappings(domainName=name)["items"] == [first]
    # Its id stays when its path changes.
    second.update_api_mapping(**place, ApiId=chat, ApiMappingKey="talk")
    assert plain(turns.get_base_path_mapping(domainName=name, basePath="talk")) == {**first, "basePath": "talk"}
    turns.create_base_path_mapping(domainName=name, restApiId=chat, stage="prod")
    found = {item["ApiMappingKey"]: item["ApiMappingId"] for item in second.get_api_mappings(DomainName=name)["Items"]}
    assert found["talk"] == place["ApiMappingId"] and len(found[""]) == 6
    # What is mapped stays.
    refused(lambda: second.delete_api(ApiId=chat), *BAD)
    refused(lambda: second.delete_stage(ApiId=chat, StageName="prod"), *BAD)
    second.delete_api_mapping(**place)
    turns.delete_base_path_mapping(domainName=name, basePath="(none)")
    assert second.get_api_mappings(DomainName=name)["Items"] == []
    second.delete_api(ApiId=chat)


def test_a_domain_name_serves_websocket_apis_or_others(turns, second, name, chat, pets):
    second.create_domain_name(DomainName=name, DomainNameConfigurations=[CONFIGURATION])
    mapping = second.create_api_mapping(DomainName=name, ApiId=pets, Stage="prod", ApiMappingKey="pets/v1")
    words = "A domain name can serve WebSocket APIs, or REST and HTTP APIs, but not both: it serves the others already."
    refused(lambda: second.create_api_mapping(DomainName=name, ApiId=chat, Stage="prod"), *BAD, words)
    # The only one may be turned into the other kind.
    turned = {"DomainName": name, "ApiMappingId": mapping["ApiMappingId"]}
    second.update_api_mapping(**turned, ApiId=chat, Stage="prod", ApiMappingKey="chat")
    refused(lambda: turns.create_base_path_mapping(domainName=name, restApiId=pets, stage="prod"), *BAD, words)


def test_refusals_of_mappings_have_words(second, name, chat):
    second.create_domain_name(DomainName=name, DomainNameConfigurations=[CONFIGURATION])
    second.create_api_mapping(DomainName=name, ApiId=chat, Stage="prod", ApiMappingKey="taken")
    for members, error, message in [
        ({"ApiMappingKey": "/a"}, BAD, "API mapping key should not start with a '/' or have consecutive '/'s."),
        ({"ApiMappingKey": "a//b"}, BAD, "API mapping key should not start with a '/' or have consecutive '/'s."),
        ({"ApiMappingKey": "a/"}, BAD, "API mapping key should not end with a '/'."),
        ({"ApiMappingKey": "a/b"}, BAD, "API mappings of WEBSOCKET protocol Apis have one level: no '/' is allowed."),
        ({"ApiMappingKey": "taken"}, CONFLICT, "ApiMapping key already exists for this domain name"),
        ({"Stage": "none"}, BAD, "Invalid stage identifier specified"),
        ({"ApiId": "nothing"}, GONE, "Invalid API identifier specified nothing"),
        ({"DomainName": "none.example.com"}, GONE, UNKNOWN[2]),
    ]:
        whole = {"DomainName": name, "ApiId": chat, "Stage": "prod", **members}
        refused(lambda: second.create_api_mapping(**whole), *error, message)
    unmapped = "The api mapping resource specified in the request was not found."
    refused(lambda: second.get_api_mapping(DomainName=name, ApiMappingId="x"), *GONE, unmapped)
