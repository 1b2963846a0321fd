"""TURNOUT_PROFILE: where the time of a command went, on standard error when it has ended."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Sequence

from core.profile import Profile
from tui.cli.streams import stderr
from tui.view.profile_lines import Usage, profile_lines


def tell(profile: Profile, servers: Sequence[str]) -> None:
    """Say it, with the servers in this order."""
    ours, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    began, ended = process_began(), time.monotonic()
    usage = Usage(
        seconds=ended - began,
        own=ours.ru_utime + ours.ru_stime,
        programs=theirs.ru_utime + theirs.ru_stime,
        memory=ours.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    )
    stderr().write(profile_lines(profile, began, usage, servers))


def process_began() -> float:
    """When this process began, by time.monotonic; where the system does not say, when it had used no processor time."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])  # proc(5): starttime, since the boot
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        age = time.process_time()
    return time.monotonic() - age
