"""Sums of blocks: what stays of an old content is found by them alone, wherever it moved to."""

from __future__ import annotations

import hashlib
import io
import os
import random
from functools import partial

import pytest

from core import sums as sums_of_blocks
from core.source import sums as kept_sums
from core.source.sums import KeptSums
from core.sums import BLOCK, SUM_BYTES, Run, Summing, Sums, few, has_sums, matched
from core.tar.patches import read_at
from tests.unit.test_patches import noise

KB = 1 << 10


def summing(content: bytes, piece: int = 1 << 20) -> Summing:
    made = Summing()
    for place in range(0, len(content), piece):
        made.update(memoryview(content)[place : place + piece])
    return made


def sums(content: bytes) -> Sums:
    return summing(content).sums()


def runs_of(old: bytes, new: bytes) -> list[Run]:
    return matched(sums(old), sums(new), partial(read_at, io.BytesIO(new)), lambda: None)


def made(old: bytes, new: bytes, runs: list[Run]) -> bytes:
    """What comes out where the copies come from the old content."""
    parts, place = [], 0
    for run in runs:
        begin = run.old * BLOCK
        parts.append(old[begin : begin + run.size] if run.old >= 0 else new[place : place + run.size])
        place += run.size
    return b"".join(parts)


def fresh(runs: list[Run]) -> int:
    return sum(run.size for run in runs if run.old < 0)


OLD = noise(3000 * KB + 17)
PAGES = b"".join(b"page header " + bytes(500) + noise(3584, seed) for seed in range(700))
"""Like a database: all blocks begin alike, and some are found twice."""
HOLES = noise(600 * KB) + bytes(800 * KB) + noise(600 * KB, 2) + bytes(300 * KB) + noise(100 * KB, 3)
CASES = {
    "nothing": (OLD, OLD, 0),
    "a place is overwritten": (OLD, OLD[: 300 * KB] + noise(9 * KB, 2) + OLD[309 * KB :], 32 * KB),
    "a long place is overwritten": (OLD, OLD[: 300 * KB] + noise(900 * KB, 2) + OLD[1200 * KB :], 932 * KB),
    "many places are": (
        OLD,
        b"".join(OLD[at : at + 150 * KB - 5] + b"12345" for at in range(0, 3000 * KB, 150 * KB)) + OLD[3000 * KB :],
        20 * 16 * KB,
    ),
    "a byte comes in": (OLD, OLD[: 500 * KB] + b"x" + OLD[500 * KB :], 33 * KB),
    "a byte is gone": (OLD, OLD[: 500 * KB] + OLD[500 * KB + 1 :], 33 * KB),
    "much comes in at the beginning": (OLD, noise(1400 * KB, 4) + OLD, 1433 * KB),
    "it moves twice, and back": (
        OLD,
        OLD[:100_000] + b"in" + OLD[100_000:900_000] + OLD[900_777:2_000_000] + noise(775, 5) + OLD[2_000_000:],
        120 * KB,
    ),
    "it moves, and is overwritten": (
        OLD,
        b"in" + OLD[:900_000] + b"12345678" + OLD[900_008:1_800_000] + noise(200 * KB, 6) + OLD[1_800_000 + 200 * KB :],
        300 * KB,
    ),
    "a part is gone": (OLD, OLD[: 100 * KB] + OLD[1400 * KB :], 33 * KB),
    "parts change places": (OLD, OLD[1500 * KB :] + OLD[: 1500 * KB], 50 * KB),
    "it grows": (OLD, OLD + noise(50 * KB, 5), 67 * KB),
    "it shrinks": (OLD, OLD[: 500 * KB + 3], 17 * KB),
    "the end stays": (OLD, noise(64 * KB, 8) + OLD[64 * KB :], 64 * KB),
    "another content": (OLD, noise(len(OLD), 9), len(OLD)),
    "a row comes into pages": (PAGES, PAGES[: 1000 * KB] + noise(4096, 7) + PAGES[1000 * KB :], 60 * KB),
    "a byte comes in before holes": (HOLES, HOLES[: 100 * KB] + b"x" + HOLES[100 * KB :], 50 * KB),
    "holes alone": (bytes(2000 * KB), bytes(900 * KB) + b"x" + bytes(1100 * KB), 34 * KB),
    "nothing was there": (b"", OLD, len(OLD)),
    "nothing is left": (OLD, b"", 0),
    "a small file grew": (OLD[:5000], OLD[:9000], 9000),
}


@pytest.mark.parametrize("case", CASES)
def test_what_stays_is_found(case):
    old, new, most = CASES[case]
    runs = runs_of(old, new)
    assert made(old, new, runs) == new
    assert sum(run.size for run in runs) == len(new)
    assert fresh(runs) <= most


@pytest.mark.parametrize("seed", range(60))
def test_any_changes_come_out_right(seed):
    chance = random.Random(seed)
    alphabet = chance.choice([b"\0\1", bytes(range(256)), b"ab\n", b"\0"])
    pool = [bytes(chance.choices(alphabet, k=chance.randrange(1, 70_000))) for _ in range(12)]
    old = b"".join(chance.choices(pool, k=20))
    new = bytearray(old)
    for _ in range(chance.randrange(6)):
        at, size = chance.randrange(len(new) + 1), chance.randrange(60_000)
        new[at : at + chance.choice([0, size])] = chance.choice([b"", chance.choice(pool), chance.randbytes(size)])
    assert made(old, bytes(new), runs_of(old, bytes(new))) == bytes(new)


