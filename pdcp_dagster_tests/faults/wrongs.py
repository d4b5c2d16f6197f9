"""The ways in which a server or the network between goes wrong: each is a Fault for the proxy.

What lives here: what is sent (or not) over the wire. What does not: when (`proxy.Script`, `soak`).
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import replace

from pdcp_dagster.phantom.orthanc_server import PrivateOrthanc
from pdcp_dagster_tests.faults.proxy import Answer, Exchange, Fault

_PIECES = 8
_LOGIN_PAGE = Answer(200, (("Content-Type", "text/html"),), b"<!DOCTYPE html><title>Please log in</title>\n" * 4)


def status(code: int, **headers: str) -> Fault:
    """An error status with an empty body; `retry_after="1"` becomes the header Retry-After."""
    named = tuple((name.replace("_", "-").title(), value) for name, value in headers.items())
    return Fault(f"{code}", lambda exchange: exchange.reply(Answer(code, named, b"")))


def instead(name: str, change: Callable[[Answer], Answer]) -> Fault:
    """A whole answer that is not the right one; its length is what it says."""
    return Fault(name, lambda exchange: exchange.reply(change(exchange.answer())))


def _half(answer: Answer) -> bytes:
    return answer.body[: len(answer.body) // 2]


def _flipped(answer: Answer) -> Answer:
    middle = len(answer.body) // 2
    return replace(answer, body=answer.body[:middle] + bytes([answer.body[middle] ^ 1]) + answer.body[middle + 1 :])


def _compressed(answer: Answer) -> Answer:
    return replace(answer, headers=(*answer.headers, ("Content-Encoding", "gzip")), body=gzip.compress(answer.body, 1))


def _cut(exchange: Exchange) -> None:
    answer = exchange.answer()
    exchange.head(answer.status, answer.headers, length=len(answer.body))
    exchange.write(_half(answer))
    exchange.hang_up()


def _cut_chunks(exchange: Exchange) -> None:
    answer = exchange.answer()
    half = _half(answer)
    exchange.head(answer.status, answer.headers, length=None)
    exchange.write(b"%x\r\n%b\r\n" % (len(half), half))
    exchange.hang_up()


def _hang_up(exchange: Exchange) -> None:
    exchange.pass_on()
    exchange.hang_up()


REFUSED = Fault("refused", Exchange.reset)
CUT = Fault("cut", _cut)
CUT_CHUNKS = Fault("cut chunks", _cut_chunks)
HUNG_UP = Fault("hung up", _hang_up)
SHORT = instead("short", lambda answer: replace(answer, body=_half(answer)))
FLIPPED = instead("flipped", _flipped)
LOGIN_PAGE = instead("login page", lambda _: _LOGIN_PAGE)
EMPTY = instead("empty", lambda answer: replace(answer, body=b""))
COMPRESSED = instead("compressed", _compressed)


def stall(seconds: float) -> Fault:
    """Half of the answer, then silence, then a reset."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.head(answer.status, answer.headers, length=len(answer.body))
        exchange.write(_half(answer))
        exchange.wait(seconds)
        exchange.reset()

    return Fault("stall", act)


def silence(seconds: float) -> Fault:
    """Not a word, then a reset."""

    def act(exchange: Exchange) -> None:
        exchange.wait(seconds)
        exchange.reset()

    return Fault("silence", act)


def trickle(seconds: float) -> Fault:
    """The right answer in small pieces, spread over so many seconds."""

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.head(answer.status, answer.headers, length=len(answer.body))
        step = max(1, -(-len(answer.body) // _PIECES))
        for start in range(0, len(answer.body), step):
            exchange.wait(seconds / _PIECES)
            exchange.write(answer.body[start : start + step])

    return Fault("trickle", act)


def crash(server: PrivateOrthanc, down_s: float | None) -> Fault:
    """Kill the real server with SIGKILL in the middle of an answer; it is back after so many seconds, or never."""

    def come_back(exchange: Exchange) -> None:
        server.start()
        exchange.proxy.up()

    def act(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.head(answer.status, answer.headers, length=len(answer.body))
        exchange.write(_half(answer))
        server.kill()
        exchange.proxy.down()
        if down_s is not None:
            threading.Timer(down_s, come_back, (exchange,)).start()

    return Fault("crash", act)


def first(action: Callable[[], object]) -> Fault:
    """Do something to the world, then answer as the real server does now."""

    def act(exchange: Exchange) -> None:
        action()
        exchange.pass_on()

    return Fault("passed on", act)
