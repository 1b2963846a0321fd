"""The guard of screens, dialogs and tabs: a later call finds its widgets there, or does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, cast

from textual import events
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from core.text import clean
from tui.widgets.timers import SureTimers

P = ParamSpec("P")

if TYPE_CHECKING:
    from tui.model.listener import Severity

    Base = Widget
else:
    Base = object


class Telling:
    """What can tell the person something: screens, dialogs, tabs, the app. A base that comes before Textual's class."""

    def notice(self, text: str, title: str = "", severity: Severity = "information", seconds: float = 6.0) -> None:
        """Tell the person something for some seconds; nothing in it is markup."""
        told = cast(Widget, self)
        told.notify(clean(text), title=clean(title), severity=severity, timeout=seconds, markup=False)


class Guarded(Telling, SureTimers, Base):
    """A base of each class that looks for its own parts in a callback; comes before Textual's class.

    Timers and callbacks that a widget gave out still come when it is being removed, and keys come before it is built.
    Both would look for parts that are not there. Callbacks of others (the bridge, a job) go through `while_here`.
    """

    _never_begun = False

    @property
    def is_here(self) -> bool:
        """Whether its parts are there: all were mounted, and none is being removed."""
        return self.is_mounted and self.is_attached and not self.is_going

    @property
    def is_going(self) -> bool:
        """Whether it is being removed, or was."""
        return any(node._closing or node._closed or node._pruning for node in self.ancestors_with_self)

    def while_here(self, work: Callable[P, object]) -> Callable[P, None]:
        """`work`, which does nothing while the parts are not there."""

        @wraps(work)
        def guarded(*args: P.args, **names: P.kwargs) -> None:
            if self.is_here:
                work(*args, **names)

        return guarded

    def _get_dispatch_methods(self, method_name: str, message: Message) -> Iterable[tuple[type, Callable[..., Any]]]:
        """What is mounted while the app ends gets no parts (Textual 8.2): then our classes begin nothing with them, and
        end nothing either."""
        if isinstance(message, events.Mount) and self.app._exit:
            self._never_begun = True
        skipped = self._never_begun and isinstance(message, events.Mount | events.Unmount)
        for kind, method in super()._get_dispatch_methods(method_name, message):
            if not skipped or kind.__module__.startswith("textual."):
                yield kind, method

    def _until_gone(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **names: Any) -> Any:
            return None if self.is_going else work(*args, **names)

        return guarded

    def set_timer(self, delay: float, callback: Callable[..., Any] | None = None, **options: Any) -> Timer:
        return super().set_timer(delay, callback and self._until_gone(callback), **options)

    def set_interval(self, interval: float, callback: Callable[..., Any] | None = None, **options: Any) -> Timer:
        return super().set_interval(interval, callback and self._until_gone(callback), **options)

    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **names: Any) -> bool:
        return super().call_after_refresh(self._until_gone(callback), *args, **names)

    def call_later(self, callback: Callable[..., Any], *args: Any, **names: Any) -> bool:
        # Textual's own waiting for this widget must hear of it, also at its end.
        ours = getattr(callback, "__self__", None) is self
        return super().call_later(self._until_gone(callback) if ours else callback, *args, **names)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key and no click acts on what is half-built or half gone."""
        return self.is_here and super().check_action(action, parameters)
