"""Real users of a real machine: Turnout works as another user through sudo, or says what is missing for that."""

from __future__ import annotations

import pwd
import tomllib

import pytest
import tomli_w

from core import DeployRequest, doctor
from core.errors import Cancelled, ConnectError, HookFailed, ServerError
from core.events import HookOutput
from tests.accounts import Accounts
from tests.engine.driving import current, releases
from tests.projects import hook
from tests.waiting import until

WEB = "{ana} ALL=({web}) NOPASSWD: /bin/sh"


@pytest.fixture(scope="module")
def accounts():
    """Users of one group: ana and ben log in, web serves, other is a stranger."""
    with Accounts(["ana", "ben", "web", "other"]) as server:
        yield server


@pytest.fixture
def operator(accounts, project_factory, engine, home, ssh_config_add):
    """Make an Engine for one of the users who log in, whose deploy root is a folder of the test's own."""
    (home / ".ssh/known_hosts").write_text(accounts.known_hosts_line())
    ssh_config_add(accounts.ssh_config("web", known_hosts=home / ".ssh/known_hosts"))

    def make(user, folder, *, files=None, extra="", deploy=None, **options):
        named = {
            key: value.format(**accounts.names) if isinstance(value, str) else value for key, value in options.items()
        }
        place = accounts.login(folder, "web")
        text = extra.format(**accounts.names) if "{" in extra else extra
        project = project_factory([place], files, extra=text, deploy=deploy, environment_options=named)
        table = tomllib.loads(project.config.read_text())
        table["environments"]["production"]["servers"][0]["host"] = f"{accounts.name(user)}@web"
        project.config.write_text(tomli_w.dumps(table))
        made = engine(project)
        made.project = project
        made.place = place
        return made

    make.folder = lambda owner="", mode=0o755: accounts.root(owner, mode)
    return make


def keepers(accounts, *users):
    """What stays as long as a command of another user runs (core/remote/other_user.py)."""
    return [line for user in users for line in accounts.processes(user) if "sleep 2147483647" in line]


def owner(path):
    return pwd.getpwuid(path.lstat().st_uid).pw_name


def test_everything_is_made_by_the_user_to_become(accounts, operator):
    root = operator.folder("web")
    said = hook("prepare", "id -un; echo $HOME; echo made > made") + hook(
        "after-switch", "id -un", **{"as": accounts.name("other")}
    )
    ana = operator("ana", root, become="{web}", extra=said)
    with accounts.sudo(WEB, "{ana} ALL=({other}) NOPASSWD: /bin/sh"):
        plan = ana.plan(DeployRequest(tag="r1"))
        ana.deploy(tag="r1")
        ana.project.commit({"index.html": "two\n", "more/file": "x"})
        ana.deploy(tag="r2")
        ana.rollback("r1")
        found = {(finding.topic, finding.text): finding.level for finding in doctor.examine(ana.fleet)["web"]}
    assert plan.account == accounts.name("web")
    assert current(ana.place) == "releases/r1" and releases(ana.place) == ["r1", "r2"]
    assert {owner(path) for path in root.rglob("*")} == {accounts.name("web")}
    lines = [event.line for event in ana.said(HookOutput, on="prepare")]
    assert lines[:2] == [accounts.name("web"), str(accounts.home_of("web"))]
    assert {event.line for event in ana.said(HookOutput, on="after-switch")} == {accounts.name("other")}
    assert not [topic for topic, level in found.items() if level == "error"], found
    assert ("sudo", f"{accounts.name('ana')} works as {accounts.name('web')}") in found


