"""The barrier, the switch and the way back as one picture: servers that leave one track for another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.text import count
from tui.view.formats import clock, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, cell_len, crop, line, one_line, short
from tui.view.progress import Progress
from tui.view.server_progress import ServerProgress

MOTION = 0.8
"""Seconds over which servers are drawn as turning over one after the other, however fast they were."""

LINGER = 1.2
"""Seconds that the picture of a switch still stands after the operation has ended."""

NAMED = 8
"""Servers up to which the tracks show their names."""

INDENT = 2


def in_sight(progress: Progress) -> bool:
    """Whether there is something to see: the barrier is reached, or something was switched."""
    if progress.finished and not _moments(progress):
        return False
    return ("barrier" in progress.fleet.phases and "switch" in progress.phases) or bool(_moments(progress))


def moving(progress: Progress, now: float) -> bool:
    """Whether the picture is to be drawn again soon, although nothing more may be said: bounded by MOTION, LINGER."""
    moments = _moments(progress)
    end = max(moments, default=0.0)
    return bool(moments) and 0 <= now - end < max(MOTION, LINGER if progress.finished else 0)


def switch_lines(progress: Progress, cells: int, now: float, glyphs: Glyphs, *, motion: bool) -> list[Line]:
    """The rule that says where the operation stands, what is true now, and the two tracks with the servers on them.

    motion   servers turn over one after the other, within MOTION seconds; never before they have
    """
    turned = _turned(progress, now) if motion else {server.name for server in progress.switched}
    out = [_rule(progress, turned, cells, glyphs)]
    behind = len(turned) < len(progress.switched) and not progress.going_back
    fact = () if behind else _fact(progress, cells - INDENT, now, glyphs)  # of what is still drawn as to come, nothing
    out.append(crop((Span(" " * INDENT), *fact), cells, glyphs.more))
    return out + _tracks(progress, turned, cells, glyphs)


def _moments(progress: Progress) -> list[float]:
    return [server.switched_at for server in progress.servers.values() if server.switched_at]


def _turned(progress: Progress, now: float) -> set[str]:
    """The servers that are drawn on the new release: those that are on it, one after the other."""
    back = progress.came_back
    in_order = sorted(back or progress.switched, key=lambda server: server.switched_at)
    if not in_order:
        return set()
    since = now - in_order[0].switched_at
    shown = len(in_order) if not 0 <= since < MOTION else int(since / MOTION * len(in_order))
    first = {server.name for server in in_order[:shown]}
    if not back:
        return first
    return {server.name for server in (*progress.switched, *in_order)} - first


def _rule(progress: Progress, turned: set[str], cells: int, glyphs: Glyphs) -> Line:
    """`━━━━━━━━━━ ALL 100 READY ━━━━━━━━━━`."""
    words, role = _stage(progress, turned)
    words = f" {words} "
    rail = glyphs.rail * (max(cells - cell_len(words), 2) // 2)
    return crop(line((rail, role), (words, role), (rail, role)), cells, glyphs.more)


def _stage(progress: Progress, turned: set[str]) -> tuple[str, str]:
    """What the rule says, and its role."""
    part = [server for server in progress.part_in("switch") if not server.failed or server.switched_at]
    if progress.going_back:
        went = [server for server in part if server.switched_at]
        if not turned:
            return f"{_everybody(went)} BACK", "warn"
        return f"GOING BACK {len(went) - len(turned)}/{len(went)}", "warn"
    if not turned:
        return f"{_everybody(part)} READY", "busy"
    if len(turned) < len(part):
        return f"SWITCHING {len(turned)}/{len(part)}", "busy"
    return f"{_everybody(part)} SWITCHED", "ok"


def _everybody(servers: Sequence[ServerProgress]) -> str:
    return f"ALL {len(servers)}" if len(servers) != 1 else servers[0].name


def _fact(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """What is true now: what runs at this moment, or what has changed."""
    if progress.going_back:
        return line((short(f"because {short_tags(one_line(progress.going_back.why))}", cells, glyphs.more), "warn"))
    moment = progress.hook_moment
    if moment:
        runs = [server for server in (progress.fleet, *progress.servers.values()) if server.hook]
        said = f"{moment} hook on {count(len(runs), 'server')}: " if runs[0].name else f"{moment} hook: "
        waited = f"  {clock(max(now - runs[0].hook_since, 0))}"
        return line(
            said, (short(runs[0].hook, cells - len(said) - len(waited), glyphs.more), "accent"), (waited, "dim")
        )
    checking = [server for server in progress.servers.values() if server.phase == "check"]
    passed = sum(
        1 for server in progress.servers.values() if (mark := server.phases.get("check")) and mark.outcome == "ok"
    )
    if checking or passed:
        return line(f"checks: {passed} of {count(len(progress.servers), 'server')} passed")
    if not progress.switched and not progress.finished:
        return line(("nothing has changed yet", "strong"), f" {glyphs.dot} live {_before(progress)}")
    return ()


def _before(progress: Progress) -> str:
    """`3f2c1ab on 100`; where servers differ, each release with its number."""
    tags = Counter(server.before for server in progress.servers.values())
    return ", ".join(f"{progress.short(tag) or 'nothing'} on {number}" for tag, number in tags.most_common(3))


def _tracks(progress: Progress, turned: set[str], cells: int, glyphs: Glyphs) -> list[Line]:
    """The old release's track with the servers that are on it, and the new one's, which leaves it."""
    servers = progress.part_in("switch")
    befores = {server.before for server in servers}
    if not servers:
        return []
    old = progress.short(befores.pop()) or "nothing" if len(befores) == 1 else f"{len(befores)} releases"
    labels = (old, progress.short(progress.tag))
    rails = (f"{glyphs.rail * 2}{glyphs.branch}{glyphs.rail * 2} ", f"  {glyphs.curve}{glyphs.rail * 2} ")
    name_cells = min(max(map(cell_len, labels)), max(cells // 3, 8))
    room = cells - INDENT - name_cells - 1 - cell_len(rails[0])
    named = len(servers) <= NAMED and sum(cell_len(server.name) + 4 for server in servers) <= room
    out = []
    for new, (label, rail) in enumerate(zip(labels, rails, strict=True)):
        group = [server for server in servers if (server.name in turned) == bool(new)]
        label = short(label, name_cells, glyphs.more)
        spans = line(
            " " * INDENT,
            (label, "strong" if group else "dim"),
            " " * (name_cells - cell_len(label) + 1),
            (rail, "dim"),
        )
        role = "ok" if new else ""
        signs = [_sign(server, glyphs) if new else glyphs.kept for server in group]
        wagons = _by_name(group, signs, role) if named else _in_cells(signs, len(servers), room, role)
        out.append(crop((*spans, *wagons), cells, glyphs.more))
    return out


def _sign(server: ServerProgress, glyphs: Glyphs) -> str:
    """A server on the new release: ticked off as soon as it has passed its checks."""
    check = server.phases.get("check")
    return glyphs.cross if server.failed else glyphs.done if check and check.outcome == "ok" else glyphs.live


def _by_name(group: Sequence[ServerProgress], signs: Sequence[str], role: str) -> Line:
    pairs = zip(group, signs, strict=True)
    return tuple(Span(f"{sign} {server.name}  ", "bad" if server.failed else role) for server, sign in pairs)


def _in_cells(signs: Sequence[str], number: int, room: int, role: str) -> Line:
    """A cell for each server, or where there are too many for several of them; and how many they are."""
    figure = f" {len(signs)}" if signs else ""
    room -= len(str(number)) + 1
    shown = len(signs) if number <= room else round(len(signs) / number * max(room, 1))
    cells = "".join(signs[place * len(signs) // shown] for place in range(shown))
    return line((cells, role), (figure, "strong"))
