"""One server's word never decides what is sent to, removed from or left out on another."""

from __future__ import annotations

import json
import os

import pytest
from msgspec.structs import asdict, replace

from core import DeployRequest, PruneRequest, RecoverRequest, RollbackRequest
from core.errors import NeedsPerson, ServerError, TurnoutError, UsageError
from core.jobs import Cancel
from core.operations.verify import verify
from core.planner.rollback import rollback_target
from core.protocol.state import parse_state
from core.records import parse_record
from core.recovery import FINISH, UNDO
from core.retention import beyond, protection
from tests.engine.driving import snapshot


@pytest.fixture
def facts(pair, project_factory, truth):
    """Two servers with r1, r2 and r3, of which r3 is live; r1 is pruned on the second."""
    facts = truth(project_factory(pair), pair).deploy("r1", "r2", "r3")
    facts.do(PruneRequest(("r1",)))
    return facts


def claim(place, tag, record=None, **more):
    """Let a server's own files say that a deploy was interrupted there."""
    facts = {"what": "begin", "operation": "aa11bb22", "kind": "deploy", "who": "x", "time": 4e9, "tag": tag}
    values = {**facts, "servers": ["web1", "web2"], "record": asdict(record) if record else None, **more}
    with (place.files / ".turnout/transitions.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")


def record_of(place, tag):
    return parse_record((place.files / f".turnout/records/{tag}.toml").read_text())


def rewrite(place, tag, **changes):
    """Let a server's record say something else."""
    path = place.files / f".turnout/records/{tag}.toml"
    path.write_text(replace(record_of(place, tag), **changes).to_toml())


def around(place):
    """The names beside a server's root, in it, and in its releases/."""
    return [sorted(os.listdir(folder)) for folder in (place.files.parent, place.files, place.files / "releases")]


def refused(facts, request, kind=TurnoutError):
    """The error that a request ends with; nothing has changed on any server but for notes of it."""
    before = [snapshot(place.files / "releases") for place in facts.destinations]
    live = facts.live()
    with pytest.raises(kind) as raised:
        facts.do(request)
    assert facts.live() == live
    assert [snapshot(place.files / "releases") for place in facts.destinations] == before
    return raised.value


@pytest.mark.parametrize(
    ("tag", "way"), [("../../../../etc/cron.d", FINISH), ("../outside", FINISH), ("r1/../../x", UNDO), ("-rf", UNDO)]
)
def test_a_journal_that_names_a_place_outside_has_no_effect(facts, tag, way):
    liar, honest = facts.destinations
    outside = around(honest)
    claim(liar, tag, record_of(liar, "r2"))
    error = refused(facts, RecoverRequest(way), NeedsPerson)
    assert "whether an operation was interrupted is unknown on web1" in error.title
    assert "transitions.jsonl" in error.detail
    assert around(honest) == outside


def test_a_record_of_another_tag_is_not_a_word_on_an_operation(facts):
    liar, _ = facts.destinations
    claim(liar, "r9", record_of(liar, "r2"))
    error = refused(facts, RecoverRequest(FINISH), NeedsPerson)
    assert "the record of another tag" in error.detail


def test_a_server_that_alone_tells_of_an_operation_sends_nothing_to_another(facts):
    liar, _ = facts.destinations
    claim(liar, "r9", replace(record_of(liar, "r2"), tag="r9"))
    error = refused(facts, RecoverRequest(FINISH))
    assert "web2: it has no record of r9" in str(error)


def test_servers_that_contradict_each_other_about_an_operation_are_named(facts):
    liar, honest = facts.destinations
    claim(liar, "r1", record_of(liar, "r1"))
    claim(honest, "r2", record_of(honest, "r2"))
    error = refused(facts, RecoverRequest(FINISH), NeedsPerson)
    assert error.detail == "web1 says that it was to make r1 live; web2 says that it was to make r2 live"
    # A deploy settles it.
    facts.do(DeployRequest(tag="r4"))
    assert not facts.interrupted()


