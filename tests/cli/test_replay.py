"""`receiver replay --dead` and `replays`: what is said before, and that workers do it, also after Ctrl-C."""

import json
import re
import signal

import pytest

from tests.commands import heeding_ctrl_c
from tests.inbox.dying import fill, states_of
from tests.processes import Processes, until

NO_WORKER = "no worker has been seen for 5 s, so nothing is replayed yet: run `receiver work`"


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": "https://api.test", "TRANSCRIBE_API_KEY": "tsk_1",
        "RECEIVER_HANDLERS": "tests.inbox.crm",
    }  # fmt: skip
    return processes


def test_workers_replay_what_is_meant_and_the_command_says_what_it_costs_and_when_it_is_done(shared: Processes) -> None:
    fill(shared, "a", 30, error="no {}")
    fill(shared, "b", 5, error="broken")
    fill(shared, "gone", 2, handler="gone")
    fill(shared, "else", 1, account="else")
    shared.start("work")
    ran = shared.run("replay", "--dead", "--error", "no #", "--since", "7d", "--yes", "--json")
    assert ran.returncode == 0, ran.stderr
    gone, elsewhere, chosen, cost, *_ = ran.stderr.splitlines()
    assert (
        gone == "left out: 2 jobs of gone, because there is no such handler; `receiver drop --handler gone` ends them"
    )
    assert elsewhere == "left out: 1 job of accounts that are not configured here"
    assert chosen.startswith("30 dead jobs of crm (30); their events came from ")
    assert cost == (
        "at most about 90 calls to the provider: 2 min at this key's rate; what your handlers ask for beside that is "
        "not counted"
    )
    said = json.loads(ran.stdout)
    assert (said["state"], said["total"], said["moved"], said["calls"]) == ("done", 30, 30, 90)
    assert said["filter"] == {"error": "no #", "since": "7d"}
    shared.settled()
    assert states_of(shared, "a") == {"done": 30}
    assert states_of(shared, "b") == {"dead": 5}
    (listed,) = json.loads(shared.run_inside("replays", "--json").stdout)
    assert (listed["id"], listed["state"]) == (said["id"], "done")
    line = shared.run_inside("replays").stdout
    assert "  done       30 of 30 moved: 30 done  begun " in line
    assert line.endswith("  --error 'no #' --since 7d\n")


def test_the_command_says_what_became_of_its_jobs(shared: Processes) -> None:
    fill(shared, "a", 2)
    shared.start("work")
    until(lambda: shared.sql("select from receiver.processes where kind = 'worker'"), "the worker is seen")
    ran = shared.run("replay", "--dead", "--limit", "1", "--yes")
    assert re.fullmatch(
        r"bulk replay \d+ has moved its jobs: 1 of 1 moved: 1 (done|(running|waiting); `receiver replays` shows what "
        r"becomes of it)\n",
        ran.stdout,
    )
    shared.settled()
    shared.sql("update receiver.jobs set state = 'dead' where replay is not null")
    assert NO_WORKER not in ran.stderr
    assert "  1 of 1 moved: 1 dead again  begun " in shared.run_inside("replays").stdout


def test_ctrl_c_leaves_the_replay_to_the_workers_and_says_how_to_look_and_to_end_it(shared: Processes) -> None:
    fill(shared, "a", 3)
    with heeding_ctrl_c():
        command = shared.start("replay", "--dead", "--limit", "2", "--yes")
    until(lambda: shared.sql("select from receiver.replays"), "it has begun")
    until(lambda: NO_WORKER in command.log, "it is said that no worker runs")
    command.popen.send_signal(signal.SIGINT)
    assert command.popen.wait(60) == 130
    (row,) = shared.sql("select id, state, total from receiver.replays")
    assert (row["state"], row["total"]) == ("running", 2)
    number = row["id"]
    told = f"interrupted: bulk replay {number} goes on; `receiver replays` shows how far it is, and `receiver replays "
    assert told + f"--cancel {number}` ends it" in command.log
    assert "0 of 2 moved  begun" in shared.run_inside("replays").stdout
    cancelled = shared.run_inside("replays", "--cancel", str(number))
    assert f"{number}  cancelled" in cancelled.stdout
    assert cancelled.stderr == f"2 jobs not moved yet: left dead; `receiver replays --resume {number}` moves them\n"
    again = shared.run_inside("replays", "--cancel", str(number))
    assert (again.exit_code, f"bulk replay {number} is cancelled, not running" in again.stderr) == (1, True)
    assert f"{number}  running" in shared.run_inside("replays", "--resume", str(number)).stdout
    shared.start("work")
    until(lambda: shared.sql("select from receiver.replays where state = 'done'"), "a worker has gone on with it")
    until(lambda: shared.unfinished() == 0, "its jobs have run")
    assert states_of(shared) == {"done": 2, "dead": 1}


def test_a_cancel_says_what_goes_on_nevertheless(shared: Processes) -> None:
    fill(shared, "a", 3)
    shared.sql("insert into receiver.replays (filter, total, done, started_by) values ('{}', 3, 2, 'me@here')")
    shared.sql("update receiver.jobs set state = 'pending', replay = 1 where id < 3")
    assert shared.run_inside("replays", "--cancel", "1").stderr == (
        "2 of the moved jobs still wait or run, and go on; 1 job not moved yet: left dead; "
        "`receiver replays --resume 1` moves them\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("replay",), 2, "name an EVENT, or pass --dead for many dead jobs; `receiver dead` shows them"),
        (("replay", "a1", "--dead"), 2, "an EVENT and --dead exclude each other"),
        (("replay", "a1", "--since", "7d"), 2, "go with --dead, not with an EVENT"),
        (("replay", "a1", "--limit", "7"), 2, "go with --dead, not with an EVENT"),
        (("replay", "--dead", "--limit", "0"), 2, "0 is not in the range x>=1"),
        (("replay", "--dead"), 1, "standard input is closed, so nothing was done: pass --yes"),
        (("replay", "--dead", "--error", "nowhere"), 0, "no dead jobs to replay"),
        (("replays", "--cancel", "1", "--resume", "1"), 2, "--cancel and --resume exclude each other"),
        (("replays", "--resume", "7"), 1, "there is no bulk replay 7; `receiver replays` lists them"),
        (("replays",), 0, "no bulk replays yet"),
    ],
)
def test_what_is_not_meant_or_not_agreed_to_replays_nothing(
    shared: Processes, arguments: tuple[str, ...], status: int, said: str
) -> None:
    fill(shared, "a", 2)
    ran = shared.run_inside(*arguments)
    assert (ran.exit_code, said in ran.stderr) == (status, True), ran.stderr
    assert states_of(shared) == {"dead": 2}
    assert shared.sql("select from receiver.replays") == []
