"""transcribe.so through the table of all sources: it repeats its answers, announces the end itself, heeds a ceiling."""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio

from handlers.failures import failures
from receiver import Context, Event, Handler, handler, settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderUnavailable, RateLimited
from receiver.inbox import deliveries
from receiver.inbox.deliveries import Delivery
from receiver.providers import Recording, TranscribeSo, archive
from receiver.providers.orders import Media, Order
from receiver.providers.transcribe_so import Transcribe, payload
from receiver.providers.transcribe_so.uploading import WHOLE_BYTES
from receiver.providers.tus import CHUNK_BYTES
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription, stamp
from receiver.submissions import announcing, ordering, records, requested, resolving, results
from receiver.submissions.asking import Asked, Terms, Work
from receiver.submissions.moves import State
from receiver.submissions.paying import Unreadable
from receiver.submissions.records import Change, Submission
from receiver.submissions.watching import GONE, Watcher
from tests.commands import sparse
from tests.providers.scripted import Provider
from tests.sandbox.simulated import KEY, URL
from tests.submissions.submitting import Bench, transcribe_bench
from tests.worker.working import until

PAID = "/transcriptions"
PAGE = "https://media.example/talk.mp3"
CALLBACK = Terms(callback_at="https://hooks.example")
NET = timedelta(minutes=5)


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with transcribe_bench(db, receiver_database) as found:
        yield found


class Paying:
    """The requests that are paid for: their keys and bodies. They get these answers first; None is the provider's."""

    def __init__(self, here: Bench, *answers: httpx.Response | Exception | None) -> None:
        self.keys, self.bodies, self._answers = list[str](), list[dict[str, Any]](), list(answers)
        here.transport.before = self._answer

    async def _answer(self, request: httpx.Request) -> httpx.Response | None:
        if request.method != "POST" or not request.url.path.endswith(PAID):
            return None
        self.keys.append(request.headers["Idempotency-Key"])
        self.bodies.append(json.loads(await request.aread()))
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(status: int, code: str = "no") -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "No."}})


def lose(here: Bench, *kinds: str) -> None:
    """Let answers get lost, although the work is done; or with `500` let it not be done."""
    for kind in kinds:
        here.plan(kind, PAID, method="POST")


async def woken(here: Bench, submission: Submission, state: str = "done") -> Submission:
    """Let a job that waits run now."""
    await records.wake(here.db, [submission])
    return await here.worked(submission, state)


async def sent_long_ago(here: Bench, submission: Submission) -> None:
    long_ago = "update receiver.submissions set sent_at = now() - interval '24 hours' where id = $1"
    await here.db.execute(long_ago, submission.id)


def work(here: Bench, submission: Submission) -> SimulatedTranscription:
    return here.sandbox.transcribe_so.account(KEY).transcriptions[int(submission.remote_id or 0)]


def watcher(here: Bench) -> Watcher:
    return Watcher(here.db, {here.account.id: here.client}, here.interested)


async def ended(here: Bench, submission: Submission) -> Submission:
    """Let the work end, and look at it."""
    work(here, submission).end(datetime.now(UTC))
    await here.db.execute("update receiver.submissions set look_at = now()")
    await watcher(here).look()
    return await here.now(submission)


SAME_USER = """
    insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark, user_id)
    values ($1, $2, $3, now(), now(), 'user_1')
"""


async def announce(here: Bench, number: int | str | None, what: str = "completed", **whose: str) -> None:
    """Store an event of the provider, as the web process does."""
    about = {"id": int(number or 0), "status": what, "completed_at": "2026-04-29T14:25:27.968Z"}
    raw = json.dumps({"id": f"evt_of_{number}", "event": f"transcription.{what}", "data": {"transcription": about}})
    event = payload.read("transcribe.so", raw.encode())
    assert isinstance(event, Event)
    wanted = here.wanted.get(event.type, ())
    delivery = replace(Delivery(event, here.account.api_url, "a secret's", wanted), **whose)  # type: ignore[arg-type]
    async with here.db.acquire() as connection:
        await deliveries.append(connection, [delivery])


