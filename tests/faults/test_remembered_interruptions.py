"""What a server remembers of an operation that was killed: nothing pushes it out, and it is enough for a way out."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import closing

import pytest

from core import DeployRequest, PruneRequest, RecoverRequest, RollbackRequest, execute
from core.errors import NeedsPerson, TurnoutError
from core.events import Note
from core.jobs import Controls
from core.records import JournalLine, parse_journal_line, previous_tag
from tests.faults.test_recovery import interruption_on
from tests.processes import identity, kill
from tests.projects import holding_hook
from tests.waiting import until


@pytest.fixture
def two_servers(servers, project_factory, truth):
    """Two servers with `one` live, a project at its next commit, and what must hold there."""
    places = servers(2)
    project = project_factory(places)
    facts = truth(project, places)
    facts.do(DeployRequest(tag="zero"))
    project.commit({"index.html": "one\n"})
    facts.do(DeployRequest(tag="one"))
    project.commit({"index.html": "two\n"})
    return facts


def killed_in(facts, operators, moment: str, *words: str) -> None:
    """Kill an operator in an operator's hook of this moment, and wait for its agents to leave."""
    project, operator = facts.sample, operators(moment)
    config = project.config.read_text()
    project.config.write_text(config + holding_hook(moment))
    operator.start(project, *words, "--yes")
    until(lambda: (project.config.parent / "holding").exists(), "the hook")
    operator.signal()
    operator.end()
    (project.config.parent / "holding").unlink()
    project.config.write_text(config)
    facts.at_rest()


@pytest.mark.parametrize("way", ["finish", "undo"])
def test_a_deploy_that_was_killed_before_the_switch_can_be_finished_or_undone(two_servers, operators, way):
    killed_in(two_servers, operators, "before-switch", "deploy", "production", "--tag", "two")
    seen = interruption_on(two_servers)
    assert (seen.tag, dict(seen.switched), seen.waiting) == ("two", {}, ("web1", "web2"))
    two_servers.do(RecoverRequest(way))
    assert two_servers.live() == (["two", "two"] if way == "finish" else ["one", "one"])
    assert interruption_on(two_servers) is None
    two_servers.complete()


def test_a_deploy_that_no_server_has_yet_is_finished_from_what_the_journal_says(two_servers, operators):
    """Killed before anything was staged: the record is in the journals alone."""
    operator = operators()
    operator.start(two_servers.sample, "deploy", "production", "--yes", "--tag", "two")
    until(lambda: operator.said_phase("upload") or operator.said_phase("stage"), "the upload")
    operator.signal()
    operator.end()
    two_servers.at_rest()
    for place in two_servers.destinations:
        # Whatever it came to: as if it had come no further than the upload.
        for path in ("records/two.toml", "manifests/two.manifest", "manifests/two.unused"):
            (place.files / ".turnout" / path).unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(place.files / "releases/two")], check=True)
    assert set(two_servers.live()) == {"one"}
    seen = interruption_on(two_servers)
    assert seen is not None and set(seen.records) == {"web1", "web2"} and seen.tag == "two"
    two_servers.do(RecoverRequest("finish"))
    assert two_servers.live() == ["two", "two"]
    assert all((place.files / "current/index.html").read_text() == "two\n" for place in two_servers.destinations)
    two_servers.complete()


def test_an_interruption_is_remembered_through_whatever_else_is_tried(two_servers, operators):
    killed_in(two_servers, operators, "after-switch", "deploy", "production", "--tag", "two")
    assert two_servers.live() == ["two", "two"]
    before = interruption_on(two_servers)
    for _ in range(30):
        two_servers.do(PruneRequest(keep=50))
    for _ in range(5):
        with pytest.raises(TurnoutError):
            two_servers.do(RollbackRequest("nowhere"))
    waiting = operators("waiting")
    lock = two_servers.destinations[1].files / ".turnout/lock"
    lock.mkdir()
    for name, text in {
        "token": "f" * 32,
        "process": identity(),
        "owner": "operation x\nkind deploy",
    }.items():
        (lock / name).write_text(f"{text}\n")
    waiting.start(two_servers.sample, "deploy", "production", "--yes", "--wait", "5s")
    assert waiting.end() == 4
    subprocess.run(["rm", "-rf", str(lock)], check=True)
    assert interruption_on(two_servers) == before
    two_servers.do(RecoverRequest("undo"))
    assert two_servers.live() == ["one", "one"]


def test_a_release_that_never_went_live_is_not_the_previous_one(two_servers, operators):
    killed_in(two_servers, operators, "before-switch", "deploy", "production", "--tag", "never")
    two_servers.do(RecoverRequest("undo"))
    two_servers.sample.commit({"index.html": "three\n"})
    two_servers.do(DeployRequest(tag="three"))
    assert previous_tag(two_servers.kept.inspect().states.values()) == "one"
    two_servers.do(RollbackRequest())
    assert two_servers.live() == ["one", "one"]
    # A person may go there all the same, and then it has been live.
    two_servers.do(RollbackRequest("never"))
    assert two_servers.live() == ["never", "never"]
    two_servers.do(DeployRequest(tag="four"))
    assert previous_tag(two_servers.kept.inspect().states.values()) == "never"


