"""What a key is, the keys of widgets and dialogs, and the user's own choice of keys from settings.toml."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from textual.binding import Binding, BindingType
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, format_key

LAST_OF_KEYBOARDS = 0x250
"""Signs from here on are not on a Latin keyboard; below it, a sign may also have its Unicode name."""

CHANGE, LOOK, MOVE, LOG, PREFLIGHT, CHANGES, ANSWER, LEAVE = (
    "Change servers",
    "Look",
    "Move",
    "In a log",
    "In the Preflight tab",
    "In the Changes tab",
    "In a dialog",
    "Leave",
)


class Key(Struct, frozen=True):
    """One key.

    id      its name in settings.toml     keys   what it is by default, in Textual's names, separated by commas
    label   in the bar at the bottom; "" keeps it out of the bar     rank   what leaves the bar first when it is narrow
    priority   also where a field or a dialog has the focus
    alone   in a place where the others are not: it may be the key of another one
    """

    id: str
    keys: str
    action: str
    help: str
    group: str
    label: str = ""
    rank: int = 5
    priority: bool = False
    alone: bool = False


LIST_KEYS = (
    Key("down", "down,j", "cursor_down", "one row down", MOVE),
    Key("up", "up,k", "cursor_up", "one row up", MOVE),
    Key("page-down", "pagedown,ctrl+d", "page_down", "one page down", MOVE),
    Key("page-up", "pageup,ctrl+u", "page_up", "one page up", MOVE),
    Key("first", "home,g", "first", "the first row", MOVE),
    Key("last", "end,G", "last", "the last row", MOVE),
)
"""Keys of every list and of text that scrolls."""

LOG_KEYS = (
    Key("log-follow", "f", "follow", "follow new lines, or stop following", LOG, "Follow", 1),
    Key("log-search", "slash", "log_search", "search: a text or a regular expression", LOG, "Search", 2),
    Key("log-next", "n", "log_next", "the next match; without a search the next error", LOG),
    Key("log-previous", "N", "log_previous", "the match before; without a search the error before", LOG),
    Key("log-only", "ampersand", "log_only", "show only the lines that match, or all", LOG),
    Key("log-server", "s", "log_server", "show the lines of one server, the next, or all", LOG, "Server", 3),
    Key("log-wrap", "x", "log_wrap", "wrap long lines, or not", LOG),
    Key("log-times", "d", "log_times", "show the times, or not", LOG),
    Key("log-copy", "y", "copy_log", "copy the selection, or all lines shown", LOG, "Copy", 4),
    Key("log-save", "o", "save_log", "write the lines shown to a file; asks for its name", LOG, "Save", 4),
)
"""Keys of a viewer of lines: of the Log tab, and of other logs."""

LOGS_KEYS = (
    Key("logs-source", "full_stop", "logs_source", "show one of several logs, the next, or all", LOG, "Which log", 3),
)
"""Keys of the Logs tab beside those."""

PREFLIGHT_KEYS = (
    Key("preflight-check", "x", "preflight_check", "repeat the check under the cursor", PREFLIGHT, "Check again", 1),
    Key(
        "preflight-server",
        "equals_sign",
        "preflight_server",
        "repeat all checks on this server",
        PREFLIGHT,
        "Server",
        2,
    ),
    Key("preflight-all", "asterisk", "preflight_all", "repeat all checks on all servers", PREFLIGHT, "All", 2),
    Key("preflight-left", "left", "beside(-1)", "the check before", PREFLIGHT),
    Key("preflight-right", "right", "beside(1)", "the next check", PREFLIGHT),
)
"""Keys of the Preflight tab. Letters that move elsewhere stay what they are here: `l` shows the logs."""

CHANGES_KEYS = (
    Key("changes-exchange", "x", "exchange", "exchange the two releases", CHANGES, "Exchange", 1),
    Key("changes-open", "enter", "open", "show the difference of the file", CHANGES, "Show", 1),
    Key("changes-filter", "slash", "filter", "show only paths and commits that contain a text", CHANGES, "Filter", 2),
    Key("changes-left", "left", "beside(-1)", "from the files to the commits", CHANGES),
    Key("changes-right", "right", "beside(1)", "from the commits to the files, and to the difference", CHANGES),
)
"""Keys of the Changes tab."""

ANSWER_KEYS = (
    Key("fewer", "left,h,minus", "fewer", "keep one release fewer", ANSWER),
    Key("more", "right,l,plus", "more", "keep one release more", ANSWER),
    Key("finish", "F", "finish", "finish it: every server gets the new release", ANSWER, alone=True),
    Key("take-back", "U", "take_back", "undo it: every server goes back to its old release", ANSWER),
    Key("remove", "delete", "remove", "remove the row under the cursor from the form", ANSWER),
    *(Key(f"choice-{n}", f"{n}", f"choice({n})", f"choose the answer with the number {n}", ANSWER) for n in (1, 2, 3)),
    Key("hold", "h", "hold", "hold it: ready on every server, it waits for somebody to say go", ANSWER, alone=True),
    Key("yes", "y", "yes", "do what the dialog describes", ANSWER),
    Key("close", "escape", "close", "close the innermost dialog, filter or mark", ANSWER),
)
"""Keys of dialogs."""

DETAILS = Key("details", "enter", "details", "details of the row under the cursor; changes nothing", LOOK, "Details", 8)
"""Chooses in a list of a dialog."""

TABS = (LOG, PREFLIGHT, CHANGES)
"""Groups of keys that belong to a tab: there they come before those of the dashboard."""


def places(key: Key) -> frozenset[str]:
    """Where a key is bound: two keys that share a place must differ. In a tab its own keys come first."""
    if key.alone:
        return frozenset({"welcome"})
    if key.priority or key in LIST_KEYS or key.id in (DETAILS.id, "close"):
        return frozenset({"dashboard", *TABS, ANSWER} - ({CHANGES} if key.id == DETAILS.id else set()))
    return frozenset({key.group if key.group in (*TABS, ANSWER) else "dashboard"})


WIDGET_KEYS: Mapping[str, Key] = {
    key.id: key for key in (DETAILS, *LIST_KEYS, *LOG_KEYS, *LOGS_KEYS, *PREFLIGHT_KEYS, *CHANGES_KEYS, *ANSWER_KEYS)
}
"""By id: the keys that belong to a widget or a dialog. Those of the dashboard are in tui/commands."""


def bindings(*ids: str) -> list[BindingType]:
    """The Textual bindings of these keys of widgets and dialogs."""
    return [binding(WIDGET_KEYS[name]) for name in ids]


def binding(key: Key) -> Binding:
    """A key as Textual binds it; by its id the user's settings.toml changes it."""
    return Binding(key.keys, key.action, key.help, show=False, priority=key.priority, id=key.id)


