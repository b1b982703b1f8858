"""Writers that go on while nodes are hurt, and know what must be there afterwards."""

import itertools
import random
import threading

import botocore.exceptions

from conftest import eventually

WRITERS = 4
# A call that meets a dying node fails in one of these ways, and then nobody knows whether it was carried out.
UNCERTAIN = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)


class Workload:
    """Writers that create APIs through any node, and remember what was acknowledged."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.acknowledged = {}
        self.ids = []
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(seed,), daemon=True) for seed in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a writer hangs"

    def write(self, seed):
        chance = random.Random(seed)
        clients = [node.client() for node in self.cluster]
        while not self.over.is_set():
            name = f"w{seed}-{next(self.numbers)}"
            try:
                api = chance.choice(clients).create_rest_api(name=name)
            except UNCERTAIN:
                # A node that is not there refuses at once: don't take the processor from its start.
                self.over.wait(0.02)
                continue
            with self.lock:
                self.acknowledged[name] = api["id"]
                self.ids.append(api["id"])

    def progress(self, by):
        """Waits until so many more writes are acknowledged."""
        goal = len(self.ids) + by
        eventually(lambda: len(self.ids) >= goal, within=60, what=f"{by} more acknowledged writes")

    def check(self, node):
        """Everything acknowledged is there, under its id, and everything there is whole."""
        client = node.client()
        found = {}
        for page in client.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 500}):
            found.update({item["id"]: item for item in page["items"]})
        assert len(set(self.ids)) == len(self.ids), "an id was given twice"
        lost = {name: api for name, api in self.acknowledged.items() if api not in found}
        assert not lost, f"acknowledged and gone: {lost}"
        assert all(found[api]["name"] == name for name, api in self.acknowledged.items())
        for api in random.sample(sorted(found), min(len(found), 40)):
            resources = client.get_resources(restApiId=api)["items"]
            assert [item["id"] for item in resources if item["path"] == "/"] == [found[api]["rootResourceId"]]


def leader_of(cluster):
    """The node that leads, as a node that answers knows it."""

    def look():
        for node in cluster:
            if node.process.poll() is None:
                status = node.status()
                leader = status and status["node"]["leader"]
                if leader:
                    return next(node for node in cluster if node.number == leader)
        return None

    return eventually(look, what="a leader")
