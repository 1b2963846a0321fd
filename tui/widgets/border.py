"""Titles in the borders of panes."""

from __future__ import annotations

from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget


def set_border_title(widget: Widget, title: str | Content) -> None:
    """Another title in a widget's border, which is all that is drawn again. Nothing in a text is markup."""
    content = Content(title) if isinstance(title, str) else title
    shown = widget._border_title
    if shown is None or not content.is_same(shown):
        widget._border_title = content  # by its public name all of the widget would be drawn again
        offset = widget.content_offset
        widget.refresh(Region(-offset.x, -offset.y, widget.outer_size.width, 1))
