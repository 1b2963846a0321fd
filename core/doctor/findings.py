"""What a server's state and the answer to `examine` mean for the next deploy (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from core.doctor.finding import ERROR, OK, WARNING, Finding
from core.planner import adoption
from core.records import ServerState
from core.text import clean, count, decode_path, duration, size

FEW_BYTES = 512 << 20
FEW_INODES = 20_000
CLOCK_LIMIT = 60.0
"""Seconds of difference between a server's clock and ours that are worth a warning: ages on screens are off by it."""


def findings(state: ServerState, lines: Iterable[str], rtt: float) -> list[Finding]:
    """What a state and the lines of agent.sh's `examine` mean (pure)."""
    facts: dict[str, str] = {}
    missing = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "shared-missing":
            missing.append(clean(decode_path(rest).decode("utf-8", "backslashreplace")))
        elif word in ("user", "shell", "tar", "switch"):
            facts[word] = clean(rest, 200)
    found = [
        Finding("host key", OK, "known"),
        Finding("login", OK, f"as {facts.get('user', 'an unnamed user')}, a round trip takes {rtt * 1000:.0f} ms"),
        _root(state),
        _current(state),
        _switch(state, facts.get("switch", "")),
        Finding("tar", OK, facts["tar"]) if "tar" in state.features else _no_tar(),
        _checksums(state),
        _bytes(state),
        _inodes(state),
        _clock(state),
    ]
    for path in missing:
        hint = "a folder is made; a file has to be put there unless the first release brings it"
        found.append(Finding("shared", WARNING, f"shared/{path} does not exist yet", hint))
    if state.lock:
        found.append(Finding("lock", WARNING, state.lock.describe(), "an operation is at work"))
    found += [Finding("records", WARNING, fault) for fault in state.faults]
    return found


def _root(state: ServerState) -> Finding:
    if not state.exists:
        if "writable" in state.features:
            return Finding("deploy root", OK, f"{state.root} does not exist yet; the first deploy makes it")
        hint = f"as an administrator there: mkdir -p {state.root} && chown USER {state.root}"
        return Finding("deploy root", ERROR, f"{state.root} is no folder to go into, and cannot be made", hint)
    if "writable" not in state.features:
        return Finding(
            "deploy root", ERROR, f"{state.root} is not writable", f"chown it to the user who logs in: {state.root}"
        )
    return Finding("deploy root", OK, f"{state.root} is writable")


def _current(state: ServerState) -> Finding:
    present = sum(release.present for release in state.releases.values())
    if state.current_kind == "link":
        return Finding(
            "current", OK, f"leads to {state.current or state.current_target}, of {count(present, 'release')}"
        )
    if state.current_kind == "absent":
        return Finding("current", OK, "there is none yet")
    if state.current_kind == "dangling":
        return Finding(
            "current", WARNING, f"leads to {clean(state.current_target)}, which does not exist", "roll back or deploy"
        )
    if state.current_kind == "elsewhere":
        return Finding(
            "current",
            WARNING,
            f"leads to {clean(state.current_target)}, outside releases/",
            "a deploy replaces the link",
        )
    hint = adoption(state)
    return Finding("current", ERROR, f"is a {state.current_kind}, not a link", hint)


def _switch(state: ServerState, way: str) -> Finding:
    if way in ("mv -T", "mv -h"):
        return Finding("switch", OK, f"one rename, by {way}")
    if not state.exists:
        return Finding("switch", OK, "is tried when the deploy root exists")
    return Finding(
        "switch", ERROR, "mv can replace a link neither with -T nor with -h", "install coreutils or a newer BusyBox"
    )


def _no_tar() -> Finding:
    return Finding("tar", ERROR, "there is no tar", "install it: files arrive as a tar stream")


def _checksums(state: ServerState) -> Finding:
    if state.features & {"sha256sum", "shasum"}:
        return Finding("checksums", OK, "the server can compare what it has")
    hint = "install coreutils; until then an interrupted upload is sent whole again"
    return Finding("checksums", WARNING, "neither sha256sum nor shasum is there", hint)


def _bytes(state: ServerState) -> Finding:
    if state.free_bytes < 0:
        return Finding("space", WARNING, "the server does not tell how much is free")
    level = WARNING if state.free_bytes < FEW_BYTES else OK
    return Finding("space", level, f"{size(state.free_bytes)} free", "prune releases" if level == WARNING else "")


def _inodes(state: ServerState) -> Finding:
    if state.free_inodes < 0:
        return Finding("inodes", OK, "the file system has no fixed number")
    level = WARNING if state.free_inodes < FEW_INODES else OK
    return Finding("inodes", level, f"{state.free_inodes:,} free", "prune releases" if level == WARNING else "")


def _clock(state: ServerState) -> Finding:
    skew = abs(state.clock_skew)
    if skew < CLOCK_LIMIT:
        return Finding("clock", OK, "agrees with ours" if skew < 2 else f"differs from ours by {duration(skew)}")
    ahead = "ahead of" if state.clock_skew > 0 else "behind"
    return Finding(
        "clock",
        WARNING,
        f"{duration(skew)} {ahead} ours",
        "run NTP there; Turnout orders releases by number, not by time",
    )
