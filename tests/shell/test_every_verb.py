"""No verb is without a test at the level of the shell."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.shell.agents import verbs

ASKED = {"ask", "done", "send"}


def test_each_verb_of_the_agent_is_asked_for_here():
    asked = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ASKED:
                words = [word.value for word in node.args if isinstance(word, ast.Constant)]
                asked |= {word for word in words if isinstance(word, str)}
            if isinstance(node, ast.Tuple) and node.elts and isinstance(node.elts[0], ast.Constant):
                asked.add(node.elts[0].value)
    assert set(verbs()) - asked == set()
