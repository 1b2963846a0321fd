"""Links that lead into releases/: what any of them leads to may be served, so it is named, and never removed."""

from __future__ import annotations

import os

import pytest

from tests.shell.test_locking import TOKEN, begun


@pytest.fixture
def held(agent, root):
    """An agent that holds the lock of a root with the releases 1 to 4, without `current`."""
    begun(agent)
    for tag in "1234":
        (root / "releases" / tag / "public").mkdir(parents=True)
    return agent


def test_every_link_in_the_root_below_it_and_beside_it_is_named(held, root):
    (root / "www").mkdir()
    links = {
        root / "live": "releases/2",
        root / ".hidden": str(root / "releases/2/public"),
        root / "www/html": "../releases/3",
        root.parent / "site": "shop/releases/1",
    }
    for place, target in links.items():
        place.symlink_to(target)
    for place, target in {root / "away": "/tmp", root / "gone": "releases/9", root / "up": "releases"}.items():
        place.symlink_to(target)
    named = dict(reversed(line.split(" ")) for line in held.done("state").of("linked"))
    assert named == {"live": "2", ".hidden": "2", "www/html": "3", str(root.parent / "site"): "1"}


def test_a_link_through_current_is_not_named(held, root):
    (root / "current").symlink_to("releases/4")
    (root.parent / "html").symlink_to("shop/current/public")
    assert held.done("state").of("linked") == []


def test_what_a_link_leads_to_is_not_removed_whatever_was_planned(held, root):
    (root / "live").symlink_to("releases/2")
    reply = held.ask("remove", TOKEN, "yes", "1", "2")
    assert reply.of("removed") == ["1"] and reply.of("kept") == ["2"]
    assert any("the link live leads to it" in line for line in reply.lines)
    (root / "current").symlink_to("releases/4")
    held.done("finish", TOKEN, "none", "", "-", "2", "3")
    assert sorted(os.listdir(root / "releases")) == ["2", "4"]


def test_a_switch_keeps_the_form_of_the_link(held, root):
    for form in (f"{root}/releases/", "./releases/", "../shop/releases/", "releases/"):
        (root / "current").unlink(missing_ok=True)
        (root / "current").symlink_to(f"{form}1")
        said = held.done("state").of("form")
        assert said == ([] if form == "releases/" else [form])
        held.done("switch", TOKEN, "2", f"{form}1", "{}")
        assert os.readlink(root / "current") == f"{form}2"
        held.done("restore", TOKEN, f"{form}1", "{}", f"{form}2")
        assert os.readlink(root / "current") == f"{form}1"
        held.done("restore", TOKEN, f"{form}3", "{}")
        assert os.readlink(root / "current") == f"{form}3"


def test_an_undo_leads_nowhere_outside(held, root):
    (root / "current").symlink_to(f"{root}/releases/1")
    for target in ("../../etc", "releases/../..", f"{root}/releases/../x", f"{root}/releases/9"):
        assert held.ask("restore", TOKEN, target, "{}").status != 0
        assert os.readlink(root / "current") == f"{root}/releases/1"


def test_an_operation_that_prunes_writes_its_end(held, root):
    (root / "current").symlink_to("releases/4")
    (root / "live").symlink_to("releases/2")
    line = '{"what": "end", "outcome": "done"}'
    held.done("finish", TOKEN, "all", line, "-", "1", "2")
    assert (root / ".turnout/journal.jsonl").read_text() == f"{line}\n"
