"""docs/operations.md quotes what the screen shows: each quotation is in the code, word for word."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/operations.md").read_text("utf-8")
EXAMPLES = re.compile(
    r"…|\d[\d,.]*|['\"():;]|  +|\b(?:TAG|COMMAND|URL|FILE|PHASE|x|y|A|B|web\d|MB|s|min|on)\b"
    r"|\b(?:prepare|after-switch|success|environment|deploy$|folder|things|files are|ahead|switched,)"
    r"|\b(?:failed in|with status|cannot remove|Permission denied)"
)
"""What stands for values of the moment, or is said by a program on the server; the rest are the code's own words."""


def quotations() -> list[str]:
    """The texts in backquotes of every table whose first column is what the screen shows."""
    texts = []
    shows = False
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells:
            shows = False
        elif cells[0] in ("the screen shows", "what you see"):
            shows = True
        elif shows:
            texts += re.findall(r"`([^`]+)`", cells[0])
    return texts


@pytest.fixture(scope="module")
def code() -> str:
    files = [*(ROOT / "core").rglob("*.py"), *(ROOT / "core").rglob("*.sh"), *(ROOT / "tui").rglob("*.py")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_the_page_quotes_enough_to_be_worth_checking():
    assert len(quotations()) > 60


@pytest.mark.parametrize("quotation", sorted(set(quotations())))
def test_what_the_page_quotes_is_what_the_code_says(quotation, code):
    parts = [part.strip(" ,.`") for part in EXAMPLES.split(quotation)]
    words = [part for part in parts if len(part) > 3 and "/" not in part]
    missing = [part for part in words if part not in code]
    assert not missing
