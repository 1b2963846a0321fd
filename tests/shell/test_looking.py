"""The verbs that only look: what each says of a deploy root, and that none of them changes it."""

from __future__ import annotations

import hashlib
import os
import re

import pytest

from tests.engine.driving import snapshot
from tests.shell.test_locking import BEGIN, TOKEN

HELLO = hashlib.sha256(b"hello\n").hexdigest()


@pytest.fixture
def filled(root):
    """A root with the release r1, which is live, and r2, whose record cannot be read; nothing holds the lock."""
    for folder in (
        "releases/r1/sub",
        "releases/r2",
        ".turnout/records",
        ".turnout/manifests",
        "deploy-cache",
        "shared",
    ):
        (root / folder).mkdir(parents=True)
    (root / ".turnout/logs").mkdir()
    (root / "releases/r1/index.html").write_text("hello\n")
    (root / "releases/r1/sub/empty").touch()
    (root / "releases/r1/link").symlink_to("index.html")
    (root / "releases/r1/a name\n").write_text("hello\n")
    (root / "current").symlink_to("releases/r1")
    (root / "deploy-cache/index.html").write_text("hello\n")
    own = root / ".turnout"
    (own / "records/r1.toml").write_text('tag = "r1"\nseq = 1\n')
    (own / "records/r2.toml").touch()
    (own / "records/r1.pinned").write_text('{"by": "ana"}\n')
    (own / "records/r2.blocked").write_text('{"by": "bo"}\n')
    (own / "freeze").write_text('{"by": "cem"}\n')
    (own / "manifests/r1.manifest").write_text("the manifest\n")
    (own / "manifests/r2.unused").touch()
    (own / "manifests/r1.made").write_text("end modes\n")
    (own / "journal.jsonl").write_text('{"what": "end"}\n')
    (own / "transitions.jsonl").write_text('{"what": "begin"}\n')
    (own / "logs/0a1b.jsonl").write_text('{"event": "note"}\n')
    (own / "leftovers").write_text("releases/r2\n")
    (root / "shared/gone").symlink_to("nowhere")
    return root


def test_state_says_what_is_there(agent, filled):
    before = snapshot(filled)
    reply = agent.done("state", "uploads/", "gone")
    assert reply.of("root") == ["present"] and reply.of("writable") == ["yes"]
    assert (reply.of("current"), reply.of("live")) == (["link releases/r1"], ["r1"])
    places = {line.split()[2] for line in reply.of("place")}
    assert places == {".", "shared", "deploy-cache", "releases", ".turnout", "releases/r1", "releases/r2"}
    assert reply.of("record") == ['.turnout/records/r1.toml:tag = "r1"', ".turnout/records/r1.toml:seq = 1"]
    assert reply.of("unreadable") == [".turnout/records/r2.toml"]
    assert (reply.of("blocked"), reply.of("frozen")) == (['r2 {"by": "bo"}'], ['{"by": "cem"}'])
    assert (reply.of("pinned"), reply.of("unused")) == (['r1 {"by": "ana"}'], ["r2"])
    assert (reply.of("journal"), reply.of("transition")) == (['{"what": "end"}'], ['{"what": "begin"}'])
    assert (reply.of("shared-missing"), reply.of("shared-dangling")) == (["uploads"], ["gone"])
    assert reply.of("leftover") == ["releases/r2"]
    kilobytes, entries = reply.of("cache-unknown")[0].split()
    assert int(kilobytes) >= 0 and entries == "2"
    assert {"tar", "gzip", "sha256sum"} <= set(reply.of("feature"))
    assert reply.of("statfs") or reply.of("space")
    assert snapshot(filled) == before


def test_state_of_a_root_that_is_not_there(agent, root):
    reply = agent.done("state")
    assert (reply.of("root"), reply.of("current")) == (["absent"], [])
    assert "cache-empty" in reply.words
    assert not root.exists()


def test_state_says_what_current_is_where_it_is_not_a_release(agent, filled):
    current = filled / "current"
    for make, said in (
        (lambda: current.symlink_to("releases/gone"), ["current link releases/gone", "dangling"]),
        (lambda: current.symlink_to(".."), ["current link ..", "live-elsewhere"]),
        (lambda: current.write_text("x"), ["current file"]),
    ):
        current.unlink()
        make()
        lines = agent.done("state").lines
        assert [line for line in lines if line.startswith(("current", "live", "dangling"))] == said
    current.unlink()
    assert "current absent" in agent.done("state").lines
    current.mkdir()
    assert "current folder" in agent.done("state").lines


def test_of_very_many_releases_the_old_ones_are_reported_in_brief(agent, filled):
    records = filled / ".turnout/records"
    for number in range(2, 340):
        (records / f"x{number}.toml").write_text(f'tag = "x{number}"\nseq = {number}\nfailed = "it broke"\n')
    (filled / "releases/x3").mkdir()
    reply = agent.done("state")
    told = {line.partition(":")[0] for line in reply.of("record")}
    assert told == {f".turnout/records/{tag}.toml" for tag in ("r1", *(f"x{number}" for number in range(40, 340)))}
    assert reply.of("older") == ["x3 3 failed"]
    assert reply.of("unlisted") == ["37"]
    assert agent.done("records", "x2", "r1").of("record")[:2] == [
        '.turnout/records/x2.toml:tag = "x2"',
        ".turnout/records/x2.toml:seq = 2",
    ]


def test_glance_says_another_word_once_something_was_begun_or_ended(agent, filled):
    first = agent.done("glance").of("news")
    assert first == ["- 16"]
    agent.done(*BEGIN)
    second = agent.done("glance").of("news")
    agent.done("finish", TOKEN, "none", "{}", "-")
    third = agent.done("glance").of("news")
    assert first != second != third != first


