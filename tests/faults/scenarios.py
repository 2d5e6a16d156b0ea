"""For each failpoint what is done so that a process gets there, and the fresh processes that have to make it good."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count

import httpx

from receiver import database
from receiver.database import Connection, migrations
from receiver.events import AccountId
from receiver.failpoints import Failpoint
from receiver.inbox import commit, replays
from receiver.inbox.dead import Filter, Seen
from receiver.testing import TEMPLATE, Server
from tests.commands import Simulated
from tests.faults.history import HANDLER, TABLE, History, judge, look
from tests.faults.pruning import pruning
from tests.inbox.dying import on
from tests.processes import WAIT_SECONDS, Process, Processes, Web, completed, free_port, unreachable, until

AT_ONCE = 3
TOGETHER = 12
WAITING = "select count(*) as waiting from pg_locks where relation = 'receiver.events'::regclass and not granted"
SCHEMA = """
    select table_name::text as of, column_name::text as what, data_type::text as how from information_schema.columns
    where table_schema = 'receiver'
    union all select tablename, indexname, indexdef from pg_indexes where schemaname = 'receiver'
    union all select 'applied', version::text, name from receiver.migrations
    order by 1, 2, 3
"""
# The jobs whose outcome the worker writes; that of the others is written by completing(). Each run is another attempt.
SETTLED = "select id, state, attempt from receiver.jobs where handler = 'tell_only'"

_databases = count(1)
_recordings = count(1)


class Stage:
    """A migrated database, a spool and a provider, and the processes on them: those that die and those that heal."""

    def __init__(self, processes: Processes, server: Server, sandbox: Simulated) -> None:
        self.processes = processes
        self.server = server
        self.sandbox = sandbox
        self.spool = processes.folder / "spool"
        self.history = History(processes.folder / "history.jsonl")
        self._numbers = count(1)
        self._unanswered: dict[str, bytes] = {}
        self._fresh: list[Process] = []
        processes.write_handlers(effects=HANDLER)
        processes.environment |= {
            "DATABASE_URL": self.database("--template", TEMPLATE),
            "HISTORY": str(self.history.path),
            "RECEIVER_LEASE_SECONDS": "1",
            "RECEIVER_SPOOL_DIR": str(self.spool),
            "TRANSCRIBE_API_URL": sandbox.url,
        }
        processes.sql(TABLE)

    def database(self, *options: str) -> str:
        """Return a new database, empty unless the options say otherwise."""
        return self.server.create(f"receiver_stage_{next(_databases)}", *options)

    def deliver(self, web: Web, event: str = "", *, last: bool = False) -> bool:
        """Deliver an event, a new one unless it is named; returns whether it was answered 2xx."""
        event = event or f"evt_{next(self._numbers)}"
        body = self._unanswered.setdefault(event, completed(event))
        self.history.sent(event, body)
        began = time.monotonic()
        try:
            status = web.deliver(body).status_code
        except httpx.TransportError:
            status = None
        self.history.answered(event, status, seconds=time.monotonic() - began, last=last)
        if status == 200:
            self._unanswered.pop(event, None)
        return status == 200

    def dies(self, process: Process, point: Failpoint) -> None:
        """Wait until an armed process has died where it was told."""
        assert process.popen.wait(WAIT_SECONDS) == -9, process.log
        assert "RECEIVER_FAILPOINT is set, for tests" in process.log
        assert f"killed at {point}\n" in process.log
        self.history.write("kill", point=point)

    def heal(self) -> Web:
        """Replace what runs by fresh processes, deliver again what got no answer, and see that all becomes good."""
        web = self.refresh()
        self.settle()
        return web

    def refresh(self) -> Web:
        """Replace what runs by fresh processes, and deliver again what got no answer."""
        self.end()
        worker = self.processes.start("work")
        web = self.processes.serve()
        self.history.write("start")
        self._fresh = [worker, web]
        for event in list(self._unanswered):
            assert self.deliver(web, event, last=True)
        return web

    def settle(self) -> None:
        """Wait until all is in the inbox and handled, and judge."""
        until(lambda: not list(self.spool.glob("*.spool")), "the spool is drained")
        until(lambda: self.processes.unfinished() == 0, "every job has ended")
        judgement = judge(self.history.read(), look(self.processes))
        assert judgement, judgement
        assert not list(self.spool.glob("*.refused"))

    def end(self) -> None:
        """Leave all that there is to who comes."""
        for process in self._fresh:
            process.kill()
        self._fresh = []

    def end_worker(self) -> None:
        """Leave the jobs to who comes."""
        self._fresh[0].kill()

    def web(self) -> Web:
        """Return a web process that is in order."""
        found = self._fresh[-1:]
        return found[0] if found and isinstance(found[0], Web) else self.heal()


Scenario = Callable[[Stage, Failpoint, int], object]


def armed(point: Failpoint, nth: int) -> dict[str, str]:
    return {"RECEIVER_FAILPOINT": f"{point}:{nth}"}


def answering(stage: Stage, point: Failpoint, nth: int, **environment: str) -> int:
    """A web process dies while it takes deliveries, a few at a time; returns how many it has answered 2xx."""
    taken = 0
    web = stage.processes.serve(**armed(point, nth), **environment)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(nth + 1):
            taken += sum(pool.map(lambda _: stage.deliver(web), range(AT_ONCE)))
            if web.popen.poll() is not None:
                break
    stage.dies(web, point)
    return taken


@contextmanager
def locked(url: str, statement: str) -> Iterator[None]:
    """Hold what a statement locks."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        connection = runner.run(database.connect(url))
        holding = connection.transaction()
        runner.run(holding.start())
        runner.run(connection.execute(statement))
        yield
        runner.run(holding.rollback())
        runner.run(connection.close())


