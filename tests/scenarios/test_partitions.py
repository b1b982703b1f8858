"""Nodes that are cut off from each other, or stand still: the others go on, and nothing that was acknowledged is lost.

Each node is in a network namespace of its own, with one way to its clients and another to the other nodes. A way from
one node to another is cut by giving it a neighbour that is not there: what is sent is lost without a word, in that
direction alone. TURNPIKE_CRASH_ROUNDS says how many rounds are run.
"""

import contextlib
import os
import random
import signal
import subprocess

import pytest

from conftest import build, eventually, fetch, nodes, replace
from test_quotas import Load, day, keyed_api, make_key, make_plan, used
from workload import UNCERTAIN, Workload, leader_of

ROUNDS = int(os.environ.get("TURNPIKE_CRASH_ROUNDS", "5"))
MOCK = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
NOBODY = "02:00:00:00:00:99"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Network:
    """Namespaces, one a node, that a bridge connects."""

    def __init__(self, count):
        self.tag = f"tp{random.randrange(100000)}"
        self.third = random.randrange(1, 250)
        self.count = count
        self.bridge = f"{self.tag}b"

    def space(self, number):
        return f"{self.tag}n{number}"

    def peer(self, number):
        """Where other nodes reach it."""
        return f"10.211.{self.third}.{number}"

    def host(self, number):
        """Where clients reach it."""
        return f"10.212.{self.third}.{4 * number + 2}"

    def build(self):
        ip("link", "add", self.bridge, "type", "bridge")
        ip("link", "set", self.bridge, "up")
        for number in range(1, self.count + 1):
            space = self.space(number)
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
            for name, inside in ((f"{self.tag}c{number}", "peers"), (f"{self.tag}h{number}", "clients")):
                ip("link", "add", name, "type", "veth", "peer", "name", inside, "netns", space)
                ip("link", "set", name, "up")
                ip("-n", space, "link", "set", inside, "up")
            ip("link", "set", f"{self.tag}c{number}", "master", self.bridge)
            ip("-n", space, "addr", "add", f"{self.peer(number)}/24", "dev", "peers")
            ip("addr", "add", f"10.212.{self.third}.{4 * number + 1}/30", "dev", f"{self.tag}h{number}")
            ip("-n", space, "addr", "add", f"{self.host(number)}/30", "dev", "clients")

    def remove(self):
        for number in range(1, self.count + 1):
            ip("netns", "del", self.space(number), check=False)
            for kind in "ch":
                ip("link", "del", f"{self.tag}{kind}{number}", check=False)
        ip("link", "del", self.bridge, check=False)

    def place(self, number):
        return {
            "host": self.host(number),
            "peers": self.peer(number),
            "inside": ["ip", "netns", "exec", self.space(number)],
        }

    def cut(self, sender, receiver):
        where = ["neigh", "replace", receiver.hosts["cluster"], "lladdr", NOBODY, "dev", "peers", "nud", "permanent"]
        ip("-n", sender.inside[-1], *where)

    def isolate(self, node, cluster):
        for other in cluster:
            if other is not node:
                self.cut(node, other)
                self.cut(other, node)

    def heal(self):
        for number in range(1, self.count + 1):
            for other in range(1, self.count + 1):
                ip("-n", self.space(number), "neigh", "del", self.peer(other), "dev", "peers", check=False)


@pytest.fixture
def network():
    network = Network(3)
    try:
        network.build()
    except (OSError, subprocess.CalledProcessError) as error:
        network.remove()
        pytest.skip(f"no network namespaces here: {getattr(error, 'stderr', error)}".strip())
    yield network
    network.remove()


@pytest.fixture
def cluster(network, tmp_path):
    with nodes(tmp_path, 3, network.place) as started:
        yield started


@contextlib.contextmanager
def healed(network):
    try:
        yield
    finally:
        network.heal()


def deploy(node):
    client = node.client()
    api, resource = build(client, None, integration=MOCK)
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET", "statusCode": "200"}
    client.put_method_response(**place)
    client.put_integration_response(**place)
    client.create_deployment(restApiId=api, stageName="prod")
    return api


def serves(node, api):
    return fetch(node.url(api, "prod", "/pets")).status == 200