def test_manifest_is_the_text_of_a_release_or_of_the_cache(agent, filled):
    assert agent.done("manifest", "r1").lines == ["the manifest"]
    assert agent.ask("manifest").status == 1
    (filled / ".turnout/cache.manifest").write_text("the cache\n")
    assert agent.done("manifest").lines == ["the cache"]


def test_tree_and_scan_list_what_is_really_there(agent, filled):
    before = snapshot(filled)
    lines = agent.done("tree", "r1").lines
    assert {
        "d .",
        "d ./sub",
        "l index.html ./link",
        f"f {HELLO}  ./index.html",
        "e ./sub/empty",
        f"F {HELLO} %2E%2F%61%20%6E%61%6D%65%0A",
        "made end modes",
    } <= set(lines)
    assert set(agent.done("scan").lines) == {"d .", f"f {HELLO}  ./index.html"}
    assert snapshot(filled) == before


def test_sizes_are_what_a_removal_frees(agent, filled):
    (filled / "releases/r2/large").write_bytes(os.urandom(1 << 20))
    reply = agent.done("sizes", "r2", ".", "not-there")
    sizes = {line.split()[0]: int(line.split()[1]) for line in reply.of("size")}
    assert sizes.keys() == {"r2", "."}
    assert 1024 <= sizes["r2"] < 1100 and sizes["."] < 100


BEGUN = '{"what": "begin", "operation": "0a", "tag": "r1", "servers": ["web1", "web2"], "record": {"subject": "a } b"}}'
END = '{"what": "end", "operation": "0a", "outcome": "done"}'


def test_history_gives_how_operations_began_switched_and_ended(agent, filled):
    switch = '{"what": "switch", "operation": "0a", "tag": "r1"}'
    (filled / ".turnout/journal.jsonl").write_text(f"{BEGUN}\n{switch}\n{END}\n")
    begun = '{"what": "begin", "operation": "0a", "tag": "r1", "servers": ["web1", "web2"]}'
    assert agent.done("history", "10", "no").of("journal") == [begun, switch, END]
    brief = '{"what": "begin", "operation": "0a", "tag": "r1"}'
    assert agent.done("history", "10", "yes").of("journal") == [brief, switch, END]
    assert agent.done("history", "1", "yes").of("journal") == [END]
    assert agent.ask("history", "1;", "no").status == 1


def test_history_of_a_long_journal_is_bounded_whatever_is_asked_for(agent, filled):
    line = '{"what": "end", "operation": "%06x", "why": "' + "x" * 400 + '"}\n'
    (filled / ".turnout/journal.jsonl").write_text("".join(line % number for number in range(30_000)))
    told = agent.done("history", "1000000", "yes").of("journal")
    assert sum(map(len, told)) <= 8_000_000 and len(told) < 20_000
    assert '"00752f"' in told[-1] and len(agent.done("history", "5", "yes").of("journal")) == 5


def test_history_says_where_there_is_none_to_read(agent, filled):
    journal = filled / ".turnout/journal.jsonl"
    journal.unlink()
    assert agent.done("history", "10", "no").lines == []
    journal.mkdir()
    assert agent.done("history", "10", "no").of("unreadable") == [".turnout/journal.jsonl"]


def test_switches_are_found_however_much_was_done_since(agent, filled):
    switch = '{"what": "switch", "operation": "%02x", "tag": "r1"}'
    restore = '{"what": "restore", "operation": "00", "tag": "r2"}'
    told = [switch % 0, restore, switch % 1]
    lines = [BEGUN, *told, *[END] * 30]
    (filled / ".turnout/journal.jsonl").write_text("\n".join(lines) + "\n")
    assert agent.done("switches", "3").lines == [f"journal {line}" for line in told]
    assert agent.done("switches", "2").lines == [f"journal {line}" for line in told[1:]]
    assert agent.ask("switches", "1;").status == 1
    (filled / ".turnout/journal.jsonl").write_text("\n".join(lines) + "\n" + f"{END}\n" * 200_000)
    assert agent.done("switches", "3").lines == ["more yes"], "there may be switches before the 8 MB that are read"


def test_switches_where_there_is_no_journal_to_read(agent, filled):
    journal = filled / ".turnout/journal.jsonl"
    journal.write_text(f"{END}\n")
    assert agent.done("switches", "10").lines == []
    journal.unlink()
    assert agent.done("switches", "10").lines == []
    journal.mkdir()
    assert agent.done("switches", "10").lines == ["unreadable .turnout/journal.jsonl"]


def test_events_of_an_operation_that_has_ended(agent, filled):
    reply = agent.done("events", "0", "0a1b")
    assert (reply.of("length"), reply.of("event")) == (["18"], ['{"event": "note"}'])
    assert agent.done("events", "0", "0c2d").of("length") == []
    assert agent.done("events", "0", "../journal").of("event") == []


@pytest.fixture
def profiling(monkeypatch):
    """Agents that are started after this say what each answer cost."""
    monkeypatch.setenv("profile", "yes")


def test_with_a_profile_each_answer_says_its_processor_time_and_only_then(profiling, start, root):
    agent = start(root)
    lines = agent.done("state").lines
    assert re.fullmatch(r"MARK spent \d+ \d+", lines[-1])
    assert int(lines[-1].split()[2]) < 1000, "ticks of this request, in all less than 10 s"
    assert not [line for line in lines[:-1] if "spent" in line]


def test_without_a_profile_it_does_not(agent):
    assert not [line for line in agent.done("state").lines if "spent" in line]
