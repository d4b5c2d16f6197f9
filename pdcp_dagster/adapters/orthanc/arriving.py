"""The bytes of a stored file as they arrive, inflated where the server sends what it keeps deflated.

What lives here: chunks, within a bound. What does not: checks against the index, and the disk (`download`).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import urllib3

from pdcp_dagster.adapters.orthanc.errors import ObjectDamaged, OrthancAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

_CHUNK_BYTES = 1 << 20
_DEFLATED_CHUNK_BYTES = 1 << 17
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS
_DEFLATED = frozenset({"deflate", "gzip", "x-gzip"})


def chunks(answer: BaseHTTPResponse, most: int, name: str) -> Iterator[bytes]:
    """Yield an answer's bytes, inflated if need be, `most` + 1 of them at most and at most 1 MiB at a time.

    Raises ObjectDamaged where what should be deflated is not, or goes on too long or not long enough, and
    OrthancAnswerError for an encoding that was not asked for. Errors of urllib3 pass through.
    """
    if _encoding(answer) in _DEFLATED:
        return _inflated(answer, most + 1, name)
    require_plain(answer, name)
    return _plain(answer, most + 1)


def require_plain(answer: BaseHTTPResponse, name: str) -> None:
    """Raise OrthancAnswerError where an answer is not sent as it is, though only so it was asked for."""
    encoding = _encoding(answer)
    if encoding not in {"", "identity"}:
        raise OrthancAnswerError(f"{name} comes in an encoding that was not asked for: {encoding[:40]!r}")


def read_some(answer: BaseHTTPResponse, most: int | None = None) -> bytes:
    """Return up to `most` bytes as they were sent, or all of them; every fault is an HTTPError of urllib3."""
    try:
        return answer.read(most, decode_content=False)
    except ValueError as error:  # a chunk of negative length
        raise urllib3.exceptions.ProtocolError("a chunk has no possible length") from error


def _encoding(answer: BaseHTTPResponse) -> str:
    return answer.headers.get("Content-Encoding", "").strip().lower()


def _plain(answer: BaseHTTPResponse, left: int) -> Iterator[bytes]:
    while left and (chunk := read_some(answer, min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


def _inflated(answer: BaseHTTPResponse, left: int, name: str) -> Iterator[bytes]:
    inflating = zlib.decompressobj(_ZLIB_OR_GZIP)
    while left and not inflating.eof:
        deflated = inflating.unconsumed_tail or read_some(answer, _DEFLATED_CHUNK_BYTES)
        try:
            # A bomb is never inflated beyond the bound.
            chunk = inflating.decompress(deflated, min(_CHUNK_BYTES, left))
        except zlib.error as error:
            raise ObjectDamaged(f"{name} comes deflated, but cannot be inflated") from error
        if not deflated and not chunk:
            raise ObjectDamaged(f"{name} comes deflated, but ends too early")
        left -= len(chunk)
        if chunk:
            yield chunk
    if inflating.eof and (inflating.unused_data or read_some(answer, 1)):
        raise ObjectDamaged(f"{name} comes deflated, but goes on after its end")