async def seen(here: Bench) -> list[tuple[str | None, str | None]]:
    """Return the types of the events for handlers and people, and what they are about."""
    return [(event.type, event.transcription_id) for event in await here.events()]


async def stop(_: Submission) -> None:
    raise AssertionError("it waits, although nothing more happens by itself")


# --- a lost answer ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["html", "redirect", "malformed", "500", "cut"])
async def test_a_lost_answer_is_asked_for_again_under_its_key_and_charged_once(here: Bench, kind: str) -> None:
    paying = Paying(here, *[httpx.ReadError("the line is cut")] * (kind == "cut"))
    lose(here, *{kind} - {"cut"})
    submission = await here.worked(await here.submit())
    assert (submission.state, submission.paid_tries, here.charges()) == (State.ACCEPTED, 1, 1)
    assert (len(paying.keys), len({*paying.keys}), paying.bodies[0]) == (2, 1, paying.bodies[1])
    assert submission.remote_id == here.sandbox.charges[0].id
    assert await here.events() == []


@pytest.mark.parametrize("answer", [refused(409, "request_in_progress"), refused(401), refused(429), refused(503)])
async def test_an_answer_to_the_repeated_request_that_says_nothing_leaves_it_unknown(
    here: Bench, answer: httpx.Response
) -> None:
    paying = Paying(here, None, answer)
    lose(here, "html")
    submission = await here.worked(await here.submit(), "pending")
    assert (submission.state, submission.paid_tries, await here.events()) == (State.UNKNOWN, 1, [])
    submission = await woken(here, submission)
    assert (submission.state, here.charges(), len(paying.keys), len({*paying.keys})) == (State.ACCEPTED, 1, 3, 1)


async def test_that_it_was_asked_before_is_said(here: Bench) -> None:
    order = Order("transcription", Transcribe(), url=PAGE, name=PAGE, seconds=60, idempotency_key="k")
    Paying(here, refused(429), refused(429))
    for asked_before in (False, True):
        with pytest.raises(RateLimited) as caught:
            await here.client.start(replace(order, asked_before=asked_before))
        assert caught.value.maybe_done is asked_before


async def test_what_was_refused_under_the_key_was_not_done(here: Bench) -> None:
    Paying(here, refused(500), refused(400))
    submission = await here.worked(await here.submit())
    assert (submission.state, submission.paid_tries) == (State.FAILED, 0)
    assert await seen(here) == [("transcription.failed", None)]


async def test_a_refusal_that_tells_nothing_of_the_first_request_is_for_a_person(here: Bench) -> None:
    paying = Paying(here, refused(500), refused(499))
    submission = await here.worked(await here.submit())
    assert (submission.state, len(paying.keys)) == (State.UNKNOWN, 2)
    assert await seen(here) == [("submission.unknown", None)]


async def test_a_refusal_says_nothing_of_an_earlier_try(here: Bench) -> None:
    Paying(here, refused(500), refused(499), refused(500), refused(400))
    submission = await here.worked(await here.submit())
    async with here.db.acquire() as connection:
        await resolving.again(connection, submission.id)
    submission = await here.worked(submission)
    assert (submission.state, submission.paid_tries) == (State.UNKNOWN, 2)
    assert [kind for kind, _ in await seen(here)] == ["submission.unknown"] * 2


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more_and_then_a_person_decides(here: Bench) -> None:
    here.wanted["submission.unknown"] = ("tell-me",)
    paying = Paying(here, *[httpx.Response(202, content=b'{"id": 4') for _ in range(2)])
    submission = await here.worked(await here.submit())
    assert (submission.state, len(paying.keys), len({*paying.keys})) == (State.UNKNOWN, 2, 1)
    assert await archive.kept(here.db, announcing.subject(submission), "unreadable/1") == b'{"id": 4'
    assert await seen(here) == [("submission.unknown", None)]
    assert (await results.until_over(here.db, submission.id, stop)).state is State.UNKNOWN


