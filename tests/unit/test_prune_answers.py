"""What agent.sh says about a prune becomes what was removed, what was kept, and what a person has to look at."""

from core.protocol.answers import Answer, removed


def test_a_prune_names_what_it_removed_what_works_there_and_what_it_could_not():
    lines = (
        "removed one",
        "busy two",
        "mv: cannot move 'releases/three': Permission denied",
        "rm: cannot remove '.turnout/trash/one/owned\x1b[31m': Operation not permitted",
        "missing four",
    )
    answer = removed(Answer(lines, 0))
    assert (answer.tags, answer.busy) == (("one",), ("two",))
    assert answer.complaints == (lines[2], lines[3].replace("\x1b[31m", ""))