def test_undoing_an_interrupted_rollback_does_not_call_a_good_release_failed(two_servers, operators):
    killed_in(two_servers, operators, "after-switch", "rollback", "production")
    assert two_servers.live() == ["zero", "zero"]
    two_servers.do(RecoverRequest("undo"))
    assert two_servers.live() == ["one", "one"]
    assert previous_tag(two_servers.kept.inspect().states.values()) == "zero"


def test_undoing_a_deploy_marks_what_it_had_made_as_failed(two_servers, operators):
    killed_in(two_servers, operators, "after-switch", "deploy", "production", "--tag", "two")
    two_servers.do(RecoverRequest("undo"))
    assert previous_tag(two_servers.kept.inspect().states.values()) == "zero"
    assert two_servers.kept.inspect().states["web1"].releases["two"].record.failed == "interrupted and undone"


def journal(place) -> list[JournalLine]:
    return [parse_journal_line(line) for line in (place.files / ".turnout/journal.jsonl").read_text().splitlines()]


def test_an_operation_that_was_refused_says_so_with_its_exit_code(two_servers):
    with pytest.raises(TurnoutError) as refused:
        two_servers.do(RollbackRequest("nowhere"))
    for place in two_servers.destinations:
        assert (journal(place)[-1].outcome, journal(place)[-1].exit_code) == ("refused", refused.value.exit_code)


def test_a_line_that_a_crash_tore_spoils_only_itself(two_servers):
    for place in two_servers.destinations:
        for name in ("journal", "transitions"):
            with (place.files / f".turnout/{name}.jsonl").open("a") as file:
                file.write('{"what": "swi')
    two_servers.do(DeployRequest(tag="two"))
    for place in two_servers.destinations:
        lines = (place.files / ".turnout/journal.jsonl").read_text().splitlines()
        assert [json.loads(line)["what"] for line in lines[-3:]] == ["begin", "switch", "end"]
    assert interruption_on(two_servers) is None


def test_a_journal_that_cannot_be_written_keeps_an_operation_from_beginning(two_servers):
    file = two_servers.destinations[1].files / ".turnout/journal.jsonl"
    if subprocess.run(["chattr", "+i", str(file)], check=False, capture_output=True).returncode:
        file.unlink()
        file.mkdir()
    try:
        with pytest.raises(TurnoutError) as refused:
            two_servers.do(DeployRequest(tag="two"))
    finally:
        subprocess.run(["chattr", "-i", str(file)], check=False, capture_output=True)
    assert "journal.jsonl" in str(refused.value)
    assert two_servers.live() == ["one", "one"]
    assert two_servers.unlocked()


def test_whoever_takes_a_lock_over_says_from_whom(two_servers, operators):
    operator = operators()
    two_servers.sample.config.write_text(two_servers.sample.config.read_text() + holding_hook("before-switch"))
    operator.start(two_servers.sample, "deploy", "production", "--yes", "--tag", "two")
    until(lambda: (two_servers.sample.config.parent / "holding").exists(), "the hook")
    kill(two_servers.holders())
    operator.signal()
    operator.end()
    (two_servers.sample.config.parent / "holding").unlink()
    events: list = []
    with closing(two_servers.fleet()) as fleet:
        execute(fleet, RecoverRequest("undo"), None, events.append, Controls())
    notes = [event.text for event in events if isinstance(event, Note)]
    assert sum("took over the lock of" in text and "its process is gone" in text for text in notes) == 2, notes
    assert two_servers.live() == ["one", "one"]


PLACES = (
    "releases",
    "deploy-cache",
    ".turnout/journal.jsonl",
    ".turnout/transitions.jsonl",
    ".turnout/logs",
)


@pytest.mark.parametrize("path", PLACES)
def test_what_is_neither_file_nor_folder_is_refused_and_delays_no_other(sshd, project_factory, truth, path):
    facts = truth(project_factory([sshd]), [sshd])
    place = sshd.files / path
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    with pytest.raises(TurnoutError) as refused:
        facts.do(DeployRequest(tag="one"))
    errors = getattr(refused.value, "errors", {"": refused.value})
    assert [type(error) for error in errors.values()] == [NeedsPerson], repr(refused.value)
    assert path in str(refused.value) or any(path in str(error) for error in errors.values())
    assert facts.unlocked()


