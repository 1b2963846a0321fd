"""Messages that pop up: each stands on the screen once, and only a few, so that they do not hide the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App, ScreenStackError
from textual.css.query import NoMatches
from textual.notifications import Notify
from textual.widgets._toast import Toast, ToastHolder, ToastRack

from tui.widgets.timers import SureTimers

MOST = 4
"""So many stand on the screen at most; the oldest go first."""

if TYPE_CHECKING:
    Base = App[str]
else:
    Base = object


class SureToast(SureTimers, Toast):
    """One that goes, also where its time was over before it came on the screen."""


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

    def _refresh_notifications(self) -> None:
        try:
            rack = self.screen.get_child_by_type(ToastRack)
        except (ScreenStackError, NoMatches):
            return
        self.call_later(self._show_toasts, rack)

    def _show_toasts(self, rack: ToastRack) -> None:
        """Show the messages that stand now, and only them. Textual's own way removes a message that was replaced
        without what holds it, which then stays for good."""
        if not rack.is_attached:
            return
        told = {rack._toast_id(message): message for message in self._notifications}
        rack.display = bool(told)
        shown = {holder.id: holder for holder in rack.query_children(ToastHolder)}
        for name in shown.keys() - told.keys():
            shown[name].remove()
        new = [ToastHolder(SureToast(told[name]), id=name) for name in told if name not in shown]
        if new:
            rack.mount_all(new)
            rack.call_later(rack.scroll_end, animate=False, force=True)
