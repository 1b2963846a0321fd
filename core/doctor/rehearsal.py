"""A deploy rehearsed on one server: every request, channel and program that a real one needs, with a tiny release.

It takes place in an empty deploy root of its own on the same file system (doctor.sh's `examine` makes it), so it needs
no lock and disturbs no operation. The folder is removed however it ends.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import paramiko

from core import layout
from core.checks import log
from core.checks.http import address
from core.checks.subject import Subject
from core.config import Check, Project
from core.config.check_values import PORT
from core.doctor.finding import ERROR, OK, WARNING, Finding
from core.errors import ConnectError, NoChannel, ServerError, TurnoutError
from core.events import unheard
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, Manifest, link
from core.pending import Pending
from core.protocol.requests import Settles
from core.records import Lock, Record, ServerState
from core.remote.command import run as run_command
from core.remote.held import Held
from core.remote.session import Session
from core.remote.transport import BROKEN
from core.remote.upload import Upload
from core.shape import shape_digest
from core.site import ServerSite
from core.tar.compression import PLAIN, compressed, packer
from core.tar.writer import END, header, padding
from core.text import clean

TAG = "rehearsal"
BEFORE = layout.release("none")
"""Where `current` points in the rehearsal's root at first: the switch has to replace a link."""
PATIENCE = 600
"""Seconds after which the rehearsal's own lock counts as left; the whole takes a second."""
HOOK_SECONDS = 20.0
TUNNEL_SECONDS = 10.0
PROHIBITED = 1
"""The reason with which sshd refuses a channel that its configuration forbids (RFC 4254, section 5.1)."""

_CONTENTS = {b"page/index.html": b"rehearsal\n", b"start": b"#!/bin/sh\nexit 0\n"}
_TARGET = b"page/index.html"
_CACHE = f"{layout.CACHE}/".encode()


def _tree() -> Manifest:
    entries: dict[bytes, Entry] = {b"page": FOLDER_ENTRY, b"latest": link(_TARGET)}
    for path, content in _CONTENTS.items():
        kind = EXECUTABLE if path == b"start" else FILE
        entries[path] = Entry(kind, len(content), hashlib.sha256(content).hexdigest())
    return Manifest(entries)


def _stream(manifest: Manifest) -> bytes:
    """The tar stream of the tree and its manifest."""
    now = int(time.time())
    parts = [header(_CACHE + b"page/", b"5", 0o755, 0, now)]
    for path, content in {**_CONTENTS, b"": manifest.raw}.items():
        name = _CACHE + path if path else f"{layout.INCOMING}/manifest".encode()
        mode = 0o755 if path == b"start" else 0o644
        parts += [header(name, b"0", mode, len(content), now), content, padding(len(content))]
    parts += [header(_CACHE + b"latest", b"2", 0o777, 0, now, _TARGET), END]
    return b"".join(parts)


def runs_commands(project: Project, *, first: bool) -> bool:
    """Whether an operation runs hooks or checks on a server, each over a channel of its own; `first`: of its fleet."""
    where = ("server", "first-server") if first else ("server",)
    hooks = any(hook.run and hook.where in where for hook in project.hooks)
    return hooks or any(check.run for check in project.checks)


def rehearse(
    session: Session, project: Project, state: ServerState, folder: str, *, commands: bool
) -> Iterator[Finding]:
    """Rehearse a deploy in `folder`; a finding for each part, up to the first that does not work.

    commands   hooks or checks run commands on this server
    """
    try:
        yield from _rehearse(session.rehearsal(folder), project, state, commands)
    except ConnectError as error:
        yield _failed("connection", error)
    finally:
        with suppress(ConnectError):
            session.forget(folder)


def _rehearse(session: Session, project: Project, state: ServerState, commands: bool) -> Iterator[Finding]:
    owner = Lock(operation=secrets.token_hex(6), kind="doctor", who="doctor")
    try:
        held = Held.take(session, secrets.token_hex(16), owner, PATIENCE)
    except ConnectError:
        raise
    except TurnoutError as error:
        yield _failed("begin", error)
        return
    # As in a deploy, the channel of the upload is open while a command may run.
    try:
        upload = held.upload()
    except NoChannel as error:
        yield _too_few(1, 3 if commands else 2, error)
        return
    try:
        yield from _carry_out(held, project, state, upload, commands=commands)
    finally:
        upload.give_up()


def _carry_out(
    held: Held, project: Project, state: ServerState, upload: Upload, *, commands: bool
) -> Iterator[Finding]:
    """A command while the upload's channel is open, then the release."""
    needed = 3 if commands else 2
    if commands:
        try:
            ended = run_command(held.session, "exit 0", held.root, {}, HOOK_SECONDS, _ignore, Cancel(), project.mask)
        except NoChannel as error:
            yield _too_few(2, needed, error)
            return
        if ended.status != 0:
            text = f"a command that does nothing did not end with status 0: {_how(ended.status, ended.late)}"
            yield Finding("hooks", ERROR, text, "hooks and checks cannot run there: look at the user's login shell")
            return
    yield Finding("sessions", OK, f"{needed} at the same time, as many as a deploy needs")
    try:
        yield from _release(held, project, state, upload, commands=commands)
    except TurnoutError as error:
        yield _failed(error.phase or "release", error)


