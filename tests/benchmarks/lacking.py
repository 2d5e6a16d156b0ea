"""What an account costs the others that lacks turns, money or a key: `python -m tests.benchmarks.lacking [SECONDS]`.

Five runs on one machine, one after the other. In each, three accounts of transcribe.so get as many deliveries, and the
handlers of the third one ask the provider. In the first run they are answered. In the others the third account has one
request a minute by our own budget, sixty by the provider's limit (429), no money (402), or a key that is refused (401).
For each run the time from a delivery to the other two accounts to its handler, and the ratios to the first run.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from receiver.database.data_folder import server_user
from receiver.database.embedded import attach, binaries
from receiver.sandbox import Knobs
from receiver.testing import Server
from tests.benchmarks.looking import p99
from tests.commands import Simulated
from tests.processes import Processes, completed, open_folder, until

A_SECOND = 10  # to each account
OTHERS = {"": "one", "/two": "two"}  # by the end of their paths
LACKING = "/three"
MOST = "6000"
GOOD, REFUSED = "tsk_test_of_three", "nonsense_of_three"
HANDLERS = """
from receiver import Context, Event, Recording, handler


@handler("transcription.completed")
async def effects(event: Event, ctx: Context) -> None:
    await ctx.db.execute("insert into public.effects values ($1, clock_timestamp())", event.id)


@handler("transcription.completed")
async def asking(event: Event, ctx: Context) -> None:
    if ctx.account.account == "three":
        await ctx.provider.{request}
"""
FREE = "me()"
PAID = 'transcribe(Recording(source="youtube", url="https://youtu.be/hundred-hours"), idempotency_key=event.id)'
FAST, REAL = 600.0, 1.0
LACKS: Mapping[str, tuple[str, str, str, float]] = {  # its request, key and requests a minute; the provider's speed
    "nothing": (FREE, GOOD, MOST, FAST),
    "turns of ours": (FREE, GOOD, "1", FAST),
    "turns at the provider": (FREE, GOOD, MOST, REAL),
    "money": (PAID, GOOD, MOST, FAST),
    "a key": (FREE, REFUSED, MOST, FAST),
}


def main(seconds: float) -> None:
    """Measure, and print."""
    times = dict[str, list[float]]()
    left = dict[str, int]()
    with open_folder() as folder, attach(folder / "data", create=True) as url:
        server = Server(url, binaries.find(folder / "data", server_user()))
        for number, (lacks, (request, key, rate, speed)) in enumerate(LACKS.items()):
            place = folder / str(number)
            place.mkdir(mode=0o755)
            with Simulated(speed=speed, knobs=Knobs(wallet=0)).running() as provider, Processes(place) as processes:
                processes.write_handlers(effects=HANDLERS.format(request=request))
                secret = processes.environment["TRANSCRIBE_WEBHOOK_SECRET"]
                processes.environment |= {
                    "DATABASE_URL": server.create(f"lacking_{number}"),
                    "TRANSCRIBE_API_URL": provider.url,
                    "TRANSCRIBE_API_KEY": "tsk_test_of_one",
                    "TRANSCRIBE_API_KEY__TWO": "tsk_test_of_two",
                    "TRANSCRIBE_API_KEY__THREE": key,
                    "TRANSCRIBE_REQUESTS_A_MINUTE__THREE": rate,
                    "TRANSCRIBE_WEBHOOK_SECRET__TWO": secret,
                    "TRANSCRIBE_WEBHOOK_SECRET__THREE": secret,
                }
                assert processes.run("migrate").returncode == 0
                processes.sql("create table public.effects (event text, at timestamptz)")
                times[lacks] = run(processes, seconds)
                left[lacks] = processes.unfinished()
    sys.stdout.write("\n".join(said(times, left)) + "\n")


def said(times: Mapping[str, list[float]], left: Mapping[str, int]) -> list[str]:
    """Return the lines of the result."""
    lines = [f"{'the third account lacks':>24}{'median':>10}{'p99':>10}{'ratios':>16}{'its jobs that wait':>22}"]
    median, ninety_nine = statistics.median(times["nothing"]), p99(times["nothing"])
    for lacks, those in times.items():
        ratios = f"{statistics.median(those) / median:.2f}, {p99(those) / ninety_nine:.2f}"
        lines.append(f"{lacks:>24}{statistics.median(those):>8.1f}ms{p99(those):>8.1f}ms{ratios:>16}{left[lacks]:>22}")
    return lines


def run(processes: Processes, seconds: float) -> list[float]:
    """Deliver for a while; returns the milliseconds from the deliveries to the others' handlers."""
    worker, web = processes.start("work"), processes.serve()
    worker.until_logged("working with")
    sent, began = dict[str, datetime](), time.monotonic()
    for number in range(int(seconds * A_SECOND)):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        for path in (LACKING, *OTHERS):
            event = f"evt_{OTHERS.get(path, 'three')}_{number}"
            if path in OTHERS:
                sent[event] = datetime.now(UTC)
            assert web.deliver(completed(event), path=f"/webhooks/transcribe-so{path}").status_code == 200
    wanted = "select event, at from public.effects where event not like 'evt_three%'"
    until(lambda: len(processes.sql(wanted)) >= len(sent), "the others' jobs have ended")
    rows = processes.sql(wanted)
    for process in (worker, web):
        process.end()
    assert len(rows) == len(sent)
    return [(row["at"] - sent[row["event"]]).total_seconds() * 1000 for row in rows]


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 60.0)
