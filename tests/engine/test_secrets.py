"""What came from a variable is shown nowhere and kept nowhere, in no form and in no part, also where texts are cut."""

import json

import pytest

from core import DeployRequest, Fleet, RollbackRequest, execute, load_project, make_plan, watch
from core.doctor import examine
from core.errors import TurnoutError
from core.operations.verify import verify
from tests.engine.commands import turnout
from tests.engine.driving import at_rest, record
from tests.projects import hook

SECRET = "correct horse/battery-staple+zq93"
PART = 8
"""Characters of it that would be a leak."""


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("API_TOKEN", SECRET)


def leaks(text: str) -> set[str]:
    """The parts of the secret that a text has."""
    return {part for at in range(len(SECRET) - PART + 1) if (part := SECRET[at : at + PART]) in text}


def kept(place) -> str:
    """All that is kept of operations on a server."""
    at_rest([place])
    files = [path for path in (place.files / ".turnout").rglob("*") if path.is_file()]
    assert {"logs", ".turnout"} <= {path.parent.name for path in files}
    return "\n".join(path.read_text("utf-8", "replace") for path in files)


def printing(*lengths: int) -> str:
    """A command that prints the secret behind so many characters of one line, for each length."""
    return "; ".join(f"head -c {length} /dev/zero | tr '\\0' x; printf '%s\\n' '${{API_TOKEN}}'" for length in lengths)


LONG = printing(10, 3985, 4000 - PART, 16384 - PART, 16384 - 20, 32768 - 15)
"""Cuts of lines lie at 4,000 characters and at multiples of 16,384."""


@pytest.mark.parametrize(
    "extra",
    [hook("build", LONG), hook("prepare", LONG), hook("before-switch", LONG, where="operator")],
    ids=["build", "server", "operator"],
)
def test_long_lines_leak_no_secret_where_they_are_cut(sshd, project_factory, extra):
    project = project_factory([sshd], extra=extra)
    for words in (["--tag", "one"], ["--tag", "two", "--json"]):
        ended = turnout(project, "deploy", "production", "--yes", *words)
        assert ended.returncode == 0, ended.stderr
        assert "***" in ended.stdout + ended.stderr
        assert not leaks(ended.stdout + ended.stderr)
    assert not leaks(kept(sshd))


def test_commands_and_errors_leak_no_secret_where_they_are_cut(sshd, project_factory):
    for before in (180, 480):
        run = f": {'x' * before} '${{API_TOKEN}}'; {printing(480)}; exit 1"
        for extra in (hook("prepare", run), f'\n[[checks]]\nattempts = 1\nrun = """{run}"""\n'.replace("\\", "\\\\")):
            project = project_factory([sshd], extra=extra)
            for words in (["--dry-run"], ["--yes"], ["--yes", "--json"]):
                ended = turnout(project, "deploy", "production", *words)
                assert ended.returncode == (0 if words == ["--dry-run"] else 1), ended.stderr
                assert not leaks(ended.stdout + ended.stderr)
    assert not leaks(kept(sshd))


def test_what_a_server_answers_leaks_no_secret(sshd, project_factory, web_server, tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "page").write_text("x" * 1985 + SECRET)
    (pages / "short").write_text("x" * 185 + SECRET)
    port = web_server(pages)
    checks = "".join(
        f'\n[[checks]]\nhttp = "http://127.0.0.1:{port}/{page}"\ncontains = "\'\\\\n ${{API_TOKEN}}"\nattempts = 1\n'
        for page in ("page", "short")
    )
    for check in checks.split("\n\n"):
        ended = turnout(project_factory([sshd], extra=f"\n{check}\n"), "deploy", "production", "--yes", "--json")
        assert ended.returncode == 1, ended.stdout
        assert "does not contain" in ended.stdout
        assert not leaks(ended.stdout)
    assert not leaks(kept(sshd))


