"""A file system of a few megabytes, to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PIECE = bytes(64 * 1024)


class SmallDisk:
    """Mounted at `path`. `fill` leaves so many bytes, `make_room` takes that back."""

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
                pass  # not a byte is left

    def make_room(self) -> None:
        self._ballast.unlink()


@contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Skips the test where this machine does not let us mount one."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(path)]
    if subprocess.call(mount) != 0:
        assert os.environ.get("CI") != "true", "CI needs to mount a tmpfs"
        pytest.skip("only root can mount a file system")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
