"""What follows from file systems that are mounted below a deploy root (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from core import layout
from core.doctor.finding import ERROR, OK, WARNING, Finding
from core.records import ServerState

TOPIC = "file systems"


def file_systems(state: ServerState, copy_mode: str) -> Iterator[Finding]:
    """The mount points below a root, and what an operation does about each; one line where there is none."""
    apart = sorted(state.apart)
    if not apart and not state.mounts:
        if state.exists:
            yield Finding(TOPIC, OK, "the whole deploy root is one file system")
        return
    for path in state.mounts:
        folder, _, rest = path.partition("/")
        if rest and folder in (layout.OWN, layout.CACHE):
            yield Finding(
                TOPIC,
                ERROR,
                f"{path} is a mount point; Turnout moves and removes what is in {folder}",
                f"unmount it: umount {state.root}/{path}",
            )
        elif rest and folder == layout.RELEASES:
            yield Finding(
                TOPIC,
                WARNING,
                f"{path} is a mount point, so its release cannot be pruned",
                "mount it in shared/, and list the path under `shared`",
            )
        elif path == layout.CURRENT:
            yield Finding(TOPIC, ERROR, "current is a mount point, and cannot be switched", "unmount it")
    linked = [name for name in (layout.CACHE, layout.RELEASES) if name in state.apart]
    if copy_mode == "hardlink" and linked:
        names = " and ".join(linked)
        yield Finding(
            TOPIC,
            ERROR,
            f"{names}: not on the file system of .turnout, so no hard links can be made",
            'set `copy = "auto"`',
        )
        return
    follows = {
        layout.RELEASES: "releases: on another file system, so each release is copied once more before it "
        "gets its name",
        layout.CACHE: "deploy-cache: on another file system, so its blocks cannot be shared with releases",
        layout.SHARED: "shared: on another file system; releases link to it",
    }
    for name in apart:
        if name in follows:
            yield Finding(TOPIC, OK, follows[name])
