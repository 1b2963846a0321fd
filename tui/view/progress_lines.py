"""What each server does in an operation, a line a server; and what is said of errors and warnings on the way."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import FleetError, TurnoutError
from core.events import PHASES
from core.plan import NONE
from core.text import count, size
from tui.view.batch_lines import waiting_words
from tui.view.fleet import Activity
from tui.view.formats import clock, countdown, rate, short_tags
from tui.view.glyphs import Glyphs, bar
from tui.view.lines import Line, Span, cell_len, crop, fit, line, one_line, short, width, wrap
from tui.view.names import shortened
from tui.view.operation_lines import heading, state_words
from tui.view.progress import Progress
from tui.view.server_progress import VERBS, PhaseMark, ServerProgress
from tui.view.topics import more

QUIET = (7.0, 0.0)
"""The place in the order of urgency of a server on which nothing happens."""

LONG = 0.1
"""Seconds from which a phase that has ended is worth its place in a line."""

PHASES_APART = 8
"""Cells at least between what a server does and the phases that it is through."""

ROOMY = 36
"""Cells from which a row of an upload has room for its time left, too."""

STEP = 5
"""Percent of an upload by which a server has to fall behind others before it is listed before them."""


def fleet_line(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """What happens on the operator's machine: the build, its hooks, or "" where there is nothing to say."""
    server = progress.fleet
    if "build" not in server.phases and (not server.hook or progress.finished):
        return ()
    spans: list[Span] = []
    for phase, mark in server.phases.items():
        if phase != "build":  # the others are in every server's row
            continue
        spans += [Span(_glyph(mark, glyphs) + " ", _role(mark)), Span(phase, "strong" if not mark.outcome else "")]
        spans.append(Span(f" {clock(mark.seconds if mark.outcome else max(now - mark.started, 0))}  ", "dim"))
    if server.hook and not progress.finished:
        spans += [Span(f"{server.hook}  ", "accent"), Span(server.said, "dim")]
    return crop(tuple(spans), cells, glyphs.more)


def server_progress_line(
    progress: Progress, name: str, cells: int, now: float, glyphs: Glyphs, name_cells: int, *, signs: bool = False
) -> Line:
    """One server: its name, and what it does right now.

    signs   a sign for each phase before that: of a terminal that has no line for the phases of all servers
    """
    server = progress.of(name)
    shown = shortened(list(progress.servers), name_cells, glyphs.more)[name]
    spans = [*_sign(progress, server, now, glyphs), Span(f"{shown:<{name_cells}}  ", "strong")]
    if signs:
        marks = [progress.mark(name, phase) for phase in progress.phases if phase != "build"]
        spans += [Span(_glyph(mark, glyphs), _role(mark)) for mark in marks]
        spans.append(Span("  "))
    room = cells - width(spans)
    spans += now_spans(progress, server, room, now, glyphs)
    if signs:
        return crop(tuple(spans), cells, glyphs.more)
    return with_phases(tuple(spans), progress, server, cells, glyphs)


def with_phases(spans: Line, progress: Progress, server: ServerProgress, cells: int, glyphs: Glyphs) -> Line:
    """A server's row with the phases that it is through at its end, and their seconds, where there is room."""
    marks = [(phase, progress.mark(server.name, phase)) for phase in progress.phases if phase != "build"]
    told = [f"{phase} {clock(mark.seconds)}" for phase, mark in marks if mark and mark.outcome and mark.seconds >= LONG]
    text = f" {glyphs.dot} ".join(told)
    gap = cells - width(spans) - cell_len(text)
    if progress.finished or not told or gap < PHASES_APART:
        return crop(spans, cells, glyphs.more)
    return (*spans, *line(" " * gap, (text, "dim")))


def by_urgency(progress: Progress, now: float) -> tuple[list[str], list[str]]:
    """The names of the servers on which something happens: those that failed first, then what has stalled, then the
    slowest; and the names of those that wait or are through."""
    urgency = {name: _urgency(progress, server, now) for name, server in progress.servers.items()}
    order = sorted(urgency, key=lambda name: urgency[name])  # stable: else in the order of the configuration
    return [name for name in order if urgency[name] < QUIET], [name for name in order if urgency[name] >= QUIET]


