"""The program that takes an upload: what it reads first, and what it makes of deploy-cache."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from typing import NamedTuple

import pytest

from core.remote.launch import UPLOAD_PARTS
from tests.servers import need
from tests.shell.agents import SHELLS, text_of
from tests.shell.test_locking import TOKEN, begun
from tests.waiting import until

PROGRAM = text_of(*UPLOAD_PARTS)


class Sent(NamedTuple):
    """How an upload ended, what it said, and which process it was."""

    returncode: int
    stdout: bytes
    stderr: bytes
    process: str


def sent(root, *lines: str, files: dict[str, str], shell: str = "dash", token: str = TOKEN):
    """Run an upload: these lines, then a tar stream."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    head = "".join(f"{line}\n" for line in (root, token, "none", *lines, ""))
    command = [need(SHELLS[shell][0]), *SHELLS[shell][1:], "-c", PROGRAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        out, said = process.communicate(head.encode() + stream.getvalue())
        return Sent(process.returncode, out, said, str(process.pid))


def test_what_is_sent_arrives_and_what_is_named_goes(held):
    processes = []
    for shell in SHELLS:
        (held / "deploy-cache/old").write_text("old")
        done = sent(held, "old", files={"deploy-cache/new": shell, ".turnout/incoming/manifest": "m\n"}, shell=shell)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        processes.append(done.process)
        assert sorted(os.listdir(held / "deploy-cache")) == ["new", "older"]
        assert (held / "deploy-cache/new").read_text() == shell
    assert not (held / ".turnout/cache.manifest").exists()
    assert (held / ".turnout/lock/phase").read_text() == "upload\n"
    named = {line.split()[0] for line in (held / ".turnout/lock/upload").read_text().splitlines()}
    assert named >= set(processes), "whoever takes the lock over ends them"


def test_an_exclamation_mark_empties_the_cache(held):
    assert sent(held, "!", files={"deploy-cache/new": "new"}).returncode == 0
    assert os.listdir(held / "deploy-cache") == ["new"]


def test_without_the_lock_nothing_arrives(held):
    done = sent(held, "old", files={"deploy-cache/new": "new"}, token="b" * 32)
    assert (done.returncode, done.stderr) == (3, b"this operation no longer holds the lock\n")
    assert sorted(os.listdir(held / "deploy-cache")) == ["old", "older"]
    assert (held / ".turnout/cache.manifest").exists()


def test_a_stream_that_ends_early_is_an_error_that_says_what_is_free(held):
    head = f"{held}\n{TOKEN}\nnone\n\n".encode()
    done = subprocess.run([need("dash"), "-c", PROGRAM], input=head + b"x" * 600, capture_output=True, check=False)
    assert done.returncode != 0
    assert b" kB are free in " in done.stderr and b" inodes are free in " in done.stderr


@pytest.mark.parametrize("request_of", ["scan", "clear"])
def test_an_upload_that_was_given_up_ends_before_the_cache_is_looked_at_or_emptied(agent, root, request_of):
    begun(agent)
    head = f"{root}\n{TOKEN}\nnone\n\n".encode()
    pipe = subprocess.PIPE
    with subprocess.Popen([need("dash"), "-c", PROGRAM], stdin=pipe, start_new_session=True) as process:
        process.stdin.write(head)
        process.stdin.flush()
        lines = root / ".turnout/lock/upload"
        until(lambda: lines.exists() and len(lines.read_text().splitlines()) == 2, "tar to begin")
        assert process.poll() is None
        agent.done(request_of, TOKEN)
        assert process.wait() != 0
    assert agent.ask(request_of, "b" * 32).status == 3, "only who holds the lock ends it"
