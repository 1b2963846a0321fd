"""What another tool says of its own configuration: servers, root, what is shared (pure).

The tool is asked, because its files are programs in Ruby, PHP or JavaScript, and nothing here runs or parses those.
What it prints is read as data; a value that is not plain is left for a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct


class Place(Struct, frozen=True):
    """A server as the tool knows it; "" and 0 for what it does not say."""

    host: str
    user: str = ""
    port: int = 0
    root: str = ""


class Found(Struct, frozen=True):
    """What can be carried over.

    servers    each with its own root
    shared     paths, a slash at the end of folders
    current    the link to the live release, where it is not `current` in the root
    left       what was not carried over, one line each: hooks, roles, permissions, …
    """

    servers: tuple[Place, ...]
    keep: int = 0
    shared: tuple[str, ...] = ()
    ref: str = ""
    current: str = ""
    left: tuple[str, ...] = ()


class Asking(Struct, frozen=True):
    """How a tool is asked. `command` has STAGE for the environment's name, or is one that needs none."""

    command: tuple[str, ...]
    read: Callable[[str, str], Found]


def capistrano(text: str, stage: str) -> Found:
    """`cap STAGE doctor:variables doctor:servers`. ValueError where it is something else."""
    values = dict(re.findall(r"^ +:(\w+) +(\S.*?) *$", text, re.MULTILINE))
    root = _ruby(values.get("deploy_to"), str)
    lines = text.partition("\nServers (")[2].splitlines()[1:]
    places = [_uri(line.split()[0], root) for line in lines if line[:4] == "    " and line.strip()]
    if not root or not places:
        raise ValueError("it names no deploy_to or no servers")
    shared = _shared(_ruby(values.get("linked_files"), list), _ruby(values.get("linked_dirs"), list))
    link = _ruby(values.get("current_directory"), str)
    known = {"deploy_to", "linked_files", "linked_dirs", "keep_releases", "branch", "repo_url", "current_directory"}
    left = [f":{key} {value}" for key, value in values.items() if key not in known | _OF_CAPISTRANO]
    roles = [line.strip() for line in lines if "[" in line]
    return Found(
        tuple(places),
        _number(values.get("keep_releases")),
        shared,
        _ruby(values.get("branch"), str),
        link if link != "current" else "",
        (
            *(f"roles: {role}" for role in roles),
            *left,
            "tasks and hooks of Capfile, config/deploy.rb and lib/capistrano",
        ),
    )


_OF_CAPISTRANO = frozenset(
    re.findall(
        r"\w+",
        "application default_env format log_level pty stage tmp_dir local_user sshkit_backend git_wrapper_path scm "
        "git_environmental_variables git_max_concurrent_connections git_wait_interval git_shallow_clone",
    )
)
"""Variables that say how Capistrano itself works."""


def mina(text: str, stage: str) -> Found:
    """`mina debug_configuration_variables`: `:name => value` lines."""
    values = dict(re.findall(r"^:(\w+) => (.*)$", text, re.MULTILINE))
    root, domain = _ruby(values.get("deploy_to"), str), _ruby(values.get("domain"), str)
    if not root or not domain:
        raise ValueError("it names no deploy_to or no domain")
    shared = _shared(_ruby(values.get("shared_files"), list), _ruby(values.get("shared_dirs"), list))
    known = {
        "deploy_to",
        "domain",
        "user",
        "port",
        "keep_releases",
        "branch",
        "shared_files",
        "shared_dirs",
        "repository",
    }
    own = {
        "releases_path",
        "shared_path",
        "current_path",
        "lock_file",
        "deploy_script",
        "version_scheme",
        "execution_mode",
    }
    return Found(
        (Place(domain, _ruby(values.get("user"), str), _number(values.get("port")), root),),
        _number(values.get("keep_releases")),
        shared,
        _ruby(values.get("branch"), str),
        "",
        (
            *(f":{key} => {value}" for key, value in values.items() if key not in known | own),
            "tasks of config/deploy.rb",
        ),
    )


def deployer(text: str, stage: str) -> Found:
    """`dep config --format=json`: an object a host. Only hosts of that stage, where any has one."""
    hosts = _object(text)
    staged = {name: host for name, host in hosts.items() if stage in (_label(host, "stage"), _label(host, "env"))}
    chosen = {name: host for name, host in (staged or hosts).items() if isinstance(host, dict)}
    places = [
        Place(
            _text(host, "hostname") or name,
            _text(host, "remote_user"),
            _whole(host, "port"),
            _text(host, "deploy_path"),
        )
        for name, host in chosen.items()
    ]
    if not places or not all(place.root for place in places):
        raise ValueError("it names no hosts, or no deploy_path")
    first = next(iter(chosen.values()))
    root, link = _text(first, "deploy_path"), _text(first, "current_path")
    shared = _shared(_texts(first, "shared_files"), _texts(first, "shared_dirs"))
    told = (
        "writable_dirs",
        "writable_mode",
        "writable_use_sudo",
        "http_user",
        "clear_paths",
        "labels",
        "become",
        "env",
    )
    left = [f"{key}: {json.dumps(first[key])}" for key in told if first.get(key)]
    return Found(
        tuple(places),
        _whole(first, "keep_releases"),
        shared,
        _text(first, "branch"),
        link if link not in ("", f"{root}/current") else "",
        (*left, "tasks, before() and after() of deploy.php"),
    )


