"""`handlers.ready.forward`: what an app gets, what its answers do, and that one target repeats nothing at another."""

import asyncio
import base64
import dataclasses
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from handlers.ready import forward
from receiver import Context, Event, GiveUp, Handler, NotReady, Postpone, Retry, Target, settings
from receiver.events import AccountId
from receiver.handling import Completion, discovery, ending
from receiver.health import checks
from receiver.inbox import jobs, listing
from receiver.inbox.retry import Done
from receiver.sandbox.transcribe_so.past import make
from receiver.settings import Settings
from receiver.signature import verify
from receiver.testing import ACCOUNT, LEASE, Scratch
from receiver.transcripts.documents import FORMATS
from tests.servers import Answer, App, answering, cut, echoing, half, lead_here, reset

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
OTHER = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
FOREIGN = f"whsec_{base64.b64encode(bytes(range(1, 33))).decode()}"
IMPATIENT = 0.3
KEY = "tsk_test_scratch"  # of the scratch's client


@pytest.fixture
def app() -> Iterator[App]:
    with App().running() as running:
        yield running


def target(url: str, name: str = "shop", **changes: Any) -> Target:
    variable = f"RECEIVER_FORWARD_{name.upper().replace('-', '_')}"
    found = Target(name, variable, f"{url}/in?token=s3cret", (SECRET,), is_private=True)
    return dataclasses.replace(found, **changes)


def handler_of(found: Target, *, seconds: float = 60) -> Handler:
    (handler,) = forward.made([found], seconds=seconds).values()
    return handler


async def forwarded(scratch: Scratch, app: App, **changes: Any) -> tuple[Event, Context]:
    """Forward an event to the app, and return what it was."""
    handler = handler_of(target(app.url, **changes))
    event, ctx = await scratch.claim(handler)
    await handler(event, ctx)
    return event, ctx


# --- what an app gets ------------------------------------------------------------------------------------------------


async def test_an_app_gets_the_event_signed_so_that_the_library_of_the_standard_verifies_it(
    receiver_scratch: Scratch, app: App
) -> None:
    event, ctx = await forwarded(receiver_scratch, app)
    (got,) = app.got
    headers = dict(got.headers.items())
    said = Webhook(SECRET).verify(got.body, headers)
    assert said == json.loads(got.body)
    assert (said["type"], said["data"]["event"], said["data"]["source"]) == (event.type, event.id, "transcribe.so")
    assert said["data"]["provider"] == event.data
    assert (said["data"]["transcript"], said["data"]["left_out"]) == (None, [])
    assert (got.path, got.id) == ("/in?token=s3cret", ctx.idempotency_key)
    assert (headers["Content-Type"], headers["User-Agent"]) == ("application/json", "receiver")
    with pytest.raises(WebhookVerificationError):
        Webhook(FOREIGN).verify(got.body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body, headers | {"webhook-id": "other"})


async def test_each_of_several_secrets_verifies_in_both_forms(receiver_scratch: Scratch, app: App) -> None:
    await forwarded(receiver_scratch, app, secrets=(SECRET, OTHER))
    (got,) = app.got
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(got.body, dict(got.headers.items()))
        at = int(got.headers["webhook-timestamp"])
        own = [(b"x-transcribe-signature", got.headers["X-Receiver-Signature"].encode())]
        assert verify(own, got.body, secrets=[secret.encode()], now=at).signed_at == at


async def test_its_transcript_comes_along_where_it_is_asked_for(receiver_scratch: Scratch, app: App) -> None:
    _, ctx = await forwarded(receiver_scratch, app, with_transcript=True)
    transcript = await ctx.transcript()
    assert json.loads(app.got[0].body)["data"]["transcript"] == json.loads(FORMATS["json"](transcript))
    assert len(transcript.segments) > 1


def past(scratch: Scratch, status: str) -> int:
    """Return the id of a transcription that the provider has, with a status."""
    made = make(scratch.sandbox.transcribe_so, {"status": status, "key": KEY})
    return int(made["ids"][0])


