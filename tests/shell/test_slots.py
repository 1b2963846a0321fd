"""slots.sh: which releases have a slot is written down and told again; not where something listens at a port."""

from __future__ import annotations

import socket

from tests.servers import free_port
from tests.shell.agents import text_of
from tests.shell.test_locking import BEGIN, TOKEN

PROGRAM = text_of("slots.sh")
LINES = "blue 8001 r1 used\ngreen 8002 r2 unsure\n"


def test_the_slots_are_as_the_last_request_said(agent, root):
    agent.done(*BEGIN)
    assert not agent.done("with", PROGRAM, "slots", TOKEN, LINES).lines
    assert (root / ".turnout/slots").read_text() == LINES
    assert agent.done("state").of("slot") == LINES.splitlines()
    assert not agent.done("with", PROGRAM, "slots", TOKEN, "").lines
    assert not agent.done("state").of("slot")


def test_nothing_is_written_while_something_listens_at_a_port(agent, root):
    agent.done(*BEGIN)
    sockets = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("", 0))]
    if socket.has_dualstack_ipv6():
        sockets.append(socket.create_server(("::1", 0), family=socket.AF_INET6))
    closed = str(free_port())
    for listening in sockets:
        with listening:
            port = str(listening.getsockname()[1])
            reply = agent.done("with", PROGRAM, "slots", TOKEN, LINES, closed, port)
            assert reply.of("listens") == [port] and not (root / ".turnout/slots").exists()
    assert not agent.done("with", PROGRAM, "slots", TOKEN, LINES, closed).lines
    assert (root / ".turnout/slots").read_text() == LINES


def test_anybody_may_ask_at_which_ports_something_listens(agent):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, closed = str(listening.getsockname()[1]), str(free_port())
        assert agent.done("with", PROGRAM, "ports", closed, port, "x").of("listens") == [port]
        assert not agent.done("with", PROGRAM, "ports", closed).lines
    assert not agent.done("with", PROGRAM, "ports", port).lines


def test_a_link_in_place_of_the_file_is_refused_and_not_followed(agent, root, tmp_path):
    (root / ".turnout").mkdir(parents=True)
    (tmp_path / "other").write_text("theirs")
    (root / ".turnout/slots").symlink_to(tmp_path / "other")
    assert agent.ask(*BEGIN).status == 5 and (tmp_path / "other").read_text() == "theirs"
