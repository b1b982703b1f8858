"""Tags of everything that can be tagged, each call on another node than the last."""

import pytest

from conftest import build, fetch, refused

ARN = "arn:aws:apigateway:us-east-1::"


@pytest.fixture
def call(turns):
    """Calls an operation, on the next node."""
    return lambda operation, **members: getattr(turns, operation)(**members)


@pytest.fixture
def tagged(call, three, backend):
    """An API, a stage of it, an API key and a usage plan, each with how its own operation shows its tags."""
    api, _ = build(three[0].client(), backend)
    call("create_deployment", restApiId=api, stageName="prod")
    key = call("create_api_key")["id"]
    plan = call("create_usage_plan", name="tagged")["id"]
    return {
        f"{ARN}/restapis/{api}": lambda: call("get_rest_api", restApiId=api),
        f"{ARN}/restapis/{api}/stages/prod": lambda: call("get_stage", restApiId=api, stageName="prod"),
        f"{ARN}/apikeys/{key}": lambda: call("get_api_key", apiKey=key),
        f"{ARN}/usageplans/{plan}": lambda: call("get_usage_plan", usagePlanId=plan),
    }


def test_everything_is_tagged_and_untagged(call, tagged):
    for arn, show in tagged.items():
        tags = lambda: call("get_tags", resourceArn=arn)["tags"]
        assert tags() == {} and show().get("tags", {}) == {}
        answer = call("tag_resource", resourceArn=arn, tags={"a": "1", "b": "2", "with space/and:more": ""})
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert tags() == {"a": "1", "b": "2", "with space/and:more": ""} == show()["tags"]
        call("tag_resource", resourceArn=arn, tags={"b": "3"})
        answer = call("untag_resource", resourceArn=arn, tagKeys=["a", "with space/and:more", "none"])
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert tags() == {"b": "3"} == show()["tags"], arn


def test_tags_are_paged_where_that_is_asked_for(call, tagged):
    arn = next(iter(tagged))
    all_tags = {f"k{number:02}": str(number) for number in range(50)}
    call("tag_resource", resourceArn=arn, tags=all_tags)
    assert call("get_tags", resourceArn=arn)["tags"] == all_tags
    first = call("get_tags", resourceArn=arn, limit=30)
    assert len(first["tags"]) == 30
    refused(lambda: call("tag_resource", resourceArn=arn, tags={"one": "more"}), "BadRequestException", 400,
            "Tags exceed limit of 50")
    # What is there already can be changed when there is no room for more.
    call("tag_resource", resourceArn=arn, tags={"k00": "other"})
    assert call("get_tags", resourceArn=arn)["tags"] == {**all_tags, "k00": "other"}


def test_tags_are_refused_in_awss_words(call, tagged):
    arn = next(iter(tagged))
    tag = lambda arn, tags={"a": "1"}: lambda: call("tag_resource", resourceArn=arn, tags=tags)
    malformed = "Invalid ARN specified in the request"
    rows = [
        (tag(f"{ARN}/restapis/none"), "NotFoundException", 404, "Invalid API identifier specified 000000000000:none"),
        (tag(f"{arn}/stages/none"), "NotFoundException", 404, "Invalid stage identifier specified"),
        (tag(f"{ARN}/apikeys/none"), "NotFoundException", 404, "Invalid API Key identifier specified"),
        (tag(f"{ARN}/usageplans/none"), "NotFoundException", 404, "Invalid Usage Plan ID specified"),
        (tag(f"{ARN}/vpclinks/none"), "NotFoundException", 404, "Invalid Vpc Link identifier specified"),
        (tag(f"{ARN}/clientcertificates/none"), "NotFoundException", 404, None),
        (tag(f"{ARN}/domainnames/none.example.com"), "NotFoundException", 404, "Invalid domain name identifier specified"),
        (tag("not an arn"), "BadRequestException", 400, malformed),
        (lambda: call("get_tags", resourceArn="arn:aws"), "BadRequestException", 400, malformed),
        (tag(f"{arn}/resources/r"), "BadRequestException", 400, f"The resource {arn}/resources/r can't be tagged"),
        (tag(arn, {"aws:a": "1"}), "BadRequestException", 400,
         "Invalid tag 'aws:a': keys that begin with aws: are reserved"),
        (tag(arn, {"k" * 129: ""}), "BadRequestException", 400, None),
        (tag(arn, {"k": "v" * 257}), "BadRequestException", 400, None),
        (lambda: call("untag_resource", resourceArn=f"{ARN}/apikeys/none", tagKeys=["a"]), "NotFoundException", 404,
         "Invalid API Key identifier specified"),
    ]
    for row in rows:
        refused(*row)
    assert call("get_tags", resourceArn=arn)["tags"] == {}


def test_a_stage_serves_on_while_it_is_tagged(call, tagged, three):
    arn = next(arn for arn in tagged if "/stages/" in arn)
    api = arn.split("/")[2]
    for number in range(10):
        call("tag_resource", resourceArn=arn, tags={"number": str(number)})
        assert fetch(three[number % 3].url(api, "prod", "/pets")).status == 200
    assert call("get_stage", restApiId=api, stageName="prod")["tags"] == {"number": "9"}
