"""`turnout diff` and the changes of plans, on real servers: commits, files, one file, two servers, migrations."""

from __future__ import annotations

import shutil

import pytest

from core import RollbackRequest
from core.changes import Side
from core.errors import UsageError
from core.events import PlanMade
from core.operations.content import file_difference
from core.operations.differences import differences
from tests.engine.driving import live
from tests.engine.test_cli import turnout, turnout_json

ODD = "odd \x1b[2J\nname"


@pytest.fixture
def shop(servers, project_factory, engine):
    """Two releases, one and two, on two servers; the second brings a migration."""
    places = servers(2)
    project = project_factory(places, {"app.py": "a\nb\nc\n", "gone": "x\n", "same": "", ODD: "1\n"},
                              deploy={"migrations": ["db/migrate/**"], "shared": [".env"]})  # fmt: skip
    operator = engine(project)
    operator.deploy(tag="one")
    project.commit(
        {"app.py": "a\nB\nc\n", "gone": None, ODD: "2\n", "logo": b"\0\1", "db/migrate/1.sql": "create\n"},
        "Change much",
    )
    operator.deploy(tag="two")
    return project, operator, places


def test_releases_are_compared_from_their_manifests_and_from_git(shop):
    project, _, _ = shop
    done = turnout(project, "diff", "production", "one", "two")
    assert done.returncode == 0 and done.stderr == ""
    text = done.stdout
    assert text.startswith("one..two  1 commit, 5 files, +3 −3  ! 1 new migration\n")
    assert "Change much  ! migration  Ana Test" in text
    assert "M app.py" in text and "D gone" in text and "A logo" in text and "2 B" in text
    assert "M odd \\x1b[2J\\nname" in text and "\x1b" not in text
    assert turnout(project, "diff", "production").stdout == text  # the previous release and the live one
    files = turnout(project, "diff", "production", "two..one", "--files").stdout
    assert files.splitlines()[:2] == ["M\tapp.py", "D\tdb/migrate/1.sql"]
    assert "takes back" not in text
    code, rows = turnout_json(project, "diff", "production", "one", "two")
    assert code == 0
    assert [row["event"] for row in rows] == ["difference", "commit", *["file"] * 5, "result"]
    assert rows[0]["new_migrations"] == ["db/migrate/1.sql"] and rows[1]["side"] == "added" and rows[1]["migrates"]


def test_one_file_is_shown_as_diff_shows_it(shop):
    project, _, _ = shop
    done = turnout(project, "diff", "production", "one", "two", "app.py")
    assert done.stdout == "--- one/app.py\n+++ two/app.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
    assert turnout(project, "diff", "production", "one", ODD).stdout.endswith("-1\n+2\n")
    binary = turnout(project, "diff", "production", "one", "two", "logo")
    assert binary.returncode == 1 and "logo: binary, 2 B" in binary.stderr
    code, rows = turnout_json(project, "diff", "production", "one", "two", "app.py")
    assert code == 0 and [row["kind"] for row in rows if row["event"] == "line"] == ["@", " ", "-", "+", " "]
    same = turnout(project, "diff", "production", "one", "same")
    assert same.returncode == 0 and "same does not differ between one and two" in same.stderr
    missing = turnout(project, "diff", "production", "one", "two", "no-such")
    assert missing.returncode == 2 and '"no-such" is not a file of one or two' in missing.stderr


def test_what_two_servers_hold_is_compared_there(shop):
    project, _, places = shop
    names = [place.alias for place in places]
    on = ["--server", names[0], "--server", names[1]]
    assert "0 files" in turnout(project, "diff", "production", "two", *on).stdout
    changed = places[1].files / "releases/two/app.py"
    changed.write_text("a\nhacked\nc\n")
    (places[1].files / "shared/.env").write_text("SECRET=1\n")
    done = turnout(project, "diff", "production", "two", *on)
    assert done.returncode == 0 and f"two on {names[0]}..{names[1]}" in done.stdout and "M app.py" in done.stdout
    assert ".env" not in done.stdout
    shown = turnout(project, "diff", "production", "two", "app.py", *on).stdout
    assert "-B\n+hacked\n" in shown


