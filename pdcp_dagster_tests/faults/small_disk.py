"""A disk of a few MB to be filled or made read-only: a tmpfs that only a process of our own and its kind can see.

What lives here: the disk and running commands that see it. What does not: what is run.

It takes a mount namespace (Linux, `unshare`), which a machine may refuse to users: then `SmallDisk` raises
DiskRefused with the reason, and tests are skipped with it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

_READY = "ready"
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")
_TIMEOUT_S = 120


class DiskRefused(RuntimeError):  # noqa: N818 - reads as what it says
    """This machine lets us have no disk of our own; the message says why."""


class SmallDisk:
    """A tmpfs of `size_kb` on the empty folder `mounted_at`; a context manager. From outside it is seen at `path`."""

    def __init__(self, mounted_at: Path, size_kb: int) -> None:
        self.mounted_at = mounted_at
        self._size_kb = size_kb
        self._holder: subprocess.Popen[str] | None = None

    @property
    def path(self) -> Path:
        """The disk's folder as this process can read it."""
        return Path(f"/proc/{self._pid}/root") / self.mounted_at.relative_to("/")

    @property
    def _pid(self) -> int:
        if self._holder is None:
            raise RuntimeError("this disk is not there yet, or no more")
        return self._holder.pid

    def __enter__(self) -> Self:
        self.mounted_at.mkdir(parents=True)
        mount = f'mount -t tmpfs -o size={self._size_kb}k tmpfs "$1" && echo {_READY} && exec cat'
        try:
            self._holder = subprocess.Popen(
                [*_UNSHARE, "sh", "-c", mount, "sh", self.mounted_at],
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

    def run(self, *command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command that sees the disk, to its end."""
        enter = ["nsenter", "--target", str(self._pid), "--user", "--mount", "--preserve-credentials"]
        return subprocess.run(
            [*enter, *command],
            env=os.environ if env is None else env,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )

    def remount(self, options: str) -> None:
        """Change the disk while it is there: `size=64m`, `ro`, `rw`."""
        self.run("mount", "-o", f"remount,{options}", self.mounted_at).check_returncode()

    def free_kb(self) -> int:
        """Return what is free, in kB."""
        room = os.statvfs(self.path)
        return room.f_bavail * room.f_frsize // 1024

    def leave_free(self, kb: int) -> None:
        """Fill the disk with a file `ballast` until so many kB are free."""
        taken = self.free_kb() - kb
        self.run("fallocate", "--length", f"{taken}KiB", self.mounted_at / "ballast").check_returncode()

    def free_all(self) -> None:
        """Remove the ballast."""
        self.run("rm", self.mounted_at / "ballast").check_returncode()