def test_an_answer_that_cannot_be_read_is_not_shown() -> None:
    """The secret of a callback can be in it."""
    assert "whsec" not in repr(Unreadable(b"whsec", ProviderUnavailable("No.", code="malformed_answer")))


async def test_an_answer_to_the_repeated_request_that_cannot_be_read_is_kept_too(here: Bench) -> None:
    paying = Paying(here)
    lose(here, "html", "malformed")
    submission = await here.worked(await here.submit(), "pending")
    kept = await archive.kept(here.db, announcing.subject(submission), "unreadable/1")
    assert ((kept or b"")[:1], submission.state, await here.events()) == (b"{", State.UNKNOWN, [])
    submission = await woken(here, submission)
    assert (submission.state, len(paying.keys), here.charges()) == (State.ACCEPTED, 3, 1)


async def test_a_lost_answer_is_waited_for_while_it_is_asked_for_again(here: Bench) -> None:
    Paying(here, None, refused(503))
    lose(here, "html")
    submission = await here.worked(await here.submit(), "pending")
    with pytest.raises(AssertionError, match="it waits"):
        await results.until_over(here.db, submission.id, stop)


@pytest.mark.parametrize("if_lost", ["again", "fail"])
async def test_whatever_was_wished_for_a_lost_answer_it_is_asked_for_again_first(here: Bench, if_lost: Any) -> None:
    paying = Paying(here)
    lose(here, "html")
    submission = await here.worked(await here.submit(terms=Terms(if_lost=if_lost)))
    assert (submission.state, submission.paid_tries, here.charges()) == (State.ACCEPTED, 1, 1)
    assert len({*paying.keys}) == 1


async def test_after_money_has_come_the_request_has_another_key(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database, wallet=0.0) as here:
        account = here.sandbox.transcribe_so.account(KEY)
        account.credit_usd = 0.0
        paying = Paying(here)
        lose(here, "500")
        submission = await here.worked(await here.submit(), "pending")
        assert (submission.state, submission.paid_tries) == (State.UPLOADED, 0)
        account.balance_usd = 10.0
        submission = await woken(here, submission)
        assert (submission.state, here.charges()) == (State.ACCEPTED, 1)
        first, repeated, after = paying.keys
        assert first == repeated != after


# --- a day later -----------------------------------------------------------------------------------------------------


async def test_after_a_day_its_list_is_looked_at(here: Bench) -> None:
    paying = Paying(here, None, refused(503))
    lose(here, "html")
    submission = await here.worked(await here.submit(), "pending")
    await sent_long_ago(here, submission)
    submission = await woken(here, submission)
    assert (submission.state, submission.remote_id) == (State.ACCEPTED, here.sandbox.charges[0].id)
    assert (len(paying.keys), here.charges()) == (2, 1)


@pytest.mark.parametrize(("terms", "state"), [(Terms(), State.UNKNOWN), (Terms(if_lost="fail"), State.FAILED)])
async def test_after_a_day_what_is_not_listed_is_for_a_person_or_as_was_wished(
    here: Bench, terms: Terms, state: State
) -> None:
    Paying(here, refused(500), refused(503))
    submission = await here.worked(await here.submit(terms=terms), "pending")
    await sent_long_ago(here, submission)
    submission = await woken(here, submission)
    assert (submission.state, here.charges()) == (state, 0)
    assert len(await here.events()) == 1


@pytest.mark.parametrize(("age", "state"), [("1 minute", State.UPLOADED), ("1 hour", State.FAILED)])
async def test_a_file_that_was_uploaded_a_moment_ago_may_not_be_seen_yet(here: Bench, age: str, state: State) -> None:
    """However long its upload took."""
    Paying(here, refused(404))
    submission = await here.submit()
    await here.db.execute(
        "update receiver.submissions "
        "set created_at = now() - interval '1 day', uploaded_at = now() - $1::text::interval",
        age,
    )
    submission = await here.worked(submission, "pending" if state is State.UPLOADED else "done")
    assert submission.state is state


