"""Messages that pop up: each stands on the screen once, and only a few, so that they do not hide the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App
from textual.notifications import Notify

MOST = 4
"""So many stand on the screen at most; the oldest go first."""

if TYPE_CHECKING:
    Base = App[str]
else:
    Base = object


class FewToasts(Base):
    """A base of the app, before Textual's App."""

    def _on_notify(self, event: Notify) -> None:
        """Show a message in place of the same one, and of those that are too many. Textual would stack them all: a key
        that is held would cover the screen."""
        event.prevent_default()
        new = event.notification
        shown = list(self._notifications)
        same = [old for old in shown if (old.message, old.title) == (new.message, new.title)]
        others = [old for old in shown if old not in same]
        for old in (*same, *others[: max(len(others) + 1 - MOST, 0)]):
            del self._notifications[old]
        self._notifications.add(new)
        self._refresh_notifications()