def _release(held: Held, project: Project, state: ServerState, upload: Upload, *, commands: bool) -> Iterator[Finding]:
    """Send, make, switch to, and finish a tiny release; errors have as their phase what did not work."""
    manifest = _tree()
    raw = _stream(manifest)
    if project.store:
        from core.doctor.store import store  # few projects have a store

        yield from store(held, project, state, manifest, raw)
    unpack = packer(state.features)
    if unpack != PLAIN:
        raw = compressed(raw, unpack, state.rtt)
    cancel = Cancel()
    record = Record(
        tag=TAG, seq=1, created=time.time(), digest=manifest.digest, bytes=manifest.bytes, files=manifest.files
    )
    try:
        upload.begin(held.root, held.token, unpack, (), wipe=False)
        upload.send(raw)
        upload.finish()
    except TurnoutError as error:
        if unpack != PLAIN:
            error.hint = f"is {unpack} there what it should be? `echo it works | {unpack} | {unpack} -d` shows it"
        raise error.at(phase="upload") from None
    packed = "uncompressed: there is neither zstd nor gzip" if unpack == PLAIN else f"compressed with {unpack}"
    yield Finding("upload", OK, f"files arrive, {packed}")
    try:
        held.stage(
            TAG,
            project.deploy.copy_mode,
            manifest,
            shape_digest(manifest),
            record,
            (),
            complete=not commands,
            cancel=cancel,
        )
        if commands:
            held.complete(TAG)
    except TurnoutError as error:
        raise error.at(phase="release") from None
    if commands:
        yield from _command(held, project)
    try:
        held.switch(TAG, BEFORE, "{}")
    except TurnoutError as error:
        raise error.at(phase="switch") from None
    try:
        held.finish(Settles.NONE, "")
    except TurnoutError as error:
        raise error.at(phase="finish") from None
    yield Finding("rehearsal", OK, "a small release was made, switched to and removed, in a folder of its own")


def _command(held: Held, project: Project) -> Iterator[Finding]:
    """A command in the release's folder, as hooks run there."""
    folder = f"{held.root}/{layout.release(TAG)}"
    said: list[str] = []
    # Whether `start` can be run is a finding of its own: a hook may run scripts as `sh script` only.
    command = "[ -L latest ] && read -r line < latest && [ -f start ]"
    ended = run_command(
        held.session, command, folder, {}, HOOK_SECONDS, said.append, Cancel(), project.mask, token=held.token
    )
    if ended.status != 0:
        text = f"a command in a release's folder fails: {_how(ended.status, ended.late)}"
        detail = project.mask.line("; ".join(said[-3:]), 300)
        raise ServerError(text, detail=detail, phase="hooks")
    yield Finding("hooks", OK, "a command runs in a release's folder")


def logs(session: Session, project: Project, checks: Sequence[Check]) -> Iterator[Finding]:
    """Whether the logs of checks can be counted, as the checks do it; those in a release only once there is one."""
    site = ServerSite(session.name, unheard, Cancel(), project.mask, session, "")
    for check in checks:
        if check.log is None or not check.log.startswith("/"):
            continue
        try:
            counted = log.count(site, check, Subject("/", {}))
        except (ConnectError, ServerError) as error:
            counted = error.title
        if isinstance(counted, str):
            hint = "the login user must be able to read it (a group such as adm), and the server needs awk"
            yield Finding("checks", ERROR, counted, hint)
        else:
            yield Finding("checks", OK, f"answers in {check.log} can be counted")


def tunnels(session: Session, checks: Sequence[Check]) -> Iterator[Finding]:
    """Whether checks get through: each address that one reaches by a tunnel, asked as the check does it."""
    complete = (check.http for check in checks if check.http and not isinstance(check.http, Pending))
    urls = (url for url in complete if PORT not in url)
    for host, port in dict.fromkeys(address(urlsplit(url)) for url in urls):
        try:
            session.connection.tunnel(host, port, TUNNEL_SECONDS).close()
        except paramiko.ChannelException as error:
            if error.code == PROHIBITED:
                text = f"sshd forbids forwarding to {host}:{port}, which http checks need"
                hint = (
                    "in its sshd_config: AllowTcpForwarding local, and no PermitOpen that forbids it; or a `run` check"
                )
                yield Finding("checks", ERROR, text, hint)
            else:
                yield _silent(host, port, error.text)
        except (ConnectError, *BROKEN) as error:
            yield _silent(host, port, str(error))
        else:
            yield Finding("checks", OK, f"{host}:{port} accepts connections")


def _silent(host: str, port: int, reason: str) -> Finding:
    text = f"nothing accepts connections at {host}:{port} on the server now: {clean(reason, 200) or 'no answer'}"
    return Finding("checks", WARNING, text, "the http check passes only if something listens there after the switch")


def _too_few(had: int, needed: int, error: TurnoutError) -> Finding:
    text = f"the server opened {had} of the {needed} sessions that a deploy needs at the same time: {error.detail}"
    return Finding("sessions", ERROR, text, f"in its sshd_config: MaxSessions {needed} or more (10 is the default)")


def _failed(topic: str, error: TurnoutError) -> Finding:
    """What a part of the rehearsal ended with."""
    text = f"{error.title}: {'; '.join(error.detail.splitlines())}" if error.detail else error.title
    return Finding(topic, ERROR, text, error.hint if "doctor" not in error.hint else "")


def _how(status: int | None, late: bool) -> str:
    if late:
        return f"did not end within {HOOK_SECONDS:.0f} s"
    return "it was ended by a signal" if status is None else f"status {status}"


def _ignore(line: str) -> None:
    """The output of a command that does nothing is not shown."""