@pytest.mark.parametrize("event_type", ["transcription.completed", "transcription.failed", "separation.completed"])
async def test_an_event_without_a_transcript_is_forwarded_without_it(
    receiver_scratch: Scratch, app: App, event_type: str
) -> None:
    handler = handler_of(target(app.url, with_transcript=True))
    number = None if event_type == "separation.completed" else past(receiver_scratch, "failed")
    await handler(*await receiver_scratch.claim(handler, event_type, id=number))
    assert json.loads(app.got[0].body)["data"]["transcript"] is None


async def test_an_event_whose_transcript_is_still_being_made_waits_for_it(receiver_scratch: Scratch, app: App) -> None:
    handler = handler_of(target(app.url, with_transcript=True))
    event, ctx = await receiver_scratch.claim(handler, id=past(receiver_scratch, "processing"))
    with pytest.raises(NotReady) as raised:
        await handler(event, ctx)
    assert raised.value.passing
    assert app.got == []


async def again(scratch: Scratch, event: Event, ctx: Context) -> Context:
    """Replay an event for the handler of `ctx`, claim the job again, and return its context."""
    (found,) = await listing.find(scratch.db, event.id)
    await jobs.replay(scratch.db, found.key, [ctx.handler])
    portions = [jobs.Portion(queue, 1) for queue in jobs.queues([ctx.account], [ctx.handler])]
    (claim,) = await jobs.claim(scratch.db, portions, lease=LEASE, limit=1)
    return dataclasses.replace(
        ctx, attempt=claim.attempt, idempotency_key=claim.idempotency_key, completion=Completion()
    )


async def test_a_repeat_and_a_replay_are_known_by_their_id_and_have_the_same_body(
    receiver_scratch: Scratch, app: App
) -> None:
    handler = handler_of(target(app.url, with_transcript=True))
    app.answers = [answering(500), answering(200)]
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry):
        await handler(event, ctx)
    await handler(event, ctx)
    await jobs.settle(receiver_scratch.db, [jobs.Ended(ctx.job, ctx.attempt, Done())])
    await handler(event, await again(receiver_scratch, event, ctx))
    assert len(app.got) == 3
    assert len({(got.id, got.body) for got in app.got}) == 1


async def test_the_id_is_another_for_each_of_the_five_that_name_an_event_and_for_each_target(
    receiver_scratch: Scratch, app: App
) -> None:
    names = [(ACCOUNT, "evt_1", "4821"), (ACCOUNT, "evt_2", "4821"), (ACCOUNT, "evt_1", "4822")]
    for other in (("other",), (None, "https://other.test"), (None, None, "other")):
        named = [new or old for new, old in zip((*other, None, None), ACCOUNT, strict=False)]
        names.append((AccountId(*named), "evt_1", "4821"))
    keys = {
        jobs.idempotency_key(account, event, transcription, f"forward:{name}", None)
        for account, event, transcription in names
        for name in ("shop", "other")
    }
    assert len(keys) == 12
    _, ctx = await forwarded(receiver_scratch, app)
    assert app.got[0].id == jobs.idempotency_key(ACCOUNT, "evt_1", "4821", "forward:shop", None) == ctx.idempotency_key
    assert "." not in app.got[0].id


async def test_a_user_and_a_password_in_the_address_are_sent(receiver_scratch: Scratch, app: App) -> None:
    await forwarded(receiver_scratch, app, address=app.url.replace("//", "//me:pass@"))
    assert app.got[0].headers["Authorization"] == f"Basic {base64.b64encode(b'me:pass').decode()}"


# --- what its answers do ---------------------------------------------------------------------------------------------


