"""Which slot a release gets: never that of the live one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.config import parse
from core.errors import ConfigError
from core.records import Record, Release, ServerState
from core.settings import Settings
from core.slots import Slots

PORTS = {"blue": 8001, "green": 8002}


def state(live="", **slots):
    releases = {
        tag: Release(tag=tag, record=Record(tag=tag, seq=number, created=1.0, slot=slot), present=True)
        for number, (tag, slot) in enumerate(slots.items(), 1)
    }
    target = f"releases/{live}" if live else ""
    made = ServerState(server="web1", root="/srv/shop", current=live, current_target=target, releases=releases)
    return {"web1": made, "web2": replace(made, server="web2")}


@pytest.mark.parametrize(
    ("live", "slots", "tag", "slot"),
    [
        ("", {}, "r1", "blue"),
        ("r1", {"r1": "blue"}, "r2", "green"),
        ("r2", {"r1": "blue", "r2": "green"}, "r3", "blue"),
        ("r2", {"r1": "blue", "r2": "green"}, "r1", "blue"),  # a rollback: it keeps its own
        ("r3", {"r1": "blue", "r2": "green", "r3": "blue"}, "r1", "green"),  # unless the live one has it
        ("r1", {"r1": "green"}, "r1", "green"),  # live already
        ("r1", {"r1": ""}, "r2", "blue"),  # from before there were slots
        ("r1", {"r1": "red"}, "r2", "blue"),  # a slot that is not configured any more
    ],
)
def test_a_release_gets_the_slot_that_the_live_one_does_not_have(live, slots, tag, slot):
    found = Slots(PORTS, state(live, **slots), tag)
    assert found.of("web1") == slot
    assert found.port(slot) == str(PORTS[slot])


def test_of_three_slots_the_next_one_is_taken():
    ports = {"a": 1, "b": 2, "c": 3}
    assert [Slots(ports, state("r1", r1=slot), "r2").of("web1") for slot in "abc"] == ["b", "c", "a"]


def test_the_slot_of_another_release_is_that_of_its_record():
    slots = Slots(PORTS, state("r2", r1="blue", r2="green"), "r3")
    assert (slots.of("web1", "r1"), slots.of("web1", "r2"), slots.of("web1", "gone")) == ("blue", "green", "")
    assert slots.port("") == ""


def test_without_slots_there_are_none():
    slots = Slots({}, state("r1", r1="blue"), "r2")
    assert not slots and slots.of("web1") == "" and slots.of("web1", "r1") == ""


@pytest.mark.parametrize(
    ("slots", "check", "key", "said"),
    [
        ("{ blue = 8001, green = 8001 }", "", "slots", "green and blue have the same port 8001"),
        ("{ blue = 8001 }", "", "slots", "needs at least two slots"),
        ("{ blue = 0, green = 8001 }", "", "slots", "blue = 0 is not a port"),
        ("{ blue = 8001, green = 65536 }", "", "slots", "green = 65536 is not a port"),
        ("{ 'b c' = 8001, green = 8002 }", "", "slots", "is not a valid name"),
        ('{ blue = "8001", green = 8002 }', "", "slots.blue", "must be a whole number"),
        (
            "{}",
            '[[checks]]\nhttp = "http://127.0.0.1:{port}/"',
            "",
            "has {port}, and the environment production has no slots",
        ),
    ],
)
def test_slots_that_cannot_take_turns_are_refused(slots, check, key, said):
    servers = '[{ name = "web1", host = "web1", root = "/srv/shop" }]'
    text = (
        f'project = "shop"\nsource = {{ git = "." }}\n[environments.production]\nslots = {slots}\nservers = {servers}\n'
    )
    with pytest.raises(ConfigError) as raised:
        parse(f"{text}{check}\n", Path("turnout.toml"), Settings(environ={}))
    (fault,) = raised.value.faults
    assert fault.key == (f"environments.production.{key}" if key else "checks[0].http")
    assert said in fault.message


def test_a_url_with_a_port_to_come_is_a_url():
    servers = '[{ name = "web1", host = "web1", root = "/srv/shop" }]'
    text = (
        'project = "shop"\nsource = { git = "." }\n[environments.production]\n'
        f"slots = {{ blue = 8001, green = 8002 }}\nservers = {servers}\n"
        '[[checks]]\nhttp = "http://127.0.0.1:{port}/healthz"\n'
    )
    project = parse(text, Path("turnout.toml"), Settings(environ={}))
    assert project.environment("production").slots == PORTS
