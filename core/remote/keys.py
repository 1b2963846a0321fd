"""Private keys and certificates: what lies in files, what an agent holds, and in which order OpenSSH offers it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import os
import socket
from collections.abc import Iterator
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from msgspec import Struct, field
from paramiko.agent import ALGORITHM_FLAG_MAP, SSH2_AGENT_SIGN_RESPONSE, AgentKey, AgentSSH
from paramiko.message import Message
from paramiko.pkey import PublicBlob

from core.files import read_small
from core.remote.knownhosts import fingerprint
from core.sshconfig import Options

AGENT_WITHIN = 60.0
"""Seconds for an answer of the agent: a person may have to confirm the use of a key."""
_SIGN = b"\x0d"
"""draft-miller-ssh-agent: SSH_AGENTC_SIGN_REQUEST."""
_CERTIFICATE = "-cert-v01@openssh.com"
_OPENSSH = b"openssh-key-v1\0"
_BEGIN = "-----BEGIN "
_CLASSES = {"ssh-rsa": paramiko.RSAKey, "ssh-ed25519": paramiko.Ed25519Key}


class Unusable(Exception):
    """A key that cannot be offered; the text says why."""


class Candidate(Struct):
    """A key that can be offered to a server.

    name     for people: the file, or the comment that the agent has
    blob     its public half, b"" where that is known only once the file is read
    path     of the private half; "" where the agent holds it
    certificate   what is offered in place of the public half
    """

    name: str
    blob: bytes
    path: str = ""
    agent_key: AgentKey | None = None
    certificate: PublicBlob | None = None
    named: bool = True

    def load(self) -> paramiko.PKey:
        """The key with its private half. Unusable with the reason."""
        key: paramiko.PKey = self.agent_key if self.agent_key is not None else private_key(self.path)
        key.public_blob = self.certificate
        return key


class Keyring(Struct):
    """All that can be offered, in OpenSSH's order. `notes`: what cannot, and why, for the case that nothing does."""

    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def keyring(options: Options, agent: Agent | None) -> Keyring:
    """As sshconnect2.c's pubkey_prepare: certificates named, agent keys that files name, other agent keys, files."""
    ring = Keyring()
    files: list[Candidate] = []
    first: list[Candidate] = []
    for path, named in options.identity_files:
        files += _of_file(path, named, ring.notes)
        # What turnout.toml itself names goes before everything else.
        first = first or (files[:] if options.target.identity else [])
    held = {key.blob: key for key in agent.keys} if agent else {}
    if agent and agent.trouble:
        ring.notes.append(agent.trouble)
    preferred: list[Candidate] = []
    for path in options.certificate_files:
        preferred += _of_certificate(path, files, held, ring.notes)
    taken: set[bytes] = set()
    for blob, key in held.items():
        matching = [one for one in files if one.certificate is None and one.blob == blob]
        for one in matching:
            one.agent_key = key
            taken.add(blob)
        for one in files:
            if one.certificate is not None and blob in (_plain(one.certificate), one.certificate.key_blob):
                one.agent_key = key
                taken |= {blob} if blob == one.certificate.key_blob else set()
    by_agent = [one for blob in held for one in files if one.agent_key is not None and one.agent_key is held[blob]]
    others = [_of_agent(blob, key) for blob, key in held.items() if blob not in taken]
    rest = [one for one in files if one.agent_key is None]
    order = [*first, *preferred, *by_agent, *([] if options.yes("identitiesonly") else others), *rest]
    seen: list[Candidate] = []
    for one in order:
        if not any(one is other for other in seen):
            seen.append(one)
    ring.candidates = [one for one in seen if _allowed(one, options, ring.notes)]
    return ring


