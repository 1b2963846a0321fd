"""`turnout recover`: what was interrupted is said, a person or a word chooses the way, and one command ends it."""

import pytest

from core import DeployRequest
from tests.engine.commands import COMMAND, everything, turnout, turnout_json
from tests.terminal import Terminal
from tests.waiting import until


@pytest.fixture
def half(half_switched):
    """A deploy of `two` that switched web1 and web2 and not web3, where `one` is live."""
    return half_switched


def test_without_a_person_and_a_way_it_says_what_happened_and_ends_with_5(half):
    before = everything(half.destinations)
    ended = turnout(half.sample, "recover", "production")
    assert ended.returncode == 5
    assert "interrupted deploy" in ended.stdout and "web1, web2 switched" in ended.stdout
    assert "web1 switched: two is live; before it, one" in " ".join(ended.stdout.split())
    assert "--finish (all servers on the new release) or --undo (all back)" in ended.stderr
    assert turnout(half.sample, "recover", "production", "--yes").returncode == 5, "--yes is no choice"
    assert everything(half.destinations) == before


def test_a_dry_run_without_a_way_shows_both_plans(half):
    before = everything(half.destinations)
    ended = turnout(half.sample, "recover", "production", "--dry-run")
    assert ended.returncode == 5
    assert "Finish the interrupted operation on production" in ended.stdout
    assert "Undo the interrupted operation on production" in ended.stdout
    assert "switch back to releases/one" in ended.stdout
    assert everything(half.destinations) == before


@pytest.mark.parametrize(("way", "tag"), [("--finish", "two"), ("--undo", "one")])
def test_a_named_way_is_carried_out_and_then_nothing_is_left_to_recover(half, way, tag):
    code, lines = turnout_json(half.sample, "recover", "production", way, "--yes")
    assert code == 0
    assert lines[0]["event"] == "interruption" and lines[0]["switched"] == {"web1": "one", "web2": "one"}
    assert lines[-1]["kind"] == "recover"
    assert half.live() == [tag] * 3
    again = turnout(half.sample, "recover", "production")
    assert again.returncode == 0
    assert "nothing was interrupted on production" in again.stdout


def test_a_finish_that_fails_can_still_be_undone(half):
    good = half.sample.config.read_text()
    half.sample.config.write_text(f'{good}\n[[checks]]\nrun = "false"\nattempts = 1\n')
    failed = turnout(half.sample, "recover", "production", "--finish", "--yes")
    assert failed.returncode == 1, failed.stderr
    assert half.live() == ["two", "two", "one"]
    half.sample.config.write_text(good)
    ended = turnout(half.sample, "recover", "production", "--undo", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert half.live() == ["one"] * 3


def test_a_way_without_a_person_wants_yes(half):
    ended = turnout(half.sample, "recover", "production", "--undo")
    assert ended.returncode == 2
    assert "pass --yes" in ended.stderr
    assert half.live() == ["two", "two", "one"]


def test_on_a_terminal_it_asks_which_way_and_shows_the_plan(half):
    with Terminal([*COMMAND, "recover", "production"], half.sample.folder) as terminal:
        terminal.expect("interrupted deploy")
        terminal.expect("[f/u/N]")
        terminal.type("u")
        terminal.expect("switch back to releases/one")
        terminal.expect("Undo the interrupted operation on production? [y/N]")
        assert half.live() == ["two", "two", "one"]
        terminal.type("y")
        assert terminal.end() == 0, terminal.text
    assert half.live() == ["one"] * 3


def test_on_a_terminal_anything_else_changes_nothing(half):
    with Terminal([*COMMAND, "recover", "production"], half.sample.folder) as terminal:
        terminal.expect("[f/u/N]")
        terminal.type("")
        assert terminal.end() == 1
        assert "nothing was changed" in terminal.text
    assert half.live() == ["two", "two", "one"]


def test_whoever_looks_is_told_of_the_interruption(half):
    ended = turnout(half.sample, "releases", "production")
    assert ended.returncode == 0
    assert "interrupted deploy" in ended.stderr and "turnout recover production" in ended.stderr
    assert "turnout recover production" in turnout(half.sample, "doctor", "production").stderr
    plan = turnout(half.sample, "deploy", "production", "--dry-run")
    assert plan.returncode == 0
    assert "! interrupted deploy" in plan.stdout
    code, lines = turnout_json(half.sample, "releases", "production")
    assert code == 0
    assert [line["event"] for line in lines[-2:]] == ["interruption", "result"]


def test_a_server_that_is_silent_is_not_guessed_about(half, home):
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace("Host web1\n", "Host web1\n    Port 1\n"))
    ended = turnout(half.sample, "recover", "production", "--undo", "--yes")
    assert ended.returncode == 3
    assert "web1" in ended.stderr
    assert half.live() == ["two", "two", "one"]


def test_a_server_that_was_left_behind_is_led_back_by_recover(servers, proxy, project_factory, operator, truth, home):
    fleet = servers(3, separate=True)
    network, cut_off = proxy(fleet[2])
    project = project_factory([fleet[0], fleet[1], cut_off])
    facts = truth(project, fleet)
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    without = project.config.read_text()
    run = "touch switched; while [ ! -e go ]; do sleep 0.05; done; exit 1"
    project.config.write_text(f'{without}\n[[hooks]]\non = "after-switch"\nwhere = "operator"\nrun = "{run}"\n')
    deploy = operator(project, "deploy", "production", "--yes", "--tag", "two")
    until((project.folder / "switched").exists, "the switch")
    network.stop()
    (project.folder / "go").touch()
    assert deploy.end() == 5
    assert "turnout recover production --undo" in deploy.said("error")[0]["hint"]
    assert facts.live() == ["one", "one", "two"]
    config = home / ".ssh/config"
    config.write_text(config.read_text().replace(f"Port {network.port}\n", f"Port {fleet[2].server.port}\n"))
    project.config.write_text(without)
    until(facts.unlocked, "the agent to give its lock back")
    assert turnout(project, "recover", "production").returncode == 5
    ended = turnout(project, "recover", "production", "--undo", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert facts.live() == ["one", "one", "one"]


def test_where_a_server_cannot_tell_nothing_is_said_to_be_whole(half):
    assert turnout(half.sample, "recover", "production", "--undo", "--yes").returncode == 0
    ended = turnout(half.sample, "recover", "production")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (
        0,
        "nothing was interrupted on production: there is nothing to recover",
    )
    for damage in (b"\x00\xff\n", b"[]\n"):
        with (half.destinations[1].files / ".turnout/transitions.jsonl").open("ab") as file:
            file.write(damage)
        ended = turnout(half.sample, "recover", "production")
        assert ended.returncode == 5
        assert "whether an operation was interrupted is unknown on web2" in ended.stderr
        assert "nothing was interrupted" not in ended.stdout + ended.stderr
