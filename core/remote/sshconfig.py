"""The person's own OpenSSH configuration, and the host keys that it trusts."""

from __future__ import annotations

import base64
import fnmatch
import glob
import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from core.errors import ConnectError

SSH_CONFIG_VARIABLE = "TURNOUT_SSH_CONFIG"
"""Environment variable: an ssh_config file that is read instead of ~/.ssh/config and /etc/ssh/ssh_config."""


def read_ssh_config(environ: Mapping[str, str]) -> paramiko.SSHConfig:
    """The merged configuration, `Include` resolved (paramiko does not). Missing files are empty."""
    named = environ.get(SSH_CONFIG_VARIABLE)
    files = [Path(named)] if named else [Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")]
    text = "\n".join(line for file in files for line in _lines(file, file.parent, depth=0))
    try:
        return paramiko.SSHConfig.from_text(text)
    except Exception as error:  # paramiko raises its own and bare exceptions for a line it cannot read
        raise ConnectError(
            "the ssh_config cannot be read",
            detail=f"{', '.join(map(str, files))}: {error}",
            hint="`ssh -G HOST` shows the line",
        ) from error


def _lines(file: Path, folder: Path, *, depth: int) -> Iterator[str]:
    """A configuration file's lines with `Include` replaced by what it names; a `Host *` ends each file's last block."""
    try:
        lines = file.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.strip().replace("=", " ", 1).split(None, 1)
        if len(words) == 2 and words[0].lower() == "include" and depth < 16:
            for pattern in shlex.split(words[1]):
                path = Path(pattern).expanduser()
                for name in sorted(glob.glob(str(path if path.is_absolute() else folder / path))):
                    yield from _lines(Path(name), folder, depth=depth + 1)
        else:
            yield line
    if depth == 0:
        yield "Host *"


TRUSTED, UNKNOWN, CHANGED, REVOKED = "trusted", "unknown", "changed", "revoked"
"""What known_hosts says of a key."""


@dataclass(frozen=True)
class KnownKey:
    """A key in a line of known_hosts; `marker` is "", `@revoked` or `@cert-authority`."""

    key: paramiko.PKey
    marker: str
    file: Path
    number: int

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True)
class Standing:
    """What known_hosts says of a key, and the lines that say it; of an unknown one the certificate authorities."""

    word: str
    lines: tuple[KnownKey, ...] = ()


@dataclass(frozen=True)
class HostKeys:
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

    def __init__(self, options: Mapping[str, Any], host: str, port: int) -> None:
        user = str(options.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"))
        shared = str(options.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"))
        self._user_files = [Path(word).expanduser() for word in shlex.split(user) if word.lower() != "none"]
        self._files = self._user_files + [Path(word) for word in shlex.split(shared) if word.lower() != "none"]
        self._hashed = str(options.get("hashknownhosts", "no")).lower() == "yes"
        alias = options.get("hostkeyalias")
        self.name = str(alias or (host if port == 22 else f"[{host}]:{port}")).lower()
        """The name under which known_hosts has the host: `web1`, `[127.0.0.1]:2222`, or the HostKeyAlias."""
        self._without_port = host.lower() if port != 22 and not alias else ""

    def read(self) -> HostKeys:
        """What the files say of this host now; nothing where nobody has accepted a key yet."""
        named: list[KnownKey] = []
        without_port: list[KnownKey] = []
        for file in self._files:
            for number, line in enumerate(_text_lines(file), 1):
                words = line.split()
                marker = words.pop(0) if words and words[0] in ("@revoked", "@cert-authority") else ""
                if len(words) < 3 or words[0][0] in "#@":
                    continue
                names = words[0].lower().split(",") if not words[0].startswith("|") else [words[0]]
                for name, found in ((self.name, named), (self._without_port, without_port)):
                    key = _key(words) if name and _about(names, name) else None
                    if key is not None:
                        found.append(KnownKey(key, marker, file, number))
        return HostKeys(tuple(named), tuple(without_port))

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
                hint="make the file yours to write, or name another one: UserKnownHostsFile in ~/.ssh/config",
            ) from error
        return file


def _text_lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _names(pattern: str, host: str) -> bool:
    """Whether a name as known_hosts writes it, plain, with `*` and `?`, or hashed, stands for a host."""
    if pattern.startswith("|1|"):
        try:
            return bool(paramiko.HostKeys.hash_host(host, pattern) == pattern)
        except Exception:  # what is no hash raises whatever base64 makes of it
            return False
    return fnmatch.fnmatchcase(host, pattern.replace("[", "[[]"))


def _about(names: Sequence[str], host: str) -> bool:
    """Whether a line with these names, patterns and hashed names is about a host."""
    refused = [name[1:] for name in names if name.startswith("!")]
    return any(_names(name, host) for name in names) and not any(_names(name, host) for name in refused)


def _key(words: Sequence[str]) -> paramiko.PKey | None:
    """The key of a line's names, type and base64, or None where it makes no sense, as for OpenSSH."""
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(" ".join(words[:3]))
    except Exception:  # paramiko raises its own and bare exceptions
        return None
    return entry.key if entry else None


def fingerprint(key: paramiko.PKey) -> str:
    """As OpenSSH shows it: `SHA256:` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).rstrip(b"=").decode()
