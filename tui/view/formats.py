"""How numbers, ages and names read in the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from core.names import short_tag as short_tag
from core.names import short_tags_of
from core.records import FleetRelease, Told
from core.text import size, some
from tui.view.lines import one_line


def age(seconds: float) -> str:
    """How long ago: `now`, `12 s`, `4 min`, `2 h`, `20 d`."""
    if seconds < 1.5:
        return "now"
    for limit, unit, divisor in ((59.5, "s", 1), (3570, "min", 60), (48 * 3600, "h", 3600)):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def span(seconds: float) -> str:
    """How long something lasted: as `age`, but `0 s` in place of `now`."""
    said = age(seconds)
    return "0 s" if said == "now" and seconds < 0.5 else "1 s" if said == "now" else said


def ago(seconds: float) -> str:
    """`2 h ago`, `just now`."""
    since = age(max(seconds, 0))
    return "just now" if since == "now" else f"{since} ago"


def rate(bytes_per_second: float) -> str:
    """`12 MB/s`."""
    return f"{size(int(bytes_per_second))}/s"


def clock(seconds: float) -> str:
    """A running time: `4.2 s`, `12 s`, `3:05`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def countdown(seconds: float) -> str:
    """A time that is left, or a long one that it took: `0:04`, `1:42`, `1:02:03`."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


_TAG_IN_TEXT = re.compile(r"\b\d{8}T\d{6}Z-[\w-]+(?:\.[\w-]+)*")


_COMMIT_IN_TEXT = re.compile(r"(?<![\w-])[0-9a-f]{40}(?:[0-9a-f]{24})?(?![\w-])")


def short_tags(text: str, name: Callable[[str], str] | None = None) -> str:
    """A sentence with every tag and whole commit in it as a person says it; without `name`, each tag different from the
    others in it."""
    said = name or short_tags_of(_TAG_IN_TEXT.findall(text)).__getitem__
    commits = dict.fromkeys(_COMMIT_IN_TEXT.findall(text))
    signs = next((signs for signs in (7, 12) if len({commit[:signs] for commit in commits}) == len(commits)), 40)
    text = _COMMIT_IN_TEXT.sub(lambda found: found[0][:signs], text) if commits else text
    return _TAG_IN_TEXT.sub(lambda found: said(found[0]), text)


def range_name(names: Sequence[str]) -> str:
    """Several names as one: `web1-5` where they count up, else `5 servers`; a single name as it is."""
    return _range_name(tuple(names))


@lru_cache(maxsize=64)
def _range_name(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    matches = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    parts = [part for part in matches if part]
    if len(parts) == len(names) and len({part[1] for part in parts}) == 1:
        numbers = [int(part[2]) for part in parts]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return f"{names[0]}-{parts[-1][2]}"
    return f"{len(names)} servers"


def subject_of(row: FleetRelease) -> str:
    """The subject of its record; of a release that another tool made, that tool as well."""
    record = row.record
    if record is None:
        return without_record(row)
    if not record.adopted:
        return one_line(record.subject)
    return ", ".join(part for part in (one_line(record.subject), f"made by {one_line(record.adopted)}") if part)


def without_record(row: FleetRelease) -> str:
    """What is said of a release in place of a record's subject: all that another tool's files tell.

    What tells releases apart comes first: a narrow column has only that. The tool is the same in most rows.
    """
    if row.unread:
        return "its record cannot be read"
    told = row.told or Told()
    made = f"made by {one_line(told.tool)}" if told.tool else "made by another tool"
    parts = [" ".join(part for part in (one_line(told.revision)[:7], one_line(told.subject)) if part)]
    parts += [f"of {one_line(told.ref)}" if told.ref else "", row.bad]
    parts += [] if told.tool and row.bad.endswith(told.tool) else [made]
    return ", ".join(part for part in parts if part)


def listing(names: Sequence[str], limit: int = 4) -> str:
    """`web1, web2, web3 and 97 more`, in the place of `limit` names: so there is never one more only."""
    return some(names, limit if len(names) <= limit else limit - 1)


def servers_among(names: Sequence[str], total: int, limit: int = 4) -> str:
    """`all 3 servers` where it is all of several; else as `listing`."""
    return f"all {total} servers" if len(names) == total > 1 else listing(names, limit)
