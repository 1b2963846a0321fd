"""What notifications say, in words that make sense to people who never saw a deploy tool (pure)."""

from __future__ import annotations

import time
from collections.abc import Mapping

from msgspec import Struct

from core.questions import Question
from core.text import count, duration

_DID: Mapping[str, tuple[str, str]] = {
    "deploy": ("deployed {tag}", "deploy of {tag}"),
    "promote": ("promoted {tag}", "promotion of {tag}"),
    "rollback": ("rolled back to {tag}", "rollback to {tag}"),
    "recover": ("finished what was interrupted: {tag}", "recovery of {tag}"),
}


class Story(Struct, frozen=True, kw_only=True):
    """One operation, as far as it has come.

    kind      deploy, promote, rollback or recover
    place     project and environment
    tag       the release that it is about; "" where none is known yet
    before    the release that was live
    what      the commit's first line
    why       in the words of who started it
    problem   what went wrong, and what is true now
    outcome   done, failed, cancelled or needs-person
    """

    kind: str
    place: str
    who: str
    servers: int
    tag: str = ""
    before: str = ""
    what: str = ""
    why: str = ""
    seconds: float = 0.0
    outcome: str = "done"
    problem: str = ""


def title(story: Story) -> str:
    """`shop production: deploy of r2 failed`."""
    ended = {"done": "is live", "failed": "failed", "cancelled": "was cancelled"}
    return f"{story.place}: {_noun(story)} {ended.get(story.outcome, 'needs a person')}"


def ended(story: Story) -> str:
    """How an operation ended: who, what, where, from which release to which, how long, why."""
    after = f"after {duration(story.seconds)}"
    if story.outcome == "done":
        did = _DID[story.kind][0].format(tag=story.tag)
        said = f"{story.who} {did} on {story.place}. It is live on {count(story.servers, 'server')} {after}."
        said += f" Before it, {story.before} was live." if story.before and story.before != story.tag else ""
    else:
        how = {"failed": "failed", "cancelled": "was cancelled"}.get(story.outcome, "stopped half-way")
        said = f"{story.who}'s {_noun(story)} on {story.place} {how} {after}: {story.problem}"
        if story.outcome == "needs-person":
            said += f" A person has to look: run `turnout recover {story.place.rpartition(' ')[2]}`."
    return said + _more(story)


def waits(story: Story, question: Question) -> str:
    """That an operation waits for an answer: until when, and what each answer does."""
    environment = story.place.rpartition(" ")[2]
    choices = "; ".join(f"{choice.name}: {choice.text}" for choice in question.choices)
    until = f" until {time.strftime('%H:%M', time.gmtime(question.deadline))} UTC, then {question.default}"
    return (
        f"{story.who}'s {_noun(story)} on {story.place} waits for an answer{until if question.deadline else ''}. "
        f"{question.text} Answer with `turnout answer {environment} CHOICE`. {choices}.{_more(story)}"
    )


def _noun(story: Story) -> str:
    noun = _DID[story.kind][1]
    return noun.format(tag=story.tag) if story.tag else noun.partition(" ")[0]


def _more(story: Story) -> str:
    parts = [f" What: {story.what}." if story.what else "", f" Why: {story.why}." if story.why else ""]
    return "".join(parts)
