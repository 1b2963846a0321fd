"""What a deploy root holds, by the names that the shell programs in core/remote/shell know it by (pure).

<root>/
  releases/<tag>/   one folder for each release
  current           a link to the live one: `releases/<tag>`
  shared/           what all releases link to
  deploy-cache/     the tree that was sent last; the next upload is compared with it
  .turnout/         Turnout's own: records, manifests, journals, the lock
"""

from __future__ import annotations

RELEASES = "releases"
CURRENT = "current"
SHARED = "shared"
CACHE = "deploy-cache"
OWN = ".turnout"

LOCK = f"{OWN}/lock"
"""The folder of the operation that holds the root."""
INCOMING = f"{OWN}/incoming"
"""Where an upload's lists arrive, and where a release is made before it gets its place."""
RECORDS = f"{OWN}/records"
SLOTS = f"{OWN}/slots"
"""Which releases have a slot (blue and green), as slots.sh writes it."""
TRANSITIONS = f"{OWN}/transitions.jsonl"
"""What recovery reads: the operations that began to change what is live, as far as they have no end."""
PROBE = ".turnout-probe"
"""How the folder begins in which doctor rehearses a deploy."""


def place(root: str, link: str = "") -> str:
    """The path of the link that a switch replaces: `current`, or what turnout.toml names in its place."""
    return link if link.startswith("/") else f"{root}/{link or CURRENT}"


def release(tag: str) -> str:
    """Where a release is below the root; the text of `current` where it is live."""
    return f"{RELEASES}/{tag}"


def half_made(tag: str) -> str:
    """Where a release is while its prepare hooks run."""
    return f"{INCOMING}/{tag}"
