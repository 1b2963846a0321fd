"""What travels to a server, and that it arrives as it was sent."""

from __future__ import annotations

import os

import pytest

from core.operations import fan_out

TEXT = {f"pages/page{number:03}.html": f"<p>the same words, page {number}</p>\n" * 2000 for number in range(30)}


@pytest.mark.parametrize("delay", [0.0, 0.03])
def test_over_a_long_way_text_travels_compressed_and_arrives_whole(
    sshd, proxy, project_factory, engine, delay, monkeypatch
):
    if not delay:
        # How busy the machine is must not make the way long.
        monkeypatch.setattr(fan_out, "COMPRESS_RTT", 3600.0)
    network, far = proxy(sshd, delay)
    files = TEXT | {"noise": os.urandom(20_000)}
    distant = engine(project_factory([far], files=files))
    distant.deploy(tag="r1")
    size = sum(map(len, files.values()))
    assert (network.up < size / 4) is (delay > 0)
    for path, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        assert (sshd.files / "current" / path).read_bytes() == raw
