"""What --json says of releases, locks and drift."""

from __future__ import annotations

from core.drift import Drift
from core.records import Lock, ServerState
from core.rows import drift_rows, lock_rows, release_rows
from tests.unit.test_view_terminal import WEB1, release, server


def test_release_objects_say_what_each_is_on_each_server() -> None:
    states = {"web1": WEB1, "web2": server("web2", release("t3", 3, subject="Good"))}
    newest, failed, pruned = release_rows(states, ["web1", "web2", "web3"])
    assert (newest["tag"], newest["live"]) == ("t3", True)
    assert newest["servers"] == {"web1": "live", "web2": "kept", "web3": "unknown"}
    assert (failed["tag"], failed["live"], failed["failed"]) == ("t2", False, "HTTP 500")
    assert failed["servers"] == {"web1": "failed", "web2": "absent", "web3": "unknown"}
    assert pruned["servers"] == {"web1": "pruned", "web2": "absent", "web3": "unknown"}


def test_lock_objects_tell_a_living_owner_from_a_dead_one() -> None:
    states = {
        name: ServerState(server=name, root="/srv", lock=Lock(who="ana@ci", alive=name == "web1"))
        for name in ("web1", "db")
    }
    assert [(row["server"], row["alive"]) for row in lock_rows(states)] == [("web1", True), ("db", False)]


def test_drift_objects_have_every_path_as_text() -> None:
    drift = Drift(changed=(b"a\xff",), added=tuple(b"new%d" % number for number in range(600)))
    drifted, clean, without = drift_rows({"web1": drift, "web10": Drift()}, ["web2"], "one")
    assert drifted["changed"] == ["a\\xff"] and len(drifted["added"]) == 600
    assert clean["present"] and clean["changed"] == []
    assert not without["present"] and without["added"] == []