def same_everywhere(workload, cluster):
    for node in cluster:
        eventually(lambda node=node: works(node), what=f"node {node.number} takes part again")
        workload.check(node)


def works(node):
    try:
        return node.client().get_rest_apis(limit=1)["items"]
    except UNCERTAIN:
        return False


def test_a_leader_that_is_cut_off_is_replaced_and_goes_on_serving(network, cluster):
    api = deploy(cluster[0])
    with Workload(cluster) as workload:
        workload.progress(5)
        leader = leader_of(cluster)
        others = [node for node in cluster if node is not leader]
        with healed(network):
            network.isolate(leader, cluster)

            def replaced():
                status = others[0].status()
                return status and status["node"]["leader"] not in (None, leader.number)

            eventually(replaced, what="another leader")
            assert others[1].client().create_rest_api(name="among-the-others")["id"]
            # What it served it serves; nothing new can be agreed on with it.
            assert all(serves(node, api) for node in cluster)
            with pytest.raises(UNCERTAIN):
                leader.client().create_rest_api(name="alone")
    same_everywhere(workload, cluster)


def test_ways_that_come_and_go_lose_nothing(network, cluster):
    chance = random.Random(7)
    api = deploy(cluster[0])
    with Workload(cluster) as workload:
        for _ in range(ROUNDS):
            with healed(network):
                # One of the two: with both there may be no majority left.
                if chance.random() < 0.5:
                    network.cut(*chance.sample(cluster, 2))
                else:
                    network.isolate(chance.choice(cluster), cluster)
                assert all(serves(node, api) for node in cluster)
                workload.progress(5)
            workload.progress(5)
    same_everywhere(workload, cluster)


def test_a_leader_that_stands_still_is_replaced(cluster):
    with Workload(cluster) as workload:
        for _ in range(min(ROUNDS, 3)):
            workload.progress(5)
            leader = leader_of(cluster)
            others = [node for node in cluster if node is not leader]
            leader.process.send_signal(signal.SIGSTOP)
            try:
                assert eventually(lambda: written(others[0]), what="a write among the others")
            finally:
                leader.process.send_signal(signal.SIGCONT)
    same_everywhere(workload, cluster)


def written(node):
    try:
        return node.client().create_rest_api(name="meanwhile")["id"]
    except UNCERTAIN:
        return None


def test_a_node_that_is_cut_off_spends_no_more_of_a_quota_than_it_holds(cluster, network):
    quota = 3000
    client = cluster[0].client()
    api, _ = keyed_api(cluster[0])
    plan = make_plan(client, api, quota=day(quota))
    key, value = make_key(client, plan)
    alone, others = cluster[2], cluster[:2]
    url = lambda node: node.url(api, "prod", "/pets")
    with Load([url(node) for node in others], value, clients=2) as load, Load([url(alone)], value, clients=2) as cut:
        eventually(lambda: load.allowed + cut.allowed > quota / 10, what="some use")
        with healed(network):
            network.isolate(alone, cluster)
            # Nobody can tell it whether anything is left: it lets nobody through whom it has no token for.
            eventually(lambda: cut.counts[429, "Too Many Requests"] > 2, within=60, what="refusals without a majority")
            eventually(lambda: load.refused > 50, within=60, what="a quota that is used up")
            assert load.allowed + cut.allowed <= quota
        eventually(lambda: cut.refused > 50 and load.allowed + cut.allowed == quota, within=60, what="all of the quota")
    assert load.allowed + cut.allowed == quota, (load.counts, cut.counts)
    assert used(client, plan, key) == [[quota, 0]]
    # One that may serve anyway does, and counts afterwards.
    client.tag_resource(resourceArn=f"arn:aws:apigateway:us-east-1::/usageplans/{plan}", tags={"availability": "prefer-serving"})
    client.update_usage(usagePlanId=plan, keyId=key, patchOperations=replace("/remaining", "1000"))
    with healed(network):
        network.isolate(alone, cluster)
        with Load([url(alone)], value, clients=1) as load:
            eventually(lambda: load.allowed > 30, within=90, what="requests that are let through without tokens")
        assert set(load.counts) == {(200, "")}
    eventually(lambda: used(client, plan, key)[0][0] == quota + load.allowed, within=60, what="usage that is counted")
