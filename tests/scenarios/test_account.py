"""Account, client certificates, VPC links and cache flushes through boto3, each call to another node."""

import datetime

from conftest import build, refused

ROLE = "arn:aws:iam::123456789012:role/logs"
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/nlb/50dc6c495c0c9188"


def patch(path, value, op="replace"):
    return [{"op": op, "path": path, "value": value}]


def test_the_account_has_a_role_for_logs(three):
    first, second, third = (node.client() for node in three)
    account = first.get_account()
    assert account["throttleSettings"] == {"burstLimit": 5000, "rateLimit": 10000.0}
    assert (account["features"], account["apiKeyVersion"]) == (["UsagePlans"], "4")
    first.update_account(patchOperations=patch("/cloudwatchRoleArn", ROLE))
    assert second.get_account()["cloudwatchRoleArn"] == ROLE
    refused(
        lambda: third.update_account(patchOperations=patch("/cloudwatchRoleArn", "logs")),
        "BadRequestException", 400, "The role ARN is not well formed",
    )
    refused(
        lambda: second.update_account(patchOperations=patch("/features", "UsagePlans", "remove")),
        "BadRequestException", 400,
    )
    third.update_account(patchOperations=patch("/cloudwatchRoleArn", ""))
    assert "cloudwatchRoleArn" not in first.get_account()


def test_a_client_certificate_is_real_and_stays_while_a_stage_uses_it(three, backend):
    first, second, third = (node.client() for node in three)
    made = first.generate_client_certificate(description="to backends", tags={"a": "b"})
    name = made["clientCertificateId"]
    assert made["pemEncodedCertificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE" not in str(made)
    assert made["expirationDate"] - made["createdDate"] == datetime.timedelta(days=365)
    assert second.get_client_certificate(clientCertificateId=name)["pemEncodedCertificate"] == made["pemEncodedCertificate"]
    assert name in [item["clientCertificateId"] for item in third.get_client_certificates()["items"]]
    changed = second.update_client_certificate(clientCertificateId=name, patchOperations=patch("/description", "x"))
    assert changed["description"] == "x"

    api, _ = build(first, backend)
    first.create_deployment(restApiId=api, stageName="prod")
    stage = {"restApiId": api, "stageName": "prod"}
    refused(
        lambda: first.update_stage(**stage, patchOperations=patch("/clientCertificateId", "none00")),
        "BadRequestException", 400, "Invalid Client Certificate identifier specified",
    )
    second.update_stage(**stage, patchOperations=patch("/clientCertificateId", name))
    refused(lambda: third.delete_client_certificate(clientCertificateId=name), "BadRequestException", 400)
    first.update_stage(**stage, patchOperations=patch("/clientCertificateId", ""))
    third.delete_client_certificate(clientCertificateId=name)
    refused(lambda: first.get_client_certificate(clientCertificateId=name), "NotFoundException", 404)


def test_a_vpc_link_is_pending_and_then_available(three):
    first, second, third = (node.client() for node in three)
    made = first.create_vpc_link(name="link", targetArns=[BALANCER])
    assert (made["status"], made["targetArns"]) == ("PENDING", [BALANCER])
    found = second.get_vpc_link(vpcLinkId=made["id"])
    assert (found["status"], found["statusMessage"], found["tags"]) == ("AVAILABLE", "Your vpc link is ready for use", {})
    changed = third.update_vpc_link(vpcLinkId=made["id"], patchOperations=patch("/description", "x"))
    assert changed["description"] == "x"
    refused(
        lambda: first.create_vpc_link(name="link", targetArns=["x"]),
        "BadRequestException", 400, "Invalid ARN. ARN is not well formed x",
    )
    refused(lambda: first.create_vpc_link(name="link", targetArns=[BALANCER, BALANCER]), "BadRequestException", 400)
    second.delete_vpc_link(vpcLinkId=made["id"])
    refused(
        lambda: third.delete_vpc_link(vpcLinkId=made["id"]),
        "NotFoundException", 404, "Invalid Vpc Link identifier specified",
    )


def test_caches_of_a_stage_are_flushed(three, backend):
    first, second, third = (node.client() for node in three)
    api, _ = build(first, backend)
    first.create_deployment(restApiId=api, stageName="prod")
    for flush in (second.flush_stage_cache, third.flush_stage_authorizers_cache, first.flush_stage_cache):
        assert flush(restApiId=api, stageName="prod")["ResponseMetadata"]["HTTPStatusCode"] == 202
    refused(
        lambda: second.flush_stage_cache(restApiId=api, stageName="none"),
        "NotFoundException", 404, "Invalid stage identifier specified",
    )
    third.delete_stage(restApiId=api, stageName="prod")
    first.delete_rest_api(restApiId=api)
