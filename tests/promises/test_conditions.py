"""Every command names the cause, in one line and without a traceback: the short form of `tests/faults`."""

from collections.abc import Iterator
from itertools import count, product
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.testing import Server
from tests.commands import Commands, Simulated
from tests.faults.conditions import (
    CALLS,
    CONDITIONS,
    NO_TEXT,
    Call,
    Condition,
    Said,
    arguments,
    environment,
    judge,
    places,
    register,
)
from tests.processes import WAIT_SECONDS, Processes, open_folder

_keys = count(1)


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


@pytest.fixture(scope="module")
def here(receiver_server: Server, module_folder: Path, provider: Simulated) -> Iterator[dict[str, str]]:
    with places(receiver_server, module_folder) as found:
        register(found["good"], provider.url)
        yield found


def test_every_command_is_in_the_table() -> None:
    assert {call.command for call in CALLS} == set(main.commands)


def _cells() -> Iterator[tuple[Call, Condition]]:
    """Yield a cell for each condition and each need: the calls with a need take turns. The long form has all cells."""
    needs = dict.fromkeys(call.needs for call in ENDING)
    for (number, condition), need in product(enumerate(CONDITIONS), needs):
        if calls := [call for call in ENDING if call.needs == need and condition.meets(call)]:
            yield calls[number % len(calls)], condition


ENDING = [call for call in CALLS if not call.ready]
CELLS = list(_cells())


def test_each_command_is_called_and_each_condition_met() -> None:
    assert {call.line for call, _ in CELLS} == {call.line for call in ENDING}
    assert {condition.name for _, condition in CELLS} == {one.name for one in CONDITIONS if any(map(one.meets, ENDING))}


@pytest.mark.parametrize(("call", "condition"), CELLS, ids=[f"{call.line}, {one.name}" for call, one in CELLS])
def test_a_command_names_the_cause_in_one_line(
    here: dict[str, str], folder: Path, provider: Simulated, call: Call, condition: Condition
) -> None:
    settings = environment(condition, here, f"{provider.key}_{next(_keys)}", provider.url)
    wrong = judge(call, condition, Commands(folder, **settings).run(*arguments(call, here, settings)))
    assert not wrong, wrong


AT_ONCE = ("no rights", "a wrong password", "LATIN1", "a file for a folder", "a port that is taken")


@pytest.mark.parametrize("condition", [one for one in CONDITIONS if one.name in AT_ONCE], ids=lambda one: one.name)
def test_what_runs_for_long_ends_with_the_cause(
    here: dict[str, str], processes: Processes, provider: Simulated, condition: Condition
) -> None:
    started = []
    for call in CALLS:
        if call.ready and condition.touches(call):
            settings = environment(condition, here, provider.key, provider.url)
            started.append((call, processes.start(*arguments(call, here, settings), **settings)))
    for call, process in started:
        status = process.popen.wait(WAIT_SECONDS)
        wrong = judge(call, condition, Said(status, process.out.read_text(), process.log))
        assert not wrong, wrong


@pytest.mark.parametrize("more", ["--no-such-option", NO_TEXT], ids=ascii)
@pytest.mark.parametrize("call", CALLS, ids=[call.line for call in CALLS])
def test_a_wrong_call_is_told_from_one_that_fails(here: dict[str, str], folder: Path, call: Call, more: str) -> None:
    ran = Commands(folder).run(*arguments(call, here, {"PORT": "1"}), more)
    assert (ran.exit_code, ran.stdout, ran.stderr.splitlines()[-1].partition(" ")[0]) == (2, "", "Error:")
    assert not (folder / "data").exists()
