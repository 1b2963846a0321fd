"""Secrets are found in every form, wherever a text is cut, and nothing else is touched."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus
from xml.etree import ElementTree
from xml.sax import saxutils

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.masking import Masking
from core.output import Output
from core.text import cut_lines

SECRET = 'p/w+rd é&"x\\y'


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ],
)
def test_a_secret_is_found_as_programs_write_it(form: str) -> None:
    assert Masking([SECRET])(f"<{form}>") == "<***>"


def test_a_secret_is_found_with_control_characters_in_it_and_around_it() -> None:
    assert Masking(["hunter2hunter2"]).line("<hun\x1b[1mter2\x00hunter2>") == "<***>"
    assert Masking(["tab\tand\x01bell"]).line("<tab\tand\x01bell>") == "<***>"


def test_what_is_short_or_nothing_is_left_as_it_is() -> None:
    assert Masking(["yes", ""])("yes, 100 %") == "yes, 100 %"
    assert Masking()("anything") == "anything"
    assert Masking().longest == 0


def test_a_line_is_cut_after_its_secrets_are_gone() -> None:
    for before in range(80, 101):
        shown = Masking(["hunter2hunter2"]).line("x" * before + "hunter2hunter2", 100)
        assert "hunt" not in shown
        assert len(shown) <= 101


def test_secrets_are_found_in_whatever_a_value_is_made_of() -> None:
    value = {"record": {"subject": "is hunter2", "seq": 1}, "hooks": ["a", ("hunter2",)], "none": None}
    assert Masking(["hunter2"]).all(value) == {
        "record": {"subject": "is ***", "seq": 1},
        "hooks": ["a", ("***",)],
        "none": None,
    }


SECRETS = st.lists(st.text("ab", min_size=4, max_size=9), max_size=4)


def arriving(text: str, sizes: list[int], longest: int, mask: Masking) -> list[str]:
    """The lines of a text that arrives in pieces of these sizes and then the rest, cut where they are too long."""
    pieces: list[str] = []
    rest, place = "", 0
    for size in [*sizes, len(text)]:
        lines, rest = cut_lines(rest + text[place : place + size], "\n", longest, mask.cut, mask.longest)
        place += size
        pieces += lines
    pieces.append(rest)
    return pieces


@given(SECRETS, st.text("ab c\n", max_size=200), st.integers(1, 12), st.lists(st.integers(1, 30)))
def test_no_secret_hides_in_a_cut_however_the_text_arrives(
    secrets: list[str], text: str, longest: int, sizes: list[int]
) -> None:
    mask = Masking(secrets)
    pieces = arriving(text, sizes, longest, mask)
    assert "".join(pieces) == text.replace("\n", ""), "nothing is lost"
    # Cut or not, every secret is told as in the whole line.
    assert "".join(map(mask, pieces)) == "".join(map(mask, text.split("\n")))
    assert all(len(piece) <= longest + mask.longest for piece in pieces)


B64_SECRETS = ["hunter2", "four", "p/w+rd?>>\xff\xfe~~", "\u00ff\u00fe\u00ff\u00fe", "correct horse battery staple"]


@pytest.mark.parametrize("secret", B64_SECRETS)
@pytest.mark.parametrize("user", ["", "a:", "an:", "ana:", "x" * 100 + ":"])
@pytest.mark.parametrize("behind", ["", "\n", "@h", "@host"])
def test_a_secret_is_found_in_base64_wherever_it_stands(secret: str, user: str, behind: str) -> None:
    mask = Masking([secret])
    first, last = 8 * len(user) // 6, -(-8 * len((user + secret).encode()) // 6)
    ways = (
        str,
        lambda text: text.rstrip("="),
        lambda text: quote(text, safe=""),
        lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    )
    for encode in (b64encode, urlsafe_b64encode):
        coded = encode((user + secret + behind).encode()).decode()
        for way in ways:
            # What stands beside it stays, but for the characters that hold some of its bits.
            after = way(coded[last:]) if behind else ""
            assert mask(f"Basic {way(coded)}") == f"Basic {way(coded[:first])}***{after}"


@pytest.mark.parametrize("secret", [f"github_pat_{'aZ9x' * 18}", "hunter2hunter2zz", "p/w+rd?>>\xff\xfe~~" * 4])
@pytest.mark.parametrize("width", [20, 50, 64, 76])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_base64_in_lines_shows_no_more_than_a_few_bytes_of_a_secret(secret: str, width: int, encode) -> None:
    """`printf %s "$user:$token" | base64`: the user decides where in the secret the line ends."""
    mask = Masking([secret])
    for user in range(width):
        whole = encode(("u" * user + secret + "\n").encode()).decode()
        lines = [whole[place : place + width] for place in range(0, len(whole), width)]
        ours = range(8 * user // 6, -(-8 * (user + len(secret.encode())) // 6))
        for number, line in enumerate(lines):
            for before, behind in (("" if number else "Authorization: Basic ", ""), ("  ", '"')):
                own = [line[at - number * width] for at in ours if number * width <= at < number * width + len(line)]
                shown = mask(f"{before}{line}{behind}")
                if len(own) > 8:
                    assert "***" in shown and "".join(own[:-1]) not in shown and "".join(own[1:]) not in shown
                    assert len(shown) <= len(before + line + behind) - len(own) + 3 + 1


def test_base64_in_one_text_of_several_lines_is_found() -> None:
    secret = "".join(chr(33 + (7 * place) % 94) for place in range(200))
    whole = b64encode(f"ana:{secret}".encode()).decode()
    text = "\n".join(whole[place : place + 76] for place in range(0, len(whole), 76))
    assert Masking([secret])(f"before\n{text}\nbehind") == "before\nYW5hO***\n***\n***\n***\nbehind"


def test_the_longest_of_several_secrets_is_hidden_as_a_whole() -> None:
    secrets = ["00z0", "00\x80\U00010000 "]
    text = " ".join(b64encode(secret.encode()).decode() for secret in secrets)
    assert Masking(secrets)(text) == "*** ***"


def test_other_base64_stays() -> None:
    mask = Masking(["hunter2", "another secret"])
    for text in ("hunter1", "Hunter2", "nothing", "x" * 100):
        form = b64encode(text.encode()).decode()
        assert mask(form) == form


@pytest.mark.parametrize("secret", ['it\'s "quoted" & <b>', "a'b\\c$d`e"])
def test_a_secret_is_found_as_shells_and_pages_write_it(secret: str) -> None:
    mask = Masking([secret])
    forms = [
        shlex.quote(secret)[1:-1],
        secret.replace("'", "'\\''"),
        html.escape(secret),
        html.escape(secret, quote=False),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
    ]
    assert {mask(form) for form in forms} == {"***"}


@pytest.mark.parametrize("secret", ['it\'s "quoted" & <b>', "hunter2hunter2"])
def test_a_secret_is_found_in_xml_and_hex(secret: str) -> None:
    mask = Masking([secret])
    entities = {"'": "&apos;", '"': "&quot;"}
    forms = [saxutils.escape(secret, entities), secret.encode().hex(), secret.encode().hex().upper()]
    assert {mask(f"<{form}>") for form in forms} == {"<***>"}


ODD = ['it\'s (a) "test" & <b>/~!*', "pässwörd=\\n 1\t2", "\\\\back\\slash$`", "💾 €&&<>", "a'b''c"]


def forms_of(secret: str) -> dict[str, str]:
    """How some programs write it."""
    text, raw = json.dumps(secret)[1:-1], secret.encode()
    quoted = subprocess.run(["bash", "-c", 'printf "%q\\n%s" "$1" "${1@Q}"', "bash", secret], capture_output=True)
    plain, at_q = quoted.stdout.decode().split("\n", 1)
    return {
        "encodeURIComponent of JavaScript": quote(secret, safe="!~*'()"),
        "a URL in lower case": re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),
        "json_encode of PHP, JSON_HEX_*": re.sub("[<>&']", lambda at: f"\\u{ord(at[0]):04X}", text).replace("/", "\\/"),
        "JSON in JSON": json.dumps(text)[1:-1],
        "ElementTree": ElementTree.tostring(ElementTree.Element("a", {"b": secret})).decode()[6:-4],
        "XML in XML": saxutils.escape(saxutils.escape(secret)),
        "bytes of Python": repr(raw)[2:-1],
        "%q of bash": plain.removeprefix("$'").removesuffix("'") if plain.startswith("$'") else plain,
        "@Q of bash": at_q[2:-1] if at_q.startswith("$'") else at_q[1:-1],
        "YAML": secret.replace("'", "''"),
    }


@pytest.mark.parametrize("secret", ODD)
def test_a_secret_is_found_however_a_program_spells_its_characters(secret: str) -> None:
    mask = Masking([secret])
    shown = {name: form for name, form in forms_of(secret).items() if mask(f"<{form}>") != "<***>"}
    assert not shown
    assert mask(secret[:-1]) == secret[:-1]


@given(st.text(min_size=6, max_size=30), st.integers(0, 9))
def test_no_spelling_of_any_secret_is_missed(secret: str, number: int) -> None:
    secret = "".join(char for char in secret if char.isprintable()).strip() + "x9!yz"
    forms = [
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret)[1:-1])[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        secret.encode("ascii", "xmlcharrefreplace").decode(),
        repr(secret)[1:-1],
        repr(secret.encode())[2:-1],
        shlex.quote(secret).removeprefix("'").removesuffix("'"),
    ]
    assert "***" in Masking([secret])(f"<{forms[number]}>") and "x9!yz" not in Masking([secret])(forms[number])


@pytest.mark.parametrize("text", ["8080", "2026", "true", "production", "Main", "127.0.0.1", "dev", "www-data"])
def test_what_stands_everywhere_is_not_hidden(text: str) -> None:
    assert Masking([text])(f"a {text} b") == f"a {text} b"
    assert Masking([text + "x9!"])(f"a {text}x9! b") == "a *** b"


def test_secrets_are_learned_while_texts_are_masked_and_what_is_shown_stays() -> None:
    mask = Masking()
    assert mask("hunter2 correcthorse") == "hunter2 correcthorse"
    mask.learn(["hunter2", "shop-web1"])
    assert mask("hunter2 on shop-web1") == "*** on ***"
    mask.show(["shop-web1"])
    mask.learn(["correcthorse"])
    assert mask("hunter2 correcthorse on shop-web1, shop-web12") == "*** *** on shop-web1, shop-web12"
    assert mask.cut("xx correcthorse", 5) == 15 and mask.longest >= 12


@given(st.lists(st.integers(1, 9), max_size=6))
def test_a_secret_that_arrives_in_several_reads_is_hidden(sizes: list[int]) -> None:
    lines: list[str] = []
    mask = Masking(["hunter2hunter2", "two\nlines of it"])
    output = Output(lambda line: lines.append(mask.line(line)), mask)
    text, place = b"a hunter2hunter2 b\nlines of it\n", 0
    for size in [*sizes, len(text)]:
        output.take(text[place : place + size])
        place += size
    output.finish()
    assert lines == ["a *** b", "***"]


def test_a_secret_that_is_not_utf_8_is_found() -> None:
    secret = b"pass\xffword".decode("utf-8", "surrogateescape")
    assert Masking([secret])(f"{secret} pass%FFword pass%ffword") == "*** *** ***"


NO_USER = st.text(st.characters(exclude_characters="xyz", exclude_categories=["Cs"]), min_size=4, max_size=9)


@given(st.lists(NO_USER, max_size=3), st.text("xyz", max_size=5), st.integers(1, 20), st.data())
def test_no_base64_of_a_secret_hides_in_a_cut(secrets: list[str], user: str, longest: int, data: st.DataObject) -> None:
    mask = Masking(secrets)
    coded = [b64encode((user + secret).encode("utf-8", "surrogatepass")).decode() for secret in secrets]
    text = " ".join(coded)
    sizes = data.draw(st.lists(st.integers(1, 30)))
    pieces = arriving(text, sizes, longest, mask)
    assert "".join(map(mask, pieces)) == mask(text)
