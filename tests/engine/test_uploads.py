"""What travels to a server, and that it arrives as it was sent."""

from __future__ import annotations

import os

import pytest

from core.operations import fan_out
from tests.servers import need

TEXT = {f"pages/page{number:03}.html": f"<p>the same words, page {number}</p>\n" * 2000 for number in range(30)}


@pytest.mark.parametrize(("delay", "zstd"), [(0.0, True), (0.03, True), (0.0, False), (0.03, False)])
def test_text_travels_compressed_where_that_pays_and_arrives_whole(
    sshd, proxy, project_factory, engine, delay, zstd, monkeypatch
):
    """zstd always pays; where one end has none, gzip does over a long way."""
    if zstd:
        need("zstd")
    else:
        monkeypatch.setattr(fan_out, "has_zstd", lambda: False)
    if not delay:
        # How busy the machine is must not make the way long.
        monkeypatch.setattr(fan_out, "COMPRESS_RTT", 3600.0)
    network, far = proxy(sshd, delay)
    files = TEXT | {"noise": os.urandom(20_000)}
    distant = engine(project_factory([far], files=files))
    distant.deploy(tag="r1")
    size = sum(map(len, files.values()))
    assert (network.up < size / 4) is (zstd or delay > 0)
    for path, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        assert (sshd.files / "current" / path).read_bytes() == raw
