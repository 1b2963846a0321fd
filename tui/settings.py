"""The settings of the person: settings.toml, what is wrong in it, a changed theme, and the environment shown last.

turnout.toml belongs to a project and everybody who deploys it; this file belongs to one person on one machine.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from core.errors import UsageError
from core.files import read_small, write_whole

MOUSE = "TURNOUT_MOUSE"
"""The variable that is 0 where the terminal keeps the mouse."""

SETTINGS, OLD_KEYS = "TURNOUT_SETTINGS", "TURNOUT_KEYS"
FILE, OLD_FILE = "settings.toml", "keys.toml"
NOTIFY = ("bell", "title", "progress", "desktop")
"""What the terminal can be told of operations: the keys of [notify]."""
ONLY_OURS = 0o700
NO_HOME = f"no home folder is known; {SETTINGS} can name a file"

SAMPLE = """\
# How Turnout looks and what it tells you, on this machine. docs/keys.md has every key.
# A variable (NO_COLOR, TURNOUT_THEME, TURNOUT_ASCII, TURNOUT_MOUSE, TURNOUT_NOTIFY) wins over this file.

# theme = "dark"         # dark, light, contrast, ansi, or one of Textual's: nord, gruvbox, tokyo-night ...
# mouse = true           # false: the terminal selects text, and clicks do nothing
# ascii = false          # true: plain ASCII signs

[notify]                 # what the terminal is told of operations; without a value, what it is known to take
# bell = true
# title = true
# progress = true
# desktop = true

[keys]                   # `?` in the dashboard shows all keys
# rollback = "Z"
# refresh = ["f5", "f6"]
"""


class UserSettings(Struct, frozen=True):
    """What settings.toml says; what it does not say is None or empty, and the terminal decides.

    place    the file, whether it is there or not; None where no home folder is known
    found    whether it is there
    ascii    whether plain ASCII is asked for; False leaves it to the terminal
    notify   by name of NOTIFY: whether the terminal is told
    keys     by id: a key or a list of keys, not checked yet (tui.keymap.check)
    faults   what was not taken, and why; the rest is in force
    """

    place: Path | None
    found: bool = False
    theme: str = ""
    mouse: bool = True
    ascii: bool = False
    notify: Mapping[str, bool] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    def beside(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The variables, with what this file says where no variable says it."""
        ascii, mouse = "1" if self.ascii else "", "" if self.mouse else "0"
        ours = {"TURNOUT_THEME": self.theme, "TURNOUT_ASCII": ascii, MOUSE: mouse}
        return {**{name: value for name, value in ours.items() if value}, **environ}


def has_mouse(environ: Mapping[str, str]) -> bool:
    """Whether clicks are ours; else the terminal's own selecting works as everywhere."""
    return environ.get(MOUSE, "").strip().lower() not in ("0", "no", "off", "false")


def place_of(environ: Mapping[str, str]) -> Path | None:
    """Where settings.toml is: TURNOUT_SETTINGS, else the user's configuration folder; None where there is no home."""
    if environ.get(SETTINGS):
        place = Path(environ[SETTINGS])
        with suppress(OSError):  # the current folder may have been removed
            return place.absolute()
        return place
    folder = _own_folder("config")
    return folder / FILE if folder else None


def _own_folder(kind: str) -> Path | None:
    """The user's folder of a kind of platformdirs; None where there is no home."""
    import platformdirs

    with suppress(RuntimeError):
        folder = Path(getattr(platformdirs, f"user_{kind}_dir")("turnout", appauthor=False))
        if folder.is_absolute():  # "~" stays where no home is known
            return folder
    return None


def load(environ: Mapping[str, str]) -> UserSettings:
    """The settings of who runs this. Nothing is raised: what is wrong is left out and named."""
    place = place_of(environ)
    old = _old_faults(place, environ)
    if place is None:
        return UserSettings(None, faults=old)
    try:
        values = tomllib.loads(read_small(place).decode("utf-8-sig"))
    except FileNotFoundError:
        missing = (f"{place}: there is no such file; {SETTINGS} names it",) if environ.get(SETTINGS) else ()
        return UserSettings(place, faults=(*missing, *old))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else why
        return UserSettings(place, True, faults=(f"{place}: {why}; nothing in it is used", *old))
    read = read_values(values, place)
    return replace(read, faults=(*read.faults, *old))


