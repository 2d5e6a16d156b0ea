"""What 10,000 submissions under way cost those who deliver: `python -m tests.benchmarks.looking [SECONDS]`.

Two runs on one machine, one after the other, with 20 deliveries a second: without submissions, and with 10,000 that are
under way over three accounts and all to be looked at now. For both, the time from the delivery to its handler; for the
second also the looks, the requests that the provider refused because there were too many, and the processor time of
the worker beyond that of the first run.
"""

import os
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from receiver import signature
from receiver.database.data_folder import server_user
from receiver.database.embedded import attach, binaries
from receiver.sandbox.samples import named
from receiver.sandbox.timbr_audio.jobs import SimulatedJob
from receiver.sandbox.timbr_audio.orders import Order
from receiver.testing import Server
from tests.commands import Simulated
from tests.processes import Process, Processes, completed, open_folder, until

SUBMISSIONS = 10_000
A_SECOND = 20
TOO_MANY = 429
KEYS = ("one", "two", "three")
HANDLER = """
from receiver import Context, Event, handler


@handler("transcription.completed")
async def effects(event: Event, ctx: Context) -> None:
    await ctx.db.execute("insert into public.effects values ($1, clock_timestamp())", event.id)
"""
FILL = """
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state,
    permitted_tries, paid_tries, sent_at, accepted_at, seen_at, look_at, remote_id, duration_seconds
)
select 'sub_' || n, 'timbr-audio', '{url}', case n % 3 when 0 then 'default' when 1 then 'two' else 'three' end, '',
    'separation', '{{}}', 'a.wav', n::text, n::text, 'accepted', 1, 1, now(), now(), now(), now(), 'job_' || n, 3600
from generate_series(0, {count} - 1) n
"""


def main(seconds: float) -> None:
    """Measure, and print."""
    with (
        open_folder() as folder, Processes(folder) as processes, attach(folder / "data", create=True) as url,
        Simulated(speed=1).running() as provider,
    ):  # fmt: skip
        server = Server(url, binaries.find(folder / "data", server_user()))
        processes.write_handlers(effects=HANDLER)
        api_url = f"{provider.url}/timbr-audio"
        processes.environment |= {
            "DATABASE_URL": server.create("looking"), "TIMBR_AUDIO_API_URL": api_url, "TIMBR_AUDIO_API_KEY": KEYS[0],
            "TIMBR_AUDIO_API_KEY__TWO": KEYS[1], "TIMBR_AUDIO_API_KEY__THREE": KEYS[2],
        }  # fmt: skip
        assert processes.run("migrate").returncode == 0
        processes.sql("create table public.effects (event text, at timestamptz)")
        without, idle = run(processes, "alone", seconds)
        for number in range(SUBMISSIONS):
            account = signature.fingerprint(KEYS[number % 3].encode())
            job = f"job_{number}"
            provider.sandbox.timbr_audio.jobs[job] = SimulatedJob(
                job, account, Order("separate", "file", {}), named("hundred-hours"), datetime.now(UTC), time.monotonic()
            )  # fmt: skip
        processes.sql(FILL.format(url=api_url, count=SUBMISSIONS))
        with_them, busy = run(processes, "beside", seconds)
        looks = processes.sql("select sum(looks)::int as looks from receiver.submissions")[0]["looks"]
        asked = [one for one in provider.http.get("/sandbox/requests").json()["requests"] if "/v1/jobs" in one["path"]]
    lines = [f"{'':>24}{'median':>10}{'p99':>10}"]
    for name, times in (("without", without), ("with 10,000 under way", with_them)):
        lines.append(f"{name:>24}{statistics.median(times):>8.1f}ms{p99(times):>8.1f}ms")
    ratios = statistics.median(with_them) / statistics.median(without), p99(with_them) / p99(without)
    lines += [
        f"{'ratio':>24}{ratios[0]:>10.2f}{ratios[1]:>10.2f}",
        f"looks: {looks} of submissions, by {len(asked)} requests in {seconds:.0f} s over {len(KEYS)} keys",
        f"refused as too many: {sum(one['status'] == TOO_MANY for one in asked)}",
        f"most requests in any 60 s, all keys: {most_in_a_minute([one['at'] for one in asked])}",
        f"processor time of the worker: {idle:.1%} of a core without, {busy:.1%} with",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def run(processes: Processes, name: str, seconds: float) -> tuple[list[float], float]:
    """Deliver for a while; returns the milliseconds from delivery to handler, and the worker's share of a core."""
    worker, web = processes.start("work"), processes.serve()
    worker.until_logged("working with")
    sent, before, began = dict[str, datetime](), spent(worker), time.monotonic()
    for number in range(int(seconds * A_SECOND)):
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        event = f"evt_{name}_{number}"
        sent[event] = datetime.now(UTC)
        assert web.deliver(completed(event)).status_code == 200
    share = (spent(worker) - before) / (time.monotonic() - began)
    until(lambda: processes.unfinished() == 0, "every job has ended")
    rows = processes.sql(f"select event, at from public.effects where event like 'evt_{name}_%'")
    for process in (worker, web):
        process.end()
    assert len(rows) == len(sent)
    return [(row["at"] - sent[row["event"]]).total_seconds() * 1000 for row in rows], share


def spent(process: Process) -> float:
    """Return the processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def most_in_a_minute(times: list[float]) -> int:
    return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else 120.0)