async def test_the_wish_that_was_named_last_counts_until_it_is_handed_over(here: Bench) -> None:
    asked = here.asked(terms=Terms(if_lost="again"))
    here.plan("500", "/uploads", times=9)
    with pytest.raises(ProviderUnavailable):
        await ordering.submit(here.client, here.db, asked, here.shelf)
    here.sandbox.faults.clear()
    found, is_new = await ordering.submit(here.client, here.db, here.asked(terms=Terms(if_lost="fail")), here.shelf)
    assert (found.if_lost, found.permitted_tries, is_new) == ("fail", 1, False)


async def test_a_second_try_is_told_overdue_by_itself(here: Bench) -> None:
    submission = await here.worked(await here.submit())
    await here.db.execute("update receiver.submissions set overdue_at = now(), state = 'uploaded', paid_tries = 0")
    sent = await records.move(here.db, submission.id, State.SENT, Change(tries=1))
    assert sent is not None
    assert sent.overdue_at is None


async def test_a_quote_is_not_the_lost_work(here: Bench) -> None:
    client = cast("TranscribeSo", here.client)
    Paying(here, refused(500), refused(503))
    submission = await here.worked(await _placed(here, Terms()), "pending")
    await client.quote(Recording(source="external_url", url=PAGE, duration_seconds=60), idempotency_key="q")
    await sent_long_ago(here, submission)
    assert (await woken(here, submission)).state is State.UNKNOWN


async def test_a_work_that_was_lost_and_is_sent_again_is_asked_for_under_its_new_key(here: Bench) -> None:
    """What the provider called the work of an earlier try is not the answer to this one."""
    paying = Paying(here)
    submission = await here.worked(await here.submit())
    await sent_long_ago(here, submission)
    await records.move(here.db, submission.id, State.UNKNOWN, Change(error=GONE))
    async with here.db.acquire() as connection:
        await resolving.again(connection, submission.id)
    lose(here, "html")
    submission = await here.worked(submission)
    assert (submission.state, submission.remote_id) == (State.ACCEPTED, here.sandbox.charges[1].id)
    first, second, repeated = paying.keys
    assert (first != second == repeated, here.charges()) == (True, 2)


# --- a ceiling, and what is known before -----------------------------------------------------------------------------


async def _placed(here: Bench, terms: Terms) -> Submission:
    asked = Asked(
        TranscribeSo, here.account, Work("transcription", Transcribe()), url=PAGE, duration_seconds=60, terms=terms
    )
    async with here.db.acquire() as connection:
        return (await ordering.place(connection, asked))[0]


async def test_what_a_program_wishes_reaches_the_provider(here: Bench) -> None:
    body = {"provider": "transcribe.so", "url": PAGE, "options": {"duration_seconds": 60.5}, "max_charge": 0.001}
    asked = requested.asked(json.dumps(body).encode(), "k1", lambda *_: here.account, [TranscribeSo])
    paying = Paying(here)
    async with here.db.acquire() as connection:
        submission, _ = await ordering.place(connection, asked)
        cheaper = replace(asked, terms=replace(asked.terms, max_charge=0.0005))
        with pytest.raises(ImpossibleError, match="used for something else"):
            await ordering.place(connection, cheaper)
        assert await ordering.place(connection, asked) == (submission, False)
    submission = await here.worked(submission)
    (sent,) = paying.bodies
    assert (sent["max_charge_usd"], sent["duration_seconds"]) == (0.001, 60.5)
    assert (submission.state, here.charges()) == (State.FAILED, 0)
    assert "max_charge_usd" in (submission.error or "")
    assert await seen(here) == [("transcription.failed", None)]


@pytest.mark.parametrize("most", ["1e400", "-1"])
async def test_a_ceiling_is_a_number(here: Bench, most: str) -> None:
    raw = f'{{"provider": "transcribe.so", "url": "{PAGE}", "max_charge": {most}}}'.encode()
    with pytest.raises(ImpossibleError, match="max_charge"):
        requested.asked(raw, "k1", lambda *_: here.account, [TranscribeSo])


