"""Every key of the dashboard in one table, and the user's own choice of keys, read from keys.toml and checked."""

from __future__ import annotations

import difflib
import os
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, format_key

LAST_OF_KEYBOARDS = 0x250
"""Signs from here on stand on no key of a Latin keyboard; below it, a sign may be called by its Unicode name."""

CHANGE, LOOK, MOVE, LOG, ANSWER, LEAVE = (
    "Change servers",
    "Look",
    "Move",
    "In the Log tab",
    "In a dialog",
    "Leave",
)


@dataclass(frozen=True)
class Key:
    """One key.

    id      its name in keys.toml     keys   what it is by default, in Textual's names, separated by commas
    label   in the bar at the bottom; "" keeps it out of the bar     rank   what leaves the bar first when it is narrow
    """

    id: str
    keys: str
    action: str
    help: str
    group: str
    label: str = ""
    rank: int = 5
    priority: bool = False


KEYS = (
    Key("deploy", "D", "deploy", "deploy: choose a revision, see the plan", CHANGE, "Deploy", 1),
    Key("rollback", "b", "rollback", "roll back to the release under the cursor: see the plan", CHANGE, "Roll back", 2),
    Key("undo", "u", "undo", "go back to the previous release: see the plan", CHANGE, "Undo", 3),
    Key("prune", "P", "prune", "remove marked or old releases, or the deploy-caches: see the plan", CHANGE, "Prune", 4),
    Key("recover", "R", "recover", "finish or undo an interrupted operation: see the plan", CHANGE, "Recover", 0),
    Key("break-lock", "L", "break_lock", "break a lock that will not heal; the name is typed", CHANGE, "Break lock", 3),
    Key("cancel", "X", "cancel", "cancel the running operation; asks first", CHANGE, "Cancel", 0),
    Key("mark", "space", "mark", "mark the release under the cursor, for P", LOOK, "Mark", 6),
    Key("details", "enter", "details", "all about the row under the cursor; never acts", LOOK, "Details", 8),
    Key("watch", "w", "watch", "watch the operation that somebody else runs", LOOK, "Watch", 1),
    Key("verify", "v", "verify", "compare the release under the cursor with its manifest", LOOK, "Verify", 6),
    Key("filter", "slash", "filter", "filter the pane that has the focus", LOOK, "Filter", 5),
    Key("refresh", "r", "refresh", "look again: at the server under the cursor, else at all", LOOK, "Refresh", 9),
    Key("refresh-all", "ctrl+r", "refresh_all", "look at all servers again, over new connections", LOOK),
    Key("accept", "a", "accept", "see an unknown host key and accept or refuse it", LOOK, "Host key", 1),
    Key("environment", "e", "environment", "change to another environment", LOOK, "Environment", 7),
    Key("help", "question_mark,f1", "help", "this help", LOOK, "Help", 2),
    Key("palette", "colon,ctrl+p", "command_palette", "every command by name", LOOK, "Commands", 4),
    Key("pane-1", "1", "pane(1)", "the servers", MOVE),
    Key("pane-2", "2", "pane(2)", "the releases", MOVE),
    Key("pane-3", "3", "pane(3)", "Progress, Log and Details; again: the next tab", MOVE),
    Key("next-pane", "tab", "next_pane", "the next pane", MOVE),
    Key("previous-pane", "shift+tab", "previous_pane", "the pane before", MOVE),
    Key("next-tab", "right_square_bracket", "next_tab", "the next tab", MOVE),
    Key("previous-tab", "left_square_bracket", "previous_tab", "the tab before", MOVE),
    Key("down", "down,j", "cursor_down", "one row down", MOVE),
    Key("up", "up,k", "cursor_up", "one row up", MOVE),
    Key("page-down", "pagedown,ctrl+d", "page_down", "one page down", MOVE),
    Key("page-up", "pageup,ctrl+u", "page_up", "one page up", MOVE),
    Key("first", "home,g", "first", "the first row", MOVE),
    Key("last", "end,G", "last", "the last row", MOVE),
    Key("log-follow", "f", "follow", "follow new lines, or stay", LOG, "Follow", 1),
    Key("log-server", "s", "log_server", "lines of one server, of the next, of all", LOG, "Server", 2),
    Key("log-copy", "c", "copy_log", "copy the selection, else all lines shown", LOG, "Copy", 3),
    Key("log-save", "o", "save_log", "write the lines shown to a file", LOG, "Save", 3),
    Key("fewer", "left,h,minus", "fewer", "one release fewer to keep", ANSWER),
    Key("more", "right,l,plus", "more", "one release more to keep", ANSWER),
    Key("finish", "F", "finish", "finish the interrupted operation: all new", ANSWER),
    Key("take-back", "U", "take_back", "undo the interrupted operation: all old", ANSWER),
    Key("yes", "y", "yes", "do what the dialog describes", ANSWER),
    Key("close", "escape", "close", "close the innermost dialog, filter or mark", ANSWER),
    Key("quit", "q", "quit", "quit; asks while an operation runs", LEAVE, "Quit", 2),
    Key("quit-anywhere", "ctrl+q", "quit", "the same, also from a dialog", LEAVE, priority=True),
    Key("copy", "ctrl+c", "help_quit", "copy the selected text; never quits", LEAVE),
)  # fmt: skip

BY_ID: Mapping[str, Key] = {key.id: key for key in KEYS}

WELCOME_ONLY = Key("demo", "d", "demo", "start the demo, where there is no turnout.toml", LEAVE, "Demo", 1)


