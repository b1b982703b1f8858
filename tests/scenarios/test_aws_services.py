"""Integrations with AWS's services: against moto's server, and against a receiver that checks every signature."""

import base64
import contextlib
import datetime
import hashlib
import http.server
import json
import re
import subprocess
import threading
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from conftest import BINARY, Node, build, eventually, fetch, refused, serve

#: A role of the account that moto has for whoever assumes none.
ROLE = "arn:aws:iam::123456789012:role/gateway"
INTERNAL = {"message": "Internal server error"}
#: What of the machine's own AWS settings must not reach a node.
WITHOUT = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDNODE", "AWS_SECRET_ACCESS_KEY": "secret of the node"}
BYTES = bytes(range(256)) * 300


def integration(uri, verb="POST", credentials=ROLE, template=None, parameters=None, responses=None, **more):
    """An integration with a service, as OpenAPI has it; the answer passes as it is."""
    found = {
        "type": "aws", "httpMethod": verb, "uri": f"arn:aws:apigateway:us-east-1:{uri}", "credentials": credentials,
        "responses": responses or {"default": {"statusCode": "200"}}, **more,
    }
    if template is not None:
        found["requestTemplates"] = {"application/json": template}
    if parameters:
        found["requestParameters"] = {f"integration.request.{name}": value for name, value in parameters.items()}
    if not credentials:
        del found["credentials"]
    return found


def parameter(place, name):
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


@contextlib.contextmanager
def node(directory, number=1, **environment):
    """A node with AWS's settings in its environment, and with none of the machine's."""
    started = Node(directory, number, environment={**WITHOUT, **environment})
    for name in [name for name in started.environment if name.startswith("AWS_")]:
        if name not in {**WITHOUT, **environment}:
            del started.environment[name]
    try:
        yield started.start().wait_ready()
    finally:
        started.stop()


# --- against moto ---


@pytest.fixture(scope="module")
def aws(moto):
    """Clients of moto's server, by their services' names."""
    key = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "any", "region_name": "us-east-1"}
    return lambda service: boto3.client(service, endpoint_url=moto, **key)


@pytest.fixture(scope="module")
def gateway(moto, tmp_path_factory):
    """A node whose services are all moto's."""
    with node(tmp_path_factory.mktemp("gateway"), AWS_ENDPOINT_URL=moto, **KEYS) as started:
        yield started


