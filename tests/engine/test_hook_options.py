"""Which hooks run where and when, what they find in their environment, and what an environment has of its own."""

from __future__ import annotations

import stat

import pytest
import tomli_w

from core import PromoteRequest, RollbackRequest
from core.errors import HookFailed
from core.events import HookStarted
from core.operations.verify import verify
from tests.engine.driving import at_rest, live, releases
from tests.projects import hook


def said(place, name="said"):
    file = place.files / name
    return file.read_text().split() if file.exists() else []


@pytest.fixture
def fleet_with_roles(servers, project_factory):
    """Three servers: web1 and web2 have the role web, web3 is a worker; and a project with more TOML."""
    fleet = servers(3)

    def make(extra="", **options):
        project = project_factory(fleet, extra=extra, **options)
        text = project.config.read_text()
        for name, role in (("web1", "web"), ("web2", "web"), ("web3", "worker")):
            text = text.replace(f'name = "{name}"', f'name = "{name}"\nroles = ["{role}"]', 1)
        project.config.write_text(text)
        return project

    return fleet, make


def test_hooks_and_checks_run_on_servers_with_their_role(fleet_with_roles, engine):
    fleet, make = fleet_with_roles
    extra = hook("after-switch", "echo worker >> ../../said") + 'roles = ["worker"]\n'
    extra += hook("before-switch", "echo first >> ../../said", where="first-server") + 'roles = ["worker", "web"]\n'
    extra += hook("before-switch", "echo only >> ../../said", where="first-server") + 'roles = ["worker"]\n'
    extra += hook("prepare", "echo staging >> ../../../said") + 'environments = ["other"]\n'
    extra += "\n[[checks]]\nrun = 'test $TURNOUT_SERVER = web3'\nroles = ['worker']\nattempts = 1\n"
    extra += '\n[environments.other]\nservers = [{ name = "o", host = "o", root = "/srv/o" }]\n'
    operator = engine(make(extra))
    operator.deploy(tag="r1")
    assert [said(server) for server in fleet] == [["first"], [], ["only", "worker"]]
    assert [live(server) for server in fleet] == ["r1"] * 3


def test_variables_of_project_environment_and_server_reach_builds_hooks_and_checks(pair, project_factory, engine):
    told = 'echo "$COLOUR-$SIZE-$PLACE"'
    extra = hook("build", f"{told} > built") + hook("prepare", f"{told} > prepared")
    extra += hook("success", f"{told} > operators", where="operator")
    extra += "\n[[checks]]\nrun = 'test $COLOUR = blue && test $SIZE = large'\nattempts = 1\n"
    extra += '\n[variables]\nCOLOUR = "red"\nSIZE = "small"\nPLACE = "here"\n'
    project = project_factory(pair, environment_options={"variables": {"COLOUR": "blue", "SIZE": "large"}}, extra=extra)
    text = project.config.read_text().replace('name = "web2"', 'name = "web2"\nvariables = { PLACE = "web2" }', 1)
    project.config.write_text(text)
    engine(project).deploy(tag="r1")
    assert [(server.files / "current/built").read_text() for server in pair] == ["blue-large-here\n"] * 2
    assert [(server.files / "current/prepared").read_text() for server in pair] == [
        "blue-large-here\n",
        "blue-large-web2\n",
    ]
    assert (project.folder / "operators").read_text() == "blue-large-here\n"


def test_a_build_with_another_variable_is_another_build(sshd, project_factory, engine):
    extra = hook("build", 'echo "$COLOUR" > built') + '\n[variables]\nCOLOUR = "red"\n'
    project = project_factory([sshd], extra=extra)
    engine(project).deploy(tag="r1")
    project.config.write_text(project.config.read_text().replace('"red"', '"blue"'))
    engine(project).deploy(tag="r2")
    assert (sshd.files / "current/built").read_text() == "blue\n"


def test_an_environment_has_its_own_ref_keep_shared_and_exclude(pair, project_factory, engine):
    first, second = pair
    project = project_factory(
        [first],
        files={"index.html": "main\n", "a.map": "", "b.txt": ""},
        source_options={"ref": "main", "exclude": ["*.map"]},
        deploy={"keep": 5, "shared": ["storage/"]},
    )
    staging = {
        "ref": "next",
        "keep": 2,
        "shared": ["uploads/"],
        "exclude": ["*.txt"],
        "servers": [{"name": second.alias, "host": second.alias, "root": second.root}],
    }
    project.config.write_text(project.config.read_text() + "\n" + tomli_w.dumps({"environments": {"staging": staging}}))
    project.git("checkout", "--quiet", "-b", "next")
    project.commit({"index.html": "next\n"})
    project.git("checkout", "--quiet", "main")
    engine(project).deploy(tag="p1")
    other = engine(project, environment="staging")
    for tag in ("s1", "s2", "s3", "s4"):
        other.deploy(tag=tag)
    assert (first.files / "current/index.html").read_text() == "main\n"
    assert sorted(path.name for path in (first.files / "current").iterdir()) == ["b.txt", "index.html", "storage"]
    assert (second.files / "current/index.html").read_text() == "next\n"
    assert sorted(path.name for path in (second.files / "current").iterdir()) == ["a.map", "index.html", "uploads"]
    assert releases(second) == ["s3", "s4"]


