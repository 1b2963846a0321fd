"""Whose what Turnout makes on a server is: the account it works as, the group, and who may read and write it (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from core.text import some

SHARED_MASK = "0002"
"""The umask where a group shares the deploy root and none is set: what is made can be replaced by all of the group."""


class Ownership(Struct, frozen=True):
    """
    become   the account that Turnout works as on the server, through sudo; "" for the login user
    group    the group that may write to the deploy root; "" where only the account may
    umask    octal, four digits; "" where none is set
    """

    become: str = ""
    group: str = ""
    umask: str = ""

    def for_login(self, login: str) -> Ownership:
        """The same where this user logs in: who is the account already needs no sudo."""
        return replace(self, become="") if self.become == login else self

    @property
    def mask(self) -> str:
        """The umask of what is made, also by hooks; "" where it is left to Turnout and to the login."""
        return self.umask or (SHARED_MASK if self.group else "")

    @property
    def taken(self) -> int:
        """The rights that the umask takes from what is made; 0 where none is set."""
        return int(self.mask or "0", 8)


def accounts(by_server: Mapping[str, Ownership]) -> str:
    """Whom Turnout works as on these servers: `www-data`, or `www-data on web1; shop on web2`; "" for the login."""
    names: dict[str, list[str]] = {}
    for server, ownership in by_server.items():
        names.setdefault(ownership.become, []).append(server)
    if len(names) == 1:
        return next(iter(names))
    return "; ".join(f"{account} on {some(servers, 6)}" for account, servers in names.items() if account)
