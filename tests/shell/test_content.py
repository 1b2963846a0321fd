"""content.sh: one file of a release, never through a link."""

from __future__ import annotations

import os

import pytest

from tests.shell.agents import text_of

PROGRAM = text_of("content.sh")


@pytest.fixture
def release(root):
    folder = root / "releases/r1"
    (folder / "sub dir").mkdir(parents=True)
    return folder


def content(agent, path, most=1000, tag="r1"):
    return agent.ask("with", PROGRAM, "content", tag, path, str(most))


@pytest.mark.parametrize("path", ["a", "sub dir/b'\\c", "new\nline", "-n", "é\x1b"])
def test_a_file_is_given_byte_for_byte(agent, release, path):
    raw = bytes(range(256)) * 3
    (release / path).write_bytes(raw)
    reply = content(agent, path)
    assert (reply.status, bytes.fromhex("".join(reply.lines))) == (0, raw)
    reply = content(agent, path, most=10)
    assert bytes.fromhex("".join(reply.lines)) == raw[:10]


def test_an_empty_file_has_no_lines(agent, release):
    (release / "empty").touch()
    reply = content(agent, "empty")
    assert (reply.status, reply.lines) == (0, [])


def test_nothing_is_read_through_a_link(agent, release, root):
    (root / "shared").mkdir()
    (root / "shared/.env").write_text("SECRET=1\n")
    (release / ".env").symlink_to("../../shared/.env")
    (release / "linked").symlink_to("../../shared")
    for path in (".env", "linked/.env", "../../shared/.env", "sub dir/../a", "./.env", "linked", "", "sub dir", "no"):
        reply = content(agent, path)
        assert reply.status == 1 and "53" not in "".join(reply.lines), path


def test_only_a_release_of_a_right_name_is_looked_into(agent, release):
    (release / "a").write_text("x")
    for tag in ("..", "r1/..", "r2", ""):
        assert content(agent, "a", tag=tag).status == 1
    assert content(agent, "a", most="1; x").status == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_says_so(agent, release):
    (release / "closed").write_text("x")
    (release / "closed").chmod(0)
    assert "may not read" in content(agent, "closed").lines[0]