def test_content_comes_from_a_server_where_git_does_not_have_it(shop):
    project, operator, _ = shop
    fleet = operator.fleet
    states = fleet.inspect().states
    changes = differences(fleet, Side("one"), Side("two"), states)
    item = next(each for each in changes.files.changes if each.path == b"app.py")
    assert file_difference(fleet, changes, item, states).places == ("git",)
    shutil.rmtree(project.tree / ".git")
    project.git("init", "--quiet")
    changes = differences(fleet, Side("one"), Side("two"), states)
    assert "not in the repository; git fetch" in changes.commits.unknown
    assert [each.lines for each in changes.files.changes] == [None] * 5
    found = file_difference(fleet, changes, item, states)
    assert found.places == (fleet.names[0],) and [line.text for line in found.lines][1:] == ["a", "b", "B", "c"]
    (operator.fleet.project.settings.cache / "manifests").rename(project.folder / "away")
    again = differences(fleet, Side("one"), Side("two"), states)
    assert again.files == changes.files  # from a server


def test_what_no_release_is_called_is_a_usage_error(shop):
    project, operator, _ = shop
    done = turnout(project, "diff", "production", "onne", "two")
    assert done.returncode == 2 and 'did you mean "one"?' in done.stderr
    done = turnout(project, "diff", "production", "one", "twoo")
    assert done.returncode == 2 and '"twoo" is neither a release nor a file of one or two' in done.stderr
    assert 'did you mean "two"?' in done.stderr
    with pytest.raises(UsageError, match="there is no release"):
        differences(operator.fleet, Side("no"), Side("two"), operator.fleet.inspect().states)


def test_a_release_without_a_record_says_that_its_files_are_not_known(shop):
    project, _, places = shop
    for place in places:
        shutil.copytree(place.files / "releases/one", place.files / "releases/copied", symlinks=True)
    done = turnout(project, "diff", "production", "copied", "two")
    assert done.returncode == 1 and "copied has no record" in done.stdout


def test_a_rollback_across_a_migration_wants_a_word(shop):
    project, operator, places = shop
    plan = operator.plan(RollbackRequest())
    assert plan.changes is not None and plan.crosses_migrations
    assert plan.changes.lost_migrations == ("db/migrate/1.sql",) and plan.changes.taken_named[0].migrates
    assert (plan.changes.taken, plan.changes.files, plan.changes.lines) == (1, 5, (3, 3))
    dry = turnout(project, "rollback", "production", "--dry-run").stdout
    assert "Takes back 1 commit by Ana Test" in dry and "db/migrate/1.sql" in dry
    refused = turnout(project, "rollback", "production", "--yes")
    assert refused.returncode == 2 and "--across-migrations" in refused.stderr and live(places[0]) == "two"
    done = turnout(project, "rollback", "production", "--yes", "--across-migrations")
    assert done.returncode == 0 and live(places[0]) == "one"
    forward = operator.plan(RollbackRequest("two"))
    assert not forward.crosses_migrations and forward.changes.new_migrations == ("db/migrate/1.sql",)
    operator.run(RollbackRequest("two"))
    assert operator.said(PlanMade)[-1].plan["changes"]["new_migrations"] == ["db/migrate/1.sql"]


def test_a_deploy_that_nobody_looks_at_asks_git_and_servers_nothing_more(sshd, project_factory, engine):
    project = project_factory([sshd], {"a": "1\n"})
    operator = engine(project)
    operator.deploy(tag="one")
    project.commit({"a": "2\n"})
    result = operator.deploy(tag="two")
    assert result.plan.changes is None
    assert operator.said(PlanMade)[-1].plan["changes"] is None
