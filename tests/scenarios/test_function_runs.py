"""Functions that run: in Python, Node.js and as a bootstrap; those that fail, hang, crash and flood; on one node and two."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid

import botocore
import pytest

from conftest import BINARY, KEY, SECRET, Node, eventually, fetch, nodes, refused
from functions import ECHO, NODE, call, make, package

PLACE = lambda number: {
    "environment": {
        "TURNPIKE_FUNCTIONS": "on", "TURNPIKE_FUNCTIONS_PROCESSES": "12", "TURNPIKE_FUNCTIONS_RETRY_SECONDS": "1",
        "A_SECRET_OF_THE_NODE": "not for functions",
    }
}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with nodes(tmp_path_factory.mktemp("runs"), 1, PLACE) as started:
        yield started[0]


@pytest.fixture(scope="module")
def client(node):
    return node.client("lambda", max_pool_connections=50)


def python(body):
    """A function in Python whose handler has this body."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    return {"app.py": f"import json, os, subprocess, sys, threading, time\ndef handler(event, context):\n{lines}"}


def alive(marker):
    """Processes with this in their command line."""
    found = subprocess.run(["pgrep", "-f", marker], capture_output=True, text=True, check=False).stdout.split()
    return [pid for pid in found if int(pid) != os.getpid()]


def test_python_gets_what_aws_gives_it(client):
    make(client, "python", python("""
print("said")
print("on error", file=sys.stderr)
return {
    "event": event, "environment": dict(os.environ), "context": {
        name: getattr(context, name) for name in (
            "aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb",
            "log_group_name", "log_stream_name")
    }, "left": context.get_remaining_time_in_millis(), "directory": os.getcwd(),
}
"""), Timeout=4, Environment={"Variables": {"COLOUR": "red"}})
    first, second = call(client, "python", {"key": "value"}), call(client, "python", {"key": "two"})
    assert (first.status, first.error, first.version) == (200, None, "$LATEST")
    told = first.json()
    assert told["event"] == {"key": "value"} and 2000 < told["left"] <= 4000
    about, environment = told["context"], told["environment"]
    assert about["invoked_function_arn"] == "arn:aws:lambda:us-east-1:000000000000:function:python"
    assert (about["function_name"], about["function_version"], about["memory_limit_in_mb"]) == ("python", "$LATEST", "128")
    assert about["log_group_name"] == "/aws/lambda/python" and "[$LATEST]" in about["log_stream_name"]
    assert environment["COLOUR"] == "red" and environment["_HANDLER"] == "app.handler"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.12"
    assert environment["LAMBDA_TASK_ROOT"] == told["directory"]
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert not [name for name in environment if name.startswith("TURNPIKE") or "SECRET" in name]
    # The same process took the second call.
    assert second.json()["context"]["log_stream_name"] == about["log_stream_name"]
    request = second.json()["context"]["aws_request_id"]
    lines = second.log.splitlines()
    assert lines[0] == f"START RequestId: {request} Version: $LATEST"
    assert lines[1:3] == ["said", "on error"] and lines[3] == f"END RequestId: {request}"
    assert lines[4].startswith(f"REPORT RequestId: {request}\tDuration: ") and "Init Duration" not in lines[4]
    assert "Init Duration: " in first.log and "\tMemory Size: 128 MB\tMax Memory Used: " in first.log


def test_awss_own_runtime_interface_runs_where_it_is_installed(client, tmp_path):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path), "awslambdaric==4.2.2"]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        pytest.skip("AWS's runtime interface client can't be had from the package registry")
    files = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    body = python("""
print("said")
if event == "fail": raise ValueError("as told")
return [event, context.invoked_function_arn, [name for name in sys.modules if name == "awslambdaric.bootstrap"]]
""")
    make(client, "ric", {**files, **body})
    answer = call(client, "ric", "x")
    assert answer.json() == ["x", "arn:aws:lambda:us-east-1:000000000000:function:ric", ["awslambdaric.bootstrap"]]
    assert answer.log.splitlines()[-3] == "said"
    failed = call(client, "ric", "fail")
    assert (failed.error, failed.json()["errorType"], failed.json()["errorMessage"]) == ("Unhandled", "ValueError", "as told")


