"""The words of a filter: `web state:behind -role:db` (pure)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple


class Term(NamedTuple):
    """A word of a filter. field: what stood before its colon, "" for none; without: it excludes."""

    text: str
    field: str = ""
    without: bool = False


def parse_terms(text: str, fields: Collection[str]) -> list[Term]:
    """The words of a filter, in lower case. A colon behind anything else than one of the `fields` is an ordinary sign.

    What is not complete yet (`state:`, `-`) asks for nothing: it is being typed.
    """
    terms = []
    for word in text.casefold().split():
        without = word.startswith("-") and len(word) > 1
        bare = word[1:] if without else word
        name, colon, rest = bare.partition(":")
        term = Term(rest, name, without) if colon and name in fields else Term(bare, "", without)
        if term.text and term.text != "-":
            terms.append(term)
    return terms
