"""store.sh: what the records there need, and packs that no one should unpack."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile

import pytest

from tests.shell.agents import text_of

TOKEN = "a" * 32
PROGRAM = text_of("store.sh")


def recorded(agent):
    return agent.ask("with", PROGRAM, "recorded")


def test_the_digests_of_all_records_are_said(agent, root):
    assert recorded(agent).lines == []
    own = root / ".turnout/records"
    own.mkdir(parents=True, exist_ok=True)
    (own / "r1.toml").write_text(f'tag = "r1"\ndigest = "{"a" * 64}"\nsubject = "{"b" * 65}"\n')
    (own / "r2.toml").write_text(f'tag = "r2"\ndigest = "{"c" * 64}"\n')
    (root / ".turnout/transitions.jsonl").write_text(f'{{"record": "digest = \\"{"d" * 64}\\""}}\n')
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, [letter * 64 for letter in "acd"])


def test_words_of_a_record_stand_for_nothing_and_what_cannot_be_read_is_told(agent, root):
    own = root / ".turnout/records"
    own.mkdir(parents=True, exist_ok=True)
    (own / "r1.toml").write_text(f'digest = "{"a" * 64}"\nsubject = "Count unread mails; not all is read all"\n')
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, ["a" * 64])
    (own / "r2.toml").mkdir()
    assert recorded(agent).status == 0, "a folder is no record"
    journal = root / ".turnout/transitions.jsonl"
    journal.symlink_to("/proc/self/mem")  # a file that nobody can read from its beginning
    reply = recorded(agent)
    assert reply.status != 0 and "cannot be read" in reply.lines[-1], reply.lines


def pack_of(members):
    """A pack with these members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, 3 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"bad"))
    return gzip.compress(raw.getvalue())


FILE, LINK, HARD, PIPE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE


@pytest.mark.parametrize(
    "members",
    [
        [("../outside", FILE, "")],
        [("deploy-cache/../../../outside", FILE, "")],
        [("deploy-cache/out", LINK, "../../../.."), ("deploy-cache/out/outside", FILE, "")],
        [(".turnout/lock/token", FILE, "")],
        [("current", LINK, "/etc")],
        [("deploy-cache/hard", HARD, "../../../deploy-cache/old")],
        [("deploy-cache/pipe", PIPE, "")],
        [],
    ],
    ids=["above", "through", "link", "lock", "current", "hard", "pipe", "empty"],
)
def test_a_pack_with_anything_else_than_a_tree_is_not_unpacked(agent, root, members):
    agent.done("begin", TOKEN, "operation 0a1b\nwho ana@ci", "600", "", "", "")
    (root / "deploy-cache/old").write_text("old")
    pack = pack_of(members)
    (root / ".turnout/incoming/pack").write_bytes(pack)
    digest, nowhere = hashlib.sha256(pack).hexdigest(), "http://127.0.0.1:1/"
    reply = agent.ask("with", PROGRAM, "fetch", TOKEN, digest, str(len(pack)), "0" * 64, "0" * 64, "whole", nowhere)
    assert reply.status == 1 and "the pack in the store h" in reply.lines[-1], reply.lines
    assert "other files" not in reply.lines[-1], "it is refused for what it holds"
    assert (root / "deploy-cache/old").read_text() == "old"
    assert not list(root.parent.rglob("outside")) and not (root / ".turnout/incoming/fetched").exists()
