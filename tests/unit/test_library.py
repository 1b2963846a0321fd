"""`import core`: exactly the names that docs/library.md lists, loaded one by one, with types."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import core

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/library.md").read_text("utf-8")


def typed() -> dict[str, tuple[str, str]]:
    """By public name, as type checkers see it: the module, and what it is called there."""
    tree = ast.parse((REPOSITORY / "core/__init__.py").read_text("utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_the_public_names_are_those_of_the_page() -> None:
    (table,) = re.findall(r"^\| name \|.*?\n\n", PAGE, flags=re.MULTILINE | re.DOTALL)
    first_cells = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)", cell)}
    also = {name for name in core.__all__ if re.search(rf"`{name}`", table)}
    assert named | also == set(core.__all__)


def test_the_public_names_are_those_that_have_types() -> None:
    assert sorted(typed()) == sorted(core.__all__)
    assert len(set(core.__all__)) == len(core.__all__)


@pytest.mark.parametrize("name", core.__all__)
def test_each_public_name_is_what_its_type_says(name: str) -> None:
    module, there = typed()[name]
    if module == "core":
        assert getattr(core, name) is import_module(f"core.{name}")
    else:
        assert getattr(core, name) is getattr(import_module(module), there)


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError, match="Flete"):
        core.Flete  # type: ignore[attr-defined]  # noqa: B018
    assert set(core.__all__) <= set(dir(core))


def test_importing_it_loads_nothing_of_it_but_the_version() -> None:
    program = "import sys, core; print([name for name in sys.modules if name.startswith('core.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout == "['core.version']\n"


def test_importing_names_changes_nothing_of_the_process() -> None:
    """Tricks of imports are the command's own: another program has its own reasons for what it loads."""
    program = (
        "import os, sys; before = dict(os.environ); import unittest.mock as mock; import core\n"
        "[getattr(core, name) for name in core.__all__]\n"
        "import core.remote.session\n"
        "assert dict(os.environ) == before and sys.modules['unittest.mock'] is mock\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=REPOSITORY)


def test_both_packages_say_that_they_are_typed() -> None:
    assert (REPOSITORY / "core/py.typed").exists() and (REPOSITORY / "tui/py.typed").exists()


def test_scripts_that_use_the_public_names_have_types(tmp_path: Path) -> None:
    scripts = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    scripts.append("import core\n" + "".join(f"reveal_type(core.{name})\n" for name in core.__all__))
    files = [tmp_path / f"script{number}.py" for number in range(len(scripts))]
    for file, script in zip(files, scripts, strict=True):
        file.write_text(script)
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert len(revealed) == len(core.__all__) and not [text for text in revealed if text in ("Any", "object")]
