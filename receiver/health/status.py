"""The whole state in one value: what does not hold, and the figures; or, without the database, what a process knows."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from receiver.database import TROUBLE, outages
from receiver.database.opening import open_pool
from receiver.errors import StartupError, StoreRefusedError, StoreUnavailableError
from receiver.health import asking, figures, survey
from receiver.health.counts import Series
from receiver.health.figures import AccountFeed, Figures, Queue, Turns
from receiver.health.finding import Finding
from receiver.health.presence import version
from receiver.health.survey import Subjects
from receiver.health.telling import Told
from receiver.inbox import dead, replays
from receiver.inbox.replays import Replay
from receiver.settings import Settings

SECONDS = 5.0
OF_FIGURES = 0.8  # of these
LATE = "cannot be read in time: the database answers, but late"
CAUSES = 10
NEEDED = {"database", "schema", "secret", "feed"}  # findings without which deliveries are not taken, or do not come
DEAD = 1000  # the newest dead jobs that are grouped; `receiver dead` groups all


@dataclass(frozen=True, slots=True)
class Status:
    """What is known now.

    Attributes:
        version: of this command.
        findings: those of `receiver check` that need no provider. If the database is away, those of a web process.
        figures: None if the database is away.
        causes: the newest dead jobs by handler and cause, and how many they are; the largest groups.
        replays: the bulk replays that run.
        told: what a web process of this machine has answered; only while the database is away.
    """

    version: str
    findings: Sequence[Finding]
    figures: Figures | None = None
    causes: Sequence[tuple[tuple[str, str], int]] = ()
    replays: Sequence[Replay] = ()
    told: Told | None = None

    @property
    def is_receiving(self) -> bool:
        """Whether a web process runs, and nothing that deliveries need is known to be missing."""
        running = () if self.figures is None else self.figures.running
        broken = {finding.kind for finding in self.findings if not finding.holds}
        return any(process.kind == "web" for process in running) and not broken & NEEDED

    def require_figures(self) -> Figures:
        """Return the figures.

        Raises:
            StoreRefusedError: the database answers, and they cannot be read.
            StoreUnavailableError: the database is away.
        """
        if self.figures is not None:
            return self.figures
        why = {finding.name: finding.seen for finding in self.findings if not finding.holds}
        raise StoreRefusedError(why["figures"]) if "figures" in why else StoreUnavailableError(why["database"])

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON."""
        found = self.figures
        seen = {"version": self.version, "findings": [finding.to_json() for finding in self.findings]}
        if found is None:
            return seen | {"told": None if self.told is None else self.told.to_json()["gauges"]}
        return seen | {
            "schema": found.schema,
            "accounts": [_account(one, found) for one in found.feeds],
            "counts": _counts(found.totals),
            "last_hour": _counts(found.last_hour),
            "queues": [_queue(queue) for queue in found.queues],
            "dead": [
                {"handler": handler, "cause": cause, "number": number} for (handler, cause), number in self.causes
            ],
            "quarantined": found.quarantined,
            "submissions": [
                {"source": source, "state": state, "number": number}
                for (source, state), number in found.submissions.items()
            ],
            "replays": [replay.to_json() for replay in self.replays],
            "budgets": [_turns(one) for one in found.turns],
            "balances": [
                {"source": account.source, "account": account.account, **one.to_json()}
                for account, one in found.balances.items()
            ],
            "processes": [process.to_json() for process in found.processes],
            "processes_elsewhere": dict(found.elsewhere),
            "database": {
                **found.facts._asdict(), "oldest_snapshot_seconds": round(found.oldest_snapshot.total_seconds(), 1),
            },
        }  # fmt: skip


async def look(configured: Settings, subjects: Subjects, *, seconds: float = SECONDS) -> Status:
    """Return the state as the database tells it within some seconds, or a web process while the database is away."""
    try:
        if isinstance(subjects.place, StartupError):
            raise subjects.place
        return await _by_database(configured, subjects, subjects.place, seconds)
    except (StartupError, StoreUnavailableError, *TROUBLE) as exc:
        return await _by_process(configured, Finding("database", holds=False, seen=_why(exc)))


async def _by_database(configured: Settings, subjects: Subjects, url: str, seconds: float) -> Status:
    """Return the state. Where the figures cannot be read, for lack of a right or of time, the findings stay.

    A database that has answered is not away, however late the rest comes.
    """
    heard = asyncio.Event()
    findings, known = await asyncio.gather(
        asyncio.wait_for(survey.at_home(configured, subjects), seconds),
        asyncio.wait_for(_figures(configured, subjects, url, heard), seconds * OF_FIGURES),
        return_exceptions=True,
    )
    if isinstance(findings, TimeoutError) and heard.is_set():
        findings = [Finding("figures", holds=False, seen=f"what is checked {LATE}")]
    if isinstance(findings, BaseException):
        raise findings
    if not isinstance(known, BaseException):
        return Status(version(), findings, *known)
    if any(finding.name == "database" and not finding.holds for finding in findings):
        raise known
    is_late = isinstance(known, TimeoutError) and heard.is_set()
    why = Finding("figures", holds=False, seen=f"they {LATE}" if is_late else f"they cannot be read: {_why(known)}")
    return Status(version(), [*(one for one in findings if one.name != why.name), why])


async def _figures(
    configured: Settings, subjects: Subjects, url: str, heard: asyncio.Event
) -> tuple[Figures, Sequence[tuple[tuple[str, str], int]], Sequence[Replay]]:
    """Read the figures; set `heard` once the database has answered."""
    async with open_pool(url) as db:
        heard.set()
        found, causes, running = await asyncio.gather(
            figures.read(db, configured, survey.those_of(subjects)),
            dead.newest(db, [account.id for account in configured.accounts], limit=DEAD),
            replays.recent(db, limit=CAUSES, state="running"),
        )
        return found, causes.most_common(CAUSES), running


def _why(error: BaseException) -> str:
    is_said = isinstance(error, StartupError | StoreUnavailableError)
    return str(error if is_said else outages.of_work(error))


async def _by_process(configured: Settings, why: Finding) -> Status:
    answer = await asking.ask_here(configured, seconds=SECONDS)
    if isinstance(answer, str):
        return Status(version(), [why, Finding("web", holds=False, seen=answer, todo="run `receiver up`")])
    others = [finding for finding in answer.findings or () if finding.name != why.name]
    return Status(version(), [why, *others], told=answer.told)


def _counts(counted: Mapping[Series, float]) -> list[dict[str, Any]]:
    return [
        {"name": series.name, "labels": list(series.labels), "value": value}
        for series, value in sorted(counted.items())
    ]


def _account(one: AccountFeed, found: Figures) -> dict[str, Any]:
    state = one.feed
    heard = None if state is None or state.heard_at is None else state.heard_at.isoformat()
    return {
        "source": one.account.source,
        "account": one.account.name,
        "api_url": one.account.api_url,
        "feed": None if state is None else "off" if state.looks_off else "on",
        "last_delivery": heard,
        "coverage": one.coverage.share,
        "failure_budget_used": int(found.budgets_used.get(one.account.name, 0)),
    }


def _queue(queue: Queue) -> dict[str, Any]:
    oldest = None if queue.oldest is None else round(queue.oldest.total_seconds(), 1)
    return {**queue._asdict(), "oldest": oldest}


def _turns(one: Turns) -> dict[str, Any]:
    return {
        "source": one.account.source, "account": one.account.name, "free": one.free, "burst": one.burst,
        "next_in": round(one.next_in, 1),
    }  # fmt: skip
