"""The agent refuses an odd tag or path in every verb, whoever asks: it may have come from another server's files."""

from __future__ import annotations

import os
import subprocess

import pytest

from core.remote.launch import AGENT_PARTS, UPLOAD_PARTS, prepared_program, script, strip
from core.text import quote, shell_word
from tests.engine.driving import snapshot
from tests.servers import need
from tests.shell.agents import verbs

SHELLS = {"dash": ("dash",), "bash": ("bash",), "busybox": ("busybox", "sh")}
TAGS = [
    "../../outside",
    "../releases/r1",
    "..",
    ".",
    "",
    ".hidden",
    "a/b",
    "/etc",
    "-rf",
    "a b",
    "a\nb",
    "a..b",
    "x" * 101,
    "*",
]
TARGETS = ["releases/../../outside", "../outside", "./releases/../x", "releases/r1\nx"]


def with_tag(tag: str) -> list[tuple[str, ...]]:
    """Every verb that takes a tag."""
    return [
        ("stage", "token", tag, "auto", "0" * 64, "0" * 64, "yes", "record"),
        ("complete", "token", tag),
        ("finalized", "token", tag),
        ("switch", "token", tag, "releases/r1", "{}"),
        ("withdraw", "token", tag),
        ("withdraw", "token", tag, "record"),
        ("record", "token", tag, "record"),
        ("unrecord", "token", tag),
        ("unrecord", "token", "r1", tag),
        ("revision", "token", tag, "75b69f"),
        ("pin", "token", tag, "{}"),
        ("unpin", "token", tag),
        ("block", "token", tag, "{}"),
        ("unblock", "token", tag),
        ("remove", "token", "yes", tag),
        ("finish", "token", "own", "{}", "-", tag),
        ("records", tag),
        ("tree", tag),
        ("manifest", tag),
        ("sizes", tag),
    ]


@pytest.fixture
def root(tmp_path):
    """A deploy root with one live release, its lock held with `token`; beside it a folder that is not ours."""
    root = tmp_path / "srv/root"
    for folder in (
        "releases/r1",
        ".turnout/records",
        ".turnout/manifests",
        ".turnout/incoming",
        ".turnout/lock",
        "shared",
    ):
        (root / folder).mkdir(parents=True)
    (root / "releases/r1/index.html").write_text("1\n")
    (root / "current").symlink_to("releases/r1")
    (root / ".turnout/lock/token").write_text("token\n")
    (root / ".turnout/manifests/r1.manifest").write_text("")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/precious.toml").write_text("precious\n")
    (tmp_path / "outside/index.html").write_text("precious\n")
    return root


def program_of(root) -> str:
    """The agent for a root, with the mark MARK."""
    return f"root={quote(str(root))}\nmark=MARK\nfirst=\n" + strip("".join(script(name) for name in AGENT_PARTS))


def ask(root, shell: tuple[str, ...], *requests: tuple[str, ...]) -> list[tuple[list[str], int]]:
    """What an agent in a shell answers to requests: the lines of each, and its status."""
    # The end of the input ends the last request: that is the `ping`.
    requests = (*requests, ("ping",))
    lines = [f"{number} {verb} {' '.join(map(shell_word, words))}\n" for number, (verb, *words) in enumerate(requests)]
    command = [need(shell[0]), *shell[1:], "-c", program_of(root)]
    ran = subprocess.run(command, input="".join(lines), capture_output=True, text=True, check=True)
    answers = []
    said: list[str] = []
    for line in ran.stdout.splitlines():
        words = line.split()
        if words[:1] == ["MARK"] and words[1].isdigit():
            answers.append((said, int(words[2])))
            said = []
        elif line and "ready" not in words:
            said.append(line)
    return answers[: len(requests) - 1]


@pytest.mark.parametrize("shell", SHELLS)
def test_no_verb_takes_an_odd_tag(root, shell):
    before = snapshot(root.parent.parent)
    # `sizes .` is the deploy-cache's.
    requests = [request for tag in TAGS for request in with_tag(tag) if request != ("sizes", ".")]
    # `content` is no part of the agent, and is tried in tests/shell.
    asked = {verb for verb, text in verbs().items() if "named " in text and verb != "content"}
    assert asked == {verb for verb, *_ in requests}
    answers = ask(root, SHELLS[shell], *requests)
    assert len(answers) == len(requests)
    for request, (said, status) in zip(requests, answers, strict=True):
        assert (status, said[0].partition(":")[0]) == (1, "not a release's name"), (request, said)
    assert snapshot(root.parent.parent) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_a_good_tag_is_taken(root, shell):
    tags = ["r1", "20261121T193000Z-3f2c1ab", "v1.2.3_rc-1", "x" * 100]
    answers = ask(root, SHELLS[shell], *(("sizes", tag) for tag in tags), ("manifest", "r1"), ("manifest",))
    assert [status for _, status in answers] == [0, 0, 0, 0, 0, 1]
    assert answers[0][0][0].startswith("size r1 ")


@pytest.mark.parametrize("target", TARGETS)
def test_an_undo_points_current_at_nothing_odd(root, target):
    ((said, status),) = ask(root, SHELLS["dash"], ("restore", "token", target, "{}"))
    assert (status, said[0].partition(":")[0]) == (1, "not a target that current can have")
    assert os.readlink(root / "current") == "releases/r1"


@pytest.mark.parametrize("offset", ["", "x", "-1", "a[$(touch outside)0]", "1+1"])
def test_a_place_in_a_file_is_a_number(root, offset):
    ((said, status),) = ask(root, SHELLS["bash"], ("events", offset))
    assert (status, said[0].partition(":")[0]) == (1, "not a position in a file")


@pytest.mark.parametrize(
    "path", ["../../outside/index.html", "a/../../../../outside/index.html", "/etc/passwd", "./a", "a//b"]
)
def test_an_upload_removes_nothing_outside_the_cache(root, path):
    (root / "deploy-cache").mkdir()
    before = snapshot(root.parent.parent / "outside")
    lines = [str(root), "token", "none", shell_word(path).strip("'"), "", ""]
    ran = subprocess.run(
        [need("dash"), "-c", prepared_program(UPLOAD_PARTS)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1 and ran.stderr.startswith("not a path in a tree: ")
    assert snapshot(root.parent.parent / "outside") == before


def test_what_a_settled_operation_is_called_settles_no_other(root):
    """The ids of an undo are whole ids: a part of one, or an empty one, closes nothing."""
    line = '{{"what": "begin", "operation": "{}", "kind": "deploy", "tag": "r1"}}\n'
    lines = "".join(line.format(name) for name in ("aa11", "bb22", "cc33"))
    transitions = root / ".turnout/transitions.jsonl"
    for settled, left in [
        ("own,a,b,,.,1", ["aa11", "bb22"]),
        ("own,bb22", ["aa11"]),
        ('own,"operation"', ["aa11", "bb22"]),
    ]:
        transitions.write_text(lines)
        (root / ".turnout/lock").mkdir(exist_ok=True)
        (root / ".turnout/lock/token").write_text("token\n")
        (root / ".turnout/lock/owner").write_text("operation cc33\n")
        ((said, status),) = ask(root, SHELLS["dash"], ("finish", "token", settled, "{}", "-"))
        assert status == 0, said
        assert [text.split('"')[7] for text in transitions.read_text().splitlines()] == left