def test_a_migration_does_not_run_again_on_a_rollback(sshd, project_factory, engine):
    extra = hook("before-switch", "echo $TURNOUT_TAG >> ../../said") + 'operations = ["deploy"]\n'
    extra += hook("before-switch", "echo back-$TURNOUT_TAG >> ../../said") + 'operations = ["rollback"]\n'
    operator = engine(project_factory([sshd], extra=extra))
    for tag in ("r1", "r2"):
        operator.deploy(tag=tag)
    plan = operator.plan(RollbackRequest("r1"))
    assert len(plan.hooks) == 1 and "back-" in plan.hooks[0]
    operator.run(RollbackRequest("r1"), plan)
    assert said(sshd) == ["r1", "r2", "back-r1"]


def test_a_rollback_without_hooks_runs_none(sshd, project_factory, engine):
    extra = "".join(hook(on, f"echo {on} >> $TURNOUT_ROOT/said") for on in ("prepare", "before-switch", "after-switch"))
    extra += hook("success", "echo success >> $TURNOUT_ROOT/said") + hook("after-rollback", "exit 1")
    operator = engine(project_factory([sshd], extra=extra))
    for tag in ("r1", "r2"):
        operator.deploy(tag=tag)
    before = said(sshd)
    plan = operator.plan(RollbackRequest("r1", no_hooks=True))
    assert plan.hooks == () and any("--no-hooks" in warning for warning in plan.warnings)
    operator.events.clear()
    operator.run(RollbackRequest("r1", no_hooks=True), plan)
    assert live(sshd) == "r1" and said(sshd) == before and not operator.said(HookStarted)
    operator.deploy(tag="r3")
    before = said(sshd)
    operator.prune("r2")
    operator.run(RollbackRequest("r2", no_hooks=True))
    assert said(sshd) == [*before, "prepare"]  # without it the release would not be what it was


def test_what_finalize_hooks_make_counts_as_deployed(pair, project_factory, engine):
    extra = hook("prepare", "mkdir venv && echo $TURNOUT_RELEASE_PATH > venv/prepared")
    extra += hook("finalize", "pwd > venv/python; echo $TURNOUT_RELEASE_PATH >> venv/python")
    operator = engine(project_factory(pair, extra=extra))
    operator.deploy(tag="r1")
    for server in pair:
        assert (server.files / "current/venv/python").read_text().split() == [f"{server.root}/releases/r1"] * 2
    assert all(drift.none for drift in verify(operator.fleet).drifts.values())
    (pair[1].files / "current/venv/python").write_text("changed\n")
    drifts = verify(operator.fleet).drifts
    assert drifts["web1"].none and drifts["web2"].changed == (b"venv/python",)
    at_rest(pair)


def test_a_finalize_hook_that_fails_leaves_no_release(pair, project_factory, engine):
    extra = hook("finalize", "test $TURNOUT_SERVER = web1 || exit 3")
    operator = engine(project_factory(pair, extra=extra))
    error = operator.fails(lambda: operator.deploy(tag="r1"), HookFailed)
    assert error.server == "web2" and error.phase == "stage"
    assert [releases(server) for server in pair] == [[], []]
    assert not list((pair[1].files / ".turnout/records").iterdir())
    at_rest(pair)


def test_verify_passes_over_what_the_application_generates(sshd, project_factory, engine):
    files = {"index.html": "one\n", "bootstrap/cache/.keep": "", "app/main.py": ""}
    project = project_factory([sshd], files=files, deploy={"generated": ["__pycache__/", "bootstrap/cache/"]})
    operator = engine(project)
    operator.deploy(tag="r1")
    current = sshd.files / "current"
    (current / "app/__pycache__").mkdir()
    (current / "app/__pycache__/main.pyc").write_text("x")
    (current / "bootstrap/cache/services.php").write_text("x")
    (current / "bootstrap/cache/.keep").unlink()
    assert verify(operator.fleet).drifts["web"].none
    (current / "app/main.py").write_text("changed\n")
    (current / "app/new.pyc").write_text("x")
    drift = verify(operator.fleet).drifts["web"]
    assert (drift.changed, drift.added, drift.removed) == ((b"app/main.py",), (b"app/new.pyc",), ())


def test_writable_folders_are_the_groups_too(sshd, project_factory, engine):
    files = {"index.html": "one\n", "cache/a": "", "storage/logs/x": ""}
    deploy = {"writable": ["cache/", "storage/"], "shared": ["storage/"]}
    operator = engine(project_factory([sshd], files=files, deploy=deploy))
    operator.deploy(tag="r1")
    current = sshd.files / "current"
    modes = {name: stat.S_IMODE((current / name).stat().st_mode) for name in ("cache", "cache/a", "storage/logs", ".")}
    assert modes == {"cache": 0o2775, "cache/a": 0o664, "storage/logs": 0o2775, ".": 0o755}
    assert verify(operator.fleet).drifts["web"].none


def test_a_promotion_counts_as_a_deploy(pair, project_factory, engine):
    extra = hook("before-switch", "echo $TURNOUT_OPERATION >> ../../said") + 'operations = ["deploy"]\n'
    project = project_factory(pair[:1], environment="staging", extra=extra)
    production = {"servers": [{"name": "p", "host": pair[1].alias, "root": pair[1].root}]}
    project.config.write_text(
        project.config.read_text() + "\n" + tomli_w.dumps({"environments": {"production": production}})
    )
    engine(project, environment="staging").deploy(tag="r1")
    engine(project).run(PromoteRequest("staging"))
    assert said(pair[1]) == ["promote"]
