"""Names that paramiko and Fabric call their own, and that Turnout uses all the same: each is here, and there.

A release of theirs may drop one. Then a test here says which, pyproject.toml keeps such a release out until it was
tried (upper bounds), and `make bounds` runs the oldest and the newest that are let in.
"""

import ast
from pathlib import Path

import fabric
import paramiko
import paramiko.agent
import paramiko.auth_handler
import paramiko.common
import paramiko.pkey
import pytest

CORE = Path(__file__).parents[2] / "core"

# By place: the name, and what it must be for the code that uses it.
NAMES = {
    "Transport._preferred_ciphers": (paramiko.Transport, tuple),  # transport.py puts its own in place
    "Transport._preferred_pubkeys": (paramiko.Transport, tuple),
    "Transport._cipher_info": (paramiko.Transport, dict),  # what can be offered
    "Transport._mac_info": (paramiko.Transport, dict),
    "Transport._kex_info": (paramiko.Transport, dict),
    "Transport._key_info": (paramiko.Transport, dict),
    "Transport._preferred_compression": (paramiko.Transport, tuple),  # shrinking.py compresses what is short
    "Transport._compression_info": (paramiko.Transport, dict),
    "Transport._parse_kex_init": (paramiko.Transport, None),
    "Transport._parse_newkeys": (paramiko.Transport, None),  # transport.py sends what had to wait for them
    "Transport._channel_handler_table": (paramiko.Transport, dict),  # ending.py hears exit-signal
    "Transport._send_user_message": (paramiko.Transport, None),  # connection.py starts a command without waiting
    "Transport._send_message": (paramiko.Transport, None),  # transport.py sends several packets in one go
    "Channel._wait_for_send_window": (paramiko.Channel, None),
    "Channel._handle_request": (paramiko.Channel, None),
    "AuthHandler._request_auth": (paramiko.auth_handler.AuthHandler, None),  # the login that saves a round trip
    "AuthHandler._parse_service_accept": (paramiko.auth_handler.AuthHandler, None),
    "AgentSSH._connect": (paramiko.agent.AgentSSH, None),  # an agent behind a socket that is not SSH_AUTH_SOCK's
    "AgentSSH._send_message": (paramiko.agent.AgentSSH, None),
    "Connection._set": (fabric.Connection, None),  # an attribute, and not a setting
}

# Public by their spelling, and in no documentation.
UNDOCUMENTED = {
    "AuthHandler.auth_publickey": paramiko.auth_handler.AuthHandler,
    "AuthHandler.wait_for_response": paramiko.auth_handler.AuthHandler,
    "AgentKey.sign_ssh_data": paramiko.agent.AgentKey,
    "PublicBlob.from_file": paramiko.pkey.PublicBlob,
    "common.cMSG_CHANNEL_REQUEST": paramiko.common,
    "common.MSG_CHANNEL_REQUEST": paramiko.common,
    "agent.ALGORITHM_FLAG_MAP": paramiko.agent,
    "agent.SSH2_AGENT_SIGN_RESPONSE": paramiko.agent,
    "ssh_exception.IncompatiblePeer": paramiko.ssh_exception,
}

FOREIGN = {
    "Transport": paramiko.Transport,
    "AuthHandler": paramiko.auth_handler.AuthHandler,
    "AgentKey": paramiko.agent.AgentKey,
    "Connection": fabric.Connection,
    "MissingHostKeyPolicy": paramiko.MissingHostKeyPolicy,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_private_name_that_is_used_is_there(name):
    place, kind = NAMES[name]
    short = name.rpartition(".")[2]
    assert hasattr(place, short), f"{name} is gone from {place.__module__}: see core/remote for who uses it"
    names = getattr(place, short)
    assert callable(names) if kind is None else isinstance(names, kind), f"{name} is {type(names)} now"


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_an_undocumented_name_that_is_used_is_there(name):
    assert hasattr(UNDOCUMENTED[name], name.rpartition(".")[2]), f"{name} is gone"


@pytest.mark.parametrize(
    "name",
    [
        "active",
        "clear_to_send",
        "clear_to_send_lock",
        "clear_to_send_timeout",
        "initial_kex_done",
        "auth_handler",
        "local_cipher",
        "session_id",
    ],
)
def test_an_attribute_of_a_transport_that_is_used_is_set(name):
    import socket

    near_end, other = socket.socketpair()
    with near_end, other:
        assert hasattr(paramiko.Transport(near_end), name)


@pytest.mark.parametrize(
    "name", ["status_event", "lock", "out_window_size", "remote_chanid", "exit_status", "closed", "eof_received"]
)
def test_an_attribute_of_a_channel_that_is_used_is_set(name):
    assert hasattr(paramiko.Channel(0), name)


def used() -> set[str]:
    """Every private name of theirs that the code reads, calls or puts its own in place of."""
    private: set[str] = set()
    for file in CORE.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        ours = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _of_self(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute) or not _private(node.attr) or _of_self(node):
                continue
            if node.attr not in ours or _of_super(node):
                private.add(node.attr)
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            names = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
            bases = [FOREIGN[name] for name in names if name in FOREIGN]
            inside = {item.attr for item in ast.walk(node) if isinstance(item, ast.Attribute)}
            inside |= {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            inside |= {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
            private |= {name for name in inside if _private(name) and any(hasattr(base, name) for base in bases)}
    return private


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def _of_super(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super"


def test_every_private_name_that_is_used_is_named_here():
    of_theirs = {
        name
        for name in used()
        if any(
            hasattr(place, name)
            for place in (*FOREIGN.values(), paramiko.Channel, paramiko.agent.AgentSSH, paramiko.SSHClient)
        )
    }
    assert of_theirs == {name.rpartition(".")[2] for name in NAMES}
