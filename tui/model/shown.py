"""The operation that the dashboard shows, ours or somebody else's, and what follows from what it says."""

from __future__ import annotations

from collections.abc import Mapping

from core.events import Event, Switched
from tui.model.fleet_watch import FleetWatch
from tui.model.listener import Listener, Severity
from tui.model.operation import Followed

SEVERITIES: Mapping[str, Severity] = {"done": "information", "nothing-to-do": "information", "cancelled": "warning"}
"""By outcome of an operation; any other is an error."""


class Shown:
    """`operation` is running or ended; None before the first."""

    def __init__(self, fleet_watch: FleetWatch, listener: Listener) -> None:
        self.fleet_watch = fleet_watch
        self.listener = listener
        self.operation: Followed | None = None

    @property
    def runs(self) -> bool:
        """Whether an operation of ours runs."""
        return self.operation is not None and self.operation.ours and not self.operation.outcome

    @property
    def watches(self) -> bool:
        """Whether the running operation of somebody else is shown."""
        return self.operation is not None and not self.operation.ours and not self.operation.outcome

    def begin(self, operation: Followed) -> None:
        """Show an operation that has just begun, or has just been noticed."""
        self.operation = operation
        operation.progress.known = tuple(self.fleet_watch.fleet_view.places)
        self.listener.operation_started()

    def hide(self) -> None:
        """Show none any more."""
        self.operation = None
        self.listener.operation_changed()

    def said(self, events: list[Event]) -> None:
        """Take in what it said: a switch is shown at once, and the next look confirms it."""
        operation = self.operation
        for event in events:
            if isinstance(event, Switched) and operation is not None:
                known = operation.record is not None or event.tag in self.fleet_watch.fleet_view.places
                if known or not event.tag:
                    self.fleet_watch.switched(event.server, event.tag, operation.record)
                else:
                    self.fleet_watch.check(event.server)
        self.listener.operation_said(events)

    def tell_end(self, operation: Followed) -> None:
        """Show and say how an operation ended."""
        self.listener.operation_changed()
        self.listener.operation_told(operation)


def end_notice(operation: Followed) -> tuple[str, str, Severity, float]:
    """How an operation ended, as a notice: text, title, severity, and the seconds for which it is shown."""
    severity = SEVERITIES.get(operation.outcome, "error")
    by = "" if operation.ours else f" by {operation.progress.by}"
    return operation.summary, operation.title + by, severity, 6.0 if severity == "information" else 15.0