def post(url, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return fetch(url, "POST", {"Content-Type": "application/json", **headers}, data)


def test_dynamodb(gateway, aws):
    aws("dynamodb").create_table(
        TableName="pets", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    key = '{"TableName": "pets", "Key": {"id": {"S": "$input.params(\'id\')"}}}'
    query = ('{"TableName": "pets", "KeyConditionExpression": "id = :id", '
             '"ExpressionAttributeValues": {":id": {"S": "$input.params(\'id\')"}}}')
    found = "$input.path('$').Item.name.S"
    errors = {
        "default": {"statusCode": "200"},
        "4\\d\\d": {"statusCode": "400", "responseTemplates": {"application/json": '{"wrong": "$input.path(\'$.__type\')"}'}},
    }
    url = serve(gateway, {
        "/pets": {"post": (integration(
            "dynamodb:action/PutItem", responses=errors,
            template='{"TableName": "$stageVariables.table", "Item": {"id": {"S": $input.json(\'$.id\')}, '
                     '"name": {"S": $input.json(\'$.name\')}}}'), {})},
        "/pets/{id}": {"get": (integration(
            "dynamodb:action/GetItem", template=key,
            responses={"default": {"statusCode": "200", "responseTemplates": {"application/json": found}}},
        ), {"parameters": [parameter("path", "id")]})},
        "/queries/{id}": {"get": (integration("dynamodb:action/Query", template=query), {"parameters": [parameter("path", "id")]})},
        "/broken": {"post": (integration("dynamodb:action/PutItem", responses=errors, template='{"TableName": "none", "Item": {}}'), {})},
    }, variables={"table": "pets"})
    answer = post(url("/pets"), {"id": "1", "name": "Ada"})
    assert (answer.status, answer.json()) == (200, {})
    assert answer.headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert aws("dynamodb").get_item(TableName="pets", Key={"id": {"S": "1"}})["Item"]["name"] == {"S": "Ada"}
    assert fetch(url("/pets/1")).text == "Ada"
    assert fetch(url("/queries/1")).json()["Count"] == 1
    answer = post(url("/broken"), {})
    assert answer.status == 400 and "Exception" in answer.json()["wrong"]


def test_kinesis(gateway, aws):
    aws("kinesis").create_stream(StreamName="events", ShardCount=1)
    template = ('{"StreamName": "$input.params(\'stream\')", "Data": "$util.base64Encode($input.json(\'$.data\'))", '
                '"PartitionKey": $input.json(\'$.key\')}')
    url = serve(gateway, {"/streams/{stream}": {"post": (integration("kinesis:action/PutRecord", template=template),
                                                        {"parameters": [parameter("path", "stream")]})}})
    answer = post(url("/streams/events"), {"data": {"a": 1}, "key": "k"})
    assert answer.status == 200 and answer.json()["ShardId"].startswith("shardId-"), answer.text
    shard = aws("kinesis").get_shard_iterator(StreamName="events", ShardId=answer.json()["ShardId"], ShardIteratorType="TRIM_HORIZON")
    records = aws("kinesis").get_records(ShardIterator=shard["ShardIterator"])["Records"]
    assert [json.loads(record["Data"]) for record in records] == [{"a": 1}]


def test_sqs_by_both_styles(gateway, aws):
    queue = aws("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    path = urllib.parse.urlsplit(queue).path.lstrip("/")
    form = {"header.Content-Type": "'application/x-www-form-urlencoded'"}
    url = serve(gateway, {
        "/path": {"post": (integration(
            f"sqs:path/{path}", parameters=form,
            template="Action=SendMessage&MessageBody=$util.urlEncode($input.body)"), {})},
        "/action": {"get": (integration(
            "sqs:action/SendMessage", template="",
            parameters={
                **form, "querystring.QueueUrl": f"'{queue}'", "querystring.MessageBody": "method.request.querystring.message",
            },
        ), {"parameters": [parameter("query", "message")]})},
        "/json": {"post": (integration(
            f"sqs:path/{path}",
            parameters={"header.X-Amz-Target": "'AmazonSQS.SendMessage'", "header.Content-Type": "'application/x-amz-json-1.0'"},
            template=f'{{"QueueUrl": "{queue}", "MessageBody": "$util.escapeJavaScript($input.body)"}}'), {})},
    })
    for answer in (post(url("/path"), {"by": "path & more"}), fetch(url("/action?message=by%20action%2B")),
                   post(url("/json"), {"by": "json"})):
        assert answer.status == 200 and "MessageId" in answer.text, answer.text
    messages = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in messages) == ["by action+", '{"by": "json"}', '{"by": "path & more"}']


def test_sns_reaches_a_queue(gateway, aws):
    topic = aws("sns").create_topic(Name="news")["TopicArn"]
    queue = aws("sqs").create_queue(QueueName="readers")["QueueUrl"]
    arn = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    url = serve(gateway, {"/publish": {"post": (integration(
        f"sns:action/Publish&TopicArn={topic}", verb="GET", parameters={"querystring.Message": "method.request.body.text"}), {})}})
    answer = post(url("/publish"), {"text": "read all about it"})
    assert answer.status == 200 and "MessageId" in answer.text, answer.text
    assert aws("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "read all about it"


def test_s3_objects_of_any_name_and_bytes(gateway, aws):
    aws("s3").create_bucket(Bucket="pictures")
    key = {"path.key": "method.request.path.key"}
    types = {"header.Content-Type": "method.request.header.Content-Type"}
    declared = {"parameters": [parameter("path", "key"), parameter("header", "Content-Type")]}
    typed = {"method.response.header.Content-Type": "integration.response.header.Content-Type",
             "method.response.header.ETag": "integration.response.header.ETag"}
    responses = {"default": {"statusCode": "200", "responseParameters": typed}, "404": {"statusCode": "404", "responseParameters": typed}}
    url = serve(gateway, {"/objects/{key+}": {
        "put": (integration("s3:path/pictures/{key}", "PUT", parameters={**key, **types}), declared),
        "get": (integration("s3:path/pictures/{key}", "GET", parameters=key, responses=responses), declared),
        "delete": (integration("pictures.s3:path/{key}", "DELETE", parameters=key), declared),
        "head": (integration("pictures.s3:path/{key}", "HEAD", parameters=key, responses=responses), declared),
    }}, **{"x-amazon-apigateway-binary-media-types": ["image/png"]})
    for path, name in [("a.png", "a.png"), ("deep/er/b.png", "deep/er/b.png"), ("c%20d%2Be%3F.png", "c d+e?.png"),
                       ("%C3%A9%25.png", "é%.png"), ("f@g=(1).png", "f@g=(1).png"), ("h%2Fi.png", "h/i.png")]:
        answer = fetch(url(f"/objects/{path}"), "PUT", {"Content-Type": "image/png"}, BYTES)
        assert (answer.status, answer.body) == (200, b""), (path, answer.text)
        stored = aws("s3").get_object(Bucket="pictures", Key=name)
        assert stored["Body"].read() == BYTES and stored["ContentType"] == "image/png", path
        answer = fetch(url(f"/objects/{path}"), headers={"Accept": "image/png"})
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, BYTES, "image/png"), path
        assert answer.headers["ETag"] == f'"{hashlib.md5(BYTES).hexdigest()}"'
        assert fetch(url(f"/objects/{path}"), headers={"Accept": "application/json"}).body == base64.b64encode(BYTES)
        assert fetch(url(f"/objects/{path}"), "HEAD").status == 200
        fetch(url(f"/objects/{path}"), "DELETE")
        answer = fetch(url(f"/objects/{path}"))
        assert answer.status == 404 and "NoSuchKey" in answer.text and "xml" in answer.headers["Content-Type"], answer.text


def test_step_functions(gateway, aws):
    machine = aws("stepfunctions").create_state_machine(
        name="orders", roleArn=ROLE, definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
    )["stateMachineArn"]
    template = f'{{"input": "$util.escapeJavaScript($input.json(\'$\'))", "stateMachineArn": "{machine}"}}'
    started = {"default": {"statusCode": "202", "responseTemplates": {"application/json": '{"is": $input.json(\'$.executionArn\')}'}}}
    url = serve(gateway, {"/orders": {"post": (integration("states:action/StartExecution", template=template, responses=started), {})}})
    answer = post(url("/orders"), {"order": 7})
    assert answer.status == 202, answer.text
    execution = aws("stepfunctions").describe_execution(executionArn=answer.json()["is"])
    assert json.loads(execution["input"]) == {"order": 7}


def test_eventbridge(gateway):
    template = ('{"Entries": [{"Source": "gateway", "DetailType": "said", '
                '"Detail": "$util.escapeJavaScript($input.json(\'$\'))"}]}')
    url = serve(gateway, {"/events": {"post": (integration("events:action/PutEvents", template=template), {})}})
    answer = post(url("/events"), {"what": "hello"})
    assert answer.status == 200 and answer.json()["FailedEntryCount"] == 0, answer.text
    assert answer.json()["Entries"][0]["EventId"]


def test_ssm_and_sts(gateway, aws):
    aws("ssm").put_parameter(Name="/colour", Value="blue", Type="String")
    value = {"default": {"statusCode": "200", "responseTemplates": {"application/json": "$input.path('$.Parameter.Value')"}}}
    url = serve(gateway, {
        "/colour": {"get": (integration("ssm:action/GetParameter", template='{"Name": "/colour"}', responses=value), {})},
        "/who": {"get": (integration("sts:action/GetCallerIdentity", verb="GET"), {})},
    })
    assert fetch(url("/colour")).text == "blue"
    # Whoever calls is the role that was assumed, in the session that API Gateway's have.
    assert "assumed-role/gateway/BackplaneAssumeRoleSession" in fetch(url("/who")).text


def test_a_method_is_tried_before_it_is_deployed(gateway, aws):
    aws("ssm").put_parameter(Name="/size", Value="large", Type="String")
    client = gateway.client()
    api, resource = build(client, None, path="size", integration={
        "type": "AWS", "integrationHttpMethod": "POST", "credentials": ROLE,
        "uri": "arn:aws:apigateway:us-east-1:ssm:action/GetParameter", "requestTemplates": {"application/json": '{"Name": "/size"}'},
    })
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    client.put_method_response(**place, statusCode="200")
    client.put_integration_response(**place, statusCode="200")
    answer = client.test_invoke_method(**place)
    assert answer["status"] == 200 and json.loads(answer["body"])["Parameter"]["Value"] == "large"
    log = answer["log"]
    assert re.search(r"Endpoint request URI: http://\S+/\?Action=GetParameter\n", log)
    assert "X-Amz-Target=AmazonSSM.GetParameter" in log and "Content-Type=application/x-amz-json-1.1" in log
    assert "Received response. Status: 200" in log and "Successfully completed execution" in log
    assert "Signature=" not in log and "AKIDNODE" not in log


def test_what_needs_a_role_is_refused_without_one(gateway):
    client = gateway.client()
    call = lambda **words: build(client, None, integration={"type": "AWS", "integrationHttpMethod": "POST", **words})
    uri = "arn:aws:apigateway:us-east-1:sqs:action/SendMessage"
    refused(lambda: call(uri=uri), "BadRequestException", 400, "Role ARN must be specified for AWS integrations")
    call(uri=uri, credentials="arn:aws:iam::*:user/*")
    with pytest.raises(botocore.exceptions.ClientError, match="Role ARN must be specified for AWS integrations"):
        serve(gateway, {"/": {"post": (integration("sqs:action/SendMessage", credentials=None), {})}})
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    call(uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")


# --- against a receiver that checks signatures ---


class Receiver(http.server.BaseHTTPRequestHandler):
    """Any service, at any path: checks the signature as AWS does, and answers with what it was asked. STS at /sts/."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = {name.lower(): value for name, value in self.headers.items()}
        if self.path.startswith("/machine/"):
            return self.machine(said)
        wrong = self.wrong(said, body)
        if self.path.startswith("/sts/"):
            return self.assume(urllib.parse.parse_qs(body.decode()), said, wrong)
        server.calls.append({"method": self.command, "path": self.path, "headers": said, "body": body, "wrong": wrong})
        if wrong:
            return self.send(403, wrong)
        match self.path.split("?")[0].rpartition("/")[2]:
            case "half":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b'{"half":')
                self.close_connection = True
            case "half-json":
                self.send(200, '{"half":')
            case "slow":
                server.slow.wait(20)
                self.send(200, "{}")
            case "invocations":
                self.function(self.path, said, body)
            case _:
                self.send(int(said.get("x-status", "200")), json.dumps({"path": self.path, "body": body.decode("latin-1")}))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def wrong(self, said, body):
        """What is wrong with the signature, by botocore's reading of the request."""
        if "AssumeRoleWithWebIdentity" in body.decode("latin-1"):
            return None
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/([\w-]+)/([\w-]+)/aws4_request, "
                             r"SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})", said.get("authorization", ""))
        if not found:
            return f"no signature: {said.get('authorization')}"
        key, region, service, signed, signature = found.groups()
        if key not in self.server.keys:
            return f"unknown key {key}"
        secret, token = self.server.keys[key]
        if said.get("x-amz-security-token") != token:
            return "another session token"
        unsigned = {name for name in said if name.startswith("x-amz-") or name in ("host", "content-type")} - set(signed.split(";"))
        if unsigned:
            return f"not signed: {unsigned}"
        if service == "s3" and said["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            return "another body"
        sort = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
        auth = sort(botocore.credentials.Credentials(key, secret, token), service, region)
        headers = {name: said[name] for name in signed.split(";")}
        request = botocore.awsrequest.AWSRequest(self.command, f"http://{said['host']}{self.path}", headers, body)
        request.context["timestamp"] = said["x-amz-date"]
        canonical = auth.canonical_request(request)
        expected = auth.signature(auth.string_to_sign(request, canonical), request)
        return None if expected == signature else f"another signature, for {canonical}"

    def assume(self, form, said, wrong):
        """STS: any role whose name does not say otherwise."""
        self.server.assumed.append({"form": form, "headers": said, "wrong": wrong})
        role = form["RoleArn"][0].rpartition("/")[2]
        if wrong or role == "refused":
            text = wrong or "User: arn:aws:iam::1:user/node is not authorized to perform: sts:AssumeRole"
            return self.send(403, f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{text}</Message></Error></ErrorResponse>")
        number = len(self.server.assumed)
        key, secret, token = f"ASIA{number}", f"secret {number}", f"session+token/{number}=="
        self.server.keys[key] = (secret, token)
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=2)
        ends = {"short": "2020-01-01T00:00:00Z", "brief": f"{soon:%Y-%m-%dT%H:%M:%SZ}"}.get(role, "2099-01-01T00:00:00Z")
        text = (f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
                f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
                f"<Expiration>{ends}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>")
        return self.send(200, text[:200] if role == "half" else text)

    def machine(self, said):
        """The machine's own credentials: of the instance, and of the container."""
        credentials = {"Code": "Success", "AccessKeyId": "AKIDMACHINE", "SecretAccessKey": "secret of the machine",
                       "Token": "machine", "Expiration": "2099-01-01T00:00:00Z"}
        token = {"x-aws-ec2-metadata-token": "the token"}
        match (self.command, self.path):
            case ("PUT", "/machine/instance/latest/api/token") if "x-aws-ec2-metadata-token-ttl-seconds" in said:
                self.send(200, "the token")
            case ("GET", "/machine/instance/latest/meta-data/iam/security-credentials/") if token.items() <= said.items():
                self.send(200, "a-role")
            case ("GET", "/machine/instance/latest/meta-data/iam/security-credentials/a-role") if token.items() <= said.items():
                self.send(200, json.dumps(credentials))
            case ("GET", "/machine/container") if said.get("authorization") == "for the container":
                self.send(200, json.dumps(credentials))
            case _:
                self.send(401, "")

    def function(self, path, said, body):
        """Lambda: functions named for what they do."""
        name = path.split("/functions/")[1].split("/")[0].rpartition(":")[2]
        if said.get("x-amz-invocation-type") == "Event":
            return self.send(202, "")
        match name:
            case "fails":
                return self.send(200, json.dumps({"errorMessage": f"Error: {json.loads(body)['why']}", "errorType": "Error"}),
                                 {"X-Amz-Function-Error": "Unhandled"})
            case "explains":
                message = json.dumps({"httpStatus": 422, "what": "no such pet"})
                return self.send(200, json.dumps({"errorMessage": message}), {"X-Amz-Function-Error": "Handled"})
            case "forbidden":
                return self.send(403, '{"Message": "not authorized"}')
            case "busy":
                return self.send(429, '{"Reason": "ConcurrentInvocationLimitExceeded"}')
            case "broken":
                return self.send(500, "{}", {"x-amzn-RequestId": "lambda-1"})
        return self.send(200, json.dumps({"said": json.loads(body), "by": name, "source": said["x-amz-source-arn"]}))

    def send(self, status, text, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text.encode())))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    server.calls, server.assumed, server.slow = [], [], threading.Event()
    server.keys = {"AKIDNODE": ("secret of the node", None), "AKIDFILE": ("secret of a file", None),
                   "AKIDMACHINE": ("secret of the machine", "machine")}
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def signing(receiver, tmp_path_factory):
    """A node whose services are all the receiver."""
    settings = {"AWS_ENDPOINT_URL": f"{receiver.url}/any", "AWS_ENDPOINT_URL_STS": f"{receiver.url}/sts",
                "AWS_ENDPOINT_URL_SFN": f"{receiver.url}/steps"}
    with node(tmp_path_factory.mktemp("signing"), **settings, **KEYS) as started:
        yield started


def role(name):
    return f"arn:aws:iam::000000000000:role/{name}"


def test_signatures_are_what_aws_checks(signing, receiver):
    declared = {"parameters": [parameter("path", "rest"), parameter("query", "q"), parameter("header", "X-Value")]}
    mapped = {"path.rest": "method.request.path.rest", "querystring.q": "method.request.querystring.q",
              "header.X-Amz-Meta-Value": "method.request.header.X-Value"}
    methods = lambda uri: {"post": (integration(uri, parameters=mapped), declared),
                           "get": (integration(uri, verb="GET", parameters=mapped), declared)}
    url = serve(signing, {
        "/s3/{rest+}": methods("s3:path/bucket/{rest}"),
        "/iot/{rest+}": methods("abc.iot:path/topics/{rest}"),
        "/steps/{rest+}": methods("states:action/StartExecution"),
        "/unknown/{rest+}": methods("newest-service:path/{rest}?a=b&c"),
    })
    paths = ["a", "a/b//c", "a%20b", "a%2Fb", "%C3%A9", "a+b=c&d;e,f:g@h!i$j'k(l)m*n~o", "%252F", "a%3Ab"]
    for place, service, base in [("s3", "s3", "/any/bucket/"), ("iot", "iotdata", "/any/topics/"), ("steps", "states", "/steps/"),
                                 ("unknown", "newest-service", "/any/")]:
        for path in paths:
            for verb, body in [("POST", b'{"a": "\xc3\xa9"}'), ("POST", b""), ("GET", None)]:
                before = len(receiver.calls)
                answer = fetch(url(f"/{place}/{path}?q=x%20y%26%2Bz"), verb, {"X-Value": "  two   words "}, body)
                call = receiver.calls[before]
                assert (answer.status, call["wrong"]) == (200, None), (place, path, call)
                assert f"/us-east-1/{service}/aws4_request" in call["headers"]["authorization"]
                assert call["path"].startswith(base) and "q=x%20y%26%2Bz" in call["path"]
                assert call["method"] == verb and call["body"] == (body or b"")
    # One session for all of them, of the role that is named.
    assumed = [call for call in receiver.assumed if call["form"]["RoleArn"] == [ROLE]]
    assert len(assumed) == 1 and assumed[0]["form"]["RoleSessionName"] == ["BackplaneAssumeRoleSession"]
    assert "Credential=AKIDNODE/" in assumed[0]["headers"]["authorization"]
    assert {call["headers"]["authorization"].split("/")[0] for call in receiver.calls} == {
        f"AWS4-HMAC-SHA256 Credential=ASIA{receiver.assumed.index(assumed[0]) + 1}"}


def test_callers_lead_to_no_other_service_and_say_no_parameters(signing, receiver):
    declared = {"parameters": [parameter("path", "bucket"), parameter("path", "action")]}
    bucket = {"path.bucket": "method.request.path.bucket"}
    action = {"path.action": "method.request.path.action"}
    url = serve(signing, {
        "/buckets/{bucket}": {"get": (integration("{bucket}.s3:path/key", "GET", parameters=bucket), declared)},
        "/actions/{action}": {"get": (integration("sns:action/{action}", "GET", parameters=action), declared)},
        "/lists/{bucket}": {"get": (integration("s3:path/b?prefix={bucket}", "GET", parameters=bucket), declared)},
        "/unmapped": {"get": (integration("s3:path/{key}", "GET"), {})},
    })
    assert fetch(url("/lists/a%26b")).json()["path"] == "/any/b?prefix=a%26b"
    assert fetch(url("/buckets/mine")).json()["path"] == "/any/mine/key"
    assert fetch(url("/actions/Publish")).json()["path"] == "/any/?Action=Publish&Version=2010-03-31"
    for path in ("/buckets/lambda:path", "/buckets/a%2Fb", "/buckets/a%3Aiam", "/actions/A&B=c", "/actions/A=c", "/actions/A;B",
                 "/lists/a&acl", "/lists/a;acl"):
        before = len(receiver.calls)
        answer = fetch(url(path))
        assert (answer.status, answer.json()) == (400, {"message": "Bad Request"}), path
        assert len(receiver.calls) == before
    assert (fetch(url("/unmapped")).status, fetch(url("/unmapped")).json()) == (500, INTERNAL)


def told(one, api, resource, verb="POST", body="{}"):
    answer = one.client().test_invoke_method(restApiId=api, resourceId=resource, httpMethod=verb, body=body)
    failures = [line.split(" : ", 1)[1] for line in answer["log"].splitlines() if "failed" in line]
    return answer["status"], answer["body"], failures[-1] if failures else None


def tried(one, uri, credentials, timeout=29000, headers=None):
    """An integration, tried: the status, the body, and why it failed if it did."""
    words = {"timeoutInMillis": timeout, "requestParameters": headers or {}}
    if credentials:
        words["credentials"] = credentials
    client = one.client()
    api, resource = build(client, None, verb="POST", integration={
        "type": "AWS", "integrationHttpMethod": "POST", "uri": f"arn:aws:apigateway:us-east-1:{uri}", **words})
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "POST"}
    client.put_method_response(**place, statusCode="200")
    client.put_integration_response(**place, statusCode="200")
    return told(one, api, resource)


