"""`turnout trust`: lists the host keys of servers and gateways, and records unknown ones that a person accepts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from core.errors import EXIT_CONNECT, EXIT_DONE, ConnectError, HostKeyChanged, HostKeyRefused, HostKeyUnknown
from core.rows.servers import host_key_row
from core.text import clean, count
from tui.cli.command import Answer, Command, by_key
from tui.view.hostkeys import CHANGED, KNOWN, OTHER, RECORDED, REVOKED, UNKNOWN_KEY, UNSEEN, HostKey, key_lines
from tui.view.lines import plain

if TYPE_CHECKING:
    from core.fleet import Inspection


def carry_out(command: Command) -> Answer:
    """Behind a gateway a server's key is seen only when the gateway's is trusted: look, record, look again."""
    command.open()
    recorded: set[tuple[str, str]] = set()
    while True:
        inspection = command.inspect(accepting=False)
        unknown = [error for error in inspection.errors.values() if isinstance(error, HostKeyUnknown)]
        if not unknown or any((key.host, key.fingerprint) in recorded for key in unknown):
            break
        accepted = _accepted(command, unknown)
        if not accepted:
            break
        for key, _ in by_key(accepted):
            command.fleet.accept_host_key(key)
            recorded.add((key.host, key.fingerprint))
    keys = _named(_keys(command, inspection, recorded), command.options.words.fingerprints)
    rows = [host_key_row(**asdict(key)) for key in keys]
    command.output.table(key_lines(keys), rows)
    command.output.errors(error for error in inspection.errors.values() if not isinstance(error, HostKeyUnknown))
    return _answer(command, keys)


def _accepted(command: Command, unknown: list[HostKeyUnknown]) -> list[HostKeyUnknown]:
    """Those of these keys that are to be recorded: with --yes or --fingerprint, or because a person says so."""
    fingerprints = command.options.words.fingerprints
    if fingerprints:
        return [key for key in unknown if key.fingerprint in fingerprints]
    if command.options.yes:
        return unknown
    if not command.can_ask:
        return []
    shown = [HostKey(servers=tuple(names), standing=UNKNOWN_KEY, **_facts(key)) for key, names in by_key(unknown)]
    command.output.say(
        [
            *(plain(spans) for spans in key_lines(shown)),
            "compare with the output of this command on each server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        ]
    )
    yes = command.ask(f"Record {'this key' if len(shown) == 1 else 'these keys'} permanently? [yes/N]") == "yes"
    return unknown if yes else []


def _facts(key: HostKeyUnknown | HostKeyRefused) -> dict[str, str]:
    return {"host": clean(key.host), "type": clean(key.key_type), "fingerprint": key.fingerprint}


def _keys(command: Command, inspection: Inspection, recorded: set[tuple[str, str]]) -> list[HostKey]:
    """Every key that was seen, once, with all servers that it is for; and the servers that showed none."""
    keys: list[HostKey] = []
    for name in command.fleet.names:
        error = inspection.errors.get(name)
        for key in command.fleet.session(name).connection.host_keys:
            standing = RECORDED if (key.host, key.fingerprint) in recorded else KNOWN
            facts = {"host": key.host, "type": key.key_type, "fingerprint": key.fingerprint}
            keys.append(HostKey(servers=(name,), standing=standing, **facts))
        if isinstance(error, HostKeyUnknown):
            keys.append(HostKey(servers=(name,), standing=UNKNOWN_KEY, **_facts(error)))
        elif isinstance(error, HostKeyRefused):
            standing = CHANGED if isinstance(error, HostKeyChanged) else REVOKED
            keys.append(HostKey(servers=(name,), standing=standing, **_facts(error)))
        elif isinstance(error, ConnectError):
            keys.append(HostKey(servers=(name,), standing=UNSEEN))
    merged: dict[HostKey, HostKey] = {}
    for host_key in keys:
        same = replace(host_key, servers=()) if host_key.fingerprint else host_key
        before = merged.get(same)
        merged[same] = replace(host_key, servers=(*(before.servers if before else ()), *host_key.servers))
    return list(merged.values())


def _named(keys: list[HostKey], fingerprints: Sequence[str]) -> list[HostKey]:
    """With --fingerprint a key that was known before counts only if it is named: whoever asks may not know the file."""
    if not fingerprints:
        return keys
    return [
        replace(key, standing=OTHER) if key.standing == KNOWN and key.fingerprint not in fingerprints else key
        for key in keys
    ]


def _answer(command: Command, keys: list[HostKey]) -> Answer:
    standings = [key.standing for key in keys]
    parts = [
        f"{count(standings.count(standing), 'key')} {word}"
        for standing, word in (
            (RECORDED, "recorded"),
            (KNOWN, "known already"),
            (OTHER, "known already, but no --fingerprint is theirs"),
            (UNKNOWN_KEY, "not accepted"),
            (CHANGED, "refused: changed"),
            (REVOKED, "refused: revoked"),
            (UNSEEN, "not compared"),
        )
        if standing in standings
    ]
    if UNKNOWN_KEY in standings and command.options.words.fingerprints:
        parts.append("no --fingerprint is theirs")
    elif UNKNOWN_KEY in standings and not command.can_ask:
        parts.append(f"turnout trust {command.environment_name} on a terminal, or with --yes, records them")
    if OTHER in standings:
        parts.append("if such a key is right, name it as well, or look at other servers only with --server")
    good = set(standings) <= {KNOWN, RECORDED}
    return {
        "exit_code": EXIT_DONE if good else EXIT_CONNECT,
        "outcome": "done" if good else "failed",
        "summary": "; ".join(parts),
    }
