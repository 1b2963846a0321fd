"""`turnout schema`: the models, as editors read them; and every turnout.toml of the documentation is right."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.config import Check, Environment, Hook, Project, Server, Source, parse
from core.config.schema import descriptions, schema
from core.config.table import Table
from core.settings import Settings
from tests import REPOSITORY
from tui.commands.registry import KEYS
from tui.keymap import check as check_keys
from tui.settings import read_values

DOCS = REPOSITORY / "docs"
BLOCKS = {
    f"{page.name}:{page.read_text('utf-8')[: match.start()].count(chr(10)) + 1}": match[1]
    for page in [*sorted(DOCS.glob("*.md")), REPOSITORY / "README.md"]
    for match in re.finditer(r"^```toml\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
}
SCHEMA = schema()
ENVIRONMENT = SCHEMA["properties"]["environments"]["additionalProperties"]


def test_the_copy_in_docs_is_what_the_command_prints() -> None:
    assert json.loads((DOCS / "turnout.schema.json").read_text("utf-8")) == json.loads(json.dumps(SCHEMA))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_toml_block_of_the_documentation_is_right(block: str) -> None:
    written = tomllib.loads(BLOCKS[block])
    if block.startswith("keys.md"):
        settings = read_values(written, Path("settings.toml"))
        assert (*settings.faults, *check_keys(settings.keys, KEYS).faults) == ()
        return
    head = "" if "project" in written else 'project = "shop"\nsource.git = "."\n'
    servers = (
        ""
        if "environments" in written
        else '\n[environments.production]\nservers = [{ name = "web1", host = "web1", root = "/srv/x" }]\n'
    )
    environ = {
        "SLACK_WEBHOOK_URL": "https://chat.example.com/x",
        "STORE_KEY_ID": "AKIA000000",
        "STORE_KEY": "not a real key",
    }
    assert parse(head + BLOCKS[block] + servers, Path("turnout.toml"), Settings(environ=environ)).environments


def objects(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All schemas in a schema that say what keys a table has, with their places."""
    if isinstance(part, dict):
        if "properties" in part:
            yield place, part
        for key, item in part.items():
            yield from objects(item, f"{place}/{key}")


def test_every_key_of_every_table_has_a_description_and_no_other_key_is_right() -> None:
    tables = dict(objects(SCHEMA))
    assert len(tables) >= 13
    for place, table in tables.items():
        assert table["additionalProperties"] is False, place
        assert [key for key, item in table["properties"].items() if not item["description"]] == [], place


@pytest.mark.parametrize("model", [Project, Source, Environment, Server, Hook, Check])
def test_descriptions_are_the_texts_under_the_fields(model: type[Table]) -> None:
    said = descriptions(model)
    assert {field.name for field in model.fields()} <= said.keys()
    assert descriptions(Hook)["roles"].startswith("Only on servers that have one of these roles")


def test_enums_bounds_patterns_and_defaults_are_those_of_the_models() -> None:
    copy, keep = (SCHEMA["properties"]["deploy"]["properties"][key] for key in ("copy", "keep"))
    assert (copy["enum"], copy["default"]) == (["auto", "hardlink"], "auto")
    assert (keep["type"], keep["minimum"], keep["default"]) == ("integer", 1, 10)
    port = ENVIRONMENT["properties"]["servers"]["items"]["properties"]["port"]
    assert (port["minimum"], port["maximum"]) == (1, 65535)
    assert ENVIRONMENT["properties"]["hold"]["type"] == ["boolean", "number", "string"]
    assert ENVIRONMENT["required"] == ["servers"] and "name" not in ENVIRONMENT["properties"]
    check = SCHEMA["properties"]["checks"]["items"]
    assert check["oneOf"] == [{"required": ["http"]}, {"required": ["run"]}, {"required": ["log"]}]
    assert check["properties"]["over"]["default"] == "1%" and check["properties"]["status"]["default"] == ["200"]


@pytest.mark.parametrize(("text", "fits"), [("shop", True), ("${APP}", True), ("a-${APP}", True), ("two words", False)])
def test_a_name_may_come_from_a_variable(text: str, fits: bool) -> None:
    assert bool(re.search(SCHEMA["properties"]["project"]["pattern"], text)) is fits


def test_an_example_of_the_page_has_only_keys_and_types_that_the_schema_knows() -> None:
    types = {str: "string", int: "integer", bool: "boolean", float: "number", list: "array", dict: "object"}

    def wrong(value: Any, known: dict[str, Any], place: str) -> Iterator[str]:
        kind = known.get("type")
        if kind and types[type(value)] not in ([kind] if isinstance(kind, str) else kind):
            yield f"{place}: {value!r} is not {kind}"
        if isinstance(value, dict):
            for key, item in value.items():
                inner = known.get("properties", {}).get(key) or known.get("additionalProperties")
                yield from wrong(item, inner, f"{place}.{key}") if inner else [f"{place}.{key} is unknown"]
        elif isinstance(value, list):
            for item in value:
                yield from wrong(item, known.get("items", {}), place)

    for block in (text for name, text in BLOCKS.items() if name.startswith("configuration.md")):
        assert list(wrong(tomllib.loads(block), SCHEMA, "")) == []
