"""A screen as text that can be read in a diff: its characters, and below each line a letter for what is not plain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual._context import visible_screen_stack
from textual.color import Color
from textual.pilot import Pilot

from tests.tui.looks import faults, shown_text
from tests.tui.rest import hold_cursors, resized
from tests.tui.running import settled

SIZES = ((60, 16), (80, 24), (120, 34), (160, 45), (200, 60))

NAMES: Mapping[str, str] = {
    "foreground": " ",
    "quiet": "d",
    "off": "f",
    "success": "o",
    "warning": "w",
    "error": "b",
    "primary": "k",
    "secondary": "h",
    "border-blurred": "r",
}
"""By variable of a theme: the letter of what is drawn in that colour. A capital letter is bold, `S` is plain and bold,
`~` is reversed, `e` is the colour of an environment. What lies below a dialog is in none of these colours, and has no
letter. `|` before a line: a part of it has the cursor's ground."""


class Text(SingleFileSnapshotExtension):
    """A snapshot that is a file of text."""

    _write_mode = WriteMode.TEXT
    _file_extension = "txt"


def letter(style: Style | None, letters: Mapping[Any, str]) -> str:
    """The letter of a cell."""
    if style is None:
        return " "
    if style.reverse:
        return "~"
    found = letters.get(_key(style.color), "") if style.color is not None else " "
    if not found:
        return " "
    if style.bold:
        return "S" if found == " " else found.upper()
    return "d" if found == " " and style.dim else found


def _key(colour: Any) -> Any:
    return tuple(colour.triplet) if colour.triplet is not None else ("ansi", colour.number)


def letters_of(app: Any) -> dict[Any, str]:
    """By colour in the theme of an app: its letter. Of two names for one colour the first counts."""
    variables = app.get_css_variables()
    named = {**NAMES, **{name: "e" for name in variables if name.startswith("env-")}}
    out: dict[Any, str] = {("ansi", None): " "}
    for name, sign in named.items():
        out.setdefault(_key(Color.parse(variables[name]).rich_color), sign)
    return out


def lines_of(app: Any, styles: bool) -> Iterator[str]:
    """The lines of the screen; with `styles`, each is followed by its letters where it has any."""
    letters = letters_of(app)
    cursor = Color.parse(app.get_css_variables()["block-cursor-background"])
    grounds = {} if cursor.ansi is not None else {_key(cursor.rich_color)}
    visible_screen_stack.set(app._background_screens)  # else what lies below a dialog is drawn only where it was kept
    for segments in app.screen._compositor.render_strips():
        text = "".join(segment.text for segment in segments)
        yield shown_text(app, text).rstrip()
        if not styles:
            continue
        signs = "".join(
            letter(segment.style, letters) * segment.cell_length
            if segment.text.strip() or _shaped(segment.style)
            else " " * segment.cell_length
            for segment in _joined(segments)
        )
        on_cursor = any(s.style and s.style.bgcolor and _key(s.style.bgcolor) in grounds for s in segments)
        if on_cursor or signs.strip():
            yield ("|" if on_cursor else ":") + signs.rstrip()


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    """Segments that differ only in what a click on them does are one."""
    out: list[tuple[Segment, Style]] = []
    clickable = False
    for text, style, _ in segments:
        drawn = style.clear_meta_and_links() if style else Style.null()
        clicked = bool(style and style.meta.get("@click"))
        if out and out[-1][1] == drawn and clickable != clicked:
            out[-1] = (Segment(out[-1][0].text + text, drawn), drawn)
        else:
            out.append((Segment(text, drawn), drawn))
        clickable = clicked
    return [segment for segment, _ in out]


def _shaped(style: Style | None) -> bool:
    return bool(style and style.reverse)


async def drawn(pilot: Pilot[Any], sizes: Sequence[tuple[int, int]], styled: tuple[int, int] | None) -> str:
    """The screen in each size, one below the other; with letters in the size `styled`. In each the look is kept."""
    hold_cursors(pilot.app)
    out: list[str] = []
    for size in sizes:
        await resized(pilot, *size)
        await settled(pilot)
        out += [f"=== {size[0]}x{size[1]}", *lines_of(pilot.app, size == styled)]
        assert not (wrong := faults(pilot.app)), "\n".join([*wrong, *out])
    return "\n".join(out) + "\n"
