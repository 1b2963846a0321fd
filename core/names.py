"""Names that a person types, of releases, servers, environments, operations: whole, or as screens shorten them (pure).

One rule for all commands: the whole name; else its short form; else the form that a narrow screen cuts (`web…17`);
else, of commits and operations, the beginning. The first of these that fits counts; what fits several is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from core.errors import UsageError
from core.text import clean, some

SHORTEST_BEGINNING = 4
"""Characters of a commit from which its beginning names it, as for git."""

LISTED = 5
"""Known names that an error lists."""

_STAMPED = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(.+)")
CUT = "…~"
"""Signs that the screens put in place of what they leave out."""
_CUT = re.compile(f"[{CUT}]")


def short_tag(tag: str) -> str:
    """The part of a tag that a person says: `3f2c1ab` of `20261121T193000Z-3f2c1ab`; other tags as they are."""
    match = _STAMPED.fullmatch(tag)
    return match[7] if match else tag


def short_tags_of(tags: Iterable[str]) -> Mapping[str, str]:
    """Each tag as a person says it; tags of one revision get what their times differ in: `3f2c1ab@11-28`."""
    by_short: dict[str, list[str]] = {}
    for tag in dict.fromkeys(tags):
        by_short.setdefault(short_tag(tag), []).append(tag)
    out: dict[str, str] = {}
    for text, alike in by_short.items():
        out |= {alike[0]: text} if len(alike) == 1 else _told_apart(text, alike)
    return out if len(set(out.values())) == len(out) else {tag: tag for tag in out}


def _told_apart(text: str, tags: Sequence[str]) -> dict[str, str]:
    stamps = {tag: match.groups() for tag in tags if (match := _STAMPED.fullmatch(tag))}
    if len(stamps) < len(tags):
        return {tag: tag for tag in tags}
    for way in ("{3}:{4}", "{3}:{4}:{5}", "{1}-{2}", "{1}-{2}T{3}:{4}", "{1}-{2}T{3}:{4}:{5}"):
        if way.startswith("{3}") and len({stamp[:3] for stamp in stamps.values()}) > 1:
            continue  # a time alone means something only within one day
        said = {tag: f"{text}@{way.format(*stamp)}" for tag, stamp in stamps.items()}
        if len(set(said.values())) == len(tags):
            return said
    return {tag: tag for tag in tags}


def find(
    word: str,
    known: Sequence[str],
    *,
    short: Mapping[str, Iterable[str]] | None = None,
    whole: Mapping[str, str] | None = None,
    shortest: int = SHORTEST_BEGINNING,
) -> list[str]:
    """The known names that a word may mean: one, several, or none.

    short      by name: its short forms
    whole      by name: an id that its beginning names, from `shortest` characters on
    """
    if word in known:
        return [word]
    short = short or {}
    found = [name for name in known if word in short.get(name, ())]
    if not found and _CUT.search(word) and _CUT.sub("", word):
        like = re.compile(".+".join(re.escape(part) for part in _CUT.split(word)), re.DOTALL)
        found = [name for name in known if any(map(like.fullmatch, (name, *short.get(name, ()))))]
    if not found and whole and len(word) >= shortest:
        found = [name for name in known if whole.get(name, "").startswith(word)]
    return found


def resolve(
    noun: str,
    word: str,
    known: Sequence[str],
    *,
    short: Mapping[str, Iterable[str]] | None = None,
    whole: Mapping[str, str] | None = None,
    shortest: int = SHORTEST_BEGINNING,
    place: str = "",
    command: str = "",
) -> str:
    """The one known name that a word means. UsageError where it means none, or several.

    noun, place   for the error: `server`, `in production`     command   that lists them all, "" for none
    """
    found = find(word, known, short=short, whole=whole, shortest=shortest)
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous(noun, word, found, place)
    forms = {form: form for name in known for form in (*(short or {}).get(name, ()), name)}
    raise unknown(noun, word, known, place=place, command=command, forms=list(forms))


def unknown(
    noun: str,
    word: str,
    known: Sequence[str],
    *,
    place: str = "",
    command: str = "",
    forms: Sequence[str] | None = None,
) -> UsageError:
    """What is said of a name that nothing has: what is unknown, what was probably meant, what is known.

    forms   what may be meant, where names have short forms as well
    """
    near = nearest(word, known if forms is None else forms)
    return UsageError(
        f"there is no {noun} {quoted(word)}{f' {place}' if place else ''}",
        detail=f"known: {some(known, LISTED)}" if known else f"no {noun} is defined there",
        hint=f'did you mean "{near}"?' if near else f"`{command}` lists them" if command and known else "",
    )


def ambiguous(noun: str, word: str, found: Sequence[str], place: str = "") -> UsageError:
    """What is said of a name that several have."""
    return UsageError(
        f"{quoted(word)} may be {len(found)} {noun}s{f' {place}' if place else ''}",
        detail=some(found, 2 * LISTED),
        hint="write one of them whole",
    )


def quoted(word: str) -> str:
    """A word of a person in an error: harmless, short, in quotes."""
    return f'"{clean(word, 60)}"'.replace("\n", " ")


def nearest(word: str, known: Iterable[str], alike: float = 0.6) -> str:
    """The known word that this one is probably meant to be, or "": what begins so, else what looks like it."""
    known = list(known)
    if word and (begun := [name for name in known if name.startswith(word)]):
        return begun[0]
    from difflib import get_close_matches  # errors alone need it

    return next(iter(get_close_matches(word, known, 1, alike)), "") or next(
        iter(get_close_matches(word.lower(), known, 1, alike)), ""
    )
