"""How an operation ended, said once: what is live now, what it took, or what failed and was put back; and what next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec.structs import replace

from core.errors import ALL_BACK, NONE_SWITCHED, FleetError, LockedError, StateChanged, TurnoutError
from core.text import count, duration, size
from tui.view.batch_lines import left_out_line
from tui.view.formats import clock, countdown, listing, short_tags
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.lines import Line, Span, crop, line, one_line, plain, width, wrap
from tui.view.operation_lines import amounts
from tui.view.progress import Progress
from tui.view.progress_lines import LONG, error_lines, labelled
from tui.view.server_progress import ServerProgress
from tui.view.topics import more

BAR_CELLS = 8
"""Cells of the bar of the phase that took longest."""

SLOW = 1.5
"""Times the median from which the slowest server is named."""

SLOW_SECONDS = 1.0
"""Seconds above the median below which no server is called slow."""

TEXT_CELLS = 100
"""Width of the receipt that is copied."""

BETWEEN = ("connect", "begin", "barrier", "finish")
"""Phases that are worth a word only where they took their time."""

EXCEPTIONS = 8
"""Servers that are named where they are not as the others, however many there are."""

GOOD = ("done", "nothing-to-do")


def receipt_lines(
    progress: Progress,
    error: TurnoutError | None,
    cells: int,
    glyphs: Glyphs,
    keys: Mapping[str, str],
    topic: str = "",
) -> list[Line]:
    """The end of an operation; nothing before it.

    keys    by id: what is pressed to go on from here: `undo`, `changes`, `copy-receipt`; those that are not there are
            not offered
    topic   the section of the runbook that has more about the error
    """
    finished = progress.finished
    if finished is None and error is None:
        return []
    if finished is None or finished.outcome not in GOOD:
        return [*_bad_end(progress, error, cells, glyphs), *_keys(progress, cells, glyphs, keys, topic)]
    if finished.outcome != "done" or "switch" not in progress.phases:
        parts = wrap(short_tags(one_line(finished.summary), progress.short), cells - 2)
        took = f"  in {took_words(finished.seconds)}" if finished.outcome == "done" else ""
        first = line((f"{glyphs.done} ", "ok"), parts[0], (took if len(parts) == 1 else "", "dim"))
        return [crop(first, cells, glyphs.more), *(line("  ", part) for part in parts[1:])]
    out = flow(_good_parts(progress, glyphs), cells, glyphs, indent=0)
    out += flow(_phase_parts(progress, glyphs), cells, glyphs)
    if out_line := left_out_line(progress):
        out.append(crop((Span("  "), *out_line), cells, glyphs.more))
    out += flow([*_sent(progress), *_checks(progress), *_slowest(progress), *_pruned(progress)], cells, glyphs)
    return out + _keys(progress, cells, glyphs, keys)


def took_words(seconds: float) -> str:
    """`0.3 s`, `41 s`, `1:42`."""
    return clock(seconds) if seconds < 99.5 else countdown(seconds)


def flow(parts: Sequence[Line], cells: int, glyphs: Glyphs, indent: int = 2) -> list[Line]:
    """Parts beside each other, as many in a line as fit."""
    out: list[Line] = []
    for part in parts:
        if out and width(out[-1]) + 3 + width(part) <= cells:
            out[-1] = (*out[-1], Span("   "), *part)
        else:
            out.append(line(" " * indent, *part))
    return [crop(spans, cells, glyphs.more) for spans in out]


def _good_parts(progress: Progress, glyphs: Glyphs) -> list[Line]:
    """`✓ 3f2c1ab LIVE on 100 in 1:42`, `was 9ab01cd (lived 2 h)`."""
    assert progress.finished is not None  # receipt_lines
    live = [server for server in progress.servers.values() if _live_now(progress, server) == progress.tag]
    where = live[0].name if len(live) == 1 else str(len(live))
    was = progress.short(progress.live)
    lived = f" (lived {duration(progress.lived)})" if progress.lived else ""
    took = f" on {where} in {took_words(progress.finished.seconds)}"
    out = [line((f"{glyphs.done} ", "ok"), (progress.short(progress.tag), "strong"), (" LIVE", "ok"), took)]
    out += [line(f"  {text}") for text in _elsewhere(progress)]
    return [*out, line((f"  was {was}{lived}", "dim"))] if was and progress.live != progress.tag else out


def _elsewhere(progress: Progress) -> list[str]:
    """`a111111 on web3`: servers that the plan led to other releases, or left as they were, by name."""
    groups: dict[str, list[ServerProgress]] = {}
    for server in progress.servers.values():
        if server.planned and (tag := _live_now(progress, server)) != progress.tag:
            groups.setdefault(tag, []).append(server)
    return [f"{progress.short(tag) or 'nothing'} on {_names(group)}" for tag, group in groups.items()]


def _live_now(progress: Progress, server: ServerProgress) -> str:
    """What is live on a server as far as the operation says; "" where that is not known."""
    if server.switched_at:
        return server.tag
    return server.before


def span_of(progress: Progress, phases: Iterable[str]) -> float:
    """Seconds from the first server's start of these phases to the last one's end."""
    every = (progress.fleet, *progress.servers.values())
    marks = [mark for server in every for phase in phases if (mark := server.phases.get(phase)) and mark.outcome]
    if not marks:
        return 0.0
    return max(mark.started + mark.seconds for mark in marks) - min(mark.started for mark in marks)


def _phase_parts(progress: Progress, glyphs: Glyphs) -> list[Line]:
    """Each phase that was worth a word, with its seconds and a bar beside those of the others."""
    took = {phase: span_of(progress, (phase,)) for phase in progress.phases}
    longest = max(took.values(), default=0.0)
    out = []
    for phase, seconds in took.items():
        if seconds >= (SLOW_SECONDS if phase in BETWEEN else LONG):
            cells = int(seconds / longest * BAR_CELLS + 0.5)
            out.append(line(f"{phase} {took_words(seconds)} ", (glyphs.full * cells or glyphs.parts[:1], "busy")))
    return out


def _sent(progress: Progress) -> list[Line]:
    sent = progress.sent
    if not sent:
        return []
    receivers = sum(1 for server in progress.servers.values() if server.total)
    whole = progress.content * receivers
    return [line("sent ", (amounts(sent, whole) if whole > sent else size(sent), "strong"))]


def _slowest(progress: Progress) -> list[Line]:
    """The server that kept the others waiting, by how much, and why."""
    took: dict[str, dict[str, float]] = {}
    for server in progress.servers.values():
        took[server.name] = {phase: mark.seconds for phase, mark in server.phases.items() if mark.outcome}
    if len(took) < 2:
        return []
    totals = {name: sum(phases.values()) for name, phases in took.items()}
    usual, slowest = median(totals.values()), max(totals, key=lambda name: totals[name])
    more = totals[slowest] - usual
    if more < SLOW_SECONDS or totals[slowest] < SLOW * usual:
        return []
    usual_of = {phase: median([phases.get(phase, 0.0) for phases in took.values()]) for phase in took[slowest]}
    phase = max(took[slowest], key=lambda phase: took[slowest][phase] - usual_of[phase])
    stalled = progress.servers[slowest].stalled_for
    why = f"{phase}, stalled {clock(stalled)}" if stalled and phase == "upload" else phase
    return [line("slowest ", (slowest, "strong"), f" +{took_words(more)}", (f" ({why})", "dim"))]


def _checks(progress: Progress) -> list[Line]:
    marks = [mark for server in progress.servers.values() if (mark := server.phases.get("check"))]
    if not marks:
        return []
    good = sum(1 for mark in marks if mark.outcome == "ok")
    return [line("checks ", (f"{good}/{len(marks)}", "ok" if good == len(marks) else "bad"))]


def _pruned(progress: Progress) -> list[Line]:
    servers = [server for server in progress.servers.values() if server.pruned]
    if not servers:
        return []
    most = max(server.pruned for server in servers)
    return [line(f"pruned {count(most, 'release')} on {count(len(servers), 'server')}")]


def _keys(progress: Progress, cells: int, glyphs: Glyphs, keys: Mapping[str, str], topic: str = "") -> list[Line]:
    """What a person may want to press now, and where there is more about what failed."""
    says = {"undo": f"undo{_price_of_undo(progress)}", "changes": "changes", "copy-receipt": "copy for the channel"}
    # After a first deploy there is nothing to go back to, and nothing to compare it with.
    from_another = any(server.before or not server.planned for server in progress.switched)
    if progress.finished is None or progress.finished.outcome != "done" or not from_another:
        del says["undo"]
    if not from_another:
        del says["changes"]
    parts = [line((keys[name], "key"), f" {text}") for name, text in says.items() if name in keys]
    return flow([*parts, line(("more: ", "dim"), more(topic))] if topic else parts, cells, glyphs)


def _price_of_undo(progress: Progress) -> str:
    """What this operation's own switch and checks took, and that nothing travels, where that is known."""
    befores = {server.before for server in progress.switched}
    if befores != {progress.live} or not progress.live:
        return ""
    seconds = span_of(progress, ("switch", "check"))
    return f" (~{took_words(seconds)}, nothing to send)" if seconds >= LONG else " (nothing to send)"