class Keymap(Struct, frozen=True, dict=True):
    """The keys as the user has them.

    known    all keys that there are
    changed  by id: the user's own keys
    faults   what of [keys] was not taken
    ascii    whether arrows are written as words
    """

    known: tuple[Key, ...]
    changed: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    ascii: bool = False

    @cached_property
    def by_id(self) -> Mapping[str, Key]:
        return {key.id: key for key in self.known}

    def keys(self, name: str) -> list[str]:
        """The keys of an id, in Textual's names."""
        return self.changed.get(name, self.by_id[name].keys).split(",")

    @cached_property
    def by_shown(self) -> Mapping[str, str]:
        """By how people write a key: the key in Textual's name."""
        return {show_key(key, ascii=self.ascii): key for known in self.known for key in self.keys(known.id)}

    def shown(self, name: str) -> str:
        """The first key of an id, as people write it: `D`, `^r`, `?`."""
        return show_key(self.keys(name)[0], ascii=self.ascii)

    def shown_all(self, name: str) -> str:
        """All keys of an id, as people write them."""
        return " ".join(show_key(key, ascii=self.ascii) for key in self.keys(name))


def show_key(key: str, *, ascii: bool = False) -> str:
    """A key as people write it; with `ascii`, one that has a sign of its own by its name."""
    special = {"enter": "Enter", "escape": "Esc", "space": "space", "tab": "Tab", "shift+tab": "Shift+Tab"}
    special |= {"pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "f1": "F1"}
    if key in special:
        return special[key]
    if key.startswith("ctrl+"):
        return "^" + show_key(key.removeprefix("ctrl+"), ascii=ascii)
    shown = format_key(key)
    return key.capitalize() if ascii and not shown.isascii() and len(key) > 1 else shown


def check(
    table: Mapping[str, Any], known: tuple[Key, ...], place: str = "settings.toml", *, ascii: bool = False
) -> Keymap:
    """The keymap that [keys] of settings.toml makes of the `known` keys: by id a key or a list of keys.

    What is wrong is left out and named.
    """
    faults: list[str] = []
    ids = [key.id for key in known]
    changed: dict[str, str] = {}
    for name, value in table.items():
        if name not in ids:
            from core.config.fault_text import key_text

            near = difflib.get_close_matches(name, ids, 1)
            faults.append(
                f"{place}: {key_text(('keys', name))}: not known" + (f"; did you mean {near[0]}?" if near else "")
            )
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
    clashes = _clashes(changed, known)
    for name, (key, other) in clashes.items():
        faults.append(f"{place}: keys.{name}: {show_key(key)} is already the key of {other}")
        changed.pop(name, None)
    return Keymap(known, changed, tuple(faults), ascii)


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
    if last in {key.value for key in Keys}:
        return True
    try:
        sign = unicodedata.lookup(last.replace("_", " "))
    except KeyError:
        return last in KEY_NAME_REPLACEMENTS.values()
    return ord(sign) < LAST_OF_KEYBOARDS


def _clashes(changed: Mapping[str, str], known: tuple[Key, ...]) -> dict[str, tuple[str, str]]:
    """By id: the key that another id of the same place has already, and that id."""
    out: dict[str, tuple[str, str]] = {}
    taken: dict[tuple[str, str], str] = {}
    by_id = {key.id: key for key in known}
    for key in known:
        if key.id not in changed:
            for pressed in key.keys.split(","):
                for place in places(key):
                    taken.setdefault((place, pressed), key.id)
    for name, keys in changed.items():
        for pressed in keys.split(","):
            for place in places(by_id[name]):
                owner = taken.setdefault((place, pressed), name)
                if owner != name:
                    out[name] = (pressed, owner)
    return out
