"""store.sh: what the records there need, and packs that no one should unpack."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from core.manifest import FOLDER_ENTRY, Entry, Manifest, difference
from core.source.tree import Tree
from core.store.packs import Packing, contents_of
from tests.shell.agents import text_of

TOKEN = "a" * 32
PROGRAM = text_of("store.sh")


def recorded(agent):
    return agent.ask("with", PROGRAM, "recorded")


def record(tag, digest, subject=""):
    return f'tag = "{tag}"\nseq = 1\ndigest = "{digest}"\nsubject = "{subject}"\n'


def test_the_digests_of_all_records_are_said(agent, root):
    assert recorded(agent).lines == []
    own = root / ".turnout/records"
    own.mkdir(parents=True, exist_ok=True)
    (own / "r1.toml").write_text(record("r1", "a" * 64, "b" * 65))
    (own / "r2.toml").write_text(record("r2", "c" * 64))
    (root / ".turnout/transitions.jsonl").write_text(f'{{"record": "digest = \\"{"d" * 64}\\""}}\n')
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, [letter * 64 for letter in "acd"])


def test_words_of_a_record_stand_for_nothing_and_what_cannot_be_read_is_told(agent, root):
    own = root / ".turnout/records"
    own.mkdir(parents=True, exist_ok=True)
    (own / "r1.toml").write_text(record("r1", "a" * 64, "Count unread mails; not all is read all"))
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, ["a" * 64])
    (own / "r2.toml").mkdir()
    assert recorded(agent).status == 0, "a folder is no record"
    journal = root / ".turnout/transitions.jsonl"
    journal.symlink_to("/proc/self/mem")  # a file that nobody can read from its beginning
    reply = recorded(agent)
    assert reply.status != 0 and "cannot be read" in reply.lines[-1], reply.lines


def test_the_servers_of_operations_are_said_and_no_word_of_a_record_counts_as_one(agent, root):
    own = root / ".turnout"
    (own / "records").mkdir(parents=True)
    subject = 'see {"what": "begin", "servers": ["web8"]}'
    begins = [
        {"what": "begin", "tag": "r1", "servers": ["web1", "web-2.eu"], "record": {"tag": "r1", "subject": subject}},
        {"what": "begin", "tag": "r2", "servers": ["web1"], "order": [["web1"]]},
        {"what": "end", "outcome": "done", "servers": ["web9"]},
    ]
    (own / "journal.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in begins))
    (own / "transitions.jsonl").write_text('{"what": "begin", "servers": ["web3"]}\n{"what": "begin"}\nno line\n')
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, ["served web-2.eu", "served web1", "served web3"])


def test_records_that_lie_elsewhere_are_read(agent, root, tmp_path):
    own = root / ".turnout"
    own.mkdir(parents=True)
    (tmp_path / "big disk").mkdir()
    (tmp_path / "big disk/r1.toml").write_text(record("r1", "a" * 64))
    (own / "records").symlink_to(tmp_path / "big disk")
    (tmp_path / "r2.toml").write_text(record("r2", "c" * 64))
    (own / "records/r2.toml").symlink_to(tmp_path / "r2.toml")
    reply = recorded(agent)
    assert (reply.status, reply.lines) == (0, ["a" * 64, "c" * 64])


def empty_record(root):
    (root / ".turnout/records/r2.toml").write_text("")


def zeroed_record(root):
    """What a file system makes of one that was written when the power failed."""
    (root / ".turnout/records/r2.toml").write_bytes(bytes(400))


def dangling_record(root):
    (root / ".turnout/records/r2.toml").symlink_to(root / "nowhere")


def pipe_for_a_record(root):
    os.mkfifo(root / ".turnout/records/r2.toml")


def dangling_records(root):
    shutil.rmtree(root / ".turnout/records")
    (root / ".turnout/records").symlink_to(root / "nowhere")


def dangling_own_folder(root):
    shutil.rmtree(root / ".turnout")
    (root / ".turnout").symlink_to(root / "nowhere")


def dangling_root(root):
    shutil.rmtree(root)
    root.symlink_to("/nowhere/at/all")


def dangling_above(root):
    shutil.rmtree(root.parent)
    root.parent.symlink_to("/nowhere/at/all")


@pytest.mark.parametrize(
    "damage",
    [
        empty_record,
        zeroed_record,
        dangling_record,
        pipe_for_a_record,
        dangling_records,
        dangling_own_folder,
        dangling_root,
        dangling_above,
    ],
)
def test_where_a_record_may_be_out_of_sight_none_is_said(agent, root, damage):
    """A prune of the store would remove what it needs."""
    records = root / ".turnout/records"
    records.mkdir(parents=True)
    (records / "r1.toml").write_text(record("r1", "a" * 64))
    damage(root)
    reply = recorded(agent)
    assert reply.status != 0 and ("is unknown" in reply.lines[-1] or "cannot be read" in reply.lines[-1]), reply.lines
    assert "a" * 64 not in reply.lines


def pack_of(members, content=b"bad"):
    """A pack with these members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
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
    said = refused(agent, root, pack_of(members))
    assert "the pack in the store h" in said and "other files" not in said, "it is refused for what it holds"
    assert not list(root.parent.rglob("outside"))


