"""The command against real servers: what it does, what it says, and the exit code it ends with."""

import json
import os
import signal
import subprocess
from contextlib import suppress

import pytest

from core import events
from tests.engine.commands import COMMAND, everything, held, start, turnout, turnout_json, until_held
from tests.engine.driving import live, releases
from tests.projects import SampleProject
from tests.waiting import PATIENCE, until


@pytest.fixture
def project(pair, project_factory) -> SampleProject:
    return project_factory(pair)


@pytest.fixture
def deployed(project) -> SampleProject:
    """A project with the releases one and two, of which two is live."""
    assert turnout(project, "deploy", "production", "--tag", "one", "--yes").returncode == 0
    project.commit({"index.html": "two\n"}, "The second version")
    assert turnout(project, "deploy", "production", "--tag", "two", "--yes").returncode == 0
    return project


def test_deploy_makes_the_release_live_on_every_server(project, pair):
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 0, ended.stderr
    tags = {live(place) for place in pair}
    assert len(tags) == 1 and "" not in tags
    assert all((place.files / "current/index.html").read_text() == "one\n" for place in pair)
    assert tags.pop() in ended.stdout
    assert "web1" in ended.stderr and "web2" in ended.stderr


def test_deploy_takes_a_revision_and_the_only_environment_may_be_left_out(project, pair):
    first = project.git("rev-parse", "HEAD")
    project.commit({"index.html": "two\n"})
    ended = turnout(project, "deploy", "--ref", first, "--tag", "by-hand", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in pair] == ["by-hand", "by-hand"]
    assert (pair[0].files / "current/index.html").read_text() == "one\n"


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


def test_rollback_goes_to_the_previous_release_and_to_a_named_one(deployed, pair):
    ended = turnout(deployed, "rollback", "production", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in pair] == ["one", "one"]
    ended = turnout(deployed, "rollback", "production", "two", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in pair] == ["two", "two"]