async def test_what_is_too_expensive_is_not_sent_and_the_next_command_decides_anew(here: Bench) -> None:
    paying = Paying(here)
    by_url = Asked(TranscribeSo, here.account, Work("transcription", Transcribe()), url=PAGE, duration_seconds=60)
    for number, asked in enumerate((here.asked(), by_url)):
        with pytest.raises(ImpossibleError) as caught:
            await ordering.submit(here.client, here.db, replace(asked, terms=Terms(max_charge=0.001)), here.shelf)
        assert (caught.value.code, paying.keys) == ("above_ceiling", [])
        assert len(await records.recent(here.db, None, None)) == number, "nothing is written of what is refused"
        costlier = replace(asked, terms=Terms(max_charge=1.0, callback_at="https://hooks.example"))
        submission, is_new = await ordering.submit(here.client, here.db, costlier, here.shelf)
        assert (is_new, submission.max_charge) == (True, 1.0)
        assert (submission.callback_url or "").startswith("https://hooks.example/")
    await here.worked(submission)
    assert paying.bodies[-1]["max_charge_usd"] == 1.0


async def test_what_the_provider_works_on_is_not_sent_without_again(here: Bench) -> None:
    """Somebody has submitted it from elsewhere."""
    paying = Paying(here)
    await here.worked(await here.submit())
    german = here.asked(language="de")
    with pytest.raises(ImpossibleError) as caught:
        await ordering.submit(here.client, here.db, german, here.shelf)
    assert (caught.value.code, len(paying.keys)) == ("under_way", 1)
    assert len(await records.recent(here.db, None, None)) == 1, "nothing is written of what is refused"
    again = replace(german, terms=Terms(again=True))
    submission, is_new = await ordering.submit(here.client, here.db, again, here.shelf)
    assert (is_new, submission.state) == (True, State.UPLOADED)


async def test_the_same_again_is_the_same_submission(here: Bench) -> None:
    submission = await here.worked(await here.submit())
    assert await here.submit() == submission
    assert here.charges() == 1


async def test_an_upload_in_pieces_goes_on_where_it_broke_off_and_its_address_is_shown_nowhere(
    here: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path, asked = tmp_path / "long.mp3", list[str]()
    size = sparse(path, WHOLE_BYTES + 1).stat().st_size
    long = Asked(
        TranscribeSo, here.account, Work("transcription", Transcribe()), Media(path, path.name, size, "audio/mpeg"),
        duration_seconds=60,
    )  # fmt: skip

    async def die(request: httpx.Request) -> None:
        asked.append(request.method)
        if request.method == "PATCH" and asked.count("PATCH") == 3:
            raise RuntimeError("the command is killed")

    here.transport.before = die
    with pytest.raises(RuntimeError):
        await ordering.submit(here.client, here.db, long, here.shelf)
    (broken,) = await records.recent(here.db, None, None)
    location = str(broken.upload["location"])
    resumed = asked.copy()
    submission, is_new = await ordering.submit(here.client, here.db, long, here.shelf)
    assert (submission.id, is_new, submission.state) == (broken.id, False, State.UPLOADED)
    (file,) = here.sandbox.transcribe_so.uploads.by_id.values()
    assert (file.complete, submission.remote_file) == (True, file.id)
    patches = asked[len(resumed) :].count("PATCH")
    assert patches == -(-size // CHUNK_BYTES) - 2, "what has arrived is not sent again"
    said = [record.getMessage() for record in caplog.records if record.name.startswith("receiver")]
    shown = f"{broken!r} {broken.to_json()} {said}"
    for secret in (location, location.rpartition("/")[2]):
        assert secret not in shown


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "state"), [("completed", State.DONE), ("failed", State.FAILED)])
async def test_its_own_event_is_the_end(here: Bench, what: str, state: State) -> None:
    here.wanted[f"transcription.{what}"] = ("mine",)
    submission = await here.worked(await here.submit())
    said = submission.charged
    await announce(here, submission.remote_id, what)
    await watcher(here).look()
    submission = await here.worked(submission)
    assert said is not None
    assert submission.charged == (said if state is State.DONE else None), "nobody knows what a failure costs"
    (event,) = await here.events()
    assert (submission.state, submission.event, event.id) == (state, event.key, f"evt_of_{submission.remote_id}")
    assert [job.handler for job in event.jobs] == ["mine"]


