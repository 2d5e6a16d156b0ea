"""Check the receiver itself: its settings, handlers, jobs, secrets and spool."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from receiver import signature
from receiver.database import Connection
from receiver.errors import ConfigError, HandlerLoadError
from receiver.handling import Handler, discovery
from receiver.handling.ending import Ended
from receiver.health.finding import Finding
from receiver.health.presence import Workers
from receiver.health.telling import UNSEEN, Process
from receiver.inbox import jobs, replays
from receiver.inbox.jobs import Count
from receiver.inbox.spool import Condition
from receiver.inbox.spool.opening import open_spool
from receiver.logs import clock
from receiver.settings import Settings, addresses, ready_notify
from receiver.webhooks import registration, secrets

OLD = timedelta(minutes=5)
SHOWN = 5
FULL = 0.95  # of its limit
UNDRAINED_SECONDS = 30.0  # a spool is stuck if it is not drained for so long although the database answers


def settings(configured: Settings) -> Finding:
    """Return which settings are set."""
    seen = [
        f"API {configured.chosen.api_url}",
        "key set" if configured.chosen.key else "no TRANSCRIBE_API_KEY",
        f"PUBLIC_URL {configured.public_url}" if configured.public_url else "no PUBLIC_URL",
    ]
    seen += ["RECEIVER_STALE accept"] if configured.stale == "accept" else []
    names = [account.name for account in configured.webhook_accounts]
    seen += [f"accounts {', '.join(names)}"] if len(names) > 1 else []
    seen += [f"{account.source}{account.mark}" for account in configured.accounts[len(names) :]]
    return Finding("settings", holds=True, seen=", ".join(seen))


def loaded(handlers: Mapping[str, Handler] | HandlerLoadError) -> Finding:
    """Return whether the handlers could be loaded."""
    if isinstance(handlers, HandlerLoadError):
        return Finding("handlers", holds=False, seen=str(handlers))
    return Finding("handlers", holds=True, seen=discovery.listed(handlers.values()))


def notify(configured: Settings) -> list[Finding]:
    """Check whether `notify` can use its addresses, if it has any."""
    addresses = configured.notify_addresses
    if not addresses:
        return []
    try:
        ready_notify.check(addresses)
    except ConfigError as exc:
        return [Finding("notify", holds=False, seen=str(exc), todo="correct RECEIVER_NOTIFY; no worker starts with it")]
    seen = f"{len(addresses)} address{'' if len(addresses) == 1 else 'es'}, of {', '.join(configured.notify_on)}"
    return [Finding("notify", holds=True, seen=seen)]


def worker(workers: Workers) -> Finding:
    """Check whether a worker runs the waiting jobs."""
    if workers.ago is not None and workers.ago <= UNSEEN:
        if workers.trouble is not None:
            return Finding("worker", holds=False, seen=f"a worker is running, and reports: {workers.trouble}")
        return Finding("worker", holds=True, seen="a worker is running")
    seen = f"no worker for {workers.api_url} is running"
    if workers.ago is not None:
        seen = f"the last worker for {workers.api_url} was seen {workers.ago.total_seconds():.0f} s ago"
    if workers.jobs_wait:
        return Finding("worker", holds=False, seen=f"{seen}, and jobs wait", todo="run `receiver work`")
    return Finding("worker", holds=True, seen=seen, todo="run `receiver work` (or `up`)")


def processes(found: Sequence[Process], *, trusted: bool = True) -> Finding:
    """Return how many processes run. For a `trusted` caller, say also what does not hold in them."""
    running = [process for process in found if process.is_running]
    web, workers = (sum(process.kind == kind for process in running) for kind in ("web", "worker"))
    seen = f"{web} web {'process' if web == 1 else 'processes'}, {workers} {'worker' if workers == 1 else 'workers'}"
    told = [(process.name, finding) for process in running for finding in process.told.findings if trusted]
    wrong = [f"{name}: {one.name}: {one.said}" for name, one in told if not one.holds]
    if wrong:
        return Finding("processes", holds=False, seen=f"{seen}; {'; '.join(wrong[:SHOWN])}")
    hints = [f"{name}: {one.name}: {one.said}" for name, one in told if one.todo]
    return Finding("processes", holds=True, seen=seen, todo="; ".join(hints[:SHOWN]))


def dead(counts: Sequence[Count], handlers: Collection[str]) -> Finding:
    """Check whether a loaded handler has dead jobs. If no handler is loaded, check all handlers."""
    number = sum(count.dead for count in counts if count.handler in handlers or not handlers)
    if number:
        return Finding(
            "dead jobs",
            holds=False,
            seen=jobs.counted(number),
            todo="see `receiver dead`, then `receiver replay --dead`, or `receiver drop --handler NAME`",
        )
    return Finding("dead jobs", holds=True, seen="none")


async def oldest(connection: Connection, handlers: Collection[str], configured: Settings) -> Finding:
    """Check whether due live jobs are claimed soon. Replays wait behind them, and are only mentioned."""
    queues = jobs.queues([account.id for account in configured.accounts], list(handlers))
    age = await jobs.oldest_due(connection, [queue for queue in queues if not queue.is_replay])
    also = [
        f"; bulk replay {one.id} is under way: {one.moved} of {one.total} moved"
        for one in await replays.recent(connection, limit=1, state="running")
    ]
    if age is not None and age > OLD:
        seen = "".join([f"waiting for {age.total_seconds():.0f} s", *also])
        return Finding("oldest due job", holds=False, seen=seen, todo="run `receiver work`, or more workers")
    seen = "".join(["none waits" if age is None else f"{age.total_seconds():.0f} s", *also])
    return Finding("oldest due job", holds=True, seen=seen)


async def secret(connection: Connection, configured: Settings, known: Sequence[bytes]) -> Finding:
    """Check whether the `known` secrets of the chosen account can verify, and none of the provider's is missing."""
    account, register = configured.chosen, f"run `receiver register{configured.chosen.option}`"
    if account.key is not None and configured.webhook_url is not None:
        found = await registration.find(connection, account)
        if registration.unanswered(found) is not None:
            seen = "a registration was not answered, so its secret might be lost"
            return Finding("secret", holds=False, seen=seen, todo=register).of(account.mark)
        newest = registration.current(found)
        if newest is not None and not addresses.same(newest.webhook_url, configured.webhook_url):
            seen = f"registered for {newest.webhook_url}, not for {configured.webhook_url}"
            return Finding("secret", holds=False, seen=seen, todo=register).of(account.mark)
    if not known:
        seen = f"none is known for {account.api_url}"
        return Finding("secret", holds=False, seen=seen, todo=secrets.how_to_know_one(configured)).of(account.mark)
    return Finding("secret", holds=True, seen=f"known: {', '.join(map(signature.fingerprint, known))}").of(account.mark)


