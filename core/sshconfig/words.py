"""ssh_config's lines and patterns, as readconf.c, misc.c and match.c of OpenSSH read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


def split(text: str) -> list[str]:
    """The words of a line's arguments: quotes, backslashes and comments as argv_split has them.

    ValueError where a quote has no end.
    """
    words: list[str] = []
    place = 0
    while place < len(text):
        if text[place] in " \t":
            place += 1
            continue
        if text[place] == "#":
            break
        word: list[str] = []
        quote = ""
        while place < len(text):
            letter = text[place]
            after = text[place + 1 : place + 2]
            if letter == "\\" and (after in ("'", '"', "\\") or (not quote and after == " ")) and after:
                word.append(after)
                place += 1
            elif not quote and letter in " \t":
                break
            elif not quote and letter in "\"'":
                quote = letter
            elif quote and letter == quote:
                quote = ""
            else:
                word.append(letter)
            place += 1
        if quote:
            raise ValueError("a quote has no end")
        words.append("".join(word))
    return words


def keyword(line: str) -> tuple[str, str]:
    """A line's keyword in lower case and the rest of it; ("", "") for blank lines and comments."""
    text = line.strip(" \t\r\n\f")
    if not text or text.startswith("#"):
        return "", ""
    name, rest = _first(text)
    if not name:  # ssh takes the next word then
        name, rest = _first(rest)
    return name.lower() or text, rest


def _first(text: str) -> tuple[str, str]:
    if text.startswith('"'):
        name, _, rest = text[1:].partition('"')
    else:
        found = re.match(r"[^ \t=\"]*", text)
        assert found is not None
        name, rest = found[0], text[found.end() :]
    rest = rest.lstrip(" \t")
    if rest.startswith("="):
        rest = rest[1:].lstrip(" \t")
    return name, rest


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)


def matches(text: str, pattern: str) -> bool:
    """match_pattern: `*` and `?`, everything else as it is."""
    return _pattern(pattern).fullmatch(text) is not None


def matches_list(text: str, patterns: str, *, lower: bool = False) -> bool:
    """match_pattern_list: patterns between commas, of which one that begins with `!` and matches rules out all."""
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        bare = pattern[negated:].lower() if lower else pattern[negated:]
        if bare and matches(text, bare):
            if negated:
                return False
            found = True
    return found


def matches_host(host: str, patterns: Iterable[str]) -> bool:
    """A `Host` line: as a list, its patterns between spaces."""
    found = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        if matches(host, pattern[negated:]):
            if negated:
                return False
            found = True
    return found
