"""Whatever the login shell: a whole life of an application on a server, compared byte for byte."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

import pytest

from core import PruneRequest
from core.errors import ConnectError
from core.events import HookOutput
from tests.engine.driving import at_rest, current, releases, snapshot, tree_of
from tests.projects import Link, Script

SHELLS = ("bash", "dash", "zsh", "fish", "busybox")

ODD_FILES = {
    b"with spaces in it": "1",
    b" leading and trailing ": "2",
    b'it\'s "quoted" `here` $HOME': "3",
    b"-rf": "4",
    b"--help/-n/-e": "5",
    b"new\nline/\n": "6",
    b"\n\n": "newlines only",
    b"back\\slash\\n\\0041": "7",
    b"tab\tand\rreturn\x01\x7f\x1b[31m": "8",
    "emoji \N{SNOWMAN} \N{PILE OF POO}/ä".encode(): "9",
    b"not \xff\xfe UTF-8 \x80": "10",
    b"*?[a-z]{x,y}~": "11",
    b"%41%zz": "12",
    b"!": "13",
    b"#end": "14",
    b".hidden/.more": "15",
    b"a" * 200 + b"/" + b"b" * 200 + b"/" + b"c" * 200: "deep",
    b"empty": "",
    b"zeros": b"\0" * 3000,
    b"exactly a block": b"x" * 512,
    b"bin/run me": Script("#!/bin/sh\necho ran\n"),
    b"relative": Link("with spaces in it"),
    b"up/and/down": Link("../../-rf"),
    b"absolute": Link("/etc/passwd"),
    b"dangling": Link(b"no\nwhere \xff"),
    b"to a folder": Link(".hidden"),
    b"l" * 180: Link("t" * 300),
    b"empty folder/inside/": "",
}


@pytest.fixture(params=SHELLS)
def place(request, shell_server):
    return shell_server(request.param)


def test_every_name_and_kind_of_entry_arrives_byte_for_byte(place, project_factory, engine):
    project = project_factory([place], ODD_FILES, source="directory")
    operator = engine(project)
    result = operator.deploy()
    assert snapshot(place.files / "releases" / result.tag) == tree_of(project)
    at_rest([place])


def test_entries_change_their_kind_and_go_as_in_the_tree(place, project_factory, engine):
    files = {**ODD_FILES, "a": "file", "b/c/d": "x", "e": Link("a"), "f/g": "1", "h": "h", "keep": "k", "s\\ash/'": "s"}
    project = project_factory([place], files, source="directory")
    operator = engine(project)
    first = operator.deploy()
    before = snapshot(place.files / "releases" / first.tag)
    changes = {
        b"with spaces in it": None,
        b"-rf": None,
        b"new\nline/\n": None,
        b"\n\n": None,
        b"back\\slash\\n\\0041": None,
        b"not \xff\xfe UTF-8 \x80": None,
        b"*?[a-z]{x,y}~": None,
        b"!": None,
        b"dangling": Link(b"no\nwhere"),
        b"bin/run me": "no program any more",
        b"empty": Script("a program now"),
        b"s\\ash/'": None,
        b"a": None,
        b"b/c/d": None,
        b"e": None,
        b"f/g": None,
        b"h": None,
    }
    project.write(changes)
    for folder in ("b/c", "b", "f", "s\\ash"):
        os.rmdir(project.tree / folder)
    project.write({"a/file/in": "a folder now", "b": Link("keep"), "e/x": "folder", "f": "file", "h": Link("a")})
    second = operator.deploy()
    assert snapshot(place.files / "releases" / second.tag) == tree_of(project)
    assert snapshot(place.files / "releases" / first.tag) == before
    step = second.plan.steps[0]
    assert step.exact and step.send_files == 5
    # And back: what was a link or a file becomes a folder again.
    project.write({**dict.fromkeys(("a/file/in", "b", "e/x", "f", "h")), b"-rf": "4"})
    os.rmdir(project.tree / "a/file")
    for folder in ("a", "e"):
        os.rmdir(project.tree / folder)
    project.write({name: files[name] for name in ("a", "b/c/d", "e", "f/g", "h")})
    third = operator.deploy()
    assert snapshot(place.files / "releases" / third.tag) == tree_of(project)
    at_rest([place])


def test_rollback_prune_and_clear_cache_with_hooks_and_checks(place, project_factory, engine):
    extra = """
[[hooks]]
on = "prepare"
run = '''printf '%s\\n' "it's $TURNOUT_TAG" "back\\\\slash" > 'made by "a" hook'; echo prepared; echo loud >&2'''
[[hooks]]
on = "after-switch"
run = "echo switched to $(cat index.html)"
[[checks]]
run = "test -f index.html && test -d ../../shared"
attempts = 2
"""
    project = project_factory(
        [place], {"index.html": "one\n", "data/seed": "s"}, deploy={"shared": ["data/"]}, extra=extra
    )
    operator = engine(project)
    operator.deploy(tag="r1")
    assert (place.files / 'current/made by "a" hook').read_text() == "it's r1\nback\\slash\n"
    assert os.readlink(place.files / "current/data") == "../../shared/data"
    assert (place.files / "current/data/seed").read_text() == "s"
    assert [event.line for event in operator.said(HookOutput, on="prepare")] == ["prepared", "loud"]
    assert [event.line for event in operator.said(HookOutput, on="after-switch")] == ["switched to one"]
    for number in (2, 3, 4):
        project.commit({"index.html": f"{number}\n"})
        operator.deploy(tag=f"r{number}")
    back = operator.rollback()
    assert (back.tag, current(place)) == ("r3", "releases/r3")
    operator.prune("r1")
    assert releases(place) == ["r2", "r3", "r4"]
    operator.run(PruneRequest(cache=True))
    assert list((place.files / "deploy-cache").iterdir()) == []
    project.commit({"index.html": "5\n"})
    last = operator.deploy(tag="r5")
    assert last.plan.steps[0].send_files == 2
    again = operator.rollback("r1")
    assert again.plan.steps[0].action == "upload"
    assert (place.files / "current/index.html").read_text() == "one\n"
    at_rest([place])


def test_a_deploy_root_may_have_any_name(place, project_factory, engine):
    from dataclasses import replace

    odd = '/it\'s a "root" \\ of $HOME; é *'
    (place.files / odd[1:]).mkdir()
    inside = replace(place, root=place.root + odd, files=place.files / odd[1:])
    project = project_factory(
        [inside], {"index.html": "one\n", "-x": "gone soon"}, extra='[[hooks]]\non = "success"\nrun = "pwd"'
    )
    operator = engine(project)
    operator.deploy()
    project.commit({"-x": None, "y": "y"})
    result = operator.deploy()
    assert sorted(os.listdir(inside.files / "current/")) == ["index.html", "y"]
    assert operator.said(HookOutput)[-1].line.endswith(f"{odd}/releases/{result.tag}")
    at_rest([inside])


def test_signs_of_life_wait_for_an_agent_that_is_being_started(place, fleet_of):
    fleet = fleet_of(place)
    (name,) = fleet.names
    stop = threading.Event()

    def beat():
        while not stop.is_set():
            with suppress(ConnectError):  # there is none yet
                fleet.session(name).agent.sign_of_life()

    session = fleet.open(name)
    with pytest.raises(ConnectError):
        session.agent.sign_of_life()
    beating = threading.Thread(target=beat, daemon=True)
    beating.start()
    try:
        for _ in range(5):
            assert session.state().exists
            session.close()
            session.open()
    finally:
        stop.set()
        beating.join()
