"""TURNOUT_PROFILE: the table of what took how long, by phase and server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.profile import Cost, Moment, Profile, Span
from core.settings import Settings
from tests.servers import free_port
from tui.view.profile_lines import Usage, profile_lines

USAGE = Usage(seconds=2.0, own=0.5, programs=0.25, memory=83_000_000)


def profile(*spans: tuple[str, str, float, float], costs: Sequence[Cost] = ()) -> Profile:
    """Spans (name, server, from, to); this process uses half a processor all the time."""
    made = Profile()
    made._spans = [Span(name, server, Moment(a, a / 2), Moment(b, b / 2)) for name, server, a, b in spans]
    made._costs = list(costs)
    return made


def test_rows_come_in_the_order_in_which_things_began() -> None:
    spans = [
        ("upload", "web2", 11.5, 12.5),
        ("begin", "web1", 10.5, 10.75),
        ("begin", "web2", 10.625, 11.0),
        ("barrier", "", 12.5, 12.625),
    ]
    costs = [Cost("web1", 10.7, 0.04), Cost("web2", 10.9, 0.05), Cost("web2", 12.4, 0.25), Cost("web1", 10.1, 0.01)]
    assert profile_lines(profile(*spans, costs=costs), 10.0, USAGE, ("web1", "web2")) == [
        "profile: 2.000 s; processor 0.50 s, of programs that it ran 0.25 s, on the servers 0.35 s; "
        "memory 83 MB at most",
        "            from     to   took   here  there   web1   web2",
        "  begin    0.500  1.000  0.500  0.250   0.09  0.250  0.375",
        "  upload   1.500  2.500  1.000  0.500   0.25         1.000",
        "  barrier  2.500  2.625  0.125  0.062",
    ]


def test_of_many_servers_the_slowest_is_named() -> None:
    names = [f"web{number}" for number in range(1, 10)]
    spans = [("upload", name, 0.0, float(number)) for number, name in enumerate(names, 1)]
    lines = profile_lines(profile(*spans, ("barrier", "", 9.0, 9.5)), 0.0, USAGE, names)
    assert lines[0] == "profile: 2.000 s; processor 0.50 s, of programs that it ran 0.25 s; memory 83 MB at most"
    assert lines[1].split() == ["from", "to", "took", "here", "there", "fastest", "middle", "slowest"]
    assert lines[2].split() == ["upload", "0.000", "9.000", "9.000", "4.500", "1.000", "5.000", "9.000", "web9"]
    assert lines[3].split() == ["barrier", "9.000", "9.500", "0.500", "0.250"]


def test_what_is_done_twice_on_a_server_is_added_up() -> None:
    spans = profile(("upload", "web1", 0.0, 1.0), ("upload", "web1", 2.0, 2.5))
    row = profile_lines(spans, 0.0, USAGE, ("web1",))[2]
    assert row.split() == ["upload", "0.000", "2.500", "2.500", "1.250", "1.500"]


def test_a_block_counts_however_it_ends() -> None:
    settings = Settings(environ={"TURNOUT_PROFILE": "1"})
    with pytest.raises(ValueError), settings.measured("plan", "web1"):
        raise ValueError
    assert settings.profile is not None
    assert [(span.name, span.server) for span in settings.profile.spans] == [("plan", "web1")]
    assert all(span.seconds >= 0 for span in settings.profile.spans)


@pytest.mark.parametrize("environ", [{}, {"TURNOUT_PROFILE": ""}])
def test_without_the_variable_nothing_is_kept(environ: dict[str, str]) -> None:
    settings = Settings(environ=environ)
    with settings.measured("plan"):
        pass
    assert settings.profile is None and not Profile().spans


@pytest.mark.parametrize("words", [["--yes"], ["--yes", "--json"]])
def test_a_command_prints_it_on_standard_error_when_it_has_ended(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "turnout.toml").write_text(
        'project = "shop"\n[source]\ndirectory = "."\n[environments.production]\n'
        f'servers = [{{ name = "web1", host = "ana@127.0.0.1", port = {free_port()}, root = "/srv/shop" }}]\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "rollback", *words],
        cwd=tmp_path,
        env={**os.environ, "TURNOUT_PROFILE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "profile" not in done.stdout
    table = done.stderr[done.stderr.index("profile: ") :].splitlines()
    assert table[1].split() == ["from", "to", "took", "here", "there", "web1"]
    assert [line.split()[0] for line in table[2:]] == ["start", "load", "login", "connect"]


def test_a_command_that_asks_no_server_prints_it_too(tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    (tmp_path / "turnout.toml").write_text(
        f'project = "shop"\nsource.directory = "."\nstore.url = "file://{tmp_path}/store"\n'
        'environments.production.servers = [{ name = "web1", host = "web1", root = "/srv/shop" }]\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "store", "push", "production"],
        cwd=tmp_path,
        env={**os.environ, "TURNOUT_PROFILE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    table = done.stderr[done.stderr.index("profile: ") :].splitlines()
    assert [line.split()[0] for line in table[2:]] == ["start", "tree", "store"]
