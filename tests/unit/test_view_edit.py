"""The form for turnout.toml: what a person types becomes the file's own values, and back."""

from __future__ import annotations

import pytest

from core.config.models import Environment, Hook, Server
from core.config.table import Place
from core.errors import ConfigError, Fault
from tests.tui.recorded import project
from tui.view.edit_lines import (
    ENVIRONMENT,
    HOOK,
    NAME,
    NEW_ENVIRONMENT,
    NEW_HOOK,
    NEW_SERVER,
    SERVER,
    Field,
    Row,
    difference_lines,
    explained,
    explanations,
    fault_lines,
    faults_by_field,
    fields_of,
    left_lines,
    places_of,
    rows_of,
    typed,
    written,
)
from tui.view.glyphs import ASCII
from tui.view.lines import plain, width


def test_what_the_file_forgets_is_said_to_go_on_there() -> None:
    def left(before, after) -> list[str]:
        return [plain(spans) for spans in left_lines(before, after, 200, ASCII)]

    three, two = project(("web1", "web2", "web3")), project(("web1", "web3"))
    (said,) = left(three, two)
    assert "web2 of production: only this file forgets it" in said
    assert left(two, three) == left(three, three) == []
    renamed = three.replace(environments={"live": three.environment("production")})
    assert left(three, renamed) == [], "the same servers under another name"
    moved = three.environment("production").servers
    moved = (moved[0].replace(root="/srv/other"), *moved[1:])
    other = three.replace(environments={"production": three.environment("production").replace(servers=moved)})
    assert "web1 of production" in left(three, other)[0]


def test_every_key_of_a_table_has_a_field() -> None:
    for kind, model in ((ENVIRONMENT, Environment), (SERVER, Server), (HOOK, Hook)):
        keys = {field.key for field in fields_of(kind)} - {NAME}
        assert keys == set(model.keys()) - {"servers", "shared", "slots", "variables"}
    assert fields_of(ENVIRONMENT)[0] == fields_of(NEW_ENVIRONMENT)[0] == Field(NAME)
    assert [field.key for field in fields_of(NEW_ENVIRONMENT)][-3:] == ["server name", "server host", "server root"]


def test_what_is_typed_is_what_the_file_says() -> None:
    for field, text, value in (
        (Field("port", "number"), "2222", 2222),
        (Field("batch", "number"), "25%", "25%"),
        (Field("protected", "switch"), "yes", True),
        (Field("protected", "switch"), "no", False),
        (Field("roles", "list"), "web, worker", ["web", "worker"]),
        (Field("host"), "deploy@web1", "deploy@web1"),
        (Field("host"), "", None),
    ):
        assert typed(field, f" {text} ") == value
        assert written(field, {field.key: value}) == text
    assert typed(Field("protected", "switch"), "perhaps") == "perhaps", "the file's rules say what is wrong with it"


def test_rows_are_the_environments_with_their_servers_and_the_hooks() -> None:
    more = '[[hooks]]\non = "prepare"\nrun = "true"\n'
    rows = rows_of(project(("web1", "web2"), protected=True, more=more))
    assert [row.text for row in rows] == [
        "production: 2 servers, protected",
        "web1  deploy@web1.example.com:/srv/shop",
        "web2  deploy@web2.example.com:/srv/shop",
        "add a server to production",
        "add an environment",
        "hook prepare: true",
        "add a hook",
    ]
    assert len({row.key for row in rows}) == len(rows)


@pytest.mark.parametrize("kind", [ENVIRONMENT, SERVER, HOOK, NEW_ENVIRONMENT, NEW_SERVER, NEW_HOOK])
def test_every_field_is_explained_in_a_sentence(kind: str) -> None:
    said = explanations(kind)
    for field in fields_of(kind):
        assert said[field.key].strip().endswith("."), field.key
        for cells in (30, 54, 74):
            rows = explained(field.key, said[field.key], cells, 2, ASCII)
            assert len(rows) == 2 and all(width(row) <= cells for row in rows), field.key


def by_field(kind: str, place: Place, name: str, number: int, *keys: str) -> dict[str, list[str]]:
    faults = [Fault("turnout.toml", key, f"{at} is wrong") for at, key in enumerate(keys)]
    return faults_by_field(ConfigError(faults), places_of(Row(kind, place, ""), fields_of(kind), name, number))


def test_a_fault_is_said_below_its_field() -> None:
    keys = ("environments.qa", "environments.qa.servers[0].host", "environments.qa.keep", "hooks[0].on", "")
    assert by_field(NEW_ENVIRONMENT, ("environments",), "qa", 0, *keys) == {
        NAME: ["0 is wrong"],
        "server host": ["1 is wrong"],
        "keep": ["2 is wrong"],
        "": ["hooks[0].on: 3 is wrong", "4 is wrong"],
    }
    assert by_field(NEW_ENVIRONMENT, ("environments",), "", 0, 'environments.""') == {NAME: ["0 is wrong"]}
    server: Place = ("environments", "a b", "servers", 1)
    keys = ('environments."a b".servers[1].roles[0]', 'environments."a b".servers[0].host')
    assert by_field(SERVER, server, "", 0, *keys) == {"roles": ["0 is wrong"], "": [f"{keys[1]}: 1 is wrong"]}
    assert by_field(NEW_HOOK, ("hooks",), "", 2, "hooks[2].run") == {"run": ["0 is wrong"]}


def test_a_fault_that_is_long_stays_behind_the_label() -> None:
    said = [plain(spans) for spans in fault_lines(["wrong " * 20], 40, 16)]
    assert len(said) > 3 and all(text.startswith(" " * 16 + "wrong") and len(text) <= 40 for text in said)


def test_a_difference_keeps_the_indentation_and_is_harmless() -> None:
    said = [plain(spans) for spans in difference_lines(["   a", "-\tb", "+  [/x]\x1b[2J"], 40, ASCII)]
    assert said[:2] == ["   a", "-   b"] and "\x1b" not in said[2] and said[2].startswith("+  [/x]")
