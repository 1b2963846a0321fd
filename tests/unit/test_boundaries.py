"""What loads what: the engine never loads the screen, and the command starts without what it may not need."""

from __future__ import annotations

import ast
import graphlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import core
import tui

SCREEN = {"textual", "rich", "tui"}
NETWORK = {"paramiko", "fabric", "invoke", "asyncssh"}
PURE = [
    "core.errors",
    "core.events",
    "core.text",
    "core.manifest",
    "core.records",
    "core.plan",
    "core.planner.deploy",
    "core.planner.oddities",
    "core.planner.prune",
    "core.planner.rollback",
    "core.retention",
    "core.disk_space",
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


def test_nothing_loads_pydantic() -> None:
    """It costs a quarter of a second, whatever its models are."""
    assert "pydantic" not in loaded_by(*ENGINE, "tui.app", "tui.cli.command", "tui.screens.dashboard")


@pytest.mark.parametrize("module", PURE)
def test_pure_code_does_not_load_the_network(module: str) -> None:
    assert loaded_by(module) & (NETWORK | SCREEN) == set()


def test_the_command_starts_without_the_screen_the_models_and_the_network() -> None:
    assert loaded_by("tui.cli") & (NETWORK | {"textual", "rich", "msgspec"}) == set()


def test_the_plan_of_the_screen_is_computed_without_the_screen() -> None:
    assert loaded_by("tui.view") & (NETWORK | {"textual"}) == set()


def imports(package: Path) -> dict[str, set[str]]:
    """By module of a package: the modules of it that it imports, also those that only types need."""
    files = {_module(file, package.parent): file for file in package.rglob("*.py")}
    imported: dict[str, set[str]] = {}
    for name, file in files.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                names |= below & files.keys() or {node.module}
        imported[name] = names & files.keys() - {name}
    return imported


def _module(file: Path, top: Path) -> str:
    parts = file.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("package", [core, tui], ids=["core", "tui"])
def test_no_module_is_in_a_circle(package: ModuleType) -> None:
    imported = imports(Path(package.__path__[0]))
    assert imported["tui.app" if package is tui else "core.operations.executing"], "nothing was read"
    list(graphlib.TopologicalSorter(imported).static_order())


def test_the_first_paint_waits_for_nothing_that_fills_the_screen() -> None:
    program = "import sys, tui.app; print(*(name for name in sys.modules if name.startswith(('core.', 'tui.'))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "tui.app" in loaded
    assert not [
        name for name in loaded if name.startswith(("tui.screens", "tui.dialogs", "tui.palette", "core.records"))
    ]
    assert loaded & {"tui.model.workspace", "tui.commands.registry", "core.events", "core.plan"} == set()
