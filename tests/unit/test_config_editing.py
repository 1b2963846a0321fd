"""turnout.toml is changed as a person would: comments, order and all else stay, and nobody's change is overwritten."""

from __future__ import annotations

import itertools
import os
import re
import stat
import tomllib
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


def test_a_text_that_looks_like_the_header_keeps_a_name_from_changing(file: Path) -> None:
    file.write_text(TEXT.replace('run = "true ${TOKEN}"', "run = '''\n[environments.production]\n'''"))
    with pytest.raises(UsageError, match="production cannot be renamed here"):
        editing.with_new_name(editing.begin(file), "production", "eu")


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
        (editing.without(draft, ("environments", "staging")), 0, 3),
        (editing.without(draft, ("hooks", 1)), 0, 5),
    ):
        assert (len(lines(changed, "+")), len(lines(changed, "-"))) == (added, removed), changed.difference
        project(changed)


ROW = {"name": "new", "host": "new", "root": "/srv", "roles": ["worker"]}
HOOK = {"on": "success", "run": "date"}
INLINE = """\
# The shop, see wiki
project = "shop" # its name

# where from
source.git = "." # here


# live: careful
[environments.production] # eu
# ask first
protected = true # yes
# two machines
servers = [ # all
  # the old machine
  { name = "web1", host = "web1", root = "/srv", roles = ["web"] }, # leaves soon
  # the new machine
  { name = "web2", host = "web2", root = "/srv" } # stays
  # room for more
] # no others
# batch = 2

# --- tests ---

# for everybody
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv" }, { name = "s2", host = "s2", root = "/srv" }] # small
# warm the cache
[[hooks]] # one
# the moment
on = "prepare" # first
environments = [
  # only live
  "production", # in eu
]
run = '''
# no comment
[[hooks]]
'''


# tell people
[[hooks]]
on = "failure"
run = "date # no comment"

# the end"""
LISTS = """\
project = "shop"
source.git = "."

# room
[[hooks]]
on = "prepare"
run = "true"
# live
[environments.production]
protected = true
# the old machine
[[environments.production.servers]] # leaves soon
name = "web1"
host = "web1" # dns
root = "/srv"
roles = ["web", "cron"] # both

# the new machine
[[environments.production.servers]]
name = "web2"
host = "web2"
root = "/srv"
# of web2
[environments.production.servers.variables]
A = "1" # one
# last of hooks
[[hooks]]
on = "failure"
run = "date"
# tests
[environments.staging]
# of s1
servers = [{name = "s1", host = "s1", root = "/srv"}] # small
# logs of all
[[logs]]
name = "app"
file = "log"
environments = ["production"] # eu
"""


def comments(text: str) -> list[tuple[str, str]]:
    """Each comment, with the line that it is on, or the line below; "" for a blank one."""
    out: list[tuple[str, str]] = []
    rows = [row.strip() for row in text.splitlines()]
    for row, below in zip(rows, [*rows[1:], ""], strict=True):
        before, sign, said = row.replace("date # no comment", "date").rpartition("#")
        if sign and said != " no comment":
            out.append((said, (before or below).rstrip(" ,").partition(" = ")[0]))
    return out


def add(place: Any, row: Any) -> Any:
    def change(table: Any) -> None:
        for part in place:
            table = table[part]
        table.append(row)

    return lambda draft: editing.with_item(draft, place, row), change


def remove(*place: Any) -> Any:
    def change(table: Any) -> None:
        for part in place[:-1]:
            table = table[part]
        del table[place[-1]]

    return lambda draft: editing.without(draft, place), change


def put(place: Any, key: str, value: Any) -> Any:
    def change(table: Any) -> None:
        for part in place:
            table = table[part]
        table.pop(key, None)
        table.update({} if value is None else {key: value})

    return lambda draft: editing.with_values(draft, place, {key: value}), change


def renamed(table: Any) -> None:
    table["environments"]["live"] = table["environments"].pop("production")
    for rows in (table["hooks"], table.get("logs", [])):
        for row in rows:
            if "environments" in row:
                row["environments"] = ["live"]


def qa(table: Any) -> None:
    table["environments"]["qa"] = {"protected": True, "servers": [ROW]}


