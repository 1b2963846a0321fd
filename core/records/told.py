"""What another deploy tool wrote down about a release that Turnout has no record of (pure)."""

from __future__ import annotations

from msgspec import Struct


class Told(Struct, frozen=True, kw_only=True):
    """Nothing of it is proved: it is what a file says that anybody who deploys there can write.

    tool       what made the release: `Capistrano`; "" where that is unknown
    revision   the commit, "" where no file names one
    when       seconds since the epoch, from a log; 0.0 where only the release's name may tell
    who, ref   who made it, from which branch
    subject, author   of the commit, where the operator's repository has it
    fate       why nobody should go back to it, for after its name: `is marked bad by Deployer`; "" for nothing
    published  whether a log says that it was live
    """

    tool: str = ""
    revision: str = ""
    when: float = 0.0
    who: str = ""
    ref: str = ""
    subject: str = ""
    author: str = ""
    fate: str = ""
    published: bool = False


class TheirLock(Struct, frozen=True, kw_only=True):
    """That another tool is deploying there, or died while it was.

    tool    whose lock it is; path: of its file, below the root
    since   seconds since the epoch by the server's clock, 0.0 where unknown; who: as the file says
    """

    tool: str
    path: str
    since: float = 0.0
    who: str = ""

    def describe(self) -> str:
        """`Deployer is deploying, by ana (.dep/deploy.lock)`."""
        by = f", by {self.who}" if self.who else ""
        return f"{self.tool} is deploying{by} ({self.path})"
