"""ssh_config read without ssh, for machines that have none. What is not understood is refused, by file and line."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from core.errors import ConnectError
from core.sshconfig.files import DEEPEST, Line, Source, included, lines
from core.sshconfig.keywords import ALIASES, DEPRECATED, KEYWORDS, NO_MEANING, SEVERAL
from core.sshconfig.options import Target, local_user
from core.sshconfig.values import VALUES
from core.sshconfig.words import matches_host, matches_list, split

_WHOLE = {"proxycommand", "localcommand", "remotecommand", "knownhostscommand"}
"""Keywords whose value is the rest of the line as it is."""
_ONE_LINE = {"userknownhostsfile", "globalknownhostsfile", "canonicaldomains"}
"""Keywords with several values of which `ssh -G` makes one line."""
_LISTS = _ONE_LINE | {"canonicalizepermittedcnames", "sendenv", "setenv", "ignoreunknown"}
"""Keywords that take several words."""
_COMPUTED = {
    "ciphers": "Ciphers",
    "hostkeyalgorithms": "HostKeyAlgorithms",
    "kexalgorithms": "KexAlgorithms",
    "macs": "MACs",
    "pubkeyacceptedalgorithms": "PubkeyAcceptedAlgorithms",
}
"""Lists that may be changes of OpenSSH's own (`+`, `-`, `^`), which only ssh knows."""

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "identityfile": tuple(f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk")),
    "userknownhostsfile": ("~/.ssh/known_hosts ~/.ssh/known_hosts2",),
    "globalknownhostsfile": ("/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",),
}
"""What holds where nothing is configured."""


