"""Keys one after the other: each is handled when everything that the one before it began is done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.app import App
from textual.message import Message
from textual.message_pump import MessagePump

from tui.model.keystrokes import PASTED, Keystrokes, are_text
from tui.widgets.guard import Telling

SOON = 0.01
"""Seconds between two looks whether a new screen is built."""

LATE = 0.25
"""Seconds after which a key is handled even if the end of the one before is unknown: its widget is gone."""

OTHER_BUTTONS = (2, 3)
"""The middle and the right button of the mouse, with which people paste and open menus: they do nothing, least of all
agree to a plan."""

if TYPE_CHECKING:
    Base = App[str]
else:
    Base = object


OF_TEXT = "turnout_of_text"
"""An attribute of keys that were read together with so many others that they are a text."""


def is_of_text(event: events.Key) -> bool:
    """Whether a text may have such a key."""
    return event.is_printable or event.key in ("enter", "tab")


def mark_texts(read: Iterable[Message]) -> None:
    """Mark the keys that came in one piece where they are a text. For the thread that reads the terminal: only there
    is it known what comes together, before the first key acts."""
    keys = [event for event in read if isinstance(event, events.Key) and is_of_text(event)]
    if are_text([event.key for event in keys]):
        for event in keys:
            setattr(event, OF_TEXT, True)


class Passed(Message):
    """Follows a key on its way: through the widget with the focus and up to the app."""


class KeysInOrder(Base):
    """A base of the app, before Textual's App, which remembers when keys came.

    A key goes from widget to widget until one acts on it, and what it does may take some more steps: the focus moves
    into a field, a dialog is built. Keys that are typed faster than that would still go where the focus was, and act
    there: `/P` would prune. So they wait.

    Text that is pasted into a terminal which does not say so comes as keys: it goes into a field, or nowhere. What is
    read in one piece is known to be a text before its first key acts (`mark_texts`); of a text that comes in many small
    pieces the first keys cannot be told from fast fingers and a slow connection.
    """

    changing: Collection[str] = ()
    """Keys that change servers."""

    moving: Collection[str] = ()
    """Keys that only move the cursor: where the connection is slow, many of them come at once."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    """Seconds that never go back, by which keys are timed."""

    def __init__(self, *args: Any, **names: Any) -> None:
        super().__init__(*args, **names)
        self.keystrokes = Keystrokes()
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._passing: Passed | None = None
        self._looking_again = False

    async def on_event(self, event: events.Event) -> None:
        if event.is_forwarded:
            await super().on_event(event)
        elif isinstance(event, events.Key | events.Paste):
            self._waiting.append(event)
            await self._next_keys()
        elif isinstance(event, events.MouseDown | events.MouseUp) and event.button in OTHER_BUTTONS:
            event.stop()
        else:
            if isinstance(event, events.MouseDown):
                self.keystrokes.point(self._came(event))
            await super().on_event(event)

    def _came(self, event: events.Event) -> float:
        """When the terminal sent an event, by our clock; it may have waited since then."""
        return self.clock() - max(time.monotonic() - event.time, 0.0)

    async def _next_keys(self) -> None:
        while self._waiting:
            if self._passing is not None:
                self._look_again(LATE, self._passing)
                return
            if not self.screen.is_mounted:
                self._look_again(SOON, None)
                return
            event = self._waiting.popleft()
            target: MessagePump = self.focused or self.screen
            if isinstance(event, events.Key):
                self.keystrokes.press(event.key, self._came(event))
                if self._is_pasted(event):
                    cast(Telling, self).notice(PASTED, severity="warning", seconds=3)
                    continue
            await super().on_event(event)
            self._passing = Passed()
            if not target.post_message(self._passing):
                self._passing = None

    def _is_pasted(self, event: events.Key) -> bool:
        """Whether a key is part of a text that was not meant for what has the focus."""
        keys = self.keystrokes
        pasted = keys.pasted if event.key in self.changing else keys.text
        pasted = pasted or hasattr(event, OF_TEXT)
        if not (pasted and is_of_text(event)) or event.key in self.moving:
            return False
        from textual.widgets import Input, TextArea  # the first paint does without

        return not isinstance(self.focused, Input | TextArea)

    def _look_again(self, seconds: float, passing: Passed | None) -> None:
        async def look() -> None:
            self._looking_again = False
            if self._passing is passing:
                self._passing = None
            await self._next_keys()

        if not self._looking_again:
            self._looking_again = True
            self.set_timer(seconds, look)

    def on_passed(self, message: Passed) -> None:
        # The app has looked at the key by now, or does so before this: what moves the focus is called after that.
        self.call_later(self._after, message)

    async def _after(self, message: Passed) -> None:
        if message is self._passing:
            self._passing = None
            await self._next_keys()
