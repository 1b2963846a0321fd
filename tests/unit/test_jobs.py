"""A cancel, and the controls of steps that stop together."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from msgspec.structs import replace

from core.errors import Cancelled, InternalError, QuestionClosed, StoreError, UsageError
from core.jobs import Cancel, Controls, several
from core.questions import ABORT, GO, Answer, Question, hold
from tests.waiting import PATIENCE


def test_a_cancel_reaches_linked_controls() -> None:
    outer = Controls()
    with outer.linked() as inner:
        outer.cancel.request()
        with pytest.raises(Cancelled):
            inner.cancel.check()


def test_a_cancel_that_came_before_reaches_linked_controls() -> None:
    outer = Controls()
    outer.cancel.request()
    with outer.linked() as inner:
        assert inner.cancel.requested


def test_steps_that_stop_together_stop_nothing_else() -> None:
    outer = Controls()
    with outer.linked() as inner:
        inner.cancel.request()
    assert not outer.cancel.requested


def test_linked_controls_are_forgotten_after_their_block() -> None:
    outer = Controls()
    with outer.linked() as inner:
        pass
    outer.cancel.request()
    assert not inner.cancel.requested


def question(**changes: Any) -> Question:
    return replace(hold(("web1", "web2"), "r2", 0.0), asker="ana@laptop", **changes)


def test_the_first_answer_closes_a_question_and_the_second_hears_of_it() -> None:
    questions = Controls().questions
    asked = questions.ask(question())
    assert questions.open == asked.question
    assert questions.answer(GO, "bo@desk").choice == GO
    with pytest.raises(QuestionClosed, match="the question is closed: bo@desk answered go"):
        questions.answer(ABORT, "cy@desk")
    assert asked.answer == Answer(asked.question.id, GO, "bo@desk")
    assert questions.open is None


def test_of_many_answers_at_the_same_moment_one_is_taken() -> None:
    questions = Controls().questions
    asked = questions.ask(question())
    start = threading.Barrier(8)
    taken: list[Answer] = []

    def answer(name: str) -> None:
        start.wait()
        try:
            taken.append(questions.answer(GO, name))
        except QuestionClosed:
            return

    threads = [threading.Thread(target=answer, args=(f"p{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [asked.answer]


@pytest.mark.parametrize(
    ("choice", "by", "why"),
    [
        ("yes", "bo", "'yes' is not a choice: choose go or abort"),
        ("", "bo", "is not a choice"),
        (GO, "ana@laptop", "somebody else must answer"),
        (GO, "Ana@desk", "somebody else must answer"),
    ],
)
def test_an_answer_that_cannot_be_leaves_the_question_open(choice: str, by: str, why: str) -> None:
    questions = Controls().questions
    asked = questions.ask(question(other_only=True))
    with pytest.raises(UsageError, match=why):
        questions.answer(choice, by)
    assert asked.answer is None
    assert questions.answer(ABORT, "ana@laptop").choice == ABORT


def test_an_answer_to_another_question_changes_nothing() -> None:
    questions = Controls().questions
    with pytest.raises(QuestionClosed, match="not open"):
        questions.answer(GO, "bo")
    asked = questions.ask(question())
    with pytest.raises(QuestionClosed, match="not open"):
        questions.answer(GO, "bo", question="0000")
    assert asked.answer is None


def test_steps_that_stop_together_ask_the_same_person() -> None:
    outer = Controls()
    with outer.linked() as inner:
        asked = inner.questions.ask(question())
        outer.questions.answer(GO, "bo")
        assert asked.wait(5) == Answer(asked.question.id, GO, "bo")


def test_a_request_that_is_not_waited_for_is_known_at_once_and_told_elsewhere() -> None:
    cancel, told, go = Cancel(), threading.Event(), threading.Event()
    threads = []

    def slow() -> None:
        threads.append(threading.get_ident())
        go.wait(PATIENCE)
        told.set()

    cancel.on_request(slow)
    cancel.request_apart()
    assert cancel.requested and not told.is_set()
    go.set()
    assert told.wait(PATIENCE) and threads != [threading.get_ident()]
    cancel.request_apart()
    assert len(threads) == 1


def test_all_who_listen_hear_of_a_cancel_also_where_one_of_them_fails():
    cancel, heard = Cancel(), []

    def fail():
        raise EOFError("its connection is gone")

    cancel.on_request(fail)
    cancel.on_request(lambda: heard.append("second"))
    with pytest.raises(EOFError, match="its connection is gone"):
        cancel.request()
    assert heard == ["second"] and cancel.requested


def test_several_at_a_time_are_as_many_as_may_be_and_their_results_keep_the_order() -> None:
    meeting, lock, under_way, seen = threading.Barrier(3), threading.Lock(), 0, [0]

    def work(number: int) -> int:
        nonlocal under_way
        with lock:
            under_way += 1
            seen.append(under_way)
        meeting.wait(PATIENCE)
        with lock:
            under_way -= 1
        return number * number

    assert several(work, range(9), 3) == [number * number for number in range(9)]
    assert max(seen) == 3
    assert several(work, (), 3) == []


def test_what_one_of_several_raises_comes_out_and_no_other_is_begun() -> None:
    begun: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise StoreError("the store refuses access")

    with pytest.raises(StoreError, match="refuses"):
        several(work, range(100), 1)
    assert begun == [0, 1, 2]


def test_a_bug_in_one_of_several_is_told_as_one() -> None:
    with pytest.raises(InternalError, match="ZeroDivision"):
        several(lambda number: 1 // number, [1, 0], 2)


def test_several_that_are_cancelled_end_before_the_rest_begins() -> None:
    cancel, begun = Cancel(), []

    def work(number: int) -> None:
        cancel.check()
        begun.append(number)
        if number == 1:
            cancel.request()

    with pytest.raises(Cancelled):
        several(work, range(100), 1)
    assert begun == [0, 1]
