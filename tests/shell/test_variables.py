"""Every function of the shell programs says which variables it sets: one that nobody expects breaks its callers."""

from __future__ import annotations

import re

import pytest

from tests.shell.agents import FOLDER
from tests.shell.variables import functions

PROGRAMS = sorted(path.name for path in FOLDER.glob("*.sh"))
TEXT = """\
# all KINDS: of commands.
# sets: one two three four five six seven
all() {
  one=1 two='# sets: no' # other=1
  IFS= read -r three _ < file || four=$(inner=4; case $inner in a) b=1 ;; esac; echo "$inner")
  case $one in
    x=1 | y*) five=5 ;;
    *) for six in a b; do [ "$six" = no=1 ] || :; done ;;
  esac
  ( outside=1 )
  echo x | while read -r line; do count=1; done
  LC_ALL=C sort --key=1 "$(behind=1)" | { read -r last; } && seven=${one#"x}"}
}

# subshell: nothing that it sets is left.
subshell() (
  own=1
)

# short: in one line.
short() { [ -z "$1" ] || eight=8; }
"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_function_says_which_variables_it_sets(name):
    text = (FOLDER / name).read_text()
    found = {function.name: function for function in functions(text)}
    assert len(found) == len(re.findall(r"^\w+\(\) [{(]", text, re.MULTILINE))
    said = {name: sorted(function.declared) for name, function in found.items()}
    assert said == {name: sorted(function.sets) for name, function in found.items()}


def test_the_reader_sees_what_a_function_sets_and_not_what_ends_with_a_subshell():
    found = {function.name: function for function in functions(TEXT)}
    assert found["all"].sets == {"one", "two", "three", "four", "five", "six", "seven"} == found["all"].declared
    assert (found["subshell"].sets, found["short"].sets, found["short"].declared) == (set(), {"eight"}, set())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_rule_of_shellcheck_is_not_switched_off_for_a_whole_file_where_it_finds_mistakes(name):
    """SC2015, `A && B || C`: braces say what belongs together."""
    assert "SC2015" not in (FOLDER / name).read_text()
