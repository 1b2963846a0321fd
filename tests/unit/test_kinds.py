"""Each kind of hook and of check is a module named after it, with all that the engine asks of it."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import core.checks
import core.hooks
from core.checks import attempts
from core.config import Check, Hook
from core.config.table import Table

HOOKS = (Hook(on="prepare", run="make"), Hook(on="success", webhook="https://chat.example.com/"))
CHECKS = (Check(http="http://127.0.0.1/"), Check(run="true"), Check(log="access.log", bake=1))
OTHERS = {"attempts", "expected", "subject"}
"""What checks of all kinds share."""


def modules(package: ModuleType) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def test_there_is_a_module_for_each_kind_and_no_other() -> None:
    assert modules(core.hooks) == {hook.kind for hook in HOOKS}
    assert modules(core.checks) == {check.kind for check in CHECKS} | OTHERS
    assert set(Hook.kinds.values()) == modules(core.hooks)
    assert set(Check.kinds.values()) == modules(core.checks) - OTHERS


class _Ping(Check):
    """A check with a key that nobody has given a kind."""

    ping: str | None = None


def test_a_key_that_nobody_gave_a_kind_is_refused():
    with pytest.raises(ValueError, match='needs "http", "run" or "log"'):
        _Ping.read({"ping": "web1"})


@pytest.mark.parametrize("table", [_Ping.unchecked(ping="web1"), Hook.unchecked(on="prepare")])
def test_what_has_no_kind_does_not_run_as_a_command(table: Table) -> None:
    assert isinstance(table, (Check, Hook))
    with pytest.raises(ValueError, match="not enough values"):
        _ = table.kind


@pytest.mark.parametrize(
    ("module", "kind"),
    [(f"core.hooks.{hook.kind}", core.hooks.Kind) for hook in HOOKS]
    + [(f"core.checks.{check.kind}", attempts.Kind) for check in CHECKS],
)
def test_a_module_offers_what_its_kind_promises(module: str, kind: type) -> None:
    promised = {name: function for name, function in vars(kind).items() if name[0] != "_" and callable(function)}
    assert len(promised) == 2
    for name, function in promised.items():
        offered = inspect.signature(getattr(import_module(module), name))
        _self, *parameters = inspect.signature(function).parameters.values()
        assert [str(parameter) for parameter in offered.parameters.values()] == [str(taken) for taken in parameters]
        assert offered.return_annotation == inspect.signature(function).return_annotation
