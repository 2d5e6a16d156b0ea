"""The long form: `up --sandbox` with each ready-made handler; a worker dies at each step, and 20 times around it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from receiver.failpoints import Failpoint
from tests.faults import peers
from tests.faults.noticing import occasions, telling
from tests.faults.switched import COMPLETED, EVENTS, SETTLED, Peer, running
from tests.processes import Processes

ROUNDS = 20
PEERS: dict[str, Callable[[Path], AbstractContextManager[Peer]]] = {
    "folder": lambda path: nullcontext(peers.folder(path / "vault" / "talks")),
    "bucket": lambda _: peers.bucket(),
    "forward": lambda _: peers.app(),
    "notify": lambda _: peers.service(),
    "publish": lambda path: peers.stream(path / "nats"),
}


POINTS = [(name, point) for name in PEERS for point in (COMPLETED if name in {"folder", "bucket"} else SETTLED)]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", PEERS)
def test_whoever_dies_at_a_step_costs_nothing(
    processes: Processes, receiver_database: str, tmp_path: Path, name: str
) -> None:
    with PEERS[name](tmp_path) as peer, running(processes, peer, receiver_database) as machine:
        kills = machine.at_every_step()
        print(f"\n{name}: killed at each of {kills} steps, {peer.repeats} repeats: 0 lost, 0 doubled")  # noqa: T201 - what the run is for


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "point"), POINTS)
def test_whoever_dies_here_costs_nothing(
    processes: Processes, receiver_database: str, tmp_path: Path, name: str, point: Failpoint
) -> None:
    with PEERS[name](tmp_path) as peer, running(processes, peer, receiver_database) as machine:
        for _ in range(ROUNDS):
            assert machine.dies(point, events=EVENTS)
        print(f"\n{name}, {point}: {machine.kills} kills, {peer.repeats} repeats: 0 lost, 0 doubled")  # noqa: T201 - the same


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("point", [Failpoint.BEFORE_NOTICED, Failpoint.AFTER_NOTICED, Failpoint.AFTER_HANDLER])
def test_people_are_told_of_dead_letters_and_costs(
    processes: Processes, receiver_database: str, point: Failpoint
) -> None:
    with peers.service(occasions(ROUNDS)) as peer, running(processes, peer, receiver_database) as machine:
        for number in range(1, ROUNDS + 1):
            telling(machine, peer, point, number)
        print(f"\nnotices, {point}: {machine.kills} kills: 0 lost, 0 doubled")  # noqa: T201 - the same