def test_server_limits_a_command_to_a_part_of_the_environment(deployed, pair):
    ended = turnout(deployed, "rollback", "production", "one", "--server", "web2", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [live(place) for place in pair] == ["two", "one"]


def test_releases_is_a_matrix_on_stdout_and_one_object_a_release_as_json(deployed):
    assert turnout(deployed, "rollback", "production", "one", "--server", "web2", "--yes").returncode == 0
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 0, ended.stderr
    head, newest, oldest = ended.stdout.splitlines()
    assert head.split() == ["release", "state", "what", "deployed", "by", "size", "web1", "web2"]
    assert newest.startswith("two") and "The second version" in newest
    assert oldest.startswith("one") and "The first version" in oldest
    assert "live" in ended.stderr
    code, lines = turnout_json(deployed, "releases", "production")
    assert code == 0
    assert [(line["tag"], line["servers"]) for line in lines[:-1]] == [
        ("two", {"web1": "live", "web2": "kept"}),
        ("one", {"web1": "kept", "web2": "live"}),
    ]


def test_releases_says_what_is_odd_on_the_servers(deployed, pair):
    (pair[0].files / "current").unlink()
    (pair[0].files / "current").symlink_to("releases/nowhere")
    (pair[1].files / ".turnout/records/one.toml").write_text("no TOML")
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 0
    assert "web1: SITE DOWN: current points to releases/nowhere, which does not exist" in ended.stderr
    assert "web2: the record of one cannot be read" in ended.stderr
    _, lines = turnout_json(deployed, "releases", "production")
    assert [line["text"][:5] for line in lines if line.get("event") == "warning"] == ["web1:", "web2:"]


def test_prune_removes_files_and_says_what_it_frees(deployed, pair):
    deployed.commit({"index.html": "three\n"})
    assert turnout(deployed, "deploy", "production", "--tag", "three", "--yes").returncode == 0
    ended = turnout(deployed, "prune", "production", "one", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [releases(place) for place in pair] == [["three", "two"]] * 2
    code, lines = turnout_json(deployed, "releases")
    assert code == 0
    assert lines[2]["tag"] == "one" and lines[2]["servers"] == {"web1": "pruned", "web2": "pruned"}


def test_prune_keeps_n_and_clears_the_cache(deployed, pair):
    deployed.commit({"index.html": "three\n"})
    assert turnout(deployed, "deploy", "production", "--tag", "three", "--yes").returncode == 0
    ended = turnout(deployed, "prune", "production", "--keep", "1", "--cache", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [releases(place) for place in pair] == [["three", "two"]] * 2, "the one before the live one is kept"
    assert not any((place.files / ".turnout/cache.manifest").exists() for place in pair)
    assert turnout(deployed, "deploy", "production", "--tag", "four", "--yes").returncode == 0


def test_a_live_release_is_not_pruned(deployed, pair):
    ended = turnout(deployed, "prune", "production", "two", "--yes")
    assert ended.returncode in (1, 2)
    assert "live" in ended.stderr
    assert [releases(place) for place in pair] == [["one", "two"]] * 2


def test_a_dry_run_prints_the_plan_and_changes_nothing(project, pair):
    before = everything(pair)
    first = turnout(project, "deploy", "production", "--dry-run", "--tag", "one")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Deploy one to production\n")
    assert everything(pair) == before
    assert turnout(project, "deploy", "production", "--tag", "one", "--yes").returncode == 0
    project.commit({"index.html": "two\n"})
    assert turnout(project, "deploy", "production", "--tag", "two", "--yes").returncode == 0
    before = everything(pair)
    for words, said in (
        (["deploy", "production", "--dry-run"], "switch"),
        (["rollback", "production", "--dry-run"], "Roll production back to one"),
        (["prune", "production", "--keep", "1", "--cache", "--dry-run"], "clear the deploy-cache"),
    ):
        ended = turnout(project, *words)
        assert ended.returncode == 0, ended.stderr
        assert said in ended.stdout
        assert everything(pair) == before


def test_a_dry_run_of_what_is_refused_says_why_and_fails(deployed, pair):
    before = everything(pair)
    ended = turnout(deployed, "prune", "production", "two", "--dry-run")
    assert ended.returncode == 1
    assert "is live on web1, web2" in ended.stdout
    assert everything(pair) == before
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


def test_secrets_appear_nowhere(pair, project_factory, monkeypatch):
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2hunter2")
    hook = '[[hooks]]\non = "prepare"\nrun = "echo token is ${DEPLOY_TOKEN}"\n'
    project = project_factory(pair, extra=hook)
    ended = turnout(project, "deploy", "--yes", "--json", "--tag", "one")
    assert ended.returncode == 0, ended.stdout
    assert "token is ***" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr
    ended = turnout(project, "deploy", "--yes", "--tag", "two")
    assert "token is ***" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


def test_exit_2_for_what_does_not_exist(deployed, pair):
    before = everything(pair, but=".jsonl")
    for words in (
        ["deploy", "staging", "--yes"],
        ["deploy", "production", "--server", "web9", "--yes"],
        ["rollback", "production", "no-such-release", "--yes"],
    ):
        ended = turnout(deployed, *words)
        assert ended.returncode == 2, ended.stderr
        assert ended.stdout == ""
    assert everything(pair, but=".jsonl") == before


def test_exit_3_where_there_is_no_connection_and_nothing_changes(deployed, pair, home):
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    before = everything(pair)
    for words in (["deploy", "production", "--yes"], ["rollback", "production", "--yes"]):
        ended = turnout(deployed, *words)
        assert ended.returncode == 3, ended.stderr
        assert "web2" in ended.stderr
    assert everything(pair) == before
    ended = turnout(deployed, "releases", "production")
    assert ended.returncode == 3
    assert "web2" in ended.stderr
    assert ended.stdout.splitlines()[1].startswith("two"), "the other server's releases are shown"


def test_exit_3_for_an_unknown_host_key_without_a_person(project, pair, home):
    (home / ".ssh/known_hosts").write_text("")
    before = everything(pair)
    code, lines = turnout_json(project, "deploy", "production", "--yes")
    assert code == 3
    errors = [line for line in lines if line["event"] == "error"]
    assert {error["type"] for error in errors} == {"HostKeyUnknown"}
    assert all("SHA256:" in error["detail"] for error in errors)
    assert (home / ".ssh/known_hosts").read_text() == ""
    assert everything(pair) == before


def test_exit_4_while_another_operation_is_running(pair, project_factory, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    project = project_factory(pair, extra=held(hold))
    first = start(project, "deploy", "production", "--tag", "one", "--yes")
    try:
        until_held(hold, pair)
        second = turnout(project, "deploy", "production", "--tag", "two", "--yes")
    finally:
        hold.unlink()
        out, err = first.communicate(timeout=PATIENCE)
    assert second.returncode == 4, second.stderr
    assert "deploy" in second.stderr
    assert first.returncode == 0, out + err
    assert [live(place) for place in pair] == ["one", "one"]


def test_exit_5_where_current_is_a_folder(project, pair):
    (pair[1].files / "current").mkdir()
    (pair[1].files / "current/precious").write_text("mine")
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 5, ended.stderr
    assert "web2" in ended.stderr and "mv -T current" in ended.stderr
    assert [live(place) for place in pair] == ["", ""]
    assert [releases(place) for place in pair] == [[], []]
    assert (pair[1].files / "current/precious").read_text() == "mine"


def test_exit_1_when_a_check_fails_and_everything_is_put_back(deployed, pair):
    with deployed.config.open("a") as file:
        file.write('[[checks]]\nrun = "false"\nattempts = 1\n')
    ended = turnout(deployed, "deploy", "production", "--tag", "three", "--yes")
    assert ended.returncode == 1, ended.stderr
    assert [live(place) for place in pair] == ["two", "two"]


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGHUP], [signal.SIGINT] * 3])
def test_a_signal_during_a_slow_hook_leaves_everything_as_before(deployed, pair, tmp_path, signals):
    hold = tmp_path / "hold"
    hold.touch()
    with deployed.config.open("a") as file:
        file.write(held(hold))
    before = [(live(place), releases(place)) for place in pair]
    process = start(deployed, "deploy", "production", "--tag", "three", "--yes")
    until_held(hold, pair)
    for number in signals:
        process.send_signal(number)
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        hold.unlink()
    assert process.returncode == 1, out + err
    assert "cancelling: nothing has been switched" in err
    assert [(live(place), releases(place)) for place in pair] == before
    for place in pair:
        assert not (place.files / ".turnout/lock").exists()
        assert not list((place.files / ".turnout/incoming").glob("*"))


def test_a_server_that_answers_nothing_is_left_at_the_third_signal(deployed, pair, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    with deployed.config.open("a") as file:
        file.write(held(hold))
    process = start(deployed, "deploy", "production", "--tag", "three", "--yes")
    until_held(hold, pair)
    asleep = pair[0].server.session_processes()
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
    for place in pair:
        until(lambda place=place: not (place.files / ".turnout/lock").exists(), "its agent unlocks")
        until(lambda place=place: not list((place.files / ".turnout/incoming").glob("*")), "and sweeps")
    assert [live(place) for place in pair] == ["two", "two"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_once_the_end_is_said_changes_nothing(deployed, pair, number):
    first = f"""
from tui.cli.following import Follower
leave = Follower.__exit__
def leave_and_hear(*words):
    leave(*words)
    os.kill(os.getpid(), {int(number)})
Follower.__exit__ = leave_and_hear
"""
    ended = turnout(deployed, "deploy", "production", "--tag", "three", "--yes", first=first)
    assert (ended.returncode, ended.stderr.count("interrupted")) == (0, 0), ended.stderr
    assert [live(place) for place in pair] == ["three", "three"]


def test_a_reader_that_goes_away_does_not_stop_a_deploy(project, pair):
    process = start(project, "deploy", "production", "--tag", "one", "--yes", "--json")
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["event"] == "operation-started"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(PATIENCE) == 0
    assert [live(place) for place in pair] == ["one", "one"]


def test_doctor_finds_nothing_on_good_servers_and_changes_nothing(deployed, pair):
    before = everything(pair)
    ended = turnout(deployed, "doctor", "production")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "web1\n" in ended.stdout and "web2\n" in ended.stdout
    assert "2 servers checked" in ended.stdout
    assert everything(pair) == before
    code, lines = turnout_json(deployed, "doctor", "production")
    assert code == 0
    assert {line["event"] for line in lines[:-1]} == {"finding"}
    assert {line["level"] for line in lines[:-1]} <= {"ok", "warning"}


def test_doctor_says_what_is_in_the_way(project, pair, home):
    (pair[1].files / "current").mkdir()
    ended = turnout(project, "doctor", "production")
    assert ended.returncode == 1, ended.stdout
    web1, web2 = ended.stdout.split("web2\n")
    assert " error " not in web1
    assert " error " in web2
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web2\n", "Host web2\n    Port 1\n"))
    ended = turnout(project, "doctor", "production")
    assert ended.returncode == 3, ended.stdout
