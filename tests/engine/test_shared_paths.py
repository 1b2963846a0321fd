"""Shared paths: they lead to the same place from where prepare hooks run as from releases/; what is nowhere is said."""

from __future__ import annotations

import os
import subprocess

import pytest

from core import DeployRequest, RollbackRequest
from core.doctor import ERROR, WARNING, examine
from core.errors import NeedsPerson, UsageError
from core.plan import Refusal
from core.remote.launch import agent_program
from tests.engine.driving import at_rest, live, releases
from tests.projects import Link, hook

PATHS = [".env", "storage/", "config/app/db.yml", "var/a/b/cache/"]
LOOK = (
    "cat .env config/app/db.yml > seen; (cd config/app && cat db.yml) >> seen; echo x > storage/made; "
    "echo y > var/a/b/cache/made; readlink -f .env >> seen"
)


def prepared(place, project_factory, **options):
    """A project with shared paths that its prepare hook reads and writes."""
    files = {"index.html": "one\n", "seen": ""}
    return project_factory([place], files, deploy={"shared": PATHS, **options}, extra=hook("prepare", LOOK))


def put(place, name, text):
    path = place.files / "shared" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def put_both(place):
    put(place, ".env", "DB=prod\n")
    put(place, "config/app/db.yml", "yaml\n")


def check_seen(place, top):
    release = place.files / "current"
    env = os.path.realpath(top / ".env")
    assert (release / "seen").read_text() == f"DB=prod\nyaml\nyaml\n{env}\n"
    assert (top / "storage/made").read_text() == "x\n" and (top / "var/a/b/cache/made").read_text() == "y\n"
    assert os.path.realpath(release / "config/app/db.yml") == os.path.realpath(top / "config/app/db.yml")
    assert os.readlink(release / ".env") == "../../shared/.env"


def test_prepare_hooks_see_shared_paths_at_every_depth(sshd, project_factory, engine):
    put_both(sshd)
    engine(prepared(sshd, project_factory)).deploy(tag="r1")
    check_seen(sshd, sshd.files / "shared")
    at_rest([sshd])


def test_prepare_hooks_see_shared_paths_where_there_is_only_busybox(shell_server, project_factory, engine):
    place = shell_server("busybox")
    put_both(place)
    engine(prepared(place, project_factory, copy="hardlink")).deploy(tag="r1")
    release = place.files / "current"
    assert (release / "seen").read_text().startswith("DB=prod\nyaml\nyaml\n")
    assert (place.files / "shared/storage/made").read_text() == "x\n"


def test_shared_may_be_a_link_to_another_disk(sshd, project_factory, engine):
    disk = sshd.files.parent / "disk"
    for name, text in ((".env", "DB=prod\n"), ("config/app/db.yml", "yaml\n")):
        (disk / name).parent.mkdir(parents=True, exist_ok=True)
        (disk / name).write_text(text)
    for folder in ("storage", "var/a/b/cache"):
        (disk / folder).mkdir(parents=True)
    sshd.files.mkdir(parents=True, exist_ok=True)
    (sshd.files / "shared").symlink_to(disk)
    engine(prepared(sshd, project_factory)).deploy(tag="r1")
    check_seen(sshd, disk)


def test_links_of_the_tree_itself_lead_to_shared_in_both_places(sshd, project_factory, engine):
    put(sshd, "old/settings", "kept\n")
    files = {"conf/settings": Link("../../../shared/old/settings")}
    project = project_factory([sshd], files, extra=hook("prepare", "cat conf/settings > copied"))
    engine(project).deploy(tag="r1")
    assert (sshd.files / "current/copied").read_text() == "kept\n"


def test_the_link_for_hooks_is_put_right_and_never_written_through(sshd, project_factory, engine):
    elsewhere = sshd.files.parent / "elsewhere"
    elsewhere.mkdir(parents=True)
    put_both(sshd)
    own = sshd.files / ".turnout"
    own.mkdir()
    (own / "shared").symlink_to(elsewhere)
    operator = engine(prepared(sshd, project_factory))
    operator.deploy(tag="r1")
    check_seen(sshd, sshd.files / "shared")
    assert not list(elsewhere.iterdir())
    (own / "shared").unlink()
    (own / "shared").mkdir()
    (own / "shared/uploads").write_text("somebody's\n")
    error = operator.fails(lambda: operator.deploy(tag="r2"), NeedsPerson, "is not a link: move it away")
    assert error.exit_code == 5 and live(sshd) == "r1"
    assert (own / "shared/uploads").read_text() == "somebody's\n"


