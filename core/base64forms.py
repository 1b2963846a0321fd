"""How Base64 writes a text anywhere inside what is encoded (pure; RFC 4648, sections 4 and 5).

Programs break Base64 into lines (`base64` at 76 characters, `openssl base64` at 64), and what comes before a text
decides where in it: `Broken` finds what a line's beginning or end has of it.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from msgspec import Struct

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OTHER = "".join(chr(code) for code in range(0x7F) if chr(code) not in f"{ALPHABET}-_")
_SHORTEST_PIECE = 6
"""Characters of a broken line's piece that is looked for: they hold 4 bytes, and shorter secrets hide nothing."""


class Form(Struct, frozen=True):
    """A form in which a text is found: a part of it that is always there as it is, and the whole as a pattern.

    longest   characters that the pattern matches at most
    padding   how many of them are not part of the text
    """

    needle: str
    pattern: str
    longest: int
    padding: int = 0


def base64_forms(text: str) -> Iterator[Form]:
    """The forms of a text at each of the three offsets that it can have (in `user:TEXT` the user decides), with and
    without padding, also in the URL's alphabet, and with `+` and `/` as JSON and URLs escape them."""
    raw = text.encode("utf-8", "surrogateescape")
    for offset in range(3):
        yield _form(raw, offset)


class Broken:
    """Texts in Base64 that is broken into lines, at any place and with lines of any length.

    What a line begins or ends with counts as a piece where it runs from the text's beginning or to its end, or is all
    the Base64 there. Pieces of fewer than 6 characters are left, and whole texts are left to `base64_forms`.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        raws = [text.encode("utf-8", "surrogateescape") for text in texts]
        self._coded = tuple(_Coded.of(raw, offset) for raw in raws for offset in range(3))
        self._pieces = frozenset(
            coded.text[place : place + _SHORTEST_PIECE]
            for coded in self._coded
            for place in range(len(coded.text) - _SHORTEST_PIECE + 1)
        )

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where the pieces in a text of any number of lines begin and end."""
        found: list[tuple[int, int]] = []
        at = 0
        for line in text.split("\n"):
            if self._edges(line):
                found += [(at + start, at + end) for start, end in self._line(_standard(line))]
            at += len(line) + 1
        return found

    def _edges(self, line: str) -> bool:
        """Whether a line may begin or end with a piece: most do not, and this costs little."""
        first = _standard(line.lstrip(_OTHER)[:_SHORTEST_PIECE])
        last = _standard(line.rstrip(_OTHER)[-_SHORTEST_PIECE:])
        return first in self._pieces or last in self._pieces

    def _line(self, line: str) -> Iterator[tuple[int, int]]:
        begin = len(line) - len(line.lstrip(_OTHER))
        stop = max((coded.stop(line, begin) for coded in self._coded), default=begin)
        if stop > begin:
            yield begin, stop
        end = len(line.rstrip(_OTHER))
        start = min((coded.start(line, end) for coded in self._coded), default=end)
        if start < end:
            yield start, end


class _Coded(NamedTuple):
    """The characters that a text alone decides, and how many beside them on each side hold bits of it (0 or 1)."""

    text: str
    before: int
    behind: int

    @classmethod
    def of(cls, raw: bytes, offset: int) -> _Coded:
        first, last = 8 * offset, 8 * (offset + len(raw))
        text = _encoded(b"\0", raw, offset, -(offset + len(raw)) % 3)[-(-first // 6) : last // 6]
        return cls(text, int(first % 6 > 0), int(last % 6 > 0))

    def start(self, line: str, end: int) -> int:
        """Where the piece begins that ends at a place of a line; that place where there is none."""
        found = end
        for place in _places(self.text, line[max(0, end - _SHORTEST_PIECE) : end]):
            left, known = end - _SHORTEST_PIECE, place
            while left and known and line[left - 1] == self.text[known - 1]:
                left, known = left - 1, known - 1
            if not known:
                found = min(found, max(0, left - self.before))
            elif not left or line[left - 1] in _OTHER:
                found = min(found, left)
        return found

    def stop(self, line: str, begin: int) -> int:
        """Where the piece ends that begins at a place of a line; that place where there is none."""
        found = begin
        for place in _places(self.text, line[begin : begin + _SHORTEST_PIECE]):
            right, known = begin + _SHORTEST_PIECE, place + _SHORTEST_PIECE
            while right < len(line) and known < len(self.text) and line[right] == self.text[known]:
                right, known = right + 1, known + 1
            # What begins with all of it is the text itself, or another one; the line may break behind `before`.
            if known == len(self.text) and (place or self.before):
                found = max(found, min(len(line), right + self.behind))
            elif right == len(line) or line[right] in _OTHER:
                found = max(found, right)
        return found


def _standard(text: str) -> str:
    """Text in the URL's alphabet as in the standard one."""
    return text.replace("-", "+").replace("_", "/")


def _places(text: str, piece: str) -> Iterator[int]:
    """Where a text contains a piece that is long enough."""
    place = text.find(piece) if len(piece) == _SHORTEST_PIECE else -1
    while place >= 0:
        yield place
        place = text.find(piece, place + 1)


def _form(raw: bytes, offset: int) -> Form:
    """The characters that hold a bit of `raw` behind so many bytes. Of those at its ends only some bits are its own."""
    open_ = -(offset + len(raw)) % 3
    low = _encoded(b"\0", raw, offset, open_)
    high = _encoded(b"\xff", raw, offset, open_)
    places = range(8 * offset // 6, -(-8 * (offset + len(raw)) // 6))
    known = [low[place] if low[place] == high[place] else " " for place in places]
    found = [_between(low[place], high[place]) for place in places]
    pattern, longest = "".join([pattern for pattern, _ in found]), sum(longest for _, longest in found)
    needle = max("".join(known).translate(_APART).split(" "), key=len)
    return Form(needle, pattern + _PADDING, longest + 6, 6) if open_ else Form(needle, pattern, longest)


def _encoded(filling: bytes, raw: bytes, before: int, behind: int) -> str:
    return b2a_base64(filling * before + raw + filling * behind, newline=False).decode("ascii")


_APART = str.maketrans("+/", "  ")
_PADDING = "(?:=|%3[Dd]){0,2}"


@cache
def _between(low: str, high: str) -> tuple[str, int]:
    """The pattern of a character of which those bits are known that both have, and what it matches at most."""
    one, other = ALPHABET.index(low), ALPHABET.index(high)
    known = ~(one ^ other)
    found = [_written(char) for index, char in enumerate(ALPHABET) if index & known == one & known]
    simple = "".join([pattern for pattern, longest in found if longest == 1])
    branches = [f"[{simple}]"] if simple else []
    branches += [pattern for pattern, longest in found if longest > 1]
    pattern = found[0][0] if len(found) == 1 else f"(?:{'|'.join(branches)})"
    return pattern, max(longest for _, longest in found)


def _written(char: str) -> tuple[str, int]:
    return {"+": (r"(?:[+-]|%2[Bb])", 3), "/": (r"(?:\\?/|_|%2[Ff])", 3)}.get(char, (char, 1))
