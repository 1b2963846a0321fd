"""The end of a command on a channel, also where a signal ended it, which paramiko ignores."""

from __future__ import annotations

import paramiko
from paramiko.message import Message


def hear_request(channel: paramiko.Channel, message: Message) -> None:
    """A request of the server on a channel: `exit-signal` (RFC 4254, section 6.10) ends a command like `exit-status`.

    The status stays -1 then. Without this, a command that was killed would seem to run for as long as something that
    it left behind keeps the channel open.
    """
    if Message(message.get_remainder()).get_string() == b"exit-signal":
        channel.status_event.set()
    channel._handle_request(message)
