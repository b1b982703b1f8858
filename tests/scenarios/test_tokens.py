"""Join tokens: a node gets in without the cluster's secret, once a token, and needs neither afterwards."""

import json
import stat
import subprocess
import time

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import BINARY, CLUSTER_SECRET, KEY, SECRET, Node, eventually, fetch, nodes



def command(node, *words):
    """Runs a command of `turnpike cluster` against a node."""
    environment = {**node.environment, "TURNPIKE_ADMIN_URL": node.admin}
    return subprocess.run(
        [BINARY, "cluster", *words], env=environment, capture_output=True, text=True, timeout=20, check=False
    )


def token_of(node, *words):
    done = command(node, "token", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(node, body, key=KEY, secret=SECRET):
    """What the command asks, signed as any AWS client signs."""
    url = f"{node.admin}/_turnpike/cluster/token"
    request = botocore.awsrequest.AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    credentials = botocore.credentials.Credentials(key, secret)
    botocore.auth.SigV4Auth(credentials, "apigateway", "us-east-1").add_auth(request)
    return fetch(url, "POST", dict(request.headers), body)


def comer(directory, number, through, token, **environment):
    """A node that does not know the secret."""
    node = Node(directory, number, join=through.address("cluster"))
    del node.environment["TURNPIKE_CLUSTER_SECRET"]
    node.environment |= {"TURNPIKE_JOIN_TOKEN": token, **environment}
    return node


def refusal(node):
    """Why a node does not start."""
    node.start()
    assert node.process.wait(90) == 1
    return node.tail().strip().splitlines()[-1]


@pytest.fixture
def cluster(tmp_path):
    with nodes(tmp_path, 2) as started:
        yield started


@pytest.fixture
def come(tmp_path):
    """Makes nodes that are ended with the test."""
    came = []

    def make(*arguments, **environment):
        came.append(comer(tmp_path, *arguments, **environment))
        return came[-1]

    yield make
    for node in came:
        if node.process and node.process.poll() is None:
            node.kill()


def members(node):
    return sorted(member["id"] for member in node.status()["members"])


def test_a_node_joins_with_a_token_and_restarts_without(cluster, come):
    token = token_of(cluster[1])
    assert token.startswith("tpj1.") and len(token.split()) == 1
    third = come(3, cluster[0], token, RUST_LOG="trace,sled=warn").start().wait_ready()
    assert third.client().create_rest_api(name="written-by-the-third")["id"]
    eventually(lambda: members(cluster[0]) == [1, 2, 3], what="three members")

    kept = third.data / "cluster.secret"
    assert kept.read_text() == CLUSTER_SECRET
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    third.kill()
    del third.environment["TURNPIKE_JOIN_TOKEN"]
    third.start().wait_ready()
    assert third.client().create_rest_api(name="written-after-a-restart")["id"]

    # The token was good for one node: another with it is refused, and nothing changes.
    fourth = come(4, cluster[1], token)
    assert "used already" in refusal(fourth)
    assert not (fourth.data / "cluster.secret").exists()
    assert members(cluster[0]) == [1, 2, 3]
    # The node itself may repeat its command, token and all.
    third.kill()
    third.environment["TURNPIKE_JOIN_TOKEN"] = token
    third.start().wait_ready()

    for node in (*cluster, third, fourth):
        with open(f"{node.data}.log", encoding="utf-8", errors="replace") as log:
            text = log.read()
        assert token not in text and token[5:60] not in text and CLUSTER_SECRET not in text
    assert "used already" in cluster[1].tail()


def test_a_token_that_has_expired_lets_nobody_in(cluster, come):
    made = ask(cluster[0], b'{"validSeconds": 1}').json()
    eventually(lambda: time.time() > made["expires"], what="the token's end")
    assert "the join token has expired" in refusal(come(3, cluster[0], made["token"]))
    assert members(cluster[0]) == [1, 2]


def test_a_node_that_is_killed_while_it_joins_gets_in_with_the_same_token(cluster, come):
    third = come(3, cluster[0], token_of(cluster[0]))
    for milliseconds in range(10, 200, 15):
        third.start()
        # The moment of the kill is the point here, not a wait for something.
        time.sleep(milliseconds / 1000)
        third.kill()
    third.start().wait_ready()
    eventually(lambda: members(cluster[0]) == [1, 2, 3], what="three members")


def test_what_is_no_token_is_told_at_once(one, come):
    for token in ("nonsense", "tpj1.nonsense", token_of(one)[:-1]):
        assert "this is not a join token" in refusal(come(2, one, token))


def test_tokens_are_made_for_whoever_may_change_the_cluster(one):
    answer = json.loads(token_of(one, "--valid-minutes", "5", "--output", "json"))
    assert 290 < answer["expires"] - time.time() <= 300
    assert token_of(one) != token_of(one)
    for minutes in ("0", "1441", "-1", "x"):
        assert command(one, "token", f"--valid-minutes={minutes}").returncode == 2
    for body in (b'{"validSeconds": 86401}', b'{"validSeconds": 0}', b"{}", b"", b"[", b'{"validSeconds": 60, "more": 1}'):
        assert ask(one, body).status == 400, body
    assert ask(one, b'{"validSeconds": 60}', secret="another").status == 403
    assert fetch(f"{one.admin}/_turnpike/cluster/token", "POST", body=b'{"validSeconds": 60}').status == 403
