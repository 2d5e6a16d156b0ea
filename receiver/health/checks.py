"""What must hold around a receiver, for readiness and for a command: database, schema, jobs, secret, spool."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from difflib import SequenceMatcher

import asyncpg

from receiver import (
    addresses,
    database,
    embedded,
    inbox,
    jobs,
    migrations,
    outages,
    presence,
    registration,
    registry,
    signature,
)
from receiver.database import Connection, query
from receiver.errors import (
    HandlerLoadError,
    SchemaError,
    StoreMisconfiguredError,
    StoreUnavailableError,
)
from receiver.handling import Handler, matches
from receiver.health.finding import Finding
from receiver.inbox import TypeCount
from receiver.jobs import Count
from receiver.presence import UNSEEN, Missing
from receiver.settings import Settings
from receiver.spool import Condition

OLD = timedelta(minutes=5)
AHEAD = timedelta(seconds=10)  # a clock that is set by a few seconds is no news
UNDRAINED_SECONDS = 30.0  # what waits for so long beside a database that answers is stuck
SECONDS = 10.0
TOLD = 5
ALIKE = 0.9
KEEPS_SECONDS = 5.0


def settings(configured: Settings) -> Finding:
    """Say what is set."""
    seen = [
        f"API {configured.api_url}",
        "key set" if configured.api_key else "no TRANSCRIBE_API_KEY",
        f"PUBLIC_URL {configured.public_url}" if configured.public_url else "no PUBLIC_URL",
    ]
    return Finding("settings", holds=True, seen=", ".join(seen))


def load_handlers(configured: Settings) -> tuple[Mapping[str, Handler], Finding]:
    """Return the handlers, none where they cannot be loaded."""
    try:
        handlers = registry.load(configured.handlers)
    except HandlerLoadError as exc:
        return {}, Finding("handlers", holds=False, seen=str(exc))
    return handlers, Finding("handlers", holds=True, seen=registry.listed(handlers.values()))


async def stored(
    connection: Connection, url: str, configured: Settings, handlers: Mapping[str, Handler]
) -> list[Finding]:
    """Look at the database and what is in it."""
    findings = [await _server(connection, url, configured), await usable(connection)]
    if not findings[-1].holds:
        return findings
    counts = await jobs.counts(connection, configured.api_url)
    return [
        *findings,
        orphans(counts, handlers),
        worker(await presence.missing_worker(connection, handlers=handlers, api_url=configured.api_url)),
        await _oldest(connection, handlers, configured),
        await _clock(connection, configured),
        dead(counts, handlers),
        elsewhere(counts, configured.api_url),
        *arrivals(await inbox.recent_types(connection, configured.api_url), handlers.values()),
        await _secret(connection, configured),
    ]


def worker(missing: Missing) -> Finding:
    """Whether somebody is there to run the jobs that wait."""
    if missing.ago is not None and missing.ago <= UNSEEN:
        if missing.trouble is not None:
            return Finding("worker", holds=False, seen=f"one is running, and says: {missing.trouble}")
        return Finding("worker", holds=True, seen="one is running")
    seen = f"no worker for {missing.api_url} is running"
    if missing.ago is not None:
        seen = f"no worker for {missing.api_url} has been seen for {missing.ago.total_seconds():.0f} s"
    if missing.jobs_wait:
        return Finding("worker", holds=False, seen=f"{seen}, and jobs wait", todo="run `receiver work`")
    return Finding("worker", holds=True, seen=seen, todo="run `receiver work` (or `up`)")


def schema(version: int) -> Finding:
    """Whether the database's schema is one that this code can work with."""
    needed = migrations.latest()
    if version < needed:
        seen = f"version {version}, this code needs {needed}"
        return Finding("schema", holds=False, seen=seen, todo="run `receiver migrate`")
    return Finding("schema", holds=True, seen=f"version {version}")


async def usable(connection: Connection) -> Finding:
    """Whether the schema is one that this code can work with, and the role may do so."""
    try:
        found = schema(await migrations.current(connection))
    except SchemaError as exc:
        return Finding("schema", holds=False, seen=str(exc))
    if not found.holds:
        return found
    lacking = [row["lacking"] for row in await connection.fetch(query("lacking_rights"))]
    if lacking:
        more = f"; and {len(lacking) - TOLD} more" if len(lacking) > TOLD else ""
        seen = f"{found.seen}, on which the role lacks {'; '.join(lacking[:TOLD])}{more}"
        return Finding("schema", holds=False, seen=seen, todo=outages.TO_USE)
    return found


