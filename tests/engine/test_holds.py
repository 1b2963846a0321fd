"""A deploy that is held: ready on every server, nothing switched, until a person answers, from here or elsewhere."""

import json
import os
import signal
import threading
import time

import pytest

from core import Controls, DeployRequest, RollbackRequest
from core.errors import Cancelled, QuestionClosed, Unanswered, UsageError
from core.events import Answered, Asked, HookStarted, Switched
from core.operations.answering import answer, open_questions
from core.operations.past import read_history
from core.questions import ABORT, GO, STOP_CLOCK
from tests.engine.commands import COMMAND, start, turnout, turnout_json
from tests.engine.driving import at_rest, live, record, releases
from tests.projects import hook
from tests.terminal import Terminal
from tests.waiting import PATIENCE, until


class Held:
    """A deploy on a thread of its own, up to its end."""

    def __init__(self, operator, **options):
        self.operator = operator
        self.error = self.result = None
        request = DeployRequest(tag="one", hold=options.pop("hold", 600.0), **options)
        self.thread = threading.Thread(target=self._run, args=(request,), daemon=True)
        self.thread.start()
        until(lambda: operator.said(Asked) or self.error, "the question")

    def _run(self, request):
        try:
            self.result = self.operator.run(request)
        except BaseException as error:
            self.error = error

    def end(self):
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.error


@pytest.fixture
def team(servers, project_factory, engine):
    """Two servers, one project, and operators on machines of their own."""
    places = servers(2)
    project = project_factory(places, extra=hook("before-switch", "true"))

    def operator(who):
        made = engine(project)
        made.fleet.project.settings.__dict__["who"] = who
        return made

    return places, operator


def test_another_operator_releases_it_and_everything_says_who(team):
    places, operator = team
    ana, bo = operator("ana@ci"), operator("bo@laptop")
    held = Held(ana, reason="release day")
    (asked,) = ana.said(Asked)
    assert [live(place) for place in places] == ["", ""]
    assert not ana.said(Switched) and not ana.said(HookStarted, on="before-switch")
    shown = until(lambda: open_questions(bo.fleet.inspect().states), "the question on the servers")
    assert [(each.question.id, each.lock.who) for each in shown] == [(asked.question["id"], "ana@ci")]
    assert 500 < shown[0].question.deadline - time.time() <= 601
    began = time.monotonic()
    assert answer(bo.fleet, GO, reason="looked at it").by == "bo@laptop"
    assert time.monotonic() - began < PATIENCE
    assert held.end() is None
    assert [live(place) for place in places] == ["one", "one"]
    assert [record(place, "one").approved for place in places] == ["bo@laptop", "bo@laptop"]
    (said,) = read_history(bo.fleet, 5).entries[0].answers
    assert (said.kind, said.choice, said.by, said.reason) == ("hold", "go", "bo@laptop", "looked at it")
    at_rest(places)
    # Too late: what happened is said, and nothing changes.
    late = bo.fails(lambda: answer(bo.fleet, ABORT), QuestionClosed, "no question is open")
    assert "bo@laptop answered go" in late.detail
    assert [live(place) for place in places] == ["one", "one"]


def test_ci_without_a_terminal_waits_for_somebody_else(servers, project_factory, monkeypatch):
    (place,) = servers(1)
    project = project_factory([place], environment_options={"hold": "10m", "approve": "other"})
    project.commit({"index.html": "1\n"})
    monkeypatch.setenv("TURNOUT_USER", "ci")
    deploy = start(project, "deploy", "production", "--tag", "one", "--yes", "--json")
    heard = iter(deploy.stdout.readline, "")
    asked = next(event for event in map(json.loads, heard) if event["event"] == "asked")["question"]
    assert asked["other_only"] and asked["kind"] == "hold" and live(place) == ""
    until((place.files / ".turnout/lock/question").exists, "the question on the server")
    code, (*_, result) = turnout_json(project, "answer", "go")
    assert code == 2 and "somebody else must answer" in result["summary"] and live(place) == ""
    monkeypatch.setenv("TURNOUT_USER", "bo")
    assert turnout(project, "answer", "production", "yes").returncode == 2
    assert turnout(project, "answer", "production", "go", "--question", "0123abcd").returncode == 1
    ended = turnout(project, "answer", "production", "go", "--question", asked["id"], "-m", "looked at it")
    assert ended.returncode == 0, ended.stderr
    said = [json.loads(line) for line in heard]
    deploy.communicate(timeout=PATIENCE)
    assert deploy.returncode == 0 and live(place) == "one"
    (answered,) = [event for event in said if event["event"] == "answered"]
    assert (answered["choice"], answered["by"].partition("@")[0], answered["reason"]) == ("go", "bo", "looked at it")
    late = turnout(project, "answer", "abort")
    assert late.returncode == 1 and "answered go" in late.stderr


