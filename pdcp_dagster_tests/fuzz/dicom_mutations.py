"""From a whole DICOM file to damaged ones: each change is three numbers, whatever they are, so that any draw is one.

What lives here: a file as a tree of elements, what can happen to it, and to its bytes. What does not: laws.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Change = tuple[int, int, int]
"""What happens, where, and with what: each taken modulo how many there are."""

_LONG_FORM = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000, 0xE00D, 0xE0DD
_UNDEFINED = 0xFFFFFFFF
_META_STARTS = 132
LENGTHS = (0, 1, 7, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, _UNDEFINED)
VRS = tuple(f"AE CS DA DS FD FL IS LO OB OW PN SH SL SQ SS TM UI UL UN US UT UV ZZ {chr(0)}{chr(0)}".encode().split())
VALUES = (
    *(b"", b" ", b"\0", b"-", b"nan", b"inf ", b"1e400 ", b"-1e308", b"1_0 ", b"0", b"-1", b"1.5 ", b"99999999999999 "),
    *(b"1\\2\\3 ", b"\\\\\\", b"text", b"a\nb\rc\0d ", "ä é".encode(), b"\xff\xfe\xfd\xfc", b"../../x ", b"[red]x[/]"),
    *(b"9" * 5000, b"A" * 70000, b"1\\" * 30000, b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0", b"\0\0\0\0", b"\0" * 8),
    *(
        b"\0\0\0\0\0\0\xf8\x7f",
        b"\xff\x7f",
        b"GY",
        b"CT",
        b"RTDOSE",
        b"20240230",
        b"1.2.3 ",
        b"ISO_IR 999",
        b"ISO 2022 IR 87",
    ),
    *(b"\\ISO 2022 IR 149", b"-0", b"0x10", b"1,5 ", b"1e-320", b"4294967296"),
)
SYNTAXES = tuple(
    f"1.2.840.10008.1.2{tail}".encode()
    for tail in ("", ".1", ".2", ".1.99", ".4.50", ".4.70", ".4.80", ".4.90", ".4.201", ".5", ".1.98", ".4.100", ".7")
)


@dataclass(slots=True)
class Element:
    """A data element in explicit little endian; `told` is a length that need not be true."""

    group: int
    number: int
    vr: bytes
    value: bytes = b""
    items: list[list[Element]] = field(default_factory=list)
    told: int | None = None
    undefined: bool = False

    def encoded(self) -> bytes:
        value = b"".join(self._item(item) for item in self.items) or self.value
        length = len(value) if self.told is None else self.told
        end = struct.pack("<HHI", 0xFFFE, _SEQUENCE_END, 0) if self.undefined else b""
        length = _UNDEFINED if self.undefined else length
        head = struct.pack("<HH2s", self.group, self.number, self.vr[:2].ljust(2, b"\0"))
        if self.vr in _LONG_FORM:
            return head + b"\0\0" + struct.pack("<I", length % (1 << 32)) + value + end
        return head + struct.pack("<H", length % (1 << 16)) + value + end

    def _item(self, elements: list[Element]) -> bytes:
        content = b"".join(element.encoded() for element in elements)
        if self.undefined:
            return struct.pack("<HHI", 0xFFFE, _ITEM, _UNDEFINED) + content + struct.pack("<HHI", 0xFFFE, _ITEM_END, 0)
        return struct.pack("<HHI", 0xFFFE, _ITEM, len(content)) + content


def damaged(original: bytes, changes: list[Change]) -> bytes:
    """Return a file after these changes, those of its elements first, those of its bytes last."""
    tree = list(_parsed(original[_META_STARTS:]))
    of_tree = [change for change in changes if change[0] % 3]
    of_bytes = [change for change in changes if not change[0] % 3]
    for kind, where, what in of_tree:
        places = list(_places(tree))
        siblings, index = places[where % len(places)] if places else (tree, 0)
        _ELEMENT_CHANGES[kind // 3 % len(_ELEMENT_CHANGES)](siblings, index, what)
    raw = original[:_META_STARTS] + b"".join(element.encoded() for element in tree)
    for kind, where, what in of_bytes:
        raw = _BYTE_CHANGES[kind // 3 % len(_BYTE_CHANGES)](raw, where, what)
    return raw


def nests(change: Change) -> bool:
    """Whether a change puts sequences in sequences, thousands of them: an Orthanc dies of that."""
    return bool(change[0] % 3) and _ELEMENT_CHANGES[change[0] // 3 % len(_ELEMENT_CHANGES)] is _nested


def _parsed(raw: bytes) -> Iterator[Element]:
    """Yield the elements of a well-formed explicit little endian data set of defined lengths."""
    at = 0
    while at < len(raw):
        group, number, vr = struct.unpack_from("<HH2s", raw, at)
        if vr in _LONG_FORM:
            (length,) = struct.unpack_from("<I", raw, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", raw, at + 6)
            at += 8
        value = raw[at : at + length]
        at += length
        items = [list(_parsed(item)) for item in _items(value)] if vr == b"SQ" else []
        yield Element(group, number, vr, b"" if items else value, items)


def _items(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at + 4)
        yield raw[at + 8 : at + 8 + length]
        at += 8 + length


def _places(elements: list[Element]) -> Iterator[tuple[list[Element], int]]:
    """Yield every element with those beside it, at any depth; a few of each sequence's items stand for all."""
    for index, element in enumerate(elements):
        yield elements, index
        for item in element.items[:3]:
            yield from _places(item)


