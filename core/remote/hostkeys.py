"""A server's host key is compared with known_hosts, and what does not match becomes an error that says what to do."""

from __future__ import annotations

import paramiko

from core.errors import ConnectError, HostKeyChanged, HostKeyRevoked, HostKeyUnknown
from core.remote.knownhosts import REVOKED, TRUSTED, UNKNOWN, HostKeys, KnownHosts, Standing, fingerprint


class NotTrusted(paramiko.SSHException):  # type: ignore[misc]
    """The server showed a key that known_hosts does not vouch for."""

    def __init__(self, known: KnownHosts, key: paramiko.PKey, standing: Standing, revoked: str = "") -> None:
        super().__init__(f"host key: {standing.word}")
        self.revoked = revoked
        self.known = known
        self.key = key
        self.standing = standing


class Judge(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
    """Compares the server's key; paramiko's own comparison knows one key a type and none that is revoked.

    asked   whether the server has shown its key: what goes wrong later is about the login
    """

    def __init__(self, known: KnownHosts, keys: HostKeys) -> None:
        self._known = known
        self._keys = keys
        self.asked = False

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        self.asked = True
        if key.get_name() == "ssh-rsa" and key.get_bits() < self._known.least_rsa:
            raise ConnectError(
                f"the host key has {key.get_bits()} bits: too few",
                detail=f"RequiredRSASize {self._known.least_rsa} in the ssh_config",
                hint="give the server a new host key: ssh-keygen -t ed25519",
            )
        revoked = self._known.revoking_file(key)
        if revoked:
            raise NotTrusted(self._known, key, Standing(REVOKED), revoked)
        standing = self._keys.standing(key)
        if standing.word != TRUSTED:
            raise NotTrusted(self._known, key, standing)


def refusal(found: NotTrusted) -> ConnectError:
    """A key that known_hosts does not vouch for, in words."""
    host, key_type, shown = found.known.name, found.key.get_name(), fingerprint(found.key)
    lines = found.standing.lines
    if found.standing.word == UNKNOWN:
        error = HostKeyUnknown(
            "the host key is not known yet",
            host=host,
            key_type=key_type,
            fingerprint=shown,
            key_line=found.known.line(found.key),
        )
        if found.known.command:
            error.hint = f"Turnout does not run KnownHostsCommand ({found.known.command}); {error.hint}"
        if lines:
            place = lines[0].place
            error.hint = f"Turnout does not accept host certificates (@cert-authority in {place}); {error.hint}"
        return error
    if found.standing.word == REVOKED:
        return HostKeyRevoked(
            "the host key is revoked: the connection was refused",
            detail="\n".join(
                [f"{host} shows {shown}", *(f"revoked in {place}" for place in _revoked_in(found))],
            ),
            hint="somebody else may have its private key: ask who revoked it, and give the server a new host key",
            host=host,
            key_type=key_type,
            fingerprint=shown,
        )
    recorded = [f"recorded: {fingerprint(line.key)} ({line.place})" for line in lines]
    return HostKeyChanged(
        "the host key changed: the connection was refused",
        detail="\n".join([f"{host} shows {shown}", *recorded]),
        hint=f"find out why first; if it is right: ssh-keygen -R '{host}', then `turnout trust`",
        host=host,
        key_type=key_type,
        fingerprint=shown,
    )


def _revoked_in(found: NotTrusted) -> list[str]:
    return [found.revoked] if found.revoked else [line.place for line in found.standing.lines]