@pytest.mark.parametrize("piece", [1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 100_000, 1 << 20])
def test_sums_do_not_depend_on_how_the_content_comes(piece):
    content = noise(70_000)
    found = summing(content, piece)
    assert found.hexdigest() == hashlib.sha256(content).hexdigest()
    assert found.sums() == sums(content)
    assert found.sums().fits and found.sums().count == 5


def test_work_does_not_grow_with_what_differs():
    """The worst contents: none of it stays, or everything looks like everything."""
    alike = b"".join(bytes(BLOCK - 4) + number.to_bytes(4, "big") for number in range(1000))
    like = b"x".join(alike[at : at + BLOCK] for at in range(0, len(alike), BLOCK))
    for old, new in ((noise(32 << 20), noise(32 << 20, 2)), (alike, like), (bytes(16 << 20), b"x" * (16 << 20))):
        asked = 0

        def read(place: int, size: int, content: bytes = new) -> bytes:
            nonlocal asked
            asked += size
            return content[place : place + size]

        matched(sums(old), sums(new), read, lambda: None)
        assert asked < 8 * len(new), "bytes that were looked at"


def test_many_short_copies_count_as_new():
    runs = [Run(BLOCK, 2 * number) if number % 2 else Run(BLOCK) for number in range(3000)]
    runs += [Run(50 * BLOCK, 9000), Run(BLOCK)]
    less = few(runs)
    assert less == [Run(3000 * BLOCK), Run(50 * BLOCK, 9000), Run(BLOCK)]
    assert few(runs, 5000) == runs


def test_kept_sums_are_those_of_the_content(tmp_path):
    kept, made = KeptSums(tmp_path), summing(OLD)
    kept.keep(made)
    digest = made.hexdigest()
    assert kept.of(digest, len(OLD)) == made.sums()
    assert kept.of("0" * 64, len(OLD)) is None
    file = tmp_path / "sums" / digest
    whole = file.read_bytes()
    for damaged in (whole[:-SUM_BYTES], whole + b"x", b"sums-0" + whole[6:], b""):
        file.write_bytes(damaged)
        assert kept.of(digest, len(OLD)) is None


def test_the_oldest_sums_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_sums, "_EVERY", 1)
    monkeypatch.setattr(kept_sums, "_FILES", 4)
    monkeypatch.setattr(kept_sums, "_BYTES", 1000)
    kept = KeptSums(tmp_path)
    made = [summing(bytes([number]) * 100) for number in range(6)]
    large = [summing(noise(BLOCK * 25, number)) for number in range(3)]

    def left():
        return [
            number for number, each in enumerate([*made, *large]) if (tmp_path / "sums" / each.hexdigest()).exists()
        ]

    for number, each in enumerate(made):
        kept.keep(each)
        os.utime(tmp_path / "sums" / each.hexdigest(), (number, number))
        if number == 3:
            assert kept.of(made[1].hexdigest(), 100) is not None, "it is used now"
    kept.keep(summing(b"another"))
    assert left() == [1, 4, 5]
    for number, each in enumerate(large):
        kept.keep(each)
        os.utime(tmp_path / "sums" / each.hexdigest(), (1e9 + number, 1e9 + number))
    assert left() == [1, 7, 8], "each of the last has 407 bytes; the first was used later"


def test_small_and_very_large_contents_have_no_sums_but_a_digest(tmp_path):
    assert [has_sums(size) for size in (0, 1 << 20, 3 << 20, 16 << 30, (16 << 30) + 1)] == [
        False,
        False,
        True,
        True,
        False,
    ]
    made = Summing(wanted=False)
    made.update(noise(200_000))
    assert made.hexdigest() == hashlib.sha256(noise(200_000)).hexdigest()
    assert not made.sums().fits
    KeptSums(tmp_path).keep(made)
    assert KeptSums(tmp_path).of(made.hexdigest(), 200_000) is None


@pytest.mark.parametrize("case", CASES)
def test_an_old_content_with_too_many_blocks_is_searched_less(case, monkeypatch):
    monkeypatch.setattr(sums_of_blocks, "_MOST_PROBES", 3)
    old, new, _ = CASES[case]
    assert made(old, new, runs_of(old, new)) == new


def test_a_content_that_changed_everywhere_counts_as_new(monkeypatch):
    monkeypatch.setattr(sums_of_blocks, "_GIVEN_UP", 20)
    new = b"".join(OLD[at : at + 32 * KB - 5] + b"12345" for at in range(0, 3000 * KB, 32 * KB))
    assert runs_of(OLD, new) == [Run(len(new))]


def test_sums_that_cannot_be_kept_are_no_fault(tmp_path):
    (tmp_path / "sums").write_text("a file")
    KeptSums(tmp_path).keep(summing(OLD))
    assert KeptSums(tmp_path).of("0" * 64, 1) is None
