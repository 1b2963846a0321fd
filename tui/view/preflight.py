"""The board of Preflight: a row a server, a column a check, and below it what the checks under the cursor found."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from core.doctor.finding import CHECKS, ERROR, OK, WARNING, Finding, check_of
from core.text import count, some
from tui.view.formats import ago
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, fit, line, one_line, width, wrap
from tui.view.names import shortened

COLUMNS = tuple(CHECKS)
"""The checks from left to right."""

_WIDE = max(len(name) for name in COLUMNS) + 1
_NARROW = 5
_SHORTER = {"connect": "conn", "current": "curr", "programs": "progs", "rehearsal": "rehearse"}
OLD = 300.0
"""Seconds after which what was found is told as what was so then."""

_LEVELS = (OK, WARNING, ERROR)


class Examined(Struct, frozen=True):
    """What is known of one server.

    findings   of the checks that were made, in the order in which they came
    running    checks that are being made
    at         when the oldest of these checks was made (seconds since the epoch); 0 for never
    """

    server: str
    findings: tuple[Finding, ...] = ()
    running: frozenset[str] = field(default_factory=frozenset)
    at: float = 0.0

    def of(self, check: str) -> list[Finding]:
        """What a check found."""
        return [finding for finding in self.findings if check_of(finding) == check]

    def level(self, check: str) -> str:
        """The worst that a check found; "" where it found nothing, or was not made."""
        levels = [finding.level for finding in self.of(check)]
        return max(levels, key=_LEVELS.index, default="")


def columns(names: int, cells: int) -> list[tuple[str, int]]:
    """The title and the width of each check's column, beside names of so many cells: as much as there is room for."""
    if cells - names >= _WIDE * len(COLUMNS):
        return [(name, _WIDE) for name in COLUMNS]
    for titles in (COLUMNS, [_SHORTER.get(name, name) for name in COLUMNS]):
        widths = [max(len(title) + 1, _NARROW) for title in titles]
        if names + sum(widths) <= cells:
            return list(zip(titles, widths, strict=True))
    return [(name[: _NARROW - 1], _NARROW) for name in COLUMNS]


def column_at(x: int, names: int, cells: int) -> int:
    """The place of the check in whose column a cell is; -1 for the names."""
    if x < names:
        return -1
    for index, (_, wide) in enumerate(columns(names, cells)):
        names += wide
        if x < names:
            return index
    return len(COLUMNS) - 1


def name_width(servers: Sequence[Examined], cells: int) -> int:
    """Cells of the column of names."""
    return (
        min(max((len(server.server) for server in servers), default=0), max(cells - _NARROW * len(COLUMNS) - 2, 6)) + 2
    )


def head_line(names: int, cells: int) -> Line:
    """The names of the checks, shortened where there is no room."""
    return line((fit("", names) + "".join(fit(title, wide) for title, wide in columns(names, cells)), "dim"))


def server_line(
    server: Examined, names: int, cells: int, column: int, glyphs: Glyphs, all_names: Sequence[str] = ()
) -> Line:
    """`web1    ✓     ✓     !`; the check in `column` (-1: none) is in brackets.

    all_names   of the servers on the board, which must not look alike
    """
    name = shortened(all_names or [server.server], names - 2, glyphs.more)[server.server]
    spans = [Span(fit(name, names - 1) + " ", "strong")]
    for index, (check, (_, wide)) in enumerate(zip(COLUMNS, columns(names, cells), strict=True)):
        sign, role = _sign(server, check, glyphs)
        text = f"[{sign}]" if index == column else f" {sign} "
        spans.append(Span(fit(text, wide), "accent" if index == column and role == "dim" else role))
    return crop(tuple(spans), cells, glyphs.more)


def _sign(server: Examined, check: str, glyphs: Glyphs) -> tuple[str, str]:
    if check in server.running:
        return glyphs.busy, "busy"
    signs = {OK: (glyphs.done, "ok"), WARNING: (glyphs.alert, "warn"), ERROR: (glyphs.cross, "bad")}
    if level := server.level(check):
        return signs[level]
    # The lock is free and no record is odd: the check has nothing to say.
    return (glyphs.done, "ok") if check == "state" and server.findings and not _cut(server) else (glyphs.dot, "dim")


def _cut(server: Examined) -> bool:
    """Whether the server could not be asked."""
    return all(finding.level == ERROR and check_of(finding) == "connect" for finding in server.findings)


def detail_lines(server: Examined, check: str, cells: int, glyphs: Glyphs) -> list[Line]:
    """What a check found on a server, and what to do about it."""
    title = line((server.server, "strong"), f"  {check}")
    found = server.of(check)
    if check in server.running and not found:
        return [(*title, *line("  ", (f"{glyphs.busy} checking", "busy")))]
    if not found:
        text = "nothing to say" if server.findings else "not checked yet"
        return [(*title, *line(("  " + text, "dim")))]
    roles = {OK: (glyphs.done, "ok"), WARNING: (glyphs.alert, "warn"), ERROR: (glyphs.cross, "bad")}
    out: list[Line] = [title]
    for finding in sorted(found, key=lambda each: -_LEVELS.index(each.level)):
        sign, role = roles[finding.level]
        parts = wrap(f"{finding.topic}: {one_line(finding.text)}", max(cells - 2, 20))
        out.append(line((f"{sign} ", role), parts[0]))
        out += [line("  ", part) for part in parts[1:]]
        if finding.hint:
            hint = wrap(one_line(finding.hint), max(cells - 5, 20))
            out.append(line(("  -> ", "accent"), hint[0]))
            out += [line("     ", part) for part in hint[1:]]
    return out


def first_fault(servers: Sequence[Examined]) -> tuple[str, int] | None:
    """The first server with an error and the place of that check, else with a warning; None where all is well."""
    for level in (ERROR, WARNING):
        for server in servers:
            for place, check in enumerate(COLUMNS):
                if server.level(check) == level:
                    return server.server, place
    return None


def summary_line(servers: Sequence[Examined], cells: int, glyphs: Glyphs, now: float) -> Line:
    """How it sums up, faults first, with the servers' names; then how old the oldest of it is."""
    running = sum(bool(server.running) for server in servers)
    if running:
        return line((f"{glyphs.busy} checking {running} of {count(len(servers), 'server')}", "busy"))
    if not any(server.findings for server in servers):
        return line(("not checked yet", "dim"))
    said = []
    for level, word, role in ((ERROR, "error", "bad"), (WARNING, "warning", "warn")):
        found = [finding for server in servers for finding in server.findings if finding.level == level]
        names = [server.server for server in servers if any(each.level == level for each in server.findings)]
        if found:
            said.append(Span(f"{count(len(found), word)} on {some(names, 3)}  ", role))
    old = max(now - min((server.at for server in servers if server.at), default=now), 0)
    were = "" if old < OLD else "were "
    good = (f"{glyphs.done} {count(len(servers), 'server')} {were}ready for a deploy", "dim" if were else "ok")
    seen = line((f"{glyphs.dot} checked {ago(old)}", "dim"))
    words = crop(tuple(said) or line(good, "  "), cells - width(seen), glyphs.more)
    return (*words, *seen)
