"""`cli.options`: numbers are what they are called, and finite."""

import click
import pytest
from click.testing import CliRunner

from receiver.cli import main
from receiver.cli.options import FiniteRange, WholeRange

DECIMAL = [
    (name, option)
    for name, command in main.commands.items()
    for option in command.params
    if isinstance(option.type, click.types.FloatParamType)
]
WHOLE = [
    (name, option)
    for name, command in main.commands.items()
    for option in command.params
    if isinstance(option.type, click.IntRange)
]


@pytest.mark.parametrize("number", ["nan", "-nan", "inf", "1e999"])
@pytest.mark.parametrize(
    ("command", "option"), [pytest.param(*one, id=f"{one[0]} {one[1].opts[0]}") for one in DECIMAL]
)
def test_no_command_takes_a_number_that_has_no_end_or_compares_with_nothing(
    command: str, option: click.Parameter, number: str
) -> None:
    assert isinstance(option.type, FiniteRange)  # otherwise the command would run
    name = option.opts[0]
    ran = CliRunner().invoke(main, [command, name, number])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"Invalid value for '{name}': {number} is not a finite number." in ran.stderr


def test_a_finite_number_within_the_range_is_taken() -> None:
    assert FiniteRange(min=0)("0.5") == 0.5
    with pytest.raises(click.BadParameter, match="not in the range"):
        FiniteRange(min=0)("-0.5")


@pytest.mark.parametrize(("command", "option"), [pytest.param(*one, id=f"{one[0]} {one[1].opts[0]}") for one in WHOLE])
def test_a_text_in_the_place_of_a_whole_number_is_called_by_its_name(command: str, option: click.Parameter) -> None:
    assert isinstance(option.type, WholeRange)  # otherwise the command would run
    name = option.opts[0]
    ran = CliRunner().invoke(main, [command, name, "two"])
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert f"Invalid value for '{name}': 'two' is not a valid whole number." in ran.stderr
