"""`become`, `as`, `umask` and `group` of turnout.toml: whose files a deploy makes, and as whom commands run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from core.config.placing import environments_of, listed, reached, servers_of
from core.config.readers import Check
from core.config.table import Broken, Place
from core.config.values import shown
from core.moments import OPERATOR, PREPARE

_ACCOUNT = r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"
_UMASK = r"0?0[0-7]{2}"


def account(value: str) -> str:
    """The name of a user of a server."""
    return _named(value, "user", "www-data")


def group(value: str) -> str:
    """The name of a group of a server."""
    return _named(value, "group", "web")


def umask(value: str) -> str:
    """A umask in octal, of four digits. It may take nothing from the owner: Turnout itself is that."""
    if not re.fullmatch(r"0?[0-7]{3}", value):
        raise ValueError(f'{shown(value)} is not a umask of three or four octal digits, such as "0022" or "0027"')
    if not re.fullmatch(_UMASK, value):
        raise ValueError(f'{shown(value)} takes rights from the owner, whom Turnout works as: begin with "00"')
    return value.zfill(4)


Account = Annotated[str, Check(account), Meta(pattern=f"^{_ACCOUNT}$")]
Group = Annotated[str, Check(group), Meta(pattern=f"^{_ACCOUNT}$")]
Umask = Annotated[str, Check(umask), Meta(pattern=f"^{_UMASK}$")]


def _named(value: str, noun: str, example: str) -> str:
    if not re.fullmatch(_ACCOUNT, value):
        raise ValueError(f'{shown(value)} is not the name of a {noun} on the server, such as "{example}"')
    return value


def shared_umask(environment: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that a umask takes no right from a group that shares the deploy root. Of an environment's table."""
    for place, table in _tables(environment):
        if not {"umask", "group"} & set(table):
            continue
        mask, shares = (table.get(key, environment.get(key)) for key in ("umask", "group"))
        if shares and isinstance(mask, str) and re.fullmatch(_UMASK, mask) and mask.zfill(4)[2] != "0":
            key = "umask" if "umask" in table else "group"
            message = f'the umask "{mask}" takes rights from the group, which shares the deploy root'
            yield (*place, key), message, 'umask = "0002", or "0007" to keep all others out'


def linked_umask(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that no umask is set where releases share their files with the deploy-cache. Of the whole file."""
    deploy, environments = table.get("deploy"), table.get("environments")
    if not isinstance(deploy, dict) or deploy.get("copy") != "hardlink" or not isinstance(environments, dict):
        return
    for name, environment in environments.items():
        for place, entry in _tables(environment) if isinstance(environment, dict) else ():
            if "umask" in entry:
                message = 'is not possible with copy = "hardlink": the files of releases are those of the deploy-cache'
                yield ("environments", name, *place, "umask"), message, 'copy = "auto"'


def others_prepare(table: Mapping[str, Any]) -> Iterator[Broken]:
    """The rule that only who can enter the folder of a `prepare` hook runs there: it is in .turnout, which is closed to
    others than root, Turnout's own user and a group that shares the root. Of the whole file.
    """
    known = environments_of(table)
    for index, hook in enumerate(listed(table, "hooks")):
        if not isinstance(hook, dict) or hook.get("on") != PREPARE.name or hook.get("as") in (None, "root"):
            continue
        for name in reached(hook, known):
            user = hook["as"]
            if not any({"group", "become"} & set(entry) for _, entry in _tables(known[name])):
                message = f"cannot be {shown(user)} for a prepare hook: its folder is closed to other users than root"
                yield ("hooks", index, "as"), message, 'on = "finalize"'
                break


def _tables(environment: Mapping[str, Any]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The tables of an environment that may say whose files are: its own, and those of its servers."""
    yield (), environment
    for index, server in enumerate(servers_of(environment)):
        if isinstance(server, dict):
            yield ("servers", index), server


def only_on_servers(table: Mapping[str, Any], *, elsewhere: bool) -> Iterator[Broken]:
    """The rule that `as` is for commands on servers; `elsewhere`: these run on the operator's machine."""
    if "as" in table and (elsewhere or table.get("where") == OPERATOR):
        yield ("as",), "is only for commands on servers: on the operator's machine they run as who starts Turnout", ""
