"""Real users of a real machine: Turnout works as another user through sudo, or says what is missing for that."""

from __future__ import annotations

import grp
import pwd
import subprocess
from pathlib import Path

import pytest

from core import DeployRequest, PinRequest, doctor, verify
from core.errors import Cancelled, ConnectError, HookFailed, ServerError
from core.events import HookOutput, PlanMade
from core.remote.connection import start
from tests.accounts import Accounts, run
from tests.engine.driving import current, releases
from tests.processes import children, identity
from tests.projects import hook
from tests.waiting import until

WEB = "{ana} ALL=({web}) NOPASSWD: /bin/sh"


def keepers(accounts, *users):
    """What stays as long as a command of another user runs (core/remote/other_user.py)."""
    return [line for user in users for line in accounts.processes(user) if "sleep 2147483647" in line]


def owner(path):
    return pwd.getpwuid(path.lstat().st_uid).pw_name


def test_everything_is_made_by_the_user_to_become(accounts, operator):
    root = accounts.root("web")
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
    root = accounts.root("web")
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


def test_a_refusal_is_told_that_comes_before_the_program_is_sent(accounts, operator, monkeypatch):
    root = accounts.root("web")
    ana = operator("ana", root, become="{web}")

    def slowly(channel, command):
        start(channel, command)
        until(lambda: channel.closed, "sudo has ended")

    monkeypatch.setattr("core.remote.agent.start", slowly)
    error = ana.fails(ana.deploy, ConnectError)
    assert error.title == "sudo asks {ana} for a password to run commands as {web}".format(**accounts.names)


TALKS = """\
mv sudo real-sudo && printf '%s\\n' '#!/bin/sh' "printf 'Lecture\\nhalf a line'" \\
  'echo "sudo: unable to resolve host web1: Name or service not known" >&2' 'exec real-sudo "$@"' > sudo &&
  chmod 755 sudo"""


def test_a_server_without_a_sudo_that_works_is_named(operators):
    with Accounts(["ana", "web", "other"], own_programs=True) as server:
        operator = operators(server)
        as_other = hook("after-switch", "id -un; echo $TURNOUT_TAG", **{"as": server.name("other")})
        roots = {"become": server.root("web"), "as": server.root("ana")}

        def fresh(key):
            return operator("ana", roots[key], extra=as_other, **({"become": "{web}"} if key == "become" else {}))

        with server.sudo("{ana} ALL=({web}, {other}) NOPASSWD: /bin/sh"):
            server.change_programs(TALKS)
            for ana in map(fresh, roots):
                ana.deploy(tag="r1")
                assert [event.line for event in ana.said(HookOutput)] == [server.name("other"), "r1"]
            for change, said in {
                "chmod 750 sudo": "may not start sudo",
                "rm sudo": "there is no sudo on the server",
            }.items():
                server.change_programs(change)
                for key in roots:
                    ana = fresh(key)
                    (wrong,) = [found for found in doctor.examine(ana.fleet)["web"] if found.level == "error"]
                    error = ana.fails(lambda ana=ana: ana.deploy(tag="r2"))
                    assert said in error.title and f"leave `{key}` out" in error.hint
                    assert said in wrong.text and wrong.hint == error.hint
        assert releases(ana.place) == ["r1"]


def test_a_user_that_does_not_exist_is_named(accounts, operator):
    ana = operator("ana", accounts.root(), become="nobody-of-this-name")
    with accounts.sudo("{ana} ALL=(ALL) NOPASSWD: ALL"):
        error = ana.fails(ana.deploy, ConnectError)
    assert error.title == "there is no user nobody-of-this-name on the server"
    assert error.hint == "create that user there, or correct `become`"


def test_a_hook_that_cannot_run_as_its_user_is_found_before_anything_is_sent(accounts, operator):
    root = accounts.root("ana")
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
    root = accounts.root("web" if become else "ana")
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
    root = accounts.root("ana")
    command = 'echo "$TURNOUT_TAG $(id -un) $PWD"; (sleep 0.1; true) & wait; exit 7'
    ana = operator("ana", root, extra=hook("after-switch", command, **{"as": accounts.name("web")}))
    with accounts.sudo(WEB):
        error = ana.fails(lambda: ana.deploy(tag="r1"), HookFailed)
    assert error.status == 7
    assert ana.said(HookOutput)[0].line == f"r1 {accounts.name('web')} {root}/releases/r1"
    until(lambda: not keepers(accounts, "ana"), "nothing is left of the command")


def shared_root(accounts, root):
    """Whether everything of ours in a root is the group's, and can be replaced by it."""
    bad = []
    for path in [root, *root.rglob("*")]:
        if "/trash" in str(path):
            continue  # it is being removed
        facts = path.lstat()
        wanted = 0o2070 if path.is_dir() and not path.is_symlink() else 0o060
        if not path.is_symlink() and (
            grp.getgrgid(facts.st_gid).gr_name != accounts.group or facts.st_mode & wanted != wanted
        ):
            bad.append(f"{path} {oct(facts.st_mode)}")
    return bad