SERVERS = (*PRODUCTION, "servers")
CHANGES: list[tuple[Any, dict[str, set[str]]]] = [
    ((lambda draft: editing.with_environment(draft, "qa", {"protected": True}, ROW), qa), {}),
    ((lambda draft: editing.with_new_name(draft, "production", "live"), renamed), {}),
    (add(SERVERS, ROW), {}),
    (add(("environments", "staging", "servers"), ROW), {}),
    (add(("hooks",), HOOK), {}),
    (
        remove(*PRODUCTION),
        {
            "inline": {
                "live: careful",
                "eu",
                "ask first",
                "yes",
                "two machines",
                "all",
                "the old machine",
                "leaves soon",
            }
            | {"the new machine", "stays", "room for more", "no others", "batch = 2"},
            "lists": {"live", "the old machine", "leaves soon", "dns", "both", "the new machine", "of web2", "one"},
        },
    ),
    (
        remove("environments", "staging"),
        {"inline": {"for everybody", "small"}, "lists": {"tests", "of s1", "small"}},
    ),
    (
        remove(*SERVERS, 0),
        {"inline": {"the old machine", "leaves soon"}, "lists": {"the old machine", "leaves soon", "dns", "both"}},
    ),
    (
        remove(*SERVERS, 1),
        {"inline": {"the new machine", "stays"}, "lists": {"the new machine", "of web2", "one"}},
    ),
    (
        remove("hooks", 0),
        {"inline": {"warm the cache", "one", "the moment", "first", "only live", "in eu"}, "lists": {"room"}},
    ),
    (remove("hooks", 1), {"inline": {"tell people"}, "lists": {"last of hooks"}}),
    (put(PRODUCTION, "protected", None), {"inline": {"ask first", "yes"}}),
    (put(PRODUCTION, "protected", False), {}),
    (put(PRODUCTION, "read-only", True), {}),
    (put(("environments", "staging"), "keep", 3), {}),
    (put((*SERVERS, 0), "port", 2222), {}),
    (put((*SERVERS, 0), "host", "elsewhere"), {}),
    (put((*SERVERS, 0), "roles", ["web", "worker"]), {}),
    (put((*SERVERS, 0), "roles", None), {"lists": {"both"}}),
    (put((*SERVERS, 1), "roles", ["worker"]), {}),
    (put(("hooks", 0), "environments", ["production", "staging"]), {}),
    (put(("hooks", 0), "environments", ["staging"]), {"inline": {"only live", "in eu"}}),
    (put(("hooks", 0), "where", "operator"), {}),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
@pytest.mark.parametrize("kind", ["inline", "lists"])
def test_comments_stay_with_what_they_are_about(number: int, kind: str) -> None:
    (work, change), gone = CHANGES[number]
    text = {"inline": INLINE, "lists": LISTS}[kind]
    meant = tomllib.loads(text)
    change(meant)
    kept = [(said, about) for said, about in comments(text) if said.strip() not in gone.get(kind, set())]
    for ending, ended in itertools.product(("\n", "\r\n"), (True, False)):
        written = (text.rstrip("\n") + "\n" * ended).replace("\n", ending)
        draft = work(editing.Draft(Path("turnout.toml"), written.encode(), written))
        assert tomllib.loads(draft.text) == meant, draft.text
        named = re.sub(r"(environments\.|\")live\b", r"\1production", draft.text)
        assert comments(named) == kept, draft.text
        assert draft.text.count("\n") == draft.text.count(ending), "every line ends as the others do"
        assert "\n\n\n\n" not in draft.text.replace("\r", "")


def test_a_new_table_has_one_blank_line_before_and_after_it(file: Path) -> None:
    text = TEXT.replace("\n[[hooks]]", "# warm the cache\n[[hooks]]")
    file.write_text(text)
    begun = editing.begin(file)
    draft = editing.with_environment(begun, "qa", {}, ROW)
    block = '[environments.qa]\nservers = [\n  { name = "new", host = "new", root = "/srv", roles = ["worker"] },\n]\n'
    assert draft.text == text.replace("# warm", f"\n{block}\n# warm")
    assert editing.without(draft, ("environments", "qa")).text == text.replace("# warm", "\n# warm")
    hooked = editing.with_item(begun, ("hooks",), {"on": "success", "run": "date"})
    assert hooked.text == text + '\n[[hooks]]\non = "success"\nrun = "date"\n'
    assert editing.without(hooked, ("hooks", 1)).text == text


@pytest.mark.parametrize(
    ("before", "number", "after"),
    [
        ("[A, B, C]", 0, "[B, C]"),
        ("[A, B, C]", 1, "[A, C]"),
        ("[A, B, C]", 2, "[A, B]"),
        ("[A, B, C,]", 2, "[A, B,]"),
        ("[ A, B ]", 1, "[ A ]"),
        ("[A, # a\n  B]", 0, "[\n  B]"),
        ("[A, # a\n  B]", 1, "[A, # a\n  ]"),
        ("[\n  # of a\n  A,\n  # of b\n  B\n]", 0, "[\n  # of b\n  B\n]"),
        ("[\n  # none\n\n  # of a\n  A, # a\n  B\n]", 0, "[\n  # none\n\n  B\n]"),
        ("[\n  A\n  , B\n]", 0, "[\n  B\n]"),
        ("[A, B]", None, "[A, B, N]"),
        ("[A, B,]", None, "[A, B, N,]"),
        ("[\n  A\n]", None, "[\n  A,\n  N,\n]"),
        ("[\n  A, # a\n  # more\n]", None, "[\n  A, # a\n  N,\n  # more\n]"),
        ("[\n  A # a\n  ]", None, "[\n  A, # a\n  N,\n  ]"),
        ("[\n  A,\n  B]", None, "[\n  A,\n  B,\n  N]"),
        ("[A, # a\n B]", None, "[A, # a\n B,\n N]"),
    ],
)
def test_rows_go_and_come_as_the_list_is_written(file: Path, before: str, number: int | None, after: str) -> None:
    place = ("environments", "staging", "servers")

    def rows(text: str) -> str:
        return re.sub("[ABCN]", lambda found: f'{{ name = "{found[0]}", host = "#]," }}', text)

    file.write_text(f"[environments.staging]\nservers = {rows(before)} # end\n")
    begun = editing.begin(file)
    new = {"name": "N", "host": "#],"}
    draft = editing.with_item(begun, place, new) if number is None else editing.without(begun, (*place, number))
    assert draft.text == f"[environments.staging]\nservers = {rows(after)} # end\n"
