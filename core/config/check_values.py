"""What the values of [[checks]] may be: each function gives the value in its one form (pure).

All raise ValueError with words for the person who wrote the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from core.config import values
from core.config.values import kind, shown
from core.text import either

Value = str | int | float | bool | None
"""A single value of JSON."""
PORT = "{port}"
"""In a URL: the port of the slot that the release has."""
FILLED = ("{revision}", "{tag}", PORT)
"""What a check's URL and texts may have that is replaced."""
_IN_BRACES = re.compile(r"\{[^{}]*\}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_METHOD = re.compile(r"[A-Z]{1,20}")
_STATUS = re.compile(r"[1-5](?:xx|[0-9]{2})")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
OURS = {"host": "`host` is the key for it", "connection": "", "content-length": "", "transfer-encoding": ""}
"""Headers that a check sets itself, and what to write instead."""


def url(value: str) -> str:
    """A URL whose port may be `{port}`."""
    values.url(_IN_BRACES.sub(lambda found: "8080" if found[0] == PORT else "word", value))
    for found in _IN_BRACES.findall(value):
        if found not in FILLED:
            raise ValueError(f"has {found}, which nothing replaces; {either(FILLED)} can be in it")
    return value


def log_file(value: str) -> str:
    """The path of a log: absolute, or relative to the release."""
    (path,) = values.log_files(value)
    if any(character in path for character in "*?["):
        raise ValueError(f"{shown(path)} must name one file, not a pattern")
    if path.endswith((".gz", ".bz2", ".xz", ".zst")):
        raise ValueError(f"{shown(path)} is compressed: name the log that is written, {shown(path.rpartition('.')[0])}")
    return path


def method(value: str) -> str:
    """An HTTP method."""
    if not _METHOD.fullmatch(value):
        raise ValueError(f"{shown(value)} is not an HTTP method, such as GET, HEAD or POST")
    if value == "CONNECT":
        raise ValueError("CONNECT asks a proxy for a tunnel, and no URL: use GET, HEAD or POST")
    return value


def headers(value: Mapping[str, str]) -> Mapping[str, str]:
    """HTTP headers, in characters that HTTP can carry."""
    seen: set[str] = set()
    for name, content in value.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{shown(name)} is not the name of a header, such as Accept")
        if name.lower() in OURS:
            raise ValueError(f"{name} is set by Turnout; {OURS[name.lower()] or 'leave it out'}")
        if name.lower() in seen:
            raise ValueError(f"{name} is listed twice: case does not matter in the names of headers")
        if not content.isascii() or not content.isprintable():
            raise ValueError(f"{name} must be ASCII, without control characters or line ends")
        seen.add(name.lower())
    return value


def statuses(value: object) -> tuple[str, ...]:
    """HTTP statuses: a number, a class such as "5xx", or a list of them."""
    written = list(value) if isinstance(value, list | tuple) else [value]
    if not written:
        raise ValueError("needs at least one status")
    found = []
    for item in written:
        word = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        if not isinstance(word, str) or not _STATUS.fullmatch(word):
            given = shown(item) if isinstance(item, str | int) and not isinstance(item, bool) else kind(item)
            raise ValueError(f'must be a status from 100 to 599, a class such as "5xx", or a list of them, not {given}')
        if word in found:
            raise ValueError(f"{shown(item)} is listed twice")
        found.append(word)
    for word in found:
        if not word.endswith("xx") and f"{word[0]}xx" in found:
            raise ValueError(f'{word} is one of "{word[0]}xx" already')
    return tuple(found)


def share(value: object) -> float:
    """A share in percent, as "1%" or "0.5%", that there can be more than."""
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match and float(match[1]) < 100:
        return float(match[1])
    if match and float(match[1]) == 100:
        raise ValueError('cannot be "100%": there is never more, so the check could not fail')
    given = shown(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else kind(value)
    raise ValueError(f'must be a share from "0%" to below "100%", such as "1%", not {given}')


def json_path(value: object) -> tuple[str, ...]:
    """The names that lead to a value of JSON, with dots between them: `checks.database`, `items.0.name`."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, str):
        raise ValueError(f'must be text in quotes, such as "status" or "checks.database", not {kind(value)}')
    parts = tuple(values.text(value).split("."))
    if not all(parts):
        raise ValueError(f'{shown(value)} must be names with single dots between them, such as "checks.database"')
    return parts


def json_value(value: object) -> Value:
    """A single value of JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a number that JSON has")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"must be text, a number, true or false, not {kind(value)}")
