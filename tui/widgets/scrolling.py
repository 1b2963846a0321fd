"""A view of rows that scroll, whose scroll bar tells where they are."""

from __future__ import annotations

from textual.scroll_view import ScrollView


class Scrolling(ScrollView):
    """Textual moves the bar only while it is seen: one that comes after the rows were scrolled would be at the top."""

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        if shown:
            self.vertical_scrollbar.position = self.scroll_y
