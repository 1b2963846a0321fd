"""Every command with --json writes what docs/json.md promises, on real servers."""

from __future__ import annotations

from tests.engine.commands import turnout_json


def events(lines: list[dict[str, object]]) -> set[object]:
    return {line["event"] for line in lines}


def test_every_command_keeps_the_shapes_of_the_page(project_factory, servers):
    project = project_factory(servers(2), {"index.html": "zero\n"})
    for tag in ("one", "two", "three"):
        code, lines = turnout_json(project, "deploy", "production", "--tag", tag, "--yes")
        assert code == 0 and {"operation-started", "plan-made", "switched", "operation-finished"} <= events(lines)
    for words, kinds in (
        (["releases"], {"release", "result"}),
        (["doctor"], {"finding", "result"}),
        (["verify"], {"drift", "result"}),
        (["watch"], {"result"}),
        (["unlock"], {"result"}),
        (["trust"], {"host-key", "result"}),
        (["recover"], {"result"}),
        (["history"], {"history", "result"}),
        (["log", "last"], {"operation-started", "switched", "operation-finished", "result"}),
        (["rollback", "--dry-run"], {"plan-made", "result"}),
    ):
        code, lines = turnout_json(project, words[0], "production", *words[1:])
        assert code == 0 and events(lines) >= kinds, (words, lines)
    for words in (
        ["rollback"],
        ["pin", "one"],
        ["unpin", "one"],
        ["block", "one", "-m", "loses orders"],
        ["freeze", "-m", "audit"],
        ["thaw"],
        ["prune", "one"],
    ):
        code, lines = turnout_json(project, words[0], "production", *words[1:], "--yes")
        assert code == 0 and "operation-finished" in events(lines), (words, lines)
