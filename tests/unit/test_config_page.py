"""docs/configuration.md and the models say the same: keys, types, defaults, and examples that are right."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest

from core.config import (
    Check,
    Deploy,
    Environment,
    Hook,
    LogSource,
    Project,
    Server,
    Shared,
    Source,
    Task,
    parse,
    values,
)
from core.config.keeper import Secret
from core.config.notify import Notify
from core.config.store import Store
from core.config.table import Field, Table
from core.moments import FIRST_SERVER, MOMENTS, OPERATOR, SERVER
from core.settings import Settings
from core.text import size

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SECTIONS: dict[str, type[Table]] = {
    "Top level": Project,
    "[source]": Source,
    "[deploy]": Deploy,
    "shared": Shared,
    "[environments.NAME]": Environment,
    "servers": Server,
    "[[hooks]]": Hook,
    "[[checks]]": Check,
    "[[logs]]": LogSource,
    "[[tasks]]": Task,
    "[[notify]]": Notify,
    "[store]": Store,
    "[secrets.NAME]": Secret,
}
WRITTEN = {
    "status": ("whole number, text or list of them", "`200`"),
    "over": ("text", '`"1%"`'),
    "json": ("text", "–"),
    "equals": ("text, number, true or false", "–"),
}
"""Keys of [[checks]] that are kept in another form than they are written in: type and default on the page."""
WORDS = {str: "text", int: "whole number", bool: "true or false", float: "duration", values.Bytes: "size"}


@dataclass(frozen=True)
class Row:
    """One line of a table of keys."""

    type: str
    default: str
    example: str


def rows(section: str) -> dict[str, Row]:
    """The rows of a section's table of keys."""
    text = re.split(r"^## ", PAGE.split(f"\n## {section}\n", 1)[1], flags=re.MULTILINE)[0]
    by_key: dict[str, Row] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 5:
            assert cells[0] not in by_key
            by_key[cells[0].strip("`")] = Row(cells[1], cells[2], cells[4].strip("`"))
    return by_key


def fields() -> Iterator[tuple[str, str, Field]]:
    """Section, key and field of everything a file may hold."""
    for section, model in SECTIONS.items():
        for field in model.fields():
            if field.name not in model.filled:
                yield section, field.key, field


def type_words(kind: Any) -> str:
    """A field's type as the page says it."""
    if get_origin(kind) is Annotated:
        return type_words(get_args(kind)[0])
    if get_origin(kind) is Literal:
        *most, last = (f'"{word}"' for word in get_args(kind))
        return f"{', '.join(most)} or {last}"
    if get_origin(kind) is tuple:
        inner = type_words(get_args(kind)[0])
        if get_args(get_args(kind)[0])[:1] == (Shared,):  # a text is short for the table
            return "list of texts or tables"
        if get_origin(get_args(kind)[0]) is Literal:
            return f"list of {inner}"
        return "list of tables" if inner == "table" else f"list of {inner}s"
    if get_origin(kind) is dict:
        words = {str: "texts", int: "whole numbers"}
        return f"{words.get(get_args(kind)[1], 'tables')} by name"
    if get_args(kind):
        return " or ".join(words for part in get_args(kind) if (words := type_words(part)))
    if kind is type(None):
        return ""
    return "table" if issubclass(kind, Table) else WORDS[kind]


def default_words(field: Field) -> str:
    """A field's default as the page says it."""
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT:  # made anew for each table
        return "`{}`"
    match field.default:
        case msgspec.NODEFAULT:
            return "`{}`"
        case tuple((str(), *_)) as words:
            return f"`{json.dumps(words)}`"
        case None:
            return "–"
        case bool(value):
            return f"`{str(value).lower()}`"
        case str(value):
            return f'`"{value}"`'
        case ():
            return "`[]`"
        case Table():
            return "`{}`"
        case values.Bytes():
            return f'`"{size(field.default).replace(".0", "")}"`'
        case value:
            return f"`{value:g}`"


