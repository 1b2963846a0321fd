"""What travels to a server, and that it arrives as it was sent."""

from __future__ import annotations

import os

import pytest

TEXT = {f"pages/page{number:03}.html": f"<p>the same words, page {number}</p>\n" * 2000 for number in range(30)}


@pytest.mark.parametrize("delay", [0.0, 0.03])
def test_over_a_long_way_text_travels_compressed_and_arrives_whole(sshd, proxy, project_factory, engine, delay):
    network, far = proxy(sshd, delay)
    files = TEXT | {"noise": os.urandom(20_000)}
    one = engine(project_factory([far], files=files))
    one.deploy(tag="r1")
    size = sum(map(len, files.values()))
    # A machine that is busy is a long way off, too.
    assert network.up < size / 4 or not delay
    for path, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        assert (sshd.files / "current" / path).read_bytes() == raw
