"""A destination as it was asked for, and what the configuration says of it: options with their tokens filled in."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import socket
from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from core.errors import ConnectError

LOCALE = re.compile(r"LANG|LANGUAGE|LC_.*")
"""Variables that SendEnv does not hand on: what a deploy does must not depend on the operator's language."""

_NAMES = {"hostkeyalias", "hostname", "user"}
"""Keywords whose value `none` is a name like any other."""


class Target(Struct, frozen=True):
    """A destination as turnout.toml or a ProxyJump names it.

    jump  hops to go through, as ProxyJump has them; None leaves that to the configuration
    """

    host: str
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    jump: str | None = None

    @classmethod
    def of(cls, text: str, jump: str | None = None) -> Target:
        """`host`, `user@host`, `user@host:port`, `[::1]:22`, `ssh://user@host:port`. ValueError for other texts."""
        user, _, address = text.removeprefix("ssh://").rstrip("/").rpartition("@")
        found = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+)(?::(\d+))?|([^\[\]]*:[^\[\]]*:.*)", address)
        if found is None:
            raise ValueError(f"{text!r} is not a destination")
        port = found[2] or found[4]
        return cls(found[1] or found[3] or found[5], user or None, int(port) if port else None, jump=jump)


class Options(Struct, frozen=True, dict=True):
    """What holds for a target. `values`: by keyword in lower case, as `ssh -G` prints them."""

    target: Target
    values: Mapping[str, tuple[str, ...]]
    home: str
    environ: Mapping[str, str]
    defaults: Mapping[str, tuple[str, ...]]

    def get(self, name: str, default: str = "") -> str:
        """The value of a keyword that has one; `default` where it is not set, or `none` where that is not a name."""
        value = self.values.get(name, ("",))[0]
        return default if not value or (value.lower() == "none" and name not in _NAMES) else value

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a keyword that may have several."""
        return self.values.get(name, ())

    def yes(self, name: str) -> bool:
        return self.get(name, "no").lower() in ("yes", "true")

    def number(self, name: str, default: int) -> int:
        text = self.get(name)
        return int(text) if text.isdecimal() else default

    def chosen(self, name: str) -> tuple[str, ...]:
        """A list of algorithms that somebody configured; () where it is OpenSSH's own."""
        value = self.get(name)
        return () if not value or self.values.get(name) == self.defaults.get(name) else tuple(value.split(","))

    @cached_property
    def host(self) -> str:
        """The name or address that is connected to."""
        return self.get("hostname") or self.target.host

    @cached_property
    def port(self) -> int:
        return self.target.port or self.number("port", 22)

    @cached_property
    def user(self) -> str:
        return self.target.user or self.get("user") or local_user(self.environ)

    @property
    def jump(self) -> str:
        """ProxyJump: hops, the outermost first; "" for none. ssh makes a ProxyCommand of it, which has tokens."""
        return self._tokens(self.get("proxyjump"))

    @property
    def proxy_command(self) -> str:
        """ProxyCommand, ready for a shell; "" for none."""
        command = self.get("proxycommand")
        return f"exec {self._tokens(command)}" if command else ""

    @property
    def identity_files(self) -> tuple[tuple[str, bool], ...]:
        """The paths of IdentityFile in order, and whether somebody named them: others may be missing."""
        files = self.all("identityfile")
        named = files != self.defaults.get("identityfile")
        found = [(self.path(text), named) for text in files if text.lower() != "none"]
        if self.target.identity:
            own = (self.path(self.target.identity, tokens=False), True)
            found = [own, *(found if named else [])]
        return tuple(dict.fromkeys(found))

    @property
    def certificate_files(self) -> tuple[str, ...]:
        return tuple(self.path(text) for text in self.all("certificatefile") if text.lower() != "none")

    @property
    def agent(self) -> str:
        """The socket of the SSH agent; "" for none."""
        text = self.values.get("identityagent", ("SSH_AUTH_SOCK",))[0]
        if text.lower() == "none":
            return ""
        if text == "SSH_AUTH_SOCK":
            return self.environ.get("SSH_AUTH_SOCK", "")
        if text.startswith("$") and not text.startswith("${"):
            return self.environ.get(text[1:], "")
        return self._filled(text)

    @property
    def forwarded_agent(self) -> str:
        """The socket of the agent that commands on the server may use (ForwardAgent); "" for none."""
        text = self.get("forwardagent", "no")
        if text.lower() in ("no", "false"):
            return ""
        if text.lower() in ("yes", "true"):
            return self.agent
        return self.environ.get(text[1:], "") if text.startswith("$") else self.path(text)

    def known_hosts_files(self, name: str) -> tuple[str, ...]:
        """The paths of UserKnownHostsFile or GlobalKnownHostsFile, which are in one line."""
        found: list[str] = []
        for text in self.all(name):
            for part in re.split(r" (?=[/~])", text):
                whole = self._filled(part)
                found += [whole] if " " not in part or os.path.exists(whole) else map(self._filled, part.split(" "))
        return tuple(path for path in found if path.lower() != "none")

    def _filled(self, text: str) -> str:
        """A path that ssh may have filled in already."""
        path = self._rooted(text)
        return path if os.path.exists(path) or not re.search(r"%|\$\{", text) else self.path(text)

    def path(self, text: str, *, tokens: bool = True) -> str:
        """A path with `~`, tokens and variables filled in. ConnectError where a variable is not set."""
        return self._rooted(self._tokens(text, variables=True) if tokens else text)

    def _rooted(self, text: str) -> str:
        if text == "~" or text.startswith("~/"):
            return self.home + text[1:]
        return os.path.expanduser(text)

    def environment(self) -> dict[str, str]:
        """The variables that SetEnv and SendEnv give to what runs on the server; SetEnv goes first."""
        from core.sshconfig.words import matches

        patterns = self.all("sendenv")
        sent = {
            name: value
            for name, value in self.environ.items()
            if any(matches(name, pattern) for pattern in patterns) and not LOCALE.fullmatch(name)
        }
        return sent | dict(reversed([(name, value) for name, _, value in map(_pair, self.all("setenv")) if name]))

    def refuse_what_cannot_be(self) -> None:
        """ConnectError where the configuration rules out what Turnout does: it logs in with keys, and by itself."""
        methods = self.get("preferredauthentications").split(",")
        if self.values.get("pubkeyauthentication", ("yes",))[0].lower() in ("no", "false"):
            raise self._refused("PubkeyAuthentication no", "Turnout logs in with keys only")
        if methods != [""] and "publickey" not in methods:
            raise self._refused(f"PreferredAuthentications {','.join(methods)}", "Turnout logs in with publickey only")
        if self.yes("proxyusefdpass") and self.get("proxycommand"):
            raise self._refused("ProxyUseFdpass yes", "Turnout cannot take a socket from a ProxyCommand")
        if self.get("refuseconnection"):
            raise self._refused("RefuseConnection", self.get("refuseconnection"))

    def _refused(self, line: str, reason: str) -> ConnectError:
        return ConnectError(
            f"the ssh_config rules out a login to {self.target.host}: {line}",
            detail=reason,
            hint="give this host a block of its own that says otherwise; docs/ssh.md has all keywords",
        )

    def _tokens(self, text: str, *, variables: bool = False) -> str:
        def token(found: re.Match[str]) -> str:
            if found[0] == "%%":
                return "%"
            try:
                return self._token_values[found[0][1]]
            except (KeyError, IndexError):
                raise self._refused(text, f"{found[0]} has no meaning here") from None

        def variable(found: re.Match[str]) -> str:
            try:
                return self.environ[found[1]]
            except KeyError:
                raise self._refused(text, f"the variable {found[1]} is not set") from None

        if not variables:
            return re.sub(r"%.?", token, text)
        # At one go, so that a value is never taken for a token.
        return re.sub(r"%.?|\$\{([^}]*)\}", lambda found: variable(found) if found[0][0] == "$" else token(found), text)

    @cached_property
    def _token_values(self) -> dict[str, str]:
        name = socket.gethostname()
        values = {
            "d": self.home,
            "h": self.host,
            "i": str(os.getuid()),
            "k": self.get("hostkeyalias") or self.target.host,
            "L": name.partition(".")[0],
            "l": name,
            "n": self.target.host,
            "p": str(self.port),
            "r": self.user,
            "u": local_user(self.environ),
            "j": self.get("proxyjump"),
        }
        # ssh.c hashes the host name, host, port and user, and the jump since 9.6.
        joined = "".join(values[letter] for letter in "lhprj")
        return values | {"C": hashlib.sha1(joined.encode("utf-8", "surrogateescape")).hexdigest()}


def _pair(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def pick(wanted: Sequence[str], ours: Sequence[str]) -> tuple[str, ...]:
    """Those of our algorithms that are wanted, in the order in which they are wanted."""
    return tuple(name for name in wanted if name in ours)


def local_user(environ: Mapping[str, str]) -> str:
    """The name of the user who runs this; USER or the number where the user database does not know them."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return environ.get("USER") or str(os.getuid())
