"""Where an environment is read-only nothing is changed, whoever asks, and no server is connected to for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from core import DeployRequest, RollbackRequest, config, execute
from core.errors import EXIT_USAGE, UsageError
from core.fleet import Fleet
from core.settings import Settings
from tests.tui.recorded import NOW, fleet_of, project, state
from tui.cli import main
from tui.view.glyphs import UNICODE
from tui.view.header import header_line
from tui.view.lines import plain

TOML = """
project = "shop"
[source]
directory = "."
[environments.production]
read-only = true
servers = [{ name = "web1", host = "127.0.0.1", port = 1, root = "/srv/shop" }]
[environments.staging]
servers = [{ name = "stage1", host = "127.0.0.1", port = 1, root = "/srv/stage" }]
"""


def test_it_is_said_of_one_environment_or_of_all() -> None:
    read = config.parse(TOML, Path("/work/turnout.toml"), Settings(environ={}))
    assert [environment.read_only for environment in read.environments.values()] == [True, False]
    assert all(environment.read_only for environment in config.read_only(read).environments.values())
    assert not read.environment("staging").read_only, "the project that was read stays as it was"


@pytest.mark.parametrize("cells", [40, 60, 120])
def test_the_header_says_so_in_any_width(cells: int) -> None:
    fleet = replace(fleet_of(state("web1"), state("web2")), read_only=True, protected=True)
    assert "READ ONLY" in plain(header_line(fleet, cells, UNICODE, NOW))


@pytest.mark.parametrize("request_", [DeployRequest(), RollbackRequest()])
def test_the_engine_refuses_every_operation_before_anything_else(request_: DeployRequest | RollbackRequest) -> None:
    chosen = config.read_only(project())
    environment = chosen.environment("production")
    fleet = Fleet(chosen, environment, environment.servers)
    with pytest.raises(UsageError, match="production is read-only here"):
        execute(fleet, request_)
    with pytest.raises(UsageError, match="production is read-only here"):
        fleet.break_locks({})


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "production", "--yes"],
        ["rollback", "production", "--yes"],
        ["prune", "production", "--yes"],
        ["pin", "production", "r1", "--yes"],
        ["--read-only", "deploy", "staging", "--yes"],
    ],
)
def test_commands_that_change_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "turnout.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    assert main(words) == EXIT_USAGE
    said = capsys.readouterr().err
    assert "is read-only here" in said and "nothing was touched" in said
