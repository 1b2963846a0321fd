"""Whether an upload is compressed is told from a sample that is spread over all that is sent."""

from __future__ import annotations

import os
import zlib

import pytest

from core.manifest import FILE, FOLDER_ENTRY, Entry, Manifest
from core.tar import compression
from core.tar.compression import (
    COMPRESS_FROM,
    COMPRESS_RTT,
    FAR_RTT,
    GZIP,
    PIECE,
    PIECES,
    ZSTD,
    compressor,
    packed,
    pays_to_compress,
    probes,
)
from core.tar.writer import Chunk
from core.tar.zstd import zstd_library

TEXT = b"the same words again and again; " * (PIECE // 32)
NOISE = os.urandom(PIECE)


def sized(sizes: dict[bytes, int]) -> Manifest:
    return Manifest({path: Entry(FILE, size, "0" * 64) for path, size in sizes.items()} | {b"folder": FOLDER_ENTRY})


def test_samples_are_spread_over_the_bytes_whatever_the_files_are() -> None:
    small = {f"small{number:04}".encode(): 1000 for number in range(1000)}
    manifest = sized({b"large": 1_000_000, **small})
    places = probes(manifest, sorted(manifest.entries))
    assert len(places) == PIECES
    assert sum(path == b"large" for path, _ in places) == PIECES // 2
    assert len({path for path, _ in places}) == PIECES // 2 + 1
    assert all(0 <= place < manifest.entries[path].size for path, place in places)


@pytest.mark.parametrize("sizes", [{}, {b"empty": 0}, {b"empty": 0, b"last": 1}])
def test_what_has_hardly_a_byte_has_samples_within_it(sizes: dict[bytes, int]) -> None:
    manifest = sized(sizes)
    assert {path for path, _ in probes(manifest, sorted(manifest.entries))} <= {b"last"}


def test_text_is_compressed_over_a_long_way_and_noise_never() -> None:
    far, much = COMPRESS_RTT, COMPRESS_FROM
    assert pays_to_compress(much, far, [TEXT])
    assert not pays_to_compress(much, far, [NOISE])
    assert pays_to_compress(much, far, [TEXT, NOISE, TEXT, NOISE])
    assert not pays_to_compress(much, far, [TEXT, *[NOISE] * 9])
    assert not pays_to_compress(much, far / 2, [TEXT])
    assert not pays_to_compress(much - 1, far, [TEXT])
    assert not pays_to_compress(much, far, [])


def test_zstd_pays_over_any_way_and_never_for_noise() -> None:
    assert pays_to_compress(COMPRESS_FROM, 0.0, [TEXT], fast=True)
    assert not pays_to_compress(COMPRESS_FROM, 0.0, [NOISE], fast=True)
    assert not pays_to_compress(COMPRESS_FROM - 1, 0.0, [TEXT], fast=True)


@pytest.mark.parametrize("way", ["gzip", "near", "far"])
def test_a_packed_stream_holds_what_went_in_and_counts_it(way: str) -> None:
    chunks = [Chunk(TEXT, len(TEXT), 2), Chunk(NOISE, 10, 0), Chunk(b"", 0, 1)]
    squeeze = compressor(GZIP if way == "gzip" else ZSTD, FAR_RTT if way == "far" else 0.0)
    out = list(packed(chunks, squeeze))
    raw = b"".join(chunk.raw for chunk in out)
    assert (zlib.decompress(raw, 31) if way == "gzip" else zstd_library().decompress(raw)) == TEXT + NOISE
    assert len(raw) < len(TEXT) + len(NOISE)
    assert sum(chunk.content for chunk in out) == len(TEXT) + 10
    assert sum(chunk.files for chunk in out) == 3


@pytest.mark.parametrize(
    ("features", "library", "rtt", "content", "how"),
    [
        ("zstd gzip", True, 0.0, "text", "zstd"),
        ("zstd gzip", True, 0.0, "noise", "none"),
        ("zstd gzip", False, COMPRESS_RTT, "text", "gzip"),
        ("gzip", True, COMPRESS_RTT, "text", "gzip"),
        ("gzip", True, 0.0, "text", "none"),
        ("", True, COMPRESS_RTT, "text", "none"),
    ],
)
def test_both_ends_decide_how_an_upload_is_packed(
    monkeypatch: pytest.MonkeyPatch, features: str, library: bool, rtt: float, content: str, how: str
) -> None:
    monkeypatch.setattr(compression, "has_zstd", lambda: library)
    assert (
        compression.best_packing(
            frozenset(features.split()), COMPRESS_FROM, rtt, lambda: [NOISE if content == "noise" else TEXT]
        )
        == how
    )