def read_values(values: Mapping[str, Any], place: Path) -> UserSettings:
    """The settings in a parsed settings.toml."""
    faults: list[str] = []
    taken: dict[str, Any] = {}
    kinds = {"theme": str, "mouse": bool, "ascii": bool, "notify": dict, "keys": dict}
    expected = {str: 'a text in quotes, such as "light"', bool: "true or false", dict: "a table, [{name}]"}
    for name, value in values.items():
        if name not in kinds:
            faults.append(f"{place}: {_key(name)}: not known{_near(name, tuple(kinds))}")
        elif not isinstance(value, kinds[name]):
            faults.append(f"{place}: {name}: must be {expected[kinds[name]].format(name=name)}")
        else:
            taken[name] = value
    notify = dict(taken.get("notify", {}))
    for name, value in taken.get("notify", {}).items():
        if name not in NOTIFY:
            faults.append(f"{place}: {_key('notify', name)}: not known{_near(name, NOTIFY)}")
        elif not isinstance(value, bool):
            faults.append(f"{place}: {_key('notify', name)}: must be true or false")
        else:
            continue
        del notify[name]
    return UserSettings(place, True, **{**taken, "notify": notify}, faults=tuple(faults))


def in_short(faults: Sequence[str]) -> str:
    """One message of all faults, so that they do not lie over the screen one by one: the first, and how many more."""
    more = len(faults) - 1
    rest = f". And {more} more: `turnout settings` lists all" if more else ""
    return f"{faults[0]}{rest}"


def _key(*place: str) -> str:
    from core.config.fault_text import key_text  # only where something is wrong

    return key_text(place)


def _near(name: str, known: Sequence[str]) -> str:
    from core.names import nearest

    near = nearest(name, list(known))
    return f"; did you mean {near}?" if near else f"; there are {', '.join(known)}"


def _old_faults(place: Path | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What says that keys are still where the first versions had them."""
    if environ.get(OLD_KEYS):
        return (f"{OLD_KEYS} is not read any more: put [keys] into settings.toml, and name that in {SETTINGS}",)
    if place is not None and not environ.get(SETTINGS) and (place.parent / OLD_FILE).exists():
        return (f"{place.parent / OLD_FILE} is not read any more: move its [keys] to {FILE} beside it",)
    return ()


def with_theme(text: str, theme: str) -> str:
    """The text of a settings.toml with another theme; its comments and everything else stay.

    A ValueError where the text is not TOML: it may be half-written, and what is in it must not be lost.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        tomllib.loads(text)
        document = tomlkit.parse(text)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as error:
        raise ValueError(str(error)) from None
    document["theme"] = theme
    return tomlkit.dumps(document)


def save_theme(place: Path | None, theme: str) -> None:
    """Keep a theme in settings.toml. UsageError where that is not possible; the file is as it was then."""
    try:
        if place is None:
            raise ValueError(NO_HOME)
        file = place.resolve()  # a link into a folder of dotfiles stays a link
        if file.exists() and not file.is_file():
            raise ValueError("it is not an ordinary file")
        old = read_small(file).decode("utf-8-sig") if file.exists() else SAMPLE
        _write(file, with_theme(old, theme))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else why
        raise UsageError(f"not saved in {place or FILE}: {why}", hint="it is in use until you quit") from None


def write_sample(place: Path) -> bool:
    """Write a commented settings.toml; False where there is a file already, which stays as it is."""
    place.parent.mkdir(mode=ONLY_OURS, parents=True, exist_ok=True)
    try:
        with open(place, "x", encoding="utf-8") as file:
            file.write(SAMPLE)
    except FileExistsError:
        return False
    return True


def memory_of(project: Path) -> Path | None:
    """The file that remembers which environment of a project was shown last; None where no home folder is known."""
    import hashlib

    folder = _own_folder("state")
    return folder / "shown" / hashlib.sha256(os.fsencode(project)).hexdigest()[:16] if folder else None


def remembered(memory: Path | None, environments: Mapping[str, object]) -> str:
    """The environment that was shown last, if there still is one of that name; else ""."""
    with suppress(OSError, ValueError):
        name = memory.read_text("utf-8").strip() if memory is not None else ""
        return name if name in environments else ""
    return ""


def remember(memory: Path | None, environment: str) -> None:
    """Remember it. Nothing is raised: a home that cannot be written to costs only the memory."""
    with suppress(OSError, ValueError):
        if memory is not None and environment != remembered(memory, {environment: None}):
            _write(memory, f"{environment}\n")


def _write(file: Path, text: str) -> None:
    """Replace a file (core.files), with its folder where that is new."""
    file.parent.mkdir(mode=ONLY_OURS, parents=True, exist_ok=True)
    write_whole(file, text.encode(), lasting=True)
