"""Values in a server's answers, each checked where it is read; ValueError for impossible ones (pure)."""

from __future__ import annotations

from core.records import is_digest, is_tag
from core.text import clean, decode_path


def amount(text: str) -> int:
    """A number of bytes, blocks or entries. ValueError for what no file system could have."""
    value = int(text) if len(text) < 25 and text.isascii() and text.isdigit() else -1
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{text[:30]} is not a number")
    return value


def number(text: str) -> float:
    """A number of seconds; 0.0 for other text, and for a time that is not within the next thousands of years."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e11 else 0.0


def seconds(value: object) -> float:
    """A parsed number of seconds since the epoch, or of a span; 0.0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e11 else 0.0


def digest(text: str) -> str:
    """A SHA-256 in hex. ValueError for anything else."""
    if not is_digest(text):
        raise ValueError
    return text


def tag_or_none(text: str) -> str:
    """The tag that an encoded name is, "" where it is not one."""
    tag = decode_path(text).decode("utf-8", "backslashreplace")
    return tag if is_tag(tag) else ""


def raw_path(text: str) -> str:
    """An encoded path as Python's file functions take it: bytes that are not UTF-8 become surrogates."""
    return decode_path(text).decode("utf-8", "surrogateescape")


def shown_path(text: str, longest: int = 300) -> str:
    """An encoded path for people, at most so many characters of it."""
    return clean(decode_path(text).decode("utf-8", "backslashreplace"), longest)