def targets(configured: Settings, ended: Sequence[Ended]) -> list[Finding]:
    """Check whether events are forwarded to each target. Without targets there is nothing to say."""
    names = [target.name for target in configured.targets]
    wrong = [one for one in ended if one.target in names]
    if not names:
        return []
    if wrong:
        seen = "; ".join(
            f"nothing is forwarded to {one.target} since {clock(one.ended_at)}: {one.reason}" for one in wrong
        )
        resume = f"`receiver forward --resume {wrong[0].target}`"
        todo = f"run {resume} when its app takes events again, or remove its variables"
        return [Finding("targets", holds=False, seen=seen, todo=todo)]
    return [Finding("targets", holds=True, seen=f"events are forwarded to {', '.join(names)}")]


def spool(found: Condition, *, database_answers: bool) -> Finding:
    """Check whether the spool can store deliveries while the database is away, and is drained while it answers."""
    age = None if found.since is None else time.time() - found.since
    seen = "empty" if age is None else f"{found.used} of {found.limit} bytes, the oldest {_age_of_oldest(age)}"
    stuck = database_answers and age is not None and abs(age) > UNDRAINED_SECONDS
    wrong = {
        # The last bytes are no room for a delivery.
        "it is full: see why the database is away, or set RECEIVER_SPOOL_MAX_MB higher": (
            found.used >= FULL * found.limit
        ),
        "it is not drained, though the database answers: see what the log says": stuck,
        f"deliveries for another database: {found.foreign}; `receiver spool` shows them": found.foreign,
        f".refused files: {found.refused}; the database refuses their deliveries; "
        "to try a file again, rename it to .spool": found.refused,
        f".damaged files: {found.damaged}; what could be read of them is stored": found.damaged,
        f"files of another version: {found.unknown}; start that version once to drain them": found.unknown,
        f"{found.lacks} left on its disk: in an outage the spool stores deliveries only "
        "until its reserved space is used up": found.lacks,
        f"{found.trouble}; RECEIVER_SPOOL_DIR names the folder": found.trouble,
    }  # fmt: skip
    todo = [sentence for sentence, is_so in wrong.items() if is_so]
    if todo:
        return Finding("spool", holds=False, seen=seen, todo=f"{'; '.join(todo)} (in {found.path})")
    advice = f"the disk of {found.path} cannot reserve space: once it is full, the spool stores no more deliveries"
    advice = "" if found.is_promised else advice
    return Finding("spool", holds=True, seen=seen, todo=advice)


def spool_folder(configured: Settings) -> list[Finding]:
    """Report as advice that the spool is in the data folder, whose disk might not stay, although the database does."""
    if configured.database_url is None or configured.spool_dir is not None:
        return []
    seen = f"deliveries wait in {open_spool(configured).folder.path} during an outage"
    return [Finding("spool folder", holds=True, seen=seen, todo="set RECEIVER_SPOOL_DIR to a disk that stays")]


def _age_of_oldest(seconds: float) -> str:
    if seconds < 0:
        return f"is dated {-seconds:.0f} s in the future by this machine's clock"
    return f"has waited {seconds:.0f} s"
