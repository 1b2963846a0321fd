"""The head of a running operation: what it is and how long it still takes, its phases, and the bytes on their way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.plan import DEPLOY, ROLLBACK
from core.text import both, size
from tui.view.formats import clock, countdown, rate, short_tags
from tui.view.glyphs import Glyphs, bar, sparkline
from tui.view.lines import Line, Span, crop, line, short, width
from tui.view.progress import Progress
from tui.view.server_progress import VERBS

BARRIER = "barrier"

BAR_CELLS = (16, 10, 0)
"""Cells of the bar in the heading, the widest that fits."""


def heading(progress: Progress) -> str:
    """`Deploy 3f2c1ab to production`, `Roll production back to 9ab01cd`."""
    return short_tags(progress.title, progress.short)


def name_spans(progress: Progress, glyphs: Glyphs) -> Line:
    """`DEPLOY 3f2c1ab → production`, `ROLL BACK production → 9ab01cd`; of other operations their title."""
    tag = progress.short(progress.tag) or glyphs.more
    arrow = (f" {glyphs.arrow} ", "accent")
    if progress.kind == DEPLOY:
        return line(("DEPLOY ", "head"), (tag, "strong"), arrow, (progress.environment, "strong"))
    if progress.kind == ROLLBACK:
        word = "UNDO ROLLBACK " if progress.takes_back_rollback else "ROLL BACK "
        return line((word, "head"), (progress.environment, "strong"), arrow, (tag, "strong"))
    return line((heading(progress), "strong"))


def title_line(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """`DEPLOY 3f2c1ab → production · Fix cart totals             ETA 0:41  ▐██████████▌·····▏ 63 %`.

    Beside an upload that can be measured its time left, bar and share of all bytes; else where the operation stands.
    """
    name = name_spans(progress, glyphs)
    subject = f" {glyphs.dot} by {progress.by}" if progress.by else ""
    subject += f" {glyphs.dot} {progress.subject}" if progress.subject else ""
    end = _end(progress, cells - width(name) - 2, now, glyphs)
    room = cells - width(name) - width(end) - 2
    subject = short(subject, max(room, 0), glyphs.more) if room > 8 else ""
    gap = max(cells - width(name) - width(line(subject)) - width(end), 1)
    return crop((*name, *line((subject, "dim"), " " * gap), *end), cells, glyphs.more)


def _end(progress: Progress, room: int, now: float, glyphs: Glyphs) -> Line:
    word, role = state_words(progress)
    total = progress.to_send
    uploading = any(server.phase == "upload" for server in progress.servers.values())
    if progress.finished or progress.cancelling or progress.going_back or not uploading or not total:
        whole = f"{word} {glyphs.dot} {clock(progress.seconds(now))}"
        return line((whole if len(whole) <= room else word, role))
    left = progress.seconds_left(now)
    share = progress.sent / total
    percent = (f" {min(share * 100, 100):.0f} %", "strong")
    eta = (f"ETA {countdown(left)}  ", "") if left is not None else ("", "")
    for cells in BAR_CELLS:
        done, rest = bar(share, cells, glyphs)
        spans = line(eta, (done, "busy"), (rest, "off"), percent)
        if width(spans) <= room:
            break
    return spans


def state_words(progress: Progress) -> tuple[str, str]:
    """The state of the operation in a word or two, and its role."""
    if progress.finished:
        outcome = progress.finished.outcome
        return outcome, {"done": "ok", "failed": "bad", "cancelled": "warn"}.get(outcome, "warn")
    if progress.going_back:
        return "going back", "warn"
    if progress.cancelling:
        return "cancelling", "warn"
    if progress.paused:
        return "pausing between batches", "busy"
    moment = progress.hook_moment
    if moment and progress.fleet.phase != "build":
        return f"{moment} hooks", "busy"
    if progress.fleet.phase == BARRIER:
        return "at the barrier", "busy"
    if progress.fleet.phase:
        return VERBS.get(progress.fleet.phase, progress.fleet.phase), "busy"
    phases = Counter(server.phase for server in progress.servers.values() if server.phase)
    if not phases:
        return _between(progress), "busy"
    phase, number = phases.most_common(1)[0]
    rest = len(progress.servers)
    return VERBS.get(phase, phase) + (f" {number} of {rest}" if number < rest else ""), "busy"


def _between(progress: Progress) -> str:
    """What to call the moment between two phases."""
    if progress.switched:
        all_of_them = len(progress.switched) == len(progress.part_in("switch"))
        return "switched" if all_of_them else f"switching {len(progress.switched)} of {len(progress.part_in('switch'))}"
    if progress.reading:
        return f"reading {both(progress.reading)}"
    seen = {phase for server in progress.servers.values() for phase in server.phases}
    return "starting" if not seen else "planning" if seen <= {"connect", "begin"} else "working"


def phase_line(progress: Progress, cells: int, glyphs: Glyphs) -> Line:
    """`connect ✓100 ─ begin ✓100 ─ upload 15/100 ─ stage 3/100 ─┤BARRIER 3/100├─ switch ─ check ─ finish`.

    `15/100`: on so many of the servers that go through the phase it is done. In less room phases that are done lose
    their numbers, then their names; then those that are to come theirs.
    """
    phases = [phase for phase in progress.phases if phase != "build"]
    marks = [_Phase(progress, phase) for phase in phases]
    for level in range(4):
        out = _joined(marks, level, glyphs)
        if width(out) <= cells:
            return out
    return crop(out, cells, glyphs.more)


class _Phase:
    """How far all servers are with one phase."""

    def __init__(self, progress: Progress, phase: str) -> None:
        self.name = phase
        part = progress.part_in(phase)
        marks = [progress.mark(server.name, phase) for server in part]
        self.total = len(part)
        self.done = sum(1 for mark in marks if mark and mark.outcome in ("ok", "skipped"))
        self.failed = sum(1 for mark in marks if mark and mark.outcome == "failed")
        self.running = sum(1 for mark in marks if mark and not mark.outcome)
        if phase == BARRIER and not self.done:
            self.done = len(progress.ready) if any(server.phases for server in part) else 0
            self.running = self.running or self.done

    @property
    def over(self) -> bool:
        return self.done == self.total > 0 and not (self.name == BARRIER and self.running)

    @property
    def role(self) -> str:
        if self.failed:
            return "bad"
        if self.over:
            return "ok"
        return "busy" if self.running or self.done else "off"


def _joined(marks: Sequence[_Phase], level: int, glyphs: Glyphs) -> Line:
    """The phases in a row. level: how much is left out, 0 for nothing."""
    out: list[Span] = []
    for index, mark in enumerate(marks):
        barrier = mark.name == BARRIER
        if index:
            space = " " if level < 2 else ""
            first, last = "" if marks[index - 1].name == BARRIER else space, "" if barrier else space
            out.append(Span(first + glyphs.dash + last, "off"))
        spans = _phase_spans(mark, level, glyphs)
        out += [Span(glyphs.left, mark.role), *spans, Span(glyphs.right, mark.role)] if barrier else spans
    return tuple(out)


def _phase_spans(mark: _Phase, level: int, glyphs: Glyphs) -> list[Span]:
    name = mark.name.upper() if mark.name == BARRIER else mark.name
    if mark.failed:
        return [Span(f"{name} ", "strong"), Span(f"{glyphs.cross}{mark.failed}", "bad")]
    if mark.over:
        number = str(mark.total) if level == 0 and mark.total > 1 else ""
        return [Span(f"{name} " if level < 2 else "", ""), Span(glyphs.done + number, "ok")]
    if mark.running or mark.done:
        number = f" {mark.done}/{mark.total}" if mark.total > 1 else ""
        return [Span(name, "strong"), Span(number, "busy")]
    return [Span(name if level < 3 or mark.name == BARRIER else glyphs.todo, "off")]


def bytes_line(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """`2.6 of 4.1 GB · 96 MB/s ▂▅▇▇▆▇ · 12 s`; () where no server uploads."""
    total = progress.to_send
    if progress.finished or not total or not any(server.phase == "upload" for server in progress.servers.values()):
        return ()
    speed = progress.rate(now)
    parts: list[Span] = list(line((amounts(progress.sent, total), "strong")))
    if speed:
        drawn = sparkline(progress.rates, glyphs)
        parts += line((f" {glyphs.dot} ", "dim"), rate(speed), (f" {drawn}" if drawn else "", "busy"))
    parts += line((f" {glyphs.dot} {clock(progress.seconds(now))} so far", "dim"))
    return crop(tuple(parts), cells, glyphs.more)


def amounts(part: int, whole: int) -> str:
    """`2.6 of 4.1 GB`: the unit once where it is the same; `981 kB of 4.1 GB` where it is not."""
    first, second = size(part), size(whole)
    number, _, unit = first.partition(" ")
    return f"{number} of {second}" if second.endswith(f" {unit}") else f"{first} of {second}"


def folded(progress: Progress, names: Sequence[str], listed: Sequence[str], cells: int, glyphs: Glyphs) -> list[Line]:
    """The servers that have no row of their own, counted by what they do; two sentences a line where they fit.

    listed   those that have a row: the others that do the same are so many more
    """
    seen = {_doing(progress, name) for name in listed}
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_doing(progress, name), []).append(name)
    sentences = [_sentence(progress, what, group, " more" if what in seen else "") for what, group in groups.items()]
    out: list[Line] = []
    half = cells // 2
    for text in sentences:
        spans = line((f"{glyphs.now} ", "accent"), text)
        if out and width(out[-1]) < half - 1 and width(spans) <= half:
            gap = " " * (half - width(out[-1]))
            out[-1] = (*out[-1], Span(gap), *spans)
        else:
            out.append(crop(spans, cells, glyphs.more))
    return out


def _doing(progress: Progress, name: str) -> str:
    """What a server does, in a word that many have in common."""
    server = progress.of(name)
    if server.left_out:
        return "left out"
    if server.failed:
        return "failed"
    if server.switched_back:
        return "back"
    phase = server.phase or progress.fleet.phase
    if phase in ("upload", "drain", "check", "switch", "return"):
        return phase
    if server.switched_at:
        return "switched"
    if phase == BARRIER or (not server.phase and progress.is_ready(server)):
        return "ready"
    return phase or "waiting"


def _sentence(progress: Progress, what: str, names: Sequence[str], more: str) -> str:
    number = len(names)
    if what == "upload":
        shares = sorted(progress.of(name).fraction for name in names)
        return f"{number}{more} uploading, median {shares[number // 2] * 100:.0f} %"
    if what == "check":
        passed = sum(1 for name in names if (check := progress.of(name).check) and check.passed)
        return f"{number}{more} checking" + (f", {passed} passed the last one" if passed else "")
    tag = progress.short(progress.tag)
    words = {
        "ready": f"{number} ready and waiting at the barrier",
        "switched": f"{number}{more} live on {tag}",
        "back": f"{number}{more} switched back",
        "failed": f"{number}{more} failed",
        "left out": f"{number}{more} left out",
    }
    return words.get(what, f"{number}{more} {VERBS.get(what, what)}")
