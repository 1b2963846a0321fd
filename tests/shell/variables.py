"""Which variables the functions of a shell program set, as far as a simple reader sees it.

It knows quotes, expansions, comments, `case`, subshells and the parts of a pipeline after the first. What `eval` or a
called function sets it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FUNCTION = re.compile(
    r"^(?P<name>\w+)\(\) (?:\{ (?P<line>[^\n]*) \}|(?P<open>[{(])\n(?P<body>.*?)\n[})])(?: 2> /dev/null)?$", re.M | re.S
)
_WORD = re.compile(r"[^\s;&|(){}<>]+")
_TOKEN = re.compile(r"\n|;;|&&|\|\||[;&|(){}<>!]|[^\s;&|(){}<>]+")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
_NAME = re.compile(r"[A-Za-z]\w*")
_BEFORE_A_COMMAND = frozenset("\n;&|(){!") | {
    *(";;", "&&", "||"),
    *("do", "then", "else", "elif", "if", "while", "until"),
}
FILL = "Q"


@dataclass(frozen=True)
class Function:
    """A function, the comment lines right above it, and its body; a subshell's sets nothing outside of it."""

    name: str
    comment: str
    body: str
    subshell: bool

    @property
    def declared(self) -> set[str]:
        """What its comment says that it sets."""
        return set(" ".join(re.findall(r"^# sets: (.*)$", self.comment, re.MULTILINE)).split())

    @property
    def sets(self) -> set[str]:
        """What it sets for whoever calls it."""
        return set() if self.subshell else set(assigned(self.body))


def functions(text: str) -> Iterator[Function]:
    """The functions at the left margin of a program."""
    for match in _FUNCTION.finditer(text):
        above: list[str] = []
        for line in reversed(text[: match.start()].splitlines()):
            if not line.startswith("#"):
                break
            above.insert(0, line)
        yield Function(match["name"], "\n".join(above), match["line"] or match["body"], match["open"] == "(")


def assigned(body: str) -> Iterator[str]:
    """The variables that commands of a body set: by an assignment of its own, `read` or `for`."""
    tokens = _TOKEN.findall(_plain(body))
    place = 0
    first = True
    while place < len(tokens):
        token = tokens[place]
        if token in _BEFORE_A_COMMAND:
            first = True
        elif first:
            names = []
            while place < len(tokens) and (match := _ASSIGNMENT.match(tokens[place])):
                names.append(match[1])
                place += 1
            command = tokens[place] if place < len(tokens) else ";"
            if names and command in _BEFORE_A_COMMAND | {"}", "<", ">"}:
                yield from names
                continue
            if command == "for":
                yield tokens[place + 1]
            elif command == "read":
                for word in tokens[place + 1 :]:
                    if not _WORD.fullmatch(word):
                        break
                    if _NAME.fullmatch(word):
                        yield word
            first = False
        place += 1


def _plain(body: str) -> str:
    """The text with one word in place of each quoted text, expansion and subshell, and without comments, patterns of
    `case`, and what stands behind a pipe."""
    out: list[str] = []
    place = 0
    cases = 0
    pattern = False
    while place < len(body):
        rest = body[place:]
        at_word = place == 0 or body[place - 1] in " \t\n;&|("
        if pattern and (match := re.match(r"[\s]*esac\b", rest)):
            pattern, cases, place = False, cases - 1, place + match.end()
        elif at_word and rest[0] == "#":
            place += len(rest.partition("\n")[0])
        elif (end := _quoted(body, place)) > place:
            out.append("" if pattern else FILL)
            place = end
        elif pattern:
            if rest[0] == ")":
                pattern = False
                out.append(";")
            place += 1
        elif rest[0] == "(" and not rest.startswith("()"):
            out.append(FILL)
            place = _closed(body, place + 1)
        elif at_word and (match := re.match(r"case\b.*?\bin\b", rest, re.DOTALL)):
            cases, pattern, place = cases + 1, True, place + match.end()
        elif cases and rest.startswith(";;"):
            pattern = True
            out.append(";")
            place += 2
        elif at_word and cases and re.match(r"esac\b", rest):
            cases, place = cases - 1, place + 4
        elif rest[0] == "|" and not rest.startswith("||") and body[place - 1] != "|":
            place = _behind_a_pipe(body, place + 1)
        else:
            out.append(rest[0])
            place += 1
    return "".join(out)


def _quoted(body: str, place: int) -> int:
    """Where quoted text or an expansion ends that begins here; `place` itself where none does."""
    rest = body[place:]
    if rest[0] == "\\":
        return place + 2
    if rest[0] == "'":
        return body.index("'", place + 1) + 1
    if rest[0] == '"':
        place += 1
        while body[place] != '"':
            place = max(_quoted(body, place) if body[place] in "\\$" else place, place + 1)
        return place + 1
    if rest.startswith("$(("):
        return body.index("))", place) + 2
    if rest.startswith("$("):
        return _closed(body, place + 2)
    if rest.startswith("${"):
        place += 2
        while body[place] != "}":
            place = max(_quoted(body, place), place + 1)
        return place + 1
    return place + 2 if re.match(r"\$[#?!$*@-]", rest) else place


def _closed(body: str, place: int) -> int:
    """Behind the parenthesis that closes what was opened before `place`."""
    open_: list[str] = ["("]
    while open_:
        rest = body[place:]
        at_word = body[place - 1] in " \t\n;&|("
        if at_word and rest[0] == "#":
            place += len(rest.partition("\n")[0])
        elif (end := _quoted(body, place)) > place:
            place = end
        elif at_word and re.match(r"case\b", rest):
            open_.append("case")
            place += 4
        elif at_word and re.match(r"esac\b", rest):
            open_.pop()
            place += 4
        else:
            if rest[0] == "(":
                open_.append("(")
            elif rest[0] == ")" and open_[-1] == "(":
                open_.pop()
            place += 1
    return place


def _behind_a_pipe(body: str, place: int) -> int:
    """Where the command ends that follows a pipe: a loop with its `done`, a group with its brace, else the line."""
    match = re.match(r"\s*(while\b|until\b|for\b|\{)?", body[place:])
    assert match is not None
    opener = match[1]
    place += match.end()
    if opener is None:
        while place < len(body) and body[place] not in "\n;|&)}":
            place = max(_quoted(body, place), place + 1)
        return place
    opens, closes = (r"\{\s", r"\}") if opener == "{" else (r"\b(while|until|for)\b", r"\bdone\b")
    depth = 1
    while depth:
        rest = body[place:]
        at_word = body[place - 1] in " \t\n;&|("
        if (end := _quoted(body, place)) > place:
            place = end
            continue
        if at_word and re.match(opens, rest):
            depth += 1
        elif at_word and re.match(closes, rest):
            depth -= 1
        place += 1
    return place + (0 if opener == "{" else len("done") - 1)
