"""Jobs: how many a second one worker process does, and what does not slow it down."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import count

from receiver.inbox.jobs import CHANNEL
from tests.benchmarks.asking import execute, sql
from tests.benchmarks.figures import Line, Target
from tests.benchmarks.load import body
from tests.benchmarks.machine import strangers
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.turns import Run, Taken, in_turn

JOBS = 60_000
BEHIND = 600_000
BEFORE = 1972.0  # no-op jobs a second of version 0.4.0, measured on a quiet machine of this kind
FEW = 4_000  # of those that would take minutes
SIZES = {"pgqueuer": (10, 100, 500, 1000), "procrastinate": (8, 32)}
SPREAD = "now() - interval '1 hour' + item * interval '1 millisecond'"
TIES = "now()"
OLDER = "now() - interval '1 day' + item * interval '1 millisecond'"
WRITING = """
from receiver import Context, Event, handler


async def write(event: Event, ctx: Context) -> None:
    async with ctx.completing() as tx:
        await tx.execute("insert into public.effects values ($1)", event.id)
""" + "".join(f"""

@handler("transcription.completed")
async def {name}(event: Event, ctx: Context) -> None:
    await write(event, ctx)
""" for name in ("one", "two", "three"))  # fmt: skip
HANDLERS = "{one,two,three}"
FILL = """
with event as (
    insert into receiver.events (
        source, api_url, account, event_id, transcription_id, type, raw, secret_fingerprint, deliveries, title, origin
    )
    select
        'transcribe.so', 'http://127.0.0.1:1', '{account}', 'evt_{name}_' || lpad(item::text, 7, '0'), item::text,
        'transcription.completed', convert_to(replace('{body}', '@number', lpad(item::text, 7, '0')), 'UTF8'),
        'benchmarks', 1, 'Weekly meeting of the editors', 'webhook'
    from generate_series(1, {events}) item
    returning id, source, api_url, account, transcription_id::bigint as item
)
insert into receiver.jobs (event, handler, source, api_url, account, state, due_at)
select id, handler, source, api_url, account, '{state}', {due} from event, unnest('{handlers}'::text[]) handler
"""
_numbers = count(1)


def fill(url: str, jobs: int, *, due: str = SPREAD, name: str = "fill", account: str = "default",
         handlers: str = HANDLERS, state: str = "pending") -> None:  # fmt: skip
    """Make events with three jobs each, analyze, and wake the workers, all in one transaction."""
    whole = body("@run", 0).decode().replace("evt_@run_0000000", f"evt_{name}_@number").replace("'", "''")
    statement = FILL.format(account=account, name=name, body=whole if state == "pending" else "{}",
                            events=-(-jobs // 3), due=due, handlers=handlers, state=state)  # fmt: skip
    tables = "analyze receiver.events; analyze receiver.jobs"
    execute(url, f"begin; {statement}; {tables}; select pg_notify('{CHANNEL}', ''); commit")


def jobs(stage: Stage, run: Run) -> list[Line]:
    """Compare the jobs a second of one worker with those of others, and behind what must not slow it down."""
    empty = stage.place("working")
    writing = stage.place("writing", WRITING)
    writing.sql("create table public.effects (event text not null)")
    behind = stage.place("behind")
    stage.say(f"{run.some(BEHIND):,} jobs of others …")
    fill(behind.url, run.some(BEHIND) // 2, due=OLDER, name="gone", handlers="{gone,lost,renamed}")
    fill(behind.url, run.some(BEHIND) // 2, due=OLDER, name="other", account="other")
    many, seconds = run.some(JOBS), 2 * run.seconds
    turns: dict[str, Callable[[], Taken]] = {
        "noop": partial(work, stage, empty, many, seconds),
        "ties": partial(work, stage, empty, many, seconds, due=TIES),
        "behind": partial(work, stage, behind, many, seconds),
        "completing": partial(work, stage, writing, many, seconds),
        "hand": partial(theirs, stage, "hand", many, seconds, 0),
    }
    sizes = {kind: _best_size(stage, kind, run) for kind in SIZES if find_spec(kind)}
    for kind, size in sizes.items():
        turns[kind] = partial(theirs, stage, kind, many if kind == "pgqueuer" else run.some(FEW), seconds, size)
    return _lines(in_turn(run.rounds, turns), sizes)


def _lines(found: Mapping[str, list[Taken]], sizes: Mapping[str, int]) -> list[Line]:
    def line(measure: str, ours: str, beside: str, theirs: str, target: float, *, note: str = "") -> Line:
        both = (*found[ours], *found.get(theirs, []))
        notes = {note, *(one.odd for one in both)} - {""}
        return Line(measure, "/s", [one.value for one in found[ours]], beside,
                    [one.value for one in found.get(theirs, [])], Target(target), max(one.strangers for one in both),
                    ", ".join(sorted(notes)))  # fmt: skip

    noop, absent = "no-op jobs/s, one worker", "not installed: not measured"
    return [
        line(noop, "noop", "pgqueuer", "pgqueuer", 2,
             note=f"batches of {sizes['pgqueuer']}" if "pgqueuer" in sizes else absent),
        line(noop, "noop", "procrastinate", "procrastinate", 20,
             note=f"{sizes['procrastinate']} at a time" if "procrastinate" in sizes else absent),
        Line(noop, "/s", [one.value for one in found["noop"]], "version 0.4.0, as measured then", (BEFORE,),
             Target(2.2), max(one.strangers for one in found["noop"])),
        line("jobs/s that write a row in completing()", "completing", "the same by hand", "hand", 1.5),
        line("jobs/s, all due at one instant", "ties", "due 1 ms apart", "noop", 0.9),
        line("jobs/s behind those of others and of gone handlers", "behind", "without them", "noop", 0.9),
    ]  # fmt: skip


def work(stage: Stage, place: Place, many: int, seconds: float, due: str = SPREAD) -> Taken:
    """Let a new worker do jobs in a fresh copy of a place's database; return how many a second."""
    with stage.copied(place.url, f"turn_{next(_numbers)}") as url, place.working(DATABASE_URL=url):
        before = done(url)
        stage.until_quiet()
        fill(url, many, due=due)
        with strangers(stage.data) as share:
            began = time.monotonic()
            time.sleep(seconds)
            taken = time.monotonic() - began
            worked = done(url) - before
    return Taken(worked / taken, share(), "all were done: it can be more" if worked >= many else "")


def done(url: str) -> int:
    """Return how many jobs are done."""
    return int(sql(url, "select count(*) as jobs from receiver.jobs where state = 'done'")[0]["jobs"])


def theirs(stage: Stage, kind: str, many: int, seconds: float, size: int) -> Taken:
    """Let somebody else's worker do as many jobs; return how many a second."""
    with stage.copied(None, f"turn_{next(_numbers)}") as url:
        stage.until_quiet()
        with strangers(stage.data) as share:
            said = stage.hear("tests.benchmarks.queues", kind, url, str(many), str(seconds), str(size))
    worked, taken = said.split()
    return Taken(int(worked) / float(taken), share())


def _best_size(stage: Stage, kind: str, run: Run) -> int:
    """Return the size with which their worker is fastest here."""
    many = run.some(JOBS if kind == "pgqueuer" else FEW)
    return max(SIZES[kind], key=lambda size: theirs(stage, kind, many, run.seconds, size).value)
