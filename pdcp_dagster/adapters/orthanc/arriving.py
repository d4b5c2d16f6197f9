"""The bytes of a stored file as they arrive, inflated where the server sends what it keeps deflated.

What lives here: chunks, within a bound. What does not: checks against the index, and the disk (`download`).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

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
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        return _plain(answer, most + 1)
    if encoding in _DEFLATED:
        return _inflated(answer, most + 1, name)
    raise OrthancAnswerError(f"{name} comes in an encoding that was not asked for: {encoding[:40]!r}")


def _plain(answer: BaseHTTPResponse, left: int) -> Iterator[bytes]:
    while left and (chunk := answer.read(min(_CHUNK_BYTES, left), decode_content=False)):
        left -= len(chunk)
        yield chunk


def _inflated(answer: BaseHTTPResponse, left: int, name: str) -> Iterator[bytes]:
    inflating = zlib.decompressobj(_ZLIB_OR_GZIP)
    while left and not inflating.eof:
        deflated = inflating.unconsumed_tail or answer.read(_DEFLATED_CHUNK_BYTES, decode_content=False)
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
    if inflating.eof and (inflating.unused_data or answer.read(1, decode_content=False)):
        raise ObjectDamaged(f"{name} comes deflated, but goes on after its end")
