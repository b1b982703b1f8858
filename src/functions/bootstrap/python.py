"""The runtime interface of functions in Python, where AWS's own (awslambdaric) is not installed.

It asks the Lambda Runtime API for events, gives each to the function's handler, and brings back what that returns.
"""

import decimal
import http.client
import importlib
import json
import os
import sys
import time
import traceback

PREFIX = "/2018-06-01/runtime"


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """What a handler is told of its call."""

    def __init__(self, headers):
        self.aws_request_id = headers.get("Lambda-Runtime-Aws-Request-Id")
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = Identity()
        self.client_context = None
        self._deadline_ms = int(headers.get("Lambda-Runtime-Deadline-Ms") or 0)

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class Api:
    """The Runtime API, over one connection."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, PREFIX + path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def report(self, path, error):
        sys.stdout.flush()
        sys.stderr.flush()
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": error["errorType"]}
        self.call("POST", path, json.dumps(error).encode(), headers)


class Unloadable(Exception):
    """The handler can't be had: the kind of error, and what is said of it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind, self.trace = kind, list(trace)


def load(handler):
    """The function that a handler's name names."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        raise Unloadable("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise Unloadable("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Unloadable("Runtime.UserCodeSyntaxError", message, trace) from None
    function = getattr(module, function_name, None)
    if function is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Unloadable("Runtime.HandlerNotFound", message)
    return function


def described(kind, message, request="", trace=()):
    return {"errorMessage": message, "errorType": kind, "requestId": request, "stackTrace": list(trace)}


def failed(error, request):
    """An error that the function raised, without the frames that are not its own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    return described(type(error).__name__, str(error), request, traceback.format_list(own))


def plain(value):
    """What JSON has no word for and AWS's runtime can write."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def show(error):
    trace = "".join(error["stackTrace"])
    print(f"[ERROR] {error['errorType']}: {error['errorMessage']}", end="\n" if not trace else "\nTraceback (most recent call last):\n" + trace)
    sys.stdout.flush()


def carry_out(api, function, headers, event):
    request = headers.get("Lambda-Runtime-Aws-Request-Id")
    trace = headers.get("Lambda-Runtime-Trace-Id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    place = f"/invocation/{request}"
    try:
        answer = function(json.loads(event), Context(headers))
    except Exception as error:  # Whatever it is, it is the caller's to know.
        told = failed(error, request)
        show(told)
        return api.report(place + "/error", told)
    try:
        body = json.dumps(answer, default=plain, ensure_ascii=False).encode()
    except Exception as error:
        told = described("Runtime.MarshalError", f"Unable to marshal response: {error}", request)
        show(told)
        return api.report(place + "/error", told)
    sys.stdout.flush()
    sys.stderr.flush()
    api.call("POST", place + "/response", body, {"Content-Type": "application/json"})


def main():
    handler, address, root = sys.argv[1], os.environ["AWS_LAMBDA_RUNTIME_API"], os.environ["LAMBDA_TASK_ROOT"]
    sys.path[0] = root
    try:
        from awslambdaric.__main__ import main as run
    except ImportError:
        run = None
    if run is not None:
        return run(["awslambdaric", handler])
    # Seen at once, whether or not it is a whole line.
    sys.stdout.reconfigure(line_buffering=True)
    api = Api(address)
    try:
        function = load(handler)
    except Unloadable as error:
        told = described(error.kind, str(error), "", error.trace)
        show(told)
        api.report("/init/error", told)
        sys.exit(1)
    except Exception as error:
        told = failed(error, "")
        show(told)
        api.report("/init/error", told)
        sys.exit(1)
    while True:
        status, headers, event = api.call("GET", "/invocation/next")
        if status != 200:
            sys.exit(1)
        carry_out(api, function, headers, event)


main()
