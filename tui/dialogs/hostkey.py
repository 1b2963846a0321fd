"""The question about a host key that was not accepted yet, and the refusal of one that has changed."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import HostKeyChanged, HostKeyUnknown
from tui.dialogs.base import Ask, Message
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, line, one_line, wrap


def unknown_key(error: HostKeyUnknown, glyphs: Glyphs, key: str, place: str = "") -> Ask:
    """The dialog for an unknown key; answers True where a person compared it and accepts."""
    lines: list[Line] = [
        line("Nobody has accepted the key of ", (error.server or error.host, "strong"), " on this machine yet."),
        (),
        line(("Host         ", "dim"), one_line(error.host)),
        line(("Key          ", "dim"), one_line(error.key_type)),
        line(("Fingerprint  ", "dim"), (one_line(error.fingerprint), "accent")),
        (),
        line("Compare it with the output of this command on the server:"),
        line(("  ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub", "dim")),
        line("Accepting writes it to known_hosts; after that only this key is accepted."),
    ]
    return Ask(f"Unknown host key{place}", lines, "Accept", "Do not accept", key)


def changed_key(error: HostKeyChanged) -> Message:
    """The dialog for a changed key: there is nothing to accept here."""
    lines: list[Line] = [line((one_line(error.title), "bad")), ()]
    lines += [line("  ", part) for text in error.detail.splitlines() for part in wrap(text, 66)]
    said: Sequence[str] = (
        "Either the server was reinstalled, or somebody is intercepting the connection.",
        "Turnout does not accept such a key. Ask whoever runs the server. If the new key is right, remove the old one "
        "with `ssh-keygen -R`, and check the server again.",
    )
    return Message("Host key changed", [*lines, (), *(line(text) for text in said)], bad=True)