def read(target: Target, first: list[Source], home: str, environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """What the files say of a target, as `ssh -G` prints it. ConnectError where a line is not understood."""
    values: dict[str, list[str]] = {"proxyjump": [target.jump]} if target.jump else {}
    reading = _Reading(target, home, values, environ)
    reading.files(first)
    if reading.wants_final:
        host = _host_name(values.get("hostname", [target.host])[0], target.host).lower()
        values["hostname"] = [host.replace("%", "%%")]  # it is settled, as in ssh.c
        final = _Reading(target, home, values, environ, final=host)
        final.files(first)
    found = {name: tuple(dict.fromkeys(texts)) for name, texts in values.items()}
    host = _host_name(found["hostname"][0], target.host) if "hostname" in found else target.host
    found["hostname"] = (host.lower(),)
    return {**DEFAULTS, **found}


def _host_name(text: str, host: str) -> str:
    return "%".join(part.replace("%h", host) for part in text.split("%%"))


class _Reading(Struct):
    """One pass over the files. `final`: the host's name after the first pass, "" in that one."""

    target: Target
    home: str
    values: dict[str, list[str]]
    environ: Mapping[str, str]
    final: str = ""
    active: bool = True
    wants_final: bool = False
    never: bool = False
    ignored: list[str] = field(default_factory=list)

    def files(self, first: list[Source]) -> None:
        for source in first:
            self.active = True
            self._file(source, 0)

    def _file(self, source: Source, depth: int) -> None:
        for line in lines(source):
            try:
                self._line(line, source, depth)
            except ValueError as error:
                raise _refused(source, line, str(error)) from None

    def _line(self, line: Line, source: Source, depth: int) -> None:
        name = ALIASES.get(line.name, line.name)
        if not name or name in DEPRECATED:
            return
        if name == "host":
            patterns = split(line.rest)
            if not patterns:
                raise ValueError("it has no pattern")
            self.active = not self.never and matches_host(self.final or self.target.host, patterns)
        elif name == "match":
            self.active = self._match(split(line.rest)) and not self.never
        elif name == "include":
            self._include(line, source, depth)
        elif name not in KEYWORDS:
            if not matches_list(name, ",".join(self.ignored), lower=True):
                raise ValueError("Turnout does not know this keyword; name it in IgnoreUnknown to skip it")
        elif self.active:
            self._set(name, line)

    def _include(self, line: Line, source: Source, depth: int) -> None:
        found = included(line, source, self.home)
        if found is None or depth >= DEEPEST:
            raise ValueError("only ssh can tell which files it names")
        active, never = self.active, self.never
        self.never = never or not active
        for file in found:
            self._file(file, depth + 1)
            self.active = active
        self.never = never

    def _set(self, name: str, line: Line) -> None:
        words = [line.rest] if name in _WHOLE else split(line.rest)
        if not words or not words[0]:
            raise ValueError("it has no value")
        if len(words) > 1 and KEYWORDS[name] != NO_MEANING and name not in _LISTS:
            raise ValueError("it has more than one value")
        if name == "canonicalizehostname" and words[0].lower() not in ("no", "false"):
            raise ValueError("only ssh can look up names in this way")
        if name in VALUES:
            words = [VALUES[name](words[0])]
        if name in _COMPUTED and words[0][0] in "+-^":
            raise ValueError("it changes a list that only ssh knows: name all algorithms")
        if name == "ignoreunknown":
            self.ignored += words[0].split(",")
        if name == "sendenv":
            kept = [old for old in self.values.get(name, []) if not _dropped(old, words)]
            self.values[name] = kept + [word for word in words if not word.startswith("-")]
        elif name == "setenv":
            self.values.setdefault(name, words)
        elif name in SEVERAL:
            self.values.setdefault(name, []).extend(words)
        elif name == "proxyjump" and "proxycommand" in self.values:
            return  # whichever comes first counts
        elif name == "proxycommand" and "proxyjump" in self.values:
            return
        else:
            self.values.setdefault(name, [" ".join(words) if name in _ONE_LINE else words[0]])

    def _match(self, words: list[str]) -> bool:
        """Whether a `Match` line holds, as match_cfg_line of readconf.c has it."""
        result = True
        count = 0
        while words:
            word = words.pop(0)
            negated = word.startswith("!")
            name, equals, value = word[negated:].partition("=")
            name = name.lower()
            if name == "all":
                if count > 1 or words:
                    raise ValueError("`all` must be alone, or follow `canonical` or `final`")
                return result and not negated
            count += 1
            if name in ("canonical", "final"):
                self.wants_final = self.wants_final or (name == "final" and not negated)
                result = result and bool(self.final) != negated
                continue
            if not equals:
                if not words:
                    raise ValueError(f"`{name}` needs a value")
                value = words.pop(0)
            if value.startswith("=") or (equals and not value):
                raise ValueError("only ssh can tell what the equal sign belongs to")
            held = self._holds(name, value, wanted=result and not self.never)
            result = result and held != negated
        if not count:
            raise ValueError("it has no criterion")
        return result

    def _holds(self, name: str, value: str, *, wanted: bool) -> bool:
        def known(keyword: str, default: str) -> str:
            return self.values.get(keyword, [default])[0]

        host = self.final or _host_name(known("hostname", self.target.host), self.target.host)
        match name:
            case "host":
                return matches_list(host.lower(), value, lower=True)
            case "originalhost":
                return matches_list(self.target.host.lower(), value, lower=True)
            case "user":
                return matches_list(self.target.user or known("user", local_user(self.environ)), value)
            case "localuser":
                return matches_list(local_user(self.environ), value)
            case "tagged":
                tag = known("tag", "")
                return matches_list(tag, value) if tag else not value
            case "sessiontype":
                return matches_list("exec", value)
        if wanted:
            raise ValueError(f"only ssh can tell whether `{name}` holds")
        return False


def _dropped(old: str, words: list[str]) -> bool:
    from core.sshconfig.words import matches

    return any(word.startswith("-") and matches(old, word[1:]) for word in words)


def _refused(source: Source, line: Line, reason: str) -> ConnectError:
    return ConnectError(
        f"the ssh_config has a line that Turnout does not understand: {source.path}, line {line.number}",
        detail=f"{line.text.strip()}\n{reason}",
        hint="install OpenSSH's client (ssh): Turnout then asks it; or name another file in TURNOUT_SSH_CONFIG",
    )
