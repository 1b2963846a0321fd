"""What a server's state and the answer to `examine` mean for the next deploy (pure)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from core import layout
from core.doctor.filesystems import file_systems
from core.doctor.finding import ERROR, OK, WARNING, Finding
from core.manifest import EMPTY
from core.planner.oddities import adoption, cache_refusal, current_refusal
from core.protocol.facts import Facts, reason
from core.records import ServerState
from core.shared import SharedPath, left_command
from core.text import clean, count, duration, size

FEW_BYTES = 512 << 20
FEW_INODES = 20_000
CLOCK_LIMIT = 60.0
"""Seconds of difference between a server's clock and ours that are worth a warning: ages on screens are off by it."""


NEEDED = (
    *("mv", "cp", "ln", "rm", "mkdir", "touch", "chmod", "find", "readlink", "date", "sleep"),
    *("cat", "sed", "grep", "cut", "head", "tail", "wc", "tr"),
)
"""Programs without which no operation can run."""
FOLLOWS = (
    ("sort", ERROR, "a change cannot be merged into the manifest"),
    ("od", WARNING, "file names with white space or non-ASCII letters cannot be read"),
    ("sync", WARNING, "a release may be incomplete on the disk when the power fails right after a deploy"),
    ("xargs", WARNING, "an interrupted upload is sent whole again, and `turnout verify` does not work"),
    ("du", WARNING, "a prune cannot say how much it frees"),
)
"""What follows where one of the others is not there."""


def findings(
    state: ServerState, facts: Facts, copy_mode: str, rtt: float, *, commands: bool = False, login: str = ""
) -> list[Finding]:
    """What a state and what was tried beyond it mean.

    commands   hooks or checks run commands on this server
    login      the user who logs in, where Turnout works as another one
    """
    user = facts.user or "the user who logs in"
    found = [
        Finding("host key", OK, "known"),
        Finding("login", OK, f"as {login or user}, a round trip takes {rtt * 1000:.0f} ms"),
        *([Finding("sudo", OK, f"{login} works as {user}")] if login else []),
        *_root(state, facts, user),
        *_group(facts),
        _current(state),
        *_links(state),
        *_theirs(state),
        *_switch(facts),
        *_tools(facts),
        Finding("tar", OK, facts.tar) if "tar" in state.features else _no_tar(),
        _checksums(state),
        *file_systems(state, copy_mode),
        *_copies(facts, copy_mode),
        *_programs(facts, commands),
        _bytes(state),
        _inodes(state),
        _clock(state),
    ]
    if state.lock:
        hint = (
            "an operation is running; these checks did not touch it"
            if state.lock.alive
            else "its process has died; the next operation takes over the lock"
        )
        found.append(Finding("lock", WARNING, state.lock.describe(), hint))
    found += [Finding("records", WARNING, fault) for fault in state.faults]
    return found


def _theirs(state: ServerState) -> Iterator[Finding]:
    """What another tool is doing, or counts on, where an operation would change something."""
    for lock in state.their_locks:
        hint = f"if it is not running any more: rm {shlex.quote(f'{state.root}/{lock.path}')}"
        yield Finding("lock", WARNING, f"{lock.describe()}: an operation waits for its end", hint)
    if refusal := cache_refusal(state):
        yield Finding("layout", ERROR, refusal.text)


def shared(state: ServerState, paths: Iterable[SharedPath]) -> list[Finding]:
    """The shared paths that are missing, or are dangling links."""
    return [_shared(state, each) for each in paths if each.path in state.shared_missing | state.shared_dangling]


def _shared(state: ServerState, each: SharedPath) -> Finding:
    place = f"{layout.SHARED}/{each.path}{'/' if each.folder else ''}"
    level = ERROR if each.required else WARNING
    if each.path in state.shared_dangling:
        hint = "correct the link, or put the file in its place"
        return Finding("shared", level, f"{place} is a dangling link", hint)
    live = state.releases.get(state.current)
    if (command := left_command(state, each, EMPTY)) and not (live and live.lasting):
        text = f"{place} does not exist, and the live release has it elsewhere: a deploy is refused"
        return Finding("shared", ERROR, text, command)
    if each.required:
        hint = "put it there: without it a deploy is refused, unless the release contains it"
        return Finding("shared", level, f"{place} does not exist, and is required", hint)
    hint = "the first deploy makes it" if each.folder else "put it there yourself, unless the first release contains it"
    return Finding("shared", level, f"{place} does not exist yet", hint)


