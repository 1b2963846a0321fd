"""The form for turnout.toml: what a person types becomes the file's own values, and back."""

from __future__ import annotations

from core.config.models import Environment, Hook, Server
from tests.tui.recorded import project
from tui.view.edit_lines import (
    ENVIRONMENT,
    HOOK,
    NAME,
    NEW_ENVIRONMENT,
    SERVER,
    Field,
    fields_of,
    rows_of,
    typed,
    written,
)


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
