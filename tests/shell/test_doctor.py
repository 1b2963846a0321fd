"""The verbs of doctor.sh, whose text travels with the request, and its rehearsal in a root of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.driving import snapshot
from tests.shell.agents import text_of
from tests.shell.test_locking import TOKEN, begun

DOCTOR = text_of("doctor.sh")


@pytest.fixture
def made(agent, root):
    """An agent for a root that operations have made, which nothing holds."""
    begun(agent)
    agent.done("finish", TOKEN, "none", "", "-")
    agent.done("ping")  # what was removed after the answer is gone
    return agent


def test_examine_tries_what_a_deploy_does_and_leaves_an_empty_root_to_rehearse_in(made, root):
    before = snapshot(root)
    reply = made.done("with", DOCTOR, "examine", "uploads/")
    assert {"root", "current", "user", "tar", "tried", "switch", "rehearsal"} <= reply.words
    assert reply.of("switch") == ["mv -T"] and "root" in reply.of("tried")
    assert [tried for tried in reply.of("tried") if tried.startswith("folder")] == []
    assert reply.of("shared-missing") == ["uploads"]
    (folder,) = reply.of("rehearsal")
    assert Path(folder).parent == root
    made.done("with", DOCTOR, "forget", folder)
    assert snapshot(root) == before


def test_what_stands_where_the_root_should_be_is_named(agent, root):
    root.parent.mkdir(parents=True)
    root.write_text("a file")
    assert agent.done("with", DOCTOR, "examine").of("in-the-way") == [str(root)]


def test_a_verb_works_in_the_rehearsal_and_nowhere_else(made, root):
    (folder,) = made.done("with", DOCTOR, "examine").of("rehearsal")
    made.done("with", DOCTOR, "in", folder, "begin", TOKEN, "operation 0a1b", "30", "", "", "")
    assert (Path(folder) / ".turnout/lock").is_dir() and not (root / ".turnout/lock").exists()
    for verb in ("in", "forget"):
        reply = made.ask("with", DOCTOR, verb, str(root), "ping")
        assert (reply.status, reply.lines) == (1, [f"not a rehearsal: {root}"])
    made.done("with", DOCTOR, "in", folder, "finish", TOKEN, "none", "", "-")
    made.done("with", DOCTOR, "forget", folder)
    assert not Path(folder).exists()
