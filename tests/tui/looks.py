"""What a picture must not have in the look that the terminal asked for, computed from every cell of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.segment import Segment
from textual.color import Color
from textual.geometry import Region

from tui.theme import contrast
from tui.view.glyphs import ASCII

TEXT, MARK = 4.5, 3.0
"""The least contrast of text, and of signs that are not text (WCAG 2.2, 1.4.3 and 1.4.11)."""

OF_SIXTEEN = {1, 2, 3, 4, 5, 6, 12, 13}
"""The colours of 16 that are no background anywhere: not black, not white, no grey, and two bright ones."""

BARE = " ░"
"""What is no sign: a space, and the part of a bar that is still empty."""


def faults(app: Any) -> list[str]:
    """Every cell that breaks a promise of the look, in words; each kind of fault once for a text."""
    found = {fault for segment in _segments(app) for fault in _faults(app, segment)}
    return sorted(found)


def shown_text(app: Any, text: str) -> str:
    """A text as it is sent to the terminal: in ASCII with other signs in place of Textual's own."""
    return text.translate(app.instead) if app.instead else text


def _segments(app: Any) -> Iterator[Segment]:
    """The segments of the screen; where a dialog lies over it, those of the dialog."""
    screen = app.screen
    box = next(iter(screen.query("#box")), None) if screen.is_modal else screen
    region = box.region if box is not None else Region()
    for strip in screen._compositor.render_strips()[region.y : region.bottom]:
        yield from strip.crop(region.x, region.right)


def _faults(app: Any, segment: Segment) -> Iterator[str]:
    text, style = shown_text(app, segment.text), segment.style
    if app.glyphs is ASCII and not text.isascii():
        yield f"{text!r} is not ASCII"
    if style is None:
        return
    colours = {name: colour for name in ("color", "bgcolor") if (colour := getattr(style, name)) is not None}
    coloured = {name: colour for name, colour in colours.items() if not colour.is_default}
    if app.no_color and coloured:
        yield f"{text!r} is {', '.join(f'{name} {colour.name}' for name, colour in coloured.items())}"
    elif app.native_ansi_color:
        yield from (f"{text!r} is {c.name}" for c in coloured.values() if c.number not in OF_SIXTEEN)
    elif text.strip(BARE):
        yield from _too_faint(text, colours)


def _too_faint(text: str, colours: Mapping[str, Any]) -> Iterator[str]:
    if len(colours) < 2:
        yield f"{text!r} has {' and '.join(colours) or 'nothing'} only"
        return
    ratio = contrast(*(Color.from_rich_color(colour) for colour in colours.values()))
    if ratio < (TEXT if any(sign.isalnum() for sign in text) else MARK):
        yield f"{text!r} has a contrast of {ratio:.1f}"