def _bad_end(progress: Progress, error: TurnoutError | None, cells: int, glyphs: Glyphs) -> list[Line]:
    """What failed where, what was put back, what is live now, and what to do next."""
    finished = progress.finished
    cancelled = finished is not None and finished.outcome == "cancelled"
    undecided = finished is not None and finished.outcome == "needs-person"
    word = "CANCELLED" if cancelled else "NEEDS A PERSON" if undecided else "FAILED"
    sign = glyphs.back if progress.came_back and not undecided else glyphs.cross
    role = "warn" if cancelled else "bad"
    after = f" after {took_words(finished.seconds)}" if finished else ""
    tag = progress.short(progress.tag)
    name = f"{progress.kind.upper()} {tag}".rstrip() if progress.kind else "OPERATION"
    out = [line((f"{sign} {name} {word}", role), after)]
    if error is not None and not cancelled:
        out += error_lines(error, cells, glyphs)
    if undecided:
        out += labelled("State", short_tags(finished.summary, progress.short) if finished else "", cells)
    elif finished is not None:
        out += labelled("Back", _put_back(progress), cells)
    live = "" if error is not None and _ended_unseen(error) else _live_words(progress)
    out += labelled("Live", live, cells) if live else []
    hint = error.hint if error is not None and error.hint not in (ALL_BACK, NONE_SWITCHED) else ""
    if undecided and not hint:
        hint = "check which release is live on each server, then recover what was interrupted"
    if isinstance(error, FleetError):
        hint = next((fault.hint for fault in error.errors.values() if fault.hint), "") or hint
    return out + labelled(
        "Next", hint or ("nothing needs to be done" if cancelled else "the Log tab has every line"), cells
    )


