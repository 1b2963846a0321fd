"""What sudo says in its several versions, and what would be right; `become` and `as` in turnout.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import Check, Environment, Hook, Server, Task, parse
from core.config.table import Wrong
from core.errors import ConfigError
from core.manifest import masked
from core.ownership import Ownership, accounts
from core.remote.sudo import refused

RULE = "deploy ALL=(www-data) NOPASSWD: /bin/sh"
ASKS = "sudo asks deploy for a password to run commands as www-data"
FORBIDS = "sudo does not let deploy run commands as www-data"
SAYINGS = {
    "sudo: a password is required": (ASKS, RULE),
    "Welcome!\nsudo: unable to resolve host web1: Name or service not known\nsudo: a password is required": (
        ASKS,
        RULE,
    ),
    "sudo: no tty present and no askpass program specified": (ASKS, RULE),
    "sudo: interactive authentication is required": (ASKS, RULE),
    "Sorry, user deploy is not allowed to execute '/bin/sh -c IFS=' as www-data on web1.": (FORBIDS, RULE),
    "deploy is not in the sudoers file.\nsudo: deploy is not in the sudoers file": (FORBIDS, RULE),
    "sudo-rs: I'm sorry deploy. I'm afraid I can't do that": (FORBIDS, RULE),
    "sudo: sorry, you must have a tty to run sudo": (
        "sudo runs nothing as www-data without a terminal (requiretty)",
        "Defaults:deploy !requiretty",
    ),
    "sudo: unknown user www-data\nsudo: error initializing audit plugin sudoers_audit": (
        "there is no user www-data on the server",
        "correct `become`",
    ),
    "sudo-rs: user 'www-data' not found": ("there is no user www-data on the server", "correct `become`"),
    "/usr/bin/env: 'sudo': No such file or directory": ("there is no sudo on the server", "leave `become` out"),
    "env: can't execute 'sudo': No such file or directory": ("there is no sudo on the server", "leave `become` out"),
    "/usr/bin/env: 'sudo': Permission denied": ("deploy may not start sudo on the server", "the group that may"),
    "env: can't execute 'sudo': Permission denied": ("deploy may not start sudo on the server", "the group that may"),
    "deploy is not in the sudoers file.": (
        "sudo does not let deploy run commands as www-data",
        "deploy ALL=(www-data) NOPASSWD: /bin/sh",
    ),
    "sudo: unable to resolve host web1: Name or service not known\nsh: 1: exec: /usr/bin/env: Permission denied": (
        "what sudo starts as www-data may start nothing itself (NOEXEC)",
        "deploy ALL=(www-data) NOPASSWD:EXEC: /bin/sh",
    ),
    "sudo: invalid shell for user www-data: /usr/sbin/nologin": (
        "sudo refuses www-data for the login shell of that user (runas_check_shell)",
        "Defaults:deploy !runas_check_shell",
    ),
    "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set": (
        "sudo has no rights of root on the server",
        "leave `become` out",
    ),
    'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.': (
        "sudo has no rights of root on the server",
        "NoNewPrivileges",
    ),
    "sudo: /etc/sudo.conf is owned by uid 1000, should be 0": ("sudo ran nothing as www-data", "/bin/sh -c id"),
}


@pytest.mark.parametrize("said", SAYINGS)
def test_what_sudo_says_has_its_remedy(said: str) -> None:
    found = refused(said, "deploy", "www-data")
    assert found is not None
    assert found.title == SAYINGS[said][0]
    assert SAYINGS[said][1] in found.hint
    assert said.splitlines()[-1] in found.detail


@pytest.mark.parametrize(
    "said", ["", "This account is currently not available.", "Use sudo: it is fun", "bash: env: x"]
)
def test_other_words_are_not_taken_for_those_of_sudo(said: str) -> None:
    assert refused(said, "deploy", "www-data") is None


def test_a_name_that_sudoers_would_read_otherwise_is_escaped() -> None:
    found = refused("sudo: a password is required", r"CORP\ana b", "root")
    assert found is not None
    assert found.hint.endswith(r"CORP\\ana\ b ALL=(root) NOPASSWD: /bin/sh")


def server(**options: str) -> Server:
    return Server(name="web1", host="deploy@web1", root="/srv/shop", **options)


def test_a_server_has_its_own_user_over_the_environments() -> None:
    environment = Environment(become="www-data", servers=(server(),))
    assert environment.ownership_of(server()) == Ownership("www-data")
    assert environment.ownership_of(server(become="shop")) == Ownership("shop")
    assert environment.ownership_of(server(become="deploy")) == Ownership("")


def test_a_plan_says_who_works_on_the_servers() -> None:
    assert accounts({"web1": Ownership("www-data"), "web2": Ownership("www-data")}) == "www-data"
    assert accounts({"web1": Ownership("www-data"), "web2": Ownership()}) == "www-data on web1"
    assert accounts({"web1": Ownership()}) == ""


@pytest.mark.parametrize("name", ["", "#33", "www data", "-u", "a" * 33, "$(id)", "ana;id", "'", "~"])
def test_a_name_that_no_user_has_is_refused(name: str) -> None:
    with pytest.raises(Wrong) as raised:
        Environment(become=name, servers=(server(),))
    ((place, message, _),) = raised.value.broken
    assert place == ("become",) and 'such as "www-data"' in message


def test_as_is_refused_where_no_command_runs_on_a_server() -> None:
    for make in (
        lambda: Hook(on="success", webhook="https://chat.example.com/", **{"as": "root"}),
        lambda: Hook(on="build", run="make", **{"as": "root"}),
        lambda: Hook(on="success", run="make", where="operator", **{"as": "root"}),
        lambda: Task(name="x", run="make", where="operator", **{"as": "root"}),
        lambda: Check(http="http://127.0.0.1/", **{"as": "root"}),
    ):
        with pytest.raises(Wrong) as raised:
            make()
        assert [place for place, _, _ in raised.value.broken] == [("as",)]
    assert Task(name="x", run="make", account="root").account == "root"


@pytest.mark.parametrize("umask", ["22", "0800", "0722", "u=rwx", "00022", "", "0o22"])
def test_a_umask_that_is_none_or_takes_from_the_owner_is_refused(umask: str) -> None:
    with pytest.raises(Wrong) as raised:
        Environment(umask=umask, servers=(server(),))
    ((place, message, _),) = raised.value.broken
    assert place == ("umask",) and ("octal digits" in message or "owner" in message)


def test_a_umask_may_not_keep_out_the_group_that_shares_the_root() -> None:
    for place, make in (
        (("umask",), lambda: Environment(group="web", umask="0027", servers=(server(),))),
        (("servers", 0, "umask"), lambda: Environment(group="web", servers=(server(umask="077"),))),
        (("servers", 0, "group"), lambda: Environment(umask="0022", servers=(server(group="web"),))),
    ):
        with pytest.raises(Wrong) as raised:
            make()
        ((found, _, hint),) = raised.value.broken
        assert found == place and "0002" in hint
    environment = Environment(group="web", umask="007", servers=(server(),))
    assert environment.ownership_of(server()) == Ownership("", "web", "0007")


def test_the_umask_of_a_shared_root_leaves_everything_to_the_group() -> None:
    assert (Ownership().mask, Ownership(group="web").mask, Ownership(umask="0027").mask) == ("", "0002", "0027")
    assert Ownership(umask="0027").taken == 0o027


def test_a_umask_needs_files_of_its_own() -> None:
    text = """
project = "shop"
[source]
directory = "."
[deploy]
copy = "hardlink"
[environments.production]
umask = "0027"
servers = [{ name = "web1", host = "web1", root = "/srv/shop", umask = "0022" }]
"""
    with pytest.raises(ConfigError) as raised:
        parse(text, Path("turnout.toml"))
    assert str(raised.value).count('is not possible with copy = "hardlink"') == 2


@pytest.mark.parametrize(
    ("umask", "kind", "bits"), [(0o027, "f", 0o004), (0o027, "x", 0o005), (0o002, "d", 0), (0o023, "d", 5)]
)
def test_rights_that_a_umask_takes_are_no_drift(umask: int, kind: str, bits: int) -> None:
    assert masked(kind, umask) == bits
