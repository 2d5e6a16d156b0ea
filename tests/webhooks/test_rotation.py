"""`receiver.webhooks.rotation`: which secrets verify, how much they are used, and when an old one can go."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.events import Event
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Delivery
from receiver.settings import Account
from receiver.signature import fingerprint
from receiver.webhooks import registration, rotation, secrets

API = "https://api.test"
WHOSE = Account("transcribe.so", "default", API, key=SecretStr("tsk_live_of_the_rotation"))
KEY = WHOSE.key_fingerprint
OLD, NEW = fingerprint(b"whsec_old"), fingerprint(b"whsec_new")


async def registered(db: Pool, secret: str, *, hours_ago: float, key: str = KEY, api_url: str = API) -> None:
    await db.execute(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, registered_at,"
        " webhook_id, secret) values ($1, $2, 'https://here.test', 'k', now() - $3::interval, 'wh', $4)",
        api_url, key, timedelta(hours=hours_ago), secret,
    )  # fmt: skip


async def delivered(db: Pool, number: int, secret: bytes, *, hours_ago: float, api_url: str = API) -> None:
    event = Event(source="transcribe.so", id=f"evt_{number}", type="webhook.test")
    async with db.acquire() as connection:
        await deliveries.append(connection, [Delivery(event, api_url, fingerprint(secret))])
    moment = timedelta(hours=hours_ago)
    await db.execute(
        "update receiver.events set last_delivered_at = now() - $2::interval where event_id = $1", event.id, moment
    )


async def test_a_secret_shows_since_when_it_is_known_and_what_it_has_verified(db: Pool) -> None:
    await registered(db, "whsec_old", hours_ago=50)
    await registered(db, "whsec_new", hours_ago=30)
    await delivered(db, 1, b"whsec_old", hours_ago=40)
    await delivered(db, 2, b"whsec_old", hours_ago=26)
    await delivered(db, 3, b"whsec_old", hours_ago=1, api_url="https://elsewhere.test")
    new, old = await rotation.known(db, WHOSE)
    assert (new.fingerprint, new.events, new.last_matched, new.replaced_at) == (NEW, 0, None, None)
    assert (old.fingerprint, old.events, old.replaced_at) == (OLD, 2, new.since)
    assert timedelta(hours=25.9) < old.quiet_for < timedelta(hours=26.1)
    assert (new.can_go, old.can_go) == (False, True)


async def test_a_secret_of_the_settings_comes_last_and_is_never_retired(db: Pool) -> None:
    await registered(db, "whsec_new", hours_ago=30)
    await delivered(db, 1, b"whsec_own", hours_ago=26)
    _, own, unused = await rotation.known(
        db, replace(WHOSE, webhook_secrets=(SecretStr("whsec_own"), SecretStr("whsec_unused")))
    )
    assert (own.fingerprint, own.events, own.since, own.webhook_url) == (fingerprint(b"whsec_own"), 1, None, None)
    assert own.last_matched is not None
    assert (unused.events, unused.last_matched) == (0, None)
    assert [secret.can_go or secret.replaced_at is not None for secret in (own, unused)] == [False, False]
    with pytest.raises(ImpossibleError, match="no registered secret of"):
        await rotation.retire(db, WHOSE, own.fingerprint, although_used=True)


@pytest.mark.parametrize(
    ("replaced_hours_ago", "matched_hours_ago", "goes"),
    [(30, 25, True), (30, 23, False), (23, 48, False), (25, None, True), (1, None, False)],
)
async def test_a_replaced_secret_can_go_after_a_day_of_silence(
    db: Pool, replaced_hours_ago: float, matched_hours_ago: float | None, *, goes: bool
) -> None:
    await registered(db, "whsec_old", hours_ago=50)
    await registered(db, "whsec_new", hours_ago=replaced_hours_ago)
    if matched_hours_ago is not None:
        await delivered(db, 1, b"whsec_old", hours_ago=matched_hours_ago)
    _, old = await rotation.known(db, WHOSE)
    assert old.can_go is goes
    assert old.advice(WHOSE) == (f"retire it: `receiver retire-secret {OLD}`" if goes else "keep it for now")
    if goes:
        await rotation.retire(db, WHOSE, OLD, although_used=False)
    else:
        with pytest.raises(ImpossibleError, match="wait until 24 h have passed, or insist on it"):
            await rotation.retire(db, WHOSE, OLD, although_used=False)
        await rotation.retire(db, WHOSE, OLD, although_used=True)
    assert (await secrets.read(db, [WHOSE.id])).webhooks == {WHOSE.id: (b"whsec_new",)}


@pytest.mark.parametrize(("hours", "said"), [(0.01, "0 min"), (0.21, "12 min"), (1.5, "1 h"), (23.5, "23 h")])
async def test_how_long_a_secret_is_silent_is_said_in_what_it_is_counted_in(db: Pool, hours: float, said: str) -> None:
    await registered(db, "whsec_old", hours_ago=50)
    await registered(db, "whsec_new", hours_ago=hours)
    with pytest.raises(ImpossibleError, match=f"has been silent for only {said}"):
        await rotation.retire(db, WHOSE, OLD, although_used=False)


@pytest.mark.parametrize("key", [KEY, "a key that is not configured"])
async def test_the_secret_that_the_provider_signs_with_cannot_be_retired(db: Pool, key: str) -> None:
    await registered(db, "whsec_old", hours_ago=90, key=key)
    await registered(db, "whsec_new", hours_ago=50, key=key)
    with pytest.raises(ImpossibleError, match="receiver register --rotate"):
        await rotation.retire(db, WHOSE, NEW, although_used=True)
    await rotation.retire(db, WHOSE, OLD, although_used=False)


async def test_the_secret_of_a_key_that_is_used_no_more_can_go(db: Pool) -> None:
    await registered(db, "whsec_new", hours_ago=90)
    await registered(db, "whsec_old", hours_ago=50, key="of a revoked key")
    with pytest.raises(ImpossibleError, match="receiver register --rotate"):
        await rotation.retire(db, WHOSE, NEW, although_used=True)
    await rotation.retire(db, WHOSE, OLD, although_used=False)


async def test_a_secret_whose_webhook_was_deleted_is_replaced_although_nothing_came_after_it(db: Pool) -> None:
    await registered(db, "whsec_old", hours_ago=90)
    await db.execute("update receiver.registrations set gone_at = now() - interval '30 hours'")
    (old,) = await rotation.known(db, WHOSE)
    assert old.can_go


async def test_the_list_is_of_the_configured_api_and_may_have_to_have_one(db: Pool) -> None:
    configured = settings.load(TRANSCRIBE_API_URL=API, TRANSCRIBE_WEBHOOK_SECRET="")
    assert await rotation.listed(db, configured, must_exist=False) == []
    with pytest.raises(ImpossibleError, match=f"no secret is known for {API}"):
        await rotation.listed(db, configured, must_exist=True)
    await registered(db, "whsec_new", hours_ago=1)
    both = settings.load(TRANSCRIBE_API_URL=API, TRANSCRIBE_WEBHOOK_SECRET="whsec_own")
    assert [one.fingerprint for one in await rotation.listed(db, both, must_exist=True)] == [
        NEW, fingerprint(b"whsec_own")
    ]  # fmt: skip


async def test_blanks_around_a_name_are_nothing(db: Pool) -> None:
    await registered(db, "whsec_old", hours_ago=90)
    await registered(db, "whsec_new", hours_ago=60)
    await rotation.retire(db, WHOSE, f" {OLD}\n", although_used=False)
    assert (await secrets.read(db, [WHOSE.id])).webhooks == {WHOSE.id: (b"whsec_new",)}


async def test_an_unknown_name_is_said(db: Pool) -> None:
    with pytest.raises(ImpossibleError, match="`receiver secrets` lists them"):
        await rotation.retire(db, WHOSE, "0123456789ab", although_used=True)


async def test_a_secret_that_was_given_twice_is_one_and_goes_at_once(db: Pool) -> None:
    for hours in (90, 80, 70):
        await registered(db, "whsec_old", hours_ago=hours)
    await registered(db, "whsec_new", hours_ago=60)
    _, old = await rotation.known(db, WHOSE)
    assert old.since < old.replaced_at if old.since and old.replaced_at else False
    await rotation.retire(db, WHOSE, OLD, although_used=False)
    assert (await secrets.read(db, [WHOSE.id])).webhooks == {WHOSE.id: (b"whsec_new",)}


async def test_retiring_tells_the_web_processes(db: Pool, receiver_database: str) -> None:
    await registered(db, "whsec_old", hours_ago=90)
    await registered(db, "whsec_new", hours_ago=60)
    listening = await asyncpg.connect(receiver_database)
    heard: asyncio.Queue[None] = asyncio.Queue()
    await listening.add_listener(registration.CHANNEL, lambda *_: heard.put_nowait(None))
    await rotation.retire(db, WHOSE, OLD, although_used=False)
    async with asyncio.timeout(60):
        await heard.get()
    assert heard.empty()
    await listening.close()
