"""What is said where no release has the name that was typed."""

from core.planner.naming import no_release

TAGS = ("20261126T193000Z-3f2c1ab", "20261127T193000Z-3f2c1ab", "20261128T193000Z-9ab01cd")


def test_the_release_of_a_revision_is_named() -> None:
    assert no_release("9ab", TAGS) == f"no release is called 9ab; did you mean {TAGS[2]}?"
    assert no_release("3f2c1ab", TAGS).endswith(f"did you mean {TAGS[0]} or {TAGS[1]}?")


def test_nothing_is_guessed_from_something_else() -> None:
    assert no_release("193000Z", TAGS) == "no release is called 193000Z"
    assert no_release("", TAGS) == "no release is called "
