"""The long form: each state is named by four places, and withdrawn by them. Prints after how many seconds."""

import pytest

from receiver.testing import Server
from tests.faults.named import OLD_SNAPSHOT, STATES, State, house, seconds_until
from tests.processes import Processes


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("state", [*STATES, OLD_SNAPSHOT], ids=lambda state: state.name)
def test_a_state_is_named_by_each_place_and_withdrawn(
    processes: Processes, receiver_server: Server, state: State
) -> None:
    with house(processes, receiver_server, RECEIVER_SPOOL_MAX_MB="0.01") as home:
        assert not any(state.is_named(home, place) for place in ("status", "check", "readyz", "metric"))
        state.begin(home)
        named = seconds_until(home, state, named=True)
        state.end(home)
        print(f"\n{state.name}: named after {named}, withdrawn after {seconds_until(home, state, named=False)}")  # noqa: T201 - what the run is for
