"""Real `serve` and `work` processes over one database: what is answered, what is done, what survives whom."""

import os
import shlex
import signal
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest

from receiver.worker.attempt import LEFT_BEHIND_LIMIT
from tests.processes import (
    REPOSITORY,
    WAIT_SECONDS,
    Process,
    Processes,
    completed,
    free_port,
    linux,
    servers,
    sign,
    unreachable,
    until,
)

EFFECTS = '''
"""Write a row for each event, in the job's own transaction."""

from receiver import Context, Event, handler


@handler("transcription.completed")
async def effects(event: Event, ctx: Context) -> None:
    async with ctx.completing() as tx:
        await tx.execute("insert into effects (event) values ($1)", event.id)
'''

SLOW = """
import asyncio
import os

from receiver import Context, Event, RetryPolicy, handler


@handler("transcription.completed", timeout=60)
async def slow(event: Event, ctx: Context) -> None:
    open("attempt", "w").write(str(os.getpid()))
    os.rename("attempt", f"attempt-{ctx.attempt}")
    while not os.path.exists("go"):
        await asyncio.sleep(0.02)
    async with ctx.completing() as tx:
        await tx.execute("insert into effects (event) values ($1)", event.id)
"""

ENDLESS = """
import time
from datetime import timedelta

from receiver import Context, Event, RetryPolicy, handler


@handler("transcription.completed", timeout=0.1, retry=RetryPolicy(attempts=1))
def endless(event: Event, ctx: Context) -> None:
    time.sleep(100)
"""

KILLER = """
import os
import signal
from datetime import timedelta

from receiver import Context, Event, RetryPolicy, handler


@handler("kill.*", retry=RetryPolicy(attempts=2, first=timedelta(0)))
async def killer(event: Event, ctx: Context) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
"""

LEASE = {"RECEIVER_LEASE_SECONDS": "1"}


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    """Return processes that share one migrated database with a table for effects."""
    processes.environment["DATABASE_URL"] = receiver_database
    processes.write_handlers(effects=EFFECTS)
    processes.sql("create table effects (event text, at timestamptz default clock_timestamp())")
    return processes


def effects(shared: Processes) -> Counter[str]:
    return Counter(str(row["event"]) for row in shared.sql("select event from effects"))


def ended_or_settled(worker: Process, shared: Processes) -> bool:
    return worker.popen.poll() is not None or shared.unfinished() == 0


