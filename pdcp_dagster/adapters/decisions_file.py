"""decisions.yaml: what people decided on patients, one entry each.

What lives here: reading and rewriting the file, and saying in one line what is wrong with it. What does not: what a
decision may be (`domain.decisions`), what follows from one (`domain.verdict`).
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml
from filelock import FileLock, Timeout
from pydantic import ValidationError

from pdcp_dagster.adapters.atomic import write_bytes
from pdcp_dagster.adapters.strict_yaml import YamlFileError, in_words, one_line, read_yaml
from pdcp_dagster.domain.decisions import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

_KEY = "decisions"
_UNTOLD = ("patient_id",)
_LOCK_WAIT_S = 60.0
_WIDTH = 118
_HEADING = """\
# What people decided on patients: written by `pdcp review`, replayed on every run (`pdcp run`).
# A decision is void when its patient's candidates have changed since. Comments are not kept.
"""


class DecisionsFileError(Exception):
    """A file of decisions that cannot be used; one line: file, entry, what was expected."""


def read_decisions(path: Path) -> Mapping[str, Decision]:
    """Return the decisions of a file by PatientID; none where there is no such file.

    Raises DecisionsFileError.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return MappingProxyType({})
    except OSError as error:
        raise DecisionsFileError(f"{path}: cannot be read: {one_line(error)}") from None
    return _read(path, found.st_mtime_ns, found.st_size, found.st_ino)


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int, _size: int, _inode: int) -> Mapping[str, Decision]:
    """Return what the file holds, read once for as long as it does not change."""
    try:
        content = read_yaml(path)
    except YamlFileError as error:
        raise DecisionsFileError(f"{path}: {error}") from None
    entries = content.get(_KEY) if isinstance(content, dict) and set(content) == {_KEY} else None
    if not isinstance(entries, list):
        raise DecisionsFileError(f"{path}: expected '{_KEY}:' and a list of entries, and nothing else")
    decisions: dict[str, Decision] = {}
    for number, entry in enumerate(entries, start=1):
        decision = _decision(path, number, entry)
        if decision.patient_id in decisions:
            raise DecisionsFileError(f"{path}: entry {number}: its patient has an entry above")
        decisions[decision.patient_id] = decision
    return MappingProxyType(decisions)


def _decision(path: Path, number: int, entry: object) -> Decision:
    if not isinstance(entry, dict):
        raise DecisionsFileError(f"{path}: entry {number}: expected keys and values, the first being patient_id")
    try:
        return Decision.model_validate(entry)
    except ValidationError as error:
        raise DecisionsFileError(f"{path}: entry {number}: {'; '.join(in_words(error, untold=_UNTOLD))}") from None


def record_decision(path: Path, decision: Decision) -> None:
    """Write a decision in the place of an earlier one on the same patient, the whole file or nothing.

    Raises DecisionsFileError.
    """
    with _locked(path):
        _write(path, {**read_decisions(path), decision.patient_id: decision}.values())


def withdraw_decision(path: Path, patient_id: str) -> bool:
    """Remove the decision on a patient; return whether there was one.

    Raises DecisionsFileError.
    """
    with _locked(path):
        decisions = read_decisions(path)
        if patient_id not in decisions:
            return False
        _write(path, (each for each in decisions.values() if each.patient_id != patient_id))
        return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file for one writer."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_LOCK_WAIT_S)
    except Timeout:
        raise DecisionsFileError(
            f"{path}: somebody else has been writing to it for over {_LOCK_WAIT_S:.0f} s"
        ) from None
    except OSError as error:
        raise DecisionsFileError(f"{path}: cannot be written: {one_line(error)}") from None
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, decisions: Iterable[Decision]) -> None:
    entries = [_entry(decision) for decision in decisions]
    text = yaml.dump({_KEY: entries}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    try:
        write_bytes(path, (_HEADING + text).encode())
    except OSError as error:
        raise DecisionsFileError(f"{path}: cannot be written: {one_line(error)}") from None


class _Quoted(str):
    """Text that stays text in any reader of YAML: 0012 is no number."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """YAML's safe dumper with quoted identifiers, and lists that hang below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 # PyYAML's signature
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # PyYAML loses rare line breaks (U+0085) in any style but this one.
    style = '"' if isinstance(text, _Quoted) or not text.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


_Dumper.add_representer(_Quoted, _text)
_Dumper.add_representer(str, _text)


def _entry(decision: Decision) -> dict[str, Any]:
    """Return an entry without what a decision does not say."""
    content = decision.model_dump(exclude_defaults=True)
    quoted = {"patient_id": _Quoted(decision.patient_id), "evidence": _Quoted(decision.evidence)}
    return {key: _plain(value) for key, value in content.items()} | quoted


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return list(value) if isinstance(value, tuple) else value