SHOWN_LINKS = 5


def _root(state: ServerState, facts: Facts, user: str) -> Iterator[Finding]:
    """The deploy root, and each folder in it where an operation writes."""
    root, owner = state.root, facts.user or "USER"
    if facts.in_the_way:
        hint = "move it away, or correct `root`"
        yield Finding("deploy root", ERROR, f"{facts.in_the_way} is not a folder", hint)
        return
    if facts.closed_to_us:
        text = f"{user} cannot enter {facts.closed_to_us}"
        hint = f"as an administrator there: chown or chmod {shlex.quote(facts.closed_to_us)}"
        yield Finding("deploy root", ERROR, text, hint)
        return
    for problem in facts.problems("root"):
        why = reason(problem)
        if state.exists:
            yield Finding("deploy root", ERROR, f"{root} is not writable: {why}", remedy(why, root, user))
        else:
            hint = f"as an administrator there: mkdir -p {shlex.quote(root)} && chown {owner} {shlex.quote(root)}"
            hint = hint if _is_permission(why) else remedy(why, root, user)
            yield Finding("deploy root", ERROR, f"{root} does not exist and cannot be made: {why}", hint)
    if facts.worked("root"):
        text = f"{root} is writable" if state.exists else f"{root} does not exist yet; the first deploy makes it"
        yield Finding("deploy root", OK, text)
    for problem in facts.problems("odd"):
        yield Finding("layout", ERROR, problem, "an operation would be refused; nothing was changed")
    for problem in dict.fromkeys(facts.problems("folder")):
        place, why = problem.partition(": ")[0], reason(problem)
        path = f"{root}/{place}"
        yield Finding(place.removeprefix(f"{layout.OWN}/"), ERROR, f"{path}: {why}", remedy(why, path, user))
    for place in facts.problems("sticky"):
        text = f"{root}/{place} belongs to another user, and its folder has the sticky bit: it cannot be replaced"
        hint = f"as an administrator there: chown -h {owner} {shlex.quote(f'{root}/{place}')}, or chmod -t its folder"
        yield Finding("current" if place == layout.CURRENT else "layout", ERROR, text, hint)
    if facts.closed:
        text = f"other users cannot enter {facts.closed}: a web server that runs as another user cannot reach a release"
        yield Finding("way in", WARNING, text, f"if yours does: chmod o+x {shlex.quote(facts.closed)}")


def _group(facts: Facts) -> Iterator[Finding]:
    """Whether the group that shares the root can, and can replace all that is there; nothing without a group."""
    for problem in facts.problems("group"):
        what, _, command = problem.partition("as an administrator there: ")
        hint = f"as an administrator there: {command}" if command else ""
        yield Finding("group", ERROR, what.rstrip(":; "), hint)
    if facts.worked("group"):
        yield Finding("group", OK, "shares the deploy root")


def _is_permission(why: str) -> bool:
    return any(words in why.lower() for words in ("permission", "not permitted", "not writable"))


def remedy(why: str, path: str, user: str) -> str:
    """What to do about a place where nothing can be written, as far as the reason tells."""
    said = why.lower()
    if "read-only" in said:
        return "the file system is mounted read-only there: remount it, or name another `root`"
    if "no space" in said or "quota" in said:
        return "free bytes or inodes there, or prune releases"
    if _is_permission(why):
        return f"make it writable for {user}, by chown or chmod: {shlex.quote(path)}"
    return ""