def test_node_runs_every_kind_of_handler(client):
    for number, (name, text) in enumerate([
        ("index.mjs", "export const handler = async (event, context) => ({ event, id: context.awsRequestId })"),
        ("index.js", "exports.handler = async event => ({ event, id: 'x' })"),
        ("index.cjs", "exports.handler = (event, context, callback) => setTimeout(() => callback(null, { event, id: 'x' }), 5)"),
        ("index.js", "exports.handler = (event, context) => context.succeed({ event, id: 'x' })"),
    ]):
        make(client, f"node-{number}", {name: text}, runtime=NODE, handler="index.handler")
        for event in ("é", {"n": 1}):
            answer = call(client, f"node-{number}", event)
            assert answer.error is None and answer.json()["event"] == event and answer.json()["id"], answer.payload
    make(client, "node-empty", {"index.js": "exports.handler = () => {}"}, runtime=NODE, handler="index.handler")
    assert call(client, "node-empty").json() is None
    module = {"package.json": '{"type": "module"}', "src/index.js": "export const a = { b: async () => 'deep' }"}
    make(client, "node-module", module, runtime=NODE, handler="src/index.a.b")
    assert call(client, "node-module").json() == "deep"
    fails = "exports.handler = async () => { console.log('before'); throw new RangeError('too far') }"
    make(client, "node-fails", {"index.js": fails}, runtime=NODE, handler="index.handler")
    answer = call(client, "node-fails")
    told = answer.json()
    assert (answer.error, told["errorType"], told["errorMessage"]) == ("Unhandled", "RangeError", "too far")
    assert told["trace"][0] == "RangeError: too far" and "before" in answer.log
    lost = "exports.handler = () => { Promise.reject(new Error('lost')); return new Promise(() => setTimeout(() => {}, 5000)) }"
    make(client, "node-lost", {"index.js": lost}, runtime=NODE, handler="index.handler")
    assert call(client, "node-lost").json()["errorType"] == "Runtime.UnhandledPromiseRejection"