def test_a_commit_that_names_a_secret_puts_it_into_no_record(sshd, project_factory, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", SECRET)
    project = project_factory([sshd], extra=hook("prepare", "true '${API_TOKEN}'"))
    for tag, subject in (("one", f"Use {SECRET} here"), ("two", f"{'x' * 485}{SECRET}")):
        project.commit({"index.html": f"{tag}\n"}, subject)
        for words in (["--dry-run"], ["--dry-run", "--json"], ["--yes", "--json"]):
            ended = turnout(project, "deploy", "production", "--tag", tag, *words)
            assert ended.returncode == 0, ended.stderr
            assert not leaks(ended.stdout + ended.stderr)
        made = record(sshd, tag)
        assert "***" in made.subject and made.author == "***"
        assert len(made.subject) <= 501
    assert record(sshd, "one").subject == "Use *** here"
    text = kept(sshd)
    plans = [json.loads(line) for line in text.splitlines() if '"plan-made"' in line]
    assert plans and not leaks(text)
    ended = turnout(project, "rollback", "production", "--yes", "--json")
    assert ended.returncode == 0 and not leaks(ended.stdout + kept(sshd))


def test_other_forms_of_a_secret_are_hidden_too(sshd, project_factory):
    forms = ["correct%20horse/battery-staple%2Bzq93", "correct+horse%2Fbattery-staple%2Bzq93", "%2Fbattery-staple%2B"]
    echoes = "; ".join(f"echo 'url {form}'" for form in forms[:2])
    project = project_factory([sshd], extra=hook("prepare", f"{echoes}; : '${{API_TOKEN}}'"))
    ended = turnout(project, "deploy", "production", "--yes")
    assert ended.returncode == 0
    lines = [line for line in ended.stderr.splitlines() if "| url" in line]
    assert [line.rpartition("|")[2] for line in lines] == [" url ***"] * 2
    said = ended.stdout + ended.stderr + "".join(log.read_text() for log in (sshd.files / ".turnout/logs").iterdir())
    assert not any(form in said for form in forms)


def said_by(ask, fleet) -> str:
    """All that is said of what went wrong, raised or given."""
    try:
        given = ask(fleet)
    except TurnoutError as error:
        return " ".join(part for one in (error, *getattr(error, "errors", {}).values()) for part in texts(one))
    return repr(given) + " ".join(part for error in getattr(given, "errors", {}).values() for part in texts(error))


def texts(error: TurnoutError) -> tuple[str, ...]:
    return str(error), error.title, error.detail, error.hint


@pytest.mark.parametrize(
    "ask",
    [
        lambda fleet: make_plan(fleet, DeployRequest()),
        lambda fleet: make_plan(fleet, RollbackRequest()),
        lambda fleet: fleet.inspect(),
        lambda fleet: fleet.glance("web1"),
        lambda fleet: fleet.open("web1"),
        verify,
        examine,
        lambda fleet: watch(fleet, lambda event: None),
        lambda fleet: execute(fleet, DeployRequest()),
    ],
    ids=["plan a deploy", "plan a rollback", "inspect", "glance", "open", "verify", "examine", "watch", "execute"],
)
@pytest.mark.parametrize("place", ["host", "source"])
def test_no_door_of_the_engine_lets_a_secret_out_in_an_error(ask, place, tmp_path, monkeypatch):
    """A program that embeds the engine, as the dashboard does, shows what it is given."""
    (tmp_path / "tree").mkdir()
    names = {"host": "nowhere.invalid", "source": str(tmp_path / "tree")} | {place: "${PLACE}"}
    monkeypatch.setenv("PLACE", f"{'/srv/' if place == 'source' else ''}s3cr3t-place.invalid")
    (tmp_path / "turnout.toml").write_text(
        f'project = "x"\n[source]\ngit = "{names["source"]}"\n[environments.production]\n'
        f'servers = [{{name = "web1", host = "{names["host"]}", root = "/srv/x"}}]\n'
    )
    project = load_project(tmp_path / "turnout.toml")
    with Fleet(project, project.environment("production")) as fleet:
        said = said_by(ask, fleet)
    assert "s3cr3t-place" not in said
    assert "web1" in said or "source" in said, "something was said"