def test_in_prepare_the_release_path_is_the_folder_it_is_in(sshd, project_factory, engine):
    run = 'test "$(cd "$TURNOUT_RELEASE_PATH" && pwd -P)" = "$(pwd -P)" && echo x > "$TURNOUT_RELEASE_PATH/made"'
    engine(project_factory([sshd], extra=hook("prepare", run))).deploy(tag="r1")
    assert (sshd.files / "current/made").read_text() == "x\n" and releases(sshd) == ["r1"]


def test_a_file_that_is_nowhere_is_named_in_the_plan(servers, project_factory, engine):
    places = servers(2)
    put(places[0], ".env", "x")
    put(places[1], "keys/x", "x")
    (places[1].files / "shared/keys/a b.pem").symlink_to("/nonexistent/key")
    shared = [".env", "storage/", "keys/a b.pem", "brought"]
    operator = engine(project_factory(places, {"brought": "x"}, deploy={"shared": shared}))
    plan = operator.plan(DeployRequest(tag="r1"))
    assert plan.executable
    assert list(plan.warnings) == [
        ".env will be a dangling link on web2: shared/.env does not exist, and the release does not contain it",
        "keys/a b.pem will be a dangling link on web1: "
        "shared/keys/a b.pem does not exist, and the release does not contain it",
        "keys/a b.pem will be a dangling link on web2: shared/keys/a b.pem is a dangling link",
    ]
    operator.deploy(tag="r1")
    put(places[1], ".env", "x")
    operator.deploy(tag="r2")
    (places[0].files / "shared/brought").unlink()
    back = operator.plan(RollbackRequest("r1")).warnings
    assert "brought will be a dangling link on web1: shared/brought does not exist" in back, (
        "the release there seeds nothing"
    )
    assert not any(".env" in warning for warning in back)


def test_a_required_file_that_is_nowhere_is_refused_before_anything_is_sent(servers, project_factory, engine):
    places = servers(2)
    put(places[0], ".env", "x")
    (places[0].files / "shared/uploads").mkdir()
    shared = [{"path": ".env", "required": True}, {"path": "uploads/", "required": True}, "storage/"]
    operator = engine(project_factory(places, deploy={"shared": shared}))
    plan = operator.plan(DeployRequest(tag="r1"))
    nowhere = "does not exist, and the release does not contain it"
    reason = f"shared/.env {nowhere}; shared/uploads {nowhere}: it is required, so put it there first"
    assert [step.refusal for step in plan.steps] == [None, Refusal(reason)]
    operator.fails(lambda: operator.deploy(tag="r1"), UsageError, "it is required, so put it there first")
    for place in places:
        assert releases(place) == [] and not list((place.files / "deploy-cache").iterdir())
    at_rest(places)
    findings = [finding for finding in examine(operator.fleet)["web2"] if finding.topic == "shared"]
    assert [(finding.level, finding.text) for finding in findings] == [
        (ERROR, "shared/.env does not exist, and is required"),
        (ERROR, "shared/uploads/ does not exist, and is required"),
        (WARNING, "shared/storage/ does not exist yet"),
    ]
    put(places[1], ".env", "x")
    (places[1].files / "shared/uploads").mkdir()
    operator.deploy(tag="r1")
    assert [live(place) for place in places] == ["r1", "r1"]


def test_a_required_file_that_points_nowhere_is_refused_whatever_the_release_brings(sshd, project_factory, engine):
    (sshd.files / "shared").mkdir(parents=True)
    (sshd.files / "shared/.env").symlink_to("../../secrets/.env")
    operator = engine(project_factory([sshd], {".env": "x"}, deploy={"shared": [{"path": ".env", "required": True}]}))
    operator.fails(lambda: operator.deploy(tag="r1"), UsageError, "shared/.env is a dangling link")
    (sshd.files / "shared/.env").unlink()
    operator.deploy(tag="r1")
    assert (sshd.files / "shared/.env").read_text() == "x", "seeded by the release"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root: a folder that the user may not look into")
def test_what_may_not_be_looked_at_is_not_taken_for_missing(tmp_path):
    """The web server's user may see it all the same. Asked of the agent's own function, as a user who may not."""
    folder = tmp_path / "shared/secret"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    above = [place for place in (folder.parent, *folder.parents) if place.stat().st_uid == 0]
    modes = {place: place.stat().st_mode for place in above}
    script = "\n".join(
        [agent_program().partition("birth $$\nself=")[0], f"root={tmp_path}", "absent secret/key secret/a/b .env a/b/"]
    )
    try:
        for place in above:
            place.chmod(modes[place] | 0o011)
        command = ["setpriv", "--reuid", "65534", "--clear-groups", "sh", "-c", script]
        done = subprocess.run(command, cwd="/", stdout=subprocess.PIPE, text=True, check=True)
    finally:
        for place, mode in modes.items():
            place.chmod(mode)
    assert done.stdout.splitlines() == ["shared-missing .env", "shared-missing a/b"]
