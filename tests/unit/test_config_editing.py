"""turnout.toml is changed as a person would: comments, order and all else stay, and nobody's change is overwritten."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from core.config import editing
from core.errors import ConfigError, UsageError
from core.settings import Settings

TEXT = """\
# The shop
project = "shop"   # its name

[source]
git = "."  # here

# where it runs
[environments.production]
protected = true # careful
servers = [
  # the first one
  { name = "web1", host = "deploy@web1", root = "/srv/shop" }, # old
  { name = "web2", host = "deploy@web2", root = "/srv/shop", port = 2222 },
]

[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv" }]

[[hooks]]
on = "prepare" # first
run = "true ${TOKEN}"
"""
PRODUCTION = ("environments", "production")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "turnout.toml"
    path.write_text(TEXT)
    return path


def lines(draft: editing.Draft, sign: str) -> list[str]:
    return [line[1:] for line in draft.difference if line.startswith(sign)]


def project(draft: editing.Draft) -> Any:
    return draft.project(Settings(environ={"TOKEN": "secret"}))


def test_a_draft_that_nothing_was_done_to_is_the_file(file: Path) -> None:
    draft = editing.begin(file)
    assert draft.text == TEXT and not draft.changed and draft.difference == []
    assert editing.written(draft, ("hooks", 0)) == {"on": "prepare", "run": "true ${TOKEN}"}
    assert editing.written(draft, (*PRODUCTION, "servers", 1))["port"] == 2222
    assert editing.written(draft, ("environments", "qa")) == {}


def test_only_the_keys_that_change_change(file: Path) -> None:
    place = (*PRODUCTION, "servers", 0)
    draft = editing.with_values(editing.begin(file), place, {"host": "ops@web1", "name": "web1", "port": None})
    assert lines(draft, "-") == ['  { name = "web1", host = "deploy@web1", root = "/srv/shop" }, # old']
    assert lines(draft, "+") == ['  { name = "web1", host = "ops@web1", root = "/srv/shop" }, # old']
    draft = editing.with_values(draft, PRODUCTION, {"protected": False})
    assert "protected = false # careful" in draft.text
    assert project(draft).environments["production"].servers[0].host == "ops@web1"


def test_a_server_is_added_on_a_line_of_its_own_where_the_others_are(file: Path) -> None:
    new = {"name": "web3", "host": "web3", "root": "/srv/shop", "user": None}
    draft = editing.with_item(editing.begin(file), (*PRODUCTION, "servers"), new)
    assert lines(draft, "-") == []
    assert lines(draft, "+") == ['  { name = "web3", host = "web3", root = "/srv/shop" },']
    draft = editing.with_item(
        draft, ("environments", "staging", "servers"), {"name": "s2", "host": "s2", "root": "/srv"}
    )
    assert [server.name for server in project(draft).environments["staging"].servers] == ["s1", "s2"]


def test_an_environment_and_a_hook_are_added(file: Path) -> None:
    draft = editing.with_environment(
        editing.begin(file), "qa", {"protected": True}, {"name": "q1", "host": "q1", "root": "/srv"}
    )
    draft = editing.with_item(draft, ("hooks",), {"on": "success", "run": "date", "where": None})
    assert lines(draft, "-") == []
    found = project(draft)
    assert list(found.environments) == ["production", "staging", "qa"] and found.environments["qa"].protected
    assert [hook.on for hook in found.hooks] == ["prepare", "success"]
    with pytest.raises(UsageError, match="there is an environment qa already"):
        editing.with_environment(draft, "qa", {}, {})


def test_what_is_removed_is_gone_and_nothing_else(file: Path) -> None:
    draft = editing.without(editing.begin(file), (*PRODUCTION, "servers", 0))
    assert lines(draft, "+") == [] and [s.name for s in project(draft).environments["production"].servers] == ["web2"]
    draft = editing.without(draft, ("hooks", 0))
    assert project(draft).hooks == ()
    draft = editing.without(draft, ("environments", "staging"))
    assert list(project(draft).environments) == ["production"] and draft.text.startswith("# The shop\n")


def test_a_draft_is_held_to_the_rules_of_the_file(file: Path) -> None:
    draft = editing.with_values(editing.begin(file), (*PRODUCTION, "servers", 0), {"root": "srv", "port": "many"})
    with pytest.raises(ConfigError) as refused:
        project(draft)
    assert {fault.key.rpartition(".")[2] for fault in refused.value.faults} == {"root", "port"}
    draft = editing.without(editing.begin(file), ("environments", "staging", "servers", 0))
    with pytest.raises(ConfigError, match="1 fault"):
        project(draft)


def test_it_is_saved_whole_with_its_mode_through_a_link(file: Path, tmp_path: Path) -> None:
    os.chmod(file, 0o640)
    link = tmp_path / "linked.toml"
    link.symlink_to(file)
    draft = editing.with_values(editing.begin(link), PRODUCTION, {"protected": None})
    editing.save(draft)
    assert link.is_symlink() and file.read_text() == draft.text
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linked.toml", "turnout.toml"]


def test_a_file_that_somebody_changed_meanwhile_is_left_as_it_is(file: Path) -> None:
    draft = editing.with_values(editing.begin(file), PRODUCTION, {"protected": None})
    file.write_text(TEXT + "# theirs\n")
    with pytest.raises(UsageError, match="changed by somebody else"):
        editing.save(draft)
    assert file.read_text() == TEXT + "# theirs\n"


def test_a_file_that_cannot_be_read_or_is_not_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        editing.begin(tmp_path / "none.toml")
    broken = tmp_path / "turnout.toml"
    broken.write_text("project = \n")
    with pytest.raises(ConfigError) as refused:
        editing.begin(broken)
    assert "not TOML" in str(refused.value.faults[0])


def test_an_environment_is_renamed_where_it_is_written_and_where_it_is_named(file: Path) -> None:
    file.write_text(TEXT + '\n[[logs]]\nname = "app"\nfile = "log"\nenvironments = ["production"] # one\n')
    draft = editing.with_new_name(editing.begin(file), "production", "live-eu")
    assert lines(draft, "-") == ["[environments.production]", 'environments = ["production"] # one']
    assert lines(draft, "+") == ["[environments.live-eu]", 'environments = ["live-eu"] # one']
    assert list(project(draft).environments) == ["live-eu", "staging"], "the order stays"


def test_a_name_that_is_taken_or_written_in_another_way_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="there is an environment staging already"):
        editing.with_new_name(editing.begin(file), "production", "staging")
    file.write_text(
        'project = "shop"\n[source]\ngit = "."\n[environments]\n'
        'production = { servers = [{ name = "a", host = "a", root = "/a" }] }\n'
    )
    with pytest.raises(UsageError, match="production cannot be renamed here") as said:
        editing.with_new_name(editing.begin(file), "production", "eu")
    assert said.value.hint == "change its name in turnout.toml"


APART = (
    """\
project = "shop"
source.git = "."
[environments.production]   # live
servers = [
  { name = "web1", host = "web1", root = "/srv/shop" },  # first
]

[[hooks]]  # one
on = "prepare"
run = "true"
# of staging
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]
[[hooks]]
on = "after-switch"
run = """
    + "'''\n[[hooks]]\n'''"
)
"""Tables of one parent with a list of tables between them, and a text that looks like one; no end of the last line."""


def test_the_order_of_tables_stays_where_those_of_a_parent_are_apart(tmp_path: Path) -> None:
    path = tmp_path / "turnout.toml"
    path.write_text(APART)
    draft = editing.begin(path)
    assert not draft.changed and draft.difference == []
    row = {"name": "web2", "host": "web2", "root": "/srv"}
    hook = {"on": "before-switch", "run": "false"}
    for changed, added, removed in (
        (editing.with_values(draft, (*PRODUCTION, "servers", 0), {"host": "new"}), 1, 1),
        (editing.with_values(draft, ("environments", "staging"), {"protected": True}), 1, 0),
        (editing.with_item(draft, (*PRODUCTION, "servers"), row), 1, 0),
        (editing.with_item(draft, ("hooks",), hook), 4, 0),
        (editing.with_environment(draft, "qa", {}, row), 6, 0),
        (editing.with_new_name(draft, "staging", "stage"), 1, 1),
        (editing.without(draft, ("environments", "staging")), 0, 2),
        (editing.without(draft, ("hooks", 1)), 0, 5),
    ):
        assert (len(lines(changed, "+")), len(lines(changed, "-"))) == (added, removed), changed.difference
        project(changed)
