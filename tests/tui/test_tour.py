"""A tour through the screens of one running app, as text: five sizes in dark, one size in every other look.

A state costs a key and a paint here, and not an app of its own; where one differs, those behind it still tell.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.tui.conftest import LOOKS, found_by_textual
from tests.tui.recorded_shop import RecordedShop
from tests.tui.text_pictures import SIZES, Text, drawn
from tests.tui.tour_states import ALIKE, STATES, TELLING
from tests.tui.touring import walk

STYLED = (80, 24)

BEGUN = (120, 34)
"""The size that each state begins in."""

WORD = re.compile("[^\\W_]{2,}")

EVERY_SIZE = (*(size for size in SIZES if size != BEGUN), BEGUN)


async def seen(
    shop: RecordedShop,
    environ: Mapping[str, str],
    states: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    styled: tuple[int, int] | None = STYLED,
) -> dict[str, str]:
    """These states in these sizes, as text; each begins in the last size."""
    out: dict[str, str] = {}
    async for name, pilot in walk(shop, environ, states, sizes[-1]):
        shown = [size for size in sizes if size[0] <= BEGUN[0] or name not in ALIKE]
        out[name] = await drawn(pilot, shown, styled)
    return out


def written(pictures: Mapping[str, str]) -> str:
    return "\n".join(f"####### {name}\n{text}" for name, text in pictures.items())


def test_every_state(recorded: RecordedShop, snapshot: SnapshotAssertion) -> None:
    assert written(asyncio.run(seen(recorded, {}, STATES, [STYLED]))) == snapshot(extension_class=Text)


@pytest.mark.soak
def test_every_state_in_every_size(recorded: RecordedShop, snapshot: SnapshotAssertion) -> None:
    assert written(asyncio.run(seen(recorded, {}, STATES, EVERY_SIZE))) == snapshot(extension_class=Text)


def test_telling_states_in_every_look(
    look: Mapping[str, str], recorded: RecordedShop, snapshot: SnapshotAssertion
) -> None:
    assert written(asyncio.run(seen(recorded, look, TELLING, [STYLED]))) == snapshot(extension_class=Text)


@pytest.mark.soak
def test_a_look_changes_no_word_and_no_place_in_any_state_and_size(recorded: RecordedShop) -> None:
    """Other colours and other signs leave each word where it is."""
    plain = asyncio.run(seen(recorded, {}, STATES, EVERY_SIZE, None))
    for look in LOOKS.values():
        with pytest.MonkeyPatch.context() as patch:
            found_by_textual(look, patch)
            other = asyncio.run(seen(recorded, look, STATES, EVERY_SIZE, None))
        for name, picture in plain.items():
            assert not (lost := moved(picture, other[name])), f"{look}, {name}: {lost}\n{other[name]}"


def moved(picture: str, other: str) -> list[str]:
    """The words of a picture, of two letters and more, that are not in the same place of the other one."""
    lines, others = picture.splitlines(), other.splitlines()
    assert len(lines) == len(others)
    words = ((word, there) for line, there in zip(lines, others, strict=True) for word in WORD.finditer(line))
    return [word[0] for word, there in words if not there.startswith(word[0], word.start())]
