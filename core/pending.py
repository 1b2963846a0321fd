"""Texts of turnout.toml that are completed only where they are used (pure)."""

from __future__ import annotations

from collections.abc import Callable


class Pending(str):
    """A text with `${NAME}` of which some are not known yet; as a text it is as the file has it.

    names     those that have to be found out
    complete  gives the whole text. Raises TurnoutError where a name has no value
    """

    names: tuple[str, ...]
    complete: Callable[[], str]

    def __new__(cls, text: str, names: tuple[str, ...], complete: Callable[[], str]) -> Pending:
        made = super().__new__(cls, text)
        made.names, made.complete = names, complete
        return made


def whole(text: str) -> str:
    """The text to use. Raises TurnoutError, with the key and the name, where it cannot be completed."""
    return text.complete() if isinstance(text, Pending) else text