def test_what_fails_says_why(signing, receiver):
    configuration = "Execution failed due to configuration error: "
    denied = configuration + "API Gateway does not have permission to assume the provided role "
    internal = json.dumps(INTERNAL)
    for uri, credentials, timeout, expected in [
        ("sqs:path/q", role("refused"), 29000, (500, internal, f"{denied}{role('refused')} (AccessDenied: User: arn:aws:iam::1:user/node is not authorized to perform: sts:AssumeRole)")),
        ("sqs:path/q", role("half"), 29000, (500, internal, f"{denied}{role('half')} (STS's answer has no Expiration)")),
        ("sqs:path/q", role("short"), 29000, (500, internal, configuration + "no AWS credentials were found: those that came have ended already")),
        ("sqs:path/q", "arn:aws:iam::*:user/*", 29000, (500, internal, configuration + "the integration is called by the rights of its caller, and no caller is known: the method must be authorized by AWS_IAM")),
        ("sqs:path/q", "nonsense", 29000, (500, internal, configuration + "Invalid credentials ARN: nonsense")),
        ("sqs:path/{q}", ROLE, 29000, (500, internal, configuration + "Invalid endpoint address")),
        ("sqs:path/slow", ROLE, 200, (504, '{"message": "Endpoint request timed out"}', "Execution failed due to a timeout error")),
    ]:
        assert tried(signing, uri, credentials, timeout) == expected, (uri, credentials)
    receiver.slow.set()
    status, body, why = tried(signing, "sqs:path/half", ROLE)
    assert (status, body) == (504, '{"message": "Network error communicating with endpoint"}')
    assert why.startswith("Execution failed due to a network error communicating with endpoint: ")
    # Half a JSON passes where nothing looks into it.
    assert tried(signing, "sqs:path/half-json", ROLE)[:2] == (200, '{"half":')
    assert tried(signing, "sqs:path/q", ROLE, headers={"integration.request.header.Authorization": "'mine'"}) == (
        500, internal, configuration + "Authorization header already present")


