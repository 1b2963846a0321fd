"""Which files travel in pieces, over how many connections."""

from __future__ import annotations

import pytest

from core.operations.large import MOST_LANES, lanes_for
from core.remote.lanes import BLOCK, PIECE, LargeFile, pieces

MB = 1_000_000


@pytest.mark.parametrize(
    ("total", "rtt", "servers", "number"),
    [
        (300 * MB, 0.1, 1, MOST_LANES),
        (300 * MB, 0.05, 1, 4),
        (300 * MB, 0.02, 1, 1),
        (300 * MB, 0.0, 1, 1),
        (40 * MB, 0.1, 1, 2),
        (20 * MB, 0.1, 1, 1),
        (300 * MB, 0.1, 2, 4),
        (300 * MB, 0.1, 5, 1),
        (300 * MB, 0.1, 200, 1),
        (0, 0.1, 1, 1),
        (300 * MB, 0.1, 0, 1),
    ],
)
def test_more_connections_are_made_where_they_pay(total: int, rtt: float, servers: int, number: int) -> None:
    assert lanes_for(total, rtt, servers) == number


@pytest.mark.parametrize("size", [1, BLOCK, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7])
def test_pieces_are_whole_blocks_and_all_of_the_file(size: int) -> None:
    file = LargeFile(b"image", size, 0o644, 0)
    found = list(pieces([file]))
    assert sum(piece.size for piece in found) == size
    assert [piece.start for piece in found] == list(range(0, size, PIECE))
    assert all(piece.start % BLOCK == 0 for piece in found)
