"""`prune`, as a user runs it."""

import json
import signal

import pytest
from click.testing import Result

from tests.commands import Commands, heeding_ctrl_c
from tests.inbox.ageing import API, READ
from tests.processes import Processes, until

STORED = """
insert into receiver.events (
    source, event_id, api_url, type, raw, secret_fingerprint, origin, received_at, last_delivered_at
)
select 'transcribe.so', 'evt_' || n, $1, 'a.b', '{}', '', 'webhook', now() - interval '100 days',
    now() - interval '100 days'
from generate_series(1, $2) n
"""


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment["DATABASE_URL"] = receiver_database
    return processes


def store(shared: Processes, number: int) -> None:
    shared.sql(STORED.replace("$1", f"'{API}'").replace("$2", str(number)))
    shared.sql(READ)


def left(shared: Processes) -> int:
    found: int = shared.sql("select count(*) as number from receiver.events")[0]["number"]
    return found


def test_it_says_how_many_and_asks_and_a_no_deletes_nothing(shared: Processes, receiver_database: str) -> None:
    store(shared, 3)
    commands = Commands(shared.folder, DATABASE_URL=receiver_database)
    shared.sql(
        "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer, fetched_at)"
        " values ('transcribe.so', 'u', '1', '', 'result', 'x', now() - interval '1 year')"
    )
    no = commands.run("prune", "--older-than", "90d", "--archive", stdin="n\n")
    assert (no.exit_code, left(shared)) == (1, 3)
    assert "at most 3 events, 1 answer, from before 20" in no.stderr
    assert "events with dead or unfinished jobs stay" in no.stderr
    yes = commands.run("prune", "--older-than", "90d", stdin="y\n")
    assert (yes.exit_code, yes.stdout, left(shared)) == (0, "pruned 3 events\n", 0)


def test_it_asks_nothing_if_there_is_nothing(shared: Processes, receiver_database: str) -> None:
    ran = Commands(shared.folder, DATABASE_URL=receiver_database).run("prune", "--older-than", "90d", "--artifacts")
    assert (ran.exit_code, ran.stdout) == (0, "pruned 0 events\n")
    assert "nothing is older than 20" in ran.stderr


def test_closed_input_without_yes_deletes_nothing(shared: Processes, receiver_database: str) -> None:
    store(shared, 1)
    ran = Commands(shared.folder, DATABASE_URL=receiver_database).run("prune", "--older-than", "90d")
    assert (ran.exit_code, left(shared)) == (1, 1)
    assert "pass --yes" in ran.stderr


def test_json_says_how_much_of_each(shared: Processes) -> None:
    store(shared, 2)
    ran = shared.run_inside("prune", "--older-than", "90d", "--artifacts", "--archive", "--yes", "--json")
    assert json.loads(ran.stdout) == {
        "events": 2, "bodies": 0, "callbacks": 0, "transcriptions": 0, "answers": 0, "files": 0, "bytes": 0,
        "files_elsewhere": 0,
    }  # fmt: skip


def test_files_that_lie_elsewhere_are_said(shared: Processes) -> None:
    shared.sql(
        "insert into receiver.submissions (id, source, api_url, account, key_fingerprint, operation, wishes, recording,"
        " caller_key, asked, state, ended_at) values ('sub_1', 's', 'u', 'default', 'k', 'o', '{}', 'r', 'k', 'a',"
        " 'done', now() - interval '1 year')"
    )
    shared.sql(
        "insert into receiver.artifacts (submission, name, bytes, sha256, place) values ('sub_1', 'a', 1, '', '/x/a')"
    )
    ran = shared.run_inside("prune", "--older-than", "90d", "--artifacts", "--yes")
    assert (ran.exit_code, ran.stdout) == (0, "pruned 0 events\n")
    assert "left 1 file that is not in " in ran.stderr


@pytest.mark.parametrize("arguments", [(), ("--older-than", "90"), ("--older-than", "0d")], ids=" ".join)
def test_without_a_length_of_time_it_is_a_wrong_call(shared: Processes, arguments: tuple[str, ...]) -> None:
    ran: Result = shared.run_inside("prune", *arguments, "--yes")
    assert (ran.exit_code, "older-than" in ran.stderr) == (2, True)


def test_ctrl_c_ends_it_after_its_batch_says_how_many_and_the_same_command_goes_on(shared: Processes) -> None:
    store(shared, 60_000)
    with heeding_ctrl_c():
        pruning = shared.start("prune", "--older-than", "90d", "--yes")
    until(lambda: left(shared) < 60_000, "it has begun")
    assert pruning.end(signal.SIGINT) == 130
    said, number = pruning.log, 60_000 - left(shared)
    assert 0 < number < 60_000
    assert f"interrupted: pruned {number:,} events; the same command goes on\n" in said
    again = shared.run_inside("prune", "--older-than", "90d", "--yes")
    assert (again.stdout, left(shared)) == (f"pruned {60_000 - number:,} events\n", 0)


def test_an_event_whose_body_was_pruned_says_so(shared: Processes) -> None:
    store(shared, 1)
    shared.sql("update receiver.events set last_delivered_at = now() - interval '10 days'")
    assert shared.run_inside("prune", "--older-than", "3d", "--yes").stdout == (
        "pruned 0 events, the bodies and jobs of 1 event\n"
    )
    assert shared.run_inside("events").stdout.endswith("  a.b                      evt_1  pruned\n")
    assert "its body and its jobs are gone" in shared.run_inside("show", "evt_1").stdout
    shown = json.loads(shared.run_inside("show", "evt_1", "--json").stdout)
    assert (shown["raw"], shown["pruned_at"][:2]) == ("", "20")
    ran = shared.run_inside("replay", "evt_1")
    assert (ran.exit_code, "the body of transcribe.so/evt_1 was pruned at 20" in ran.stderr) == (1, True)


def test_a_worker_prunes_every_day_if_it_is_told_to(shared: Processes) -> None:
    store(shared, 3)
    shared.start("work", RECEIVER_PRUNE_DAYS="90").until_logged("pruned 3 events from before 20")
    assert left(shared) == 0
