"""Names and text on their way to a shell, a file or a screen (pure)."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import AnyStr, TypeVar

T = TypeVar("T")

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+=:,@~-")
_PERCENT = {byte: chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in range(256)}
_WORD = frozenset(range(0x20, 0x7F)) - frozenset(b"'\\!")
_OCTAL = {byte: chr(byte) if byte in _WORD else f"\\0{byte:03o}" for byte in range(256)}
_HARMLESS = {byte: chr(byte) if byte in _SAFE else f"\\0{byte:03o}" for byte in range(256)}
_UNSAFE = re.compile(rb"[^A-Za-z0-9._/+=:,@~-]")
_PLAIN = re.compile(r"[A-Za-z0-9._/+=:,@~-]*")
_PERCENT_CODE = re.compile(rb"%([0-9A-F]{2})")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|.)?", re.DOTALL
)


def is_plain(path: bytes) -> bool:
    """Whether encode_path leaves a path as it is."""
    return _UNSAFE.search(path) is None


def encode_path(path: bytes) -> str:
    """A path as printable ASCII without white space: `%XX` for every other byte. decode_path undoes it."""
    if _UNSAFE.search(path) is None:
        return path.decode("ascii")
    return "".join([_PERCENT[byte] for byte in path])


def decode_path(text: str) -> bytes:
    """The bytes of an encoded path, whichever of them are encoded. ValueError where the text is not one."""
    raw = text.encode("ascii")
    if any(byte not in _SAFE and byte != 0x25 for byte in raw) or len(_PERCENT_CODE.findall(raw)) != raw.count(b"%"):
        raise ValueError(f"not an encoded path: {text[:80]!r}")
    return _PERCENT_CODE.sub(lambda match: bytes.fromhex(match[1].decode()), raw)


def same_path(text: str) -> str:
    """The one form of an encoded path: servers encode more bytes than encode_path does. ValueError as decode_path."""
    return text if "%" not in text and _PLAIN.fullmatch(text) else encode_path(decode_path(text))


def escaped(value: bytes | str) -> str:
    r"""A text as one line that `printf %b` reads: printable ASCII as it is, `\0ooo` for every other byte."""
    return "".join([_OCTAL[byte] for byte in _raw(value)])


def shell_word(value: bytes | str) -> str:
    """One word of an agent request: `escaped`, in quotes."""
    return f"'{escaped(value)}'"


def read_word(value: bytes | str) -> str:
    r"""One word of a line for the shell's `read`, as `printf %b` reads it: `\0ooo` for what is not harmless."""
    return "".join([_HARMLESS[byte] for byte in _raw(value)])


def _raw(value: bytes | str) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def touch_time(seconds: float) -> str:
    """A time as `touch -t` takes it, in UTC; what is before 1970 as that."""
    return time.strftime("%Y%m%d%H%M.%S", time.gmtime(max(seconds, 0)))


def quote(value: str) -> str:
    """Quoted for sh, bash, dash, ash, zsh and fish alike.

    fish gives a backslash a meaning inside single quotes, so backslashes leave them.
    """
    return "'" + value.replace("\\", "\0").replace("'", "'\"'\"'").replace("\0", "'\"\\\\\"'") + "'"


LONGEST_SIGN = 6
"""Characters that `clean` makes of one: `\\udcff`."""