async def test_an_event_that_comes_before_the_answer_is_the_end_too(here: Bench) -> None:
    Paying(here, httpx.Response(202, json={"id": 77, "status": "queued"}))
    submission = await here.submit()
    await announce(here, 77)
    await here.worked(submission)
    await watcher(here).look()
    assert ((await here.now(submission)).state, len(await here.events())) == (State.DONE, 1)


@pytest.mark.parametrize("whose", [{"account": "other"}, {"api_url": "https://elsewhere.test"}])
async def test_an_event_of_another_account_or_api_is_not_its_end(here: Bench, whose: dict[str, str]) -> None:
    submission = await here.worked(await here.submit())
    await announce(here, submission.remote_id, **whose)
    await watcher(here).look()
    submission = await ended(here, submission)
    assert submission.state is State.ENDED
    await woken(here, submission)
    assert len(await here.events()) == 2


async def test_an_event_that_another_key_of_the_user_had_is_its_end(here: Bench) -> None:
    submission = await here.worked(await here.submit())
    for account in ("default", "other"):
        await here.db.execute(SAME_USER, here.account.source, here.account.api_url, account)
    await announce(here, submission.remote_id, account="other")
    await watcher(here).look()
    assert ((await here.worked(submission)).state, len(await here.events())) == (State.DONE, 1)


async def test_an_end_that_a_look_has_shown_and_an_event_announces_has_one_event(here: Bench) -> None:
    here.wanted["transcription.completed"] = ("mine",)
    submission = await ended(here, await here.worked(await here.submit()))
    assert submission.state is State.ENDED
    await announce(here, submission.remote_id)
    submission = await here.worked(submission)
    (event,) = await here.events()
    assert (submission.state, submission.event, event.id) == (State.DONE, event.key, f"evt_of_{submission.remote_id}")


def reading(read: list[Any]) -> Handler:
    @handler("transcription.completed", name="mine")
    async def mine(_: Event, ctx: Context) -> None:
        read.append(await ctx.transcript())

    return mine


async def test_an_end_that_nobody_announces_is_seen_and_its_transcript_can_be_read(here: Bench) -> None:
    here.wanted["transcription.completed"] = ("mine",)
    submission = await ended(here, await here.worked(await here.submit()))
    submission = await here.worked(submission)
    (event,) = await here.events()
    assert (submission.state, event.transcription_id) == (State.DONE, submission.remote_id)
    told, end = (await here.data(event))["transcription"], work(here, submission).ended_at
    assert end is not None
    assert (str(told["id"]), told["completed_at"]) == (submission.remote_id, stamp(end))
    read = list[Any]()
    async with here.working(reading(read)):
        await until_read(here)
    assert (read[0].text.strip() != "", read[0].title) == (True, "talk.mp3")
    text = await results.transcript(here.client, here.db, submission)
    assert text is not None
    assert text.text == read[0].text


async def until_read(here: Bench) -> None:
    async def is_done() -> bool:
        (event,) = await here.events()
        return event.jobs[0].state == "done"

    await until(is_done)


@pytest.mark.parametrize("is_refused", [True, False])
async def test_the_reason_of_a_failure_is_stored(here: Bench, *, is_refused: bool) -> None:
    here.wanted["transcription.failed"] = (failures.name,)
    if is_refused:
        Paying(here, refused(400, "unsupported_pipeline"))
    submission = await here.worked(await here.submit("fail.mp3"))
    if not is_refused:
        submission = await here.worked(await ended(here, submission))
    assert (submission.state, await seen(here)) == (State.FAILED, [("transcription.failed", submission.remote_id)])
    async with here.working(failures):
        await until_read(here)
    reason = await here.db.fetchval("select reason from receiver.failures")
    assert reason == (submission.error if is_refused else "The media could not be decoded.")


