"""The batches of an operation: those of a plan, and how far they are (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.plan import Plan
from core.strategy import Batch, Strategy
from core.text import count, duration
from tui.view.formats import countdown, listing, range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, line, one_line
from tui.view.progress import Progress

LISTED = 6
"""Batches up to which a plan has a line for each."""


def batch_texts(plan: Plan, *, every: bool = False) -> list[str]:
    """The batches of a plan, in order; of very many the first, and how many more.

    every   none is left out
    """
    if not plan.strategy.rolling:
        return []
    batches = [[name for name in batch if name in plan.moving] for batch in plan.batches]
    batches = [batch for batch in batches if batch]
    shown = batches if every or len(batches) <= LISTED else batches[: LISTED - 1]
    out = [f"{number}{_canary(plan.strategy, number)}: {_servers(batch)}" for number, batch in enumerate(shown, 1)]
    if rest := batches[len(shown) :]:
        out.append(f"{len(shown) + 1} to {len(batches)}: {_servers([name for batch in rest for name in batch])}")
    between = "a person is asked between two of them" if plan.strategy.hold else ""
    between = between or (f"{duration(plan.strategy.pause)} between two of them" if plan.strategy.pause else "")
    return [*out, between] if between and len(batches) > 1 else out


def _canary(strategy: Strategy, number: int) -> str:
    return " (canary)" if number == 1 and strategy.canary is not None else ""


def _servers(names: Sequence[str]) -> str:
    label = range_name([one_line(name) for name in names])
    if label.endswith("servers"):
        return listing([one_line(name) for name in names], 8)
    return f"{label} ({len(names)})" if len(names) > 1 else label


def left_out_texts(left_out: Mapping[str, str]) -> list[str]:
    """Who takes no part, and why."""
    return [f"{one_line(name)} is left out: {one_line(why)}" for name, why in left_out.items()]


def batch_line(progress: Progress, cells: int, now: float, glyphs: Glyphs) -> Line:
    """`batch 2 of 4 ✓▸·· web2, web3`, or the pause after it with its countdown; () where all switch at once."""
    batch, paused = progress.batch, progress.paused
    if batch is None or batch.batches < 2 or progress.finished:
        return ()
    if progress.going_back:
        return line(("batches ", "dim"), ("go back, the last one first", "warn"))
    marks = _marks(progress, glyphs)
    if paused is not None:
        left = max(paused.until - now, 0.0)
        said = line(f"batch {paused.number} of {paused.batches} is live ", *marks, "  next one in ")
        return crop((*said, Span(countdown(left), "strong")), cells, glyphs.more)
    said = line("batch ", (str(batch.number), "strong"), f" of {batch.batches} ", *marks, "  ")
    return crop((*said, Span(_servers(batch.servers), "accent")), cells, glyphs.more)


def _marks(progress: Progress, glyphs: Glyphs) -> list[Span]:
    """A sign for each batch: live, under way, to come."""
    assert progress.batch is not None
    number, ended = progress.batch.number, progress.paused is not None
    out = []
    for place in range(1, progress.batch.batches + 1):
        over = place < number or (place == number and ended)
        sign = glyphs.done if over else glyphs.now if place == number else glyphs.todo
        out.append(Span(sign, "ok" if over else "busy" if place == number else "off"))
    return out if len(out) <= 24 else []


def waiting_words(progress: Progress, name: str) -> str:
    """What a server waits for that is staged: its batch; "" where all switch at once, or it is its turn."""
    number = _number(progress.batches, name)
    if len(progress.batches) < 2 or not number or (progress.batch and number <= progress.batch.number):
        return ""
    return f"ready for batch {number} of {len(progress.batches)}"


def _number(batches: Sequence[Batch], name: str) -> int:
    return next((number for number, batch in enumerate(batches, 1) if name in batch), 0)


def left_out_line(progress: Progress) -> Line:
    """`1 server left out: web5`; () where none is."""
    out = [server.name for server in progress.servers.values() if server.left_out]
    return line((f"{count(len(out), 'server')} left out: {listing(out)}", "warn")) if out else ()
