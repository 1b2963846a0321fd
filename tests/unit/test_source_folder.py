"""A folder as a manifest: what cannot be sent is refused by name, what has not changed is not read again."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from core.errors import Cancelled, SourceError
from core.jobs import Cancel
from core.manifest import EXECUTABLE, Manifest
from core.source import folder as hashing
from core.source import hashes as kept_hashes
from core.source.folder import scan
from core.source.hashes import Hashes, stamp_of
from tests.projects import Files, write_files

LONG_AGO = 1_000_000_000
HASHES = b"hashes-3" + sys.byteorder[:1].encode()


def sealed(body: bytes, length: int | None = None) -> bytes:
    """A file of hashes whose head is right, or says another length."""
    return HASHES + b" %08x %019d\n" % (zlib.crc32(body), len(body) if length is None else length) + body


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def folder_of(tmp_path: Path, files: Files) -> Path:
    folder = tmp_path / "folder"
    write_files(folder, files)
    return folder


def scan_again(folder: Path) -> Manifest:
    """The manifest of a folder; hashes are kept from one call to the next."""
    return scan(folder, Cancel(), hashes=Hashes.load(folder.with_name("hashes")))


def age(folder: Path) -> None:
    """Let time pass for the files: as if they had been written long ago. Their ctime cannot be set."""
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as written long ago, though its ctime says that it was now."""
    monkeypatch.setattr(hashing, "SETTLED", -(10**12))


def test_everything_that_cannot_be_sent_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, {"a": "1", "d/": ""})
    os.mkfifo(folder / "d/pipe\n")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # a socket's whole path may be too long for its address
        listening.bind("socket")
    with pytest.raises(SourceError, match="2 things that cannot be deployed") as refused:
        scan(folder, Cancel())
    assert refused.value.detail.splitlines() == ["d/pipe\\n is a FIFO", "socket is a socket"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_everything_that_cannot_be_read_is_named_at_once_to_others_than_root(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a": "1", "secret": "1", "closed/x": "1"})
    (folder / "secret").chmod(0)
    (folder / "closed").chmod(0)
    script = (
        "import os, sys, pathlib; sys.path.insert(0, os.getcwd());"
        "from core.source.folder import scan; from core.jobs import Cancel; from core.errors import SourceError\n"
        "top = os.open(sys.argv[1], os.O_RDONLY); os.setuid(65534); os.fchdir(top)\n"
        "try: scan(pathlib.Path('.'), Cancel())\nexcept SourceError as error: print(error.title); print(error.detail)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        ".: 2 things cannot be read",
        "closed/: Permission denied",
        "secret: Permission denied",
    ]


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(tmp_path, {f"f{number}": str(number) for number in range(30)})
    age(folder)
    before = scan_again(folder)
    read: list[bytes] = []
    hash_file = hashing._hash
    monkeypatch.setattr(
        hashing, "_hash", lambda top, file, sums: (read.append(file.path), hash_file(top, file, sums))[1]
    )
    assert scan_again(folder) == before
    assert read == []
    write_files(folder, {"f3": "changed"})
    (folder / "f4").chmod(0o755)
    changed = scan_again(folder)
    assert changed.entries[b"f3"].content == sha256(b"changed")
    assert changed.entries[b"f4"].kind == EXECUTABLE
    assert set(read) <= {b"f3", b"f4"} and b"f3" in read


@pytest.mark.usefixtures("settled")
def test_the_same_size_and_mtime_do_not_hide_a_change(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"a": "one"})
    age(folder)
    scan_again(folder)
    before = (folder / "a").stat().st_ctime_ns
    while True:  # the clock of the file system has to tick once
        write_files(folder, {"a": "two"})
        age(folder)
        if (folder / "a").stat().st_ctime_ns != before:
            break
    assert scan_again(folder).entries[b"a"].content == sha256(b"two")


def test_a_file_written_just_now_is_not_trusted_to_stay(tmp_path: Path) -> None:
    hashes = Hashes(tmp_path / "hashes")
    scan(folder_of(tmp_path, {"a": "one"}), Cancel(), hashes=hashes)
    assert not len(hashes)


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b'{"a": [1,2,3,4,5,"x"]}',
        b"\xff\xfe",
        b"hashes-2 %019d\n" % 0,
        sealed(b""),
        sealed(b"\x01\x00a--"),
        sealed(bytes(83), 84),
        sealed(bytes(85)),
        sealed(bytes(8) + b"\xff\xff\xff\xff" + bytes(72)),
    ],
)
def test_spoilt_hashes_are_passed_over(tmp_path: Path, spoilt: bytes) -> None:
    folder = folder_of(tmp_path, {"a": "one"})
    (tmp_path / "hashes").write_bytes(spoilt)
    assert scan_again(folder).entries[b"a"].content == sha256(b"one")


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("name", [b"a", b"\xff\n", b"x" * 255])
def test_hashes_are_kept_as_they_are_and_cut_ones_are_none(tmp_path: Path, name: bytes) -> None:
    folder = folder_of(tmp_path, {name: "one", b"d/" + name: ""})
    scan_again(folder)
    file = tmp_path / "hashes"
    content = file.read_bytes()
    kept = Hashes.load(file)
    for path in (name, b"d/" + name):
        facts = os.stat(os.path.join(os.fsencode(folder), path))
        assert kept.get(path, stamp_of(facts)) == sha256(b"" if path.startswith(b"d/") else b"one")
        assert not kept.get(path + b"?", stamp_of(facts))
    for length in (0, 20, 38, 39, 40, len(content) - 84, len(content) - 1):
        file.write_bytes(content[:length])
        assert not len(Hashes.load(file))
    for lost in (1, 20, 84):  # of the last hash: its stamp is still right
        file.write_bytes(content[:-lost] + bytes(lost))
        assert not len(Hashes.load(file))
    assert scan_again(folder).files == 2 and file.read_bytes() == content


@pytest.mark.usefixtures("settled")
def test_paths_of_the_same_sums_are_told_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(kept_hashes, "_key", lambda path: 7)
    folder = folder_of(tmp_path, {f"f{number}": f"content {number}" for number in range(30)})
    first = scan_again(folder)
    monkeypatch.setattr(hashing, "_hash_all", lambda top, files, sums, cancel: iter([] if not files else [1 / 0]))
    assert scan_again(folder) == first


def test_a_cancel_stops_the_hashing(tmp_path: Path) -> None:
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        scan(folder_of(tmp_path, {"a": "1"}), cancel)
