"""Operations: a request becomes a plan, a plan is executed under the locks of all its servers."""

from core.operations.execute import Result, execute, make_plan
from core.operations.requests import DeployRequest, PinRequest, PruneRequest, RecoverRequest, Request, RollbackRequest

__all__ = [
    "DeployRequest",
    "PinRequest",
    "PruneRequest",
    "RecoverRequest",
    "Request",
    "Result",
    "RollbackRequest",
    "execute",
    "make_plan",
]