async def test_one_connection_serves_several_events(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [answering(200)]
    handler = handler_of(target(app.url))
    for _ in range(3):
        await handler(*await receiver_scratch.claim(handler))
    assert (len(app.got), app.connections) == (3, 1)


@pytest.mark.parametrize("status", [200, 202, 204, 299])
async def test_a_good_answer_is_enough(receiver_scratch: Scratch, app: App, status: int) -> None:
    app.answers = [answering(status)]
    await forwarded(receiver_scratch, app)


@pytest.mark.parametrize("how", ["endless", "dripping"])
async def test_a_good_answer_is_enough_whatever_its_body_does(receiver_scratch: Scratch, app: App, how: str) -> None:
    app.answers = [getattr(app, how)]
    await forwarded(receiver_scratch, app)
    assert app.sent < 32_000_000, "hardly more than the system's buffers hold"


@pytest.mark.parametrize("status", [300, 400, 401, 404, 408, 409, 422, 429, 500, 502, 503])
async def test_any_other_answer_is_tried_again_by_the_policy(receiver_scratch: Scratch, app: App, status: int) -> None:
    app.answers = [answering(status)]
    with pytest.raises(Retry, match=f"^shop answered {status}$") as raised:
        await forwarded(receiver_scratch, app)
    assert raised.value.after is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(receiver_scratch: Scratch, app: App, status: int) -> None:
    app.answers = [answering(status, Location=f"{app.url}/elsewhere"), answering(200)]
    with pytest.raises(Retry, match=f"answered {status}"):
        await forwarded(receiver_scratch, app)
    assert [got.path for got in app.got] == ["/in?token=s3cret"]


@pytest.mark.parametrize("answer", [cut, half, reset])
async def test_a_connection_that_is_cut_is_no_answer(receiver_scratch: Scratch, app: App, answer: Answer) -> None:
    app.answers = [answer]
    with pytest.raises(Retry, match=r"^shop did not answer: ") as raised:
        await forwarded(receiver_scratch, app)
    assert "s3cret" not in str(raised.value)


async def test_an_app_that_repeats_what_it_reads_brings_no_token_into_the_error(receiver_scratch: Scratch) -> None:
    """Not into the causes either, which a log can show."""
    with echoing() as mirror:
        handler = handler_of(target(mirror))
        event, ctx = await receiver_scratch.claim(handler)
        with pytest.raises(Retry, match=r"^shop did not answer: what it sent is not HTTP$") as raised:
            await handler(event, ctx)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


async def test_an_app_that_is_not_there_is_no_answer(receiver_scratch: Scratch, app: App) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Retry, match=r"^shop did not answer: "):
        await forwarded(receiver_scratch, app, address=f"http://127.0.0.1:{port}")


async def test_an_app_that_says_nothing_in_time_is_no_answer(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [app.silent]
    handler = handler_of(target(app.url), seconds=IMPATIENT)
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry, match=f"^shop did not answer within {IMPATIENT:g} s$"):
        await handler(event, ctx)
    assert len(app.got) == 1


async def test_an_app_that_hangs_gets_one_event_at_a_time_until_it_answers(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [app.silent]
    handler = handler_of(target(app.url), seconds=IMPATIENT)
    other = handler_of(target(app.url, "other"))
    events = [await receiver_scratch.claim(handler) for _ in range(3)]
    said = await asyncio.gather(*(handler(*one) for one in events), return_exceptions=True)
    assert [type(one) for one in said] == [Retry] * 3, "nobody knew"
    said = await asyncio.gather(*(handler(*one) for one in events), return_exceptions=True)
    assert [type(one) for one in said].count(Retry) == 1
    assert [one.after for one in said if isinstance(one, Postpone)] == [timedelta(minutes=5)] * 2
    assert len(app.got) == 4
    app.answers = [answering(500)]
    with pytest.raises(Retry):
        await handler(*events[0])
    app.answers = [answering(200)]
    await asyncio.gather(*(handler(*one) for one in events), other(*await receiver_scratch.claim(other)))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("60", 60), ("0", 10), ("9", 10), ("3600", 3600), ("3601", 3600), ("9" * 400, 3600), (" 60 ", 60)],
)
async def test_an_app_that_names_a_time_is_left_alone_so_long_within_bounds_and_the_try_does_not_count(
    receiver_scratch: Scratch, app: App, said: str, seconds: int
) -> None:
    for status in (429, 503):
        app.answers = [answering(status, Retry_After=said)]
        with pytest.raises(Postpone, match=f"^shop answered {status}$") as raised:
            await forwarded(receiver_scratch, app)
        assert raised.value.after == timedelta(seconds=seconds)


async def test_a_date_names_a_time_too(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [answering(503, Retry_After=format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True))]
    with pytest.raises(Postpone) as raised:
        await forwarded(receiver_scratch, app)
    assert raised.value.after == timedelta(hours=1)


