"""Names and text on their way to shells, files and screens: whatever the bytes, they arrive or are harmless."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text import (
    clean,
    count,
    cut_lines,
    decode_path,
    duration,
    encode_path,
    first_line,
    quote,
    ranges,
    same_path,
    shell_word,
    show_path,
    size,
    some,
    some_lines,
)
from tests.servers import need, program
from tests.strategies import AWKWARD_NAMES

SHELLS = {
    "dash": ("dash", "-c"),
    "bash": ("bash", "-c"),
    "busybox": ("busybox", "sh", "-c"),
    "zsh": ("zsh", "-f", "-c"),
    "fish": ("fish", "--no-config", "-c"),
}
WITHOUT_NUL = st.binary(max_size=30).map(lambda raw: raw.replace(b"\0", b"0"))
# fish keeps bytes that are no text as characters of a private area: they cannot be told from real ones.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Co"], exclude_characters="\0"), max_size=30)
TRICKY = [*"'\"\\`$!*?~#&|;<>(){}[]^%@= \t\n\r-", "\\'", "'\\''", "\\\\", "a\\", "-n", "--", "$(id)", 'it\'s \\ "x"']


@given(st.binary(max_size=60))
def test_any_bytes_survive_the_encoding_of_paths(raw: bytes) -> None:
    text = encode_path(raw)
    assert text.isascii()
    assert not any(char.isspace() or not char.isprintable() for char in text)
    assert decode_path(text) == raw


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_two_paths_never_share_an_encoding(path: bytes, other: bytes) -> None:
    assert (encode_path(path) == encode_path(other)) == (path == other)


@given(st.binary(max_size=60), st.sets(st.integers(0, 59)))
def test_an_encoded_path_has_one_form_whichever_bytes_a_server_encoded(raw: bytes, places: set[int]) -> None:
    text = "".join(f"%{byte:02X}" if at in places else encode_path(bytes([byte])) for at, byte in enumerate(raw))
    assert same_path(text) == encode_path(raw)


@pytest.mark.parametrize("text", ["a b", "%4", "%zz", "%", "a%2", "%2f", "tab\t", "line\n", "é", "'", "a%%20"])
def test_what_is_not_an_encoded_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_path(text)


@pytest.mark.parametrize("shell", SHELLS)
def test_quoted_words_arrive_in_every_login_shell(shell: str) -> None:
    need(SHELLS[shell][0])
    printer = need("printf")

    @settings(max_examples=25)
    @given(st.lists(WORDS, min_size=1, max_size=40))
    def arrives(words: list[str]) -> None:
        words = words + TRICKY
        command = " ".join([printer, quote("%s\\0"), *map(quote, words)])
        done = subprocess.run(
            [*SHELLS[shell], command],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
        )
        assert done.stdout.split(b"\0")[:-1] == [word.encode() for word in words]

    arrives()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_words_of_requests_are_decoded_by_the_servers_printf(shell: str) -> None:
    need(SHELLS[shell][0])

    @settings(max_examples=25)
    @given(st.lists(WITHOUT_NUL, min_size=1, max_size=40))
    def arrives(words: list[bytes]) -> None:
        words = words + list(AWKWARD_NAMES) + [b"\\n", b"\\0101", b"1", b"\x011", b"%s", b"-n", b""]
        request = "".join(f"printf '%b\\0' {shell_word(word)}\n" for word in words)
        done = subprocess.run([*SHELLS[shell], request], capture_output=True, check=True)
        assert done.stdout.split(b"\0")[:-1] == words

    arrives()


@given(st.binary(max_size=60))
def test_words_of_requests_are_one_printable_line_and_cannot_leave_their_quotes(raw: bytes) -> None:
    word = shell_word(raw)
    assert word.isascii() and word.isprintable()
    assert "'" not in word[1:-1]


def test_a_word_may_be_given_as_text_with_bytes_that_are_not_utf8() -> None:
    assert shell_word("a\udcff") == shell_word(b"a\xff")


@given(st.text(max_size=200))
def test_cleaned_text_cannot_drive_a_terminal(text: str) -> None:
    shown = clean(text)
    assert all(char == "\n" or (char >= " " and char != "\x7f") for char in shown)
    assert not any("\x80" <= char <= "\x9f" for char in shown)
    assert shown == clean(shown)
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "31mred"),
        ("a\tb", "a    b"),
        ("one\r\ntwo", "one\ntwo"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("x" * 10, "xxxxx…"),
    ],
)
def test_escape_sequences_and_direction_marks_are_taken_out(text: str, shown: str) -> None:
    assert clean(text, limit=5 if text.startswith("xx") else 4000) == shown


@given(st.binary(max_size=40))
def test_a_path_for_people_is_printable_whatever_its_bytes(raw: bytes) -> None:
    assert show_path(raw).isprintable()


def test_a_path_for_people_stays_readable_where_it_is_text() -> None:
    assert show_path("été/💾.txt".encode()) == "été/💾.txt"
    assert show_path(b"a\nb\xff") == "a\\nb\\xff"


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [(1, "file", "1 file"), (0, "file", "0 files"), (2, "entry", "2 entries"), (5000, "file", "5,000 files")],
)
def test_counts_agree_with_their_noun(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (812, "812 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (58_400_000, "58 MB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_200_000_000, "1.2 GB"),
        (3_000_000_000_000, "3.0 TB"),
    ],
)
def test_sizes_are_short_and_never_show_a_thousand(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (12, "12 s"),
        (99.6, "2 min"),
        (240, "4 min"),
        (7200, "2 h"),
        (20 * 86400, "20 d"),
    ],
)
def test_spans_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_every_shell_that_matters_is_installed_where_all_is_to_be_tested() -> None:
    missing = [name for name, (command, *_) in SHELLS.items() if program(command) is None]
    for name in missing:
        need(name)
    assert set(missing) < set(SHELLS)


@given(st.text(alphabet="ab\n", max_size=60), st.integers(1, 7))
def test_lines_that_are_cut_lose_nothing_and_are_never_too_long(text: str, longest: int) -> None:
    lines, rest = cut_lines(text, "\n", longest)
    assert all(len(line) <= longest for line in [*lines, rest])
    assert "".join([*lines, rest]) == text.replace("\n", "")
    assert cut_lines(text.encode(), b"\n", longest) == ([line.encode() for line in lines], rest.encode())


@pytest.mark.parametrize(
    ("names", "line", "lines"),
    [
        ([], "", ""),
        (["web1"], "web1", "web1"),
        (["web1", "web2", "web3"], "web1, web2, web3", "web1\nweb2\nweb3"),
        (["web1", "web2", "web3", "web4"], "web1, web2, web3 and 1 more", "web1\nweb2\nweb3\nand 1 more"),
    ],
)
def test_a_list_names_the_first_and_says_how_many_more_there_are(names: list[str], line: str, lines: str) -> None:
    assert some(names, 3) == line
    assert some_lines(names, 3) == lines
    assert some([name.encode() for name in names], 3, bytes.decode) == line


def test_a_command_of_several_lines_is_shown_by_its_first() -> None:
    assert first_line("\nmake all\nmake install\nmake clean\n") == "make all (and 2 more lines)"
    assert [first_line(text) for text in ("make\n", "", "\n", "a\nb")] == ["make", "", "", "a (and 1 more line)"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["web1", "web2", "web3"], "web1, web2, web3"),
        (["web1", "web2", "web3", "web4", "db"], "web1-4, db"),
        ([f"w{number:02}" for number in range(8, 13)] + ["w14", "x15"], "w08-12, w14, x15"),
        (["w9", "w10", "w011", "w12"], "w9, w10, w011, w12"),
        (["1", "2", "3", "4"], "1-4"),
        ([], ""),
    ],
)
def test_names_that_count_up_are_joined(names: list[str], said: str) -> None:
    assert ranges(names) == said
