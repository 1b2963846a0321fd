"""From the view's lines to Textual's strips and texts: the one place where a role becomes a style."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.view.lines import EDGES, ROLES, Line, Span

if TYPE_CHECKING:
    Base = Widget
else:
    Base = object

ROLE_CLASSES = frozenset(f"role--{role}" for role in (*ROLES, *EDGES))


def role_style(widget: Widget, role: str) -> Style:
    """The style of a role on a widget, without a background of its own."""
    if not role:
        return Style.null()
    return widget.get_component_rich_style(f"role--{role}", partial=True)


@lru_cache(256)
def pressing(key: str) -> Style:
    """What the name of a key carries where it is drawn: a click on it presses the key."""
    return Style(meta={"@click": ("app.press_shown", (key,))})


def styled(widget: Widget, spans: Iterable[Span], *, keys: bool = True) -> Iterator[tuple[str, Style]]:
    """Texts with the styles of their roles; with `keys`, each key that is named is pressed by a click on its name, or
    on what it is said to do."""
    last = ""
    for text, role in spans:
        style = role_style(widget, role)
        if not keys or (role != "key" and not last):
            yield text, style
        elif role != "key":
            yield text, style + pressing(last)
            last = ""
        else:
            for word in re.split(r"(\s+)", text):
                if word:
                    last = last if word.isspace() else word
                    yield word, style if word.isspace() else style + pressing(word)


def strip(widget: Widget, spans: Iterable[Span], cells: int, base: Style, *, keys: bool = True) -> Strip:
    """A line as a strip of exactly so many cells on a ground; on a reversed one roles lend no colours."""
    pieces = styled(widget, spans, keys=keys)
    if base.reverse:
        segments = [Segment(text, base + Style(bold=style.bold, meta=style.meta)) for text, style in pieces]
    else:
        segments = [Segment(text, base + style) for text, style in pieces]
    return Strip(segments).adjust_cell_length(cells, base)


def text_of(widget: Widget, lines: Sequence[Line]) -> Text:
    """Lines as one text, for widgets whose text can be selected. Nothing in it is markup."""
    out = Text(no_wrap=True, end="")
    for index, spans in enumerate(lines):
        if index:
            out.append("\n")
        for text, style in styled(widget, spans):
            out.append(text, style)
    return out


class Drawn(Base):
    """A widget that draws its own strips: anew when the theme changes. A base that comes before Textual's class."""

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()


class Lines(Static):
    """Some lines of the view; redrawn when they, the width or the theme change."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(ROLE_CLASSES)

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.set_reactive(Lines.auto_links, False)  # the name of a key stays in its role's colour
        self._shown: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these lines, unless they are those that are there."""
        if lines != self._shown:
            self._shown = lines
            self.update(text_of(self, lines))

    @property
    def plain(self) -> str:
        """What is shown, as text."""
        return "\n".join("".join(span.text for span in spans) for spans in self._shown)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._shown and self.is_attached:
            self.update(text_of(self, self._shown))
