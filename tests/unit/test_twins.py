"""One tag with other content on two servers is two releases: two rows, and nothing switches to a name."""

from __future__ import annotations

from typing import Any

from core.planner.release import PlanSettings
from core.planner.rollback import plan_rollback
from core.records import Record, Release, Told, fleet_releases
from core.rows.servers import release_rows
from tests.states import state, theirs


def of_deployer(tag: str, revision: str = "", **more: Any) -> Release:
    return theirs(tag, told=Told(tool="Deployer", revision=revision), **more)


WEB1 = state("web1", of_deployer("1", "75b69fc" + "0" * 33), of_deployer("2", "1111111", live=True))
WEB2 = state("web2", of_deployer("1", "9ab01cd" + "0" * 33), of_deployer("2", "1111111" + "2" * 33, live=True))


def test_two_rows_stand_for_one_name_with_two_contents() -> None:
    rows = [row for row in fleet_releases([WEB1, WEB2]) if row.tag == "1"]
    assert sorted(tuple(row.on) for row in rows) == [("web1",), ("web2",)]
    assert len({row.key for row in rows}) == 2
    assert all("75b69fc00000 on web1; 9ab01cd00000 on web2" in row.conflict for row in rows)


def test_a_short_and_a_whole_commit_are_the_same() -> None:
    (row,) = [row for row in fleet_releases([WEB1, WEB2]) if row.tag == "2"]
    assert tuple(row.on) == ("web1", "web2") and not row.conflict and row.key == "2"


def test_a_rollback_to_such_a_name_is_refused() -> None:
    for tag in ("1", None):
        plan = plan_rollback("production", [WEB1, WEB2], tag, {}, {}, PlanSettings())
        assert not plan.executable and "different content for 1" in plan.all_refusals[0]
        assert plan.all_refusals[0].endswith("--server names them")
    alone = plan_rollback("production", [WEB1], "1", {}, {}, PlanSettings())
    assert alone.executable


def test_what_is_not_known_is_not_called_different() -> None:
    bare = state("web3", of_deployer("1"), of_deployer("2", live=True))
    assert len([row for row in fleet_releases([WEB1, bare]) if row.tag == "1"]) == 1


def test_records_with_other_digests_are_two_rows_too() -> None:
    one, two = (
        Release(tag="t", present=True, record=Record(tag="t", seq=1, created=1.0, digest=letter * 64))
        for letter in "ab"
    )
    rows = fleet_releases([state("web1", one), state("web2", two)])
    assert [tuple(row.on) for row in rows] in ([("web1",), ("web2",)], [("web2",), ("web1",)])
    assert all(row.conflict for row in rows)


def test_json_tells_no_record_from_the_rest() -> None:
    bad = Release(
        tag="3", present=True, told=Told(tool="Deployer", revision="75b69fc", fate="is marked bad by Deployer")
    )
    ours = Release(tag="t", present=True, record=Record(tag="t", seq=1, created=9e9, revision="1234567"))
    rows = {row["tag"]: row for row in release_rows({"web1": state("web1", bad, ours)}, ["web1"])}
    assert (rows["3"]["recorded"], rows["3"]["made_by"], rows["3"]["revision"]) == (False, "Deployer", "75b69fc")
    assert rows["3"]["fate"] == "is marked bad by Deployer"
    assert (rows["t"]["recorded"], rows["t"]["made_by"], rows["t"]["revision"]) == (True, "", "1234567")


def test_adopted_releases_stay_two_where_their_commits_differ() -> None:
    one, two = (
        Release(tag="2", present=True, record=Record(tag="2", seq=0, created=1.0, revision=c * 40, adopted="Deployer"))
        for c in "ab"
    )
    rows = fleet_releases([state("web1", one), state("web2", two)])
    assert len(rows) == 2 and all(row.conflict for row in rows)
    assert len(fleet_releases([state("web1", one), state("web2", one)])) == 1
