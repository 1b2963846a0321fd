"""What a single value of turnout.toml may be: each function gives the value in its one form (pure).

All raise ValueError with words for the person who wrote the file.
"""

from __future__ import annotations

import ipaddress
import math
import re
from urllib.parse import urlsplit

from core import freezes, layout
from core.questions import HOLD_RULE, LONGEST_HOLD, SHORTEST_HOLD, USUAL_HOLD

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""The allow list for names of projects, environments, servers and roles: they become words of commands and files."""


class Bytes(int):
    """A number of bytes."""


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(B|kB|MB|GB|TB)")
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_PERCENT = re.compile(r"([1-9][0-9]{0,2})%")
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::(.*))?")
_HOST_HEADER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_USER = re.compile(r"[^\s@:/-](?:[^\s:/]*[^\s@:/])?")
"""Also `ana@corp.example`, as accounts of a directory are called: the last `@` is the one before the host."""


def name(value: str) -> str:
    """A name of a project, an environment, a server or a role."""
    if not NAME.fullmatch(value):
        raise ValueError(
            f"{shown(value)} is not a valid name: use letters, digits, '.', '_' and '-', a letter or digit first, "
            "at most 64 characters"
        )
    return value


def text(value: str) -> str:
    """Text that says something on one line: not empty, no control character."""
    if not value.strip():
        raise ValueError("must not be empty")
    return _without_control(value)


def freeze(value: str) -> str:
    """A time in which releases must not be changed, as core.freezes reads it."""
    freezes.parse(value)
    return value


def command(value: str) -> str:
    """A command for a shell; it may have several lines."""
    if not value.strip():
        raise ValueError("must not be empty")
    if "\0" in value:
        raise ValueError("must not contain a zero byte: no shell accepts one")
    return value


def variable(value: str) -> str:
    """The name of an environment variable, or with `*` at its end of all that begin so."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"{shown(value)} is not the name of a variable, such as API_URL or VITE_*")
    return value


def program(value: str) -> str:
    """The name of a program in PATH."""
    if not _PROGRAM.fullmatch(value):
        raise ValueError(f"{shown(value)} is not the name of a program in PATH, such as node")
    return value


def ref(value: str) -> str:
    """A git revision: not an option; or `tag:` and a pattern."""
    if text(value).startswith("-"):
        raise ValueError(f"{shown(value)} is not a revision: it begins with '-'")
    if value.startswith("tag:") and not value.removeprefix("tag:").strip():
        raise ValueError(f"{shown(value)} needs a pattern of tags, such as tag:v*")
    if value.startswith("tag: "):
        raise ValueError(f"{shown(value)} must have no space after 'tag:'")
    if ".." in value and not value.startswith("tag:") and ":/" not in value:
        raise ValueError(f"{shown(value)} is a range of commits: name one branch, tag or commit")
    return value


def root(value: str) -> str:
    """A deploy root: an absolute path below "/", without empty parts, "." and a slash at the end."""
    _without_control(value)
    if not value.startswith("/"):
        more = ": '~' is not expanded" if value.startswith("~") else ", beginning with '/'"
        raise ValueError(f"{shown(value)} must be an absolute path{more}")
    parts = _parts(value)
    if not parts:
        raise ValueError("must not be the root of the file system: name a folder for this application alone")
    return "/" + "/".join(parts)


OURS = (layout.RELEASES, layout.SHARED, layout.CACHE, layout.OWN)
"""What in a deploy root cannot be the link to the live release, and cannot hold it."""


def current(value: str) -> str:
    """The link that a switch replaces: a path below the root, or an absolute one."""
    if value.startswith("/"):
        return root(value)
    path = _relative(value)
    if not path or value.endswith("/"):
        raise ValueError(f'{shown(value)} must name a link, such as "live" in the root, or an absolute path')
    if path.partition("/")[0] in OURS:
        raise ValueError(f"{shown(value)} is below {path.partition('/')[0]}: the link cannot be there")
    if path.startswith("-"):
        raise ValueError(f"{shown(value)} begins with '-': programs on the server would take it for an option")
    return path


def link(value: str) -> str:
    """A link that may lead into releases/: an absolute path."""
    return root(value)


