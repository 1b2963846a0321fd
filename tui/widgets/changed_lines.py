"""Widgets that draw lines refresh only those that changed, and borders only where their title did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    Base = Widget
else:
    Base = object


class ChangedLines(Base):
    """Stands before Textual's class among the bases of a widget whose lines come from `draw_line`."""

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        self._on_screen: dict[int, Strip] = {}

    def draw_line(self, y: int) -> Strip:
        """The line so many lines below the top of what is seen."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        drawn = self._on_screen[y] = self.draw_line(y)
        return drawn

    def refresh_changed(self) -> None:
        """Draw the lines again that differ from what was drawn of them last."""
        height = self.scrollable_content_region.height
        if not height:
            self.refresh()
            return
        before = self._on_screen
        changed = [y for y in range(height) if before.get(y) != self.draw_line(y)]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))


def set_border_title(widget: Widget, title: str) -> None:
    """Another title in a widget's border, which is all that is drawn again. Nothing in it is markup."""
    content = Content(title)
    if content != widget._border_title:
        widget._border_title = content  # the public name would draw all of the widget again
        offset = widget.content_offset
        widget.refresh(Region(-offset.x, -offset.y, widget.outer_size.width, 1))
