"""The frame of the dashboard, drawn before all that fills it is loaded."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.theme import Theme

from tui.view.glyphs import Glyphs
from tui.view.lines import crop, line, width


def frame(project: str, environment: str, size: Size, theme: Theme, glyphs: Glyphs) -> list[Segment]:
    """The whole screen: the first line names project and environment, the rest is the ground of the panes."""
    ground, bar = _style(theme, theme.background), _style(theme, theme.panel)
    edge = glyphs.edge
    name = crop(line(f" {project} {f'{edge}{environment}{edge}' if environment else ''}"), size.width, glyphs.more)
    said = "opening "
    gap = size.width - width(name)
    head = "".join(span.text for span in name) + (said.rjust(gap) if gap > len(said) else " " * gap)
    below = Segment(" " * size.width, ground)
    lines = [Segment(head, bar), *[below] * (size.height - 1)]
    return [segment for row in lines for segment in (row, Segment.line())][:-1]


def _style(theme: Theme, ground: str | None) -> Style:
    """The colours of a theme on a ground; the terminal's own where the theme leaves them to it."""
    colours = [colour if colour and colour.startswith("#") else "default" for colour in (theme.foreground, ground)]
    return Style.from_color(*(Color.parse(colour) for colour in colours))
