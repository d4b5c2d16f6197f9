"""Commit marks: which files make up an asset, what they were made of, and what was said of them.

What lives here: the mark and the hash of content. What does not: when one is written (`folders`), what it is compared
with (stages).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_HASH_BLOCK = 1 << 20
_SEAL, _SEAL_BYTES = "seal", 8


@dataclass(frozen=True, slots=True)
class Manifest:
    """The commit mark of an asset: the files that make it up, by path below the patient's folder, with their sizes.

    data_version: a hash of all content, the same for the same bytes. made_from: the data versions of what it was made
    from, by asset. details: plain values a later stage may need.
    made_with: hashes of whatever else went into it: the archive, the cohort file, the code.
    told: what is said of it again when it is not made again: findings, checks, figures; plain values.
    kept: whether there is anything; False where what was found left nothing to keep, which is worth remembering, too.
    """

    asset: str
    files: Mapping[str, int]
    data_version: str
    made_from: Mapping[str, str]
    details: Mapping[str, Any]
    made_with: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Origin:
    """What an asset's content came from, for its commit mark.

    made_from: the assets whose current content it was made of. made_with: see `Manifest`.
    """

    made_from: Sequence[str] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)


NO_ORIGIN = Origin()


def sealed(mark: Manifest) -> dict[str, Any]:
    """Return a mark as it is written: with a hash over all of it, so that nothing that was changed passes for it."""
    content = json.loads(json.dumps(asdict(mark), allow_nan=False))
    return {**content, _SEAL: _seal(content)}


def mark_from(document: Mapping[str, Any]) -> Manifest | None:
    """Return the mark that was written; None where it is damaged, or says what no version wrote.

    Those of earlier versions have no seal; they say nothing of what they were made with, so none passes for current.
    """
    content = {key: value for key, value in document.items() if key != _SEAL}
    if "made_with" in content and document.get(_SEAL) != _seal(content):
        return None
    try:
        mark = Manifest(**content)
    except TypeError:
        return None
    parts = (mark.files, mark.made_from, mark.details)
    return mark if all(isinstance(part, dict) for part in parts) else None


def _seal(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=_SEAL_BYTES).hexdigest()


def files_below(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yield the files of these names, of folders all that is in them, in a fixed order."""
    for name in names:
        target = root / name
        if target.is_dir():
            yield from sorted(path for path in target.rglob("*") if path.is_file())
        elif target.exists():
            yield target


def content_hash(root: Path, files: Iterable[str]) -> str:
    """Return a hash of the names and bytes of these files below `root`."""
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        total.update(name.encode() + b"\0")
        with (root / name).open("rb") as stream:
            while block := stream.read(_HASH_BLOCK):
                total.update(block)
    return total.hexdigest()