def _allowed(one: Candidate, options: Options, notes: list[str]) -> bool:
    """Whether PubkeyAcceptedAlgorithms and RequiredRSASize let a key be offered."""
    accepted = options.chosen("pubkeyacceptedalgorithms")
    kind = one.certificate.key_type if one.certificate else _kind(one.blob)
    if accepted and kind:
        names = [f"rsa-sha2-{bits}{kind[7:]}" for bits in (512, 256)] if kind.startswith("ssh-rsa") else [kind]
        if not any(name in accepted for name in names):
            notes.append(f"{one.name}: PubkeyAcceptedAlgorithms has no {kind}")
            return False
    if kind == "ssh-rsa" and paramiko.RSAKey(data=one.blob).get_bits() < options.number("requiredrsasize", 1024):
        notes.append(f"{one.name}: shorter than RequiredRSASize")
        return False
    return True


def _of_file(path: str, named: bool, notes: list[str]) -> Iterator[Candidate]:
    """A file of IdentityFile as a candidate, and another one with the certificate beside it."""
    blob, private = _public_half(path)
    if not blob and not private:
        if named:
            notes.append(f"{path}: no such key" if not os.path.exists(path) else f"{path}: it is not a key")
        return
    yield Candidate(path, blob, path if private else "", named=named)
    certificate = _certificate(f"{path}-cert.pub")
    if certificate is not None:
        yield Candidate(f"{path}-cert.pub", blob, path if private else "", certificate=certificate, named=named)


def _of_agent(blob: bytes, key: AgentKey) -> Candidate:
    """A key of the agent that no file names; where it is a certificate, it is offered as one."""
    kind = _kind(blob)
    certificate = PublicBlob(kind, blob) if kind.endswith(_CERTIFICATE) else None
    return Candidate(key.comment or "agent", blob, agent_key=key, certificate=certificate)


def _of_certificate(
    path: str, files: list[Candidate], held: dict[bytes, AgentKey], notes: list[str]
) -> Iterator[Candidate]:
    certificate = _certificate(path)
    if certificate is None:
        notes.append(f"{path}: no such certificate")
        return
    plain = _plain(certificate)
    if plain in held:
        yield Candidate(path, plain, agent_key=held[plain], certificate=certificate)
    for one in files:
        if one.certificate is None and one.path and one.blob == plain:
            yield Candidate(path, plain, one.path, certificate=certificate)
            return
    if plain not in held:
        notes.append(f"{path}: its private key is neither in an IdentityFile nor in an agent")


def _public_half(path: str) -> tuple[bytes, bool]:
    """The public half of a key file, b"" where it cannot be read, and whether the private half is there."""
    try:
        text = read_small(path).decode("ascii", "replace")
    except OSError:
        return _public_line(f"{path}.pub"), False
    if not text.lstrip().startswith(_BEGIN):
        return _public_line(path), False
    try:
        raw = base64.b64decode("".join(line for line in text.split("\n") if ":" not in line and "-----" not in line))
        if raw.startswith(_OPENSSH):
            message = Message(raw[len(_OPENSSH) :])
            for _ in range(3):  # cipher, key derivation, its options
                message.get_binary()
            message.get_int()
            blob: bytes = message.get_binary()
            return blob, True
    except (binascii.Error, ValueError):
        pass
    return _public_line(f"{path}.pub"), True


def _public_line(path: str) -> bytes:
    try:
        return base64.b64decode(read_small(path).decode("ascii", "replace").split()[1], validate=True)
    except (OSError, IndexError, binascii.Error):
        return b""


def _certificate(path: str) -> PublicBlob | None:
    try:
        found = PublicBlob.from_string(read_small(path).decode("ascii", "replace"))
    except (OSError, ValueError, IndexError, binascii.Error):
        return None
    return found if found.key_type.endswith(_CERTIFICATE) else None


def _kind(blob: bytes) -> str:
    return Message(blob).get_text() if blob else ""


def _plain(certificate: PublicBlob) -> bytes:
    """The public half that a certificate is about (PROTOCOL.certkeys: type, nonce, then the key's own fields)."""
    message = Message(certificate.key_blob)
    kind = message.get_text().removesuffix(_CERTIFICATE)
    message.get_binary()
    plain = Message()
    plain.add_string(kind)
    for _ in range({"ssh-rsa": 2, "ssh-ed25519": 1}.get(kind, 2)):
        plain.add_string(message.get_binary())
    return bytes(plain.asbytes())


