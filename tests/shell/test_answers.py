"""answer.sh: what somebody else answers to the question that an operation shows in its lock."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

from core.protocol.answers import Answer, parse_events
from core.protocol.asked import to_lock
from core.protocol.holding import lock_in
from core.questions import hold
from tests.shell.agents import text_of, word
from tests.shell.test_locking import BEGIN
from tests.waiting import until

PROGRAM = text_of("answer.sh")
QUESTION = "0a1b2c3d"
TEXT = json.dumps({"text": "go on?"})


def asks(start, root):
    """An agent that holds the lock, whose operation asks QUESTION."""
    holder = start(root)
    holder.done(*BEGIN)
    holder.say(f"question '{QUESTION}' 'go,abort' {word(TEXT)}")
    holder.done("ping")
    return holder


def heard(holder) -> list[str]:
    """What it says on standard error to a beat, and to the one after it."""
    lines = []
    for _ in range(2):
        holder.say("beat")
        lines.append(holder.process.stderr.readline().strip())
    return [line for line in lines if line != "beat"]


def leave(agent, choice="go", line="{}", question=QUESTION):
    return agent.done("with", PROGRAM, "answer", question, choice, line).lines


def test_the_first_answer_stays_and_is_what_the_operation_hears(start, root):
    holder, bo, cy = asks(start, root), start(root), start(root)
    (shown,) = bo.done("state").of("lock-question")
    assert shown.split(" ", 3)[1:] == [QUESTION, "go,abort", TEXT]
    assert heard(holder) == []
    assert leave(bo, "yes") == ["unknown"]
    assert leave(bo, "go", '{"by": "bo"}') == []
    assert leave(cy, "abort", '{"by": "cy"}') == ['first {"by": "bo"}']
    assert f'answer {QUESTION} {{"by": "bo"}}' in heard(holder)
    # Another question, or none: what was left for the last one says nothing any more.
    holder.say(f"question '1f1f1f1f' 'go,abort' {word(TEXT)}")
    holder.done("ping")
    assert leave(bo) == ["closed"]
    holder.say("question '' '' ''")
    holder.done("ping")
    assert leave(bo, question="1f1f1f1f") == ["closed"] and not bo.done("state").of("lock-question")
    assert {name for name in os.listdir(root / ".turnout/lock") if name.startswith(("answer", "question"))} == set()


def test_who_watches_hears_how_long_a_question_still_waits(start, root):
    """Not how long it waited when it was asked: the countdown of a watcher would begin anew with each look."""
    holder, bo = start(root), start(root)
    holder.done(*BEGIN)
    question = hold(["web1"], "one", time.time() + 60)
    holder.say(f"question '{question.id}' 'go,abort,hold' {word(to_lock(question, time.time()))}")
    holder.done("ping")
    place = root / ".turnout/lock/question"
    asked, _, rest = place.read_text().partition(" ")
    place.write_text(f"up{int(asked.removeprefix('up')) - 40} {rest}")  # as if that was 40 s ago
    for verb in (("events", "0"), ("state",)):
        lock = lock_in(bo.done(*verb).lines)
        assert lock is not None and lock.question is not None
        assert 15 < lock.question.deadline - time.time() <= 20, verb
    assert parse_events(Answer(tuple(bo.done("events", "0").lines), 0), 0).asks is not None


def test_of_many_answers_at_once_one_is_left(start, root):
    holder = asks(start, root)
    agents = [start(root) for _ in range(6)]
    said = {}
    threads = [
        threading.Thread(target=lambda n=n, agent=agent: said.update({n: leave(agent, line=f'"{n}"')}))
        for n, agent in enumerate(agents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for number, lines in said.items() if not lines]
    assert all(lines == [f'first "{winner}"'] for number, lines in said.items() if number != winner)
    assert f'answer {QUESTION} "{winner}"' in heard(holder)


def test_no_answer_is_left_where_nothing_is_asked(start, root):
    bo = start(root)
    assert leave(bo) == ["closed"]
    holder = start(root)
    holder.done(*BEGIN)
    assert leave(bo) == ["closed"]
    for junk in ("../../x", "", "0A1B", "a b"):
        assert bo.ask("with", PROGRAM, "answer", junk, "go", "{}").status == 1
    holder.say(f"question '{QUESTION}' 'go,abort' {word(TEXT)}")
    holder.done("ping")
    os.kill(holder.process.pid, signal.SIGKILL)
    holder.process.wait()
    until(lambda: leave(bo) == ["closed"], "its operation is gone")


def test_what_is_in_place_of_the_files_does_no_harm(start, root):
    holder, bo = asks(start, root), start(root)
    lock = root / ".turnout/lock"
    (lock / "question").unlink()
    os.mkfifo(lock / "question")
    assert leave(bo) == ["closed"] and heard(holder) == [] and not bo.done("state").of("lock-question")
    (lock / "question").unlink()
    (lock / "question").write_text(f"up1 {QUESTION} go {'x' * 50000}")
    (lock / f"answer.{QUESTION}").symlink_to("/dev/zero")
    assert leave(bo) == ["first "]
    assert f"answer {QUESTION}" in heard(holder)
    holder.say(f"refuse '{QUESTION}'")
    assert "answer none" in [*heard(holder), *heard(holder)]
    assert leave(bo) == []
    assert len(bo.done("state").of("lock-question")[0]) < 10000
