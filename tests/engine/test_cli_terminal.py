"""The command on a real terminal: it shows the plan, asks, and takes no for an answer."""

import pytest

from tests.engine.commands import COMMAND, everything, held, turnout, until_held
from tests.engine.driving import live
from tests.terminal import Terminal


def on_terminal(project, *words: str, **options) -> Terminal:
    return Terminal([*COMMAND, *words], project.folder, **options)


@pytest.fixture
def project(pair, project_factory):
    return project_factory(pair)


def test_the_plan_is_shown_and_yes_deploys(project, pair):
    with on_terminal(project, "deploy", "production", "--tag", "one") as terminal:
        terminal.expect("Deploy one to production")
        terminal.expect("web2  send")
        terminal.expect("Deploy to production? [y/N]")
        assert [live(place) for place in pair] == ["", ""]
        terminal.type("y")
        assert terminal.end() == 0, terminal.text
    assert [live(place) for place in pair] == ["one", "one"]


@pytest.mark.parametrize("answer", ["", "n", "yess"])
def test_anything_but_yes_changes_nothing(project, pair, answer):
    before = everything(pair)
    with on_terminal(project, "deploy", "production") as terminal:
        terminal.expect("[y/N]")
        terminal.type(answer)
        assert terminal.end() == 1
        assert "nothing was changed" in terminal.text
    assert everything(pair) == before


def test_ctrl_c_at_the_question_changes_nothing(project, pair):
    before = everything(pair)
    with on_terminal(project, "deploy", "production") as terminal:
        terminal.expect("[y/N]")
        terminal.interrupt()
        assert terminal.end() == 1
        assert "nothing was changed" in terminal.text
        assert "Traceback" not in terminal.text
    assert everything(pair) == before


def test_a_protected_environment_wants_its_name(pair, project_factory):
    project = project_factory(pair, environment_options={"protected": True})
    for answer, code, tags in (("y", 1, ["", ""]), ("production", 0, ["one", "one"])):
        with on_terminal(project, "deploy", "production", "--tag", "one") as terminal:
            terminal.expect("type its name:")
            terminal.type(answer)
            assert terminal.end() == code, terminal.text
        assert [live(place) for place in pair] == tags


def test_an_unknown_host_key_is_shown_and_accepted_by_a_person_only(project, pair, home):
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    with on_terminal(project, "releases", "production") as terminal:
        terminal.expect("SHA256:")
        terminal.expect("[yes/N]")
        terminal.type("no")
        assert terminal.end() == 3
    assert known_hosts.read_text() == ""
    with on_terminal(project, "deploy", "production", "--tag", "one") as terminal:
        terminal.expect("web1, web2: ")  # one sshd: asked once
        terminal.expect("SHA256:")
        terminal.type("yes")
        terminal.expect("Deploy to production? [y/N]")
        terminal.type("y")
        assert terminal.end() == 0, terminal.text
    assert known_hosts.read_text() != ""
    assert turnout(project, "releases", "production").returncode == 0


def test_a_server_that_changed_after_the_plan_is_planned_again(project, pair):
    with on_terminal(project, "deploy", "production", "--tag", "mine") as terminal:
        terminal.expect("[y/N]")
        assert turnout(project, "deploy", "production", "--tag", "theirs", "--yes").returncode == 0
        terminal.type("y")
        terminal.expect("planning again")
        terminal.expect("theirs")
        terminal.expect("[y/N]")
        terminal.type("y")
        assert terminal.end() == 0, terminal.text
    assert [live(place) for place in pair] == ["mine", "mine"]


def test_ctrl_c_during_a_hook_says_that_nothing_was_switched(pair, project_factory, tmp_path):
    hold = tmp_path / "hold"
    hold.touch()
    project = project_factory(pair, extra=held(hold))
    with on_terminal(project, "deploy", "production", "--yes") as terminal:
        until_held(hold, pair)
        terminal.interrupt()
        terminal.expect("cancelling: nothing has been switched")
        assert terminal.end() == 1, terminal.text
    assert [live(place) for place in pair] == ["", ""]
