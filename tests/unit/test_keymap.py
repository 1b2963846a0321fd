"""The table of keys: complete, documented, and changed only by what makes sense."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tui.commands.registry import KEYS, grouped
from tui.keymap import Keymap, check, is_key, places, show_key, textual_name

PAGE = Path(__file__).parents[2] / "docs/keys.md"


def test_the_page_lists_every_key_as_the_table_has_it() -> None:
    written = re.findall(
        r"^\| `([a-z0-9-]+)` \| (.+) \| (.+) \|$", PAGE.read_text("utf-8").partition("## Filters")[0], re.MULTILINE
    )
    shown = Keymap(KEYS)
    expected = [
        (key.id, " ".join(f"`{show_key(pressed)}`" for pressed in shown.keys(key.id)), key.help)
        for _, keys in grouped()
        for key in keys
    ]
    assert written == expected


def test_ids_and_keys_are_unique_where_they_could_meet() -> None:
    ids = [key.id for key in KEYS]
    assert len(ids) == len(set(ids))
    keys = [(place, pressed) for key in KEYS for place in places(key) for pressed in key.keys.split(",")]
    assert len(keys) == len(set(keys))


def test_what_changes_servers_is_a_capital_letter_or_opens_a_plan_first() -> None:
    changing = [key for key in KEYS if key.group == "Change servers"]
    assert all(key.keys.isupper() or "see the plan" in key.help for key in changing)


@pytest.mark.parametrize(
    "key", ["D", "?", "f5", "ctrl+r", "alt+x", "space", "pagedown", "question_mark", "ctrl+f5", "ä"]
)
def test_a_key_that_a_terminal_sends_is_taken(key: str) -> None:
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "banana", "ctrl+", "hyper+x", "D D", ",", "ctrl+banana", "\x07"])
def test_nonsense_is_not_a_key(key: str) -> None:
    assert not is_key(key)


@pytest.mark.parametrize(
    ("key", "name"),
    [("?", "question_mark"), ("/", "slash"), ("D", "D"), ("ctrl+r", "ctrl+r"), ("+", "plus"), ("-", "minus")],
)
def test_signs_get_the_name_that_textual_has_for_them(key: str, name: str) -> None:
    assert textual_name(key) == name


def test_chosen_keys_replace_the_old_ones() -> None:
    keymap = check({"rollback": "Z", "refresh": ["f5", "?"]}, KEYS)
    assert keymap.faults == ("settings.toml: keys.refresh: ? is already the key of help",)
    assert keymap.keys("rollback") == ["Z"] and keymap.shown("rollback") == "Z"
    assert keymap.keys("refresh") == ["r"], "what clashes is left out as a whole"


def test_keys_can_change_places() -> None:
    keymap = check({"undo": "b", "rollback": "u"}, KEYS)
    assert keymap.faults == ()
    assert (keymap.shown("undo"), keymap.shown("rollback")) == ("b", "u")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"rolback": "R"}, "keys.rolback: not known; did you mean rollback?"),
        ({"rollback": "banana"}, "keys.rollback: 'banana' is not a key"),
        ({"rollback": 5}, 'keys.rollback: must be a key such as "D" or a list of keys'),
        ({"rollback": []}, 'keys.rollback: must be a key such as "D" or a list of keys'),
    ],
)
def test_each_fault_is_named_and_changes_nothing(values: dict[str, object], fault: str) -> None:
    keymap = check(values, KEYS)
    assert keymap.faults == (f"settings.toml: {fault}",)
    assert keymap.changed == {}


def test_one_fault_does_not_cost_the_rest() -> None:
    keymap = check({"nothing": "x", "deploy": "ctrl+b"}, KEYS)
    assert keymap.shown("deploy") == "^b" and len(keymap.faults) == 1


def test_a_key_of_a_dialog_may_be_that_of_a_command_that_no_dialog_knows() -> None:
    assert check({"yes": "v"}, KEYS).faults == ()
    assert check({"yes": "j"}, KEYS).faults == ("settings.toml: keys.yes: j is already the key of down",)
