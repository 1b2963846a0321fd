"""Who operates, and what is used on this machine: the one place that reads TURNOUT_* variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path

from core.errors import CannotRun
from core.profile import Profile
from core.text import clean

USER, CACHE, SSH_CONFIG = "TURNOUT_USER", "TURNOUT_CACHE_DIR", "TURNOUT_SSH_CONFIG"
PROFILE = "TURNOUT_PROFILE"


class Settings:
    """What is not given is read from the variables in `environ`, which are the process's own by default.

    who         for locks, records and journals, `ana@laptop`: TURNOUT_USER, the user of a CI job, or who is logged in,
                and the machine's name
    cache       the folder for what can be made again: TURNOUT_CACHE_DIR, or Turnout's in the user's cache directory
    ssh_config  a file that ssh's settings are read from instead of ~/.ssh/config and /etc/ssh/ssh_config:
                TURNOUT_SSH_CONFIG; "" for none
    environ     the values of `${NAME}` in turnout.toml, and the variables that ssh, git, builds and the operator's
                hooks see
    profile     where the time goes, with TURNOUT_PROFILE; else None
    """

    def __init__(
        self,
        *,
        who: str = "",
        cache: Path | None = None,
        ssh_config: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.environ: Mapping[str, str] = dict(os.environ if environ is None else environ)
        self.ssh_config = str(ssh_config or self.environ.get(SSH_CONFIG, ""))
        self.profile = Profile() if self.environ.get(PROFILE) else None
        self._who = who
        self._cache = cache

    def measured(self, name: str, server: str = "") -> AbstractContextManager[None]:
        """A block whose time the profile has, where there is one."""
        return self.profile.span(name, server) if self.profile else nullcontext()

    @cached_property
    def who(self) -> str:
        import socket

        return clean(self._who or f"{self._user()}@{socket.gethostname().partition('.')[0]}", 100).replace("\n", " ")

    def _user(self) -> str:
        for name in (USER, "GITLAB_USER_LOGIN", "GITHUB_ACTOR", "LOGNAME", "USER", "LNAME", "USERNAME"):
            if self.environ.get(name):
                return self.environ[name]
        import pwd

        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return str(os.getuid())

    @cached_property
    def cache(self) -> Path:
        """CannotRun where neither a folder nor a home is known."""
        named = self._cache or self.environ.get(CACHE)
        if named:
            return Path(named).absolute()
        from platformdirs import user_cache_dir  # costs milliseconds at the start

        try:
            return Path(user_cache_dir("turnout"))
        except RuntimeError:  # neither HOME nor an entry in the user database, as in some containers
            raise CannotRun(
                f"no home folder is known for user {os.getuid()}",
                hint=f"set HOME, or {CACHE} to a folder of your own; nothing was touched",
            ) from None