def ansistrano(text: str, stage: str) -> Found:
    """`ansible-inventory --list`: the hosts of the group of that name, else all, with the inventory's variables."""
    inventory = _object(text)
    variables = inventory.get("_meta", {}).get("hostvars", {}) if isinstance(inventory.get("_meta"), dict) else {}
    group = inventory.get(stage)
    named = _texts(group, "hosts") if isinstance(group, dict) else []
    everywhere = [host for each in inventory.values() if isinstance(each, dict) for host in _texts(each, "hosts")]
    hosts = list(dict.fromkeys(named or everywhere))
    of = {host: facts for host in hosts if isinstance(facts := variables.get(host, {}), dict)}
    if not hosts:
        raise ValueError("it names no hosts")
    places = [
        Place(
            _text(of.get(host, {}), "ansible_host") or host,
            _text(of.get(host, {}), "ansible_user"),
            _whole(of.get(host, {}), "ansible_port"),
            _text(of.get(host, {}), "ansistrano_deploy_to") or _ANSISTRANOS_ROOT,
        )
        for host in hosts
    ]
    first = of.get(hosts[0], {})
    shared = _shared(_texts(first, "ansistrano_shared_files"), _texts(first, "ansistrano_shared_paths"))
    known = {"deploy_to", "shared_files", "shared_paths", "keep_releases", "git_branch", "current_dir"}
    theirs = [key for key in first if key.startswith("ansistrano_") and key.removeprefix("ansistrano_") not in known]
    link = _text(first, "ansistrano_current_dir")
    return Found(
        tuple(places),
        _whole(first, "ansistrano_keep_releases"),
        shared,
        _text(first, "ansistrano_git_branch"),
        link if link != "current" else "",
        (
            *(f"{key}: {json.dumps(first[key])}" for key in theirs),
            *([f"the root: {_ANSISTRANOS_ROOT} is the role's default"] if "ansistrano_deploy_to" not in first else []),
            "variables of playbooks and roles (an inventory does not know them), and all tasks",
        ),
    )


_ANSISTRANOS_ROOT = "/var/www/my-app"


def shipit(text: str, stage: str) -> Found:
    """What the shipitfile gives to `initConfig`, as JSON."""
    config = _object(text)
    default, own = config.get("default", {}), config.get(stage)
    if not isinstance(own, dict) or not isinstance(default, dict):
        raise ValueError(f"it has no environment {stage}")
    values = {**default, **own}
    named = values.get("servers")
    listed = named if isinstance(named, list) else [named]
    uris = [each if isinstance(each, str) else _joined(each) for each in listed if isinstance(each, str | dict)]
    places = [_uri(uri, _text(values, "deployTo")) for uri in uris if uri]
    if not places or not places[0].root:
        raise ValueError("it names no servers or no deployTo")
    known = {"servers", "deployTo", "keepReleases", "branch", "repositoryUrl", "shared"}
    own_shared = values.get("shared")
    mine = own_shared if isinstance(own_shared, dict) else {}
    shared = _shared(_texts(mine, "files"), _texts(mine, "dirs"))
    left = [f"{key}: {json.dumps(value)}" for key, value in values.items() if key not in known]
    return Found(
        tuple(places),
        _whole(values, "keepReleases"),
        shared,
        _text(values, "branch"),
        "",
        (*left, "tasks and events of the shipitfile"),
    )


_SHIPIT = (
    "const s=new Proxy({initConfig:c=>{console.log(JSON.stringify(c));return s}},{get:(t,k)=>k in t?t[k]:(()=>s)});"
    "let f=require(require('path').resolve('shipitfile.js'));(f.default||f)(s)"
)

ASKED: Mapping[str, Asking] = {
    "capistrano": Asking(("cap", "STAGE", "doctor:variables", "doctor:servers"), capistrano),
    "deployer": Asking(("dep", "config", "--format=json"), deployer),
    "ansistrano": Asking(("ansible-inventory", "--list"), ansistrano),
    "mina": Asking(("mina", "debug_configuration_variables", "debug_configuration_variables=true"), mina),
    "shipit": Asking(("node", "-e", _SHIPIT), shipit),
}
"""By the name of a tool."""


def _ruby(text: str | None, kind: type) -> Any:
    """A plain text or list of texts as Ruby prints it, which is JSON then; an empty one for anything else."""
    try:
        value = json.loads(text.strip()) if text else None
    except ValueError:
        value = None
    if kind is list:
        return _strings(value)
    return value if isinstance(value, str) else ""


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _shared(files: Iterable[str], folders: Iterable[str]) -> tuple[str, ...]:
    """Shared paths as Turnout writes them: a slash at the end of folders."""
    return (*files, *(f"{path}/" for path in folders))


def _number(text: str | None) -> int:
    return int(text) if text and re.fullmatch(r"[0-9]{1,5}", text.strip()) else 0


def _object(text: str) -> dict[str, Any]:
    """The JSON object in what a tool printed, which may begin with warnings. ValueError where there is none."""
    start = text.find("{")
    try:
        value = json.loads(text[start:]) if start >= 0 else None
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _texts(values: Mapping[str, Any], key: str) -> Sequence[str]:
    return _strings(values.get(key))


def _whole(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key)
    if isinstance(value, str):
        return _number(value)
    return value if type(value) is int and 0 < value < 65536 else 0


def _label(host: Any, key: str) -> str:
    labels = host.get("labels") if isinstance(host, dict) else None
    return _text(labels, key) if isinstance(labels, dict) else ""


def _joined(server: Mapping[str, Any]) -> str:
    """A server of shipit that is an object."""
    user, host, port = _text(server, "user"), _text(server, "host"), _whole(server, "port")
    return f"{user + '@' if user else ''}{host}{f':{port}' if port else ''}" if host else ""


def _uri(text: str, root: str) -> Place:
    """`user@host:port`."""
    user, _, address = text.rpartition("@")
    host, colon, port = address.rpartition(":")
    if colon and re.fullmatch(r"[0-9]{1,5}", port):
        return Place(host, user, int(port), root)
    return Place(address, user, 0, root)
