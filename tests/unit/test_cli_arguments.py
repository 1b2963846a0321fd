"""The words of the command: what they mean, and what is said when they are wrong."""

import json
import subprocess
import sys

import pytest

from core import DeployRequest, PinRequest, PruneRequest, RollbackRequest
from tests import REPOSITORY
from tests.terminal import Terminal
from tui.cli import main
from tui.cli.arguments import parse, parser_of_all
from tui.cli.parsing import ELSEWHERE, BadUsage


def turnout(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui.cli", *words],
        cwd=options.get("cwd", REPOSITORY),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_common_options_are_taken_before_and_after_the_command():
    assert parse(["--config", "a.toml", "deploy", "production"]).config == "a.toml"
    assert parse(["deploy", "production", "--config", "b.toml"]).config == "b.toml"
    assert parse(["--config", "a.toml", "deploy", "production", "--config", "b.toml"]).config == "b.toml"


def test_the_words_of_each_command_arrive():
    deploy = parse(
        ["deploy", "production", "--ref", "v2", "--tag", "t", "--server", "web1", "--server", "web2", "--yes"]
    )
    assert (deploy.command, deploy.environment, deploy.tag) == ("deploy", "production", "t")
    assert deploy.servers == ("web1", "web2") and deploy.yes and not deploy.json and not deploy.dry_run
    rollback = parse(["rollback", "production", "t1", "--dry-run", "--json"])
    assert (rollback.environment, rollback.tag, rollback.dry_run, rollback.json) == ("production", "t1", True, True)
    assert parse(["rollback", "production"]).tag is None
    assert parse(["prune", "production", "a", "b"]).tags == ("a", "b")
    assert parse(["--environment", "staging"]).command == ""
    assert parse(["--environment", "staging"]).environment == "staging"
    assert parse(["deploy"]).environment is None
    recover = parse(["recover", "production", "--undo", "--wait", "90s"])
    assert (recover.way, recover.wait) == ("undo", 90)
    assert parse(["recover", "production"]).way == ""
    assert parse(["unlock", "production", "--break", "0a1b"]).breaks == "0a1b"
    assert parse(["verify", "production", "t1"]).tag == "t1"
    assert parse(["trust", "production", "--yes"]).yes


@pytest.mark.parametrize(
    ("word", "meant"),
    [("undo", "rollback"), ("status", "releases"), ("ls", "releases"), ("rolback", "rollback"), ("deplyo", "deploy")],
)
def test_a_wrong_command_is_answered_with_the_one_that_was_meant(word, meant):
    with pytest.raises(BadUsage) as refused:
        parse([word])
    assert refused.value.hint == f"did you mean `turnout {meant}`?"


def test_words_of_other_tools_are_no_commands_here_and_lead_to_some():
    known = parser_of_all().commands
    assert not ELSEWHERE.keys() & known.keys() and set(ELSEWHERE.values()) <= known.keys()


ASKED = {
    "deploy production --ref v2 --tag t": DeployRequest(ref="v2", tag="t"),
    "deploy production --rebuild": DeployRequest(rebuild=True),
    "deploy production --revision v2.4.1": DeployRequest(revision="v2.4.1"),
    "rollback production": RollbackRequest(),
    "rollback production t1": RollbackRequest("t1"),
    "prune production": PruneRequest(for_ever=True),
    "prune production --yes": PruneRequest(),
    "prune production --yes --for-ever": PruneRequest(for_ever=True),
    "prune production a b --keep 3 --cache": PruneRequest(("a", "b"), keep=3, cache=True, for_ever=True),
    "prune production --force --yes": PruneRequest(force=True),
    "pin production t1": PinRequest("t1"),
    "pin production t1 -m because": PinRequest("t1", reason="because"),
    "unpin production t1": PinRequest("t1", pinned=False),
}


@pytest.mark.parametrize("words", ASKED)
def test_the_words_ask_the_engine_for_what_they_say(words: str) -> None:
    request = parse(words.split()).request
    assert request is not None and request() == ASKED[words]


@pytest.mark.parametrize("command", ["releases", "doctor", "verify", "check", "watch", "unlock", "trust", "recover"])
def test_a_command_that_looks_first_asks_for_no_operation(command: str) -> None:
    assert parse([command, "production"]).request is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("5m", 300), ("90s", 90), ("1h", 3600), ("2.5m", 150), ("7", 7), ("0s", 0)]
)
def test_a_wait_is_a_duration(text, seconds):
    assert parse(["deploy", "production", "--wait", text]).wait == seconds


@pytest.mark.parametrize("text", ["", "5 m", "-1s", "soon", "5d"])
def test_what_is_not_a_duration_is_bad_usage(text):
    with pytest.raises(BadUsage):
        parse(["deploy", "production", f"--wait={text}"])


def test_an_interruption_is_finished_or_undone_and_never_both():
    with pytest.raises(BadUsage):
        parse(["recover", "production", "--finish", "--undo"])