def test_answers_can_be_written_to_a_stream_and_be_read_from_one(client):
    def streamed(name, event):
        response = client.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
        chunks, complete = b"", None
        for part in response["EventStream"]:
            chunks += part.get("PayloadChunk", {}).get("Payload", b"")
            complete = part.get("InvokeComplete", complete)
        assert response["ExecutedVersion"] == "$LATEST" and complete["LogResult"]
        return chunks, complete

    text = """
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  if (event === 'fail') throw new Error('as told')
  if (event === 'http') stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 })
  stream.write('one ')
  setTimeout(() => { stream.write('two'); stream.end() }, 10)
})
"""
    make(client, "streams", {"index.mjs": text}, runtime=NODE, handler="index.handler")
    assert streamed("streams", 1)[0] == b"one two" == call(client, "streams", 1).payload
    assert streamed("streams", "http")[0] == b'{"statusCode":201}' + bytes(8) + b"one two"
    chunks, complete = streamed("streams", "fail")
    assert (chunks, complete["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "as told"
    make(client, "whole", python("return 'x' * 200_000"))
    assert streamed("whole", 1)[0] == b'"' + b"x" * 200_000 + b'"'
    refused(lambda: client.invoke_with_response_stream(FunctionName="lost"), "ResourceNotFoundException", 404)


def test_a_runtime_interface_that_a_node_function_brings_is_the_one_that_runs(client):
    # A stand-in for AWS's, whose native part can't be built everywhere: it is found, and told what AWS's is told.
    interface = """
import http from 'node:http'
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const call = (method, path, body) => new Promise(resolve => http.request({ host, port, method, path: '/2018-06-01/runtime/invocation' + path }, resolve).end(body))
export async function run(root, handler) {
  for (;;) {
    const next = await call('GET', '/next')
    next.resume()
    await call('POST', `/${next.headers['lambda-runtime-aws-request-id']}/response`, JSON.stringify([root === process.env.LAMBDA_TASK_ROOT, handler]))
  }
}
"""
    files = {
        "node_modules/aws-lambda-ric/package.json": '{"name": "aws-lambda-ric", "main": "index.mjs"}',
        "node_modules/aws-lambda-ric/index.mjs": interface, "index.mjs": "export const handler = async () => 'ours'",
    }
    make(client, "node-ric", files, runtime=NODE, handler="index.handler")
    assert call(client, "node-ric").json() == [True, "index.handler"]


def test_a_bootstrap_is_any_program(client):
    shell = """#!/bin/sh
set -e
while true; do
  HEADERS=$(mktemp)
  EVENT=$(curl -sS -L -D "$HEADERS" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  ID=$(grep -i lambda-runtime-aws-request-id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -X POST "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response" -d "{\\"said\\": $EVENT, \\"handler\\": \\"$_HANDLER\\"}" >/dev/null
done
"""
    # Without the bit that makes it a program: the node sets it.
    make(client, "shell", {"bootstrap": shell}, runtime="provided.al2023", handler="function.handler")
    for event in (1, {"a": "b"}):
        assert call(client, "shell", event).json() == {"said": event, "handler": "function.handler"}
    make(client, "empty", {"readme": "nothing to run"}, runtime="provided.al2023", handler="x.y")
    assert call(client, "empty").json()["errorType"] == "Runtime.InvalidEntrypoint"


def test_what_can_not_be_loaded_is_told_as_aws_tells_it(client):
    for number, (files, runtime, handler, kind, message) in enumerate([
        (ECHO, "python3.12", "lost.handler", "Runtime.ImportModuleError", "Unable to import module 'lost': No module named 'lost'"),
        (ECHO, "python3.12", "app.lost", "Runtime.HandlerNotFound", "Handler 'lost' missing on module 'app'"),
        (ECHO, "python3.12", "app", "Runtime.MalformedHandlerName", None),
        ({"app.py": "def handler(:\n"}, "python3.12", "app.handler", "Runtime.UserCodeSyntaxError", None),
        ({"app.py": "raise ValueError('at import')"}, "python3.12", "app.handler", "ValueError", "at import"),
        ({"app.py": "import sys; sys.exit(3)"}, "python3.12", "app.handler", "Runtime.ExitError", None),
        ({"index.js": "exports.other = 1"}, NODE, "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ({"index.js": "require('lost')"}, NODE, "index.handler", "Runtime.ImportModuleError", None),
        ({"index.js": ""}, NODE, "lost.handler", "Runtime.ImportModuleError", None),
        ({"index.js": "{{{"}, NODE, "index.handler", "Runtime.UserCodeSyntaxError", None),
    ]):
        make(client, f"load-{number}", files, runtime=runtime, handler=handler)
        answer = call(client, f"load-{number}")
        assert (answer.status, answer.error, answer.json()["errorType"]) == (200, "Unhandled", kind), answer.payload
        if message is not None:
            assert answer.json()["errorMessage"] == message
        assert "REPORT RequestId: " in answer.log
    make(client, "java", {"x": ""}, runtime="java21", handler="a::b")
    refused(lambda: call(client, "java"), "InvalidRuntimeException", 502)


def test_errors_of_functions_are_told_with_their_trace(client):
    make(client, "raises", python("raise KeyError('lost')"))
    answer = call(client, "raises")
    told = answer.json()
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert (told["errorType"], told["errorMessage"]) == ("KeyError", "'lost'")
    assert len(told["stackTrace"]) == 1 and "app.py" in told["stackTrace"][0] and told["requestId"]
    assert "[ERROR] KeyError: 'lost'" in answer.log
    make(client, "unwritable", python("return {1, 2}"))
    assert call(client, "unwritable").json()["errorType"] == "Runtime.MarshalError"


def test_who_takes_too_long_is_ended_with_all_that_it_started(client, node):
    marker = f"sleep {uuid.uuid4().int % 10**8 + 10**6}"
    make(client, "slow", python(f"""
if event == "hang":
    subprocess.Popen("{marker}".split())
    subprocess.Popen("{marker}".split(), start_new_session=True)
    time.sleep(60)
return os.getpid()
"""), Timeout=1)
    pid = call(client, "slow").json()
    answer = call(client, "slow", "hang")
    request = answer.log.split("START RequestId: ")[1].split()[0]
    assert (answer.error, answer.json()) == (
        "Unhandled",
        {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request} Error: Task timed out after 1.00 seconds"},
    )
    assert f"{request} Task timed out after 1.00 seconds" in answer.log
    assert "Duration: 1000.00 ms" in answer.log and "Status: timeout" in answer.log
    eventually(lambda: not alive(marker), what="the end of what it started")
    assert call(client, "slow").json() != pid


def test_who_takes_too_long_to_begin_is_tried_once_more_within_the_calls_time(client, tmp_path):
    # Ten seconds are AWS's limit, and what is over it begins anew.
    make(client, "heavy", {"app.py": f"""
import os, time
tries = len(os.listdir("{tmp_path}"))
open(f"{tmp_path}/{{tries}}", "w").close()
time.sleep(60 if tries == 0 else 0)
def handler(event, context): return tries
"""}, Timeout=20)
    make(client, "stuck", {"app.py": "import time; time.sleep(60)"}, Timeout=1)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        heavy, stuck = pool.submit(call, client, "heavy"), pool.submit(call, client, "stuck")
        assert heavy.result().json() == 1
        answer = stuck.result()
    assert answer.json()["errorType"] == "Sandbox.Timedout"
    assert answer.json()["errorMessage"].endswith(" Error: Task timed out after 1.00 seconds")


def test_who_crashes_is_told_how_and_replaced(client):
    make(client, "crashes", python("""
if event is not None:
    os.kill(os.getpid(), event) if event > 0 else os._exit(-event)
return "well"
"""))
    for event, message in [
        (-1, "exit status 1"), (-77, "exit status 77"), (int(signal.SIGSEGV), "signal: segmentation fault"),
        (int(signal.SIGKILL), "signal: killed"),
    ]:
        assert call(client, "crashes").json() == "well"
        answer = call(client, "crashes", event)
        told = answer.json()
        assert told["errorType"] == "Runtime.ExitError"
        assert told["errorMessage"].endswith(f" Error: Runtime exited with error: {message}")
        assert "Status: error\tError Type: Runtime.ExitError" in answer.log
    make(client, "quits", python("os._exit(0)"))
    assert call(client, "quits").json()["errorMessage"].endswith("Error: Runtime exited without providing a reason")
    # One that ends between two calls is replaced without anybody seeing it.
    make(client, "later", python("threading.Timer(0.01, os._exit, [1]).start()\nreturn os.getpid()"))
    pids = set()
    for _ in range(5):
        pid = call(client, "later").json()
        pids.add(pid)
        eventually(lambda: not pathlib.Path(f"/proc/{pid}").exists(), what="its end")
    assert len(pids) == 5


def test_who_floods_hurts_only_itself(client, node):
    make(client, "fine", ECHO)
    call(client, "fine", 1)
    make(client, "memory", python("data = []\nwhile True: data.append(bytearray(8 << 20))"), Timeout=20)
    make(client, "output", python("while True: print('x' * 1000)"), Timeout=2)
    make(client, "files", python("held = []\nwhile True: held.append(open('/dev/null'))"))
    make(client, "forks", python("""
while True:
    try: subprocess.Popen(["sleep", "4567890"], start_new_session=True)
    except OSError: time.sleep(0.01)
"""), Timeout=20)
    make(client, "disk", python("""
with open(os.path.join(os.environ["TMPDIR"], "large"), "wb") as file:
    while True: file.write(bytes(32 << 20))
"""), Timeout=20)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        floods = {name: pool.submit(call, client, name) for name in ("memory", "output", "files", "forks", "disk")}
        waits = []
        while not all(flood.done() for flood in floods.values()):
            began = time.monotonic()
            assert call(client, "fine", 1).json() == 1
            waits.append(time.monotonic() - began)
    told = {name: flood.result().json() for name, flood in floods.items()}
    assert told["memory"]["errorType"] in ("Runtime.ExitError", "MemoryError"), told
    assert told["output"]["errorType"] == "Sandbox.Timedout"
    assert told["files"]["errorType"] == "OSError" and "Too many open files" in told["files"]["errorMessage"]
    assert told["forks"]["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout")
    assert told["disk"]["errorType"] == "OSError" and "File too large" in told["disk"]["errorMessage"]
    assert len(floods["output"].result().log) <= 4096
    assert sorted(waits)[len(waits) // 2] < 1.0, waits
    eventually(lambda: not alive("sleep 4567890"), what="the end of what was forked")


def test_payloads_have_awss_limits(client):
    make(client, "large", python("return 'x' * event if isinstance(event, int) else len(event)"), Timeout=10)
    text = b'"' + b"x" * (6291456 - 2) + b'"'
    assert call(client, "large", text).json() == 6291454
    refused(
        lambda: call(client, "large", text[:-1] + b'x"'), "RequestTooLargeException", 413,
        "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)",
    )
    refused(lambda: call(client, "large", b'"' + b"x" * 9_000_000 + b'"'), "RequestTooLargeException", 413)
    refused(
        lambda: client.invoke(FunctionName="large", InvocationType="Event", Payload=b'"' + b"x" * (1 << 20) + b'"'),
        "RequestTooLargeException", 413,
    )
    assert len(call(client, "large", 6291456).payload) == 6291458
    answer = call(client, "large", 6291556)
    assert (answer.error, answer.json()) == ("Unhandled", {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    })
    # The process goes on.
    assert call(client, "large", 1).json() == "x" and "Init Duration" not in call(client, "large", 1).log
    refused(
        lambda: call(client, "large", b"hello"), "InvalidRequestContentException", 400,
        "Could not parse request body into json: Could not parse payload into json: Unrecognized token 'hello': was "
        "expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: "
        '(byte[])"hello"; line: 1, column: 6]',
    )
    assert call(client, "large", b"").json() == 0


def test_dry_runs_and_events_are_not_waited_for(client, node, tmp_path):
    log = tmp_path / "log"
    make(client, "event", python(f"""
with open("{log}", "a") as log: log.write(json.dumps(event) + context.aws_request_id + "\\n")
if event["fails"]: raise ValueError("as told")
"""))
    dry = client.invoke(FunctionName="event", InvocationType="DryRun", Payload=b'{"fails": false}')
    assert dry["StatusCode"] == 204 and not log.exists()
    sent = client.invoke(FunctionName="event", InvocationType="Event", Payload=b'{"fails": false}')
    assert (sent["StatusCode"], sent["Payload"].read(), "ExecutedVersion" in sent) == (202, b"", False)
    lines = lambda: log.read_text().splitlines() if log.exists() else []
    eventually(lambda: len(lines()) == 1, what="the event")
    # What fails is tried twice more, under the same id.
    client.invoke(FunctionName="event", InvocationType="Event", Payload=b'{"fails": true}')
    eventually(lambda: len(lines()) == 4, what="three tries")
    eventually(lambda: "an event is dropped" in node.tail(), what="the word of it")
    assert len(set(lines()[1:])) == 1 and len(lines()) == 4
    refused(lambda: client.invoke(FunctionName="event", InvocationType="Event", Payload=b"x"), "InvalidRequestContentException", 400)
    refused(lambda: client.invoke(FunctionName="lost", InvocationType="DryRun"), "ResourceNotFoundException", 404)
    assert client.invoke_async(FunctionName="event", InvokeArgs=b'{"fails": false}')["Status"] == 202
    eventually(lambda: len(lines()) == 5, what="the older form")


def test_calls_at_once_have_processes_of_their_own_up_to_the_limits(client, node, tmp_path):
    gate = tmp_path / "gate"
    make(client, "waits", python(f"""
if event: open(f"{tmp_path}/busy-{{os.getpid()}}", "w").close()
while event and not os.path.exists("{gate}"): time.sleep(0.01)
return os.getpid()
"""), Timeout=30)
    busy = lambda count: eventually(lambda: len(list(tmp_path.glob("busy-*"))) >= count, what=f"{count} that are busy")
    client.put_function_concurrency(FunctionName="waits", ReservedConcurrentExecutions=3)
    running = lambda: float(node.figures().get("turnpike_function_processes", 0))
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(call, client, "waits", 1) for _ in range(3)]
        busy(3)
        assert throttled(client, "waits") == "ReservedFunctionConcurrentInvocationLimitExceeded"
        gate.touch()
        assert len({one.result().json() for one in waiting}) == 3
        client.put_function_concurrency(FunctionName="waits", ReservedConcurrentExecutions=0)
        assert throttled(client, "waits") == "ReservedFunctionConcurrentInvocationLimitExceeded"
        client.delete_function_concurrency(FunctionName="waits")
        for file in tmp_path.iterdir():
            file.unlink()
        # Those that are idle make room, whoever's they are.
        waiting = [pool.submit(call, client, "waits", 1) for _ in range(12)]
        busy(12)
        assert throttled(client, "waits") == "ConcurrentInvocationLimitExceeded"
        gate.touch()
        assert len({one.result().json() for one in waiting}) == 12
    eventually(lambda: running() <= 12, what="no more than the node may have")


def throttled(client, name):
    """The reason for which a call is refused now, if it is."""
    try:
        call(client, name)
    except botocore.exceptions.ClientError as error:
        assert (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]) == ("TooManyRequestsException", 429)
        assert error.response["Error"]["Message"] == "Rate Exceeded."
        return error.response["Reason"]
    return None


def test_a_change_ends_the_processes_of_what_was_before(client):
    make(client, "changes", python("return [os.getpid(), os.environ.get('COLOUR')]"))
    pid, _ = call(client, "changes").json()
    client.update_function_configuration(FunctionName="changes", Environment={"Variables": {"COLOUR": "red"}})
    gone = lambda pid: not pathlib.Path(f"/proc/{pid}").exists()
    eventually(lambda: gone(pid), what="the end of the process before")
    second, colour = call(client, "changes").json()
    assert colour == "red" and second != pid
    client.delete_function(FunctionName="changes")
    eventually(lambda: gone(second), what="the end of the deleted function's process")


def test_logs_and_figures_can_be_read(client, node):
    make(client, "talks", python("print('a line of it')\nreturn 1"))
    call(client, "talks")
    call(client, "talks")
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    printed = subprocess.run([BINARY, "functions", "log", "talks"], env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.count("a line of it") == 2 and printed.stdout.count("REPORT RequestId: ") == 2
    figures = node.figures()
    assert figures['turnpike_function_invocations_total{function="talks"}'] == "2"
    assert figures['turnpike_function_cold_starts_total{function="talks"}'] == "1"
    assert 'turnpike_function_errors_total{function="talks"}' not in figures
    assert fetch(f"{node.admin}/_turnpike/functions/talks/log").status == 403


def signed(node, path):
    """What a node answers at a path of its own."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", node.admin + path)
    SigV4Auth(Credentials(KEY, SECRET), "apigateway", "us-east-1").add_auth(request)
    return fetch(node.admin + path, headers=dict(request.headers)).body


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_functions_run_as_a_user_of_their_own(tmp_path):
    place = lambda number: {"environment": {"TURNPIKE_FUNCTIONS_USER": "nobody", "TURNPIKE_FUNCTIONS": str(folder)}}
    # Within the user's reach, which a directory of a test is not.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="functions-"))
    folder.chmod(0o755)
    try:
        with nodes(tmp_path, 1, place) as (node,):
            client = node.client("lambda")
            shell = """#!/bin/sh
API=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while true; do
  ID=$(curl -sS -D - -o /dev/null "$API/next" | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //p')
  SEEN=$(cat /proc/$(ps -o ppid= -p $PPID | tr -d ' ')/environ 2>/dev/null | wc -c)
  touch "$TMPDIR/own" && WRITES=yes
  curl -sS -o /dev/null "$API/$ID/response" -d "{\\"user\\": \\"$(id -un)\\", \\"groups\\": \\"$(id -G)\\", \\"seen\\": $SEEN, \\"writes\\": \\"$WRITES\\"}"
done
"""
            make(client, "whoami", {"bootstrap": shell}, runtime="provided.al2023")
            answer = call(client, "whoami")
            other = Node(tmp_path, 2, environment={**place(2)["environment"], "TURNPIKE_FUNCTIONS": str(tmp_path / "closed")}).start()
            assert other.process.wait(60) == 1 and "the functions' user may not enter" in other.tail()
            group = subprocess.run(["id", "-g", "nobody"], capture_output=True, text=True, check=True).stdout.strip()
            assert answer.json() == {"user": "nobody", "groups": group, "seen": 0, "writes": "yes"}, answer.log
    finally:
        shutil.rmtree(folder)


def test_functions_survive_their_node_and_run_on_every_node(tmp_path):
    with nodes(tmp_path, 2, PLACE) as (first, second):
        make(first.client("lambda"), "both", python("return os.getpid()"), Environment={"Variables": {"COLOUR": "red"}})
        # At once: the change was settled before it was answered.
        assert call(second.client("lambda"), "both").json() != call(first.client("lambda"), "both").json()
        told = json.loads(signed(first, "/_turnpike/functions/both/log"))
        assert len([line for line in told["lines"] if line["message"].startswith("START")]) == 2 and told["silent"] == []
        marker = f"sleep {uuid.uuid4().int % 10**8 + 10**6}"
        child = python(f"subprocess.Popen('{marker}'.split(), start_new_session=True)\nreturn os.getpid()")
        first.client("lambda").update_function_code(FunctionName="both", ZipFile=package(child))
        pids = [call(node.client("lambda"), "both").json() for node in (first, second)]
        assert len(alive(marker)) >= 2
        # However a node ends, its functions' processes end with it.
        second.kill()
        eventually(lambda: not pathlib.Path(f"/proc/{pids[1]}").exists(), what="the end of the killed node's processes")
        eventually(lambda: len(alive(marker)) == 1, what="the end of what they had started")
        second.start().wait_ready()
        assert call(second.client("lambda"), "both").json() not in pids
        for node in (first, second):
            node.process.terminate()
        for node in (first, second):
            node.process.wait(30)
        eventually(lambda: not alive(marker), what="the end of all")


def test_a_backup_has_functions_without_their_packages(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with nodes(tmp_path / "first", 1, PLACE) as (node,):
        client = node.client("lambda")
        make(client, "kept", python("return os.environ['COLOUR']"), Environment={"Variables": {"COLOUR": "red"}})
        client.create_alias(FunctionName="kept", Name="live", FunctionVersion="$LATEST")
        cluster(node, "backup", str(tmp_path / "backup"))
    with nodes(tmp_path / "second", 1, PLACE) as (node,):
        cluster(node, "restore", str(tmp_path / "backup"))
        client = node.client("lambda")
        with pytest.raises(botocore.exceptions.ClientError, match="upload the code again"):
            call(client, "kept:live")
        client.update_function_code(FunctionName="kept", ZipFile=package(python("return os.environ['COLOUR'] * 2")))
        # The same secret opens the variables.
        assert call(client, "kept:live").json() == "redred"


def cluster(node, *words):
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    done = subprocess.run([BINARY, "cluster", *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
