"""Changes to a turnout.toml that keep its comments and order: made on a draft, checked as the file is, saved at once.

tomlkit is loaded here and nowhere else: no command but the form of the dashboard wants it.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.config.models import Project
from core.config.reading import parse
from core.config.table import Place
from core.errors import ConfigError, Fault, UsageError
from core.files import read_small, write_whole
from core.settings import Settings


class Draft(Struct, frozen=True):
    """A file and the text that it is to have. `before` is what it held when the draft was begun."""

    path: Path
    before: bytes
    text: str

    @property
    def changed(self) -> bool:
        return self.text.encode() != self.before

    @property
    def difference(self) -> list[str]:
        """The lines of a unified difference between the file and the draft, without the two names."""
        old, new = self.before.decode("utf-8-sig").splitlines(), self.text.splitlines()
        return list(difflib.unified_diff(old, new, lineterm=""))[2:]

    def project(self, settings: Settings | None = None) -> Project:
        """The project that the draft describes. ConfigError with all of its faults."""
        return parse(self.text, self.path, settings)


def begin(path: Path) -> Draft:
    """A draft of a file as it is. ConfigError where it cannot be read, or is not TOML."""
    try:
        before = read_small(path)
        draft = Draft(path, before, before.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(path), "", f"cannot be read: {error}")]) from None
    _document(draft)
    return draft


def written(draft: Draft, place: Place) -> Mapping[str, Any]:
    """The table at a place, such as ("environments", "production", "servers", 0), as it is written; {} for none."""
    found: Any = _document(draft)
    for part in place:
        try:
            found = found[part]
        except (KeyError, IndexError):
            return {}
    plain: Mapping[str, Any] = found.unwrap()
    return plain


def with_values(draft: Draft, place: Place, values: Mapping[str, Any]) -> Draft:
    """The draft with these keys in a table; None removes a key. Keys that are not named stay as they are."""
    document = _document(draft)
    table: Any = document
    for part in place:
        table = table[part]
    _set(table, values)
    return replace(draft, text=_text(document, draft))


def with_item(draft: Draft, place: Place, values: Mapping[str, Any]) -> Draft:
    """The draft with one more table at the end of a list, such as ("hooks",)."""
    import tomlkit
    from tomlkit.items import AoT, Array

    document = _document(draft)
    holder: Any = document
    for part in place[:-1]:
        holder = holder[part]
    known = holder.get(place[-1])
    if isinstance(known, Array):
        _append(known, _row(values))
    else:
        table = tomlkit.table()
        _set(table, values)
        table.trivia.indent = "\n"
        if known is None:
            holder[place[-1]] = known = tomlkit.aot()
        assert isinstance(known, AoT)
        known.append(table)
    return replace(draft, text=_text(document, draft))


def with_environment(draft: Draft, name: str, values: Mapping[str, Any], server: Mapping[str, Any]) -> Draft:
    """The draft with one more environment, which has one server."""
    import tomlkit

    document = _document(draft)
    environments: Any = document.setdefault("environments", tomlkit.table(is_super_table=True))
    if name in environments:
        raise UsageError(f"there is an environment {name} already")
    table, rows = tomlkit.table(), tomlkit.array()
    _set(table, values)
    rows.add_line(_row(server), indent="  ")
    rows.add_line(indent="")
    table["servers"] = rows
    table.trivia.indent = "" if draft.text.endswith("\n\n") else "\n"
    table.add(tomlkit.nl())
    environments[name] = table
    return replace(draft, text=_text(document, draft))


def with_new_name(draft: Draft, old: str, new: str) -> Draft:
    """The draft with another name for an environment, also where lists of hooks, checks and logs name it.

    UsageError where there is one of that name, or the file writes environments in a way that this does not know.
    """
    document = _document(draft)
    before = document.unwrap().get("environments", {})
    if new in before:
        raise UsageError(f"there is an environment {new} already")
    word = new if re.fullmatch("[A-Za-z0-9_-]+", new) else json.dumps(new, ensure_ascii=False)
    known = re.escape(old)
    header = re.compile(rf"""(?m)^(\s*\[\[?\s*environments\s*\.\s*)(?:"{known}"|'{known}'|{known})(?=\s*[.\]])""")
    renamed = replace(draft, text=header.sub(lambda found: found[1] + word, draft.text))
    document = _document(renamed)
    after = document.unwrap().get("environments", {})
    if list(after.items()) != [(new if name == old else name, table) for name, table in before.items()]:
        raise UsageError(f"{old} cannot be renamed here", hint=f"change its name in {draft.path.name}")
    for tables in document.values():
        for table in tables if isinstance(tables, list) else ():
            names = table.get("environments") if isinstance(table, Mapping) else None
            if isinstance(names, list) and old in names:
                names[names.index(old)] = new
    return replace(draft, text=_text(document, renamed))


def without(draft: Draft, place: Place) -> Draft:
    """The draft without the table at a place."""
    document = _document(draft)
    holder: Any = document
    for part in place[:-1]:
        holder = holder[part]
    del holder[place[-1]]
    if place[0] == "hooks" and not len(holder):
        del document["hooks"]
    return replace(draft, text=_text(document, draft))


def save(draft: Draft) -> None:
    """Write the draft: a reader finds the old text or the new, never a part. The file's mode stays; a link is followed.

    UsageError where the file is not as it was when the draft was begun, or cannot be written: then it stays as it is.
    """
    place = draft.path.resolve()
    try:
        if read_small(place) != draft.before:
            raise UsageError(
                f"{draft.path.name} was changed by somebody else meanwhile",
                hint="nothing was saved; open the form again to edit the new file",
            )
        write_whole(place, draft.text.encode(), lasting=True)
    except OSError as error:
        raise UsageError(f"{draft.path} cannot be written: {error.strerror}", hint="nothing was saved") from None


def _document(draft: Draft) -> Any:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(_whole(draft.text))
    except TOMLKitError as error:
        raise ConfigError([Fault(str(draft.path), "", f"not TOML: {error}")]) from None


def _whole(text: str) -> str:
    """A text that ends with the end of a line: more may follow."""
    return text if text.endswith("\n") or not text else text + "\n"


_HEADER = re.compile(r"(?m)^[ \t]*\[\[?[^\[\]\n]+\]\]?[ \t]*(?:#.*)?$")
"""A line that begins a table, or looks like one: it may also be in a text of several lines."""


def _text(document: Any, draft: Draft) -> str:
    """A document as text, its tables in the order of the draft that it was made from.

    tomlkit (0.15) puts tables of one parent together where a list of tables stood between them, already on reading.
    """
    text: str = document.as_string()
    if _document(draft).as_string() == _whole(draft.text):
        return text
    ordered = _ordered(text, _whole(draft.text))
    try:
        same = _document(replace(draft, text=ordered)).unwrap() == document.unwrap()
    except ConfigError:
        return text
    return ordered if same else text


def _ordered(text: str, before: str) -> str:
    """A text with its tables in the order that they have in another one; a new one stays behind the one before it."""
    places = {header: place for place, (header, _) in enumerate(_tables(before))}
    last, order = -1.0, []
    for header, table in _tables(text):
        last = float(places[header]) if header in places else last + 1e-6
        order.append((last, table))
    return "".join(table for _, table in sorted(order, key=lambda placed: placed[0]))


def _tables(text: str) -> list[tuple[tuple[str, int], str]]:
    """The parts of a text that begin with a header, each with that and its number among those of the same header; what
    comes before the first has the header "".
    """
    starts = [0, *(found.start() for found in _HEADER.finditer(text))]
    out: list[tuple[tuple[str, int], str]] = []
    seen: dict[str, int] = {}
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        header = text[start:end].partition("\n")[0].partition("#")[0].strip() if start or len(starts) == 1 else ""
        header = header if header.startswith("[") else ""
        number = seen[header] = seen.get(header, 0) + 1
        out.append(((header, number), text[start:end]))
    return out


def _set(table: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Put values into a table; what is there already keeps its place and its comment."""
    for key, value in values.items():
        if value is None:
            if key in table:
                del table[key]
        elif key not in table or _plain(table[key]) != value:
            table[key] = value


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value


def _row(values: Mapping[str, Any]) -> Any:
    """A row of a list, written as a person would."""
    import tomlkit

    pairs = [f"{key} = {tomlkit.item(value).as_string()}" for key, value in values.items() if value is not None]
    return tomlkit.parse(f"row = {{ {', '.join(pairs)} }}")["row"]


def _append(rows: Any, row: Any) -> None:
    """Put a row at the end of a list: on a line of its own, where the others are."""
    if "\n" in rows.as_string() and len(rows):
        lines = rows.as_string().splitlines()
        indent = next((line[: len(line) - len(line.lstrip())] for line in lines[1:] if line.strip()), "    ")
        rows.add_line(row, indent=indent)
    else:
        rows.append(row)
