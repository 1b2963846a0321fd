"""docs/architecture.md names files and pages that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/architecture.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/.-]+\.(?:py|sh)|(?:core|tui|tests|docs|packages|templates)/[\w/.]+)`", TEXT)))
LINKED = sorted(set(re.findall(r"\]\(([\w./-]+\.md)\)", TEXT)))


def test_the_page_names_enough_to_be_worth_checking():
    assert len(NAMED) > 50 and len(LINKED) > 2


@pytest.mark.parametrize("name", NAMED)
def test_each_file_that_the_page_names_exists(name):
    if name.startswith(("core/", "tui/", "tests/", "docs/", "packages/", "templates/")):
        assert (ROOT / name).exists()
    else:
        found = [path for top in ("core", "tui") for path in (ROOT / top).rglob(Path(name).name)]
        assert [path for path in found if path.as_posix().endswith(f"/{name}")]


@pytest.mark.parametrize("name", LINKED)
def test_each_page_that_it_links_exists(name):
    assert (ROOT / "docs" / name).exists()