FIELDS = {f"{section} {key}": (section, key, field) for section, key, field in fields()}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_lists_exactly_the_keys_of_the_models(section: str):
    assert list(rows(section)) == list(SECTIONS[section].keys())


def test_every_table_of_keys_belongs_to_a_model():
    sections = (text.split("\n", 1) for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:])
    headed = [title for title, text in sections if "| key |" in text]
    assert headed == list(SECTIONS)


@pytest.mark.parametrize(("section", "key", "field"), FIELDS.values(), ids=FIELDS)
def test_type_and_default_are_those_of_the_model(section: str, key: str, field: Field):
    row = rows(section)[key]
    if section == "[[checks]]" and key in WRITTEN:
        assert (row.type, row.default) == WRITTEN[key]
        assert row.default == "–" or field.read(tomllib.loads(f"a = {row.default.strip('`')}")["a"]) == field.default
        return
    assert row.type == type_words(field.kind)
    assert row.default == default_words(field)


@pytest.mark.parametrize(("section", "key", "field"), FIELDS.values(), ids=FIELDS)
def test_every_example_is_right_and_not_the_default(section: str, key: str, field: Field):
    example = tomllib.loads(rows(section)[key].example.replace("${SLACK_WEBHOOK_URL}", "https://chat.example.com/x"))
    assert list(example) == [key]
    assert field.read(example[key]) != field.default


def test_the_whole_file_of_the_page_is_read():
    text, *_ = re.findall(r"^```toml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    project = parse(text, Path("turnout.toml"), Settings(environ={"SLACK_WEBHOOK_URL": "https://chat.example.com/x"}))
    assert [len(environment.servers) for environment in project.environments.values()] == [1, 2]
    assert (len(project.hooks), len(project.checks), len(project.logs), len(project.tasks)) == (2, 2, 2, 1)


def test_the_batches_of_the_page_are_read():
    _, text = re.findall(r"^```toml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    project = parse(f'project = "shop"\nsource.git = "."\n{text}', Path("turnout.toml"), Settings(environ={}))
    way = project.environment("production").way
    assert way.batches(["web1", "web2", "web3"]) == (("web1",), ("web2",), ("web3",))
    assert (way.pause, way.may_lack(3), [hook.on for hook in project.hooks]) == (120.0, 1, ["drain", "return"])


def test_the_page_names_every_moment_of_a_hook():
    moments = re.findall(
        r"^\| ([a-z-]+) \| (?!moment)", PAGE.split("| on | moment |")[1].split("\n\n")[0], re.MULTILINE
    )
    assert moments == list(get_args(next(field.kind for field in Hook.fields() if field.key == "on")))


def test_the_page_says_the_units_of_durations():
    units = re.search(r"\*\*Durations\*\*.*", PAGE)
    assert units
    texts = re.findall(r'`"(.*?)"`', units[0])
    assert [values.duration(text) for text in texts] == [0.5, 90, 300, 3600, 2 * 86400]


def test_the_page_has_the_moments_of_hooks_with_place_folder_and_what_a_failure_does():
    section = re.split(r"^## ", PAGE.split("\n## [[hooks]]\n", 1)[1], flags=re.MULTILINE)[0]
    table = section.split("| on | moment |")[1].split("\n\n")[0].splitlines()[2:]
    page = {}
    for line in table:
        name, _, where, folder, failure = (cell.strip() for cell in line.strip("|").split("|"))
        page[name] = where, folder, "is a warning" in failure.split(";")[0], "if a switch was undone" in failure
    assert list(page) == list(MOMENTS)
    for moment in MOMENTS.values():
        where = "any" if moment.places == (SERVER, FIRST_SERVER, OPERATOR) else ", ".join(moment.places)
        folder = f"`{moment.folder.format(tag='TAG')}`" if moment.folder else "–"
        folder += ", or `current`" if moment.undone else ""
        assert page[moment.name] == (where, folder, not moment.fatal, moment.undone and moment.fatal), moment.name
