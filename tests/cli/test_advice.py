"""`receiver.cli.advice`: the command line names the option that helps, where another room says it in plain words."""

import ast

import pytest

from receiver.cli import advice
from receiver.errors import BusyError, ImpossibleError
from tests import rooms


def raised() -> dict[str | None, list[str]]:
    """Return, for each code of an `ImpossibleError`, the texts that are raised with it."""
    found: dict[str | None, list[str]] = {}
    for path in rooms.sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ImpossibleError" and node.keywords:
                (value,) = (keyword.value for keyword in node.keywords if keyword.arg == "code")
                code = ast.literal_eval(value) if isinstance(value, ast.Constant) else None  # no option helps
                parts = [part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant)]
                found.setdefault(code, []).append("".join(map(str, parts)))
    return found


def test_every_code_has_its_option_and_its_errors_say_the_plain_words() -> None:
    found = raised()
    assert found.keys() >= advice.OPTIONS.keys()
    for code, (plain, option) in advice.OPTIONS.items():
        assert "--" in option
        assert [text for text in found[code] if plain not in text or "--" in text] == []


@pytest.mark.parametrize(
    ("code", "said", "shown"),
    [
        ("in_use", "wait, or insist on it", "wait, or pass --yes"),
        (
            "length_unknown",
            "the length of give it.mp3 is unknown: give it",
            "the length of give it.mp3 is unknown: pass --duration SECONDS",
        ),
        (None, "wait, or insist on it", "wait, or insist on it"),
    ],
)
def test_the_option_takes_the_last_place_of_the_plain_words(code: str | None, said: str, shown: str) -> None:
    assert advice.in_options(ImpossibleError(said, code=code)) == shown


def test_other_errors_stay_as_they_are() -> None:
    assert advice.in_options(BusyError("insist on it")) == "insist on it"
