"""An account at a simulated provider whose list is compared with a real database."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

from receiver import providers, signature
from receiver.database import Pool
from receiver.inbox import deliveries, listing
from receiver.inbox.deliveries import Delivery, Status
from receiver.inbox.listing import Stored
from receiver.providers import TranscribeSo
from receiver.sandbox import Knobs, Sandbox, application
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE, price
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription
from receiver.settings import Account as ConfiguredAccount
from receiver.submissions.reconciling import records
from receiver.submissions.reconciling.comparing import Account, Comparison
from receiver.submissions.reconciling.reconciler import Reconciler
from tests.providers.scripted import turns_enough
from tests.sandbox.simulated import KEY, NO_KNOBS, URL

SECRET = "whsec_of_the_webhook"
CONFIGURED = ConfiguredAccount(
    "transcribe.so", "default", URL, key=SecretStr(KEY), webhook_secrets=(SecretStr(SECRET),)
)
ID = CONFIGURED.id
GRACE = timedelta(minutes=5)
WANTED = "transcripts"


def interested(event_type: str, _: str) -> Sequence[str]:
    return [WANTED] if event_type.startswith("transcription.") else []


@dataclass(slots=True)
class Bench:
    """The provider's transcriptions, and what is stored of them."""

    db: Pool
    sandbox: Sandbox
    client: TranscribeSo
    account: Account
    asked: list[str] = field(default_factory=list)

    @property
    def items(self) -> dict[int, SimulatedTranscription]:
        return self.sandbox.transcribe_so.account(KEY).transcriptions

    @property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.db, {ID: self.account}, {ID: CONFIGURED}, timedelta(minutes=10))

    def add(
        self, number: int, status: str = "completed", *, created: timedelta = timedelta(hours=1),
        ended: timedelta | None = timedelta(minutes=30), by_api: bool = True,
    ) -> SimulatedTranscription:  # fmt: skip
        """Put a transcription into the provider's list; times are how long ago."""
        now = datetime.now(UTC)
        item = SimulatedTranscription(
            number, "external_url", f"https://media.example/talk-{number}.mp3", DEFAULT_CODE, "auto", 60,
            price(DEFAULT_CODE, 60), now - created, by_api=by_api,
        )  # fmt: skip
        item.status = status
        if status in ("completed", "failed", "cancelled") and ended is not None:
            item.end_as(status, now - ended)
        self.items[number] = item
        return item

    async def begun(self, ago: timedelta = timedelta(days=30)) -> None:
        """Let the account's time have begun so long ago."""
        await self.db.execute(
            "insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark)"
            " values ($1, $2, $3, now() - $4::interval, now() - $4::interval - interval '7 days')"
            " on conflict do nothing",
            *ID, ago,
        )  # fmt: skip

    async def compared(self, account: Account | None = None) -> Comparison:
        """Compare the list now."""
        reconciler = self.reconciler
        if account is not None:
            reconciler = replace(reconciler, accounts={ID: account})
        await records.hurry(self.db, [ID], within=timedelta(0))
        (taken,) = await records.take(self.db, [ID])
        comparison, trouble = await reconciler.compare(taken)
        assert trouble is None
        return comparison

    async def watermark(self) -> datetime:
        at: datetime = await self.db.fetchval("select watermark from receiver.reconciliations")
        return at

    async def delivered(
        self, item: SimulatedTranscription, event_id: str, *, account: str = "default", **changes: Any
    ) -> Status:
        """Deliver the announcement of a transcription's end to the webhook."""
        body = announcement(item, event_id, changes)
        content = providers.read("transcribe.so", body)
        fingerprint = signature.fingerprint(SECRET.encode())
        delivery = Delivery(content, URL, fingerprint, (WANTED,), account)
        async with self.db.acquire() as connection:
            return (await deliveries.append(connection, [delivery]))[0]

    async def events(self) -> list[Stored]:
        """Return the stored events, oldest first."""
        return [*reversed(await listing.recent(self.db))]

    async def jobs(self) -> list[str]:
        """Return the ids of the events that have a job, oldest first."""
        return [event.id for event in await self.events() for _ in event.jobs]


def announcement(item: SimulatedTranscription, event_id: str, changes: Mapping[str, Any]) -> bytes:
    about = {**item.announced(NO_KNOBS), **changes}
    event = {
        "id": event_id, "event": f"transcription.{item.status}", "created": 1, "data": {"transcription": about},
    }  # fmt: skip
    return json.dumps(event).encode()


@asynccontextmanager
async def opened(db: Pool, knobs: Knobs = NO_KNOBS) -> AsyncIterator[Bench]:
    """Yield an account without transcriptions."""
    sandbox = Sandbox(speed=1, knobs=knobs)
    transport = httpx.ASGITransport(application(sandbox), raise_app_exceptions=False)
    async with TranscribeSo(URL, SecretStr(KEY), budget=turns_enough(), transport=transport) as client:
        bench = Bench(db, sandbox, client, Account(db, client, ID, interested, GRACE))
        bench.items.clear()
        yield bench
    await sandbox.close()