def refused(agent, root, pack):
    """What is said of a pack that is not taken; a tree of one file of 3 bytes is expected."""
    agent.done("begin", TOKEN, "operation 0a1b\nwho ana@ci", "600", "", "", "")
    (root / "deploy-cache/old").write_text("old")
    (root / ".turnout/incoming/pack").write_bytes(pack)
    facts = (hashlib.sha256(pack).hexdigest(), str(len(pack)), "20000", "3", "0" * 64, "0" * 64, "whole")
    reply = agent.ask("with", PROGRAM, "fetch", TOKEN, *facts, "http://127.0.0.1:1/")
    assert reply.status == 1, reply.lines
    assert (root / "deploy-cache/old").read_text() == "old"
    assert not (root / ".turnout/incoming/fetched").exists()
    return next((line for line in reply.lines if "the pack in the store h" in line), reply.lines[0])


def test_a_pack_that_unpacks_to_more_than_its_tree_takes_no_room(agent, root):
    """A pack of a few kB may hold gigabytes of zeros."""
    said = refused(agent, root, pack_of([("deploy-cache/zeros", FILE, "")], bytes(50 << 20)))
    assert said == "the pack in the store holds more than its tree"


def test_a_file_with_holes_may_not_be_larger_than_the_tree_has_one(agent, root, tmp_path):
    (tmp_path / "deploy-cache").mkdir()
    with (tmp_path / "deploy-cache/holes").open("wb") as file:
        file.truncate(1 << 30)
    done = subprocess.run(["tar", "-cSf", "-", "deploy-cache"], cwd=tmp_path, capture_output=True, check=True)
    said = refused(agent, root, gzip.compress(done.stdout))
    assert said == "the pack in the store holds what no pack holds" or "unknown typeflag" in said


def test_in_a_shared_root_folders_that_are_there_stay_as_they_are(agent, root, tmp_path):
    """They may be another user's, who alone can change their modes."""
    agent.done("begin", TOKEN, "operation 0a1b\nwho ana@ci", "600", "", "", "")
    if "comm" not in agent.done("state").of("feature"):
        pytest.skip("without comm a server fetches whole trees only")
    tree, cache = tmp_path / "tree", root / "deploy-cache"
    texts = {"docs/a": "1", "docs/in here/b": "2", "docs/in here/.c": "3", "new/deep/d": "4", "e": "5"}
    folders = {"docs", "docs/in here", "new", "new/deep"}
    for path, text in texts.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    files = {path.encode(): Entry("f", 1, hashlib.sha256(text.encode()).hexdigest()) for path, text in texts.items()}
    whole = Manifest({path.encode(): FOLDER_ENTRY for path in folders} | files)
    old = Manifest(
        {b"docs": FOLDER_ENTRY, b"docs/in here": FOLDER_ENTRY, b"docs/a": files[b"docs/a"], b"gone": files[b"e"]}
    )
    (cache / "docs/in here").mkdir(parents=True)
    for path, text in (("docs/a", "1"), ("gone", "5")):
        (cache / path).write_text(text)
    for folder in (cache / "docs", cache / "docs/in here"):
        folder.chmod(0o2775)
    (root / ".turnout/cache.manifest").write_text(old.text)
    change = difference(old, whole)
    made = Tree(folder=tree, manifest=whole, revision="x", source="directory", committed=0.0, stable=True)
    pack = b"".join(Packing(made, change).pieces())
    (root / ".turnout/incoming/pack").write_bytes(pack)
    bounds = ("100000", "10000")
    listing = contents_of(whole, change).listing
    facts = [hashlib.sha256(pack).hexdigest(), str(len(pack)), *bounds, listing, whole.digest]
    program = f"group=root\n{PROGRAM}"
    agent.done(
        "with", program, "fetch", TOKEN, *facts, "changes", "http://127.0.0.1:1/", *map(bytes.decode, change.remove)
    )
    found = {str(path.relative_to(cache)): path.read_text() for path in cache.rglob("*") if path.is_file()}
    assert found == texts
    assert [(cache / name).stat().st_mode & 0o7777 for name in ("docs", "docs/in here")] == [0o2775, 0o2775]
