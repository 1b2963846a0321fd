"""The field in which the filter of a list is typed, and the filters as they are."""

from __future__ import annotations

from collections.abc import Callable

from textual.widgets import Input

EXAMPLES = {"servers": "web state:behind", "releases": "cart state:failed"}
"""By list: what a filter may look like."""


class FilterField(Input):
    """`texts`: the filter of each list by its name, "" for none. `typing`: the list whose filter is being typed, or "".

    narrowed   is called where another text filters a list      left   with the list whose filter was typed
    """

    def __init__(self, narrowed: Callable[[], None], left: Callable[[str], None], id: str) -> None:
        super().__init__(id=id, compact=True)
        self._narrowed = narrowed
        self._left = left
        self.texts = dict.fromkeys(EXAMPLES, "")
        self.typing = ""

    def on_mount(self) -> None:
        self.display = False

    def open(self, pane: str) -> None:
        """Let the filter of a list be typed."""
        self.typing = pane
        self.placeholder = f"filter {pane}, such as {EXAMPLES[pane]}: Enter keeps it, Escape clears it"
        self.value = self.texts[pane]
        self.display = True
        self.focus()

    def clear_of(self, pane: str) -> bool:
        """Show all of a list again, and stop typing; whether there was anything to leave."""
        had = bool(self.typing or self.texts.get(pane))
        if had:
            self._narrow(pane, "")
            self._leave()
        return had

    def start_over(self) -> None:
        """Nothing is filtered any more."""
        self.texts = dict.fromkeys(self.texts, "")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.typing:
            self._narrow(self.typing, event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave()

    def _narrow(self, pane: str, text: str) -> None:
        if self.texts[pane] != text:
            self.texts[pane] = text
            self._narrowed()

    def _leave(self) -> None:
        if self.typing:
            pane, self.typing = self.typing, ""
            self.display = False
            self._left(pane)
