"""`providers.regenerations`: at most ten, and never twice for one intent, whatever is lost and whoever asks at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from receiver.database import Pool
from receiver.errors import ImpossibleError, InvalidRequest, ProviderError, ProviderUnavailable
from receiver.providers import regenerations
from receiver.providers.exchange import NOT_ALL_SENT
from receiver.providers.regenerations import AGAIN_SECONDS, REGENERATIONS, Before, Wish
from receiver.providers.transcribe_so import NotReady
from receiver.providers.transcribe_so.envelope import error_from
from receiver.providers.tries import NO_TURN

WISH = Wish("transcribe.so", "https://api.test", "7", "2026-04-29T14:25:27.968Z", "default", "key", "punchy", "verbs")
LOST = ProviderUnavailable("no answer", code="timeout")
MADE = b'{"id": 7}'
WAITING = "select count(*) from pg_locks where not granted"
# What version 0.8 writes.
OLD_ROW = "insert into receiver.regenerations (api_url, transcription_id) values ('https://api.test', '7')"


class Provider:
    """Gives prepared answers, repeats the last one, and keeps the keys that it was asked with."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers)
        self.keys: list[str] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, key: str) -> bytes:
        self.keys.append(key)
        if self.before is not None:
            await self.before()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def regenerate(db: Pool, provider: Provider, wish: Wish = WISH, *, known: Before | None = None) -> None:
    """Regenerate as a command does; nobody waits for long."""
    paused = list[float]()

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    found = await regenerations.before(db, wish) if known is None else known
    await regenerations.carry_out(db, wish, found, provider, by="host/1", pause=pause)
    assert set(paused) <= {AGAIN_SECONDS}


async def lost(db: Pool, provider: Provider, wish: Wish = WISH) -> None:
    with pytest.raises(ProviderUnavailable):
        await regenerate(db, provider, wish)


async def states(db: Pool) -> list[str | None]:
    return [row["state"] for row in await db.fetch("select state from receiver.regenerations order by id")]


async def charges(db: Pool) -> list[tuple[Any, ...]]:
    """Return what the ledger has: the operation, the amount, whether it is certain."""
    rows = await db.fetch("select operation, amount, perhaps, title from receiver.charges order by id")
    return [tuple(row) for row in rows]


async def used(db: Pool) -> int | None:
    return (await regenerations.before(db, replace(WISH, prompt="anything"))).used


async def until_one_waits(db: Pool) -> None:
    async with asyncio.timeout(20):
        while await db.fetchval(WAITING) != 1:  # noqa: ASYNC110 - the server cannot call us
            await asyncio.sleep(0.01)


async def test_the_intent_is_committed_before_the_request_with_its_key(db: Pool) -> None:
    seen = list[tuple[Any, ...]]()

    async def look() -> None:
        row = await db.fetchrow(
            "select state, idempotency_key, style, prompt, account, asked_by from receiver.regenerations"
        )
        assert row is not None
        seen.append(tuple(row))

    provider = Provider(MADE)
    provider.before = look
    await regenerate(db, provider)
    assert seen == [("intended", provider.keys[0], "punchy", "verbs", "default", "host/1")]
    row = await db.fetchrow("select state, ended_at is null as open from receiver.regenerations")
    assert row is not None
    assert tuple(row) == ("answered", False)


@pytest.mark.parametrize("error", [LOST, ProviderUnavailable("broken", code="http_500", status=500)])
async def test_a_lost_answer_is_asked_for_again_under_the_same_key_and_counts_once(
    db: Pool, error: ProviderError
) -> None:
    provider = Provider(error, error, MADE)
    for _ in range(2):
        await lost(db, provider)
        assert (await states(db), await charges(db)) == (["lost"], [("regeneration", None, True, None)])
    await regenerate(db, provider)
    assert (await states(db), await charges(db)) == (["answered"], [("regeneration", None, False, None)])
    assert len(set(provider.keys)) == 1
    assert await used(db) == 1


async def test_whoever_dies_before_the_answer_leaves_an_intent_that_goes_on(db: Pool) -> None:
    provider = Provider(MADE)
    stopped = asyncio.Event()

    async def hang() -> None:
        stopped.set()
        await asyncio.Event().wait()

    provider.before = hang
    dying = asyncio.create_task(regenerate(db, provider))
    await stopped.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await states(db) == ["intended"]
    provider.before = None
    await regenerate(db, provider)
    assert (await states(db), len(set(provider.keys))) == (["answered"], 1)


async def test_after_a_day_a_lost_one_counts_and_another_is_a_new_one(db: Pool) -> None:
    provider = Provider(LOST, LOST, MADE)
    await lost(db, provider)
    open_before = await regenerations.before(db, WISH)
    await db.execute("update receiver.regenerations set intended_at = now() - interval '23 hours 1 minute'")
    with pytest.raises(ProviderUnavailable, match="counts as used"):
        await regenerate(db, provider, known=open_before)
    await lost(db, provider)
    await regenerate(db, provider)
    assert (await states(db), await used(db)) == (["lost", "answered"], 2)
    assert provider.keys[0] != provider.keys[1] == provider.keys[2]


async def test_an_answered_one_has_ended_and_the_same_again_is_a_new_one(db: Pool) -> None:
    provider = Provider(MADE)
    await regenerate(db, provider)
    known = await regenerations.before(db, WISH)
    assert (known.used, known.open, known.made_at is None) == (1, None, False)
    await regenerate(db, provider)
    assert (len(set(provider.keys)), await used(db)) == (2, 2)


