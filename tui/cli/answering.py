"""`turnout answer`: the answer to a question of an operation, whoever runs it."""

from __future__ import annotations

from core.errors import EXIT_DONE
from core.operations.answering import answer
from tui.cli.command import Answer, Command


def carry_out(command: Command) -> Answer:
    """0 when the operation has taken the answer; an error says what happened instead."""
    words = command.options.words
    command.open()
    fleet = command.fleet
    fleet.allow_changes()
    taken = command.with_host_keys(
        lambda: command.follower.run(
            "answer",
            lambda emit, controls: answer(
                fleet, words.choice, reason=command.options.reason, question=words.question, cancel=controls.cancel
            ),
            patient=False,
        )
    )
    return {
        "exit_code": EXIT_DONE,
        "outcome": "done",
        "summary": f"{taken.choice}: the operation has taken your answer",
    }
