"""The examples of the README. A test takes each of them out of it by `block`, and runs it as it stands there.

Where an example has an address, a key or an id of something real, the test says by `replaced` what stands for it.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
README = (REPOSITORY / "README.md").read_text()
BLOCKS: list[str] = re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)

_TAKEN = re.compile(r"""\bblock\(("(?:[^"\\\n]|\\.)+"|'(?:[^'\\\n]|\\.)+')\)""")


def block(beginning: str) -> str:
    """Return the one example that begins so."""
    (found,) = (one for one in BLOCKS if one.startswith(beginning))
    return found


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return an example with other addresses, keys or ids; all that are named are in it."""
    for written, ours in changes.items():
        assert written in text, f"{written} is not in the example any more"
        text = text.replace(written, ours)
    return text


def command_lines(text: str) -> list[list[str]]:
    """Return the words of each line as a shell reads them, without comments."""
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def beginnings(folder: Path) -> Iterator[str]:
    """Yield what the tests in a folder say to `block`."""
    for path in folder.rglob("*.py"):
        yield from map(ast.literal_eval, _TAKEN.findall(path.read_text()))
