"""Settings: what is given counts, and the environment's variables say the rest."""

from __future__ import annotations

import os
import pwd
import re
import socket
from pathlib import Path

import pytest

from core.config import load
from core.settings import Settings

HOST = socket.gethostname().partition(".")[0]


@pytest.mark.parametrize(
    ("environ", "user"),
    [
        ({"TURNOUT_USER": "ana", "GITHUB_ACTOR": "ben", "USER": "cem"}, "ana"),
        ({"GITLAB_USER_LOGIN": "ben", "USER": "cem"}, "ben"),
        ({"GITHUB_ACTOR": "ben", "LOGNAME": "cem"}, "ben"),
        ({"TURNOUT_USER": "", "LOGNAME": "cem", "USER": "dee"}, "cem"),
        ({}, pwd.getpwuid(os.getuid()).pw_name),
    ],
)
def test_who_works_is_read_from_the_variables_in_this_order(environ: dict[str, str], user: str) -> None:
    assert Settings(environ=environ).who == f"{user}@{HOST}"


def test_who_is_one_harmless_line() -> None:
    assert "\n" not in Settings(who="ana\nben\x1b[31m@desk").who
    assert "\x1b" not in Settings(environ={"TURNOUT_USER": "ana\x1b[31m"}).who


def test_what_is_given_goes_before_the_variables(tmp_path: Path) -> None:
    environ = {"TURNOUT_USER": "ana", "TURNOUT_CACHE_DIR": "/elsewhere", "TURNOUT_SSH_CONFIG": "/another"}
    settings = Settings(who="ci@runner", cache=tmp_path, ssh_config=tmp_path / "ssh_config", environ=environ)
    assert (settings.who, settings.cache) == ("ci@runner", tmp_path)
    assert settings.ssh_config == str(tmp_path / "ssh_config")
    by_variables = Settings(environ=environ)
    assert (by_variables.cache, by_variables.ssh_config) == (Path("/elsewhere"), "/another")


def test_without_variables_the_cache_is_the_users_own() -> None:
    cache = Settings(environ={}).cache
    assert cache.name == "turnout" and cache.is_absolute()


def test_a_project_keeps_the_settings_that_it_was_read_with(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(
        'project = "shop"\n[source]\ndirectory = "${WHERE}"\n'
        '[environments.production]\nservers = [{ name = "web1", host = "web1", root = "/srv/shop" }]\n'
    )
    settings = Settings(who="ci@runner", environ={"WHERE": "public"})
    project = load(path, settings)
    assert project.settings is settings
    assert project.source.directory == "public"
    assert "public" not in repr(project.settings) and "WHERE" not in repr(project)


def test_nothing_else_in_the_engine_reads_the_environments_variables() -> None:
    core = Path(__file__).parents[2] / "core"
    readers = [
        file.relative_to(core).as_posix()
        for file in core.rglob("*.py")
        if re.search(r"\bos\.(environ|getenv|environb)\b", file.read_text("utf-8"))
    ]
    assert readers == ["settings.py"]