def test_records_that_differ_in_content_are_a_conflict_by_name(facts):
    liar, _ = facts.destinations
    other = record_of(liar, "r2")
    rewrite(liar, "r1", digest=other.digest, revision=other.revision)
    error = refused(facts, RollbackRequest("r1"), UsageError)
    assert "the servers have recorded different content for r1" in str(error)
    assert "on web1" in str(error) and "on web2" in str(error)


def test_what_is_sent_again_keeps_each_servers_own_record(facts):
    """The first server's revision does not exist, it says pinned and another number: the second has its own record."""
    liar, honest = facts.destinations
    before = record_of(honest, "r1")
    rewrite(liar, "r1", revision="0" * 40, pinned=True, seq=77, by="mallory")
    facts.do(RollbackRequest("r1"))
    assert facts.live() == ["r1", "r1"]
    assert record_of(honest, "r1") == before
    assert (honest.files / "current/index.html").read_text() == "1\n"


def test_what_a_server_says_of_a_release_takes_no_way_back_from_another(facts):
    """The first says that r2 has failed; on the second it is the one before the live one all the same."""
    liar, honest = facts.destinations
    rewrite(liar, "r2", failed="it never worked")
    facts.do(PruneRequest(keep=1))
    assert (honest.files / "releases/r2").is_dir()


def test_verify_names_servers_that_record_other_content(facts):
    liar, _ = facts.destinations
    rewrite(liar, "r3", digest=record_of(liar, "r2").digest)
    fleet = facts.fleet()
    try:
        verification = verify(fleet, None, Cancel())
    finally:
        fleet.close()
    assert set(verification.errors) == {"web1", "web2"} and not verification.drifts
    assert all(
        isinstance(error, ServerError) and "recorded different content" in str(error)
        for error in verification.errors.values()
    )


@pytest.mark.parametrize(
    "damage", [b"\x00\xff\n", b'{"what": "switch", "oper\n', b"[]\n", b'{"what": "begin", "tag": "../x"}\n']
)
def test_an_unreadable_line_makes_unknown_what_was_interrupted(facts, damage):
    first, _ = facts.destinations
    with (first.files / ".turnout/transitions.jsonl").open("ab") as file:
        file.write(damage)
    for way in (FINISH, UNDO):
        error = refused(facts, RecoverRequest(way), NeedsPerson)
        assert error.title == "whether an operation was interrupted is unknown on web1"
    facts.do(DeployRequest(tag="r4"))
    with pytest.raises(UsageError, match="no operation was interrupted"):
        facts.do(RecoverRequest(UNDO))


@pytest.mark.parametrize("folder", [".turnout", ".turnout/records"])
def test_where_no_record_can_be_read_nothing_is_known_of_any_release(folder):
    """Not as where another tool made them: each may be pinned, may have failed, and none is the previous one."""
    seen = [f"place 1 {number} releases/r{number}" for number in range(1, 5)]
    lines = ["time 9", "root present", "current link releases/r4", "live r4", *seen, f"unreadable {folder}"]
    state = parse_state(lines, "web1", "/srv", now=1.0)
    assert sorted(state.releases) == ["r1", "r2", "r3", "r4"] and all(
        release.unread for release in state.releases.values()
    )
    assert beyond(state, 1, set()) == []
    assert "may be pinned" in protection([state], "r1", "r4", "r3")
    target, reason = rollback_target([state], None)
    assert target is None and "r3, r2, r1 cannot be read" in reason
    target, _ = rollback_target([state], "r2")
    assert target is not None and target.unread


@pytest.mark.parametrize("damage", ["", "\0\0", "seq = ", 'tag = "r2"\nseq = 99999999999\ncreated = 1\n'])
def test_a_release_whose_record_cannot_be_read_is_kept_and_not_taken_for_unrecorded(facts, damage):
    first, _ = facts.destinations
    (first.files / ".turnout/records/r2.toml").write_text(damage)
    facts.sample.commit({"index.html": "4\n"})
    facts.do(DeployRequest(tag="r4"))
    facts.do(PruneRequest(keep=1))
    assert (first.files / "releases/r2").is_dir()
    error = refused(facts, PruneRequest(("r2",)))
    assert "cannot be read: it may be pinned" in str(error)
    error = refused(facts, DeployRequest(tag="r2"))
    assert "the record of r2 there cannot be read" in str(error)