@pytest.mark.parametrize("name", ["token", "process", "owner", "phase", "beat"])
@pytest.mark.parametrize("how", ["empty", "fifo", "huge", "gone", "folder"])
def test_a_lock_whose_files_are_lost_or_odd_is_seen_and_taken_over(sshd, project_factory, truth, name, how):
    facts = truth(project_factory([sshd]), [sshd])
    facts.do(DeployRequest(tag="one"))
    facts.close()
    until(facts.unlocked, "the lock to be given back")
    lock = sshd.files / ".turnout/lock"
    lock.mkdir()
    whole = {
        "token": "f" * 32,
        "process": "999999 12345-0",
        "owner": "operation x\nkind deploy",
        "phase": "stage",
        "beat": "1",
    }
    for file, text in whole.items():
        (lock / file).write_text(f"{text}\n")
    odd = lock / name
    odd.unlink()
    if how == "empty":
        odd.touch()
    elif how == "fifo":
        os.mkfifo(odd)
    elif how == "folder":
        odd.mkdir()
    elif how == "huge":
        odd.write_bytes(b"9" * (20 << 20))
    state = facts.fleet().inspect_one(sshd.alias)
    assert state.lock is not None and not state.lock.alive
    facts.do(DeployRequest(tag="two"))
    assert facts.live() == ["two"]
    until(facts.swept, "all to be swept")


def lines_of(operation: str, tag: str, previous: str, *, begun: bool = True, when: float = 1.0) -> list[str]:
    facts = {"operation": operation, "kind": "deploy", "who": "ana@ci", "time": when, "tag": tag}
    begin = {"what": "begin", "servers": ["web1", "web2", "web3"], **facts}
    switch = {"what": "switch", "previous": previous, "target": f"releases/{previous}", **facts}
    return [json.dumps(line) for line in ([begin] if begun else []) + ([switch] if previous else [])]


@pytest.fixture
def three_servers(servers, project_factory, truth):
    """Three servers that have `one`, `two` and `three`, of which `one` is live."""
    places = servers(3)
    project = project_factory(places)
    facts = truth(project, places)
    for tag in ("one", "two", "three"):
        facts.do(DeployRequest(tag=tag))
        project.commit({"index.html": f"{tag}\n"})
    facts.do(RollbackRequest("one"))
    until(facts.swept, "all to be swept")
    return facts


def stopped(place, live: str, lines: list[str]) -> None:
    """Make a server look as an operation that was killed has left it."""
    subprocess.run(["ln", "-sfn", f"releases/{live}", str(place.files / "current")], check=True)
    (place.files / ".turnout/transitions.jsonl").write_text("".join(f"{line}\n" for line in lines))


def test_of_two_interrupted_operations_an_undo_leaves_the_other_known(three_servers):
    first, second = ("aaaaaaaaaaa1", "two", 1.0), ("aaaaaaaaaaa2", "three", 2.0)

    def lines(op, previous=""):
        return lines_of(op[0], op[1], previous, when=op[2])

    web1, web2, web3 = three_servers.destinations
    stopped(web1, "two", [*lines(first, "one"), *lines(second)])
    stopped(web2, "three", [*lines(first), *lines(second, "one")])
    stopped(web3, "one", [*lines(first), *lines(second)])
    three_servers.do(RecoverRequest("undo"))
    assert three_servers.live() == ["two", "one", "one"]
    seen = interruption_on(three_servers)
    assert seen is not None and (seen.tag, set(seen.switched)) == ("two", {"web1"})
    three_servers.do(RecoverRequest("undo"))
    assert three_servers.live() == ["one", "one", "one"]
    assert interruption_on(three_servers) is None


def test_a_switch_whose_beginning_was_lost_is_an_interruption_all_the_same(three_servers):
    web1, web2, _ = three_servers.destinations
    for place in (web1, web2):
        stopped(place, "two", lines_of("aaaaaaaaaaa1", "two", "one", begun=False))
    seen = interruption_on(three_servers)
    assert seen is not None and set(seen.switched) == {"web1", "web2"} and seen.waiting == ("web3",)
    three_servers.do(RecoverRequest("undo"))
    assert three_servers.live() == ["one", "one", "one"]


def test_an_undo_never_switches_to_a_release_that_is_gone(three_servers):
    for place in three_servers.destinations:
        stopped(place, "three", lines_of("aaaaaaaaaaa1", "three", "one"))
    with pytest.raises(TurnoutError, match="one is the release that an interrupted operation goes back to"):
        three_servers.do(PruneRequest(tags=("one",)))
    for place in three_servers.destinations[:2]:
        subprocess.run(["rm", "-rf", str(place.files / "releases/one")], check=True)
    with pytest.raises(TurnoutError, match="one, which was live there before, is gone"):
        three_servers.do(RecoverRequest("undo"))
    assert three_servers.live() == ["three"] * 3
    assert interruption_on(three_servers) is not None
    three_servers.do(RecoverRequest("finish"))
    assert interruption_on(three_servers) is None


def test_what_is_live_has_no_mark_that_it_never_was(three_servers):
    """Its operator was killed between the switch and the removal of the mark."""
    for place in three_servers.destinations:
        stopped(place, "three", lines_of("aaaaaaaaaaa1", "three", "two"))
        (place.files / ".turnout/manifests/three.unused").touch()
    three_servers.do(RecoverRequest("finish"))
    three_servers.do(DeployRequest(tag="four"))
    assert previous_tag(three_servers.kept.inspect().states.values()) == "three"