def _value(siblings: list[Element], index: int, what: int) -> None:
    siblings[index].value, siblings[index].items = VALUES[what % len(VALUES)], []


def _vr(siblings: list[Element], index: int, what: int) -> None:
    siblings[index].vr = VRS[what % len(VRS)]


def _length(siblings: list[Element], index: int, what: int) -> None:
    siblings[index].told = LENGTHS[what % len(LENGTHS)]


def _removed(siblings: list[Element], index: int, _what: int) -> None:
    del siblings[index : index + 1]


def _doubled(siblings: list[Element], index: int, what: int) -> None:
    siblings[index:index] = siblings[index : index + 1] * (1 + what % 3)


def _swapped(siblings: list[Element], index: int, what: int) -> None:
    other = what % len(siblings)
    siblings[index], siblings[other] = siblings[other], siblings[index]


def _undefined(siblings: list[Element], index: int, _what: int) -> None:
    siblings[index].undefined = True


def _items_changed(siblings: list[Element], index: int, what: int) -> None:
    items = siblings[index].items
    if not items:
        siblings[index].vr, siblings[index].items = b"SQ", [[]] * (what % 5)
    elif what % 4 == 0:
        items.clear()
    elif what % 4 == 1:
        items.append([])
    elif what % 4 == 2:
        items.extend(items[:1] * (what % 50))
    else:
        items.reverse()


def _nested(siblings: list[Element], index: int, what: int) -> None:
    """Put the element under sequences in sequences, up to thousands of them."""
    inner = siblings[index].encoded()
    for _ in range((1, 30, 300, 3000)[what % 4]):
        inner = struct.pack("<HHI", 0xFFFE, _ITEM, _UNDEFINED) + inner + struct.pack("<HHI", 0xFFFE, _ITEM_END, 0)
        inner = struct.pack("<HH2sHI", 0x3006, 0x0039, b"SQ", 0, _UNDEFINED) + inner
        inner += struct.pack("<HHI", 0xFFFE, _SEQUENCE_END, 0)
    siblings[index] = Element(0x3006, 0x0039, b"SQ", inner[12:], told=_UNDEFINED)


def _private(siblings: list[Element], index: int, what: int) -> None:
    creator = Element(0x3007, 0x0010, b"LO", VALUES[what % len(VALUES)][:60])
    siblings[index:index] = [creator, Element(0x3007, 0x1000 + what % 256, VRS[what % len(VRS)], b"12345678")]


def _other_tag(siblings: list[Element], index: int, what: int) -> None:
    siblings[index].group, siblings[index].number = what & 0xFFFF, (what >> 16) & 0xFFFF


def _number(siblings: list[Element], index: int, what: int) -> None:
    """Put a number where numbers are: binary ones by VR, else text."""
    form = {b"US": "<H", b"SS": "<H", b"UL": "<I", b"SL": "<I", b"FL": "<I", b"FD": "<Q"}.get(siblings[index].vr)
    whole = (0, 1, 2, 8, 16, 32, 65535, 60000, 4096, 1 << 31, (1 << 32) - 1)[what % 11]
    text = f"{whole} "[: len(str(whole)) + len(str(whole)) % 2].encode()
    siblings[index].value = struct.pack(form, whole % (1 << 8 * struct.calcsize(form))) if form else text


def _syntax(siblings: list[Element], index: int, what: int) -> None:
    for element in siblings:
        if (element.group, element.number) == (0x0002, 0x0010):
            uid = SYNTAXES[what % len(SYNTAXES)]
            element.value = uid + b"\0" * (len(uid) % 2)
            return
    _value(siblings, index, what)


_ELEMENT_CHANGES: tuple[Callable[[list[Element], int, int], None], ...] = (
    *(_value, _number, _vr, _length, _removed, _doubled, _swapped, _undefined, _items_changed, _nested, _private),
    *(_other_tag, _syntax),
)


def _cut(raw: bytes, where: int, _what: int) -> bytes:
    return raw[: where % (len(raw) + 1)]


def _flip(raw: bytes, where: int, what: int) -> bytes:
    at = where % max(len(raw), 1)
    return raw[:at] + bytes([what % 256]) + raw[at + 1 :]


def _lost(raw: bytes, where: int, what: int) -> bytes:
    at = where % (len(raw) + 1)
    return raw[:at] + raw[at + 1 + what % 300 :]


def _twice(raw: bytes, where: int, what: int) -> bytes:
    at = where % (len(raw) + 1)
    return raw[:at] + raw[at : at + 1 + what % 300] * 2 + raw[at + 1 + what % 300 :]


def _length_anywhere(raw: bytes, where: int, what: int) -> bytes:
    at = where % (len(raw) + 1)
    return raw[:at] + struct.pack("<I", LENGTHS[what % len(LENGTHS)]) + raw[at + 4 :]


def _deflated(raw: bytes, where: int, _what: int) -> bytes:
    """Compress what follows some byte, often the file meta information, and call the file deflated."""
    ends = raw.find(b"\x08\x00\x05\x00")
    at = ends if where % 2 and ends > 0 else where % (len(raw) + 1)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(raw[at:]) + compressor.flush()
    return raw[:at].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99") + packed


_BYTE_CHANGES: tuple[Callable[[bytes, int, int], bytes], ...] = (
    _cut,
    _flip,
    _lost,
    _twice,
    _length_anywhere,
    _deflated,
)
