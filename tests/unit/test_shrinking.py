"""What is sent to a server is one zlib stream: requests are compressed in it, files pass as they are."""

from __future__ import annotations

import os
import zlib

from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_REQUEST, cMSG_KEXINIT
from paramiko.message import Message

from core.remote import launch
from core.remote.shrinking import Shrinking, one_way

ONE_FLIGHT = 10 * 1448
"""Bytes that a new TCP connection sends before it waits for an answer (RFC 6928)."""


def test_requests_and_files_come_out_as_they_went_in() -> None:
    shrink, inflate = Shrinking(), zlib.decompressobj()
    noise = os.urandom(90_000)
    packets = [
        bytes([MSG_CHANNEL_DATA]) + noise[:32_768],
        bytes([MSG_CHANNEL_REQUEST]) + b"the same words, " * 500,
        bytes([MSG_CHANNEL_DATA]) + noise,
        bytes([MSG_CHANNEL_DATA]) + b"the same words, " * 20,
        bytes([MSG_CHANNEL_DATA]) + noise[:32_768],
    ]
    for packet in packets:
        sent = shrink(packet)
        assert inflate.decompress(sent) == packet
        assert len(sent) <= len(packet) + 32
    assert len(shrink(packets[1])) < 200


def test_the_agent_and_its_first_request_need_few_flights() -> None:
    begun = launch.agent("/srv/www/shop", "0" * 16, "1 begin " + "x" * 700 + "\n", waits=True)
    sent = Shrinking()(bytes([MSG_CHANNEL_REQUEST]) + begun.command.encode())
    assert len(sent) < 2 * ONE_FLIGHT < len(begun.command)


def test_the_server_is_not_asked_to_compress() -> None:
    lists = [[f"list{number}", "none"] for number in range(10)]
    kexinit = Message()
    kexinit.add_byte(cMSG_KEXINIT)
    kexinit.add_bytes(b"c" * 16)
    for names in lists:
        kexinit.add_list(names)
    kexinit.add_boolean(False)
    kexinit.add_int(0)
    found = Message(one_way(kexinit.asbytes()))
    assert (found.get_byte(), found.get_bytes(16)) == (cMSG_KEXINIT, b"c" * 16)
    assert [found.get_list() for _ in range(10)] == [*lists[:7], ["none"], *lists[8:]]
    assert found.get_remainder() == b"\0" * 5