def shared(value: str) -> str:
    """A shared path: relative to the release, a slash at the end for a folder."""
    path = _relative(value)
    if not path:
        raise ValueError(f"{shown(value)} must name a file or folder inside the release")
    if "*" in path or "?" in path:
        raise ValueError(f"{shown(value)} must be a path, not a pattern")
    return path + "/" if value.endswith(("/", "/.")) else path


def log_files(value: object) -> tuple[str, ...]:
    """Files that are followed: one or several paths or patterns of the shell, relative to `current` or absolute."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(path, str) for path in listed):
        raise ValueError(f"must be a path, or a list of paths, not {kind(value)}")
    for path in listed:
        if _parts(text(path)) == [] or path.endswith("/"):
            raise ValueError(f"{shown(path)} must name a file")
        if path.startswith("~"):
            raise ValueError(f"{shown(path)} must be absolute or relative to current: '~' is not expanded")
        if listed.count(path) > 1:
            raise ValueError(f"{shown(path)} is listed twice")
    return tuple(listed)


def source_path(value: str) -> str:
    """A folder of a repository; not all of it."""
    path = _relative(value)
    if not path:
        raise ValueError(f"{shown(value)} is the whole repository: leave `path` out, or name a folder in it")
    return path


def publish(value: str) -> str:
    """A folder inside the tree; "" is the whole tree."""
    return _relative(value)


def host(value: str) -> str:
    """A server's address: `host`, `user@host` or a name from ssh_config; the port has its own key."""
    address = _without_user(value)
    if (inner := _BRACKETED.fullmatch(address)) and _is_ipv6(inner[1]):
        port = f", and the port as `port = {inner[2]}`" if inner[2] else ""
        raise ValueError(f"{shown(value)} has brackets: write {value.removesuffix(address)}{inner[1]}{port}")
    if address.count(":") == 1 and address.partition(":")[2].isdecimal():
        raise ValueError(f"{shown(value)} contains a port: write host and `port = {address.partition(':')[2]}`")
    _address(value, address)
    return value


def gateway(value: str) -> str:
    """The server to go through: `host`, `user@host` or `user@host:port`; IPv6 with a port is `[::1]:22`."""
    address = _without_user(value)
    inner = _BRACKETED.fullmatch(address)
    if inner and _is_ipv6(inner[1]):
        address = f"host:{inner[2]}" if inner[2] is not None else inner[1]
    if address.count(":") == 1:
        address, _, port = address.partition(":")
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ValueError(f"{shown(value)} has no valid port after ':'")
    _address(value, address)
    return value


def user(value: str) -> str:
    """A login name."""
    if not _USER.fullmatch(_without_control(value)):
        raise ValueError(f"{shown(value)} is not a login name")
    return value


def identity(value: str) -> str:
    """A private key's file, which does not depend on the folder Turnout is started in."""
    if not text(value).startswith(("/", "~")):
        raise ValueError(f"{shown(value)} must be an absolute path, or begin with '~/'")
    if value.endswith(".pub"):
        raise ValueError(f"{shown(value)} is the public key: name the private one, {shown(value.removesuffix('.pub'))}")
    return value


def repository(value: str) -> str:
    """A git repository's folder."""
    if re.match(r"[A-Za-z+]+://|[^/\s]+@[^/\s]+:", text(value)):
        raise ValueError(f"{shown(value)} is an address: clone the repository, and give the clone's folder")
    return own_folder(value)


def own_folder(value: str) -> str:
    """A folder of this machine."""
    if not text(value).strip("/"):
        raise ValueError("must not be the root of the file system: name the folder of the application")
    return value


def own_file(value: str) -> str:
    """A file of this machine."""
    if own_folder(value).endswith("/"):
        raise ValueError(f"{shown(value)} must name a file, without '/' at the end")
    return value


