"""What --json says of releases, locks and drift."""

from __future__ import annotations

from core.drift import Drift
from core.records import Lock, ServerState
from core.rows.servers import drift_rows, lock_rows, release_rows
from tests.tui.recorded import state, tag


def test_release_objects_say_what_each_is_on_each_server() -> None:
    states = {"web1": state("web1"), "web2": state("web2", 0, count=2), "web3": state("web3", 1)}
    newest, older, *_, failed, _, _, pruned, _ = release_rows(states, ["web1", "web2", "web3", "web4"])
    assert (newest["tag"], newest["live"]) == (tag(0), True)
    assert newest["servers"] == {"web1": "live", "web2": "live", "web3": "kept", "web4": "unknown"}
    assert (older["tag"], older["live"], older["servers"]["web3"]) == (tag(1), False, "live")
    assert (failed["tag"], failed["failed"]) == (tag(3), "its check failed: /healthz answered 500")
    assert failed["servers"] == {"web1": "failed", "web2": "absent", "web3": "failed", "web4": "unknown"}
    assert pruned["servers"] == {"web1": "pruned", "web2": "absent", "web3": "pruned", "web4": "unknown"}


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
