"""Power cuts under writes, with a real file system: what was acknowledged is on the disk, and the disk can be opened.

A kill never shows what was not synced: the kernel still writes it. Here each node has an ext4 file system of its own, and
the cut falls between that and its device. TURNPIKE_POWER_CUTS says how often; without it a few times.
"""

import os
import random
import signal
import time

import pytest

from conftest import nodes
from disks import disks
from workload import Workload

CUTS = int(os.environ.get("TURNPIKE_POWER_CUTS", "5"))
MEGABYTES = 256
# A node must be back within this time, in seconds: its store opens, and is not searched or rebuilt for minutes.
BACK = 30


@pytest.mark.parametrize("count", [1, 3])
def test_power_cuts_under_writes_lose_nothing(tmp_path, count):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    slowest = 0
    with disks(tmp_path, count, MEGABYTES) as machines, nodes(tmp_path, count) as cluster:
        with Workload(cluster) as workload:
            for _ in range(CUTS):
                workload.progress(chance.randrange(1, 30))
                # The moment of the cut is the point here, not a wait for something.
                time.sleep(chance.random() / 50)
                for machine in machines:
                    machine.cut()
                if count == 1:
                    # It ends by itself at the next write, and acknowledges nothing until then.
                    assert cluster[0].process.wait(BACK) == -signal.SIGABRT, cluster[0].tail()
                for node in cluster:
                    # Without a majority nothing is written, and a node may not have noticed.
                    node.kill()
                for machine in machines:
                    machine.leave()
                    machine.use()
                begun = time.monotonic()
                for node in cluster:
                    node.start()
                for node in cluster:
                    node.wait_ready(BACK)
                slowest = max(slowest, time.monotonic() - begun)
        for node in cluster:
            workload.check(node)
    print(f"{CUTS} cuts of {count}: {len(workload.ids)} acknowledged writes, none lost; back within {slowest:.1f} s")
