"""What the files of other tools tell, and what they cannot."""

from __future__ import annotations

import pytest

from core.adoption.tools import history_of, locks_of, tools_of
from core.adoption.traces import Traces
from core.protocol.state import parse_state
from core.records import Told

A, B, C = "20261101120000", "20261102120000", "20261103120000"


def names(traces: Traces) -> list[str]:
    return [tool.name for tool in tools_of(traces)]


@pytest.mark.parametrize(
    ("traces", "tool"),
    [
        (Traces(tags={A}, signs={"revisions.log", "repo", "repo/HEAD"}, target=f"/srv/releases/{A}"), "Capistrano"),
        (Traces(tags={"12"}, signs={".dep"}), "Deployer"),
        (Traces(tags={f"{A}Z"}, signs={"repo", "repo/.git"}, target=f"./releases/{A}Z"), "Ansistrano"),
        (Traces(tags={"12"}, signs={"scm"}), "Mina"),
        (Traces(tags={A}, target=f"releases/{A}", revisions={A: "75b69fc"}), "shipit"),
        (Traces(tags={"7" * 40}, signs={"deploy-cache"}), "Buddy"),
        (Traces(tags={A}, signs={".env", "storage"}, target=f"/home/forge/site/releases/{A}"), "Envoyer"),
        (Traces(tags={A}, signs={"cache"}), "DeployHQ"),
    ],
)
def test_each_tool_is_known_by_its_signs(traces: Traces, tool: str) -> None:
    assert names(traces)[0] == tool
    assert {told.tool for told in history_of(traces).releases.values()} == {tool}


def test_nobody_is_named_where_nothing_tells() -> None:
    assert names(Traces(tags={A, "blue"}, target=f"releases/{A}")) == []
    assert history_of(Traces(tags={"blue"}, revisions={"blue": "75b69fc"})).releases == {
        "blue": Told(revision="75b69fc")
    }


def test_capistranos_log_tells_who_what_and_what_was_never_published() -> None:
    log = (
        f"Branch main (at 75b69fc) deployed as release {A} by ana",
        f"Branch main (at 1111111) deployed as release {C} by ci",
        f"ana rolled back to release {A}",
        "nonsense \x1b[31m",
        f"Branch x (at ../../etc) deployed as release {B} by eve",
    )
    history = history_of(Traces(tags={A, B, C}, signs={"revisions.log"}, logs={"revisions.log": log}))
    assert history.lived == (A, C, A)
    assert history.releases[A] == Told(tool="Capistrano", revision="75b69fc", ref="main", who="ana", published=True)
    assert history.releases[B].fate == "was never published by Capistrano"


def test_the_whole_commit_is_taken_where_a_log_has_its_beginning() -> None:
    log = (
        f"Branch main (at 75b69fc) deployed as release {A} by ana",
        f"Branch main (at 1111111) deployed as release {B}",
    )
    revisions = {A: "75b69fc" + "0" * 33, B: "2" * 40, C: "3" * 40}
    traces = Traces(tags={A, B, C}, signs={"revisions.log"}, logs={"revisions.log": log}, revisions=revisions)
    found = {tag: told.revision for tag, told in history_of(traces).releases.items()}
    assert found == {A: revisions[A], B: "1111111", C: revisions[C]}


def test_a_log_that_begins_later_or_a_release_after_it_says_nothing() -> None:
    log = (f"Branch main (at 75b69fc) deployed as release {B} by ana",)
    history = history_of(Traces(tags={A, B, C}, signs={"revisions.log"}, logs={"revisions.log": log}))
    assert [history.releases[tag].fate for tag in (A, B, C)] == ["", "", ""]


def test_deployers_log_tells_when_and_who_but_not_whether_it_was_live() -> None:
    line = '{"created_at":"2026-11-21T19:30:00+0100","release_name":"12","user":"ana","target":"main"}'
    unnamed = line.replace('"12"', '"10"').replace("main", "HEAD")
    log = (line, unnamed, "{", "[]", '{"release_name": ["12"]}', "[" * 5000, '{"release_name":"99","created_at":5}')
    traces = Traces(
        tags={"10", "11", "12"}, signs={".dep"}, logs={".dep/releases_log": log}, marks={"11": ["BAD_RELEASE"]}
    )
    history = history_of(traces)
    assert history.lived == ()
    assert history.releases["12"] == Told(tool="Deployer", when=1795285800.0, who="ana", ref="main")
    assert (history.releases["10"].who, history.releases["10"].ref) == ("ana", "")
    assert history.releases["11"].fate == "is marked bad by Deployer"


def test_a_branch_whose_name_begins_as_no_branch_is_one() -> None:
    line = '{"created_at":"2026-11-21T19:30:00+0100","release_name":"12","user":"ana","target":"HEAD-fix"}'
    traces = Traces(tags={"12"}, signs={".dep"}, logs={".dep/releases_log": (line,)})
    assert history_of(traces).releases["12"].ref == "HEAD-fix"


def test_a_release_that_was_pushed_into_has_no_commit_and_may_be_gone_back_to() -> None:
    """`dep push` writes DIRTY_RELEASE into what is live; `dep rollback` skips only what is bad."""
    marks = {"12": ["DIRTY_RELEASE"]}
    traces = Traces(tags={"11", "12"}, signs={".dep"}, marks=marks, revisions={"11": "75b69fc", "12": "9ab01cd"})
    told = history_of(traces).releases
    assert (told["12"].revision, told["12"].fate) == ("", "")
    assert told["11"].revision == "75b69fc"


def test_a_name_in_revision_is_no_commit() -> None:
    lines = ["root present", "current absent", f"place 1 5 releases/{A}Z", f"revision releases/{A}Z/REVISION:{A}Z"]
    release = parse_state(lines, "web1", "/srv", now=0.0).releases[f"{A}Z"]
    assert release.told == Told(tool="Ansistrano") and release.revision == ""


def test_what_a_server_says_of_other_tools_is_bounded_and_harmless() -> None:
    lines = [
        "root present",
        "current absent",
        "place 1 5 releases/12",
        "sign .dep",
        "sign /etc/passwd",
        "marked BAD_RELEASE ../../etc",
        "marked OWN 12",
        "revision releases/../x/REVISION:75b69fc",
        "revision releases/12/REVISION:75b69fc\x1b[31m",
        "their-lock .dep/deploy.lock 1700000000 ana\x1b]0;x\x07",
        "their-lock /etc/lock 1 eve",
        "log /etc/passwd root",
        *("log .dep/releases_log " + "x" * 100_000 for _ in range(1000)),
    ]
    state = parse_state(lines, "web1", "/srv", now=0.0)
    assert state.releases["12"].told == Told(tool="Deployer")
    (lock,) = state.their_locks
    assert lock.path == ".dep/deploy.lock" and "\x1b" not in lock.who and lock.since == 1700000000
    assert not state.faults


def test_a_lock_of_mina_is_hers() -> None:
    (lock,) = locks_of(Traces(tags={"1"}, signs={"scm"}, locks={"deploy.lock": (5.0, "")}))
    assert lock.describe() == "Mina is deploying (deploy.lock)"
