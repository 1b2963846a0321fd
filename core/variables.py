"""The TURNOUT_* variables that hooks and checks get (pure): the one table that the engine fills and the docs list."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from core import layout
from core.records import Record, SlotUse

EVERYWHERE, ON_A_SERVER, WITH_SLOTS = "everywhere", "on a server", "on a server, with slots"
IN_A_BATCH = "in a batch"


class Variable(Struct, frozen=True):
    """One variable: its name, what it says, and where it is set."""

    name: str
    meaning: str
    where: str = EVERYWHERE


VARIABLES = (
    Variable("TURNOUT_PROJECT", "the project's name"),
    Variable("TURNOUT_ENVIRONMENT", "the environment's name"),
    Variable("TURNOUT_OPERATION", "deploy, promote, rollback, recover, check, task or run"),
    Variable("TURNOUT_WHO", "who started it, `ana@laptop`"),
    Variable("TURNOUT_REASON", "why, as given with `-m`"),
    Variable("TURNOUT_TAG", "the release's tag; if a switch was undone, that of the release that is live again"),
    Variable("TURNOUT_REVISION", "the commit or content that the release was made from"),
    Variable("TURNOUT_REF", "the branch, tag or commit that was asked for"),
    Variable("TURNOUT_PREVIOUS", "the tag that was live before; if a switch was undone, that of the release it left"),
    Variable("TURNOUT_SERVERS", "the names of all servers that take part, with spaces between them"),
    Variable("TURNOUT_SERVER", "the server's name", ON_A_SERVER),
    Variable("TURNOUT_ROOT", "the deploy root", ON_A_SERVER),
    Variable("TURNOUT_RELEASE_PATH", "the folder of the release", ON_A_SERVER),
    Variable("TURNOUT_SHARED_PATH", "the folder of the shared paths", ON_A_SERVER),
    Variable("TURNOUT_SLOT", "the slot that the release has there", WITH_SLOTS),
    Variable("TURNOUT_PORT", "the port of that slot", WITH_SLOTS),
    Variable("TURNOUT_BATCH", "the names of the batch's servers, with spaces between them", IN_A_BATCH),
    Variable("TURNOUT_BATCH_NUMBER", "the number of the batch, from 1", IN_A_BATCH),
    Variable("TURNOUT_BATCHES", "how many batches there are", IN_A_BATCH),
)


def of_operation(project: str, environment: str, operation: str, who: str, reason: str) -> dict[str, str]:
    """What an operation is."""
    return {
        "TURNOUT_PROJECT": project,
        "TURNOUT_ENVIRONMENT": environment,
        "TURNOUT_OPERATION": operation,
        "TURNOUT_WHO": who,
        "TURNOUT_REASON": reason,
    }


def of_release(tag: str, record: Record | None, previous: str, servers: Iterable[str]) -> dict[str, str]:
    """Which release it is about, and on which servers."""
    return {
        "TURNOUT_TAG": tag,
        "TURNOUT_REVISION": record.revision if record else "",
        "TURNOUT_REF": record.ref if record else "",
        "TURNOUT_PREVIOUS": previous,
        "TURNOUT_SERVERS": " ".join(servers),
    }


def of_server(name: str, root: str, tag: str, current: str) -> dict[str, str]:
    """Where the release is on a server; without a tag it is what the link `current` points to."""
    return {
        "TURNOUT_SERVER": name,
        "TURNOUT_ROOT": root,
        "TURNOUT_RELEASE_PATH": f"{root}/{layout.release(tag)}" if tag else current,
        "TURNOUT_SHARED_PATH": f"{root}/{layout.SHARED}",
    }


def of_slot(use: SlotUse) -> dict[str, str]:
    """Which slot the release has on a server; both are empty where it has none."""
    return {"TURNOUT_SLOT": use.slot, "TURNOUT_PORT": str(use.port) if use.slot else ""}


def of_batch(servers: Iterable[str], number: int, batches: int) -> dict[str, str]:
    """Which batch is under way, where servers switch batch by batch."""
    return {
        "TURNOUT_BATCH": " ".join(servers),
        "TURNOUT_BATCH_NUMBER": str(number),
        "TURNOUT_BATCHES": str(batches),
    }