def _put_back(progress: Progress) -> str:
    """What became of the servers that were switched."""
    back, left = progress.came_back, progress.switched
    parts = []
    if back:
        parts.append(f"{_names(back)} switched back")
    if left:
        parts.append(f"{_exceptions(left)} NOT switched back")
    return ", ".join(parts) or "nothing was switched, so nothing had to be put back"


def _ended_unseen(error: TurnoutError) -> bool:
    """Whether it ended before the servers were found to be as the plan says: others may have changed them since."""
    return isinstance(error, LockedError | StateChanged) or error.phase in ("connect", "begin")


def _live_words(progress: Progress) -> str:
    """`9ab01cd on 3 servers`; where servers differ, those of each release by name."""
    groups: dict[str, list[ServerProgress]] = {}
    for server in progress.servers.values():
        if server.planned or server.switched_at:
            groups.setdefault(_live_now(progress, server), []).append(server)
    largest = max(groups.values(), key=len, default=[])
    return ", ".join(
        f"{progress.short(tag) or 'nothing'} on "
        + (count(len(group), "server") if group is largest else _exceptions(group))
        for tag, group in groups.items()
    )


def _exceptions(servers: Sequence[ServerProgress]) -> str:
    return listing([server.name for server in servers], EXCEPTIONS)


def _names(servers: Sequence[ServerProgress]) -> str:
    return listing([server.name for server in servers]) if len(servers) <= 4 else count(len(servers), "server")


def receipt_text(progress: Progress, error: TurnoutError | None, project: str, who: str) -> str:
    """The receipt in plain text, for the team's channel.

    who   who ran it: `ana@laptop`
    """
    lines = receipt_lines(progress, error, TEXT_CELLS, replace(UNICODE, full="", parts=""), {})
    told = [plain(spans).strip() for spans in lines]
    if progress.finished and progress.finished.outcome in GOOD:
        told = [re.sub(" {3,}", ", ", text) for text in told]
    first, *rest = [" ".join(text.split()) for text in told]
    about = f" {UNICODE.dot} ".join(part for part in (progress.subject, f"by {progress.by or who}") if part)
    return "\n".join([f"{project} {progress.environment}: {first}", *(f"  {text}" for text in (about, *rest))])