def url(value: str) -> str:
    """An absolute http or https URL, in the characters that HTTP can carry."""
    if not value.isascii():
        raise ValueError("must be ASCII: other characters are written as %XX, a host name in its xn-- form")
    if _without_control(value) != "".join(value.split()):
        raise ValueError("must not contain white space")
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError(f"{shown(value)} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError(f"{shown(value)} is not a URL: it must be http://HOST… or https://HOST…")
    if "#" in value:
        raise ValueError("must not contain `#`: what follows it is never sent")
    if "@" in parts.netloc:
        raise ValueError("must not contain a login: it would not be sent")
    return value


def notify_url(value: str) -> str:
    """An address in Apprise's form."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", text(value)):
        raise ValueError("must be an address that Apprise knows, such as slack://… or mailto://…")
    return value


def host_header(value: str) -> str:
    """The value of a Host header; "" for the URL's own."""
    if value and not _HOST_HEADER.fullmatch(value):
        more = ": nothing is replaced in it" if "{" in value else ""
        raise ValueError(f"{shown(value)} is not a host name, such as shop.example.com{more}")
    return value


def duration(value: object) -> float:
    """Seconds from a number or from text: "500ms", "90s", "5m", "1h", "2d"."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _SECONDS[match[2]]
    else:
        given = shown(value) if isinstance(value, str) else kind(value)
        raise ValueError(f'must be a duration such as "90s", "5m", "1h", "500ms" or a number of seconds, not {given}')
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError("must be a duration of 0 seconds or more")
    return seconds


def written_seconds(value: object) -> float | None:
    """A duration as the file has it, for a rule between keys; None for what is none, which is told where it is read."""
    try:
        return duration(value)
    except ValueError:
        return None


def timeout(value: object) -> float:
    """A duration that is more than nothing, in seconds."""
    seconds = duration(value)
    if seconds == 0:
        raise ValueError("must be more than 0 seconds")
    return seconds


def size(value: object) -> Bytes:
    """Bytes from a number or from text: "500 MB", "2 GB" (decimal units)."""
    if isinstance(value, int) and not isinstance(value, bool):
        count = float(value)
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        count = float(match[1]) * _BYTES[match[2]]
    else:
        given = shown(value) if isinstance(value, str) else kind(value)
        raise ValueError(f'must be a size such as "500 MB", "2 GB" or a number of bytes, not {given}')
    if not 1 <= count <= 1e15:
        raise ValueError("must be a size from 1 byte to 1000 TB")
    return Bytes(count)


def hold(value: object) -> float:
    """How long a deploy waits at its barrier, in seconds: true for the usual time, false for not at all."""
    if isinstance(value, bool):
        return USUAL_HOLD if value else 0.0
    seconds = duration(value)
    if not SHORTEST_HOLD <= seconds <= LONGEST_HOLD:
        raise ValueError(f"must be true, false, or a duration {HOLD_RULE}")
    return seconds


def batch(value: object) -> int | str:
    """Servers at a time: a number, or a share of all such as "25%"."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value)) and int(match[1]) <= 100:
        return value
    given = shown(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else kind(value)
    raise ValueError(f'must be a number of servers from 1, or a share from "1%" to "100%", not {given}')


def shown(value: object) -> str:
    """A value in a message, short and on one line."""
    quoted = f'"{value}"' if isinstance(value, str) and value.isprintable() else repr(value)
    return quoted if len(quoted) <= 80 else quoted[:76] + '…"'


def kind(value: object) -> str:
    """What a TOML value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")


def _without_control(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("must not contain control characters or line ends")
    return value


def _parts(value: str) -> list[str]:
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{shown(value)} must not contain '..'")
    return parts


def _relative(value: str) -> str:
    if _without_control(value).startswith("/"):
        raise ValueError(f"{shown(value)} must be relative, without '/' at the start")
    return "/".join(_parts(value))


def _without_user(value: str) -> str:
    """The address behind `user@`, whose user was checked."""
    if not text(value).isprintable() or re.search(r"\s", value):
        raise ValueError(f"{shown(value)} must not contain white space")
    login, at, address = value.rpartition("@")
    if at:
        user(login)
    return address


def _address(value: str, address: str) -> None:
    if not _HOST_NAME.fullmatch(address) and not _is_ipv6(address):
        raise ValueError(f"{shown(value)} is not an address: write host, user@host or a name of ssh_config")


def _is_ipv6(address: str) -> bool:
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True