async def _server(connection: Connection, url: str, configured: Settings) -> Finding:
    durable = await connection.fetchrow(query("durability"))
    assert durable is not None
    off = [name for name, holds in durable.items() if not holds]
    wrong = dict[str, str]()
    if off:
        wrong[f"{' and '.join(off)} is off, so what is stored does not survive a crash"] = "switch it on"
    if unfit := await migrations.unfit(connection):
        wrong[unfit] = ""
    if not await _keeps_session(connection, url):
        pooler = "a pooler in transaction mode stands in between, which loses locks and LISTEN"
        wrong[pooler] = "use the direct URL, or one of its session mode"
    if wrong:
        todo = "; ".join(filter(None, wrong.values()))
        return Finding("database", holds=False, seen="; ".join(wrong), todo=todo)
    place = embedded.describe(configured.data_dir) if configured.database_url is None else database.where(url)
    return Finding("database", holds=True, seen=f"{place}, durable")


async def _keeps_session(connection: Connection, url: str) -> bool:
    """Whether a session keeps its server process while others are busy, as locks and LISTEN need."""
    pid = await connection.fetchval(query("backend_pid"))
    try:
        other = await database.connect(url)
    except StoreMisconfiguredError:  # the pooler has given it what was prepared here
        return False
    except StoreUnavailableError:  # there is no room for another
        return True
    try:
        async with asyncio.timeout(KEEPS_SECONDS), other.transaction():
            await other.fetchval(query("backend_pid"))
            return bool(pid == await connection.fetchval(query("backend_pid")))
    except (TimeoutError, asyncpg.PostgresError):
        return False
    finally:
        other.terminate()


def dead(counts: Sequence[Count], handlers: Collection[str]) -> Finding:
    """Whether handlers that there are have given up; where none could be loaded, whether any have."""
    number = sum(one.dead for one in counts if one.handler in handlers or not handlers)
    if number:
        return Finding("dead jobs", holds=False, seen=f"{number}", todo="see `receiver jobs --dead`, then replay")
    return Finding("dead jobs", holds=True, seen="none")


def orphans(counts: Sequence[Count], handlers: Collection[str]) -> Finding:
    """Tell the jobs of handlers that do not exist (any more): advice, because nothing of them is lost."""
    if not handlers:
        return Finding("orphaned jobs", holds=True, seen="not known without handlers")
    gone = [
        f"{one.handler} ({', '.join(f'{number} {state}' for state, number in states.items() if number)})"
        for one in counts
        for states in [{"unfinished": one.unfinished, "dead": one.dead}]
        if one.handler not in handlers and any(states.values())
    ]
    return _advice("orphaned jobs", "jobs of handlers that do not exist", gone, "bring the names back, or leave them")


def elsewhere(counts: Sequence[Count], api_url: str) -> Finding:
    """Tell the unfinished jobs of other APIs: advice, because they wait for who works for those."""
    number = sum(one.elsewhere for one in counts)
    found = [f"{number} unfinished jobs belong to another than {api_url}"] if number else []
    return _advice("other APIs", "here", found, "run `receiver work` with their TRANSCRIBE_API_URL, or leave them")


async def _oldest(connection: Connection, handlers: Mapping[str, Handler], configured: Settings) -> Finding:
    age = await jobs.oldest_due(connection, list(handlers), configured.api_url)
    if age is not None and age > OLD:
        seen = f"waiting for {age.total_seconds():.0f} s"
        return Finding("oldest due job", holds=False, seen=seen, todo="run `receiver work`, or more of it")
    return Finding("oldest due job", holds=True, seen="none waits" if age is None else f"{age.total_seconds():.0f} s")


async def _clock(connection: Connection, configured: Settings) -> Finding:
    ahead: timedelta | None = await connection.fetchval(query("clock_ahead"), configured.api_url)
    if ahead is not None and ahead > AHEAD:
        seen = f"the database's went back, so jobs stored before wait {ahead.total_seconds():.0f} s for it"
        todo = "set it right, or `receiver replay EVENT` each that cannot wait so long"
        return Finding("clock", holds=False, seen=seen, todo=todo)
    return Finding("clock", holds=True, seen="the database's has not gone back")


