"""The names of a deploy root: the shell programs use the same ones, and the engine takes them from one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core import layout

CORE = Path(__file__).parents[2] / "core"
NAMES = [
    layout.RELEASES,
    layout.CURRENT,
    layout.SHARED,
    layout.CACHE,
    layout.OWN,
    layout.LOCK,
    layout.INCOMING,
    layout.RECORDS,
    layout.TRANSITIONS,
    layout.PROBE,
]
WRITTEN = re.compile(r"(\.turnout|deploy-cache|releases)(/\S*)?")


def constants(file: Path) -> list[str]:
    """The texts of a module, without docstrings and the like."""
    tree = ast.parse(file.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    literals = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value.decode("latin-1") if isinstance(node.value, bytes) else str(node.value) for node in literals]


@pytest.mark.parametrize("name", NAMES)
def test_the_shell_programs_know_each_name(name: str) -> None:
    text = "\n".join(file.read_text("utf-8") for file in sorted((CORE / "remote/shell").glob("*.sh")))
    text = text.replace('"$own"', layout.OWN).replace("$own", layout.OWN).replace('"', "")
    assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w-])", text)


def test_a_live_release_is_where_current_leads() -> None:
    assert layout.release("v1") == "releases/v1"
    assert layout.half_made("v1") == ".turnout/incoming/v1"


def test_no_other_module_writes_these_names_by_itself() -> None:
    written = {
        f"{file.relative_to(CORE)}: {text}"
        for file in CORE.rglob("*.py")
        if file.name != "layout.py"
        for text in constants(file)
        if WRITTEN.fullmatch(text)
    }
    assert written == set()
