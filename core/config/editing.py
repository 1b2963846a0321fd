"""Changes to a turnout.toml that keep its comments and order: made on a draft, checked as the file is, saved at once.

Lines are put in and taken out where core/config/layout.py finds them. What is written in a way that this does not know,
such as environments as one inline table, is left to tomlkit. That is loaded here and nowhere else: no command but the
form of the dashboard wants it.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.config import layout
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
        why = getattr(error, "strerror", "") or error
        raise ConfigError([Fault(str(path), "", f"cannot be read: {why}")]) from None
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
    text: str | None = _whole(draft.text)
    for key, value in values.items():
        text = text and _with_value(text, place, key, value)
    return _made(draft, lambda document: _set(_at(document, place), values), text)


def with_item(draft: Draft, place: Place, values: Mapping[str, Any]) -> Draft:
    """The draft with one more table at the end of a list, such as ("hooks",)."""
    text = _whole(draft.text)
    if span := _value(text, place):
        changed = layout.with_item(text, span, _row(values))
    else:
        lines = f"[[{'.'.join(_key(str(part)) for part in place)}]]\n{_pairs(values)}"
        ends = [table.whole.end for table in layout.tables(text) if table.place[: len(place)] == place]
        changed = layout.with_table(text, max(ends, default=_end(text)), lines)

    def change(document: Any) -> None:
        holder, row = _at(document, place[:-1]), _filled(values)
        if place[-1] in holder:
            holder[place[-1]].append(row)
        else:
            holder[place[-1]] = [row]

    return _made(draft, change, changed)


def with_environment(draft: Draft, name: str, values: Mapping[str, Any], server: Mapping[str, Any]) -> Draft:
    """The draft with one more environment, which has one server."""
    text = _whole(draft.text)
    if name in tomllib.loads(text).get("environments", {}):
        raise UsageError(f"there is an environment {name} already")
    lines = f"[environments.{_key(name)}]\n{_pairs(values)}servers = [\n  {_row(server)},\n]\n"
    ends = [table.whole.end for table in layout.tables(text) if table.place[:1] == ("environments",)]

    def change(document: Any) -> None:
        document.setdefault("environments", {})[name] = {**_filled(values), "servers": [_filled(server)]}

    return _made(draft, change, layout.with_table(text, max(ends, default=_end(text)), lines))


def with_new_name(draft: Draft, old: str, new: str) -> Draft:
    """The draft with another name for an environment, also where lists of hooks, checks and logs name it.

    UsageError where there is one of that name, or the file writes environments in a way that this does not know.
    """
    begun = tomllib.loads(_whole(draft.text))
    before = begun.get("environments", {})
    if new in before:
        raise UsageError(f"there is an environment {new} already")
    word = _key(new)
    known = re.escape(old)
    header = re.compile(rf"""(?m)^(\s*\[\[?\s*environments\s*\.\s*)(?:"{known}"|'{known}'|{known})(?=\s*[.\]])""")
    text = header.sub(lambda found: found[1] + word, _whole(draft.text))
    document = tomllib.loads(text)
    after = document.get("environments", {})
    same = {**document, "environments": before} == {**begun, "environments": before}
    if not same or list(after.items()) != [(new if name == old else name, table) for name, table in before.items()]:
        raise UsageError(f"{old} cannot be renamed here", hint=f"change its name in {draft.path.name}")
    for kind, tables in document.items():
        for number, table in enumerate(tables if isinstance(tables, list) else ()):
            names = table.get("environments") if isinstance(table, Mapping) else None
            if isinstance(names, list) and old in names and (span := _value(text, (kind, number, "environments"))):
                item = layout.items(text, span)[names.index(old)]
                text = text[: item.start] + json.dumps(new, ensure_ascii=False) + text[item.end :]
    return replace(draft, text=text)


def without(draft: Draft, place: Place) -> Draft:
    """The draft without the table at a place, and without the comments directly above it."""
    text = _whole(draft.text)
    holder = _at(tomllib.loads(text), place[:-1])
    last = place[0] == "hooks" and len(holder) == 1

    def change(document: Any) -> None:
        if last:
            del document["hooks"]
        else:
            del _at(document, place[:-1])[place[-1]]

    changed: str | None = None
    if gone := [table for table in layout.tables(text) if table.place[: len(place)] == place]:
        changed = text
        for table in reversed(gone):
            changed = layout.without_table(changed, table)
    elif isinstance(number := place[-1], int) and (span := _value(text, place[:-1])):
        changed = _without_key(text, place[:-1]) if last else layout.without_item(text, span, number)
    return _made(draft, change, changed)


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
    return text if text.endswith("\n") or not text else text + layout.end_of_line(text)


_HEADER = re.compile(r"(?m)^[ \t]*\[\[?[^\[\]\n]+\]\]?[ \t\r]*(?:#.*)?$")
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


def _at(document: Any, place: Place) -> Any:
    for part in place:
        document = document[part]
    return document


def _made(draft: Draft, change: Callable[[Any], None], text: str | None) -> Draft:
    """The draft with this text if it says what the change does to what the file says; else as tomlkit changes it."""
    meant = tomllib.loads(_whole(draft.text))
    change(meant)
    try:
        if text is not None and tomllib.loads(text) == meant:
            return replace(draft, text=text)
    except tomllib.TOMLDecodeError:
        pass
    document = _document(draft)
    change(document)
    return replace(draft, text=_text(document, draft))


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _end(text: str) -> int:
    """Where the last line ends that is not blank."""
    return len(text.rstrip()) + text[len(text.rstrip()) :].find("\n") + 1


def _find(text: str, place: Place) -> layout.Key | None:
    return next((key for table in layout.tables(text) for key in table.keys if key.place == place), None)


def _value(text: str, place: Place) -> layout.Span | None:
    """Where the value of a key is, also of one in an inline table; None for one that is written as a table."""
    if (found := _find(text, place)) or not place:
        return found.value if found else None
    if not (holder := _value(text, place[:-1])):
        return None
    known = layout.items(text, holder)
    if isinstance(number := place[-1], int):
        return known[number] if number < len(known) else None
    pairs = [layout.pair_of(text, pair) for pair in known]
    return next((value for key, value in pairs if list(key) == [place[-1]]), None)


def _with_value(text: str, place: Place, key: str, value: Any) -> str | None:
    """A text with a value for the key of a table, or without the key. None where it is written in another way."""
    old = _value(text, (*place, key))
    if old is not None and value is not None:
        return _changed(text, old, value)
    if row := _value(text, place):
        if value is not None:
            return layout.with_item(text, row, f"{_key(key)} = {_written(value)}")
        pairs = [list(layout.pair_of(text, pair)[0]) for pair in layout.items(text, row)]
        return layout.without_item(text, row, pairs.index([key])) if [key] in pairs else text
    if value is None:
        return _without_key(text, (*place, key)) if old else text
    at = next((table.new_key for table in layout.tables(text) if table.place == place), None)
    return None if at is None else f"{text[:at]}{_key(key)} = {_written(value)}{layout.end_of_line(text)}{text[at:]}"


def _changed(text: str, old: layout.Span, value: Any) -> str:
    """A text with another value. Of a list, the items that stay keep their place and their comments."""
    before = tomllib.loads(f"value = {text[old.start : old.end]}")["value"]
    if before == value and type(before) is type(value):
        return text
    if isinstance(before, list) and isinstance(value, list) and before:
        stay = [item for item in before if item in value]
        if stay and stay == value[: len(stay)]:
            end = len(text) - old.end
            for number in reversed([number for number, item in enumerate(before) if item not in value]):
                text = layout.without_item(text, layout.Span(old.start, len(text) - end), number)
            for item in value[len(stay) :]:
                text = layout.with_item(text, layout.Span(old.start, len(text) - end), _written(item))
            return text
    return text[: old.start] + _written(value) + text[old.end :]


def _without_key(text: str, place: Place) -> str:
    found = _find(text, place)
    return text[: found.whole.start] + text[found.whole.end :] if found else text


def _key(name: str) -> str:
    """A key as it is written: in quotes where it has to be."""
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _written(value: Any) -> str:
    import tomlkit

    return _row(value) if isinstance(value, Mapping) else tomlkit.item(value).as_string()


def _pairs(values: Mapping[str, Any]) -> str:
    """The keys of a table, each on its line."""
    return "".join(f"{_key(key)} = {_written(value)}\n" for key, value in values.items() if value is not None)


def _row(values: Mapping[str, Any]) -> str:
    """An inline table, written as a person would."""
    return f"{{ {', '.join(f'{_key(key)} = {_written(value)}' for key, value in _filled(values).items())} }}"
