"""docs/agent.md says what both sides do: its verbs, words, statuses and lines are those of the shell and of Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from core.protocol import listing, state
from core.protocol.answers import Status
from core.protocol.facts import PATHS, WORDS
from core.protocol.holding import LOCK, TOOK
from core.protocol.requests import Settles
from core.remote.launch import AGENT_PARTS, script
from tests.shell.agents import text_of
from tests.shell.test_locking import BEGIN, TOKEN
from tests.shell.test_looking import filled  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/agent.md").read_text()
PROGRAMS = (*AGENT_PARTS, "doctor.sh", "content.sh", "answer.sh", "patch.sh", "slots.sh", "store.sh")
CODE = "\n".join(line for line in text_of(*PROGRAMS).splitlines() if not line.lstrip().startswith("#"))
SENDERS = {"ask", "_ask", "answer", "travelling"}


def table(title: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading."""
    part = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in part.splitlines() if line[:1] == "|"]
    return rows[2:]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


VERBS = {quoted(verb)[0]: (quoted(words), lines) for verb, words, _, lines in table("Verbs")}
LINES = {
    title: {word for row in table(f"Lines of {title}") for word in quoted(row[0])}
    for title in ("a state", "a listing", "doctor")
}
LOOKING = [
    *(("state", "uploads/", "gone"), ("glance",), ("records", "r1", "r2")),
    *(("sizes", "r1", "."), ("tree", "r1"), ("scan",)),
]
CHANGING = [
    *(BEGIN, ("events", "0"), ("confirm", TOKEN, "=x")),
    *(("remove", TOKEN, "no", "r1", "r2", "r9"), ("clear", TOKEN)),
]
ENDING = [BEGIN, ("finish", TOKEN, "all", "{}", "-", "r1", "r2")]
DOCTOR = [("with", text_of("doctor.sh"), "examine", "uploads/")]


def test_the_page_has_each_verb_with_its_words():
    in_shell = {}
    for name in PROGRAMS:
        text = script(name)
        for verb in re.findall(r"^verb_(\w+)\(\)", text, re.MULTILINE):
            above = text.partition(f"\nverb_{verb}() ")[0].rpartition("\n\n")[2]
            said = re.search(rf"^# {verb}((?: \[?[A-Z][A-Z-]*\]?(?:\.\.\.)?)*)", above, re.MULTILINE)
            assert said, f"the header of verb_{verb} says its words"
            in_shell[verb] = said[1].strip()
    assert in_shell == {verb: words[0] if words else "" for verb, (words, _) in VERBS.items()}


def test_python_sends_each_verb_and_no_other():
    sent = set()
    for name in ("session", "held", "rehearsal", "launch"):
        for node in ast.walk(ast.parse((ROOT / f"core/remote/{name}.py").read_text())):
            first = None
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                first = node.args[0] if called in SENDERS and node.args else None
            elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
                first = node.elts[0]  # a request of a batch
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and re.fullmatch("[a-z]+", first.value):
                sent.add(first.value)
    assert sent == set(VERBS)


def test_the_page_has_each_status():
    assert {row[1]: int(row[0]) for row in table("Statuses")} == {status.name: status.value for status in Status}
    ended = {int(number) for number in re.findall(r"\bexit (\d+)\b", CODE)}
    assert ended == {status.value for status in Status}


def test_the_page_has_each_line_that_python_reads_and_the_shell_says():
    prefixes = {f"{LOCK}…", f"{TOOK}…"}
    assert LINES["a state"] - prefixes == state.words()
    assert prefixes <= LINES["a state"]
    assert LINES["a listing"] == listing.KINDS | {"made"}
    assert LINES["doctor"] == {*WORDS, *PATHS, "lacks", "tried"}
    read = (ROOT / "core/protocol/answers.py").read_text() + (ROOT / "core/remote/held.py").read_text()
    of_verbs = {word for _, lines in VERBS.values() for word in quoted(lines)} - LINES["a state"] - prefixes
    assert {word for word in of_verbs if f'"{word}"' not in read and f'"{word} ' not in read} == {"missing"}
    for word in (LINES["a state"] | LINES["doctor"] | of_verbs) - prefixes:
        # `transition` is what `told` makes of the name of its file.
        assert re.search(rf"""["'/ ]{word}s?(?![\w-])""", CODE), f"the shell never says {word}"


def test_the_words_of_an_end_are_the_shells():
    close = CODE.partition("\nclose() {")[2].partition("\n}\n")[0]
    for settles in Settles:
        assert settles in close or settles == Settles.OWN, settles
    assert set(re.findall(r"`(\w+)`", PAGE.partition("\nSETTLES is ")[2].partition(" LEFT is")[0])) == set(Settles)


@pytest.mark.parametrize(
    "requests", [LOOKING, CHANGING, ENDING, DOCTOR], ids=["looking", "changing", "ending", "doctor"]
)
def test_an_agent_says_no_line_that_the_page_does_not_have(agent, filled, requests):  # noqa: F811
    for verb, *words in requests:
        reply = agent.ask(verb, *words)
        said = VERBS[words[1] if verb == "with" else verb][1]
        known = set(quoted(said)) | {word for title in LINES if f"those of {title}" in said for word in LINES[title]}
        prefixes = tuple(word.removesuffix("…") for word in known if word.endswith("…"))
        assert reply.status in (Status.DONE, Status.ASTRAY) and (reply.words or verb == "clear"), (verb, reply)
        assert {word for word in reply.words - known if not word.startswith(prefixes)} == set(), verb
