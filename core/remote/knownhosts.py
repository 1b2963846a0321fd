"""The host keys that the person's OpenSSH trusts, and those that it has revoked."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import paramiko
from msgspec import Struct

from core.errors import ConnectError
from core.files import read_small
from core.sshconfig import Options

MOST_BYTES = 256 << 20
"""Of a file with host keys: one of a large fleet, or a list of revoked keys, has very many."""

TRUSTED, UNKNOWN, CHANGED, REVOKED = "trusted", "unknown", "changed", "revoked"
"""What known_hosts says of a key."""


class KnownKey(Struct, frozen=True):
    """A key in a line of known_hosts; `marker` is "", `@revoked` or `@cert-authority`."""

    key: paramiko.PKey
    marker: str
    file: Path
    number: int

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.number}"


class Standing(Struct, frozen=True):
    """What known_hosts says of a key, and the lines that say it; of an unknown one the certificate authorities."""

    word: str
    lines: tuple[KnownKey, ...] = ()


class HostKeys(Struct, frozen=True):
    """All that known_hosts says of a host under its name, and of the same host without a port."""

    named: tuple[KnownKey, ...]
    without_port: tuple[KnownKey, ...] = ()

    @property
    def types(self) -> frozenset[str]:
        """The types of the keys that are known: the server is to show one of these."""
        return frozenset(known.key.get_name() for known in (*self.named, *self.without_port) if not known.marker)

    def standing(self, key: paramiko.PKey) -> Standing:
        """As OpenSSH has it: any recorded key will do, of whatever type; a line that revokes the key outweighs all.

        Where nothing is recorded for a host with its port, a key that is recorded without one is trusted; but another
        one there does not make it a changed key.
        """
        for lines in (self.named, self.without_port):
            revoked = tuple(line for line in lines if line.marker == "@revoked" and line.key == key)
            if revoked:
                return Standing(REVOKED, revoked)
            recorded = tuple(line for line in lines if not line.marker)
            if any(line.key == key for line in recorded):
                return Standing(TRUSTED)
            if recorded and lines is self.named:
                return Standing(CHANGED, recorded)
        return Standing(UNKNOWN, tuple(line for line in self.named if line.marker == "@cert-authority"))


class KnownHosts:
    """The known_hosts files that hold for one host of the configuration."""

    def __init__(self, options: Options) -> None:
        self._user_files = [Path(path) for path in options.known_hosts_files("userknownhostsfile")]
        self._files = self._user_files + [Path(path) for path in options.known_hosts_files("globalknownhostsfile")]
        self._hashed = options.yes("hashknownhosts")
        self.command = options.get("knownhostscommand")
        """KnownHostsCommand, which Turnout does not run; "" for none."""
        revoked = options.get("revokedhostkeys")
        self._revoked = options.path(revoked) if revoked else ""
        self.least_rsa = options.number("requiredrsasize", 1024)
        """Bits that an RSA key must have (RequiredRSASize)."""
        alias = options.get("hostkeyalias")
        self.name = (alias or (options.host if options.port == 22 else f"[{options.host}]:{options.port}")).lower()
        """The name under which known_hosts has the host: `web1`, `[127.0.0.1]:2222`, or the HostKeyAlias."""
        self._without_port = options.host.lower() if options.port != 22 and not alias else ""

    def read(self) -> HostKeys:
        """What the files say of this host now; nothing where no key was accepted yet."""
        named: list[KnownKey] = []
        without_port: list[KnownKey] = []
        for file in self._files:
            for number, line in enumerate(_text_lines(file), 1):
                words = re.split(r"[ \t]+", line)
                marker = words.pop(0) if words and words[0] in ("@revoked", "@cert-authority") else ""
                if len(words) < 3 or words[0][:1] in "#@":
                    continue
                names = words[0].lower().split(",") if not words[0].startswith("|") else [words[0]]
                for name, found in ((self.name, named), (self._without_port, without_port)):
                    key = _key(words) if name and _about(names, name) else None
                    if key is not None:
                        found.append(KnownKey(key, marker, file, number))
        return HostKeys(tuple(named), tuple(without_port))

    def revoking_file(self, key: paramiko.PKey) -> str:
        """The file of RevokedHostKeys where it has this key; "" where it has not.

        ConnectError where the file cannot be read: as for OpenSSH, no key is trusted then.
        """
        if not self._revoked:
            return ""
        try:
            raw = read_small(self._revoked, MOST_BYTES)
        except OSError as error:
            raise _no_list(self._revoked, error.strerror or str(error)) from None
        if not raw.startswith(b"SSHKRL\n\0"):
            keys = [line.split() for line in raw.decode("utf-8", "replace").splitlines()]
            return self._revoked if any(key.get_base64() in words for words in keys) else ""
        program = shutil.which("ssh-keygen")
        if program is None:
            raise _no_list(self._revoked, "it is a KRL, which only ssh-keygen can read, and there is none here")
        with tempfile.NamedTemporaryFile("w", prefix="turnout-", suffix=".pub") as file:
            file.write(f"{key.get_name()} {key.get_base64()}\n")
            file.flush()
            ended = subprocess.run(
                [program, "-Q", "-f", self._revoked, file.name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        if ended.returncode not in (0, 1) or (ended.returncode and "REVOKED" not in ended.stdout):
            raise _no_list(self._revoked, ended.stderr.strip())
        return self._revoked if ended.returncode else ""

    def line(self, key: paramiko.PKey) -> str:
        """The line that known_hosts gets for a key."""
        name = paramiko.HostKeys.hash_host(self.name) if self._hashed else self.name
        return f"{name} {key.get_name()} {key.get_base64()}"

    def add(self, line: str) -> Path:
        """Append a line to the person's first known_hosts file; makes it (0600) and its folder (0700).

        ConnectError where it cannot be written.
        """
        if not self._user_files:
            raise ConnectError("the ssh_config names no UserKnownHostsFile to write to")
        file = self._user_files[0]
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as stream:
                stream.seek(0, os.SEEK_END)
                end = stream.tell()
                stream.seek(max(end - 1, 0))
                gap = b"" if end == 0 or stream.read(1) == b"\n" else b"\n"
                stream.write(gap + line.encode() + b"\n")
        except OSError as error:
            raise ConnectError(
                f"the key cannot be recorded in {file}",
                detail=error.strerror or str(error),
                hint="make the file writable for yourself, or name another one: UserKnownHostsFile in ~/.ssh/config "
                "or in the file of TURNOUT_SSH_CONFIG",
            ) from error
        return file


def _no_list(file: str, reason: str) -> ConnectError:
    return ConnectError(
        f"RevokedHostKeys {file} cannot be read: no host key is trusted",
        detail=reason,
        hint="repair the file, or remove the line from the ssh_config",
    )


def _text_lines(file: Path) -> list[str]:
    try:
        # Only these two end a line and part words, as for OpenSSH: a comment must not become a key.
        return [line.strip(" \t\r") for line in read_small(file, MOST_BYTES).decode("utf-8", "replace").split("\n")]
    except OSError:
        return []


def _names(pattern: str, host: str) -> bool:
    """Whether a name as known_hosts writes it, plain, with `*` and `?`, or hashed, matches a host."""
    if pattern.startswith("|1|"):
        try:
            return bool(paramiko.HostKeys.hash_host(host, pattern) == pattern)
        except Exception:  # a text that is not a hash makes base64 raise all kinds of errors
            return False
    return fnmatch.fnmatchcase(host, pattern.replace("[", "[[]"))


def _about(names: Sequence[str], host: str) -> bool:
    """Whether a line with these names, patterns and hashed names is about a host."""
    refused = [name[1:] for name in names if name.startswith("!")]
    return any(_names(name, host) for name in names) and not any(_names(name, host) for name in refused)


def _key(words: Sequence[str]) -> paramiko.PKey | None:
    """The key of a line's names, type and base64, or None where OpenSSH would not understand the line either."""
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(" ".join(words[:3]))
    except Exception:  # paramiko raises its own and bare exceptions
        return None
    return entry.key if entry else None


def fingerprint(key: paramiko.PKey) -> str:
    """As OpenSSH shows it: `SHA256:` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).rstrip(b"=").decode()
