"""`receiver search`: what was said, where and when, for a person and for a program."""

import json
from pathlib import Path

import pytest

from tests.commands import Commands, Simulated
from tests.processes import Processes, until

KEPT = """
insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
values ('openai', 'https://api.test', $1, '2026-04-29T14:25:27Z', 'result', convert_to($2, 'UTF8'))
"""


@pytest.fixture
def keeping(processes: Processes, sandbox: Simulated, receiver_database: str) -> Commands:
    """Return commands with a database."""
    processes.environment["DATABASE_URL"] = receiver_database
    return Commands(processes.folder, sandbox.url, sandbox.key, DATABASE_URL=receiver_database)


def keep(processes: Processes, number: int, *texts: str) -> None:
    segments = [
        {"id": n, "start": 3600.0 + n * 60, "end": 3605.0 + n * 60, "text": said} for n, said in enumerate(texts)
    ]
    answer = json.dumps({"text": " ".join(texts), "segments": segments}).replace("'", "''")
    processes.sql(KEPT.replace("$1", f"'{number}'").replace("$2", f"'{answer}'"))


def test_what_a_worker_has_put_into_the_index_is_found_and_shown_with_its_moment(
    keeping: Commands, processes: Processes
) -> None:
    keep(processes, 7, "nothing", "the interest \x1b[0m rates\u202e rise")
    before = keeping.run("search", "interest", "rates")
    assert (before.exit_code, before.stdout) == (0, "")
    assert before.stderr == (
        "nothing found\n1 transcript is not in the index yet: a worker puts them there (`receiver work`)\n"
    )
    processes.start("work")
    until(lambda: not processes.sql("select 1 as waits from receiver.unindexed"), "the transcript is in the index")
    ran = keeping.run("search", "interest", "rates")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout == "2026-04-29 14:25:27Z  openai  7  at 1:01:00\n  the interest [0m rates rise\n"
    (hit,) = keeping.read("search", "rates", "--source", "openai", "--limit", "1")
    assert (hit["transcription_id"], hit["seconds"]) == ("7", 3660.0)
    assert [part["text"] for part in hit["excerpt"] if part["marked"]] == ["rates"]
    keep(processes, 8, "rates fall")
    until(lambda: not processes.sql("select 1 as waits from receiver.unindexed"), "the other one too")
    assert "there are more" not in keeping.run("search", "rates", "--limit", "2").stderr
    some = keeping.run("search", "rates", "--limit", "1")
    assert (some.stdout.count(" openai "), some.stderr) == (1, "there are more than 1: see --limit\n")
    for nothing in (("--title", "x"), ("--source", "timbr"), ("--since", "1h")):
        assert keeping.read("search", "rates", *nothing) == []


def test_what_cannot_be_searched_for_is_said_in_one_line(keeping: Commands) -> None:
    ran = keeping.run("search", " ")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == "Error: there is nothing to search for: name at least one word\n"
    assert keeping.run("search").exit_code == 2
    assert keeping.run("search", "x" * 201).stderr.startswith("Error: a search has at most 200 characters")


def test_without_a_database_it_says_so(commands: Commands, tmp_path: Path) -> None:
    ran = commands.run("search", "rates", RECEIVER_DATA_DIR=str(tmp_path / "none"))
    assert (ran.exit_code, ran.stdout) == (1, "")
