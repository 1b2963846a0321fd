"""Timers that come once, whatever time they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.timer import Timer

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    Base = MessagePump
else:
    Base = object


class SureTimers(Base):
    """A base of what sets timers, before Textual's class: each is called once, also where its time has passed.

    Textual leaves out the calls that are late. For a timer with one call that means: it is never called, where another
    thread ran for as long as it was to wait; and with a time below zero its loop never ends, and blocks the whole app.
    """

    def set_timer(self, delay: float, callback: Callable[..., Any] | None = None, **options: Any) -> Timer:
        timer = super().set_timer(delay, callback, **options)
        timer._skip = False
        return timer
