"""Which folder of a server may be a deploy root (pure)."""

from __future__ import annotations

import re

from core.config import values

_SYSTEMS = frozenset(
    ("bin", "boot", "dev", "etc", "home", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "tmp", "usr", "var")
)
"""Folders of every system, which hold what is not an application's."""
_BELOW = {
    "usr": frozenset(
        ("bin", "games", "include", "lib", "lib32", "lib64", "libexec", "libx32", "local", "sbin", "share", "src")
    ),
    "usr/local": frozenset(("bin", "etc", "games", "include", "lib", "libexec", "man", "sbin", "share", "src")),
    "etc": frozenset(("apache2", "cron.d", "httpd", "init.d", "nginx", "pam.d", "ssh", "ssl", "sudoers.d", "systemd")),
    "var": frozenset(("cache", "lib", "local", "lock", "log", "mail", "run", "spool", "tmp")),
}
"""The same one level deeper, by the folder that has them."""
_EXPANDED = re.compile(r"~|[\w.-]*\$(?:\{[A-Za-z_]\w*\}|[A-Za-z_])[\w.-]*")
"""A part of a path that is written for a shell. What has other characters as well is a name, however odd."""


def deploy_root(value: str) -> str:
    """A deploy root that is not a folder of the system itself."""
    path = values.root(value)
    above, _, last = path[1:].rpartition("/")
    wild = next((part for part in path.split("/") if _EXPANDED.fullmatch(part)), "")
    if wild:
        raise ValueError(f"{values.shown(value)} has {wild}, and no shell reads it: write the path that is meant")
    if path[1:] in _SYSTEMS or last in _BELOW.get(above, ()) or above.partition("/")[0] in ("proc", "sys"):
        raise ValueError(
            f"{values.shown(value)} is the system's: name a folder for this application alone, such as /srv/shop"
        )
    return path
