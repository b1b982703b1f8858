"""File systems of their own for nodes, in image files: they can be full, and their power can be cut."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import struct
import subprocess

import pytest

from conftest import eventually

# ext4 is told to stop as in a power cut: from this call on nothing reaches the device, its journal neither.
EXT4_IOC_SHUTDOWN, WITHOUT_ITS_LOG = 0x8004587D, 2


class Disk:
    """An ext4 file system in an image file, on a loop device that comes and goes with the mount."""

    def __init__(self, image, mount):
        self.image, self.mount = pathlib.Path(image), pathlib.Path(mount)

    def make(self, megabytes):
        self.mount.mkdir()
        with open(self.image, "wb") as image:
            image.truncate(megabytes * 1024 * 1024)
        command("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        return self

    def use(self):
        """Mounts it; what its journal holds is replayed."""
        command("mount", "-o", "loop", str(self.image), str(self.mount))

    def use_read_only(self):
        command("mount", "-o", "loop,ro", str(self.image), str(self.mount))

    def fill(self, leave):
        """Takes all of it but so many megabytes, for somebody else's file."""
        about = os.statvfs(self.mount)
        taken = about.f_bavail * about.f_frsize - leave * 1024 * 1024
        with open(self.mount / "filler", "ab") as filler:
            os.posix_fallocate(filler.fileno(), filler.tell(), max(taken, 1))

    def free(self):
        """Gives back what was taken."""
        (self.mount / "filler").unlink()

    def cut(self):
        """Cuts the power: what ext4 has not written yet is lost, and whoever uses the file system now gets errors."""
        directory = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_ITS_LOG))
        finally:
            os.close(directory)

    def leave(self):
        """Unmounts it, which detaches its loop device too; whoever used it is ending."""
        if not os.path.ismount(self.mount):
            return

        def unmounted():
            return subprocess.run(["umount", str(self.mount)], capture_output=True, check=False).returncode == 0

        eventually(unmounted, what=f"{self.mount} to be free")


def command(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip() or done.returncode}")


def why_not(directory):
    """Why there can be no such file systems on this machine; nothing if there can."""
    missing = [name for name in ("mkfs.ext4", "mount", "umount") if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} not installed"
    if os.geteuid() != 0:
        return "mounting needs root"
    probe = Disk(directory / "probe.img", directory / "probe")
    try:
        probe.make(16).use()
        probe.cut()
    except OSError as error:
        return f"this machine can't mount an ext4 image and cut its power ({error})"
    finally:
        probe.leave()
        probe.image.unlink(missing_ok=True)
    return None


@contextlib.contextmanager
def disks(directory, count, megabytes):
    """A mounted file system for each of the first nodes, where its data directory is to be."""
    reason = why_not(directory)
    if reason:
        pytest.skip(f"no file systems of their own for the nodes: {reason}")
    made = [Disk(directory / f"node{number}.img", directory / f"node{number}") for number in range(1, count + 1)]
    try:
        for disk in made:
            disk.make(megabytes).use()
        yield made
    finally:
        for disk in made:
            disk.leave()
            disk.image.unlink(missing_ok=True)
