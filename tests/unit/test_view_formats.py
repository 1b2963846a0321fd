"""Log lines, choices, details, the bar of keys, and small words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import AuthenticationFailed, ConnectError, HostKeyUnknown
from core.events import (
    CheckAttempted,
    HookOutput,
    HookStarted,
    PhaseStarted,
    ServerFailed,
    Switched,
    UploadProgress,
)
from tests.tui.recorded import NOW, record, state, tag
from tui.view import details
from tui.view.choices import Choice, choice_line, name_width, narrowed
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import age, clock, listing, range_name, servers_among, short_tag, short_tags
from tui.view.glyphs import UNICODE
from tui.view.keybar import KeyHint, keybar
from tui.view.lines import plain, width
from tui.view.log_lines import log_lines

KEYS = {"accept": "a", "watch": "w", "break-lock": "L"}

CHOICES = [
    Choice("branch", "main", "3f2c1ab", "Fix cart totals", "Ana", NOW - 7200),
    Choice("branch", "search", "9ab01cd", "Faster search", "Bo", NOW - 86400),
    Choice("commit", "77e0d12" + "0" * 33, "77e0d12" + "0" * 33, "Show stock", "Ana", NOW - 90000),
    Choice("tag", "v1.0", "5c1f9e0", "Release", "Ana", NOW - 1e6),
]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (12, "12 s"), (59.6, "1 min"), (240, "4 min"), (7200, "2 h"), (172_800, "2 d"), (1_728_000, "20 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.24, "0.2 s"), (12.4, "12 s"), (185, "3:05")])
def test_running_times(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["web1"], "web1"),
        (["web1", "web2", "web3"], "web1-3"),
        (["web1", "web3"], "2 servers"),
        (["web1", "db1"], "2 servers"),
        (["web08", "web09", "web10"], "web08-10"),
    ],
)
def test_several_names_as_one(names: list[str], text: str) -> None:
    assert range_name(names) == text


def test_whole_commits_and_digests_in_a_sentence_are_short_and_stay_different() -> None:
    one, other = "27cb3de" + "0" * 33, "27cb3de" + "1" * 33
    assert short_tags(f"the answer does not contain '{one}'") == "the answer does not contain '27cb3de'"
    assert short_tags(f"planned {one}, now {other}") == "planned 27cb3de00000, now 27cb3de11111"
    assert short_tags(f"content:{'ab' * 32} is not there") == "content:abababa is not there"
    for whole in (f"x{one}", f"{one}-rc1", "27cb3de" + "0" * 32, f"/srv/{one}x"):
        assert short_tags(whole) == whole, "no commit"


def test_short_tags_and_listings() -> None:
    assert short_tag("20261121T193000Z-3f2c1ab") == "3f2c1ab"
    assert short_tag("v1.2-hotfix") == "v1.2-hotfix"
    assert listing([f"web{n}" for n in range(1, 11)]) == "web1, web2, web3 and 7 more"


def test_servers_are_named_or_said_to_be_all() -> None:
    names = ["web1", "web2", "web3"]
    assert servers_among(names, 3) == "all 3 servers" and servers_among(names[:2], 3) == "web1, web2"
    assert servers_among(["web1"], 1) == "web1" and servers_among([f"w{n}" for n in range(9)], 10).endswith(
        "and 6 more"
    )


def test_the_log_says_each_thing_in_words() -> None:
    said = {
        log_lines(event)[0].text
        for event in (
            HookStarted(on="prepare", run="composer install"),
            HookOutput(on="prepare", line="done [/x]"),
            Switched(tag="b", previous="a"),
            Switched(tag="a", previous="b", back=True),
            CheckAttempted(check="/healthz", attempt=2, attempts=10, passed=False, detail="503"),
            ServerFailed(phase="check", title="no", hint="look"),
        )
    }
    assert said == {
        "prepare hook: composer install",
        "| done [/x]",
        "live now: b (before: a)",
        "switched back to a",
        "check /healthz: not yet, attempt 2 of 10: 503",
        "FAILED in check: no",
    }


def test_mere_progress_is_not_logged() -> None:
    assert log_lines(UploadProgress(sent=1, total=2)) == []
    assert log_lines(PhaseStarted(phase="upload")) != []


def test_output_of_several_lines_and_escapes_becomes_lines_of_text() -> None:
    lines = log_lines(ServerFailed(server="web1", phase="stage", title="a\x1b[1mb", detail="one\ntwo", hint="next"))
    assert [line.text for line in lines] == ["FAILED in stage: ab", "  one", "  two", "  -> next"]
    assert {line.role for line in lines} == {"bad"}
    assert lines[0].written(6)[21:].startswith("web1    FAILED")


def test_a_line_of_the_log_has_no_emoji_of_several_characters() -> None:
    line = HookOutput(server="web1", on="prepare", line="\u267b\ufe0f done \U0001f469\u200d\U0001f4bb")
    assert [each.text for each in log_lines(line)] == ["| \u267b done \U0001f469\U0001f4bb"]


def test_choices_narrow_while_typing() -> None:
    assert [choice.ref for choice in narrowed(CHOICES, "sea")] == ["search", "sea"]
    assert [choice.kind for choice in narrowed(CHOICES, "ana stock")] == ["commit", "text"]
    assert [choice.ref for choice in narrowed(CHOICES, "")] == [choice.ref for choice in CHOICES]


def test_what_was_typed_is_a_choice_of_its_own_and_never_twice() -> None:
    assert [choice.kind for choice in narrowed(CHOICES, "feature/unknown")] == ["text"]
    assert [choice.ref for choice in narrowed(CHOICES, "main")] == ["main"]
    assert narrowed(CHOICES, "v1.0")[0].kind == "tag"


@given(st.integers(30, 120))
def test_a_choice_fits_its_row(cells: int) -> None:
    names = name_width(CHOICES, cells)
    for choice in CHOICES:
        assert width(choice_line(choice, cells, names, NOW, "…", "●")) <= cells


def test_a_long_author_keeps_away_from_the_subject_and_wide_letters_take_their_cells() -> None:
    for author in ("Bartholomew Longfellow", "Бо Ли 李李李李"):
        choice = Choice("commit", "3f2c1ab", "3f2c1ab", "Größe 漢字 " * 20, author, NOW)
        spans = choice_line(choice, 80, 7, NOW, "…", "●")
        assert width(spans) == 80
        assert f"  {author[:6]}" in plain(spans)


def test_the_choice_that_is_live_says_so() -> None:
    choice = Choice("branch", "main", "3f2c1ab", "Fix", "Ana", NOW, live=True)
    assert "● live" in plain(choice_line(choice, 80, 7, NOW, "…", "●"))


def hints(*reasons: str) -> list[KeyHint]:
    names = ("Deploy", "Roll back", "Undo", "Mark")
    out = [
        KeyHint(name.lower(), name[0], name, reason, rank)
        for rank, (name, reason) in enumerate(zip(names, reasons, strict=True))
    ]
    return [*out, KeyHint("quit", "q", "Quit", rank=0, to_right=True)]


def test_the_bar_of_keys_drops_the_least_important_first() -> None:
    line, _ = keybar(hints("", "", "", ""), 36)
    assert "Deploy" in plain(line) and "Mark" not in plain(line) and "Quit" in plain(line)


@given(st.integers(1, 120))
def test_the_bar_of_keys_fits(cells: int) -> None:
    line, placed = keybar(hints("", "", "", ""), cells)
    assert width(line) <= max(cells, 1)
    for key in placed:
        assert plain(line)[key.start : key.end] == f"{key.hint.key} {key.hint.label}"


def test_a_key_that_does_nothing_now_is_drawn_off() -> None:
    line, _ = keybar(hints("", "nothing there", "", ""), 80)
    assert [span.role for span in line if "Roll" in span.text] == ["off"]
    assert [span.role for span in line if "Deploy" in span.text] == [""]


def test_the_details_of_a_release_say_everything_and_where_it_is() -> None:
    fleet = FleetView.of(
        "shop", "production", [ServerView(n, state(n, 1 if n == "web3" else 0)) for n in ("web1", "web2", "web3")]
    )
    text = "\n".join(plain(spans) for spans in details.release_lines(fleet.rows[0], fleet, 90, UNICODE, NOW))
    for part in (
        tag(0),
        record(0).revision,
        "Bo Li",
        "ci@runner",
        "58 MB in 4,812 files",
        "2 h ago",
        "● live",
        "web1, web2",
    ):
        assert part in text


def test_the_details_of_a_pruned_release_say_the_way_back() -> None:
    fleet = FleetView.of("shop", "production", [ServerView("web1", state("web1"))])
    text = "\n".join(plain(spans) for spans in details.release_lines(fleet.rows[7], fleet, 90, UNICODE, NOW))
    assert "a rollback makes them again" in text


def test_the_details_of_a_server_in_trouble_begin_with_what_to_do() -> None:
    error = AuthenticationFailed(
        "web1 accepts no key", detail="tried: id_ed25519", hint="add your key to authorized_keys"
    )
    server = ServerView("web1", state("web1"), error, at=NOW)
    fleet = FleetView.of("shop", "production", [server])
    lines = [
        plain(spans)
        for spans in details.server_lines(server, fleet, 80, UNICODE, NOW, "deploy@web1", "/srv/shop", KEYS)
    ]
    assert lines[1] == "! web1 accepts no key"
    assert lines[3] == "→ Next add your key to authorized_keys"
    assert any("Last known state" in text for text in lines), "what is known from before is kept"


def test_the_details_of_an_unknown_key_name_the_key_to_press() -> None:
    error = HostKeyUnknown("new", host="web1", key_type="ssh-ed25519", fingerprint="SHA256:abc", key_line="")
    server = ServerView("web1", error=error)
    text = "\n".join(
        plain(spans)
        for spans in details.server_lines(
            server, FleetView.of("s", "p", [server]), 80, UNICODE, NOW, "web1", "/srv", {**KEYS, "accept": "K"}
        )
    )
    assert "SHA256:abc" in text and "press K" in text


def test_the_details_of_a_server_name_its_roles() -> None:
    for server in (ServerView("web1"), ServerView("web1", state("web1"))):
        fleet = FleetView.of("s", "p", [server])
        lines = details.server_lines(server, fleet, 80, UNICODE, NOW, "web1", "/srv", KEYS, ("web", "worker"))
        assert "Roles      web, worker" in [plain(spans) for spans in lines]
        without = details.server_lines(server, fleet, 80, UNICODE, NOW, "web1", "/srv", KEYS)
        assert not any(plain(spans).startswith("Roles") for spans in without)


def test_details_fit_the_pane() -> None:
    server = ServerView("web1", state("web1", faults=("f" * 300,)), ConnectError("x " * 100, detail="d " * 200))
    fleet = FleetView.of("shop", "production", [server])
    for cells in (24, 50, 120):
        lines = details.server_lines(server, fleet, cells, UNICODE, NOW, "host", "/srv", KEYS)
        assert all(width(spans) <= max(cells, 30) for spans in lines[1:])
