"""Environments side by side: what runs in those that are not shown."""

from __future__ import annotations

from collections.abc import Sequence

from core.text import count
from tui.view.formats import clock
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, line
from tui.view.progress import Progress
from tui.view.progress_lines import heading, state_words


def elsewhere_line(running: Sequence[tuple[str, Progress]], cells: int, now: float, glyphs: Glyphs, key: str) -> Line:
    """`◐ Deploy 3f2c1ab to staging · uploading · 12 s   e shows it`, and how many more run.

    running   by environment: operations that run in environments that are not shown
    """
    name, progress = running[0]
    word, role = state_words(progress)
    by = f" {glyphs.dot} by {progress.by}" if progress.by else ""
    more = f", and {count(len(running) - 1, 'other operation')}" if len(running) > 1 else ""
    spans = line(
        (f" {glyphs.busy} ", "busy"),
        (heading(progress) or name, "strong"),
        (f"{by} {glyphs.dot} ", "dim"),
        (word, role),
        (f" {glyphs.dot} {clock(progress.seconds(now))}{more}   ", "dim"),
        Span(key, "key"),
        (" shows it", "dim"),
    )
    return crop(spans, cells, glyphs.more)