REFUSALS = {
    "asks": ("{ana} ALL=({web}) PASSWD: ALL", "sudo asks {ana} for a password to run commands as {web}", WEB),
    "not in sudoers": ("", "sudo asks {ana} for a password to run commands as {web}", WEB),
    "only another program": (
        "{ana} ALL=({web}) NOPASSWD: /usr/bin/id",
        "sudo asks {ana} for a password to run commands as {web}",
        WEB,
    ),
    "requiretty": (
        f"Defaults:{{ana}} requiretty\n{WEB}",
        "sudo runs nothing as {web} without a terminal (requiretty)",
        "Defaults:{ana} !requiretty",
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_sudo_that_runs_nothing_is_named_with_the_line_that_is_missing(accounts, operator, kind):
    rules, said, line = (text.format(**accounts.names) for text in REFUSALS[kind])
    root = operator.folder("web")
    ana = operator("ana", root, become="{web}")
    with accounts.sudo(rules):
        ((finding,),) = doctor.examine(ana.fleet).values()
        error = ana.fails(ana.deploy, ConnectError)
    assert error.title == said and error.hint.endswith(f": {line}") and "sudo" in error.detail
    assert finding.level == "error" and said in finding.text and finding.hint == error.hint
    assert list(root.iterdir()) == []
    with accounts.sudo(*rules.replace("PASSWD: ALL", "SETENV: ALL").splitlines(), line):
        ana.deploy(tag="r1")
    assert current(ana.place) == "releases/r1"


def test_a_user_that_does_not_exist_is_named(accounts, operator):
    ana = operator("ana", operator.folder(), become="nobody-of-this-name")
    with accounts.sudo("{ana} ALL=(ALL) NOPASSWD: ALL"):
        error = ana.fails(ana.deploy, ConnectError)
    assert error.title == "there is no user nobody-of-this-name on the server"
    assert error.hint == "create that user there, or correct `become`"


def test_a_hook_that_cannot_run_as_its_user_is_found_before_anything_is_sent(accounts, operator):
    root = operator.folder("ana")
    as_web = hook("after-switch", "touch ran", **{"as": accounts.name("web")})
    ana = operator("ana", root, extra=as_web + f'\n[[checks]]\nrun = "true"\nas = "{accounts.name("other")}"\n')
    with accounts.sudo("{ana} ALL=({other}) NOPASSWD: /bin/sh"):
        found = [finding for finding in doctor.examine(ana.fleet)["web"] if finding.topic == "sudo"]
        error = ana.fails(ana.deploy, ServerError)
    wanted = f"sudo asks {accounts.name('ana')} for a password to run commands as {accounts.name('web')}"
    assert error.title == wanted and error.hint.endswith(WEB.format(**accounts.names))
    assert sorted(finding.level for finding in found) == ["error", "ok"]
    assert next(finding.text for finding in found if finding.level == "error").startswith(wanted)
    assert current(ana.place) == "" and releases(ana.place) == [] and list((root / "deploy-cache").iterdir()) == []


@pytest.mark.parametrize("become", ["", "{web}"])
def test_a_command_of_another_user_ends_with_its_operation(accounts, operator, become):
    """The agent may not end it, so it ends itself: here a cancel asks for it."""
    root = operator.folder("web" if become else "ana")
    as_other = hook("before-switch", "sleep 300 & echo up; wait", **{"as": accounts.name("other")})
    ana = operator("ana", root, extra=as_other, **({"become": become} if become else {}))

    def cancel(event):
        if isinstance(event, HookOutput) and event.line == "up":
            ana.controls.cancel.request()

    ana.on_event = cancel
    with accounts.sudo("{ana} ALL=({web}, {other}) NOPASSWD: /bin/sh"):
        ana.fails(ana.deploy, Cancelled)
    until(lambda: not accounts.processes("other") and not keepers(accounts, "web", "ana"), "the command has ended")
    assert not (root / ".turnout/lock").exists() and releases(ana.place) == []


def test_a_status_and_variables_come_from_a_command_of_another_user(accounts, operator):
    root = operator.folder("ana")
    command = 'echo "$TURNOUT_TAG $(id -un) $PWD"; (sleep 0.1; true) & wait; exit 7'
    ana = operator("ana", root, extra=hook("after-switch", command, **{"as": accounts.name("web")}))
    with accounts.sudo(WEB):
        error = ana.fails(lambda: ana.deploy(tag="r1"), HookFailed)
    assert error.status == 7
    assert ana.said(HookOutput)[0].line == f"r1 {accounts.name('web')} {root}/releases/r1"
    until(lambda: not keepers(accounts, "ana"), "nothing is left of the command")
