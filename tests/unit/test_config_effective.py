"""`turnout config show`: what holds for an environment, and from where; and which Turnout may read a file."""

import tomllib
from pathlib import Path

import pytest

from core.config import parse, read_only
from core.config.effective import Setting, settings
from core.config.needed_version import too_old
from core.errors import ConfigError
from core.settings import Settings
from tui.cli.config_commands import origin, setting_lines
from tui.view.lines import plain

TEXT = """
project = "shop"
source = { git = ".", ref = "main" }
deploy.keep = 10
variables = { A = "1", B = "2" }
secrets = { TOKEN = { run = "pass show token" }, KNOWN = { run = "pass show known" } }

[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]

[environments.production]
keep = 3
variables = { B = "${STAGE}" }
servers = [
  { name = "web1", host = "web1", root = "/srv/shop", variables = { C = "3" } },
]

[[hooks]]
on = "success"
environments = ["staging"]
webhook = "https://chat.example.com/secret"

[[hooks]]
on = "success"
webhook = "https://chat.example.com/secret"

[[checks]]
run = "true"

[[checks]]
http = "http://127.0.0.1/"
headers = { Authorization = "Bearer ${PASSWORD}" }
"""
ENVIRON = {"STAGE": "the-stage", "PASSWORD": "opensesame", "KNOWN": "from-ci"}
PROJECT = parse(TEXT, Path("turnout.toml"), Settings(environ=ENVIRON))
ALL = settings(PROJECT, PROJECT.environment("production"), tomllib.loads(TEXT))


def one(table: str, key: str, number: int = 0, found: list[Setting] = ALL) -> tuple[str, str]:
    """The value of a key, and from where it comes in words."""
    (setting,) = (each for each in found if (each.table, each.number, each.key) == (table, number, key))
    return setting.value, origin(setting)


@pytest.mark.parametrize(
    ("table", "key", "value", "said"),
    [
        ("", "project", '"shop"', "project"),
        ("[source]", "ref", '"main"', "source.ref"),
        ("[deploy]", "keep", "3", "this environment's: environments.production.keep"),
        ("[deploy]", "copy", '"auto"', "default"),
        ("[variables]", "A", '"1"', "variables.A"),
        ("[variables]", "B", '"${STAGE}"', "this environment's: environments.production.variables.B, with ${STAGE}"),
        ("[environments.production]", "protected", "false", "default"),
        ("[[environments.production.servers]]", "host", '"web1"', "environments.production.servers[0].host"),
        (
            "[[environments.production.servers]]",
            "variables.C",
            '"3"',
            "environments.production.servers[0].variables.C",
        ),
        ("[secrets]", "TOKEN", '"***"', "secrets.TOKEN"),
        ("[secrets]", "KNOWN", '"***"', "the variable KNOWN, in place of its command"),
    ],
)
def test_each_value_says_from_where_it_comes(table: str, key: str, value: str, said: str) -> None:
    assert one(table, key) == (value, said)


def test_the_other_environment_has_the_projects_own() -> None:
    staging = settings(PROJECT, PROJECT.environment("staging"), tomllib.loads(TEXT))
    assert one("[deploy]", "keep", found=staging) == ("10", "deploy.keep")
    assert one("[variables]", "B", found=staging) == ('"2"', "variables.B")
    assert {each.number for each in staging if each.table == "[[hooks]]"} == {0, 1}


def test_only_what_applies_there_is_shown_with_its_number_in_the_file() -> None:
    assert {each.number for each in ALL if each.table == "[[hooks]]"} == {1}
    assert one("[[hooks]]", "on", 1) == ('"success"', "hooks[1].on")


def test_what_may_be_a_secret_is_not_shown() -> None:
    assert one("[[hooks]]", "webhook", 1) == ('"***"', "hooks[1].webhook")
    assert one("[[checks]]", "headers", 1)[0] == '"***"'
    text = "\n".join(plain(spans) for spans in setting_lines(ALL))
    assert not [secret for secret in ('secret"', "opensesame", "from-ci", "pass show") if secret in text]


def test_defaults_of_another_kind_are_left_out() -> None:
    of_command = {each.key for each in ALL if (each.table, each.number) == ("[[checks]]", 0)}
    of_http = {each.key for each in ALL if (each.table, each.number) == ("[[checks]]", 1)}
    assert "attempts" in of_command and not of_command & {"method", "status", "over"}
    assert {"method", "status"} <= of_http and "over" not in of_http
    assert not {each.key for each in ALL} & {"batch", "pause", "strip"}


def test_the_text_without_its_comments_is_toml_that_means_the_same() -> None:
    lines = [plain(spans) for spans in setting_lines(ALL)]
    again = tomllib.loads("\n".join(lines))
    assert (again["deploy"]["keep"], again["hooks"][0]["where"]) == (3, "operator")
    assert again["environments"]["production"]["servers"][0]["variables"] == {"C": "3"}


def test_the_option_is_named_where_it_makes_an_environment_read_only() -> None:
    project = read_only(PROJECT)
    found = settings(project, project.environment("production"), tomllib.loads(TEXT))
    assert one("[environments.production]", "read-only", found=found) == ("true", "the option --read-only")


@pytest.mark.parametrize(
    ("needed", "version", "refused"),
    [
        ("0.2", "0.1.0", True),
        ("0.1", "0.1.0", False),
        ("0.10", "0.9.5", True),
        ("0.1.1", "0.1", True),
        ("0.2.0", "0.2", False),
        ("0.2", "0.3.0rc1", False),
    ],
)
def test_versions_are_compared_as_numbers(needed: str, version: str, refused: bool) -> None:
    assert bool(too_old(needed, version)) is refused


def test_an_older_turnout_says_only_that_it_is_too_old() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'minimum-version = "99.1"\nfuture = 1\n{TEXT}', Path("turnout.toml"), Settings(environ=ENVIRON))
    (fault,) = caught.value.faults
    assert (fault.key, "needs Turnout 99.1 or newer" in fault.message) == ("minimum-version", True)
    assert "pipx upgrade turnout" in fault.hint


@pytest.mark.parametrize("written", ['"new"', '""', '"1.2.3.4"', "0.2", '"${VERSION}"'])
def test_what_is_not_a_version_is_a_fault(written: str) -> None:
    environ = {**ENVIRON, "VERSION": "99"}
    with pytest.raises(ConfigError) as caught:
        parse(f"minimum-version = {written}\n{TEXT}", Path("turnout.toml"), Settings(environ=environ))
    assert [fault.key for fault in caught.value.faults] == ["minimum-version"]