def test_copies_of_an_event_over_two_web_processes_are_one_event_and_one_effect(shared: Processes) -> None:
    """75 events, 20 copies of each at once."""
    webs = [shared.serve(), shared.serve()]
    worker = shared.start("work")
    bodies = [completed(f"evt_{number}") for number in range(75)]
    answers: Counter[str] = Counter()

    def deliver(number: int) -> str:
        body = bodies[number // 20]
        return str(webs[number % 2].deliver(body).json()["status"])

    with ThreadPoolExecutor(20) as pool:
        answers.update(pool.map(deliver, range(75 * 20)))
    # A copy that the database did not take in time is in the spool, and counts as stored.
    spooled = any("deliveries go to the spool" in web.log for web in webs)
    assert spooled or answers == {"stored": 75, "duplicate": 1425}
    assert (set(answers), answers.total()) == ({"stored", "duplicate"}, 1500)
    deliveries = "select count(*) as events, min(deliveries) as least, max(deliveries) as most from receiver.events"
    every_copy = {"events": 75, "least": 20, "most": 20}
    until(lambda: shared.sql(deliveries) == [every_copy], "every copy is counted")
    until(lambda: len(effects(shared)) == 75 and shared.unfinished() == 0, "every effect")
    assert set(effects(shared).values()) == {1}
    assert worker.end() == 0
    assert [web.end() for web in webs] == [0, 0]


def test_a_worker_killed_in_mid_handler_is_missed_and_costs_an_attempt_and_nothing_else(shared: Processes) -> None:
    """Another runs its job in a process of its own, and new ones beside it."""
    shared.write_handlers(effects=SLOW)
    web, first = shared.serve(), shared.start("work", **LEASE)
    web.deliver(completed("evt_1"))
    attempts = shared.folder
    until((attempts / "attempt-1").exists, "the first attempt")
    assert "worker: ok, a worker is running" in web.get("/readyz").text
    first.kill()
    missed = f"worker: NOT OK, the last worker for {shared.environment['TRANSCRIBE_API_URL']} was seen "
    until(lambda: missed in web.get("/readyz").text, "it is missed")
    assert "jobs wait: run `receiver work`" in shared.run("check").stdout
    second = shared.start("work", **LEASE)
    until((attempts / "attempt-2").exists, "the second attempt")
    assert (attempts / "attempt-2").read_text() != str(second.popen.pid)
    (attempts / "attempt-1").unlink()
    web.deliver(completed("evt_2"))
    until((attempts / "attempt-1").exists, "a new job begins meanwhile")
    assert (attempts / "attempt-1").read_text() == str(second.popen.pid)
    (shared.folder / "go").touch()
    assert [event["jobs"][0]["attempt"] for event in shared.settled()] == [1, 2]
    assert effects(shared) == {"evt_1": 1, "evt_2": 1}
    assert second.end() == 0
    assert [
        row["kind"] for row in shared.sql("select kind from receiver.processes where seen_at > now() - interval '5 s'")
    ] == ["web"]


def test_a_handler_that_kills_its_process_dies_alone(shared: Processes) -> None:
    """Twenty neighbours are done once each, by their second attempt at the latest."""
    shared.write_handlers(killer=KILLER)
    web = shared.serve()
    web.deliver(completed("evt_kill", event_type="kill.worker"))
    for number in range(20):
        web.deliver(completed(f"evt_{number}"))
    while shared.unfinished():
        worker = shared.start("work", RECEIVER_LANES="4", **LEASE)
        until(partial(ended_or_settled, worker, shared), "it was killed or all is done")
        worker.end()
    found = {event["id"]: event for event in shared.events()}
    killed = found.pop("evt_kill")
    assert killed["state"] == "dead"
    assert "its worker died or hung" in killed["jobs"][0]["error"]
    assert {event["state"] for event in found.values()} == {"done"}
    assert max(event["jobs"][0]["attempt"] for event in found.values()) <= 2
    assert set(effects(shared).values()) == {1}


def test_a_worker_says_at_its_start_which_pattern_is_nearly_a_known_type(processes: Processes) -> None:
    processes.write_handlers(mine=EFFECTS.replace('@handler("', '@handler("transcription.complete", "', 1))
    processes.run("migrate")
    worker = processes.start("work")
    worker.until_logged("transcription.complete of ")
    assert "matches no known type of event: is transcription.completed meant?" in worker.log
    assert worker.end() == 0


@linux
def test_deliveries_to_a_hung_database_are_answered_and_all_goes_on_afterwards(processes: Processes) -> None:
    processes.write_handlers(effects=EFFECTS)
    processes.run("migrate")
    web, worker = processes.serve(), processes.start("work")
    worker.until_logged("working with")
    processes.sql("create table effects (event text)")
    data = processes.folder / ".receiver"
    stopped = servers(data)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(20) as pool:  # each is answered while it hangs, or it would hang for ever
            answers = list(pool.map(lambda number: web.deliver(completed(f"evt_{number}")), range(20)))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert {answer.text for answer in answers} == {'{"status":"stored"}'}
    until(lambda: len(processes.sql("select distinct event from effects")) == 20, "every effect")
    assert [process.end() for process in (web, worker)] == [0, 0]


@linux
def test_processes_end_while_the_database_hangs(processes: Processes) -> None:
    processes.run("migrate")
    web, worker, both = processes.serve(), processes.start("work"), processes.start("up")
    worker.until_logged("working with")
    both.until_logged("working with")
    stopped = servers(processes.folder / ".receiver")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        for process in (web, worker, both):
            process.popen.terminate()
        statuses = [process.popen.wait(WAIT_SECONDS) for process in (web, worker, both)]
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert statuses == [0, 0, 0]


def test_a_terminated_worker_finishes_what_it_holds(shared: Processes) -> None:
    shared.write_handlers(effects=SLOW)
    web, worker = shared.serve(), shared.start("work")
    web.deliver(completed("evt_1"))
    until((shared.folder / "attempt-1").exists, "the attempt")
    worker.popen.send_signal(signal.SIGTERM)
    worker.until_logged("waiting up to")
    (shared.folder / "go").touch()
    assert worker.popen.wait(WAIT_SECONDS) == 0
    event = shared.events()[0]
    assert (event["state"], event["jobs"][0]["attempt"]) == ("done", 1)


def test_a_terminated_worker_gives_back_uncounted_what_it_cannot_finish(shared: Processes) -> None:
    shared.write_handlers(effects=SLOW)
    web, worker = shared.serve(), shared.start("work", RECEIVER_SHUTDOWN_SECONDS="0.2")
    web.deliver(completed("evt_1"))
    until((shared.folder / "attempt-1").exists, "the attempt")
    assert worker.end() == 0
    rows = shared.sql("select state, attempt, uncounted, due_at <= now() as due from receiver.jobs")
    assert [dict(row) for row in rows] == [{"state": "pending", "attempt": 1, "uncounted": 1, "due": True}]


def test_a_handler_that_cannot_be_stopped_does_not_hold_up_the_end(shared: Processes) -> None:
    stubborn = SLOW.replace("await asyncio.sleep(0.02)", "await stubbornly()").replace(
        "import os",
        """import os
import time


async def stubbornly():
    try:
        await asyncio.to_thread(time.sleep, 100)
    except BaseException:
        await asyncio.sleep(0.1)

""",
        1,
    )
    shared.write_handlers(effects=stubborn)
    web, worker = shared.serve(), shared.start("work", RECEIVER_SHUTDOWN_SECONDS="0")
    web.deliver(completed("evt_1"))
    until((shared.folder / "attempt-1").exists, "the attempt")
    assert worker.end() == 0
    assert "slow keeps running after it was cancelled" in worker.log
    assert [row["state"] for row in shared.sql("select state from receiver.jobs")] == ["pending"]


def test_a_worker_that_has_left_too_many_behind_ends_for_another_to_take_its_place(shared: Processes) -> None:
    shared.write_handlers(effects=ENDLESS)
    web = shared.serve()
    for number in range(LEFT_BEHIND_LIMIT):
        web.deliver(completed(f"evt_{number}"))
    worker = shared.start("work", RECEIVER_LANES=str(LEFT_BEHIND_LIMIT))
    assert worker.popen.wait(WAIT_SECONDS) == 1
    assert "too many handlers kept running after they were cancelled" in worker.log
    assert [row["attempt"] for row in shared.sql("select attempt from receiver.jobs")] == [1] * LEFT_BEHIND_LIMIT


def test_an_answer_under_way_at_sigterm_is_still_given(shared: Processes) -> None:
    web = shared.serve()
    body = completed("evt_1")
    head = "".join(f"{name}: {value}\r\n" for name, value in sign(body).items())
    with socket.create_connection(("127.0.0.1", web.port)) as client:
        request = f"POST /webhooks/transcribe-so HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        client.sendall(request.encode() + body[:10])
        until(lambda: web.get("/healthz").status_code == 200, "the request is under way")
        web.popen.send_signal(signal.SIGTERM)
        web.until_refusing()
        client.sendall(body[10:])
        answer = b"".join(iter(partial(client.recv, 4096), b""))
        assert b'{"status":"stored"}' in answer
    assert web.popen.wait(WAIT_SECONDS) == 0


def test_a_web_process_learns_of_a_new_secret_by_itself(shared: Processes) -> None:
    web = shared.serve(TRANSCRIBE_WEBHOOK_SECRET="")
    assert web.deliver(completed("evt_1")).json()["error"]["code"] == "no_secret"
    shared.sql(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, registered_at, "
        "secret) values ('http://127.0.0.1:1', 'f', 'http://x', 'k', now(), 'whsec_of_the_tests')"
    )
    assert web.deliver(completed("evt_1")).json() == {"status": "stored"}
    assert web.get("/readyz").status_code == 200


def test_readiness_and_liveness_are_two_things(processes: Processes) -> None:
    processes.run("migrate")
    web = processes.serve(TRANSCRIBE_WEBHOOK_SECRET="")
    assert web.get("/healthz").status_code == 200
    ready = web.get("/readyz")
    assert ready.status_code == 503
    assert [line.split(":")[0] for line in ready.text.splitlines()] == [
        "database",
        "schema",
        "worker",
        "processes",
        "spool",
        "failures",
        "organs",
        "descriptors",
        "threads",
        "log",
        "secret",
        "handlers",
    ]
    assert "secret: NOT OK, 0 known" in ready.text


@pytest.mark.parametrize(
    ("command", "environment", "said"),
    [
        ("serve", {"RECEIVER_HANDLERS": "nowhere"}, "nowhere cannot be imported"),
        ("work", {"RECEIVER_HANDLERS": "nowhere"}, "nowhere cannot be imported"),
        ("serve", {"PORT": "0", "RECEIVER_LANES": "x"}, "PORT: "),
        ("work", {"PORT": "0", "RECEIVER_LANES": "x"}, "RECEIVER_LANES: "),
        ("work", {"DATABASE_URL": "mysql://u:sesame@h/d"}, "DATABASE_URL: must start with postgresql://"),
        ("serve", {"DATABASE_URL": "postgresql://u:sesame@h/d?conect_timeout=3"}, "is not a known parameter"),
    ],
)
def test_a_wrong_start_is_one_line_and_exit_status_1(
    processes: Processes, command: str, environment: dict[str, str], said: str
) -> None:
    ran = processes.run(command, **environment)
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1
    assert said in lines[0]
    assert "Traceback" not in ran.stderr
    assert "sesame" not in ran.stderr


@pytest.mark.parametrize("command", ["serve", "work", "migrate", "events"])
def test_a_database_that_can_never_be_connected_to_is_no_outage(shared: Processes, command: str) -> None:
    """What is spooled for it would lie there for ever, on a disk that may vanish."""
    nowhere = urlsplit(shared.environment["DATABASE_URL"])._replace(path="/no_such_database").geturl()
    ran = shared.run(command, DATABASE_URL=nowhere)
    assert ran.returncode == 1
    assert 'Error: receiver@a local socket/no_such_database refuses us: database "no_such_database" does' in ran.stderr
    assert "Traceback" not in ran.stderr


def test_no_setting_for_far_away_stops_what_is_here(processes: Processes) -> None:
    """A proxy, certificates and a server's TLS: the sandbox and the embedded database are on this machine."""
    far = {
        "ALL_PROXY": "socks5://127.0.0.1:1080", "no_proxy": "[::1]", "SSL_CERT_FILE": "/gone",
        "PGSSLMODE": "verify-full", "PGTARGETSESSIONATTRS": "read-only",
    }  # fmt: skip
    port = free_port()
    up = processes.start("up", "--sandbox", "--sandbox-port", str(port), PORT=str(free_port()), **far)
    until(lambda: "transcripts done" in up.out.read_text() or up.popen.poll() is not None, "the sample is done")
    assert up.end(signal.SIGINT) == 0, up.log
    assert "ALL_PROXY: a SOCKS proxy needs" in up.log
    assert "Traceback" not in up.log


def test_an_old_schema_is_refused_with_what_to_run(processes: Processes) -> None:
    for command in ("serve", "work"):
        ran = processes.run(command)
        assert ran.returncode == 1
        assert "run `receiver migrate`" in ran.stderr
        assert "DATABASE_URL is not set: using the embedded database" in ran.stderr


def test_a_taken_port_is_said_in_a_sentence(shared: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = shared.run("serve", PORT=str(taken.getsockname()[1]))
    assert ran.returncode == 1
    assert "set HOST or PORT" in ran.stderr


def test_a_database_that_is_away_at_the_start_is_waited_for(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    away = unreachable(receiver_database).replace("receiver@", "receiver:sesame@")
    processes.write_handlers(effects=EFFECTS)
    web, worker = processes.serve(DATABASE_URL=away), processes.start("work", DATABASE_URL=away)
    worker.until_logged("the database is away")
    assert web.deliver(completed("evt_1")).json() == {"status": "stored"}
    assert [process.end() for process in (worker, web)] == [0, 0]
    processes.run("migrate")
    processes.serve()
    until(lambda: [event["id"] for event in processes.events()] == ["evt_1"], "what was spooled is in the inbox")
    assert "sesame" not in web.log + worker.log


def test_the_procfile_runs_against_one_database(shared: Processes) -> None:
    """Its commands as they stand, with $PORT and $DATABASE_URL, as a platform runs them."""
    lines = dict(line.split(": ", 1) for line in (REPOSITORY / "Procfile").read_text().splitlines())
    assert lines == {"release": "receiver migrate", "web": "receiver serve --host 0.0.0.0", "worker": "receiver work"}
    port = free_port()
    commands = {name: shlex.split(line)[1:] for name, line in lines.items()}
    assert shared.run(*commands["release"]).returncode == 0
    # The platform's own address would be reachable from outside; the flag is the one thing changed here.
    loopback = [part.replace("0.0.0.0", "127.0.0.1") for part in commands["web"]]  # noqa: S104
    web = shared.start(*loopback, PORT=str(port))
    worker = shared.start(*commands["worker"])
    web.until_logged(f"listening on http://127.0.0.1:{port} with")
    answer = httpx.post(
        f"http://127.0.0.1:{port}/webhooks/transcribe-so", content=completed("evt_1"),
        headers=sign(completed("evt_1")), timeout=WAIT_SECONDS,
    )  # fmt: skip
    assert answer.json() == {"status": "stored"}
    until(lambda: effects(shared) == {"evt_1": 1}, "the effect")
    assert [process.end() for process in (web, worker)] == [0, 0]


def test_two_web_processes_that_start_together_register_once(shared: Processes) -> None:
    port = free_port()
    sandbox = shared.start("sandbox", "--port", str(port), "--second-webhook", "409")
    until(lambda: _answers(port), "the sandbox")
    environment = {
        "TRANSCRIBE_API_URL": f"http://127.0.0.1:{port}",
        "TRANSCRIBE_API_KEY": "tsk_test_key",
        "TRANSCRIBE_WEBHOOK_SECRET": "",
    }
    ports = [free_port(), free_port()]
    webs = [shared.start("serve", PORT=str(p), PUBLIC_URL=f"http://127.0.0.1:{ports[0]}", **environment) for p in ports]
    for web in webs:
        web.until_logged("registered")
    rows = shared.sql("select count(*) as n, count(secret) as secrets from receiver.registrations")
    assert dict(rows[0]) == {"n": 1, "secrets": 1}
    worker = shared.start("work", **environment)
    ran = shared.run("test-event", "--wait", "50", **environment)
    secret = str(shared.sql("select secret from receiver.registrations")[0]["secret"])
    assert "delivered, verified and stored" in ran.stdout, ran.stderr
    for process in (*webs, worker, sandbox):
        assert process.end() == 0
        assert secret not in process.log


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    except httpx.HTTPError:
        return False