@pytest.mark.parametrize("said", ["soon", "-1", "1.5", "", "Mon, 99 Foo 2026 00:00:00 GMT", "\u0661"])
async def test_a_time_that_cannot_be_read_is_none(receiver_scratch: Scratch, app: App, said: str) -> None:
    app.answers = [answering(503, Retry_After=said.encode().decode("latin-1"))]
    with pytest.raises(Retry):
        await forwarded(receiver_scratch, app)


async def test_a_time_that_comes_with_another_status_means_nothing(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [answering(500, Retry_After="60")]
    with pytest.raises(Retry):
        await forwarded(receiver_scratch, app)


# --- the end of a target ---------------------------------------------------------------------------------------------


def configured(app: App) -> Settings:
    """Return settings that make two targets at the app."""
    return settings.load(
        RECEIVER_FORWARD_SHOP=f"{app.url}/in", RECEIVER_FORWARD_SHOP_SECRET=SECRET, RECEIVER_FORWARD_PRIVATE="yes",
        RECEIVER_FORWARD_OTHER=f"{app.url}/other", RECEIVER_FORWARD_OTHER_SECRET=SECRET,
    )  # fmt: skip


async def test_410_ends_a_target_until_it_is_resumed_and_no_other(receiver_scratch: Scratch, app: App) -> None:
    app.answers = [answering(410), answering(200)]
    for _ in range(2):
        with pytest.raises(GiveUp, match=r"^nothing is forwarded to shop, because it answered 410 Gone; ") as raised:
            await forwarded(receiver_scratch, app)
        assert "`receiver forward --resume shop`, then `receiver replay --dead --handler forward:shop`" in str(
            raised.value
        )
    assert len(app.got) == 1, "it is not asked again"
    await forwarded(receiver_scratch, app, name="other")
    (found,) = await ending.ended(receiver_scratch.db)
    assert (found.target, found.reason) == ("shop", "it answered 410 Gone")
    (finding,) = checks.targets(configured(app), [found])
    assert not finding.holds
    assert "`receiver forward --resume shop`" in finding.todo
    assert (await ending.resume(receiver_scratch.db, "shop", configured(app))).had_ended
    await forwarded(receiver_scratch, app)
    assert len(app.got) == 3
    assert not (await ending.resume(receiver_scratch.db, "shop", configured(app))).had_ended


# --- where it may go -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_has_become_private_is_not_sent_a_byte_unless_that_is_allowed(
    receiver_scratch: Scratch, app: App, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_here("rebound", monkeypatch)
    address = app.url.replace("http", scheme).replace("127.0.0.1", "rebound.test")
    with pytest.raises(Retry, match=r"rebound\.test, which is 127\.0\.0\.1, which is not public"):
        await forwarded(receiver_scratch, app, address=address, is_private=False)
    assert app.got == []
    if scheme == "http":
        await forwarded(receiver_scratch, app, address=address, is_private=True)


async def test_a_public_address_gets_nothing_that_is_not_encrypted(receiver_scratch: Scratch, app: App) -> None:
    with pytest.raises(Retry, match=r"8\.8\.8\.8, which is not private"):
        await forwarded(receiver_scratch, app, address="http://8.8.8.8/", is_private=True)


# --- its handlers ----------------------------------------------------------------------------------------------------


def test_each_target_has_a_handler_of_its_own_with_its_own_types() -> None:
    one, other = (
        target("https://x.test", "one", types=("transcription.*", "webhook.test")),
        target("https://y.test", "big-show"),
    )
    found = forward.made([one, other])
    assert {name: handler.name for name, handler in found.items()} == {
        "forward_one": "forward:one", "forward_big_show": "forward:big-show",
    }  # fmt: skip
    assert found["forward_one"].patterns == ("transcription.*", "webhook.test")
    assert found["forward_one"].needs == "RECEIVER_FORWARD_ONE"
    assert not found["forward_one"].wants("transcription2.completed", "timbr")
    assert found["forward_big_show"].wants("anything.else", "timbr")


def test_without_targets_there_are_no_handlers() -> None:
    assert not [
        name for name in discovery.load(settings.load(RECEIVER_HANDLERS="handlers")) if name.startswith("forward")
    ]
