"""The engine of Turnout: it imports no screen, prints nothing and never asks. docs/library.md shows how it is used.

The names below are what another program may rely on. Each is loaded when it is used first, so `import core` costs
nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.version import VERSION

__version__ = VERSION

__all__ = [
    "AdoptRequest",
    "BlockRequest",
    "Controls",
    "DeployRequest",
    "Fleet",
    "FreezeRequest",
    "Job",
    "PinRequest",
    "Plan",
    "PromoteRequest",
    "PruneRequest",
    "RecoverRequest",
    "Request",
    "Result",
    "RollbackRequest",
    "RunRequest",
    "Settings",
    "TaskRequest",
    "errors",
    "events",
    "examine",
    "execute",
    "interruption",
    "load_project",
    "make_plan",
    "read_history",
    "verify",
    "watch",
]

if TYPE_CHECKING:
    from core import errors, events
    from core.config import load as load_project
    from core.doctor import examine
    from core.fleet import Fleet
    from core.jobs import Controls, Job
    from core.operations.executing import Result, execute, make_plan
    from core.operations.follow import watch
    from core.operations.kinds.adopt import AdoptRequest
    from core.operations.kinds.block import BlockRequest
    from core.operations.kinds.deploy import DeployRequest
    from core.operations.kinds.freeze import FreezeRequest
    from core.operations.kinds.pin import PinRequest
    from core.operations.kinds.promote import PromoteRequest
    from core.operations.kinds.prune import PruneRequest
    from core.operations.kinds.recover import RecoverRequest
    from core.operations.kinds.rollback import RollbackRequest
    from core.operations.kinds.task import RunRequest, TaskRequest
    from core.operations.operation import Request
    from core.operations.past import read_history
    from core.operations.verify import verify
    from core.plan import Plan
    from core.recovery import interruption
    from core.settings import Settings
else:
    _PLACES = {
        "Controls": "core.jobs",
        "Fleet": "core.fleet",
        "Job": "core.jobs",
        "Plan": "core.plan",
        "Request": "core.operations.operation",
        "Result": "core.operations.executing",
        "RunRequest": "core.operations.kinds.task",
        "Settings": "core.settings",
        "examine": "core.doctor",
        "execute": "core.operations.executing",
        "interruption": "core.recovery",
        "load_project": "core.config:load",
        "make_plan": "core.operations.executing",
        "read_history": "core.operations.past",
        "verify": "core.operations.verify",
        "watch": "core.operations.follow",
    }
    """By name: its module, and what it is called there where that is another name. PinRequest is in kinds/pin.py."""

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name in ("errors", "events"):
            return import_module(f"core.{name}")
        kind = f"core.operations.kinds.{name.removesuffix('Request').lower()}"
        module, _, there = _PLACES.get(name, kind).partition(":")
        value = globals()[name] = getattr(import_module(module), there or name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