def private_key(path: str) -> paramiko.PKey:
    """The private key of a file. Unusable where it needs a passphrase, a device, or is none."""
    try:
        text = read_small(path).decode("ascii", "replace")
    except OSError as error:
        raise Unusable(error.strerror or str(error)) from None
    blob, _ = _public_half(path)
    try:
        if "BEGIN OPENSSH" not in text:
            text = _as_openssh(text)
            kind = ""
        else:
            kind = _kind(blob)
        return _class_of(kind, text).from_private_key(io.StringIO(text))
    except (paramiko.PasswordRequiredException, TypeError):
        raise Unusable("it needs a passphrase: ssh-add it") from None
    except UnsupportedAlgorithm as error:
        raise Unusable(str(error)) from None
    except (paramiko.SSHException, ValueError, IndexError) as error:
        raise Unusable(str(error) or "it is not a private key") from None


def _class_of(kind: str, text: str) -> Any:
    if not kind:
        raw = base64.b64decode("".join(line for line in text.split("\n") if "-----" not in line))
        message = Message(raw[len(_OPENSSH) :])
        for _ in range(3):
            message.get_binary()
        message.get_int()
        kind = _kind(message.get_binary())
    if kind.startswith("sk-"):
        raise Unusable("it is a security key: load it into the agent (ssh-add)")
    if kind.startswith("ecdsa-sha2-"):
        return paramiko.ECDSAKey
    if kind in _CLASSES:
        return _CLASSES[kind]
    raise Unusable(f"Turnout does not support {kind}")


def _as_openssh(text: str) -> str:
    """A private key of another form (PEM, PKCS #8) in OpenSSH's. TypeError where it needs a passphrase."""
    key = serialization.load_pem_private_key(text.encode("ascii", "replace"), password=None)
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")


class _AgentKey(AgentKey):  # type: ignore[misc]
    """A key that the agent may refuse to use: then the server gets an invalid signature, and the next key is tried.

    An exception would end the connection: paramiko signs on the thread that reads from the server.
    """

    refused = False

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> bytes:
        # For a certificate the agent is asked by the plain key first: old agents sign with SHA-1 for the other.
        for blob in dict.fromkeys((self.asbytes(), self.blob)):
            with contextlib.suppress(paramiko.SSHException, OSError):
                return self._signed(blob, data, algorithm)
        self.refused = True
        nothing = Message()
        nothing.add_string(algorithm or self.get_name())
        nothing.add_string(b"\0" * 64)
        return bytes(nothing.asbytes())

    def _signed(self, blob: bytes, data: bytes, algorithm: str | None) -> bytes:
        asked = Message()
        asked.add_byte(_SIGN)
        asked.add_string(blob)
        asked.add_string(data)
        asked.add_int(ALGORITHM_FLAG_MAP.get(algorithm, 0))
        kind, answer = self.agent._send_message(asked)
        if kind != SSH2_AGENT_SIGN_RESPONSE:
            raise paramiko.SSHException("the agent does not sign")
        return bytes(answer.get_binary())


class Agent:
    """The SSH agent behind a socket. `keys`: what it holds; `trouble`: why it could not be asked, "" where it was."""

    def __init__(self, path: str) -> None:
        self.keys: tuple[AgentKey, ...] = ()
        self.trouble = ""
        self._agent = AgentSSH()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(AGENT_WITHIN)
        try:
            self._socket.connect(path)
            self._agent._connect(self._socket)
            self.keys = tuple(_AgentKey(self._agent, key.blob, key.comment) for key in self._agent.get_keys())
        except (OSError, ValueError, paramiko.SSHException) as error:
            self.trouble = f"the agent at {path} does not answer: {error}"

    def close(self) -> None:
        self._socket.close()


def shown(one: Candidate, key: paramiko.PKey) -> str:
    """A key for people: its name, type and fingerprint."""
    return f"{one.name} ({key.get_name()} {fingerprint(key)})"
