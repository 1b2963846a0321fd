"""How Base64 writes a text that stands anywhere in what is encoded (pure; RFC 4648, sections 4 and 5)."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_WIDTHS = (64, 76)
"""Characters after which programs break lines: `openssl base64` (PEM, RFC 7468) and `base64` (MIME, RFC 2045)."""


@dataclass(frozen=True)
class Form:
    """A form in which a text is found: a part of it that is always there as it is, and the whole as a pattern.

    longest   characters that the pattern matches at most
    """

    needle: str
    pattern: str
    longest: int


def base64_forms(text: str) -> Iterator[Form]:
    """The forms of a text at each of the three offsets that it can have (in `user:TEXT` the user decides), with and
    without padding, also in the URL's alphabet, and with `+` and `/` as JSON and URLs escape them.

    Base64 breaks long texts into lines: the pieces of one that begins at a line's start are forms of their own.
    """
    raw = text.encode("utf-8", "surrogateescape")
    for offset in range(3):
        yield _form(raw, offset)
    for width in _WIDTHS:
        step = width // 4 * 3
        if len(raw) > step:
            for place in range(0, len(raw), step):
                piece = raw[place : place + step]
                if len(piece) >= 6:
                    yield _form(piece, 0)


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
    return Form(needle, pattern + _PADDING, longest + 6) if open_ else Form(needle, pattern, longest)


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