def bindings(*ids: str) -> list[BindingType]:
    """The Textual bindings of these keys."""
    out: list[BindingType] = []
    for name in ids:
        key = WELCOME_ONLY if name == WELCOME_ONLY.id else BY_ID[name]
        out.append(Binding(key.keys, key.action, key.help, show=False, priority=key.priority, id=key.id))
    return out


@dataclass(frozen=True)
class Keymap:
    """The keys as the user has them. `changed` maps ids to keys; `faults` says what of keys.toml was not taken."""

    changed: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def keys(self, name: str) -> list[str]:
        """The keys of an id, in Textual's names."""
        key = WELCOME_ONLY if name == WELCOME_ONLY.id else BY_ID[name]
        return self.changed.get(name, key.keys).split(",")

    def shown(self, name: str) -> str:
        """The first key of an id, as people write it: `D`, `^r`, `?`."""
        return show_key(self.keys(name)[0])

    def shown_all(self, name: str) -> str:
        """All keys of an id, as people write them."""
        return " ".join(show_key(key) for key in self.keys(name))


def show_key(key: str) -> str:
    """A key as people write it."""
    special = {"enter": "Enter", "escape": "Esc", "space": "space", "tab": "Tab", "shift+tab": "Shift+Tab"}
    special |= {"pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "f1": "F1"}
    if key in special:
        return special[key]
    if key.startswith("ctrl+"):
        return "^" + show_key(key.removeprefix("ctrl+"))
    return format_key(key)


def keys_file(environ: Mapping[str, str]) -> Path:
    """Where the user's keys.toml is looked for: TURNOUT_KEYS, else the user's configuration folder."""
    if environ.get("TURNOUT_KEYS"):
        return Path(environ["TURNOUT_KEYS"])
    import platformdirs

    return Path(platformdirs.user_config_dir("turnout", appauthor=False)) / "keys.toml"


def load(path: Path) -> Keymap:
    """The keymap of a keys.toml; what is wrong in it is left out and named in `faults`. No file is no fault."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return Keymap()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return Keymap(faults=(f"{path}: {error}; all keys are as they were",))
    return check(values, str(path))


def check(values: Mapping[str, Any], place: str = "keys.toml") -> Keymap:
    """The keymap in a parsed keys.toml: `[keys]` with ids of KEYS, each a key or a list of keys."""
    faults = [f"{place}: {name}: not known; keys stand in [keys]" for name in values if name != "keys"]
    table = values.get("keys", {})
    if not isinstance(table, dict):
        return Keymap(faults=(*faults, f"{place}: keys: must be a table, [keys]"))
    known = [*BY_ID, WELCOME_ONLY.id]
    changed: dict[str, str] = {}
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"{place}: keys.{name}: not known" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        chosen = [value] if isinstance(value, str) else value
        if not isinstance(chosen, list) or not chosen or not all(isinstance(key, str) for key in chosen):
            faults.append(f'{place}: keys.{name}: must be a key such as "D" or a list of keys')
            continue
        wrong = [key for key in chosen if not is_key(key)]
        if wrong:
            faults.append(f"{place}: keys.{name}: {wrong[0]!r} is not a key")
            continue
        changed[name] = ",".join(textual_name(key) for key in chosen)
    clashes = _clashes(changed)
    for name, (key, other) in clashes.items():
        faults.append(f"{place}: keys.{name}: {show_key(key)} is the key of {other} already")
        changed.pop(name, None)
    return Keymap(changed, tuple(faults))


def textual_name(key: str) -> str:
    """A key in Textual's name for it: `?` becomes question_mark, `ctrl+?` too."""
    *modifiers, last = (
        key.split("+") if key != "+" and not key.endswith("++") else [*key[:-1].strip("+").split("+"), "+"]
    )
    name = last
    if len(last) == 1 and not last.isalnum():
        name = unicodedata.name(last, "").lower().replace(" ", "_").replace("-", "_")
        name = KEY_NAME_REPLACEMENTS.get(name, name)
    return "+".join([*(part for part in modifiers if part), name])


def is_key(key: str) -> bool:
    """Whether a text names a key that a terminal can send."""
    if len(key) == 1:
        return key.isprintable() and key != ","
    *modifiers, last = key.split("+")
    if any(modifier not in ("ctrl", "shift", "alt") for modifier in modifiers):
        return False
    if len(last) == 1:
        return last.isprintable()
    if last in {one.value for one in Keys}:
        return True
    try:
        sign = unicodedata.lookup(last.replace("_", " "))
    except KeyError:
        return last in KEY_NAME_REPLACEMENTS.values()
    return ord(sign) < LAST_OF_KEYBOARDS


def _clashes(changed: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """By id: the key that another id of the same place has already, and that id."""
    out: dict[str, tuple[str, str]] = {}
    taken: dict[str, str] = {}
    for key in KEYS:
        if key.id not in changed:
            for one in key.keys.split(","):
                taken.setdefault(one, key.id)
    for name, keys in changed.items():
        for one in keys.split(","):
            other = taken.setdefault(one, name)
            if other != name:
                out[name] = (one, other)
    return out


def table_rows(groups: Iterable[str] = (CHANGE, LOOK, MOVE, LOG, ANSWER, LEAVE)) -> list[tuple[str, list[Key]]]:
    """The keys by group, for the help and docs/keys.md."""
    return [(group, [key for key in (*KEYS, WELCOME_ONLY) if key.group == group]) for group in groups]


def of_user() -> Keymap:
    """The keymap of whoever runs the program."""
    return load(keys_file(os.environ))
