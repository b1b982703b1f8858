"""Nodes whose clocks a scenario sets."""

import datetime
import pathlib
import shutil
import struct
import subprocess
import time

import botocore.auth
import pytest


@pytest.fixture(scope="session")
def clock_library(tmp_path_factory):
    """A library that makes the clock wrong for whoever preloads it."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = pathlib.Path(__file__).parent / "clock.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    return library


class Clocks:
    """The clocks of nodes, by the numbers that these are started with."""

    def __init__(self, library, directory):
        self.library, self.directory = library, pathlib.Path(directory)

    def file(self, number):
        return self.directory / f"clock{number}"

    def set(self, number, ahead):
        """From now on the node's clock is so many seconds ahead of the right one."""
        with open(self.file(number), "r+b" if self.file(number).exists() else "wb") as file:
            file.write(struct.pack("=q", ahead))

    def place(self, number, ahead=0):
        self.set(number, ahead)
        return {"environment": {"LD_PRELOAD": str(self.library), "CLOCK_FILE": str(self.file(number))}}


@pytest.fixture
def clocks(clock_library, tmp_path):
    return Clocks(clock_library, tmp_path)


class Time:
    """The time that it is for most nodes and for those who sign requests."""

    def __init__(self, monkeypatch):
        self.ahead = 0
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: self.now().replace(
            tzinfo=None if remove_tzinfo else datetime.timezone.utc))

    def now(self):
        return datetime.datetime.fromtimestamp(time.time() + self.ahead, datetime.timezone.utc)

    def go_before_midnight(self, seconds):
        """From now on it is so many seconds before the next midnight."""
        now = datetime.datetime.now(datetime.timezone.utc)
        midnight = datetime.datetime.combine(now.date(), datetime.time(), datetime.timezone.utc)
        self.ahead = int((midnight + datetime.timedelta(days=1) - now).total_seconds()) - seconds


@pytest.fixture
def moment(monkeypatch):
    return Time(monkeypatch)