async def test_whatever_the_provider_says_of_a_work_its_event_can_be_written(here: Bench) -> None:
    submission = await ended(here, await here.worked(await here.submit()))
    strange = {"id": 7, "status": "failed", "error": {"message": "No\x00."}, "new": "\x00", "deep": [[10**50]]}
    provider = Provider(httpx.Response(200, json=strange))
    async with provider.client() as client:
        about = await client.about("7")
    event = announcing.of_end(submission, here.interested, about)
    assert (event.transcription_id, about["error"]) == ("7", "No.")


# --- when it is looked at --------------------------------------------------------------------------------------------


async def register(here: Bench, fingerprint: str) -> None:
    await here.db.execute(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, webhook_url, idempotency_key,"
        " registered_at, webhook_id, secret) values ($1, $2, 'u', 'u', 'k', now(), 'w', 's')",
        here.account.api_url, fingerprint,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("registered", "terms", "is_late"),
    [(None, Terms(), False), ("its", Terms(), True), ("another", Terms(), False), (None, CALLBACK, True)],
)
async def test_what_will_be_announced_is_looked_at_only_late(
    here: Bench, registered: str | None, terms: Terms, *, is_late: bool
) -> None:
    if registered is not None:
        await register(here, here.account.key_fingerprint if registered == "its" else "another key's")
    submission = await here.worked(await here.submit(terms=terms))
    assert submission.look_at is not None
    assert submission.accepted_at is not None
    assert (submission.look_at - submission.accepted_at > NET) is is_late


async def test_the_secret_of_a_callback_is_kept_with_the_answer_and_shown_nowhere(
    here: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    paying = Paying(here)
    submission = await here.worked(await here.submit(terms=CALLBACK))
    callback = work(here, submission).callback
    assert callback is not None
    address = submission.callback_url or ""
    assert address.startswith("https://hooks.example/")
    assert (callback.url, paying.bodies[0]["callback_url"]) == (address, address)
    row = await here.db.fetchrow("select * from receiver.callbacks")
    assert row is not None
    assert (row["secret"], row["transcription_id"]) == (callback.secret, submission.remote_id)
    token = address.rpartition("/")[2]
    shown = f"{submission!r} {submission.to_json()} {caplog.text}"
    for secret in (callback.secret, address, token):
        assert secret not in shown


# --- what a person says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["4821", " 04821 "])
async def test_a_work_that_a_person_has_found_is_looked_at(here: Bench, typed: str) -> None:
    Paying(here, refused(500), refused(499))
    submission = await here.worked(await here.submit())
    async with here.db.acquire() as connection:
        await resolving.found(connection, submission.id, typed)
    await watcher(here).look()
    submission = await here.worked(submission)
    assert (submission.state, submission.remote_id) == (State.DONE, "4821")
    assert ("transcription.completed", "4821") in await seen(here)


@pytest.mark.parametrize("typed", ["abc", "0", "-1", "9" * 30])
async def test_what_can_be_no_work_is_refused(here: Bench, typed: str) -> None:
    Paying(here, refused(500), refused(499))
    submission = await here.worked(await here.submit())
    async with here.db.acquire() as connection:
        with pytest.raises(ImpossibleError, match="is no work: a transcription id"):
            await resolving.found(connection, submission.id, typed)
    assert (await here.now(submission)).state is State.UNKNOWN


async def test_its_text_is_asked_for_by_the_providers_id_and_its_account(here: Bench) -> None:
    configured = settings.load(TRANSCRIBE_API_URL=URL, TRANSCRIBE_API_KEY="k", TRANSCRIBE_API_KEY__BIG_SHOW="b")
    submission = await here.worked(await ended(here, await here.worked(await here.submit())))
    await here.db.execute("update receiver.submissions set account = 'big-show'")
    there = await results.at_provider(here.db, submission.id, configured)
    assert there is not None
    assert (there[0].chosen.name, there[1]) == ("big-show", submission.remote_id)
    elsewhere = settings.load(TRANSCRIBE_API_URL="https://x.test", TRANSCRIBE_API_KEY__BIG_SHOW="b")
    with pytest.raises(ImpossibleError, match=r"was submitted to .*, and this asks https://x.test"):
        await results.at_provider(here.db, submission.id, elsewhere)