def answering_together(stage: Stage, point: Failpoint, nth: int) -> None:
    """A web process dies before or after the commit of many deliveries, some of which are repeats."""
    earlier = [f"evt_earlier_{next(_recordings)}" for _ in range(nth)]
    web = stage.web()
    assert all(stage.deliver(web, event) for event in earlier)
    # The first statement is for one of them, those under way beside it are for the next, and one more is for the rest.
    web = stage.processes.serve(**armed(point, commit.AT_ONCE + 1))
    new = [f"evt_together_{next(_recordings)}" for _ in range(TOGETHER)]
    url = stage.processes.environment["DATABASE_URL"]
    with ThreadPoolExecutor(1 + TOGETHER + 2 * nth) as pool:
        with locked(url, "lock table receiver.events in share mode"):
            sent = [pool.submit(stage.deliver, web)]
            until(lambda: stage.processes.sql(WAITING)[0]["waiting"], "a statement is under way")
            before = len(stage.history.read())
            sent += [pool.submit(stage.deliver, web, event) for event in (*new, *new[:nth], *earlier)]
            until(lambda: len(stage.history.read()) >= before + TOGETHER + 2 * nth, "the others are sent")
            with suppress(httpx.TransportError):  # on a slow machine the statements have ended, and it is dead by now
                for _ in range(2):  # they have come before these
                    web.get("/healthz")
        assert not all(answer.result() for answer in sent)
    stage.dies(web, point)


def answered(stage: Stage, point: Failpoint, nth: int) -> None:
    """A web process dies when the client has its answer."""
    assert answering(stage, point, nth) >= nth


def spooling(stage: Stage, point: Failpoint, nth: int) -> None:
    """A web process without a database dies while it takes deliveries."""
    url = stage.processes.environment["DATABASE_URL"]
    answering(stage, point, nth, DATABASE_URL=unreachable(url))


def draining(stage: Stage, point: Failpoint, nth: int) -> None:
    """Web processes die while they bring in what others had spooled: before a batch is committed, and between two."""
    stage.heal()  # so that what is drained first was answered
    stage.end()  # a web process that is in order would drain it
    for _ in range(nth):  # each leaves a file, which is drained in a batch of its own
        spooling(stage, Failpoint.AFTER_SPOOL_FSYNC, 2)
    for where, number in ((Failpoint.BEFORE_COMMIT, 1), (point, nth)):
        stage.dies(stage.processes.start("serve", PORT=str(free_port()), **armed(where, number)), where)


def working(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker dies among the jobs of some events."""
    web = stage.web()
    stage.end_worker()
    for _ in range(nth):
        assert stage.deliver(web, last=True)
    stage.dies(stage.processes.start("work", **armed(point, nth)), point)


def settling(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker dies beside outcomes. What is written is not done again."""
    working(stage, point, nth)
    newest = stage.processes.sql(f"{SETTLED} order by id desc limit {nth}")
    assert point is Failpoint.BEFORE_SETTLED or {row["state"] for row in newest} == {"done"}
    done = stage.processes.sql(f"{SETTLED} and state = 'done' order by id")
    ids = {row["id"] for row in done}
    stage.heal()
    assert [row for row in stage.processes.sql(f"{SETTLED} order by id") if row["id"] in ids] == done


def registering(stage: Stage, point: Failpoint, _: int) -> None:
    """A web process dies between the provider's answer and the keeping of its secret; the next one has that secret."""
    stage.sandbox.begin_anew()
    port = str(free_port())
    own = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "TRANSCRIBE_API_KEY": stage.sandbox.key}
    stage.dies(stage.processes.start("serve", **armed(point, 1), **own), point)
    _is_registered_by_the_next(stage, own)


