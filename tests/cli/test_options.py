"""`cli.options`: numbers are what they are called, and finite; a duration has a unit."""

from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from receiver.cli import main
from receiver.cli.options import Duration, FiniteRange, WholeRange

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


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)), ("30m", timedelta(minutes=30)), (" 12h ", timedelta(hours=12)),
        ("7d", timedelta(days=7)), ("2w", timedelta(days=14)), ("1.5h", timedelta(minutes=90)),
        ("36500d", timedelta(days=36_500)),
    ],
)  # fmt: skip
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert Duration()(text) == length


@pytest.mark.parametrize(
    "text", ["", "7", "d", "0d", "-1d", "7 d", "7D", "7d12h", "1e3d", "nand", "36501d", "9999999999d", "٣d"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"is not a duration: .* such as 7d or 12h"):
        Duration()(text)
