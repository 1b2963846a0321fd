"""Logging in with keys, one after the other as OpenSSH offers them, and what a refusal means."""

from __future__ import annotations

import paramiko

from core.errors import AuthenticationFailed
from core.remote.keys import Agent, Candidate, Unusable, keyring, shown
from core.sshconfig import Options


class Refused(paramiko.AuthenticationException):  # type: ignore[misc]
    """No key was accepted.

    title  what happened; {} is the destination
    notes  a line for each key that was offered, and for each that could not be
    """

    def __init__(self, title: str, notes: list[str], hint: str) -> None:
        super().__init__(title)
        self.title = title
        self.notes = notes
        self.hint = hint


class KeyLogin:
    """What paramiko calls once the host key is trusted (an AuthStrategy)."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Log in. Raises Refused, and EOFError where the connection ended before any answer."""
        path = self._options.agent
        agent = Agent(path) if path else None
        try:
            self._try_all(transport, agent)
        finally:
            if agent is not None:
                agent.close()

    def _try_all(self, transport: paramiko.Transport, agent: Agent | None) -> None:
        ring = keyring(self._options, agent)
        refused: list[str] = []
        locked: list[Candidate] = []
        for one in ring.candidates:
            try:
                key = one.load()
            except Unusable as reason:
                ring.notes.append(f"{one.name}: {reason}")
                locked += [one] if "passphrase" in str(reason) else []
                continue
            try:
                wanted = transport.auth_publickey(self._options.user, key)
            except paramiko.BadAuthenticationType as error:
                raise _no_keys(error.allowed_types) from None
            except paramiko.SSHException as error:
                if not refused and not transport.is_active():
                    raise EOFError("it ended the connection during the login") from None
                refused.append(f"{shown(one, key)}: {_reason(error, key)}")
                if not transport.is_active():
                    break
                continue
            if not wanted:
                return
            if "publickey" not in wanted:
                raise Refused(
                    "{} accepted the key but requires more than a key",
                    [f"{shown(one, key)}: accepted", f"also wanted: {', '.join(wanted)}"],
                    "Turnout cannot answer such questions: let this user log in by key alone (AuthenticationMethods)",
                )
            refused.append(f"{shown(one, key)}: accepted, but another key is required too")
        raise self._refusal(refused, ring.notes, locked, ended=not transport.is_active(), agent=agent)

    def _refusal(
        self, refused: list[str], notes: list[str], locked: list[Candidate], *, ended: bool, agent: Agent | None
    ) -> Refused:
        lines = [*refused, *notes]
        if self._options.get("pkcs11provider"):
            lines.append(f"PKCS11Provider {self._options.get('pkcs11provider')}: not asked; ssh-add -s adds its keys")
        if locked and not refused:
            return Refused("the private key for {} needs a passphrase", lines, "load it into the agent: ssh-add")
        if not refused:
            looked = "" if agent else "; there is no SSH agent"
            return Refused(
                "there is no key to log in to {} with",
                lines or [f"none of {', '.join(path for path, _ in self._options.identity_files)}{looked}"],
                "make one (ssh-keygen), load one into the agent (ssh-add), or name one: `identity` in turnout.toml",
            )
        if ended and len(refused) > 1:
            hint = "it allows no more attempts (MaxAuthTries): name the right key, with IdentitiesOnly yes"
            return Refused("{} refused the login", lines, hint)
        host = self._options.target.host
        hint = f"try `ssh {host}`: is your public key in its authorized_keys, your key in the agent?"
        return Refused("{} refused the login", lines, hint)


def _no_keys(allowed: list[str]) -> Refused:
    return Refused(
        "{} does not accept keys",
        [f"it accepts {', '.join(allowed)}"],
        "Turnout logs in with keys only: PubkeyAuthentication yes in its sshd_config",
    )


def _reason(error: paramiko.SSHException, key: paramiko.PKey) -> str:
    if getattr(key, "refused", False):
        return "the agent does not sign with it (see ssh-add -l; does its use have to be confirmed?)"
    text = str(error)
    return "not accepted" if text.startswith("Authentication failed") else text


def told(error: Refused, where: str) -> AuthenticationFailed:
    """A refusal for people."""
    return AuthenticationFailed(error.title.replace("{}", where), detail="\n".join(error.notes), hint=error.hint)