@pytest.mark.parametrize("command", ["watch", "verify", "check", "trust", "unlock", "releases", "doctor"])
def test_commands_that_are_no_operation_have_no_wait(command):
    with pytest.raises(BadUsage):
        parse([command, "production", "--wait", "5m"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deplyo"], "did you mean `turnout deploy`?"),
        (["xyzzy"], "commands: deploy, promote, rollback"),
        (["deploy", "production", "--dryrun"], "did you mean --dry-run?"),
        (["deploy", "production", "--whatever"], "`turnout --help`"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(words, said):
    with pytest.raises(BadUsage) as caught:
        parse(words)
    assert said in caught.value.hint


@pytest.mark.parametrize("words", [["deploy", "--keep", "3"], ["prune", "--keep", "0"], ["prune", "--keep", "many"]])
def test_wrong_values_are_bad_usage(words, capsys):
    assert main(words) == 2
    assert "usage: turnout" in capsys.readouterr().err


def test_help_documents_every_exit_code(capsys):
    for words in (["--help"], ["deploy", "--help"], ["doctor", "--help"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        for code in range(6):
            assert f"\n  {code}  " in text


def test_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("turnout")


def test_bad_usage_with_json_is_an_error_and_a_result_on_stdout(capsys):
    assert main(["deploy", "--nonsense", "--json"]) == 2
    captured = capsys.readouterr()
    error, result = [json.loads(line) for line in captured.out.splitlines()]
    assert error["event"] == "error" and "--nonsense" in error["title"]
    assert result["event"] == "result" and result["exit_code"] == 2
    assert captured.err == ""


def test_a_change_without_a_terminal_wants_yes(tmp_path):
    (tmp_path / "turnout.toml").write_text("project = 1")
    for words in (["deploy"], ["rollback"], ["prune"], ["recover", "--finish"], ["recover", "--undo"]):
        ended = turnout(*words, "production", cwd=tmp_path)
        assert ended.returncode == 2
        assert "pass --yes" in ended.stderr
        assert ended.stdout == ""


def test_no_configuration_is_bad_usage_with_the_way_out(tmp_path):
    ended = turnout("releases", "production", cwd=tmp_path)
    assert ended.returncode == 2
    assert "turnout init" in ended.stderr


def test_a_faulty_configuration_names_its_faults(tmp_path):
    (tmp_path / "turnout.toml").write_text('project = "shop"\nenvironmens = 1\n')
    ended = turnout("releases", "--json", cwd=tmp_path)
    assert ended.returncode == 2
    error, result = [json.loads(line) for line in ended.stdout.splitlines()]
    assert error["type"] == "ConfigError" and "environments" in error["detail"]
    assert result["exit_code"] == 2
    assert ended.stderr == ""


CONFIG = """
project = "shop"
[source]
git = "."
[environments.production]
servers = [{ name = "web1", host = "web1.invalid", root = "/srv/shop" }]
"""


def test_environments_servers_and_tags_are_checked_before_any_network(tmp_path):
    config = tmp_path / "turnout.toml"
    config.write_text(CONFIG)
    for words, said in (
        (["releases", "prodution"], "production"),
        (["releases", "production", "--server", "wbe1"], "web1"),
        (["deploy", "production", "--tag", "../up", "--yes"], "cannot be a release's tag"),
        (["prune", "production", "a b", "--yes"], "cannot be a release's tag"),
    ):
        ended = turnout(*words, cwd=tmp_path)
        assert ended.returncode == 2, ended.stderr
        assert said in ended.stderr


def test_a_release_in_the_place_of_the_environment_is_told_what_to_type(tmp_path):
    config = tmp_path / "turnout.toml"
    config.write_text(CONFIG)
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "tag", "v2"], check=True)
    for words, said in (
        (["rollback", "v2", "--yes"], "v2 is a git tag: `turnout deploy production --ref v2` deploys it"),
        (["rollback", "v2", "--yes"], "the environment comes first: `turnout rollback production v2`"),
        (["verify", "r1"], "`turnout verify production r1`"),
    ):
        ended = turnout(*words, cwd=tmp_path)
        assert ended.returncode == 2 and "there is no environment" in ended.stderr
        assert said in ended.stderr


def test_the_environment_may_be_left_out_only_where_there_is_one(tmp_path):
    config = tmp_path / "turnout.toml"
    config.write_text(CONFIG + '[environments.staging]\nservers = [{ name = "s", host = "s", root = "/srv/shop" }]\n')
    ended = turnout("releases", "--config", str(config))
    assert ended.returncode == 2
    assert "which environment?" in ended.stderr
    assert "production, staging" in ended.stderr


def test_the_dashboard_without_a_terminal_is_refused_with_a_hint():
    ended = turnout()
    assert ended.returncode == 2
    assert "needs a terminal" in ended.stderr


def test_a_terminal_that_cannot_place_its_cursor_is_refused(tmp_path):
    with Terminal([sys.executable, "-m", "tui.cli"], tmp_path, TERM="dumb", PYTHONPATH=str(REPOSITORY)) as terminal:
        assert terminal.end() == 2
    assert "TERM=dumb" in terminal.text and "\x1b" not in terminal.written


def test_the_command_itself_loads_nothing_heavy():
    code = (
        "import sys; from tui.cli.arguments import parse; import tui.cli; parse(['deploy', 'production', '--yes']);"
        "heavy = 'pydantic', 'fabric', 'paramiko', 'textual', 'rich', 'asyncssh';"
        "print([m for m in heavy if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_deploy_as_text_never_loads_the_screen():
    code = (
        "import sys; from tui.cli import main; main(['deploy', '--yes', '--config', '/nowhere/turnout.toml']);"
        "print([m for m in ('textual', 'rich', 'asyncssh') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
