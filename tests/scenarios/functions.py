"""What the scenarios of functions share: packages, and functions that are made of them."""

import base64
import io
import json
import zipfile

ROLE = "arn:aws:iam::000000000000:role/service-role/lambda"
PYTHON, NODE = "python3.12", "nodejs20.x"
ECHO = {"app.py": "def handler(event, context):\n    return event\n"}


def package(files):
    """A ZIP archive of files by name; a value that is a pair is a text and the file's mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            text, mode = text if isinstance(text, tuple) else (text, 0o644)
            entry = zipfile.ZipInfo(name)
            entry.external_attr, entry.compress_type = (0o100000 | mode) << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return buffer.getvalue()


def make(client, name, files, runtime=PYTHON, handler="app.handler", **more):
    return client.create_function(
        FunctionName=name, Runtime=runtime, Handler=handler, Role=ROLE, Code={"ZipFile": package(files)}, **more
    )


class Called:
    """What a call of a function was answered with."""

    def __init__(self, response):
        self.status = response["StatusCode"]
        self.error = response.get("FunctionError")
        self.version = response.get("ExecutedVersion")
        self.payload = response["Payload"].read()
        self.log = base64.b64decode(response.get("LogResult", "")).decode()

    def json(self):
        return json.loads(self.payload)


def call(client, name, event=None, **more):
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Called(client.invoke(FunctionName=name, Payload=payload, LogType="Tail", **more))
