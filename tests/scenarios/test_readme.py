"""The commands that the README and the quickstart show, run as they are shown.

Ports are replaced by free ones and the built program takes the place of the release's: nothing else is.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import zipfile

import pytest

from conftest import BINARY, eventually, fetch, free_port

README = pathlib.Path(__file__).parents[2] / "README.md"
PORTS = ["4566", *(str(base + node) for base in (8080, 9000, 9090, 9400) for node in range(4))]


def clean_environment():
    """The environment without what other tests, or the machine, say of AWS and Turnpike."""
    keep = lambda name: not name.startswith(("AWS_", "TURNPIKE_"))
    return {name: value for name, value in os.environ.items() if keep(name)} | {"AWS_PAGER": ""}


def block(label):
    """The shell block of the README that stands under this label."""
    found = re.search(rf"<!-- run by tests/scenarios/test_readme.py: {label} -->\n```sh\n(.*?)```", README.read_text(), re.S)
    return found.group(1)


def replaced(script, ports):
    for shown, free in ports.items():
        script = re.sub(rf"(?<=[: ]){shown}\b", str(free), script)
    return script.replace("target/release/turnpike", str(pathlib.Path(BINARY).resolve()))


@contextlib.contextmanager
def quickstart(directory, ports, environment=None, arguments=()):
    """A running quickstart; gives what it printed."""
    flags = {"gateway": "8080", "admin": "9000", "metrics": "9090", "cluster": "9400", "edge": "4566"}
    command = [str(pathlib.Path(BINARY).resolve()), "quickstart"]
    for name, shown in flags.items():
        command += [f"--{name}-port", str(ports[shown])]
    command += arguments
    process = subprocess.Popen(
        command, cwd=directory, env=clean_environment() | (environment or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    printed = []
    reader = threading.Thread(target=lambda: printed.extend(process.stdout), daemon=True)
    reader.start()
    try:
        eventually(lambda: process.poll() is not None or "get_stages" in "".join(printed), what="the quickstart")
        assert process.poll() is None, process.stderr.read()
        yield "".join(printed)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode == 0


def run(script, directory, timeout=120):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=directory, env=clean_environment(),
        capture_output=True, text=True, timeout=timeout, check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def ports():
    return {shown: free_port() for shown in PORTS}


def test_the_quickstart_and_what_it_says_to_try(tmp_path, ports):
    with quickstart(tmp_path, ports) as printed:
        assert "Deployed a sample API" in printed and (tmp_path / ".turnpike").is_dir()
        api = re.search(r"sample API \((\w+)\)", printed).group(1)
        curl, cli, boto = (
            next(line.strip() for line in printed.splitlines() if word in line)
            for word in ("curl ", "aws apigateway", "boto3")
        )
        assert [pet["type"] for pet in json.loads(run(curl, tmp_path))] == ["dog", "cat", "fish"]
        assert {item["path"] for item in json.loads(run(cli, tmp_path))["items"]} == {"/", "/pets", "/pets/{petId}"}
        assert "'stageName': 'dev'" in run(boto, tmp_path)
        one = run(curl + "/2", tmp_path)
        assert json.loads(one)["type"] == "cat"
        # The block of the README, in the same directory, as a user would go on.
        assert run(replaced(block("talk"), ports), tmp_path).endswith('["Middlemarch"]')
        blocks = [replaced(block("talk"), ports).splitlines()[0], replaced(block("openapi"), ports), replaced(block("explain"), ports)]
        said = run("\n".join(blocks), tmp_path)
        assert '{"sky": "blue"}' in said and "x-amazon-apigateway-integration:" in said
        link = re.search(r"http://\S+/docs/\S+", said).group(0)
        assert "How it is today" in fetch(link).text
        assert re.search(r"GET /live/today on \w+/live \(base\), node 1: 200 in \d+ µs", said) and "MOCK, status 200" in said
        assert zipfile.is_zipfile(tmp_path / "weather.zip")
        said = run("\n".join([blocks[0], replaced(block("sell"), ports)]), tmp_path)
        assert '{"sky": "grey"}' in said and re.search(r"gold +\S+ +ann +7 +\S+ +1 +9999", said), said
        # For other shells, and for Terraform.
        program = pathlib.Path(BINARY).resolve()
        assert "set -gx AWS_ACCESS_KEY_ID" in run(f"{program} env --shell fish", tmp_path)
        assert "$env:AWS_ACCESS_KEY_ID" in run(f"{program} env --shell powershell", tmp_path)
        assert 'provider "aws" {' in run(f"{program} env --shell terraform", tmp_path)
        assert "leader" in run(f"{program} cluster status --admin-url http://127.0.0.1:{ports['9000']}", tmp_path)
        secrets = (tmp_path / ".turnpike" / "quickstart.json").stat().st_mode
        assert secrets & 0o077 == 0
    # Again: what was there is found, under the same id.
    with quickstart(tmp_path, ports) as printed:
        assert f"Found the sample API of an earlier run ({api})" in printed
        assert fetch(f"http://127.0.0.1:{ports['4566']}/_aws/execute-api/{api}/dev/pets").status == 200


def test_aws_services_at_an_emulator(tmp_path, ports, moto):
    ports["5000"] = moto.rpartition(":")[2]
    start = replaced(block("emulated"), ports).splitlines()
    assert start[1] == f"{pathlib.Path(BINARY).resolve()} quickstart"
    environment = dict(setting.split("=", 1) for setting in start[0].removeprefix("export ").split())
    with quickstart(tmp_path, ports, environment):
        said = run(replaced(block("services"), ports), tmp_path)
    assert '{"taken": true}' in said and '"S": "paint the fence"' in said


def test_functions_as_the_readme_makes_them(tmp_path, ports):
    with quickstart(tmp_path, ports, arguments=["--functions", "on"]):
        said = run(replaced(block("functions"), ports), tmp_path)
        assert '{"hello": "you", "left": ' in said and "asked by you" in said and "REPORT RequestId: " in said
        said = run("\n".join([replaced(block("functions"), ports).splitlines()[0], replaced(block("guarded"), ports)]), tmp_path)
        assert '{"orders of": "ali"}' in said and said.endswith('{"message":"Unauthorized"}')


def test_rooms_of_a_websocket_api_as_the_readme_makes_them(tmp_path, ports):
    with quickstart(tmp_path, ports):
        said = run(replaced(block("sockets"), ports), tmp_path)
        listed, sent = said.index("CONNECTION "), said.index("node 1: delivered 1")
        assert listed < sent < said.index("closed ") and " blue\n" in said[listed:sent]
        heard = (tmp_path / "heard").read_text()
        assert heard.index("you") < heard.index("hello, you") < heard.index("hello, room")


def test_three_nodes_as_the_readme_starts_them(tmp_path, ports):
    script = replaced(block("three"), ports)
    status = f"{pathlib.Path(BINARY).resolve()} cluster status --output json --admin-url http://127.0.0.1:{ports['9002']}"
    ready = 'until [ "$(grep -c "^ready node=" printed)" = 3 ]; do sleep 0.2; done'
    live = "until [ $(%s | grep -c '\"live\": true') = 3 ]; do sleep 0.2; done" % status
    # The three nodes end with the shell that started them.
    backup = replaced(block("backup"), ports)
    run(f"exec >printed\ntrap 'kill $(jobs -p); wait' EXIT\n{script}\n{ready}\n{live}\n{status}\n{backup}", tmp_path)
    printed = (tmp_path / "printed").read_text()
    # The fourth is the new cluster's.
    assert printed.count("ready node=") == 4 and "NODE  ROLE" in printed
    assert printed.count("INDEX  DOCUMENTS") == 2 and "restored 0 documents of cluster" in printed
    assert printed.count('"live": true') == 3


def test_the_readme_shows_how_to_set_up_and_test():
    text = README.read_text()
    assert "cargo run --release -- quickstart" in text and "tests/run" in text
    assert set(re.findall(r"<!-- run by tests/scenarios/test_readme.py: (\w+) -->", text)) == {
        "talk", "openapi", "explain", "emulated", "services", "functions", "guarded", "sockets", "sell", "three", "backup"}
