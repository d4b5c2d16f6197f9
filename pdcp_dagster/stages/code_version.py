"""The version of the code that makes a patient's files: the release, and a hash of its source.

What lives here: telling two states of the code apart, so that nothing of the one passes for the other's. What does not:
what follows from it (`inputs`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from pdcp_dagster import __version__

_PACKAGE = Path(__file__).parents[1]
_FLOORS = ("domain", "adapters", "stages")
_DIGITS = 12


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the release and a hash of the source of the floors that patients' files depend on.

    People run from a clone: without the hash, what a `git pull` mends would pass for done. Libraries do not count.
    """
    digest = hashlib.blake2b(digest_size=_DIGITS // 2)
    for floor in _FLOORS:
        for path in sorted((_PACKAGE / floor).rglob("*.py")):
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()}"


# Now, while what is loaded is what lies on disk: workers are forked hours later, with the code of the run's beginning.
code_version()
