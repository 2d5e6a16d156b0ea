"""The long form: commands that are broken off and repeated, from other folders and other machines."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.again import break_off_often, hurrying
from tests.faults.submissions import EVERY, FISHAUDIO, OPENAI, THUNDERSCRIBE, TIMBR, TIMBR_AUDIO, Asking, Office, opened
from tests.processes import Processes, until

TIMES = 20
LONGEST_SECONDS = 2.5
FILES = 20
AT_ONCE = 6


@pytest.fixture
def office(processes: Processes, receiver_database: str) -> Iterator[Office]:
    with opened(processes, receiver_database) as found:
        yield found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("asking", EVERY, ids=lambda one: one.source)
@pytest.mark.parametrize("transcribing", [False, True], ids=["submit", "transcribe"])
def test_a_command_that_is_broken_off_and_repeated_pays_once(
    office: Office, asking: Asking, *, transcribing: bool
) -> None:
    if transcribing and asking is TIMBR_AUDIO:
        pytest.skip("`transcribe` takes its diarization, as the others take a transcription: see submit")
    office.work()
    with hurrying(office):
        seen = break_off_often(office, asking, TIMES, longest=LONGEST_SECONDS, transcribing=transcribing)
    print(f"\n{asking.source}: {sorted((round(one.after_seconds, 2), one.status) for one in seen)}")  # noqa: T201
    ours = [one for one in seen if not one.is_before_us]
    assert ours
    assert {one.status for one in ours} <= {0, 130}
    assert not [one for one in ours if "Traceback" in one.said + one.said_again or "a bug in" in one.said]
    assert {one.status_again for one in seen} == {0}, [one for one in seen if one.status_again]
    assert office.charges() == {asking.source: TIMES}
    assert {row["state"] for row in office.rows().values()} == {"done"}
    assert len(office.rows()) == TIMES


def test_the_same_command_from_another_folder_and_under_another_name_is_the_same_submission(office: Office) -> None:
    office.work()
    folder = office.processes.folder / "other"
    folder.mkdir()
    for asking in EVERY:
        first = office.submit(asking, f"talk {asking.source}")
        if asking is FISHAUDIO:
            continue
        copy = shutil.copy(office.recording(f"talk {asking.source}"), folder / "copy.wav")
        assert office.commands.good("submit", copy, *asking.arguments).strip() == first
    office.rested(office.rows())
    assert office.charges() == {asking.source: 1 for asking in EVERY}


@pytest.mark.timeout(300)
def test_the_same_command_many_times_at_once_pays_once(office: Office) -> None:
    office.work()
    for asking in EVERY:
        command = ("submit", office.handed_in(asking, f"talk {asking.source}"), *asking.arguments)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ran = [*pool.map(lambda _, command=command: office.processes.run(*command), range(AT_ONCE))]
        assert ({one.returncode for one in ran}, len({one.stdout for one in ran})) == ({0}, 1), ran
    office.rested(office.rows())
    assert (office.charges(), len(office.rows())) == ({asking.source: 1 for asking in EVERY}, len(EVERY))


@pytest.mark.timeout(300)
def test_two_machines_with_one_database_pay_and_fetch_once(office: Office) -> None:
    with office.elsewhere() as other:
        office.work()
        other.work()
        for number in range(5):
            for asking in EVERY:
                name = f"{number} {asking.source}"
                shutil.copy(office.recording(name), other.processes.folder)
                first, second = (office, other) if number % 2 else (other, office)
                assert first.submit(asking, name) == second.submit(asking, name)
        found = office.rested(office.rows())
        assert {row["state"] for row in found.values()} == {"done"}
        assert office.charges() == {asking.source: 5 for asking in EVERY}
        for one in found:
            for file in office.commands.read("artifacts", one):
                kept = [*office.processes.folder.rglob(f"{one}/{file['name']}")]
                assert [str(path) for path in kept] == [file["place"]]


def test_a_file_that_goes_with_the_request_is_sent_by_the_machine_that_has_it(office: Office) -> None:
    with office.elsewhere() as other:
        submitted = office.submit(OPENAI, "talk")
        other.work()
        waits = "select error from receiver.jobs where error like '%run a worker there%'"
        until(lambda: other.processes.sql(waits), "the other machine says where the file lies")
        assert (office.rows()[submitted]["state"], office.charges()) == ("uploaded", {})
        office.work()
        office.rested([submitted])
        assert (office.rows()[submitted]["state"], office.charges()) == ("done", {"openai": 1})


@pytest.mark.parametrize("asking", [THUNDERSCRIBE, OPENAI, TIMBR, TIMBR_AUDIO], ids=lambda one: one.source)
def test_a_folder_that_is_submitted_twice_is_billed_once_for_each_file(office: Office, asking: Asking) -> None:
    office.work()
    folder = office.processes.folder / "season"
    folder.mkdir()
    for number in range(FILES):
        shutil.move(office.recording(f"{number}"), folder)
    first = office.commands.good("submit", folder, *asking.arguments).split()
    assert office.commands.good("submit", folder, *asking.arguments).split() == first
    office.rested(first)
    assert office.charges() == {asking.source: FILES}
