"""A disk of a few MB to be filled or made read-only: a tmpfs in a mount namespace of its own.

What lives here: the disk. What does not: what is written to it.

A machine may refuse users such a namespace (Linux, `unshare`): then `SmallDisk` raises DiskRefused with its reason.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

_READY = "ready"
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
_PAGE_KB = 4


class DiskRefused(RuntimeError):  # noqa: N818 - reads as what it says
    """This machine lets us have no disk of our own; the message says why."""


class SmallDisk:
    """A tmpfs of `size_kb`; a context manager. `mounted_at` is an empty folder that stays as it is for all others."""

    def __init__(self, mounted_at: Path, size_kb: int) -> None:
        self._mounted_at = mounted_at
        self._size_kb = size_kb
        self._holder: subprocess.Popen[str] | None = None

    @property
    def path(self) -> Path:
        """The disk's folder, by a path that leads there from outside of its namespace."""
        return Path(f"/proc/{self._pid}/root") / self._mounted_at.relative_to("/")

    @property
    def _pid(self) -> int:
        if self._holder is None:
            raise RuntimeError("this disk is not there yet, or no more")
        return self._holder.pid

    def __enter__(self) -> Self:
        mount = f'mount -t tmpfs -o size={self._size_kb}k tmpfs "$1" && echo {_READY} && exec cat'
        try:
            self._holder = subprocess.Popen(
                [*_UNSHARE, "sh", "-c", mount, "sh", self._mounted_at],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except FileNotFoundError as error:
            raise DiskRefused(str(error)) from error
        assert self._holder.stdout is not None
        if self._holder.stdout.readline().strip() != _READY:
            _, errors = self._holder.communicate()
            raise DiskRefused(errors.strip() or "no reason given")
        return self

    def __exit__(self, *_: object) -> None:
        if self._holder is not None:
            self._holder.communicate()  # the end of its input is its end, and the disk's

    def make_read_only(self) -> None:
        """Let nobody write any more, root neither."""
        enter = ["nsenter", "--target", str(self._pid), "--user", "--mount", "--preserve-credentials"]
        remount = ["mount", "-o", "remount,ro", str(self._mounted_at)]
        subprocess.run([*enter, *remount], capture_output=True, check=True)

    def leave_free(self, kb: int) -> None:
        """Fill the disk with a file `ballast` until so many kB are free, in whole pages."""
        room = os.statvfs(self.path)
        pages = room.f_bavail * room.f_frsize // 1024 // _PAGE_KB - -(-kb // _PAGE_KB)
        with (self.path / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, pages * _PAGE_KB * 1024)

    def free_all(self) -> None:
        """Remove the ballast."""
        (self.path / "ballast").unlink()
