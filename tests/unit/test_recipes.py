"""The pages of docs/recipes: their turnout.toml is valid as it stands there, and each page has all that it needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from core.config import parse
from core.settings import Settings
from tests.recipes import pages

TESTS = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[1] / "recipes").glob("test_*.py"))


@pytest.mark.parametrize("name", pages.names())
def test_its_turnout_toml_is_valid(name):
    page = pages.read(name)
    whole = re.findall(r"^```toml\n(.*?)^```", page.text, re.MULTILINE | re.DOTALL)
    assert page["turnout.toml"] == whole[0]
    settings = Settings(environ={"NOTIFY_URL": "json://chat.example.com/"})
    for text in whole:
        complete = text if text.startswith("project = ") else f"{page['turnout.toml']}\n{text}"
        assert parse(complete, Path("turnout.toml"), settings).environment("production").servers


@pytest.mark.parametrize("name", pages.names())
def test_it_has_all_parts_in_order(name):
    headings = re.findall(r"^## (.*)", pages.read(name).text, re.MULTILINE)
    assert [heading for heading in headings if heading in pages.HEADINGS] == list(pages.HEADINGS)


@pytest.mark.parametrize("name", pages.names())
def test_its_commands_are_shell_and_a_test_does_them(name):
    page = pages.read(name)
    for block in page.commands.values():
        subprocess.run(["sh", "-n"], input=block.encode(), check=True)
    assert f'@page("{name}")' in TESTS


def test_the_list_has_every_page():
    assert sorted(re.findall(r"\]\((.*)\.md\)", (pages.FOLDER / "README.md").read_text("utf-8"))) == pages.names()