def test_of_two_answers_at_the_same_moment_the_first_wins_and_the_other_is_told(team):
    places, operator = team
    ana, *others = operator("ana@ci"), operator("bo@laptop"), operator("cy@desk"), operator("di@desk")
    held = Held(ana)
    until(lambda: open_questions(others[0].fleet.inspect().states), "the question on the servers")
    outcomes = {}
    start = threading.Barrier(len(others))

    def give(other, choice):
        start.wait()
        try:
            outcomes[other.fleet.project.settings.who] = answer(other.fleet, choice)
        except QuestionClosed as error:
            outcomes[other.fleet.project.settings.who] = error

    threads = [threading.Thread(target=give, args=pair) for pair in zip(others, (GO, ABORT, GO), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    held.end()
    (said,) = ana.said(Answered)
    winners = [who for who, outcome in outcomes.items() if not isinstance(outcome, QuestionClosed)]
    assert winners == [said.by] and len(outcomes) == 3
    for who, outcome in outcomes.items():
        assert who == said.by or said.by in str(outcome) or "ended before" in str(outcome), str(outcome)
    assert [live(place) for place in places] == (["one", "one"] if said.choice == GO else ["", ""])
    at_rest(places)


def test_an_abort_changes_nothing_and_the_next_deploy_works(team):
    places, operator = team
    ana, bo = operator("ana@ci"), operator("bo@laptop")
    held = Held(ana)
    until(lambda: open_questions(bo.fleet.inspect().states), "the question on the servers")
    answer(bo.fleet, ABORT, reason="not today")
    error = held.end()
    assert isinstance(error, Cancelled) and error.title == "bo@laptop answered abort: not today"
    assert [live(place) for place in places] == ["", ""] and [releases(place) for place in places] == [[], []]
    at_rest(places)
    assert bo.deploy(tag="two").tag == "two"


def test_nobody_answers_and_the_deadline_changes_nothing(team):
    places, operator = team
    ana = operator("ana@ci")
    held = Held(ana, hold=1.0)
    error = held.end()
    assert isinstance(error, Unanswered) and error.title == "nobody answered within 1.0 s: abort"
    (said,) = ana.said(Answered)
    assert (said.choice, said.by) == (ABORT, "")
    assert [live(place) for place in places] == ["", ""]
    at_rest(places)


def test_it_can_be_held_longer_and_answered_here(team):
    places, operator = team
    ana = operator("ana@ci")
    held = Held(ana, hold=600.0)
    first = ana.controls.questions.open
    assert ana.controls.questions.answer(STOP_CLOCK, "ana@ci").question == first.id
    second = until(lambda: ana.controls.questions.open, "the next question")
    assert second.id != first.id and second.deadline >= first.deadline
    ana.fails(lambda: ana.controls.questions.answer(GO, "ana@ci", question=first.id), QuestionClosed, "not open")
    ana.controls.questions.answer(GO, "ana@ci")
    assert held.end() is None and live(places[0]) == "one"


def test_a_cancel_ends_the_wait(team):
    places, operator = team
    ana = operator("ana@ci")
    held = Held(ana)
    ana.controls.cancel.request()
    assert isinstance(held.end(), Cancelled)
    (said,) = ana.said(Answered)
    assert (said.choice, said.by) == ("", "")
    at_rest(places)


def test_a_server_that_is_lost_meanwhile_ends_the_wait(team):
    places, operator = team
    ana = operator("ana@ci")
    held = Held(ana)
    ana.fleet.session("web2").connection.close()
    error = held.end()
    assert "web2" in str(error) and [live(place) for place in places] == ["", ""]
    until(lambda: not (places[1].files / ".turnout/lock").exists(), "the lock is given back")
    at_rest(places)
    ana.controls = Controls()
    assert ana.deploy(tag="two").tag == "two"


def test_what_others_leave_in_the_lock_is_checked_where_it_is_read(team):
    places, operator = team
    ana, bo = operator("ana@ci"), operator("bo@laptop")
    held = Held(ana)
    (asked,) = ana.said(Asked)
    lock = places[0].files / ".turnout/lock"
    until(lambda: (lock / "question").exists(), "the question on the server")
    left = lock / f"answer.{asked.question['id']}"
    for junk in ("{}\n", "[]\n", "\0\0\n", '{"choice": "explode", "by": "x"}\n', '{"choice": "go"}\n', "{" * 5000):
        left.write_text(junk)
        until(lambda: not left.exists(), f"{junk[:20]!r} is thrown away")
    assert not ana.said(Answered)
    for junk in ("", "x\n", "up1 ffff go {}\n", "up1 00 go \x1b[31m\n", json.dumps({"a": "b" * 20000})):
        (lock / "question").write_text(junk)
        assert open_questions(bo.fleet.inspect().states).__len__() <= 1
    answer_line = json.dumps({"choice": "go", "by": "\x1b[31mmallory\nroot"})
    (lock / "question").write_text(f"up1 {asked.question['id']} go,abort x\n")
    left.write_text(f"{answer_line}\n")
    assert held.end() is None
    (said,) = ana.said(Answered)
    assert said.by == "mallory root"


def test_what_cannot_be_held_is_refused(team):
    _, operator = team
    ana = operator("ana@ci")
    for seconds in (0.0, -5.0, 0.5, 8 * 86400.0, float("nan"), float("inf")):
        ana.fails(lambda seconds=seconds: ana.run(DeployRequest(tag="one", hold=seconds)), UsageError, "not possible")
    from core import PruneRequest

    ana.fails(lambda: ana.run(PruneRequest((), hold=60.0)), UsageError, "nothing to hold")
    ana.fleet.environment = ana.fleet.environment.replace(reason="required")
    ana.fails(lambda: ana.deploy(tag="one"), UsageError, "say why")
    ana.fails(lambda: ana.rollback(), UsageError, "say why")
    assert ana.deploy(tag="one", reason="it is time").tag == "one"


def test_every_operation_wants_the_reason_that_is_required(team):
    import core

    _, operator = team
    ana = operator("ana@ci")
    ana.fleet.environment = ana.fleet.environment.replace(reason="required")
    requests = [
        *(core.PruneRequest(("one",)), core.PinRequest("one"), core.PinRequest("one", pinned=False)),
        *(core.BlockRequest("one", blocked=False), core.FreezeRequest(frozen=False), core.TaskRequest("t")),
        *(core.RunRequest("true"), core.RecoverRequest("undo"), core.AdoptRequest(), core.PromoteRequest("staging")),
    ]
    for request in requests:
        ana.fails(lambda request=request: ana.run(request), UsageError)
        if not isinstance(request, core.TaskRequest):  # there is no such task
            ana.fails(lambda request=request: ana.run(request), UsageError, "say why")


def test_a_rollback_waits_for_nobody_unless_its_request_says_so(team):
    """It goes back to what was approved; where it waits all the same, somebody else has to say go."""
    _, operator = team
    ana = operator("ana@ci")
    for tag in ("one", "two"):
        ana.deploy(tag=tag)
    ana.fleet.environment = ana.fleet.environment.replace(approve="other", hold=600.0)
    back, held = ana.plan(RollbackRequest()), ana.plan(RollbackRequest(hold=60.0))
    assert (back.tag, back.hold, back.approve) == ("one", 0.0, "")
    assert (held.hold, held.approve) == (60.0, "other")
    assert ana.plan(DeployRequest(tag="three", hold=1.0)).approve == "other"


def test_a_question_is_answered_at_the_terminal_that_runs_it_and_at_one_that_watches(
    servers, project_factory, monkeypatch
):
    (place,) = servers(1)
    project = project_factory([place])
    monkeypatch.setenv("TURNOUT_USER", "ana")
    with Terminal([*COMMAND, "deploy", "production", "--tag", "one", "--yes", "--hold"], project.folder) as running:
        running.expect("type go, abort or hold, then Enter")
        running.type("g")
        running.expect("not a choice")
        with Terminal([*COMMAND, "watch", "production"], project.folder, TURNOUT_USER="bo") as watching:
            watching.expect("type go, abort or hold, then Enter")
            watching.type("hold")
            watching.expect("bo@")
            running.expect("answered hold")
            running.expect("type go, abort or hold, then Enter")
            assert live(place) == ""
            running.type("go")
            assert running.end() == 0
            assert watching.end() == 0
    assert live(place) == "one"


def test_a_crash_while_it_is_held_switches_nothing_and_the_next_deploy_works(servers, project_factory):
    places = servers(2)
    project = project_factory(places)

    def held(tag):
        deploy = start(project, "deploy", "production", "--tag", tag, "--yes", "--hold")
        locks = [place.files / ".turnout/lock" for place in places]
        until(lambda: all((lock / "question").exists() for lock in locks), "the question on all servers")
        return deploy, [int((lock / "process").read_text().split()[0]) for lock in locks]

    deploy, agents = held("one")
    os.kill(agents[1], signal.SIGKILL)
    _, err = deploy.communicate(timeout=PATIENCE)
    assert deploy.returncode == 3 and "web2" in err, err
    assert [live(place) for place in places] == ["", ""]

    deploy, _ = held("two")
    deploy.kill()
    deploy.communicate(timeout=PATIENCE)
    until(lambda: not any((place.files / ".turnout/lock").exists() for place in places), "the locks are given back")
    assert [live(place) for place in places] == ["", ""]
    code, _ = turnout_json(project, "answer", "go")
    assert code == 1, "there is no question any more"
    assert turnout(project, "recover", "production", "--undo", "--yes").returncode in (0, 2)
    assert turnout(project, "deploy", "production", "--tag", "three", "--yes").returncode == 0
    assert [live(place) for place in places] == ["three", "three"]
    at_rest(places)


def test_a_go_in_a_freeze_that_began_meanwhile_switches_nothing(team):
    places, operator = team
    ana, ben = operator("ana@one"), operator("ben@two")
    held = Held(ana)
    ana.fleet.environment = ana.fleet.environment.replace(freeze=("2020-01-01 00:00 - 2099-01-01 00:00 UTC",))
    until(lambda: open_questions(ben.fleet.inspect().states), "the question on the servers")
    answer(ben.fleet, GO)
    error = held.end()
    assert "began while this was held" in error.detail and error.needs_person
    assert [live(place) for place in places] == ["", ""]
    at_rest(places)
