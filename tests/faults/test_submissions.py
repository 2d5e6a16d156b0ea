"""The long form: whatever is lost, cut or killed while a request that is paid for is under way, it is billed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.gateway import OF_REQUEST, OfRequest
from tests.faults.submissions import (
    EVERY,
    OF_SANDBOX,
    OPENAI,
    THUNDERSCRIBE,
    TIMBR,
    TIMBR_AUDIO,
    Asking,
    Office,
    expected,
    opened,
    spoil,
    through,
)
from tests.processes import Processes, until

PAUSE_SECONDS = 200.0  # a 429 stops an account for a minute
LARGE_SECONDS, RATE = 3600, 8000  # 28 MB: more than the buffers between two processes take
UPLOADS = {
    THUNDERSCRIBE: "*/v1/upload",
    TIMBR: "*/v1/upload/file/",
    TIMBR_AUDIO: "/timbr-audio/storage/uploads/*",
}


@pytest.fixture
def office(processes: Processes, receiver_database: str) -> Iterator[Office]:
    with opened(processes, receiver_database) as found:
        yield found


def test_where_nothing_was_submitted_nothing_is_waited_for(office: Office) -> None:
    assert office.rested([]) == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [one for one in (*OF_REQUEST, *OF_SANDBOX) if one != "hang"])
def test_a_spoiled_request_ends_as_it_should_and_is_never_billed_twice(office: Office, fault: str) -> None:
    office.work()
    through(office, fault, seconds=PAUSE_SECONDS)


@pytest.mark.parametrize("fault", ["reset in the body", "early 401"])
def test_a_large_request_that_was_not_given_away_whole_is_sent_again_by_itself(office: Office, fault: str) -> None:
    office.work()
    office.recording("large", LARGE_SECONDS, RATE)
    spoil(office, OPENAI, fault)
    submitted = office.submit(OPENAI, "large")
    assert office.rested([submitted])[submitted]["state"] == "done"
    assert office.charges() == {"openai": 1}


@pytest.mark.parametrize("kills", [False, True], ids=["ended", "killed"])
def test_a_worker_that_ends_while_it_waits_for_answers_leaves_them_unknown(office: Office, *, kills: bool) -> None:
    worker = office.work(RECEIVER_CALLS="8", RECEIVER_CALLS_SHUTDOWN_SECONDS="0.5", RECEIVER_LEASE_SECONDS="2")
    for asking in EVERY:
        spoil(office, asking, "hang")
    submitted = {office.submit(asking, f"hangs {asking.source}"): asking for asking in EVERY}
    until(lambda: office.charges().total() == len(EVERY), "all of them are carried out")
    if kills:
        worker.kill()
    else:
        assert worker.end() == 0
    assert {row["state"] for row in office.rows().values()} == {"sent"}
    office.work()
    found = office.rested(submitted)
    states = {asking.source: (found[one]["state"], 1) for one, asking in submitted.items()}
    assert all(states[asking.source] in expected(asking, "hang") for asking in EVERY), states
    assert office.charges() == {asking.source: 1 for asking in EVERY}


@pytest.mark.parametrize("fault", OF_REQUEST)
@pytest.mark.parametrize("asking", UPLOADS, ids=lambda one: one.source)
def test_an_upload_that_is_spoiled_goes_on_with_the_same_command(
    office: Office, asking: Asking, fault: OfRequest
) -> None:
    office.work()
    office.gateway.plan(UPLOADS[asking], fault, times=1)
    recording = office.recording("large", LARGE_SECONDS, RATE)
    ran = office.commands.run("submit", recording, *asking.arguments)
    assert ran.exit_code in (0, 1), ran.stderr
    submitted = office.commands.good("submit", recording, *asking.arguments).strip()
    assert office.rested([submitted])[submitted]["state"] == "done"
    assert (office.charges(), len(office.rows())) == ({asking.source: 1}, 1)
    arrived = [one["size"] for one in office.provider.http.get("/sandbox/uploads").json()["uploads"] if one["complete"]]
    assert Path(recording).stat().st_size in arrived
