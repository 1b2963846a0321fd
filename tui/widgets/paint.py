"""From the view's lines to Textual's strips and texts: the one place where a role becomes a style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def strip(widget: Widget, spans: Iterable[Span], cells: int, base: Style) -> Strip:
    """A line as a strip of exactly so many cells on a ground; on a reversed one roles lend no colours."""
    if base.reverse:
        segments = [Segment(text, base + Style(bold=role_style(widget, role).bold)) for text, role in spans]
    else:
        segments = [Segment(text, base + role_style(widget, role)) for text, role in spans]
    return Strip(segments).adjust_cell_length(cells, base)


def text_of(widget: Widget, lines: Sequence[Line]) -> Text:
    """Lines as one text, for widgets whose text can be selected. Nothing in it is markup."""
    out = Text(no_wrap=True, end="")
    for index, spans in enumerate(lines):
        if index:
            out.append("\n")
        for text, role in spans:
            out.append(text, role_style(widget, role))
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
