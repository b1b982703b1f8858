"""Mapping templates: tried out on the command line, and compared with Apache Velocity."""

import json
import pathlib
import shutil
import subprocess

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import BINARY, KEY, SECRET, fetch

TESTS = pathlib.Path(__file__).parent.parent
TEMPLATES = TESTS / "templates"
JARS = [pathlib.Path("/usr/share/java") / name for name in ("velocity.jar", "commons-lang.jar", "commons-collections3.jar")]


def evaluate(template, *arguments):
    command = [BINARY, "template", "eval", "-", *map(str, arguments)]
    return subprocess.run(command, input=template.encode(), capture_output=True, timeout=60)


def cases():
    """Every case: its file and title, and its parts by their names."""
    for file in sorted(TEMPLATES.glob("*.cases")):
        for case in file.read_bytes().decode().removeprefix("==== ").removesuffix("\n").split("\n==== "):
            title, case = case.split("\n", 1)
            template, *parts = case.split("\n---- ")
            named = dict(part.split("\n", 1) for part in parts)
            yield f"{file.stem}: {title}", {"template": template, **named}


def test_eval_renders_with_everything_that_it_is_given(tmp_path):
    files = {
        "input": {"name": "Ada", "tags": ["a", "b"]},
        "context": {"stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "parameters": {"path": {"id": "7"}, "querystring": {"q": "x"}, "header": {"X-Name": "value"}},
        "variables": {"more": [1, {"k": "v"}]},
    }
    arguments = ["--stage-variables", '{"color": "green"}']
    for name, content in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        arguments += [f"--{name}", path]
    template = """{"hello": $input.json('$.name'), "id": "$input.params('id')", "q": "$input.params().querystring.q",
 "header": "$input.params('x-name')", "ip": "$context.identity.sourceIp", "color": "$stageVariables.color",
 "tags": [#foreach($tag in $input.path('$.tags'))"$util.escapeJavaScript($tag)"#if($foreach.hasNext),#end#end], "k": "$more[1].k"}"""
    done = evaluate(template, *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "hello": "Ada", "id": "7", "q": "x", "header": "value", "ip": "192.0.2.1", "color": "green", "tags": ["a", "b"], "k": "v",
    }


def test_eval_reads_a_file_and_prints_exactly_what_comes_out(tmp_path):
    file = tmp_path / "template.vtl"
    for template, expected in [("a\n\n", b"a\n\n"), ("\u00e9 $input.body", "\u00e9 {}".encode()), ("", b"")]:
        file.write_text(template)
        done = subprocess.run([BINARY, "template", "eval", file], capture_output=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


def test_eval_shows_the_steps_of_a_rendering():
    template = """#set($x = $input.path('$.n'))
#foreach($i in [1..2])#if($i == 2)$x#end#end
#define($d)$x#end$d"""
    done = evaluate(template, "--trace", "--stage-variables", "{}")
    assert done.returncode == 0 and done.stdout.decode().strip() == ""
    steps = [line.split(maxsplit=2) for line in done.stderr.decode().splitlines()]
    assert [step[:2] for step in steps] == [
        ["1:6", "sets"], ["2:1", "takes"], ["2:27", "asks"], ["2:1", "takes"], ["2:27", "asks"], ["2:35", "shows"],
        ["3:12", "shows"], ["3:18", "shows"],
    ]
    assert [step[2:] for step in steps[1:5]] == [["1"], ["false"], ["2"], ["true"]]


def test_the_control_plane_renders_templates_too(one):
    def evaluate_there(**asked):
        request = botocore.awsrequest.AWSRequest(
            "POST", one.admin + "/_turnpike/templates/eval", data=json.dumps(asked).encode(), headers={"Content-Type": "application/json"})
        credentials = botocore.credentials.Credentials(KEY, SECRET)
        botocore.auth.SigV4Auth(credentials, "apigateway", "us-east-1").add_auth(request)
        answer = fetch(request.url, method="POST", body=request.data, headers=dict(request.headers))
        return answer.status, answer.json()

    status, answer = evaluate_there(template="#set($x = $input.path('$.n'))$x $context.stage", body='{"n": 3}',
                                    context={"stage": "s"}, trace=True)
    assert (status, answer["output"]) == (200, "3 s")
    assert answer["steps"][0] == {"line": 1, "column": 6, "what": "sets", "value": "3"}
    status, answer = evaluate_there(template="a\n#if(")
    assert status == 200 and (answer["error"]["line"], "output" in answer) == (2, False)
    assert evaluate_there(template="x", nonsense={})[0] == 400
    assert fetch(one.admin + "/_turnpike/templates/eval", method="POST", body=b"{}").status == 403


@pytest.mark.parametrize(
    "template, told",
    [
        ("a\n  #set($x = )\nb", "expected a value (line 2, column 13)\n  #set($x = )\n            ^"),
        ("$input.path('$[')", "invalid JSONPath $[: expected a number at character 3 (line 1, column 1)\n$input.path('$[')\n^"),
        ("#macro(m)#m()#end\n#m()", "more than 200 blocks and expressions in each other (line 1, column 10)\n#macro(m)#m()#end\n         ^"),
    ],
)
def test_eval_points_at_errors(template, told):
    done = evaluate(template)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"turnpike: {told}\n")


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--context", "/nowhere/context.json"], "can't read /nowhere/context.json: No such file or directory (os error 2)"),
        (["--stage-variables", "[]"], "--stage-variables: a JSON object is wanted"),
        (["--parameters", "FILE"], "--parameters: there are no parameters of nonsense; there may be some of path, querystring and header"),
    ],
)
def test_eval_says_which_argument_is_wrong(arguments, told, tmp_path):
    file = tmp_path / "parameters.json"
    file.write_text('{"nonsense": {}}')
    done = evaluate("x", *[file if argument == "FILE" else argument for argument in arguments])
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(f"turnpike: {told}")


def test_apache_velocity_agrees():
    """What is rendered is what Apache Velocity renders, but for what tests/templates/README.md tells."""
    missing = [str(jar) for jar in JARS if not jar.exists()] + ([] if shutil.which("java") else ["java"])
    if missing:
        pytest.skip(f"Apache Velocity is not installed (Debian: default-jdk-headless velocity): no {', '.join(missing)}")
    compared = [
        (title, parts)
        for title, parts in cases()
        if "output" in parts and "$input" not in parts["template"] and "$util" not in parts["template"]
    ]
    assert len(compared) > 80
    templates = "\0".join(parts["template"].replace("<CR>", "\r") for _, parts in compared)
    command = ["java", "-cp", ":".join(map(str, JARS)), TESTS / "velocity" / "Render.java"]
    files = [TEMPLATES / "variables.json", TEMPLATES / "context.json"]
    done = subprocess.run([*command, *files], input=templates.encode(), capture_output=True, timeout=300, check=True)
    answers = done.stdout.decode().split("\0")[:-1]
    assert len(answers) == len(compared)
    wrong = []
    for (title, parts), answer in zip(compared, answers):
        rendered = answer[1:].replace("\r", "<CR>") if answer.startswith("=") else "refused"
        if rendered != parts.get("velocity", parts["output"]):
            wrong.append(f"{title}: Velocity gives {rendered!r}, not {parts.get('velocity', parts['output'])!r}")
        if rendered == parts["output"] and "velocity" in parts:
            wrong.append(f"{title}: Velocity agrees, and should not be told apart")
    assert not wrong, "\n".join(wrong)