def rotating(stage: Stage, point: Failpoint, _: int) -> None:
    """A rotation dies when the provider has forgotten the webhook; the next start registers."""
    stage.sandbox.begin_anew()
    port = str(free_port())
    own = {"PORT": port, "PUBLIC_URL": f"http://127.0.0.1:{port}", "TRANSCRIBE_API_KEY": stage.sandbox.key}
    assert stage.processes.run("register", **own).returncode == 0
    rotate = ("register", "--rotate", "--delete-first")
    stage.dies(stage.processes.start(*rotate, **armed(point, 1), **own), point)
    _is_registered_by_the_next(stage, own)


def _is_registered_by_the_next(stage: Stage, own: dict[str, str]) -> None:
    before = stage.processes.sql("select event_id from receiver.events where type = 'webhook.test'")
    web = stage.processes.start("serve", **own)
    web.until_logged("registered http")
    assert stage.sandbox.http.post("/api/v1/webhooks/test").status_code == 202
    tested = "select event_id from receiver.events where type = 'webhook.test'"
    until(lambda: len(stage.processes.sql(tested)) > len(before), "what the provider signs is taken")
    assert "refused" not in web.log
    web.kill()


def migrating(stage: Stage, point: Failpoint, nth: int) -> None:
    """A migration dies before it is written down that it was done; the next one does it, once."""
    nth = nth % (len(migrations.files()) - 1) or 1
    url = stage.database()
    stage.dies(stage.processes.start("migrate", DATABASE_URL=url, **armed(point, nth)), point)
    ran = stage.processes.run("migrate", DATABASE_URL=url)
    assert "migrated to" in ran.stdout, ran.stderr
    assert stage.processes.sql(SCHEMA, url) == stage.processes.sql(SCHEMA)


