"""The end of a channel: of what is sent on it, and of its command, also where a signal ended that."""

from __future__ import annotations

from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_REQUEST
from paramiko.message import Message


class Sender:
    """The transport, as one channel has it: nothing of a channel leaves behind its CLOSE.

    A channel makes a message under its lock and sends it after that. Where another thread closes it in between, data,
    an end or a request would come for a channel that is no longer there, and servers end the whole connection for it
    (that to a gateway: with all that goes to the servers behind it); or for the next channel with its number.

    Who sends data or a request hears that the connection broke. Who reads or closes does not: the one gets what has
    arrived, and then the end, and the other has it.
    """

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self._closed = False

    def _send_user_message(self, message: Message) -> None:
        message.sender = self
        try:
            self._transport._send_user_message(message)
        except (OSError, EOFError, paramiko.SSHException):
            if _kind(message) in (MSG_CHANNEL_DATA, MSG_CHANNEL_REQUEST):
                raise

    def lets(self, message: Message) -> bool:
        """Whether it may leave; to be asked by who holds `clear_to_send_lock`."""
        if self._closed:
            return False
        self._closed = _kind(message) == MSG_CHANNEL_CLOSE
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def _kind(message: Message) -> int:
    kind: int = message.packet.getbuffer()[0]
    return kind


def guard(channel: paramiko.Channel) -> paramiko.Channel:
    """The channel, which sends nothing behind its CLOSE from now on."""
    channel.transport = Sender(channel.transport)
    return channel


def hear_request(channel: paramiko.Channel, message: Message) -> None:
    """A request of the server on a channel: `exit-signal` (RFC 4254, section 6.10) ends a command like `exit-status`.

    The status stays -1 then. Without this, a command that was killed would seem to run for as long as something that
    it left behind keeps the channel open.
    """
    if Message(message.get_remainder()).get_string() == b"exit-signal":
        channel.status_event.set()
    channel._handle_request(message)
