"""What loads what: the engine never loads the screen, and the command starts without what it may not need."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import core

SCREEN = {"textual", "rich", "tui"}
NETWORK = {"paramiko", "fabric", "invoke", "asyncssh"}
PURE = [
    "core.errors",
    "core.events",
    "core.text",
    "core.manifest",
    "core.records",
    "core.plan",
    "core.planner",
    "core.retention",
    "core.room",
    "core.masking",
    "core.jobs",
]
ENGINE = sorted(module.name for module in pkgutil.walk_packages(core.__path__, "core."))
REPORT = "import json, sys; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def loaded_by(*modules: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after it imported modules."""
    program = "\n".join([*(f"import {module}" for module in modules), REPORT])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_engine_loads_nothing_of_the_screen() -> None:
    assert {"core.operations", "core.remote", "core.config", "core.fleet"} <= set(ENGINE)
    assert loaded_by(*ENGINE) & SCREEN == set()


@pytest.mark.parametrize("module", PURE)
def test_pure_code_loads_neither_network_nor_models(module: str) -> None:
    assert loaded_by(module) & (NETWORK | SCREEN | {"pydantic"}) == set()


def test_the_command_starts_without_the_screen_the_models_and_the_network() -> None:
    assert loaded_by("tui.cli") & (NETWORK | {"textual", "rich", "pydantic"}) == set()


def test_the_plan_of_the_screen_is_computed_without_the_screen() -> None:
    assert loaded_by("tui.view") & (NETWORK | {"textual"}) == set()