def test_a_refused_role_is_not_asked_for_again_at_once(signing, receiver):
    asked = lambda: len([call for call in receiver.assumed if call["form"]["RoleArn"] == [role("again/refused")]])
    url = serve(signing, {"/": {"get": (integration("s3:path/b", "GET", credentials=role("again/refused")), {})}})
    assert {fetch(url("/")).status for _ in range(10)} == {500}
    assert asked() == 1
    # Remembered for a short while only.
    assert eventually(lambda: fetch(url("/")).status == 500 and asked() == 2, what="another attempt")


def test_sessions_are_renewed_while_they_still_serve(signing, receiver):
    url = serve(signing, {"/": {"get": (integration("s3:path/b", "GET", credentials=role("brief")), {})}})

    def two_sessions():
        assert fetch(url("/")).status == 200 and receiver.calls[-1]["wrong"] is None
        return len({call["headers"]["x-amz-security-token"] for call in receiver.calls[before:]}) > 1

    before = len(receiver.calls)
    eventually(two_sessions, what="another session")


def test_stories_have_no_secrets(signing, receiver):
    url = serve(signing, {"/{key}": {"get": (
        integration("s3:path/b/{key}", "GET", credentials=role("${stageVariables.role}"), parameters={"path.key": "method.request.path.key"}),
        {"parameters": [parameter("path", "key")]})}}, variables={"role": "storied"})
    api = url("").split("/")[-2]
    signing.client().update_stage(restApiId=api, stageName="prod", patchOperations=[
        {"op": "replace", "path": "/*/*/logging/dataTrace", "value": "true"}])
    answer = fetch(url("/secret"))
    assert answer.status == 200
    environment = {**signing.environment, "TURNPIKE_ADMIN_URL": signing.admin}
    done = subprocess.run([BINARY, "explain", answer.headers["x-amzn-RequestId"], "--output", "json"],
                          env=environment, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert f"as {role('storied')}, for s3 in us-east-1" in done.stdout
    for secret in ("AKIDNODE", "ASIA", "AWS4-HMAC", "Signature=", "session+token"):
        assert secret not in done.stdout


def test_functions(signing, receiver):
    function = lambda name: (f"lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:{name}/invocations")
    responses = {
        "default": {"statusCode": "200"},
        ".*not found.*": {"statusCode": "404", "responseTemplates": {"application/json": '{"why": "$input.path(\'$.errorMessage\')"}'}},
        "4\\d\\d": {"statusCode": "502"},
        "\\{(.|\\n)*\\}": {"statusCode": "422", "responseParameters": {
            "method.response.header.X-Code": "integration.response.body.errorMessage.httpStatus"}},
    }
    method = lambda name, **more: {"post": (integration(function(name), credentials=None, responses=responses, **more), {})}
    url = serve(signing, {
        "/fine": method("${stageVariables.name}", template='{"all": $input.json(\'$\'), "verb": "$context.httpMethod"}'),
        "/event": method("f", parameters={"header.X-Amz-Invocation-Type": "'Event'"}),
        **{f"/{name}": method(name) for name in ("fails", "explains", "forbidden", "busy", "broken")},
    }, variables={"name": "greets"})
    answer = post(url("/fine"), {"a": 1})
    api = url("").split("/")[-2]
    assert (answer.status, answer.json()) == (200, {
        "said": {"all": {"a": 1}, "verb": "POST"}, "by": "greets",
        "source": f"arn:aws:execute-api:us-east-1:000000000000:{api}/prod/POST/fine"})
    call = receiver.calls[-1]
    assert call["wrong"] is None and "Credential=AKIDNODE/" in call["headers"]["authorization"]
    assert call["headers"]["x-amzn-lambda-integration-tag"] == answer.headers["x-amzn-RequestId"]
    answer = post(url("/event"), {"a": 1})
    assert (answer.status, answer.body) == (200, b"")
    answer = post(url("/fails"), {"why": "pet not found"})
    assert (answer.status, answer.json()) == (404, {"why": "Error: pet not found"})
    assert post(url("/fails"), {"why": "400"}).status == 200
    answer = post(url("/explains"), {})
    assert (answer.status, answer.headers["X-Code"]) == (422, "422")
    for name in ("forbidden", "busy", "broken"):
        answer = post(url(f"/{name}"), {})
        assert (answer.status, answer.json()) == (500, INTERNAL), name
    # What a status says selects nothing here: messages of errors do.
    why = {name: tried(signing, function(name), None)[2] for name in ("forbidden", "busy", "broken")}
    configuration = "Execution failed due to configuration error: "
    assert why == {
        "forbidden": f"{configuration}Invalid permissions on Lambda function",
        "busy": f"{configuration}Rate Exceeded.",
        "broken": f"{configuration}Lambda answered with status 500",
    }


def test_credentials_come_from_where_sdks_look(receiver, tmp_path):
    """One node each: the environment's, a file's with a role, the container's, the instance's, a web identity's, none."""
    files = {
        "config": f"[profile keeper]\nrole_arn = {role('keeper')}\nsource_profile = base\nexternal_id = outside\n"
                  f"services = local\n[services local]\nsts =\n  endpoint_url = {receiver.url}/sts\n",
        "credentials": "[base]\naws_access_key_id = AKIDFILE\naws_secret_access_key = secret of a file\n",
        "token": "an identity\n", "authorization": "for the container",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    path = lambda name: str(tmp_path / name)
    lambdas, sts = {"AWS_ENDPOINT_URL_LAMBDA": f"{receiver.url}/any"}, {"AWS_ENDPOINT_URL_STS": f"{receiver.url}/sts"}
    uri = "lambda:path/2015-03-31/functions/f/invocations"
    nowhere = ("Execution failed due to configuration error: no AWS credentials were found: neither the environment nor profile "
               "default has any, and of the instance there are none: its metadata service is switched off")
    for number, (environment, expected) in enumerate([
        (KEYS, "AKIDNODE"),
        ({"AWS_PROFILE": "keeper", "AWS_CONFIG_FILE": path("config"), "AWS_SHARED_CREDENTIALS_FILE": path("credentials")}, "ASIA"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{receiver.url}/machine/container",
          "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path("authorization")}, "AKIDMACHINE"),
        ({"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{receiver.url}/machine/instance"}, "AKIDMACHINE"),
        ({**sts, "AWS_WEB_IDENTITY_TOKEN_FILE": path("token"), "AWS_ROLE_ARN": role("web")}, "ASIA"),
        ({}, None),
    ]):
        (tmp_path / str(number)).mkdir()
        with node(tmp_path / str(number), **lambdas, **environment) as started:
            before = len(receiver.calls)
            status, body, why = tried(started, uri, None)
        if expected is None:
            assert (status, body, why) == (500, json.dumps(INTERNAL), nowhere)
            continue
        assert (status, why) == (200, None), (environment, why, receiver.calls[before:])
        assert f"Credential={expected}" in receiver.calls[-1]["headers"]["authorization"]
    by_file, by_token = (next(call for call in receiver.assumed if call["form"]["RoleArn"] == [role(name)]) for name in ("keeper", "web"))
    assert by_file["form"]["ExternalId"] == ["outside"] and "Credential=AKIDFILE/" in by_file["headers"]["authorization"]
    assert by_token["form"]["WebIdentityToken"] == ["an identity"] and "authorization" not in by_token["headers"]