@pytest.mark.parametrize("first", ["ana", "ben"])
def test_two_people_of_a_group_deploy_in_turns(accounts, operator, first):
    root = accounts.root(first)
    (accounts.home_of(first) / ".bashrc").write_text("umask 077\necho Welcome\n")
    second = "ben" if first == "ana" else "ana"
    files = {"index.html": "one\n", "deep/er/file": "x", "storage/kept": "y"}
    extra = hook("prepare", "mkdir -p made/by; echo hook > made/by/hook")
    options = {"files": files, "extra": extra, "deploy": {"shared": ["storage/"], "keep": 2}, "group": accounts.group}
    one, two = operator(first, root, **options), operator(second, root, **options)
    one.deploy(tag="r1")
    assert shared_root(accounts, root) == []
    two.project.commit({"deep/er/file": None, "deep/er/other": "z", "deep/new": "n"})
    two.deploy(tag="r2")
    one.rollback("r1")
    two.run(PinRequest("r1"))
    one.run(PinRequest("r1", pinned=False))
    one.project.commit({"deep/er/file": "changed"})
    one.deploy(tag="r3")
    two.deploy(tag="r4")
    two.prune("r1", cache=True)
    assert shared_root(accounts, root) == []
    assert current(one.place) == "releases/r4" and "r1" not in releases(one.place)
    assert {owner(path) for path in (root / "releases").iterdir()} <= {accounts.name("ana"), accounts.name("ben")}
    assert verify(two.fleet).drifts["web"].none
    found = doctor.examine(two.fleet)["web"]
    assert [finding.text for finding in found if finding.topic == "group"] == ["shares the deploy root"]
    assert not [finding for finding in found if finding.level == "error"], found
    (accounts.home_of(first) / ".bashrc").unlink()


def test_what_a_dead_operation_of_another_left_is_taken_over_or_named(accounts, operator):
    root = accounts.root("ana")
    ana, ben = (operator(user, root, files={"a/b": "1"}, group=accounts.group) for user in ("ana", "ben"))
    ana.deploy(tag="r1")
    # As a killed agent leaves it: its lock, an upload that broke off, and a command that is still running.
    half = "rm .turnout/cache.manifest && mkdir -p deploy-cache/half/way"
    accounts.as_user("ana", f"umask 022; cd {root} && {half} && chmod 0755 deploy-cache/half deploy-cache/half/way")
    (root / "deploy-cache/half").chmod(0o755)
    lock = "mkdir lock && cd lock && echo t > token && echo 99999999 1-ab > process"
    lock += " && printf 'operation o\\nkind deploy\\nwho ana\\n' > owner"
    accounts.as_user("ana", f"umask 002; cd {root}/.turnout && {lock}")
    sleeper = subprocess.Popen(["runuser", "-u", accounts.name("ana"), "--", "sleep", "300"])
    try:
        pid = until(lambda: next((pid for pid in children(sleeper.pid)), 0), "sleep has started")
        accounts.as_user("ana", f"echo {identity(pid)} > {root}/.turnout/lock/commands")
        error = ben.fails(lambda: ben.deploy(tag="r2"))
        assert f"kill {pid}" in str(error) and accounts.name("ana") in str(error)
        assert "still running" in str(ben.fails(lambda: ben.fleet.open("web").break_lock("o")))
    finally:
        sleeper.terminate()
        sleeper.wait()
    until(lambda: not Path(f"/proc/{pid}").exists(), "the command has ended")
    ben.deploy(tag="r2")
    assert current(ben.place) == "releases/r2"
    ana.deploy(tag="r3")
    assert current(ben.place) == "releases/r3"


def test_a_root_that_is_not_shared_is_refused_with_the_commands_that_share_it(accounts, operator):
    root = accounts.root("ana") / "$(false) ana's"
    run("runuser", "-u", accounts.name("ana"), "--", "mkdir", root)
    operator("ana", root, deploy={"shared": ["data/"]}).deploy(tag="r1")
    stranger = operator("other", root)
    assert f"belongs to {accounts.name('ana')}" in str(stranger.fails(stranger.deploy))
    ana, ben = (operator(user, root, group=accounts.group) for user in ("ana", "ben"))
    error = ana.fails(lambda: ana.deploy(tag="r2"))
    assert f"is not shared with the group {accounts.group}" in str(error)
    assert releases(ana.place) == ["r1"]
    (finding,) = [each for each in doctor.examine(ana.fleet)["web"] if each.topic == "group"]
    command = finding.hint.removeprefix("as an administrator there: ")
    assert command in str(error)
    run("sh", "-c", command)
    ana.deploy(tag="r2")
    ben.deploy(tag="r3")
    assert current(ana.place) == "releases/r3"


def test_a_user_who_is_not_in_the_group_is_told_so(accounts, operator):
    root = accounts.root("ana")
    ana = operator("ana", root, group="nogroup")
    error = ana.fails(ana.deploy)
    assert f"{accounts.name('ana')} is not in the group nogroup" in str(error) and "usermod -aG nogroup" in str(error)
    assert list(root.iterdir()) == []


def test_a_umask_holds_for_releases_and_hooks(accounts, operator):
    root = accounts.root("ana")
    (accounts.home_of("ana") / ".bashrc").write_text("umask 000\n")
    ana = operator("ana", root, files={"a/b": "1"}, umask="027", extra=hook("prepare", "echo x > made; mkdir new"))
    ana.deploy(tag="r1")
    modes = {
        str(path.relative_to(root / "releases/r1")): oct(path.stat().st_mode & 0o7777)
        for path in (root / "releases/r1").rglob("*")
    }
    assert modes == {"a": "0o750", "a/b": "0o640", "made": "0o640", "new": "0o750"}
    assert verify(ana.fleet).drifts["web"].none
    (accounts.home_of("ana") / ".bashrc").unlink()
    ana.project.commit({"a/c": "2"})
    ana.deploy(tag="r2")
    assert [step["send_files"] for step in ana.said(PlanMade)[-1].plan["steps"]] == [1]
