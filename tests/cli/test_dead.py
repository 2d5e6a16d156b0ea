"""`receiver dead` and `drop`: what people see of dead jobs, and that nothing is dropped which they did not mean."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.inbox.dying import fill, on, states_of
from tests.processes import Processes

WAITS = """
    update receiver.jobs set waiting_since = now(), error = 'the wallet is empty', due_at = now() + interval '1 h'
    where state = 'pending'
"""
UNDER_WAY = "insert into receiver.replays (filter, total, started_by) values ('{}', 1, 'me@here')"


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": "https://api.test",
        "RECEIVER_HANDLERS": "tests.inbox.crm",
    }  # fmt: skip
    return processes


def checked(shared: Processes, name: str) -> Mapping[str, Any]:
    """Return a finding of `receiver check`."""
    findings = json.loads(shared.run_inside("check", "--json").stdout)["findings"]
    (found,) = [one for one in findings if one["name"] == name]
    return dict(found)


def test_dead_shows_groups_then_what_waits_and_mentions_replays_under_way(shared: Processes) -> None:
    fill(shared, "a", 3, error="no answer for {}\nsecond line")
    fill(shared, "b", 1, error="\x1b[31mevil", handler="other")
    fill(shared, "c", 2, state="pending")
    on(shared, lambda db: db.execute(WAITS))
    on(shared, lambda db: db.execute(UNDER_WAY))
    ran = shared.run_inside("dead")
    assert ran.exit_code == 0
    first, cause, example, second, _, _, third, why, _ = ran.stdout.splitlines()
    assert first.split()[:2] == ["3", "crm"]
    assert cause == "         no answer for #"
    assert example == "         for example transcribe.so/a3 transcription a3 “Episode 3”"
    assert second.split()[:2] == ["1", "other"]
    assert "\x1b" not in ran.stdout
    assert third.split()[:4] == ["2", "crm", "waiting", "since"]
    assert ", due " in third
    assert why == "         the wallet is empty"
    assert "bulk replay 1 is under way: 0 of 1 moved; see `receiver replays`" in ran.stderr


def test_dead_tells_the_same_as_json_and_shows_the_largest_groups_only(shared: Processes) -> None:
    fill(shared, "a", 3)
    fill(shared, "b", 1, handler="other", error="broken")
    said = json.loads(shared.run_inside("dead", "--json").stdout)
    assert [(one["handler"], one["cause"], one["count"], one["example"]) for one in said["dead"]] == [
        ("crm", "no #", 3, "transcribe.so/a3"), ("other", "broken", 1, "transcribe.so/b1"),
    ]  # fmt: skip
    assert (said["waiting"], said["replays"]) == ([], [])
    ran = shared.run_inside("dead", "--limit", "1")
    assert len(ran.stdout.splitlines()) == 3
    assert "and 1 more groups; --limit 0 shows all" in ran.stderr
    assert shared.run_inside("dead", "--error", "nowhere").stderr == "no dead jobs\n"
    found = json.loads(shared.run_inside("dead", "--json", "--error", "BROKEN").stdout)["dead"]
    assert [one["handler"] for one in found] == ["other"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "say which jobs: an EVENT, --handler, --error, --since or --type; see `receiver dead`"),
        (("--error", ""), 2, "say which jobs"),
        (("a1", "--since", "7d"), 2, "--error, --since and --type do not go with an EVENT"),
        (("--since", "7"), 2, "'7' is not a duration"),
        (("--type", "Transcription"), 2, "'Transcription' is no type: write transcription.failed"),
        (("--type", "*"), 2, "say which jobs"),
        (("--handler", "crm"), 1, "standard input is closed, so nothing was done: pass --yes"),
        (("nothing", "--yes"), 1, "there is no event nothing"),
    ],
)
def test_nothing_is_dropped_unless_a_person_says_what_and_agrees(
    shared: Processes, arguments: tuple[str, ...], status: int, said: str
) -> None:
    fill(shared, "a", 2)
    ran = shared.run_inside("drop", *arguments)
    assert (ran.exit_code, said in ran.stderr) == (status, True), ran.stderr
    assert states_of(shared) == {"dead": 2}


@pytest.mark.parametrize("command", ["dead", "drop --yes", "replay --dead --yes"])
def test_a_handler_that_nobody_has_is_a_hint(shared: Processes, command: str) -> None:
    fill(shared, "gone", 1, handler="gone")
    ran = shared.run_inside(*command.split(), "--handler", "cmr")
    assert "there is no handler cmr; there are crm, submissions\n" in ran.stderr
    for known in ("crm", "gone"):
        assert "no handler" not in shared.run_inside(*command.split(), "--handler", known, "--error", "nowhere").stderr


def test_check_is_green_again_after_a_drop_and_show_says_who_and_why(shared: Processes) -> None:
    fill(shared, "a", 2, error="no {}")
    fill(shared, "gone", 1, state="pending", handler="gone", error=None)
    assert not checked(shared, "dead jobs")["holds"]
    ran = shared.run_inside("drop", "--error", "no #", "--reason", "they\x1b left", "--yes")
    assert (ran.exit_code, ran.stdout) == (
        0,
        "dropped 2 jobs; `receiver replay EVENT` brings one back whose handler exists\n",
    )
    assert checked(shared, "dead jobs")["holds"]
    shown = shared.run_inside("show", "a1").stdout
    assert "dropped, attempt 3: no a1" in shown
    assert re.search(r"\n    dropped [\d: Z-]+ by \S+@\S+: they.*left\n", shown), shown
    assert "\x1b" not in shown
    (job,) = json.loads(shared.run_inside("show", "a1", "--json").stdout)["jobs"]
    assert (job["state"], job["error"], job["dropped"]["reason"]) == ("dropped", "no a1", "they\x1b left")
    assert "@" in job["dropped"]["by"]
    assert shared.run_inside("replay", "a1").stdout == "pending again: crm\n"
    assert states_of(shared, "a") == {"pending": 1, "dropped": 1}


def test_the_question_says_what_is_dropped_and_which_handlers_exist(shared: Processes) -> None:
    fill(shared, "a", 2)
    fill(shared, "gone", 3, state="pending", handler="gone")
    ran = shared.run_inside("drop", "--since", "7d")
    first, second, third, *_ = ran.stderr.splitlines()
    assert first.startswith("2 dead jobs of crm (2); their events came from ")
    assert second.startswith("3 pending jobs of gone (3); their events came from ")
    assert third == "pending jobs are dropped because only these handlers exist here: crm, submissions"
    assert re.match(r"1 dead job of crm \(1\); its event came [\d-]+ [\d:]+Z\n", shared.run_inside("drop", "a1").stderr)
    ran = shared.run_inside("drop", "--since", "7d", "--yes", "--json")
    assert json.loads(ran.stdout) == {"dropped": 5, "left": 0}
    assert shared.run_inside("drop", "--since", "7d", "--yes").stderr == "no jobs to drop\n"


def test_no_submission_is_left_without_an_end(shared: Processes) -> None:
    fill(shared, "sub", 2, handler="submissions", event_type="submission")
    ran = shared.run_inside("drop", "--handler", "submissions", "--yes")
    assert ran.exit_code == 1
    assert (
        "2 jobs of submissions cannot be dropped, because the submissions would never end: `receiver resolve`"
        in ran.stderr
    )
    fill(shared, "a", 1)
    ran = shared.run_inside("drop", "--since", "1d", "--yes", "--json")
    assert json.loads(ran.stdout) == {"dropped": 1, "left": 0}
    assert "2 jobs of submissions cannot be dropped" in ran.stderr
    assert states_of(shared, "sub") == {"dead": 2}
