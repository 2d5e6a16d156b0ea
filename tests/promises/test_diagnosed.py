"""Real deliveries that go wrong are refused with one and the same answer, and `receiver diagnose` says why."""

from tests.health.doctor.mishaps import MISHAPS, STATUSES, Relay, deliver_all, diagnosed, know
from tests.processes import Processes
from tests.servers import serving


def test_each_mishap_is_refused_alike_and_named(processes: Processes, receiver_database: str) -> None:
    know(processes, receiver_database)
    with serving(Relay(processes.serve().port)) as captures:
        answers = deliver_all(captures.url)
    assert {name: answer.status_code for name, answer in answers.items()} == STATUSES
    assert len({answer.text for answer in answers.values() if answer.status_code == 401}) == 1
    assert diagnosed(processes, captures.captured) == {mishap.name: mishap.cause for mishap in MISHAPS}
