"""Every command takes a release as the screens show it, and refuses a word that means none or several with exit 2."""

from __future__ import annotations

from tests.engine.commands import turnout, turnout_json
from tests.engine.driving import live


def test_each_command_takes_short_names_and_refuses_the_same_way(sshd, project_factory, engine):
    project = project_factory([sshd])
    operator = engine(project)
    tags = []
    for text in ("one\n", "two\n", "three\n"):
        project.commit({"index.html": text})
        tags.append(operator.deploy().tag)
    old, before, now = tags
    short = old.partition("-")[2]
    for words in (
        ["verify", "production", short],
        ["pin", "production", short, "--yes"],
        ["unpin", "production", short[:5], "--yes"],
        ["block", "production", short, "-m", "loses orders", "--yes"],
        ["unblock", "production", short, "--yes"],
        ["rollback", "production", short, "--yes"],
    ):
        code, rows = turnout_json(project, *words)
        assert (code, rows[-1]["tag"]) == (0, old), rows[-1]
    assert turnout_json(project, "diff", "production", short, now)[1][0]["old"] == old
    refused = turnout(project, "prune", "production", "live", before.partition("-")[2], "--dry-run").stdout
    assert f"{old} is live" in refused and f"{before} is" not in refused
    assert live(sshd) == old
    offered = turnout(project, "__complete", "rollback", "production", "").stdout.split()
    assert offered == sorted(tags, reverse=True)
    doubled = f"20200101T000000Z-{short}"
    (sshd.files / "releases" / doubled).mkdir()
    for command in (["verify"], ["diff"], ["pin", "--yes"], ["block", "--yes", "-m", "x"], ["prune", "--yes"],
                    ["rollback", "--yes"]):  # fmt: skip
        for word, said in ((short, f'"{short}" may be 2 releases'), ("typo", 'there is no release "typo"')):
            ended = turnout(project, command[0], "production", word, *command[1:])
            assert ended.returncode == 2 and said in ended.stderr, ended.stderr
            assert word == "typo" or (doubled in ended.stderr and old in ended.stderr)
