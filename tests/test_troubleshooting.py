"""What docs/troubleshooting.md quotes are the words of messages in the source."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
LEFT_OUT = "\0"  # what stands for a value in a message


def quoted():
    """The messages that the first column of the page's tables quotes."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    for row in rows:
        first = row.removeprefix("| ").split(" | ")[0]
        yield from (text for _, text in re.findall(r"(`+) ?(.+?) ?\1(?!`)", first))


def texts():
    """The texts of the source, with `LEFT_OUT` for each value in them."""
    found = []
    for path in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {
            id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
        }  # which say nothing to users
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else LEFT_OUT
                    for part in node.values
                ]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and id(node) not in docstrings:
                found.append(str(node.value))
    return found


TEXTS = texts()


@pytest.mark.parametrize("message", list(quoted()))
def test_a_quoted_message_is_one_of_the_source(message):
    words = [re.escape(part) for part in message.split("...")]
    pattern = re.compile(".*?".join(words), re.IGNORECASE)
    assert any(pattern.search(text) for text in TEXTS), f"no message of the source says {message}"


def test_the_page_quotes_messages_of_every_kind():
    headings = re.findall(r"^## (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(headings) == 7
    assert len(list(quoted())) > 60
