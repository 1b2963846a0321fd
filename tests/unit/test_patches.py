"""Patches of files: what is made of them again is the new content, whatever became of the old one in between."""

from __future__ import annotations

import hashlib
import io
import random
import subprocess
import tracemalloc

import pytest

from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, Manifest, difference
from core.patchable import NEEDED, PATCH_FROM, patchable
from core.tar import patches as patching
from core.tar.patches import UNIT, Patch, Patches, Range, joined
from tests.servers import need

KB = 1 << 10


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def file_of(content: bytes, kind: str = FILE) -> Entry:
    return Entry(kind, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def small_ranges(monkeypatch):
    """So that files of a few hundred kB have several ranges."""
    monkeypatch.setattr(patching, "RANGE", 2 * UNIT)
    monkeypatch.setattr(patching, "AROUND", UNIT)
    monkeypatch.setattr(patching, "_TRIED", 16 * UNIT)


def made(folder, old: bytes, new: bytes) -> Patches | None:
    patches = Patches(folder)
    with io.BytesIO(old) as before, io.BytesIO(new) as after:
        worth = patches.add(b"a", file_of(new), 0, before, len(old), after, lambda: None)
    return patches if worth else None


def applied(folder, patches: Patches, patch: Patch, old: bytes) -> bytes:
    """What patch.sh makes, with the same programs."""
    content = b""
    for number, each in enumerate(patch.ranges):
        near = old[each.skip * UNIT : (each.skip + each.count) * UNIT]
        if each.piece < 0:
            content += near
            continue
        begin = patches._ends[each.piece - 1] if each.piece else 0
        patches._file.seek(begin)
        (folder / "near").write_bytes(near)
        (folder / f"piece{number}").write_bytes(patches._file.read(patches._ends[each.piece] - begin))
        known = ["-D", folder / "near"] if each.count else []
        command = [need("zstd"), "-dcq", *known, folder / f"piece{number}"]
        content += subprocess.run(command, check=True, capture_output=True).stdout
    return content


OLD = noise(900 * KB + 17)
CASES = {
    "a place is overwritten": OLD[: 300 * KB] + noise(9 * KB, 2) + OLD[309 * KB :],
    "something comes in": OLD[: 200 * KB] + noise(300, 3) + OLD[200 * KB :],
    "much comes in at the beginning": noise(400 * KB, 4) + OLD,
    "it grows": OLD + noise(50 * KB, 5),
    "it shrinks": OLD[: 500 * KB + 3],
    "the end of a unit stays": OLD[: 640 * KB],
    "a part is gone": OLD[: 100 * KB] + OLD[400 * KB :],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("small_ranges")
def test_the_new_content_comes_out(tmp_path, case):
    new = CASES[case]
    patches = made(tmp_path, OLD, new)
    assert patches is not None
    [patch] = patches.made
    assert applied(tmp_path, patches, patch, OLD) == new
    assert patch.sent == patches.sent <= 0.55 * len(new)


@pytest.mark.usefixtures("small_ranges")
def test_a_file_without_anything_of_the_old_one_is_sent_whole(tmp_path):
    assert made(tmp_path, OLD, noise(len(OLD), 9)) is None
    patches = Patches(tmp_path)
    with io.BytesIO(OLD) as before, io.BytesIO(noise(len(OLD), 9)) as after:
        assert not patches.add(b"a", file_of(OLD), 0, before, len(OLD), after, lambda: None)
    with io.BytesIO(OLD) as before, io.BytesIO(OLD + b"x" * KB) as after:
        assert patches.add(b"b", file_of(OLD + b"x" * KB), 0, before, len(OLD), after, lambda: None)
    assert applied(tmp_path, patches, patches.made[0], OLD) == OLD + b"x" * KB, "no piece is left of the other one"


@pytest.mark.usefixtures("small_ranges")
def test_a_content_like_a_dictionary_of_zstd_is_none(tmp_path):
    old = b"\x37\xa4\x30\xec" + noise(300 * KB)
    new = old[:1000] + b"other" + old[1005:]
    patches = made(tmp_path, old, new)
    assert patches is not None
    assert applied(tmp_path, patches, patches.made[0], old) == new


@pytest.mark.usefixtures("small_ranges")
def test_a_content_that_is_cut_meanwhile_is_only_wrong(tmp_path):
    """The SHA-256 tells: nothing here waits or fails."""
    patches = Patches(tmp_path)
    with io.BytesIO(OLD[: 300 * KB]) as before, io.BytesIO(OLD[: 600 * KB]) as after:
        patches.add(b"a", file_of(OLD), 0, before, len(OLD), after, lambda: None)


def test_memory_does_not_grow_with_the_file(tmp_path):
    (tmp_path / "old").write_bytes(noise(48 << 20))
    with (tmp_path / "old").open("rb") as old, (tmp_path / "new").open("wb") as new:
        new.write(old.read(20 << 20) + noise(1 << 20, 7))
        old.seek(21 << 20)
        new.write(old.read())
    entry = Entry(FILE, 48 << 20, "0" * 64)
    tracemalloc.start()
    try:
        patches = Patches(tmp_path)
        with (tmp_path / "old").open("rb", 0) as before, (tmp_path / "new").open("rb", 0) as after:
            assert patches.add(b"a", entry, 0, before, entry.size, after, lambda: None)
        assert tracemalloc.get_traced_memory()[1] < 7 * patching.RANGE
    finally:
        tracemalloc.stop()
    assert patches.sent < 2 << 20


def test_copies_of_neighbours_become_one():
    ranges = [Range(0, 128), Range(128, 128), Range(300, 4), Range(200, 10, 0), Range(210, 5, 1), Range(215, 1)]
    assert joined(ranges) == [Range(0, 256), *ranges[2:]]


def test_the_list_holds_no_byte_that_a_shell_would_take_for_another(tmp_path):
    patches = Patches(tmp_path)
    patches.add_same(b"a b/\nc\\d'\xff*", file_of(b"x" * 70_000, EXECUTABLE), 0)
    head, unit, copy, end = patches.listing().splitlines()
    assert head.split(" ")[2:] == ["755", "197001010000.00", "a\\0040b/\\0012c\\0134d\\0047\\0377\\0052"]
    assert (unit, copy, end) == ("unit 65536", "copy 0 2", "end")


def test_which_files_may_travel_as_patches():
    large, other = noise(PATCH_FROM), noise(PATCH_FROM, 2)
    old = Manifest({b"changed": file_of(large), b"mode": file_of(large), b"was small": file_of(b"x")})
    new = Manifest(
        {
            b"changed": file_of(other),
            b"mode": file_of(large, EXECUTABLE),
            b"new": file_of(large),
            b"was small": file_of(large),
        }
    )
    change = difference(old, new)
    assert patchable(NEEDED | {"tar"}, old, change, new) == (b"changed", b"mode")
    for without in NEEDED:
        assert patchable(NEEDED - {without}, old, change, new) == ()


def test_what_is_removed_with_its_folder_is_sent_whole():
    large = noise(PATCH_FROM)
    old = Manifest({b"d": FOLDER_ENTRY, b"d/a": file_of(large)})
    new = Manifest({b"d": FOLDER_ENTRY._replace(closed=0o055), b"d/a": file_of(large)})
    change = difference(old, new, of_group=True)
    assert b"d/a" in change.send
    assert patchable(NEEDED, old, change, new) == ()
