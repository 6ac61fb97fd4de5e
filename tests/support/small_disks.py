"""A file system of a few megabytes, which a test can fill."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PIECE = bytes(64 * 1024)


class SmallDisk:
    """A file system mounted at `path`. `fill` leaves a number of bytes; `make_room` undoes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    @property
    def free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self, left: int = 0) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while (room := self.free - left) > 0:
                    file.write(_PIECE[:room])
            except OSError:
                pass  # no byte is left

    def make_room(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts the file system. Skips the test if this machine does not allow it."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(path)]
    if subprocess.call(mount) != 0:
        assert os.environ.get("CI") != "true", "CI needs to mount a tmpfs"
        pytest.skip("only root can mount a file system")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