def arrivals(types: Sequence[TypeCount], handlers: Collection[Handler]) -> list[Finding]:
    """Tell what came and nobody took: advice, because nothing of it is wrong by itself.

    A pattern for which nothing came is worth a word only beside a type that may have been meant.
    """
    came = {one.type: one.unwanted for one in types if one.type is not None}
    unread = sum(one.events for one in types if one.type is None)
    unwanted = [f"{name}: {count}" for name, count in came.items() if count]
    wanted = {name for name in came if any(handler.wants(name) for handler in handlers)}
    odd = [
        f"{pattern} of {handler.name}, but {meant}"
        for handler in handlers
        for pattern in handler.patterns
        for meant in [_meant(pattern, came, wanted)]
        if meant is not None
    ]
    return [
        _advice("no handler", "events of the last 30 days that no handler wanted", unwanted,
                "write one, or leave them; `receiver replay` gives them to one that is new"),
        _advice("patterns", "nothing came in the last 30 days for", odd, "is it spelt right?"),
        _advice("quarantine", "deliveries of the last 30 days that could not be read", [str(unread)] if unread else [],
                "`receiver events` shows them, `receiver replay EVENT` reads one again, say after an update"),
    ]  # fmt: skip


def _advice(name: str, about: str, found: Sequence[str], todo: str) -> Finding:
    if not found:
        return Finding(name, holds=True, seen="nothing to tell")
    more = f", and {len(found) - TOLD} more" if len(found) > TOLD else ""
    return Finding(name, holds=True, seen=f"{about}: {', '.join(found[:TOLD])}{more}", todo=todo)


def _meant(pattern: str, came: Collection[str], wanted: Collection[str]) -> str | None:
    """Return a type that came and that a pattern may have meant: a like one, or of its family and unwanted."""
    if any(matches(pattern, name) for name in came):
        return None
    family = pattern.partition(".")[0]
    for name in came:
        if _alike(family, name.partition(".")[0]) and (
            name not in wanted or pattern.endswith(".*") or _alike(pattern, name)
        ):
            return name
    return None


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one, other).ratio() > ALIKE


async def _secret(connection: Connection, configured: Settings) -> Finding:
    registered = await registration.known_secrets(connection, configured.api_url)
    own = [secret.get_secret_value().encode() for secret in configured.webhook_secrets]
    known = list(dict.fromkeys([*own, *registered]))
    if configured.api_key is not None and configured.callback_url is not None:
        found = await registration.find(connection, registration.account(configured))
        if registration.unanswered(found) is not None:
            seen = "a registration was not answered, so its secret may be lost on the way"
            return Finding("secret", holds=False, seen=seen, todo="run `receiver register`")
        newest = registration.current(found)
        if newest is not None and not addresses.same(newest.callback_url, configured.callback_url):
            seen = f"registered for {newest.callback_url}, not for {configured.callback_url}"
            return Finding("secret", holds=False, seen=seen, todo="run `receiver register`")
    if not known:
        seen = f"none is known for {configured.api_url}"
        return Finding("secret", holds=False, seen=seen, todo=registration.how_to_know_a_secret(configured))
    return Finding("secret", holds=True, seen=f"known: {', '.join(map(signature.fingerprint, known))}")


def spool(found: Condition, *, database_answers: bool) -> Finding:
    """Whether deliveries would be taken while the database is away, and what waits is on its way."""
    age = None if found.since is None else time.time() - found.since
    since = "" if age is None else f"for {age:.0f} s" if age >= 0 else f"since {-age:.0f} s from now, as the clock is"
    seen = f"{found.used} of {found.limit} bytes, the oldest {since}" if since else "empty"
    stuck = database_answers and age is not None and abs(age) > UNDRAINED_SECONDS
    wrong = {
        "it is full: see why the database is away, or set RECEIVER_SPOOL_MAX_MB higher": found.used >= found.limit,
        "it is not drained, though the database answers: see what the log says": stuck,
        f"deliveries for another database: {found.foreign}; `receiver spool` shows them": found.foreign,
        f".refused files: {found.refused}; the database refuses what they hold; renamed to .spool it is tried again":
            found.refused,
        f".damaged files: {found.damaged}; what could be read of them is stored": found.damaged,
        f"files of another version: {found.unknown}; start that once to drain them": found.unknown,
        f"{found.lacks} left on its disk: in an outage deliveries are taken while what it keeps lasts": found.lacks,
        f"{found.trouble}; RECEIVER_SPOOL_DIR names the folder": found.trouble,
    }  # fmt: skip
    todo = [said for said, holds in wrong.items() if holds]
    if todo:
        return Finding("spool", holds=False, seen=seen, todo=f"{'; '.join(todo)} (in {found.path})")
    advice = "" if found.is_promised else f"the disk of {found.path} keeps no room, so when it is full nothing is taken"
    return Finding("spool", holds=True, seen=seen, todo=advice)
