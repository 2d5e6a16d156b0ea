"""The short form of `tests/faults/test_named`: two of its states."""

import pytest

from receiver.testing import Server
from tests.faults.named import PLACES, STATES, State, house, seconds_until
from tests.processes import Processes


@pytest.mark.parametrize(
    "state", [one for one in STATES if one.name in ("no worker", "full spool")], ids=lambda state: state.name
)
def test_a_state_is_named_by_each_place_and_withdrawn(
    processes: Processes, receiver_server: Server, state: State
) -> None:
    with house(processes, receiver_server, RECEIVER_SPOOL_MAX_MB="0.01") as home:
        state.begin(home)
        assert seconds_until(home, state, named=True).keys() == {*PLACES}
        state.end(home)
        assert seconds_until(home, state, named=False).keys() == {*PLACES}
