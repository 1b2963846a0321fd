"""Which slot a release gets: never that of the live one."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from core.config import parse
from core.errors import ConfigError
from core.planner.prune import plan_prune
from core.records import JournalLine, Record, Release, ServerState, parse_slot_use
from core.retention import beyond, protection
from core.settings import Settings
from core.slots import Slots, in_the_way

PORTS = {"blue": 8001, "green": 8002}


def state(live="", *, written=(), lines=(), ports=None, **slots):
    """Two servers alike. written: the lines of their file of slots; lines: of transitions.jsonl; slots: of records."""
    ports = PORTS if ports is None else ports
    releases = {
        tag: Release(
            tag=tag,
            record=Record(tag=tag, seq=number, created=1.0, slot=slot, port=ports.get(slot, 0)),
            present=True,
        )
        for number, (tag, slot) in enumerate(slots.items(), 1)
    }
    made = ServerState(
        server="web1",
        root="/srv/shop",
        current=live,
        current_target=f"releases/{live}" if live else "",
        releases=releases,
        slots=tuple(parse_slot_use(line) for line in written),
        transitions=tuple(lines),
    )
    return {"web1": made, "web2": replace(made, server="web2")}


def given(slots, server="web1", tag=None):
    use = slots.of(server, tag)
    return use.slot, use.port


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
@pytest.mark.parametrize("ports", [PORTS, {}], ids=["records", "records-without-ports"])
def test_a_release_gets_the_slot_that_the_live_one_does_not_have(live, slots, tag, slot, ports):
    found = Slots(PORTS, state(live, ports=ports, **slots), tag)
    assert given(found) == (slot, PORTS[slot]) and not found.choice("web2").problem


def test_where_others_listen_at_a_port_another_slot_is_taken():
    written = ("blue 8001 r1 used",)
    slots = Slots({**PORTS, "red": 8003}, state("r1", written=written, r1="blue"), "r2")
    assert given(slots) == ("green", 8002)
    assert slots.another("web1") and given(slots) == ("red", 8003)
    assert not slots.another("web1"), "the live release has the third one"
    own = Slots({**PORTS, "red": 8003}, state("r1", written=(*written, "green 8002 r2 used"), r1="blue"), "r2")
    assert not own.another("web1"), "what listens may be the release itself"


def test_a_release_was_begun_where_its_slot_is_written_down():
    slots = Slots(PORTS, state("r1", written=("blue 8001 r1 used",), r1="blue"), "r2")
    assert not slots.begun("web1")
    slots.taken("web1", slots.choice("web1").use)
    slots.free("web1", "r2")
    assert slots.begun("web1") and not slots.begun("web2")


def test_without_slots_what_has_one_keeps_it_until_it_is_stopped():
    slots = Slots({}, state("r1", written=("blue 8001 r1 used",), r1="blue"), "r2")
    assert slots.any_use and not slots and slots.text("web1") is None
    assert given(slots, tag="r1") == ("blue", 8001) and given(slots) == ("", 0)
    slots.free("web1", slots.left("web1")[0])
    assert slots.text("web1") == ""


def test_the_files_of_what_has_a_slot_stay():
    slots = {f"r{number}": "blue" for number in range(1, 6)}
    there = state("r5", written=("blue 8001 r5 used", "green 8002 r1 used"), **slots)["web1"]
    assert beyond(there, 1, set(), for_ever=True) == ["r2", "r3", "r4"]
    why = protection([there], "r1", "r5", "r4")
    assert why.startswith("has the slot green (port 8002) on web1: it may still run")
    assert not protection([there], "r1", "r5", "r4", running=True)
    assert "live" in protection([there], "r5", "r5", "r4", running=True)
    forced = plan_prune("production", [there], ("r1",), None, False, {}, force=True)
    assert forced.steps[0].prune == ("r1",) and "may still run" in " ".join(forced.warnings)


def test_of_three_slots_the_next_one_is_taken():
    ports = {"a": 1, "b": 2, "c": 3}
    assert [Slots(ports, state("r1", r1=slot), "r2").of("web1").slot for slot in "abc"] == ["b", "c", "a"]


def test_the_slot_of_another_release_is_that_of_its_record():
    slots = Slots(PORTS, state("r2", r1="blue", r2="green"), "r3")
    assert [given(slots, tag=tag) for tag in ("r1", "r2", "gone")] == [("blue", 8001), ("green", 8002), ("", 0)]


def test_without_slots_there_are_none():
    slots = Slots({}, state("r1", r1="blue"), "r2")
    assert not slots and given(slots) == ("", 0) == given(slots, tag="r1") and slots.text("web1") is None


def test_a_slot_that_a_release_may_still_run_in_is_not_given_out_as_if_it_were_free():
    """Of three, the one that nobody has; of two, the one whose release does not serve, which is stopped first."""
    written = ("blue 8001 r1 used", "green 8002 r9 used")
    of_three = Slots({**PORTS, "red": 8003}, state("r1", written=written, r1="blue"), "r2")
    assert given(of_three) == ("red", 8003) and not of_three.choice("web1").stale
    of_two = Slots(PORTS, state("r1", written=written, r1="blue"), "r2")
    assert given(of_two) == ("green", 8002) and [use.tag for use in of_two.choice("web1").stale] == ["r9"]


def test_what_was_begun_before_is_begun_in_the_same_slot_again():
    written = ("blue 8001 r1 used", "green 8002 r2 used")
    slots = Slots({**PORTS, "red": 8003}, state("r1", written=written, r1="blue"), "r2")
    assert given(slots) == ("green", 8002) and [use.tag for use in slots.choice("web1").stale] == ["r2"]


def test_from_a_release_that_may_serve_requests_are_turned_away_first():
    written = ("blue 8001 r1 used", "green 8002 r2 unsure")
    slots = Slots(PORTS, state("r1", written=written, r1="blue"), "r3")
    assert given(slots) == ("green", 8002) and slots.choice("web1").turn


def test_after_an_interrupted_switch_both_releases_may_serve():
    written = ("blue 8001 r1 used", "green 8002 r2 used")
    begun = JournalLine(what="begin", operation="ab", kind="deploy", tag="r2")
    switched = JournalLine(what="switch", operation="ab", tag="r2", previous="r1")
    there = state("r2", written=written, lines=(begun, switched), r1="blue", r2="green")
    assert "an operation was interrupted" in Slots(PORTS, there, "r3").choice("web1").problem
    back = replace(there["web1"], current="r1", current_target="releases/r1")
    assert "an operation was interrupted" in Slots(PORTS, {"web1": back}, "r3").choice("web1").problem
    again = Slots(PORTS, {"web1": back}, "r2").choice("web1")
    assert again.turn and again.use == replace(again.stale[0]), "the release that it was about is begun again"
    retiring = JournalLine(what="retire", operation="ab", tag="r1")
    there = state("r2", written=written, lines=(begun, switched, retiring), r1="blue", r2="green")
    assert given(Slots(PORTS, there, "r3")) == ("blue", 8001), "it was about to be stopped"


@pytest.mark.parametrize(
    ("ports", "slot"),
    [
        ({"blue": 9001, "green": 9002}, ("green", 9002)),  # renumbered
        ({"one": 8001, "two": 8002}, ("two", 8002)),  # renamed
        ({"blue": 8002, "green": 8001}, ("", 0)),  # swapped: each has the live one's name or port
    ],
)
def test_a_changed_table_of_slots_never_gives_out_the_name_or_the_port_of_what_is_live(ports, slot):
    slots = Slots(ports, state("r1", written=("blue 8001 r1 used",), r1="blue"), "r2")
    assert given(slots) == slot and given(slots, tag="r1") == ("blue", 8001)
    assert bool(slots.choice("web1").problem) == (not slot[1])


def test_what_no_hook_starts_or_stops_stays_in_its_slot():
    slots = Slots(PORTS, state("r2", written=("green 8002 r2 used",), r1="blue", r2="green"), "r1", keeps=True)
    assert given(slots) == ("green", 8002)
    slots.live("web1", "r1")
    assert slots.text("web1") == "green 8002 r1 used\n"


def test_the_file_tells_of_a_release_from_its_start_to_its_stop():
    slots = Slots(PORTS, state("r1", written=("blue 8001 r1 used",), r1="blue"), "r2")
    use = slots.choice("web1").use
    assert slots.taking("web1", use) == "blue 8001 r1 used\ngreen 8002 r2 used\n"
    assert slots.text("web1") is None, "it is not written yet"
    slots.taken("web1", use)
    assert slots.text("web1") is None, "it is as the file says"
    slots.free("web1", "r1")
    assert slots.text("web1") == "green 8002 r2 used\n" and slots.left("web1") == ()
    slots.unsure("web1", "r2")
    assert slots.text("web1") == "green 8002 r2 unsure\n"


def test_servers_of_one_machine_cannot_have_slots_with_the_same_ports():
    machines = {"web1": ("10.0.0.5", 22, ""), "web2": ("10.0.0.5", 22, ""), "web3": ("10.0.0.5", 2222, "")}
    found = in_the_way(dict.fromkeys(machines, PORTS), machines)
    assert found.keys() == {"web1", "web2"}
    assert found["web1"] == (
        "web2 is on the same machine and uses the ports 8001, 8002, too: two releases cannot listen there"
    )
    assert not in_the_way({"web1": PORTS, "web2": {"a": 9001, "b": 9002}}, machines)
    assert not in_the_way(dict.fromkeys(machines, PORTS), {})


@pytest.mark.parametrize(
    "line", ["", "blue", "blue 80 r1", "blue x r1 used", "blue 65536 r1 used", "../x 80 r1 used", "blue 80 ../r1 used"]
)
def test_a_line_that_is_not_a_slot_is_a_fault(line):
    with pytest.raises(ValueError):
        parse_slot_use(line)


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
