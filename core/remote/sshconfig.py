"""The person's own OpenSSH configuration, and the host keys that it trusts."""

from __future__ import annotations

import base64
import fnmatch
import glob
import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping
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


class KnownHosts:
    """The known_hosts files that hold for one host of the configuration."""

    def __init__(self, options: Mapping[str, Any], host: str, port: int) -> None:
        user = str(options.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2"))
        shared = str(options.get("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"))
        self._user_files = [Path(word).expanduser() for word in shlex.split(user) if word.lower() != "none"]
        self._files = self._user_files + [Path(word) for word in shlex.split(shared) if word.lower() != "none"]
        self._hashed = str(options.get("hashknownhosts", "no")).lower() == "yes"
        alias = options.get("hostkeyalias")
        self.name = str(alias) if alias else host if port == 22 else f"[{host}]:{port}"
        """The name under which known_hosts has the host: `web1`, `[127.0.0.1]:2222`, or the HostKeyAlias."""

    def keys(self) -> dict[str, paramiko.PKey]:
        """The host's trusted keys by type; empty where nobody has accepted one yet."""
        found: dict[str, paramiko.PKey] = {}
        for line in (line for file in self._files for line in _text_lines(file)):
            names, _, rest = line.strip().partition(" ")
            if rest and names[0] not in "#@" and self._named_by(names.split(",")):
                key = _key(line)
                if key is not None:
                    found.setdefault(key.get_name(), key)
        return found

    def _named_by(self, names: list[str]) -> bool:
        """Whether a line with these names, patterns and hashed names is about this host."""
        refused = [name[1:] for name in names if name.startswith("!")]
        return any(_names(name, self.name) for name in names) and not any(_names(name, self.name) for name in refused)

    def line(self, key: paramiko.PKey) -> str:
        """The line that known_hosts gets for a key."""
        name = paramiko.HostKeys.hash_host(self.name) if self._hashed else self.name
        return f"{name} {key.get_name()} {key.get_base64()}"

    def add(self, line: str) -> Path:
        """Append a line to the person's first known_hosts file; makes it (0600) and its folder (0700)."""
        if not self._user_files:
            raise ConnectError("the ssh_config names no UserKnownHostsFile to write to")
        file = self._user_files[0]
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b") as stream:
            stream.seek(0, os.SEEK_END)
            end = stream.tell()
            stream.seek(max(end - 1, 0))
            gap = b"" if end == 0 or stream.read(1) == b"\n" else b"\n"
            stream.write(gap + line.encode() + b"\n")
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


def _key(line: str) -> paramiko.PKey | None:
    """The key in a line of known_hosts, or None where the line makes no sense, as for OpenSSH."""
    try:
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
    except Exception:  # paramiko raises its own and bare exceptions
        return None
    return entry.key if entry else None


def fingerprint(key: paramiko.PKey) -> str:
    """As OpenSSH shows it: `SHA256:` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).rstrip(b"=").decode()
