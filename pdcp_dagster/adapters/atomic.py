"""How a file becomes visible: whole, or not at all.

What lives here: the one way of writing that every other adapter uses. What does not: where files lie (`store`).
"""

from __future__ import annotations

import os
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; on success it takes the name of `path`, on an error it is removed.

    The temporary name starts with a dot, which table scanners and people's globs ignore.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:12]}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        os.replace(temporary, path)  # noqa: PTH105 - the atomic rename is the point
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def sweep_temporaries(folder: Path) -> int:
    """Remove what a killed writer left below `folder`; return how many files that were.

    Only for a folder that nobody else writes to at this moment (the caller holds its lock).
    """
    leftovers = [
        Path(root) / name
        for root, _, names in os.walk(folder)
        for name in names
        if name.endswith((TEMPORARY_SUFFIX, ".part")) and not name.startswith(".lock")
    ]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)