def _urgency(progress: Progress, server: ServerProgress, now: float) -> tuple[float, float]:
    """The lower, the sooner it is to be seen: a class, and a place in it that changes in steps, not with every byte."""
    if server.failed or server.left_out:
        return 0, 0
    if quiet := server.stalled(now):
        return 1, -(quiet // 5)
    phase = progress.running(server.name)
    if phase == "check":
        return (2, -len(server.checks)) if server.check and not server.check.passed else (5, 0)
    if phase == "upload":
        return 3, server.fraction * 100 // STEP
    if server.hook:
        return 4, 0
    return QUIET if server.switched_at or phase in ("", "barrier") else (6, PHASES.index(phase))


def _sign(progress: Progress, server: ServerProgress, now: float, glyphs: Glyphs) -> list[Span]:
    if server.failed or server.left_out:
        return [Span(glyphs.alert + " ", "bad" if server.failed else "warn")]
    if progress.finished:
        good = progress.finished.outcome == "done"
        return [Span((glyphs.done if good else glyphs.skipped) + " ", "ok" if good else "dim")]
    if server.stalled(now):
        return [Span(glyphs.alert + " ", "warn")]
    return [Span(glyphs.busy + " ", "busy")]


def _glyph(mark: PhaseMark | None, glyphs: Glyphs) -> str:
    if mark is None:
        return glyphs.todo
    return {"": glyphs.now, "ok": glyphs.done, "skipped": glyphs.skipped}.get(mark.outcome, glyphs.cross)


def _role(mark: PhaseMark | None) -> str:
    if mark is None:
        return "off"
    return {"": "busy", "ok": "ok", "skipped": "dim"}.get(mark.outcome, "bad")


def now_spans(progress: Progress, server: ServerProgress, cells: int, now: float, glyphs: Glyphs) -> list[Span]:
    """What a server does at this moment, in at most so many cells."""
    if server.left_out:
        return [Span(short(f"left out: {server.left_out}", cells, glyphs.more), "warn")]
    if server.failed:
        return [Span(short(short_tags(server.failed.title), cells, glyphs.more), "bad")]
    phase = progress.running(server.name)
    if progress.finished:
        return _ended(progress, server, cells, glyphs)
    if phase == "upload" and server.total:
        return _upload_spans(server, cells, now, glyphs)
    if server.hook:
        waited = clock(max(now - server.hook_since, 0))
        said = f"  {server.said}" if server.said else ""
        hook = short(server.hook, max(cells // 3, cells - len(waited) - 1 - len(said), 8), glyphs.more)
        room = max(cells - len(hook) - len(waited) - 1, 0)
        return [Span(f"{hook} {waited}", "accent"), Span(short(said, room, glyphs.more), "dim")]
    if phase == "check" and server.check:
        return _check_spans(server, cells, glyphs)
    if server.pruned:
        return [Span(_pruned(server), "")]
    if server.tag and phase in ("", "check", "finish"):
        back = "switched back to" if server.switched_back else "live on"
        return [Span(f"{back} {progress.short(server.tag)}", "warn" if server.switched_back else "ok")]
    if phase in ("", "barrier") and "switch" in progress.phases and progress.is_ready(server):
        if words := waiting_words(progress, server.name):
            return [Span(words, "ok")]
        return [Span("ready", "ok"), Span(", nothing has changed yet", "dim")]
    mark = progress.mark(server.name, phase) if phase else None
    if mark is None:
        return [Span("waiting", "dim")]
    took = now - mark.started
    return [Span(VERBS.get(phase, phase), "busy"), Span(f"  {clock(took)}" if took >= 1 else "", "dim")]


def _pruned(server: ServerProgress) -> str:
    freed = f", freed {size(server.freed)}" if server.freed else ""
    return f"pruned {count(server.pruned, 'release')}{freed}"


def _only_begun(server: ServerProgress) -> bool:
    """Whether all that was done on a server, as far as it was heard, is done before anything is sent or switched."""
    return bool(server.phases) and server.phases.keys() <= {"connect", "begin"}


def _ended(progress: Progress, server: ServerProgress, cells: int, glyphs: Glyphs) -> list[Span]:
    parts = []
    if server.tag:
        parts.append(f"{'back on' if server.switched_back else 'live on'} {progress.short(server.tag)}")
    elif progress.finished and progress.finished.outcome == "needs-person" and not _only_begun(server):
        parts.append("outcome unknown: check which release is live there")
    elif server.stays:
        parts.append("stays as it is")
    elif "switch" in progress.to_come:
        parts.append("not switched" if progress.finished and progress.finished.outcome != "done" else "already live")
    if server.total:
        parts.append(f"sent {size(server.sent)}")
    if server.pruned:
        parts.append(_pruned(server))
    role = "warn" if server.switched_back else "ok" if server.tag else "dim"
    said = short(", ".join(parts) or "done", cells, glyphs.more)
    marks = {
        phase: mark for phase in progress.phases if phase != "build" and (mark := progress.mark(server.name, phase))
    }
    took = ""
    for phase, mark in sorted(marks.items(), key=lambda item: -item[1].seconds):
        longer = f"{took}, {phase} {clock(mark.seconds)}" if took else f"   {phase} {clock(mark.seconds)}"
        if mark.seconds < LONG or len(said) + len(longer) > cells:
            break
        took = longer
    return [Span(said, role), Span(took, "dim")]


def _check_spans(server: ServerProgress, cells: int, glyphs: Glyphs) -> list[Span]:
    """`✗✗✗✓ check 4 of 10: passed in 0.2 s`, the outcomes of the last attempts first."""
    check = server.check
    if check is None:
        return []
    took = f" in {clock(check.seconds)}" if check.seconds >= LONG else ""
    result = f"passed{took}" if check.passed else short_tags(one_line(check.detail)) or "not yet"
    text = f"check {check.attempt} of {check.attempts}: {result}"
    tried = [
        Span(glyphs.done if past.passed else glyphs.cross, "ok" if past.passed else "warn") for past in server.checks
    ]
    room = max(cells - len(tried) - 1, 0)
    return [*tried, Span(" " + short(text, room, glyphs.more), "ok" if check.passed else "warn")]


def _upload_spans(server: ServerProgress, cells: int, now: float, glyphs: Glyphs) -> list[Span]:
    """`████████▌░░░  63 %  36 of 58 MB   12 MB/s   0:02`; the columns depend on the room alone, so that bars of several
    servers are of one length."""
    quiet = server.stalled(now)
    speed, left = server.rate(now), server.seconds_left(now)
    if quiet:
        fact, role = f"stalled {clock(quiet)}", "warn"
    else:
        fact = f"{rate(speed) if speed else '':>8}" + (
            f"{countdown(left) if left is not None else '':>7}" if cells >= ROOMY else ""
        )
        role = ""
    fact_cells = 15 if cells >= ROOMY else 12
    tail = [(f"{server.fraction * 100:3.0f} %", "strong"), (fit(fact, fact_cells), role)]
    if cells >= ROOMY + 20:
        tail.insert(1, (fit(f"{size(server.sent)} of {size(server.total)}", 17), ""))
    if cells >= ROOMY + 50 and server.files_total:
        tail.append((f"{server.files:,} of {count(server.files_total, 'file')}", "dim"))
    bar_cells = min(max(cells - sum(cell_len(text) + 2 for text, _ in tail), 4), 28)
    done, rest = bar(server.fraction, bar_cells, glyphs)
    spans = [Span(done, "warn" if quiet else "busy"), Span(rest, "off")]
    for text, role in tail:
        spans += [Span("  "), Span(text, role)]
    return spans


def status_line(
    progress: Progress, outcome: str, summary: str, cells: int, now: float, glyphs: Glyphs, close: str
) -> Line:
    """The line above the keys: the running operation in short, or how it ended and the key that hides this."""
    if outcome:
        signs = {"done": (glyphs.done, "ok"), "cancelled": (glyphs.alert, "warn")}
        signs["nothing-to-do"] = signs["done"]
        sign, role = signs.get(outcome, (glyphs.cross, "bad"))
        said = short(one_line(summary), max(cells - len(close) - 18, 8), glyphs.more)
        return line((f" {sign} ", role), said, (f"   {close}", "key"), (" hides this", "dim"))
    word, role = state_words(progress)
    frame = glyphs.frames[int(now * 4) % len(glyphs.frames)]
    done = sum(1 for server in progress.servers.values() if server.tag)
    switched = f"   {done} of {count(len(progress.servers), 'server')} switched" if done else ""
    by = f" by {progress.by}" if progress.by else ""
    start = line((f" {frame} ", role), (heading(progress), "strong"), by, (f"  {word} {glyphs.dot} ", role))
    return (*start, *line(clock(progress.seconds(now)), switched))


def activity(progress: Progress, name: str, now: float, glyphs: Glyphs) -> Activity | None:
    """What the servers pane says of a server while an operation runs; None where there is nothing."""
    if progress.finished or name not in progress.servers:
        return None
    server = progress.of(name)
    if server.left_out:
        return Activity("left out", "warn", glyphs.alert)
    if server.failed:
        return Activity(short(short_tags(server.failed.title), 60), "bad", glyphs.alert)
    phase = progress.running(name)
    if phase == "upload" and server.total:
        quiet = server.stalled(now)
        if quiet:
            return Activity(f"stalled {clock(quiet)}", "warn")
        return Activity(f"uploading {server.fraction * 100:.0f} %")
    if phase == "check" and server.check and not server.check.passed:
        return Activity(f"check {server.check.attempt} of {server.check.attempts}")
    if phase not in ("", "barrier"):
        return Activity(VERBS.get(phase, phase))
    return _between_phases(progress, server, glyphs) or (Activity("waiting") if phase else None)


def _between_phases(progress: Progress, server: ServerProgress, glyphs: Glyphs) -> Activity | None:
    """What a server is while nothing is done on it and others are at work; None where that is not known."""
    if server.tag:
        if server.switched_back:
            return Activity(f"back on {progress.short(server.tag)}", "warn", glyphs.back)
        checked = progress.mark(server.name, "check")
        done = ", checked" if checked and checked.outcome == "ok" else ""
        return Activity(f"on {progress.short(server.tag)}{done}", "ok", glyphs.live)
    drained = progress.mark(server.name, "drain")
    if drained and drained.outcome == "ok":
        return Activity("drained", "warn", glyphs.wait)
    if server.planned and server.action == NONE:
        return Activity("stays as it is" if server.stays else "has it already", "dim", glyphs.wait)
    if "switch" in progress.phases and progress.is_ready(server):
        return Activity(waiting_words(progress, server.name) or "ready", "dim", glyphs.wait)
    return None


def notes_lines(progress: Progress, cells: int, glyphs: Glyphs, most: int = 8) -> list[Line]:
    """Warnings that came up on the way, the newest of many; the Log tab has the others."""
    out = []
    if (before := progress.notes_dropped + len(progress.notes) - most) > 0:
        out.append(line((f"{glyphs.alert} {count(before, 'earlier warning')}: in the Log tab", "dim")))
    for note in progress.notes[-most:]:
        place = f"{note.server}: " if note.server else ""
        role = "bad" if note.level == "error" else "warn"
        said = line((f"{glyphs.alert} ", role), (place, "strong"), short_tags(one_line(note.text)))
        out.append(crop(said, cells, glyphs.more))
    return out


def error_lines(error: TurnoutError, cells: int, glyphs: Glyphs, limit: int = 6) -> list[Line]:
    """What happened and where, for one server or several."""
    errors = list(error.errors.values()) if isinstance(error, FleetError) else [error]
    out: list[Line] = []
    for fault in errors[:limit]:
        place = " in ".join(part for part in (fault.server, fault.phase) if part)
        out += labelled("What", short_tags(one_line(fault.title)), cells)
        if place:
            out += labelled("Where", place, cells)
        for text in fault.detail.splitlines()[:12]:
            out += [line(("          " + part, "dim")) for part in wrap(short_tags(text), cells - 10)]
    if len(errors) > limit:
        out.append(line((f"  and {count(len(errors) - limit, 'server')} more", "dim")))
    return out


def more_lines(topic: str, cells: int) -> list[Line]:
    """Where there is more about an error; `topic` "" for nowhere."""
    return labelled("More", more(topic), cells) if topic else []


def labelled(label: str, text: str, cells: int) -> list[Line]:
    """A sentence with its name in front, on as many lines as it takes."""
    parts = wrap(text, cells - 10)
    first = line((f"  {label:<6}  ", "dim"), parts[0])
    return [first, *(line("          ", part) for part in parts[1:])]


def idle_lines(keys: Mapping[str, str], way_back: str = "") -> list[Line]:
    """The Progress tab before anything has run; `way_back`: what undo goes back to now, `back to 9ab01cd`."""
    rows = (
        ("deploy", "deploys a branch, tag or commit"),
        ("rollback", "rolls back to the release under the cursor"),
        ("undo", f"goes {way_back}" if way_back else "goes back to what was live before"),
    )
    out = [line(("Nothing has run since the dashboard was opened.", "dim")), ()]
    return out + [line((f"  {keys[name]}  ", "key"), text) for name, text in rows]
