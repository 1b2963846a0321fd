"""The command against real servers: what it does, what it says, and the exit code it ends with."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core import events
from tests.projects import SampleProject
from tests.servers import Destination
from tests.shapes import keeps_its_shape
from tests.waiting import PATIENCE, until

COMMAND = [sys.executable, "-m", "tui.cli"]


pytestmark = pytest.mark.usefixtures("importable")


def start(project: SampleProject, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def turnout(project: SampleProject, *words: str) -> subprocess.CompletedProcess[str]:
    process = start(project, *words)
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def turnout_json(project: SampleProject, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines; asserts that nothing else is said, and that the result comes last."""
    ended = turnout(project, *words, "--json")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.stderr == ""
    assert [line["event"] == "result" for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["exit_code"] == ended.returncode
    for line in lines:
        keeps_its_shape(line)
    return ended.returncode, lines


def live(place: Destination) -> str:
    """The tag that is live, "" for none."""
    current = place.files / "current"
    return Path(os.readlink(current)).name if current.is_symlink() else ""


def releases(place: Destination) -> list[str]:
    folder = place.files / "releases"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def everything(places: Sequence[Destination], *, but: str = "") -> list[str]:
    """Every path below the roots, with what a link leads to and what a file holds, but for names that end so.

    What agents still remove after they have answered is waited for.
    """
    lines = []
    for place in places:
        until(lambda own=place.files / ".turnout": not list(own.glob("trash.*")), f"{place.alias} to be swept")
        for folder, folders, files in os.walk(place.files):
            for name in (name for name in folders + files if not but or not name.endswith(but)):
                path = Path(folder, name)
                what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
                lines.append(f"{path}: {what!r}")
    return sorted(lines)


@pytest.fixture
def fleet(servers) -> list[Destination]:
    return servers(2)


@pytest.fixture
def project(fleet, project_factory) -> SampleProject:
    return project_factory(fleet)


@pytest.fixture
def deployed(project) -> SampleProject:
    """A project with the releases one and two, of which two is live."""
    assert turnout(project, "deploy", "production", "--tag", "one", "--yes").returncode == 0
    project.commit({"index.html": "two\n"}, "The second version")
    assert turnout(project, "deploy", "production", "--tag", "two", "--yes").returncode == 0
    return project


def test_deploy_makes_the_release_live_on_every_server(project, fleet):
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 0, ended.stderr
    tags = {live(place) for place in fleet}
    assert len(tags) == 1 and "" not in tags
    assert all((place.files / "current/index.html").read_text() == "one\n" for place in fleet)
    assert tags.pop() in ended.stdout
    assert "web1" in ended.stderr and "web2" in ended.stderr


def test_deploy_takes_a_revision_and_the_only_environment_may_be_left_out(project, fleet):
    first = project.git("rev-parse", "HEAD")
    project.commit({"index.html": "two\n"})
    ended = turnout(project, "deploy", "--ref", first, "--tag", "by-hand", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in fleet] == ["by-hand", "by-hand"]
    assert (fleet[0].files / "current/index.html").read_text() == "one\n"


def test_the_configuration_is_found_in_a_folder_above_and_named_from_elsewhere(project, tmp_path):
    below = project.folder / "app/deep"
    below.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for cwd, words in ((below, []), (elsewhere, ["--config", str(project.config)])):
        ended = subprocess.run(
            [*COMMAND, "releases", *words],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr


def test_rollback_goes_to_the_previous_release_and_to_a_named_one(deployed, fleet):
    ended = turnout(deployed, "rollback", "production", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in fleet] == ["one", "one"]
    ended = turnout(deployed, "rollback", "production", "two", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in fleet] == ["two", "two"]


def test_server_limits_a_command_to_a_part_of_the_environment(deployed, fleet):
    ended = turnout(deployed, "rollback", "production", "one", "--server", "web2", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in fleet] == ["two", "one"]


def test_releases_is_a_matrix_on_stdout_and_one_object_a_release_as_json(deployed):
    assert turnout(deployed, "rollback", "production", "one", "--server", "web2", "--yes").returncode == 0
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 0, ended.stderr
    head, newest, oldest = ended.stdout.splitlines()
    assert head.split() == ["release", "state", "what", "by", "age", "size", "web1", "web2"]
    assert newest.startswith("two") and "The second version" in newest
    assert oldest.startswith("one") and "The first version" in oldest
    assert "live" in ended.stderr
    code, lines = turnout_json(deployed, "releases", "production")
    assert code == 0
    assert [(line["tag"], line["servers"]) for line in lines[:-1]] == [
        ("two", {"web1": "live", "web2": "kept"}),
        ("one", {"web1": "kept", "web2": "live"}),
    ]


def test_releases_says_what_is_odd_on_the_servers(deployed, fleet):
    (fleet[0].files / "current").unlink()
    (fleet[0].files / "current").symlink_to("releases/nowhere")
    (fleet[1].files / ".turnout/records/one.toml").write_text("no TOML")
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 0
    assert "web1: SITE DOWN: current points to releases/nowhere, which does not exist" in ended.stderr
    assert "web2: the record of one cannot be read" in ended.stderr
    _, lines = turnout_json(deployed, "releases", "production")
    assert [line["text"][:5] for line in lines if line.get("event") == "warning"] == ["web1:", "web2:"]


def test_prune_removes_files_and_says_what_it_frees(deployed, fleet):
    deployed.commit({"index.html": "three\n"})
    assert turnout(deployed, "deploy", "production", "--tag", "three", "--yes").returncode == 0
    ended = turnout(deployed, "prune", "production", "one", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [releases(place) for place in fleet] == [["three", "two"]] * 2
    code, lines = turnout_json(deployed, "releases")
    assert code == 0
    assert lines[2]["tag"] == "one" and lines[2]["servers"] == {"web1": "pruned", "web2": "pruned"}


def test_prune_keeps_n_and_clears_the_cache(deployed, fleet):
    deployed.commit({"index.html": "three\n"})
    assert turnout(deployed, "deploy", "production", "--tag", "three", "--yes").returncode == 0
    ended = turnout(deployed, "prune", "production", "--keep", "1", "--cache", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [releases(place) for place in fleet] == [["three", "two"]] * 2, "the one before the live one is kept"
    assert not any((place.files / ".turnout/cache.manifest").exists() for place in fleet)
    assert turnout(deployed, "deploy", "production", "--tag", "four", "--yes").returncode == 0


def test_a_live_release_is_not_pruned(deployed, fleet):
    ended = turnout(deployed, "prune", "production", "two", "--yes")
    assert ended.returncode in (1, 2)
    assert "live" in ended.stderr
    assert [releases(place) for place in fleet] == [["one", "two"]] * 2


def test_a_dry_run_prints_the_plan_and_changes_nothing(project, fleet):
    before = everything(fleet)
    first = turnout(project, "deploy", "production", "--dry-run", "--tag", "one")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Deploy one to production\n")
    assert everything(fleet) == before
    assert turnout(project, "deploy", "production", "--tag", "one", "--yes").returncode == 0
    project.commit({"index.html": "two\n"})
    assert turnout(project, "deploy", "production", "--tag", "two", "--yes").returncode == 0
    before = everything(fleet)
    for words, said in (
        (["deploy", "production", "--dry-run"], "switch"),
        (["rollback", "production", "--dry-run"], "Roll production back to one"),
        (["prune", "production", "--keep", "1", "--cache", "--dry-run"], "clear the deploy-cache"),
    ):
        ended = turnout(project, *words)
        assert ended.returncode == 0, ended.stderr
        assert said in ended.stdout
        assert everything(fleet) == before


def test_a_dry_run_of_what_is_refused_says_why_and_fails(deployed, fleet):
    before = everything(fleet)
    ended = turnout(deployed, "prune", "production", "two", "--dry-run")
    assert ended.returncode == 1
    assert "is live on web1, web2" in ended.stdout
    assert everything(fleet) == before
    code, lines = turnout_json(deployed, "prune", "production", "two", "--dry-run")
    assert code == 1
    assert lines[-1]["outcome"] == "refused"


def test_json_lines_are_the_engines_events_and_end_with_the_result(project):
    code, lines = turnout_json(project, "deploy", "production", "--tag", "one", "--yes")
    assert code == 0
    names = [line["event"] for line in lines]
    assert names[-2:] == ["operation-finished", "result"]
    assert {"operation-started", "plan-made", "phase-started", "switched"} <= set(names)
    assert all(events.from_json(line) is not None for line in lines[:-1])
    assert lines[-1]["outcome"] == "done" and lines[-1]["tag"] == "one" and lines[-1]["environment"] == "production"


def test_secrets_appear_nowhere(fleet, project_factory, monkeypatch):
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2hunter2")
    hook = '[[hooks]]\non = "prepare"\nrun = "echo token is ${DEPLOY_TOKEN}"\n'
    project = project_factory(fleet, extra=hook)
    ended = turnout(project, "deploy", "--yes", "--json", "--tag", "one")
    assert ended.returncode == 0, ended.stdout
    assert "token is ***" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr
    ended = turnout(project, "deploy", "--yes", "--tag", "two")
    assert "token is ***" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


def test_exit_2_for_what_does_not_exist(deployed, fleet):
    before = everything(fleet, but=".jsonl")
    for words in (
        ["deploy", "staging", "--yes"],
        ["deploy", "production", "--server", "web9", "--yes"],
        ["rollback", "production", "no-such-release", "--yes"],
    ):
        ended = turnout(deployed, *words)
        assert ended.returncode == 2, ended.stderr
        assert ended.stdout == ""
    assert everything(fleet, but=".jsonl") == before


def test_exit_3_where_there_is_no_connection_and_nothing_changes(deployed, fleet, home):
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    before = everything(fleet)
    for words in (["deploy", "production", "--yes"], ["rollback", "production", "--yes"]):
        ended = turnout(deployed, *words)
        assert ended.returncode == 3, ended.stderr
        assert "web2" in ended.stderr
    assert everything(fleet) == before
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 3
    assert "web2" in ended.stderr
    assert ended.stdout.splitlines()[1].startswith("two"), "the other server's releases are shown"


def test_exit_3_for_an_unknown_host_key_without_a_person(project, fleet, home):
    (home / ".ssh/known_hosts").write_text("")
    before = everything(fleet)
    code, lines = turnout_json(project, "deploy", "production", "--yes")
    assert code == 3
    errors = [line for line in lines if line["event"] == "error"]
    assert {error["type"] for error in errors} == {"HostKeyUnknown"}
    assert all("SHA256:" in error["detail"] for error in errors)
    assert (home / ".ssh/known_hosts").read_text() == ""
    assert everything(fleet) == before


def held(path: Path) -> str:
    """A prepare hook that says on each server that it runs, and goes on when `path` is gone."""
    run = f"touch {path}.$TURNOUT_SERVER; while [ -e {path} ]; do sleep 0.05; done"
    return f'[[hooks]]\non = "prepare"\nrun = "{run}"\n'


def until_held(path: Path, fleet: Sequence[Destination]) -> None:
    """Wait until that hook runs on every server."""
    for place in fleet:
        until(Path(f"{path}.{place.alias}").exists, f"the hook runs on {place.alias}")


def test_exit_4_while_another_operation_is_running(fleet, project_factory, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    project = project_factory(fleet, extra=held(hold))
    first = start(project, "deploy", "production", "--tag", "one", "--yes")
    try:
        until_held(hold, fleet)
        second = turnout(project, "deploy", "production", "--tag", "two", "--yes")
    finally:
        hold.unlink()
        out, err = first.communicate(timeout=PATIENCE)
    assert second.returncode == 4, second.stderr
    assert "deploy" in second.stderr
    assert first.returncode == 0, out + err
    assert [live(place) for place in fleet] == ["one", "one"]


def test_exit_5_where_current_is_a_folder(project, fleet):
    (fleet[1].files / "current").mkdir()
    (fleet[1].files / "current/precious").write_text("mine")
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 5, ended.stderr
    assert "web2" in ended.stderr and "mv -T current" in ended.stderr
    assert [live(place) for place in fleet] == ["", ""]
    assert [releases(place) for place in fleet] == [[], []]
    assert (fleet[1].files / "current/precious").read_text() == "mine"


def test_exit_1_when_a_check_fails_and_everything_is_put_back(deployed, fleet):
    with deployed.config.open("a") as file:
        file.write('[[checks]]\nrun = "false"\nattempts = 1\n')
    ended = turnout(deployed, "deploy", "production", "--tag", "three", "--yes")
    assert ended.returncode == 1, ended.stderr
    assert [live(place) for place in fleet] == ["two", "two"]


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 3])
def test_a_signal_during_a_slow_hook_leaves_everything_as_before(deployed, fleet, tmp_path, signals):
    hold = tmp_path / "hold"
    hold.touch()
    with deployed.config.open("a") as file:
        file.write(held(hold))
    before = [(live(place), releases(place)) for place in fleet]
    process = start(deployed, "deploy", "production", "--tag", "three", "--yes")
    until_held(hold, fleet)
    for number in signals:
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        hold.unlink()
    assert process.returncode == 1, out + err
    assert "cancelling: nothing has been switched" in err
    assert [(live(place), releases(place)) for place in fleet] == before
    for place in fleet:
        assert not (place.files / ".turnout/lock").exists()
        assert not list((place.files / ".turnout/incoming").glob("*"))


def test_a_server_that_answers_nothing_is_left_at_the_third_signal(deployed, fleet, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    with deployed.config.open("a") as file:
        file.write(held(hold))
    process = start(deployed, "deploy", "production", "--tag", "three", "--yes")
    until_held(hold, fleet)
    asleep = fleet[0].server.session_processes()
    try:
        for process_id in asleep:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGSTOP)

        def hit() -> bool:
            process.send_signal(signal.SIGINT)
            return process.poll() is not None

        until(hit, "it leaves")
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        hold.unlink()
        for process_id in asleep:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGCONT)
    assert process.returncode == 5, out + err
    assert "already cancelling" in err and "left before everything was put back" in err
    assert "turnout recover production" in err and "Traceback" not in err
    for place in fleet:
        until(lambda place=place: not (place.files / ".turnout/lock").exists(), "its agent unlocks")
        until(lambda place=place: not list((place.files / ".turnout/incoming").glob("*")), "and sweeps")
    assert [live(place) for place in fleet] == ["two", "two"]


def test_a_reader_that_goes_away_does_not_stop_a_deploy(project, fleet):
    process = start(project, "deploy", "production", "--tag", "one", "--yes", "--json")
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["event"] == "operation-started"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(PATIENCE) == 0
    assert [live(place) for place in fleet] == ["one", "one"]


def test_doctor_finds_nothing_on_good_servers_and_changes_nothing(deployed, fleet):
    before = everything(fleet)
    ended = turnout(deployed, "doctor", "production")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "web1\n" in ended.stdout and "web2\n" in ended.stdout
    assert "2 servers checked" in ended.stdout
    assert everything(fleet) == before
    code, lines = turnout_json(deployed, "doctor", "production")
    assert code == 0
    assert {line["event"] for line in lines[:-1]} == {"finding"}
    assert {line["level"] for line in lines[:-1]} <= {"ok", "warning"}


def test_doctor_says_what_is_in_the_way(project, fleet, home):
    (fleet[1].files / "current").mkdir()
    ended = turnout(project, "doctor", "production")
    assert ended.returncode == 1, ended.stdout
    web1, web2 = ended.stdout.split("web2\n")
    assert " error " not in web1
    assert " error " in web2
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    ended = turnout(project, "doctor", "production")
    assert ended.returncode == 3, ended.stdout
