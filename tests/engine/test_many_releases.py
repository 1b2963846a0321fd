"""Very many releases: the newest are told whole, the older in brief or by number, and each is reached by its name."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.jobs import Cancel
from core.operations.verify import verify
from core.planner.oddities import oddities
from core.protocol.state import parse_state
from core.records import Record, next_seq, previous_tag
from tests.engine.driving import live, record, releases

MANY = 700
PRESENT = 400
FAILED = (310, 320, 330, 340, 370)


@pytest.fixture
def crowded(sshd, project_factory, engine):
    """A server with a real release `first` (its number is 1), then very many, of which the older have no files."""
    operator = engine(project_factory([sshd], {"index.html": "1\n"}))
    operator.deploy(tag="first")
    own = sshd.files / ".turnout/records"
    for seq in range(2, MANY + 1):
        tag = f"r{seq * 7919 % 9973:04}"  # in no order of names
        text = Record(
            tag=tag, seq=seq, created=1e9 + seq, digest="0" * 64, pinned=seq == 350, failed="x" * (seq in FAILED)
        ).to_toml()
        (own / f"{tag}.toml").write_text(text)
        if seq > MANY - PRESENT:
            (sshd.files / "releases" / tag).mkdir()
    return operator


def tag_of(seq: int) -> str:
    return f"r{seq * 7919 % 9973:04}"


def test_the_newest_are_reported_whole_and_the_rest_in_brief_or_by_their_number(crowded):
    (state,) = crowded.fleet.inspect().states.values()
    whole = sorted((release.record.seq for release in state.releases.values() if release.record), reverse=True)
    # The live one is the oldest of all, and is told whole all the same.
    assert whole == [*range(MANY, MANY - 300, -1), 1]
    brief = sorted(release.seq for release in state.releases.values() if release.seq)
    assert brief == list(range(MANY - PRESENT + 1, MANY - 300 + 1))
    assert state.unlisted == MANY - PRESENT - 1
    assert next_seq([state]) == MANY + 1
    assert [release.tag for release in state.ordered] == [tag_of(seq) for seq in range(MANY, MANY - PRESENT, -1)] + [
        "first"
    ]
    assert oddities([state]) == (f"web: {MANY - PRESENT - 1} older releases without files not listed",)


def test_a_prune_reaches_the_oldest_and_keeps_as_many_as_it_says(crowded, sshd):
    crowded.prune(keep=310)
    kept = {tag_of(seq) for seq in range(MANY, MANY - 310, -1)}
    # Failed ones have a limit of their own.
    assert set(releases(sshd)) == kept | {tag_of(seq) for seq in (370, 350, 340, 330)} | {"first"}


def test_a_release_that_is_not_listed_is_found_by_its_name(crowded, sshd):
    old = tag_of(5)
    error = crowded.fails(lambda: crowded.deploy(tag=old), UsageError)
    assert f"{old} was deployed there with other content" in str(error)
    error = crowded.fails(lambda: crowded.rollback(old), UsageError)
    assert "there is no release" not in str(error)
    assert crowded.prune(old).outcome == "nothing-to-do"
    error = crowded.fails(lambda: crowded.prune("r9999x"), UsageError)
    assert 'there is no release "r9999x"' in str(error)


def test_a_release_that_is_reported_in_brief_is_rolled_back_to_verified_and_marked(crowded, sshd):
    old = tag_of(FAILED[0])
    crowded.rollback(old)
    assert live(sshd) == old
    assert record(sshd, old).failed == ""
    assert verify(crowded.fleet, old, Cancel()).errors["web"].title.startswith(f"manifests/{old}.manifest")
    # From there, those before it are told whole, too; undo goes to what was live until now.
    (state,) = crowded.fleet.inspect().states.values()
    assert state.releases[tag_of(MANY - PRESENT + 9)].record
    assert previous_tag([state]) == "first"


def test_a_record_without_a_number_among_many_is_said(crowded, sshd):
    (sshd.files / f".turnout/records/{tag_of(5)}.toml").write_text("garbage\n")
    (sshd.files / f".turnout/records/{tag_of(6)}.toml").write_text("")
    (state,) = crowded.fleet.inspect().states.values()
    unread = {release.tag for release in state.releases.values() if release.unread}
    assert unread == {tag_of(5), tag_of(6)}
    assert len(state.faults) == 2 and all("cannot be read" in fault for fault in state.faults)


@pytest.mark.parametrize(
    "odd", ["older r1 -1 no", "older r1 x no", "older ../x 5 yes", "older r1", f"unlisted {'9' * 30}"]
)
def test_odd_words_about_many_releases_are_said(odd):
    state = parse_state(
        ["time 1", "root present", "current absent", "place 1 5 releases/r1", odd], "web", "/srv", now=1.0
    )
    assert set(state.releases) == {"r1"}
    assert state.unlisted == 0 and state.releases["r1"].seq == 0
