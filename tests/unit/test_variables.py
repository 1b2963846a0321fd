"""The variables of hooks and checks: what is set, what the table says, and what the page lists are the same."""

from __future__ import annotations

import re
from pathlib import Path

from core import variables
from core.variables import EVERYWHERE, IN_A_BATCH, ON_A_SERVER, VARIABLES
from tests.tui.recorded import record

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_what_is_set_is_what_the_table_says():
    everywhere = {
        **variables.of_operation("shop", "production", "deploy", "ana@laptop", ""),
        **variables.of_release("r1", record(0), "r0", ["web1", "web2"]),
    }
    assert list(everywhere) == [each.name for each in VARIABLES if each.where == EVERYWHERE]
    assert everywhere["TURNOUT_SERVERS"] == "web1 web2"
    on_a_server = variables.of_server("web1", "/srv/shop", "r1", "/srv/shop/live")
    assert list(on_a_server) == [each.name for each in VARIABLES if each.where == ON_A_SERVER]
    assert on_a_server["TURNOUT_RELEASE_PATH"] == "/srv/shop/releases/r1"
    assert variables.of_server("web1", "/srv/shop", "", "/srv/live")["TURNOUT_RELEASE_PATH"] == "/srv/live"
    in_a_batch = variables.of_batch(["web1", "web2"], 2, 3)
    assert list(in_a_batch) == [each.name for each in VARIABLES if each.where == IN_A_BATCH]


def test_the_page_has_the_table():
    rows = re.findall(r"^\| `(TURNOUT_\w+)` \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(each.name, each.where, each.meaning) for each in VARIABLES]