def clean(text: str, limit: int = 4000) -> str:
    r"""Text from a server as one harmless line or more: no escape sequence, no control or bidi character.

    Tabs become spaces, newlines stay; a byte that is not UTF-8, in Python's form for it, is written as `\udcff`. Longer
    than `limit` characters is cut.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text  # most are
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) > limit:
        text = text[:limit] + "…"
    return _CONTROL.sub("", _ESCAPE.sub("", text.replace("\r\n", "\n").replace("\t", "    ")))


def clean_whole(text: str) -> str:
    """`clean` for a text of any length."""
    return clean(text, len(text) * LONGEST_SIGN)


def clean_lines(text: str, limit: int = 1 << 16) -> str:
    """`clean` for what is still to be masked: longer than `limit` characters is cut at the end of a line, so that no
    secret lies across the cut."""
    text = clean_whole(text)
    return text if len(text) <= limit else text[:limit].rpartition("\n")[0] + "\n…"


def show_path(path: bytes) -> str:
    """A path for people: UTF-8 where it is, `\\xNN` and escapes for what is not printable."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cut_lines(
    text: AnyStr, newline: AnyStr, longest: int, cut: Callable[[AnyStr, int], int] | None = None, spare: int = 0
) -> tuple[list[AnyStr], AnyStr]:
    """Whole lines, and the unfinished rest that waits for more; a line longer than `longest` comes in pieces.

    cut    gives for a text and a place in it the first place from there on where it may be cut; None: anywhere
    spare  how far `cut` may have to look beyond a place: an unfinished line waits until so much more is there
    """
    lines: list[AnyStr] = []
    whole: list[AnyStr] = text.split(newline)
    rest = whole.pop()
    for line in whole:
        while len(line) > longest:
            place = cut(line, longest) if cut else longest
            lines.append(line[:place])
            line = line[place:]
            if not line:
                break
        else:
            lines.append(line)
    while len(rest) > longest + spare:
        place = cut(rest, longest) if cut else longest
        lines.append(rest[:place])
        rest = rest[place:]
    return lines, rest


def count(number: int, noun: str) -> str:
    """`1 file`, `3 files`, `2 entries`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def first_line(command: str) -> str:
    """A command in one line of a screen: of several lines the first one, and how many follow."""
    first, *rest = command.strip().splitlines() or [""]
    return f"{first} (and {count(len(rest), 'more line')})" if rest else first


def some(things: Sequence[T], most: int, said: Callable[[T], str] = str) -> str:
    """The first `most` of them in one line, and how many more there are: `web1, web2, web3 and 97 more`.

    said   what is shown of each
    """
    shown = ", ".join(said(thing) for thing in things[:most])
    return f"{shown} and {len(things) - most} more" if len(things) > most else shown


def both(words: Sequence[str]) -> str:
    """`staging`, `staging and production`, `a, b and c`: at least one."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def either(words: Sequence[str]) -> str:
    """`200`, `200 or 204`, `200, 204 or 3xx`: at least one."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def some_lines(things: Sequence[T], most: int, said: Callable[[T], str] = str) -> str:
    """The same with a line for each, and one for how many more there are."""
    shown = [said(thing) for thing in things[:most]]
    return "\n".join([*shown, f"and {len(things) - most} more"] if len(things) > most else shown)


RUN = 4
"""Names that count up are joined from so many on."""


def ranges(names: Iterable[str], least: int = RUN) -> str:
    """All names in their order, those that count up as one, if there are so many: `db1, web1-5, web7`."""
    return ", ".join(run_name(run, least) for run in in_runs(names))


def run_name(run: Sequence[str], least: int) -> str:
    """Names that count up: `web1-9`; all of them if there are fewer than `least`."""
    if len(run) < least:
        return ", ".join(run)
    end = re.search(r"[0-9]+$", run[-1])
    return f"{run[0]}-{end[0] if end else run[-1]}"


def in_runs(names: Iterable[str]) -> list[list[str]]:
    """The names in pieces: those that follow one another and count up are in one."""
    out: list[list[str]] = []
    for name in names:
        if out and _counts_up(out[-1][-1], name):
            out[-1].append(name)
        else:
            out.append([name])
    return out


def _counts_up(before: str, name: str) -> bool:
    one, other = (re.fullmatch(r"(.*?)([0-9]{1,9})", text) for text in (before, name))
    if not one or not other or one[1] != other[1] or int(one[2]) + 1 != int(other[2]):
        return False
    return len(one[2]) == len(other[2]) or (not (one[2] + other[2]).startswith("0") and other[2][0] != "0")


def size(number: int) -> str:
    """Bytes for people, decimal units: `58 MB`, `1.2 GB`, `812 B`."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 9.95 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """A span for people: `0.4 s`, `12 s`, `4 min`, `2 h`, `20 d`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    for limit, unit, divisor in ((99.5, "s", 1), (5970, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def most(texts: Iterable[str]) -> str:
    """What most of them say, of two that are even the first; "" counts only where there is nothing else."""
    counted = Counter(text for text in texts if text)
    return counted.most_common(1)[0][0] if counted else ""
