"""How an operation's progress is drawn: one line a server, a summary above, a readable panel where it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from core.errors import FleetError, TurnoutError
from core.text import count, size
from tui.view.fleet import Activity
from tui.view.formats import clock, rate, short_tag, short_tags
from tui.view.glyphs import Glyphs, bar
from tui.view.lines import Line, Span, crop, fit, line, one_line, short, wrap
from tui.view.progress import VERBS, PhaseMark, Progress, ServerProgress

LONG = 0.1
"""Seconds from which a phase that has ended is worth its place in a line."""

NOW_CELLS = 34
"""Cells that what a server does right now needs at least, beside phases that are written out."""


def title_line(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """`Deploy 3f2c1ab to production · Fix cart totals             uploading · 12 s`."""
    left = heading(progress)
    word, role = state_words(progress)
    end = f"{word} {glyphs.dot} {clock(progress.seconds(now))}"
    subject = f" {glyphs.dot} by {progress.by}" if progress.by else ""
    subject += f" {glyphs.dot} {progress.subject}" if progress.subject else ""
    room = cells - len(left) - len(end) - 2
    subject = short(subject, max(room, 0), glyphs.more) if room > 8 else ""
    gap = max(cells - len(left) - len(subject) - len(end), 1)
    return crop(line((left, "strong"), (subject, "dim"), " " * gap, (end, role)), cells, glyphs.more)


def heading(progress: Progress) -> str:
    """`Deploy 3f2c1ab to production`, `Roll production back to 9ab01cd`."""
    return short_tags(progress.title)


def state_words(progress: Progress) -> tuple[str, str]:
    """The state of the operation in a word or two, and its role."""
    if progress.finished:
        outcome = progress.finished.outcome
        return outcome, {"done": "ok", "failed": "bad", "cancelled": "warn"}.get(outcome, "warn")
    if progress.cancelling:
        return "cancelling", "warn"
    if progress.fleet.phase:
        return VERBS.get(progress.fleet.phase, progress.fleet.phase), "busy"
    phases = Counter(server.phase for server in progress.servers.values() if server.phase)
    if not phases:
        return "starting", "busy"
    phase, number = phases.most_common(1)[0]
    rest = len(progress.servers)
    return VERBS.get(phase, phase) + (f" {number} of {rest}" if number < rest else ""), "busy"


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
    """One server: its phases with ticks and seconds, then what it does right now.

    signs   the phases without their names, also where these would fit: what it does now gets the room
    """
    server = progress.of(name)
    spans = [*_sign(progress, server, glyphs), Span(fit(name, name_cells, glyphs.more) + "  ", "strong")]
    phases = [phase for phase in progress.phases if phase != "build"]
    room = cells - name_cells - 4 - NOW_CELLS
    plain = sum(len(phase) + 4 for phase in phases)
    if room >= plain and not signs:
        spans += _long_phases(progress, name, phases, glyphs, seconds=room >= plain + 5 * len(phases))
    else:
        spans += [
            Span(_glyph(progress.mark(name, phase), glyphs), _role(progress.mark(name, phase))) for phase in phases
        ]
        spans.append(Span("  "))
    room = cells - sum(len(span.text) for span in spans)
    return crop((*spans, *now_spans(progress, server, room, now, glyphs)), cells, glyphs.more)


def _sign(progress: Progress, server: ServerProgress, glyphs: Glyphs) -> list[Span]:
    if server.failed:
        return [Span(glyphs.alert + " ", "bad")]
    if progress.finished:
        good = progress.finished.outcome == "done"
        return [Span((glyphs.done if good else glyphs.skipped) + " ", "ok" if good else "dim")]
    return [Span(glyphs.busy + " ", "busy")]


def _glyph(mark: PhaseMark | None, glyphs: Glyphs) -> str:
    if mark is None:
        return glyphs.todo
    return {"": glyphs.now, "ok": glyphs.done, "skipped": glyphs.skipped}.get(mark.outcome, glyphs.cross)


def _role(mark: PhaseMark | None) -> str:
    if mark is None:
        return "off"
    return {"": "busy", "ok": "ok", "skipped": "dim"}.get(mark.outcome, "bad")


def _long_phases(progress: Progress, name: str, phases: Sequence[str], glyphs: Glyphs, *, seconds: bool) -> list[Span]:
    """`✓ connect 0.2  ✓ begin 0.1  ▸ upload  · stage  …`, in columns that do not move."""
    spans = []
    for phase in phases:
        mark = progress.mark(name, phase)
        taken = ""
        if seconds:
            taken = (
                clock(mark.seconds).removesuffix(" s").rjust(5)
                if mark and mark.outcome in ("ok", "failed")
                else " " * 5
            )
        spans += [
            Span(_glyph(mark, glyphs) + " ", _role(mark)),
            Span(phase, "off" if mark is None else "strong" if not mark.outcome else ""),
            Span(taken, "dim"),
            Span("  "),
        ]
    return spans


def now_spans(progress: Progress, server: ServerProgress, cells: int, now: float, glyphs: Glyphs) -> list[Span]:
    """What a server does at this moment, in at most so many cells."""
    if server.failed:
        return [Span(short(server.failed.title, cells, glyphs.more), "bad")]
    phase = progress.running(server.name)
    if progress.finished:
        return _ended(progress, server, cells, glyphs)
    if phase == "upload" and server.total:
        return _upload_spans(server, cells, now, glyphs)
    if server.hook:
        waited = clock(max(now - server.hook_since, 0))
        said = f"  {server.said}" if server.said else ""
        return [
            Span(f"{server.hook} {waited}", "accent"),
            Span(short(said, max(cells - len(server.hook) - 8, 0), glyphs.more), "dim"),
        ]
    if phase == "check" and server.check:
        check = server.check
        result = "passed" if check.passed else one_line(check.detail) or "not yet"
        text = f"check {check.attempt} of {check.attempts}: {result}"
        return [Span(short(text, cells, glyphs.more), "ok" if check.passed else "warn")]
    if server.pruned:
        return [Span(_pruned(server), "")]
    if server.tag and phase in ("", "check", "finish"):
        back = "switched back to" if server.switched_back else "live on"
        return [Span(f"{back} {short_tag(server.tag)}", "warn" if server.switched_back else "ok")]
    mark = progress.mark(server.name, phase) if phase else None
    if mark is None:
        return [Span("waiting", "dim")]
    took = now - mark.started
    return [Span(VERBS.get(phase, phase), "busy"), Span(f"  {clock(took)}" if took >= 1 else "", "dim")]


def _pruned(server: ServerProgress) -> str:
    freed = "" if server.freed is None else f", freed {size(server.freed)}"
    return f"pruned {count(server.pruned, 'release')}{freed}"


def _ended(progress: Progress, server: ServerProgress, cells: int, glyphs: Glyphs) -> list[Span]:
    parts = []
    if server.tag:
        parts.append(f"{'back on' if server.switched_back else 'live on'} {short_tag(server.tag)}")
    elif progress.finished and progress.finished.outcome == "needs-person":
        parts.append("outcome unknown: check which release is live there")
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


def _upload_spans(server: ServerProgress, cells: int, now: float, glyphs: Glyphs) -> list[Span]:
    """`████████▌░░░  63 %  36 of 58 MB  12 MB/s  2 s left`; what fits, the most useful first."""
    percent = f"{server.fraction * 100:3.0f} %"
    quiet = server.stalled(now)
    facts = []
    if quiet:
        facts.append((f"stalled {clock(quiet)}", "warn"))
    else:
        left = server.seconds_left(now)
        speed = server.rate(now)
        facts += [(rate(speed).rjust(8), "")] if speed else []
        facts += [(f"{clock(max(left, 0.1))} left".rjust(10), "")] if left is not None else []
    amounts = (f"{size(server.sent):>6} of {size(server.total)}", "")
    tail = [(percent, "strong"), *facts]
    if cells >= 60:
        tail.insert(1, amounts)
    if cells >= 84 and server.files_total:
        tail.append((f"{server.files:,} of {count(server.files_total, 'file')}", "dim"))
    bar_cells = min(max(cells - sum(len(text) + 2 for text, _ in tail), 0), 28)
    while bar_cells < 6 and len(tail) > 1:
        dropped = tail.pop()
        bar_cells = min(bar_cells + len(dropped[0]) + 2, 28)
    done, rest = bar(server.fraction, max(bar_cells, 4), glyphs)
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
    if server.failed:
        return Activity(short(server.failed.title, 60), "bad", glyphs.alert)
    phase = progress.running(name)
    if phase == "upload" and server.total:
        quiet = server.stalled(now)
        if quiet:
            return Activity(f"stalled {clock(quiet)}", "warn")
        return Activity(f"uploading {server.fraction * 100:.0f} %")
    if phase == "check" and server.check and not server.check.passed:
        return Activity(f"check {server.check.attempt} of {server.check.attempts}")
    if server.tag and phase == "barrier":
        return Activity("switched", "ok", glyphs.live)
    return Activity("waiting" if phase == "barrier" else VERBS.get(phase, phase)) if phase else None


def notes_lines(progress: Progress, cells: int, glyphs: Glyphs) -> list[Line]:
    """Warnings that came up on the way, the newest of many; the Log tab has the others."""
    out = []
    if (before := progress.notes_dropped + len(progress.notes) - 8) > 0:
        out.append(line((f"{glyphs.alert} {count(before, 'earlier warning')}: in the Log tab", "dim")))
    for note in progress.notes[-8:]:
        place = f"{note.server}: " if note.server else ""
        role = "bad" if note.level == "error" else "warn"
        out.append(crop(line((f"{glyphs.alert} ", role), (place, "strong"), one_line(note.text)), cells, glyphs.more))
    return out


def end_lines(progress: Progress, error: TurnoutError | None, cells: int, glyphs: Glyphs) -> list[Line]:
    """How it ended: one line where it went well; what, where, the state left and what to do next where it did not."""
    finished = progress.finished
    if finished is None and error is None:
        return []
    if finished is not None and finished.outcome in ("done", "nothing-to-do"):
        parts = wrap(one_line(finished.summary), cells - 2)
        return [line((f"{glyphs.done} ", "ok"), parts[0]), *(line("  ", part) for part in parts[1:])]
    out: list[Line] = []
    cancelled = finished is not None and finished.outcome == "cancelled"
    undecided = finished is not None and finished.outcome == "needs-person"
    role = "warn" if cancelled else "bad"
    word = "cancelled" if cancelled else "needs a person" if undecided else "failed"
    out.append(line((f"{glyphs.cross} {progress.kind.capitalize()} {word}", role)))
    if error is not None and not cancelled:
        out += error_lines(error, cells, glyphs)
    if finished is not None and finished.summary:
        out += _labelled("State", finished.summary, cells)
    hint = error.hint if error is not None else ""
    if undecided and not hint:
        hint = "check which release is live on each server, then recover what was interrupted"
    if isinstance(error, FleetError):
        hint = hint or next((fault.hint for fault in error.errors.values() if fault.hint), "")
    out += _labelled("Next", hint or ("nothing needs to be done" if cancelled else "the Log tab has every line"), cells)
    return out


def error_lines(error: TurnoutError, cells: int, glyphs: Glyphs, limit: int = 6) -> list[Line]:
    """What happened and where, for one server or several."""
    errors = list(error.errors.values()) if isinstance(error, FleetError) else [error]
    out: list[Line] = []
    for fault in errors[:limit]:
        place = " in ".join(part for part in (fault.server, fault.phase) if part)
        out += _labelled("What", one_line(fault.title), cells)
        if place:
            out += _labelled("Where", place, cells)
        for text in fault.detail.splitlines()[:12]:
            out += [line(("          " + part, "dim")) for part in wrap(text, cells - 10)]
    if len(errors) > limit:
        out.append(line((f"  and {count(len(errors) - limit, 'server')} more", "dim")))
    return out


def _labelled(label: str, text: str, cells: int) -> list[Line]:
    parts = wrap(text, cells - 10)
    first = line((f"  {label:<6}  ", "dim"), parts[0])
    return [first, *(line("          ", part) for part in parts[1:])]


def idle_lines(keys: Mapping[str, str]) -> list[Line]:
    """The Progress tab before anything has run."""
    rows = (
        ("deploy", "deploys a branch, tag or commit"),
        ("rollback", "rolls back to the release under the cursor"),
        ("undo", "goes back to what was live before"),
    )
    out = [line(("Nothing has run since the dashboard was opened.", "dim")), ()]
    return out + [line((f"  {keys[name]}  ", "key"), text) for name, text in rows]
