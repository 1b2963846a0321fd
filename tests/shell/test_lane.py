"""lane.sh: pieces of large files on their way into deploy-cache, beside an upload that has made these files."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess

import pytest

from core.remote.launch import LANE_PARTS
from tests.servers import need
from tests.shell.agents import SHELLS, applets, text_of
from tests.shell.test_locking import TOKEN
from tests.shell.test_upload import sent

PROGRAM = text_of(*LANE_PARTS)
BLOCK = 64 << 10
CONTENT = os.urandom(3 * BLOCK + 5)
PATH = "a folder\n/image \\n"


def lane(root, orders: bytes, shell="dash", token=TOKEN, environ=None):
    """Run a lane: its head, then these orders."""
    head = f"{root}\n{token}\nnone\n".encode()
    command = [need(SHELLS[shell][0]), *SHELLS[shell][1:], "-c", PROGRAM]
    return subprocess.run(command, input=head + orders, capture_output=True, check=False, env=environ)


def piece(start: int, content: bytes, path: str) -> bytes:
    blocks = -(-len(content) // BLOCK)
    return f"piece {start} {len(content)} {blocks} {path}\n".encode() + content


def test_pieces_in_any_order_make_the_file(held, request, tmp_path):
    """Also with BusyBox's programs, whose head takes more of a pipe than it is asked for."""
    shell = request.node.callspec.params["start"]
    environ = applets(tmp_path / "programs") if shell == "busybox" else None
    (held / "deploy-cache/link").symlink_to("old")
    word = "a\\0040folder\\0012/image\\0040\\0134n"
    assert sent(held, "link", f"//{word}", "//old", files={"deploy-cache/new": "new"}).returncode == 0
    file = held / "deploy-cache/a folder\n" / PATH.rpartition("/")[2]
    assert file.read_bytes() == (held / "deploy-cache/old").read_bytes() == b""
    orders = piece(2, CONTENT[2 * BLOCK :], word) + piece(0, CONTENT[: 2 * BLOCK], word)
    done = lane(held, orders + f"seal 755 202001020304.05 {len(CONTENT)} {word}\n".encode(), shell, environ=environ)
    digests = [hashlib.sha256(part).hexdigest() for part in (CONTENT[2 * BLOCK :], CONTENT[: 2 * BLOCK])]
    assert done.stdout.decode().splitlines() == ["", "ready", *(f"piece {digest}" for digest in digests), "sealed"]
    assert (done.returncode, done.stderr) == (0, b"")
    assert file.read_bytes() == CONTENT
    assert (stat.S_IMODE(file.stat().st_mode), file.stat().st_mtime) == (0o755, 1577934245)


def test_a_release_that_shares_its_files_with_the_cache_keeps_them(held):
    os.link(held / "deploy-cache/old", held / "kept")
    assert sent(held, "//old", files={}).returncode == 0
    assert lane(held, piece(0, b"new", "old")).returncode == 0
    assert (held / "kept").read_text() == "old" and (held / "deploy-cache/old").read_text() == "new"


@pytest.mark.parametrize("path", ["../outside", "missing", "link", "linked/old"])
def test_nothing_is_written_but_into_files_that_were_made(held, path, tmp_path):
    for name in ("outside", "old"):
        (tmp_path / name).write_text("not ours")
    (held / "deploy-cache/link").symlink_to(tmp_path / "outside")
    (held / "deploy-cache/linked").symlink_to(tmp_path)
    done = lane(held, piece(0, b"new", path))
    assert done.returncode == 1
    assert b"not a path in a tree" in done.stderr or b"is not the file" in done.stderr
    if path in ("../outside", "linked/old"):
        assert sent(held, f"//{path}", files={}).returncode == 1
    assert [(tmp_path / name).read_text() for name in ("outside", "old")] == ["not ours"] * 2


def test_without_the_lock_no_piece_is_taken(held):
    done = lane(held, piece(0, b"new", "old"), token="b" * 32)
    assert (done.returncode, done.stdout) == (3, b"")
    assert (held / "deploy-cache/old").read_text() == "old"


def test_what_is_cut_off_is_not_said_to_be_there(held):
    whole = piece(0, CONTENT, "old")
    done = lane(held, whole[: len(whole) // 2])
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert digest.encode() not in done.stdout
    done = lane(held, f"seal 644 202001020304.05 {len(CONTENT)} old\n".encode())
    assert done.returncode == 1 and b" in place of " in done.stderr
