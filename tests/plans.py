"""Plans with the words of their operation, for tests of what a screen shows of them."""

from __future__ import annotations

from typing import Any

from core import Request
from core.jobs import Cancel
from core.operations.operation import Operation, operation_of
from core.plan import Plan
from tests.tui.recorded import RecordedFleet, project


def operation(request: Request) -> Operation[Any]:
    """The operation that the request asks for, in production of the recorded project."""
    recorded = project()
    fleet: Any = RecordedFleet(recorded, recorded.environment("production"), {}, {})
    return operation_of(request)(fleet, request, lambda event: None, Cancel())


def worded(plan: Plan, request: Request) -> Plan:
    """The plan as the operation of this request gives it."""
    return operation(request).worded(plan)