def paying(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker dies while it sends what is paid for. Nothing is paid for twice, and only a lost answer is unknown."""
    stage.heal()
    stage.end_worker()
    with Simulated(speed=60_000).running() as provider:
        own = {"THUNDERSCRIBE_API_URL": f"{provider.url}/thunderscribe", "THUNDERSCRIBE_API_KEY": "key"}
        own["RECEIVER_CALLS"] = "1"
        submitted = [_submit(stage, own) for _ in range(nth)]
        stage.dies(stage.processes.start("work", **armed(point, nth), **own), point)
        worker = stage.processes.start("work", **own)
        until(lambda: stage.processes.unfinished() == 0, "every job has ended")
        worker.kill()
        charged = [charge["id"] for charge in provider.http.get("/sandbox/charges").json()]
    rows = stage.processes.sql(
        "select id, state, paid_tries, remote_file from receiver.submissions order by created_at"
    )
    states = [row["state"] for row in rows if row["id"] in submitted]
    assert states == ["done"] * (nth - 1) + [AFTER_A_DEATH[point]]
    assert all(charged.count(row["remote_file"]) <= 1 >= row["paid_tries"] for row in rows if row["id"] in submitted)
    for row in rows:
        assert row["state"] != "done" or row["id"] not in submitted or row["remote_file"] in charged


def replaying(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker dies beside the moving of dead jobs, of several bulk replays. Each job is moved and counted once."""
    web = stage.web()
    stage.end_worker()
    events = [f"evt_replayed_{next(_recordings)}" for _ in range(nth + 1)]
    assert all(stage.deliver(web, event, last=True) for event in events)
    numbers = [on(stage.processes, partial(_bulk_replay, event=event)) for event in events]
    stage.dies(stage.processes.start("work", **armed(point, nth)), point)
    counted = _counted(stage, numbers)
    assert counted == [2] * (nth - (point is Failpoint.BEFORE_ADVANCED)) + [0] * (len(events) - sum(counted) // 2)
    moved = stage.processes.sql(f"select replay from receiver.jobs where replay = any ('{{{_listed(numbers)}}}')")
    assert len(moved) == sum(counted)
    stage.refresh()
    ended = f"select from receiver.replays where id = any ('{{{_listed(numbers)}}}') and state = 'done' and passed = 0"
    until(lambda: len(stage.processes.sql(ended)) == len(numbers), "fresh workers have gone on with them")
    assert _counted(stage, numbers) == [2] * len(events)
    stage.settle()


async def _bulk_replay(connection: Connection, event: str) -> int:
    """Let the jobs of an event be dead, and begin a bulk replay of them; return its id."""
    rows = await connection.fetch(
        "update receiver.jobs j set state = 'dead', error = 'broken' from receiver.events e"
        " where e.id = j.event and e.event_id = $1"
        " returning j.id, j.attempt, j.handler, j.source, j.api_url, j.account, j.event",
        event,
    )
    seen = [Seen(row["id"], row["attempt"], "dead", row["handler"], AccountId(*row[3:6]), row["event"]) for row in rows]
    return (await replays.start(connection, seen, Filter(), by="a test")).id


def _counted(stage: Stage, numbers: list[int]) -> list[int]:
    """Return how many jobs each bulk replay says that it has moved."""
    chosen = f"select done from receiver.replays where id = any ('{{{_listed(numbers)}}}') order by id"
    return [row["done"] for row in stage.processes.sql(chosen)]


def _listed(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def regenerating(stage: Stage, point: Failpoint, nth: int) -> None:
    """A command dies beside a regeneration. The same command goes on with it, and each wish is carried out once."""
    stage.sandbox.begin_anew()
    own = {"TRANSCRIBE_API_KEY": stage.sandbox.key}
    number = stage.sandbox.made(f"https://example.com/{next(_recordings)}.mp3")
    stored = ("timestamps", str(number), "--style", "punchy")
    nth = nth % 2 + 1
    for wish in range(1, nth + 1):
        command = (*stored, "--regenerate", str(wish), "--yes")
        stage.dies(stage.processes.start(*command, **armed(point, 1), **own), point)
        is_kept = point is Failpoint.AFTER_REGENERATION_KEPT
        ran = stage.processes.run_inside(*(stored if is_kept else command), **own)
        assert ran.exit_code == 0, ran.stderr
        assert ("it counts once" in ran.stderr) is not is_kept
        assert f"(take {wish + 1})" in ran.stdout
    charged = stage.sandbox.http.get("/sandbox/charges").json()
    made = [charge["id"] for charge in charged if charge["operation"] == "regeneration"]
    assert made.count(str(number)) == nth
    rows = stage.processes.sql(
        "select state, count(distinct idempotency_key) as keys from receiver.regenerations "
        f"where transcription_id = '{number}' group by state"
    )
    assert rows == [{"state": "answered", "keys": nth}]


def _submit(stage: Stage, own: dict[str, str]) -> str:
    """Submit a recording that was not submitted before; returns the submission's id."""
    number = next(_recordings)
    file = stage.processes.folder / f"{number}.recording"
    file.write_text(str(number))
    ran = stage.processes.run_inside("submit", str(file), "--provider", "thunderscribe", "-o", "language=en", **own)
    assert ran.exit_code == 0, ran.stderr
    return ran.stdout.strip()


# What a submission is when its worker has died there and another one has looked at it.
AFTER_A_DEATH = {
    Failpoint.BEFORE_SENT: "done",
    Failpoint.AFTER_SENT: "unknown",
    Failpoint.AFTER_ANSWERED: "unknown",
    Failpoint.AFTER_ENDED: "done",
}
OF_A_BATCH = (Failpoint.BEFORE_COMMIT, Failpoint.AFTER_COMMIT)
SCENARIOS: dict[Failpoint, Scenario] = {
    Failpoint.AFTER_VERIFY: answering,
    Failpoint.BEFORE_COMMIT: answering,
    Failpoint.AFTER_COMMIT: answering,
    Failpoint.AFTER_ANSWER: answered,
    Failpoint.BEFORE_SPOOL_FSYNC: spooling,
    Failpoint.AFTER_SPOOL_FSYNC: spooling,
    Failpoint.MID_DRAIN: draining,
    Failpoint.AFTER_CLAIM: working,
    Failpoint.IN_HANDLER: working,
    Failpoint.AFTER_HANDLER: working,
    Failpoint.BEFORE_COMPLETING_COMMIT: working,
    Failpoint.AFTER_COMPLETING_COMMIT: working,
    Failpoint.BEFORE_SETTLED: settling,
    Failpoint.AFTER_SETTLED: settling,
    **dict.fromkeys(AFTER_A_DEATH, paying),
    Failpoint.BEFORE_ADVANCED: replaying,
    Failpoint.AFTER_ADVANCED: replaying,
    Failpoint.AFTER_INTENDED: regenerating,
    Failpoint.AFTER_REGENERATED: regenerating,
    Failpoint.AFTER_REGENERATION_KEPT: regenerating,
    Failpoint.MID_REGISTRATION: registering,
    Failpoint.MID_ROTATION: rotating,
    Failpoint.MID_MIGRATION: migrating,
    Failpoint.BEFORE_PRUNED: pruning,
    Failpoint.AFTER_PRUNED: pruning,
}
