"""Which release, server or operation a word means: whole names, short ones, and what is said of others."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.errors import UsageError
from core.history import Entry, History
from core.names import find, resolve
from core.planner.naming import release_named, releases_meant
from tests.tui.recorded import REVISIONS, record, state, tag
from tui.view.names import short_tags_of, shortened

SERVERS = ("web-eu-1", "web-eu-2", "web-us-1")


def named(word: str, **changes: object) -> str:
    return release_named(word, [state("web1", **changes)], "production")


@pytest.mark.parametrize("word", [tag(2), REVISIONS[2], REVISIONS[2] + "000", REVISIONS[2][:4], f"2026…{REVISIONS[2]}"])
def test_a_release_is_named_by_its_tag_its_short_form_or_its_commit(word: str) -> None:
    assert named(word) == tag(2)


def test_live_and_previous_are_words_unless_a_release_has_that_name() -> None:
    assert named("live", live=1) == tag(1)
    other = state("web1")
    called = replace(other.releases[tag(4)], tag="live", record=None)
    assert release_named("live", [replace(other, releases={**other.releases, "live": called})]) == "live"


def test_a_short_name_of_several_is_refused_and_each_form_on_the_screen_is_taken() -> None:
    one, two = f"20261126T193000Z-{REVISIONS[0]}", tag(0)
    base = state("web1", count=1)
    both = [
        replace(base, releases={**base.releases, one: replace(base.releases[two], tag=one, record=record(0, tag=one))})
    ]
    with pytest.raises(UsageError) as said:
        release_named(REVISIONS[0], both, "production")
    assert said.value.title == f'"{REVISIONS[0]}" may be 2 releases in production'
    assert one in said.value.detail and two in said.value.detail
    for whole, short in short_tags_of([one, two]).items():
        assert release_named(short, both) == whole and "@" in short


def test_a_tag_is_never_completed() -> None:
    """`r1` that is not there must not become `r10`."""
    assert find("r1", ["r10", "r2"]) == [] and releases_meant(tag(0)[:12], [state("web1")]) == []


def test_an_unknown_name_says_what_was_near_and_what_is_known() -> None:
    with pytest.raises(UsageError) as said:
        named(REVISIONS[1][:-1] + "x")
    assert said.value.title == f'there is no release "{REVISIONS[1][:-1]}x" in production'
    assert said.value.detail.startswith(f"known: {tag(0)}") and "and 3 more" in said.value.detail
    assert said.value.hint == f'did you mean "{REVISIONS[1]}"?'
    with pytest.raises(UsageError) as said:
        named("\x1b[31mzzz\n")
    assert said.value.title == 'there is no release "zzz " in production'
    assert said.value.hint == "`turnout releases production` lists them"


def test_servers_are_named_as_a_narrow_screen_shows_them() -> None:
    for cells in (5, 6, 7):
        for sign in "…~":
            shown = shortened(SERVERS, cells, sign)
            for name, text in shown.items():
                assert name in find(text, SERVERS)
    assert resolve("server", "…us-1", SERVERS) == "web-us-1"
    with pytest.raises(UsageError, match="may be 2 servers"):
        resolve("server", "web-…-1", SERVERS)
    with pytest.raises(UsageError, match="there is no server"):
        resolve("server", "…", SERVERS)


def test_an_operation_is_named_by_the_beginning_of_its_id() -> None:
    history = History(entries=(Entry(operation="ab12"), Entry(operation="ab34"), Entry(operation="cd")))
    assert history.find("last") == history.entries[0] and history.find("c").operation == "cd"
    with pytest.raises(UsageError, match="may be 2 operations in production"):
        history.find("ab", "production")
    with pytest.raises(UsageError, match='there is no operation "x" in production'):
        history.find("x", "production")
    with pytest.raises(UsageError, match="there is no operation"):
        History().find("last")