async def test_two_at_once_ask_once_and_both_have_the_answer(db: Pool) -> None:
    provider = Provider(MADE)

    async def hold() -> None:
        await until_one_waits(db)

    provider.before = hold
    await asyncio.gather(*(regenerate(db, provider, known=Before()) for _ in range(2)))
    assert (len(provider.keys), await states(db)) == (1, ["answered"])


async def test_whoever_waited_for_one_that_is_refused_asks_no_other(db: Pool) -> None:
    provider = Provider(InvalidRequest("No.", code="bad", status=400))

    async def hold() -> None:
        await until_one_waits(db)

    provider.before = hold
    tries = [regenerate(db, provider, known=Before()) for _ in range(2)]
    said = sorted(str(error) for error in await asyncio.gather(*tries, return_exceptions=True))
    assert ["No." in one for one in said] == [True, True]
    assert (len(provider.keys), await states(db)) == (1, ["refused"])


@pytest.mark.parametrize("code", [NO_TURN, NOT_ALL_SENT])
async def test_what_was_not_sent_or_is_refused_is_not_used_and_asked_for_under_another_key(db: Pool, code: str) -> None:
    refusals = [error_from(status, {}, b"") for status in (400, 401, 402, 404, 429)]
    errors = [*refusals, NotReady("No."), ProviderUnavailable("not sent", code=code)]
    provider = Provider(*errors, MADE)
    for error in errors:
        with pytest.raises(type(error)):
            await regenerate(db, provider)
        assert (await used(db), await charges(db)) == (0, [])
    await regenerate(db, provider)
    assert (len(set(provider.keys)), await used(db)) == (len(errors) + 1, 1)


async def test_what_says_nothing_of_the_lost_request_leaves_it_used(db: Pool) -> None:
    unrelated = [*(error_from(status, {}, b"") for status in (400, 401, 402, 403, 404, 429)), NotReady("No.")]
    provider = Provider(LOST, *unrelated, error_from(400, {}, b'{"error": {"code": "invalid_request"}}'))
    await lost(db, provider)
    for _ in unrelated:
        with pytest.raises(ProviderError):
            await regenerate(db, provider)
        assert (await states(db), await used(db)) == (["lost"], 1)
    with pytest.raises(InvalidRequest):  # the provider repeats its refusal: nothing was done
        await regenerate(db, provider)
    assert (await states(db), await used(db), await charges(db)) == (["refused"], 0, [])
    assert len(set(provider.keys)) == 1


async def test_an_earlier_request_that_is_under_way_is_waited_for(db: Pool) -> None:
    under_way = error_from(409, {}, b'{"error": {"code": "request_in_progress"}}')
    provider = Provider(LOST, under_way, under_way, MADE)
    await lost(db, provider)
    await regenerate(db, provider)
    assert (len(provider.keys), len(set(provider.keys)), await states(db)) == (4, 1, ["answered"])


async def test_the_eleventh_is_not_asked_for_however_many_try_at_once(db: Pool) -> None:
    """A row of version 0.8 is one of the ten."""
    await db.execute(OLD_ROW)
    provider = Provider(LOST)
    tries = [regenerate(db, provider, replace(WISH, prompt=str(number)), known=Before()) for number in range(14)]
    failed = await asyncio.gather(*tries, return_exceptions=True)
    codes = [error.code for error in failed if isinstance(error, ProviderError)]
    assert codes.count("regenerations_used") == 5
    assert (len(provider.keys), await used(db)) == (REGENERATIONS - 1, REGENERATIONS)
    await lost(db, provider, replace(WISH, prompt="0" if codes[0] == "timeout" else "13"))  # it goes on


async def test_another_end_style_or_wish_is_another_intent(db: Pool) -> None:
    provider = Provider(LOST)
    for change in ({}, {"completed_at": "later"}, {"style": "balanced"}, {"prompt": ""}, {"transcription_id": "8"}):
        await lost(db, provider, replace(WISH, **change))
    assert (len(set(provider.keys)), await used(db)) == (5, 4)


async def test_a_lost_answer_is_not_asked_for_with_another_key_of_the_account(db: Pool) -> None:
    provider = Provider(LOST)
    await lost(db, provider)
    with pytest.raises(ImpossibleError, match="with another API key, and its answer is lost: ask with that key"):
        await regenerate(db, provider, replace(WISH, key_fingerprint="rotated"))
    assert len(provider.keys) == 1


async def test_the_ledger_names_the_transcription(db: Pool) -> None:
    await db.execute(
        "insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint,"
        " title, origin) values ('transcribe.so', 'e', 'https://api.test', 'transcription.completed', '7', '', '',"
        " 'A talk', 'webhook')"
    )
    await regenerate(db, Provider(MADE))
    assert await charges(db) == [("regeneration", None, False, "A talk")]


async def test_an_answer_that_the_database_did_not_take_is_asked_for_again(db: Pool) -> None:
    provider = Provider(MADE)

    async def cut() -> None:
        await db.execute(
            "select pg_terminate_backend(pid) from pg_locks where relation = 'receiver.regenerations'::regclass"
            " and pid <> pg_backend_pid()"
        )

    provider.before = cut
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await regenerate(db, provider)
    assert await states(db) == ["intended"]
    provider.before = None
    await regenerate(db, provider)
    assert (await states(db), len(provider.keys), len(set(provider.keys))) == (["answered"], 2, 1)