def _current(state: ServerState) -> Finding:
    present = sum(release.present for release in state.releases.values())
    if state.current_kind == "link":
        return Finding(
            "current", OK, f"points to {state.current or state.current_target}, of {count(present, 'release')}"
        )
    if state.current_kind == "absent" and (refusal := current_refusal(state)):
        return Finding("current", ERROR, refusal.text)
    if state.current_kind == "absent":
        return Finding("current", OK, "there is none yet")
    if state.current_kind == "dangling":
        return Finding(
            "current",
            WARNING,
            f"points to {clean(state.current_target)}, {state.why_dangling}",
            "roll back or deploy: the link is replaced",
        )
    if state.current_kind == "elsewhere":
        return Finding(
            "current",
            WARNING,
            f"points to {clean(state.current_target)}, outside releases/",
            "a deploy replaces the link",
        )
    hint = adoption(state)
    return Finding("current", ERROR, f"is a {state.current_kind}, not a link", hint)


def _links(state: ServerState) -> Iterator[Finding]:
    """Other links that lead into releases/, which may be what a web server serves."""
    if state.current_kind == "absent":
        return
    for tag, paths in sorted(state.links.items())[:SHOWN_LINKS]:
        text = f"{paths[0]} leads to {tag}, whatever current points to: the release is never pruned"
        yield Finding("links", WARNING, text, "remove the link if nothing uses it")


def _switch(facts: Facts) -> Iterator[Finding]:
    """Whether a link can be replaced by one rename; nothing where that could not be tried."""
    if facts.switch in ("mv -T", "mv -h"):
        yield Finding("switch", OK, f"one rename, by {facts.switch}")
    elif facts.switch:
        text = "mv cannot replace a link with -T or with -h"
        yield Finding("switch", ERROR, text, "install coreutils or a newer BusyBox")


def _tools(facts: Facts) -> Iterator[Finding]:
    needed = [tool for tool in NEEDED if tool in facts.lacks]
    if needed:
        yield Finding("programs", ERROR, f"missing: {', '.join(needed)}", "install coreutils, findutils, sed and grep")
    for tool, level, follows in FOLLOWS:
        if tool in facts.lacks:
            yield Finding("programs", level, f"{tool} is missing: {follows}", "install it")


def _copies(facts: Facts, copy_mode: str) -> Iterator[Finding]:
    """How a release is copied from the deploy-cache."""
    # Only a file's owner, or a user who may write to it, may make a hard link to it (fs.protected_hardlinks).
    problems = facts.problems("hardlink") or facts.problems("theirs")
    if copy_mode == "hardlink" and problems:
        text = f'`copy = "hardlink"` does not work there: {reason(problems[0])}'
        yield Finding("copy", ERROR, text, 'use copy = "auto"')
    elif copy_mode == "hardlink":
        if facts.worked("hardlink"):
            yield Finding("copy", OK, "releases share files with the deploy-cache, by hard links")
    elif facts.worked("reflink"):
        yield Finding("copy", OK, "releases share blocks with the deploy-cache, by reflinks")
    elif facts.problems("reflink"):
        yield Finding("copy", OK, "each release is a whole copy: the file system shares no blocks")


def _programs(facts: Facts, commands: bool) -> Iterator[Finding]:
    """Whether a script of a release can be run, where hooks or checks may want to."""
    problems = facts.problems("program")
    if commands and problems:
        text = f"a script in the deploy root cannot be run: {reason(problems[0])}"
        hint = "mounted noexec? Hooks and checks can run it by `sh script` only"
        yield Finding("hooks", WARNING, text, hint)


def _no_tar() -> Finding:
    return Finding("tar", ERROR, "there is no tar", "install it: files arrive as a tar stream")


def _checksums(state: ServerState) -> Finding:
    if "sha256sum" in state.features:
        return Finding("checksums", OK, "the server can compare what it has")
    text = "there is no sha256sum: an interrupted upload is sent whole again, and `turnout verify` does not work"
    return Finding("checksums", WARNING, text, "install coreutils")


def _bytes(state: ServerState) -> Finding:
    if state.free_bytes < 0:
        return Finding("space", WARNING, "the server does not say how much is free")
    level = WARNING if state.free_bytes < FEW_BYTES else OK
    return Finding("space", level, f"{size(state.free_bytes)} free", "prune releases" if level == WARNING else "")


def _inodes(state: ServerState) -> Finding:
    if state.free_inodes < 0:
        return Finding("inodes", OK, "the server reports no limit")
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
        "ages on the screen are off by that much: set both clocks by NTP. No decision depends on them",
    )
