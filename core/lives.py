"""When releases were live, from the switches in the servers' journals (pure).

One rule for all that tells how long a release lived: from the first server that was switched to it until the last one
that was switched away from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from core.records import JournalLine

SWITCHES = ("switch", "restore")
"""What a journal calls the lines of a switch, and of one back."""


class Life(Struct, frozen=True, kw_only=True):
    """A time for which a release was live on the environment, or on a server; `until` is None while it is.

    by      who switched to it: `ana@laptop`; "" where that is unknown
    after   the tag that was live before it; "" for none
    begun   whether it became live at `since`; else it was live before that, too
    """

    tag: str
    since: float
    until: float | None = None
    by: str = ""
    after: str = ""
    begun: bool = True

    @property
    def seconds(self) -> float:
        """How long it was, where that is over; else 0."""
        return 0.0 if self.until is None else self.until - self.since


def lives_of_switches(switches: Iterable[tuple[float, str, str]]) -> tuple[Life, ...]:
    """What was live when, oldest first, from switches in their order: time, tag, who."""
    out: list[Life] = []
    for time, tag, who in switches:
        if out and out[-1].tag == tag:
            continue
        if out:
            out[-1] = replace(out[-1], until=max(time, out[-1].since))
        out.append(Life(tag=tag, since=time, by=who, after=out[-1].tag if out else ""))
    return tuple(out)


def of_server(switches: Sequence[JournalLine], current: str, before: str = "") -> list[Life]:
    """What a server had live since the first of these switches, oldest first.

    before   what was live then, where that line does not say
    """
    out = []
    after = switches[0].previous or before if switches else ""
    for line, following in zip(switches, [*switches[1:], None], strict=False):
        # Somebody switched by hand since: when is not known.
        until = max(following.time, line.time) if following else None if line.tag == current else line.time
        if line.tag:
            out.append(Life(tag=line.tag, since=line.time, until=until, by=line.who, after=after))
        after = line.tag
    return out


def by_tag(times: Iterable[Life]) -> dict[str, list[Life]]:
    """The same by release."""
    out: dict[str, list[Life]] = {}
    for life in times:
        out.setdefault(life.tag, []).append(life)
    return out


def joined(times: Iterable[Life]) -> dict[str, list[Life]]:
    """By release: its lives on all servers together, oldest first. It lives while any server has it live."""
    out = {}
    for tag, ordered in by_tag(sorted(times, key=lambda life: life.since)).items():
        together: list[Life] = []
        for life in ordered:
            last = together[-1] if together else None
            if last is None or (last.until is not None and last.until < life.since):
                together.append(life)
            elif last.until is not None:
                together[-1] = replace(last, until=None if life.until is None else max(last.until, life.until))
        out[tag] = together
    return out


def lives(journals: Mapping[str, Sequence[JournalLine]], current: Mapping[str, str] | None = None) -> tuple[Life, ...]:
    """What was live when in an environment, oldest first; lives may overlap where servers did not switch together.

    journals   by server: its lines, oldest first
    current    by server: what is live there now, as far as that is known
    """
    out: list[Life] = []
    for server, lines in journals.items():
        switches = [line for line in lines if line.what in SWITCHES and line.time]
        read = min((line.time for line in lines if line.time), default=0.0)
        last = switches[-1].tag if switches else ""
        now = (current or {}).get(server, last)
        # What was live when the lines begin, which do not tell since when.
        tag, until = (switches[0].previous, switches[0].time) if switches else (now, None)
        if tag and read:
            out.append(Life(tag=tag, since=read, until=until, begun=False))
        out += of_server(switches, now)
    return tuple(sorted((life for each in joined(out).values() for life in each), key=lambda life: life.since))


def one_after_another(found: Sequence[Life]) -> tuple[Life, ...]:
    """The same lives without overlaps: of several releases at a time the one that was switched to last."""
    ends = {life: float("inf") if life.until is None else life.until for life in found}
    moments = sorted({moment for life, end in ends.items() for moment in (life.since, end)})
    out: list[Life] = []
    for begin, end in itertools.pairwise(moments):
        there = [life for life in found if life.since <= begin and ends[life] >= end]
        if not there:
            continue
        life = max(there, key=lambda each: each.since)
        until = None if end == float("inf") else end
        if out and out[-1].tag == life.tag and out[-1].until == begin:
            out[-1] = replace(out[-1], until=until)
        else:
            out.append(replace(life, since=begin, until=until))
    return tuple(out)
