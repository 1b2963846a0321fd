"""Each kind of operation says what screens call it, and is found by its request."""

from __future__ import annotations

import pytest

import core
from core import (
    AdoptRequest,
    BlockRequest,
    DeployRequest,
    FreezeRequest,
    PinRequest,
    PromoteRequest,
    PruneRequest,
    RecoverRequest,
    Request,
    RollbackRequest,
    RunRequest,
    TaskRequest,
    config,
)
from core.errors import UsageError
from core.events import PHASES
from core.operations.operation import operation_of
from tests.plans import operation

WORDS = {
    DeployRequest(): ("deploy", "Deploy", "Deploy to production", "Deploy r1 to production"),
    PromoteRequest("staging"): (
        "promote",
        "Promote",
        "Promote from staging to production",
        "Promote r1 from staging to production",
    ),
    RollbackRequest(): ("rollback", "Roll back", "Roll production back", "Roll production back to r1"),
    PruneRequest(): ("prune", "Prune", "Prune on production", "Prune on production"),
    PruneRequest(("r1",), cache=True): ("prune", "Prune", "Prune on production", "Prune on production"),
    PruneRequest(keep=3, cache=True): ("prune", "Prune", "Prune on production", "Prune on production"),
    PruneRequest(cache=True): (
        "clear-cache",
        "Clear",
        "Clear the deploy-cache on production",
        "Clear the deploy-cache on production",
    ),
    AdoptRequest(): ("adopt", "Adopt", "Adopt the releases of production", "Adopt the releases of production"),
    AdoptRequest(undo=True): (
        "adopt",
        "Undo",
        "Take the adopted records of production back",
        "Take the adopted records of production back",
    ),
    PinRequest("r1"): ("pin", "Pin", "Pin r1 on production", "Pin r1 on production"),
    PinRequest("r1", pinned=False): ("unpin", "Unpin", "Unpin r1 on production", "Unpin r1 on production"),
    BlockRequest("r1"): ("block", "Block", "Block r1 on production", "Block r1 on production"),
    BlockRequest("r1", blocked=False): ("unblock", "Unblock", "Unblock r1 on production", "Unblock r1 on production"),
    FreezeRequest(): ("freeze", "Freeze", "Freeze production", "Freeze production"),
    FreezeRequest(frozen=False): ("thaw", "Thaw", "Thaw production", "Thaw production"),
    TaskRequest("restart"): ("task", "Run", "Run task restart on production", "Run task restart on production"),
    RunRequest("uptime"): ("run", "Run", "Run the command on production", "Run the command on production"),
    RecoverRequest("finish"): (
        "recover",
        "Finish",
        "Finish the interrupted operation on production",
        "Finish the interrupted operation on production",
    ),
    RecoverRequest("undo"): (
        "recover",
        "Undo",
        "Undo the interrupted operation on production",
        "Undo the interrupted operation on production",
    ),
}


@pytest.mark.parametrize("request_", WORDS, ids=str)
def test_every_request_is_called_by_its_own_words(request_: Request) -> None:
    kind, verb, title, title_of_release = WORDS[request_]
    asked = operation(request_)
    assert (asked.kind(request_), asked.verb, asked.title(), asked.title("r1")) == (kind, verb, title, title_of_release)


def test_every_request_of_the_library_has_an_operation() -> None:
    requests = [name for name in core.__all__ if name.endswith("Request") and name != "Request"]
    assert len(requests) == 11
    made = {type(request): request for request in WORDS}
    for name in requests:
        assert operation_of(made[getattr(core, name)]).__module__.startswith("core.operations.kinds.")


@pytest.mark.parametrize("request_", WORDS, ids=str)
def test_the_phases_to_come_are_in_their_order(request_: Request) -> None:
    phases = operation(request_).phases
    assert phases == tuple(phase for phase in PHASES if phase in phases) and {"connect", "begin", "finish"} <= {*phases}


@pytest.mark.parametrize("tag", ["", "../r1", "a b", "x" * 101])
def test_a_word_that_cannot_be_a_tag_is_refused_by_every_operation(tag: str) -> None:
    for request in (DeployRequest(tag=tag), RollbackRequest(tag), PinRequest(tag), PruneRequest((tag,))):
        with pytest.raises(UsageError, match="cannot be a release's tag"):
            operation(request).check()


def test_batches_have_phases_of_their_own_where_there_are_hooks_for_them() -> None:
    deploy = operation(DeployRequest())
    assert not {"drain", "return"} & set(deploy.phases_here)
    drain = config.Hook(on="drain", run="true")
    deploy.fleet.project = deploy.fleet.project.replace(hooks=(drain,))
    assert "drain" not in deploy.phases_here  # all at once
    deploy.fleet.environment = deploy.fleet.environment.replace(strategy="rolling")
    assert "drain" in deploy.phases_here and "return" not in deploy.phases_here
    at_once = operation(DeployRequest(at_once=True))
    at_once.fleet.environment = deploy.fleet.environment
    assert not at_once.strategy.rolling
