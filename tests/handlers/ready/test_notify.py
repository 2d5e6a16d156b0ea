"""`handlers.ready.notify`: people are told by apprise's own plugins; what is secret is told to nobody."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.ready import notify
from handlers.ready.notify import MOST_DETAIL, MOST_TEXT, MOST_TITLE, TYPES, told
from receiver import Event, GiveUp, Handler, Postpone, Retry, Transcription
from receiver.events import COSTS_NOTICE, DEAD_NOTICE
from receiver.handling import discovery
from receiver.settings import ready_notify
from receiver.testing import Scratch
from receiver.worker import Notices
from tests.processes import until
from tests.servers import App, answering
from tests.worker.test_notices import PAUSES, bury

ALL = ("ready", "failed", "dead", "costs:10")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Yield a service whose address is the one to notify."""
    with App().running() as running:
        monkeypatch.setenv("RECEIVER_NOTIFY", running.apprise)
        yield running


def of(*addresses: str, on: tuple[str, ...] = ALL) -> list[Handler]:
    """Return the handlers of some addresses."""
    return list(notify.made(addresses, on).values())


def event(event_type: str, **data: Any) -> Event:
    known = data.pop("about", Transcription())
    return Event("transcribe.so", "evt_1", event_type, data=data, transcription=known)


async def test_a_transcript_that_is_ready_is_told_in_one_line(receiver_scratch: Scratch, service: App) -> None:
    (handler,) = of(service.apprise)
    found, ctx = await receiver_scratch.claim(handler, duration_seconds=3720, language="en")
    await handler(found, ctx)
    (got,) = service.got
    about = f"(transcribe.so, default, {found.transcription.id})"
    assert (got.json["title"], got.json["message"]) == ("Transcript ready", f"podcast.mp3: 62 min, en {about}")


async def test_the_text_is_the_operators(
    receiver_scratch: Scratch, service: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_NOTIFY_TEXT", "{kind} @here\n{type}: {title}")
    (handler,) = of(service.apprise)
    await handler(*await receiver_scratch.claim(handler, title="<!here>\r\n@everyone {id}\x1b[2J"))
    expected = "Transcript ready @here\ntranscription.completed: <\u200b!here> @\u200beveryone {id} [2J"
    assert service.got[0].json["message"] == expected


@pytest.mark.parametrize(("title", "shown"), [
    ("ask @bob, @**all** and @room", "ask @\u200bbob, @\u200b**all** and @\u200broom"),
    ("[Invoice](https://evil.example)", "[Invoice]\u200b(https://evil.example)"),
    ("mail to bob@example.com", "mail to bob@example.com"),
])  # fmt: skip
def test_a_title_calls_nobody_and_hides_no_address(title: str, shown: str) -> None:
    assert told(event("transcription.completed", about=Transcription(title=title)), "default")["title"] == shown


async def test_a_redirect_is_not_followed(receiver_scratch: Scratch, service: App) -> None:
    service.answers = [answering(307, Location=f"{service.url}/private"), answering(200)]
    (handler,) = of(service.apprise)
    with pytest.raises(Retry, match=r"^the service answered 307$"):
        await handler(*await receiver_scratch.claim(handler))
    assert [got.path for got in service.got] == ["/s3cret/path?x=s3cret"]


async def test_a_text_is_bounded_whatever_its_template_repeats(
    receiver_scratch: Scratch, service: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_NOTIFY_TEXT", "{title}" * 70)
    (handler,) = of(service.apprise)
    await handler(*await receiver_scratch.claim(handler, title="x" * MOST_TITLE))
    assert service.got[0].json["message"] == "x" * MOST_TEXT


async def test_a_title_is_no_markup_where_the_service_shows_html(receiver_scratch: Scratch, service: App) -> None:
    (handler,) = of(f"{service.apprise}&format=html")
    await handler(*await receiver_scratch.claim(handler, title="<img src=x> & co"))
    message = service.got[0].json["message"]
    assert message.startswith("&lt;img")
    assert not {"<", ">"} & set(message)


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
async def test_what_a_service_does_not_take_is_tried_again_with_its_status(
    receiver_scratch: Scratch, service: App, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers = [answering(status), answering(200)]
    (handler,) = of(service.apprise)
    found, ctx = await receiver_scratch.claim(handler)
    with caplog.at_level(logging.DEBUG), pytest.raises(Retry, match=f"^the service answered {status}$"):
        await handler(found, ctx)
    await handler(found, ctx)
    assert len(service.got) == 2
    assert "s3cret" not in caplog.text


async def test_a_service_that_is_not_there_is_tried_again_and_no_address_is_said(
    receiver_scratch: Scratch, caplog: pytest.LogCaptureFixture
) -> None:
    (handler,) = of("json://someone:s3cret@127.0.0.1:1/s3cret")
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(Retry, match=r"^the service cannot be reached: it refuses connections$"),
    ):
        await handler(*await receiver_scratch.claim(handler))
    logging.getLogger("urllib3.connectionpool").debug("what others log")
    assert "s3cret" not in caplog.text


async def test_a_service_that_hangs_is_left_after_the_time_of_its_address(
    receiver_scratch: Scratch, service: App
) -> None:
    service.answers = [service.silent, answering(200)]
    (handler,) = of(f"{service.apprise}&rto=0.5")
    found, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry, match=r"^the service cannot be reached: no answer in time$"):
        await handler(found, ctx)
    await handler(found, ctx)
    assert len(service.got) == 2


async def test_an_address_that_cannot_be_used_is_given_up(receiver_scratch: Scratch) -> None:
    (handler,) = of("slack://s3cret")
    with pytest.raises(
        GiveUp, match=r"^apprise cannot use the address: .* `receiver replay --dead --handler notify:slack`$"
    ):
        await handler(*await receiver_scratch.claim(handler))


async def test_a_service_that_hangs_is_told_one_thing_at_a_time_until_it_answers(
    receiver_scratch: Scratch, service: App
) -> None:
    service.answers = [service.silent, service.silent, answering(200)]
    (handler,) = notify.made([f"{service.apprise}&rto=2.0"], ALL, slow=0.5).values()
    with pytest.raises(Retry, match=r"^the service cannot be reached: no answer in time$"):
        await handler(*await receiver_scratch.claim(handler))
    second = asyncio.create_task(handler(*await receiver_scratch.claim(handler)))
    third = await receiver_scratch.claim(handler)
    await asyncio.to_thread(until, lambda: len(service.got) == 2, "the second has come")
    with pytest.raises(Postpone):
        await handler(*third)
    with pytest.raises(Retry):
        await second
    await handler(*third)
    assert len(service.got) == 3


@pytest.mark.parametrize(("said", "reason"), [
    ("Failed to send JSON notification: , error=503.", ["the service answered 503"]),
    ("Socket Exception: (535, b'5.7.8 s3cret')", ["the service answered 535"]),
    ("Exception: (host='s3cret'): Max retries exceeded with url: /s3cret (Caused by NameResolutionError(\"Failed to …",
     ["the service cannot be reached: the name of its host is not known"]),
    ("Exception: (host='s3cret'): Max retries exceeded (Caused by SSLError(SSLCertVerificationError(1, '[SSL: …",
     ["the service cannot be reached: TLS failed, often for its certificate"]),
    ("Socket Exception: timed out", ["the service cannot be reached: no answer in time"]),
    ("Socket Exception: [Errno 101] Network is unreachable", ["the service cannot be reached: there is no way to it"]),
    ("Sending s3cret", []),
])  # fmt: skip
def test_why_it_failed_is_said_without_a_word_that_could_be_secret(said: str, reason: list[str]) -> None:
    assert notify._reasons(said) == reason  # noqa: SLF001 - the words of services that cannot be asked here


async def test_what_others_let_apprise_say_is_as_much_as_before(
    receiver_scratch: Scratch, service: App, caplog: pytest.LogCaptureFixture
) -> None:
    (handler,) = of(service.apprise)
    with caplog.at_level(logging.INFO):
        await handler(*await receiver_scratch.claim(handler))
        logging.getLogger("apprise").debug("what nobody reads")
        logging.getLogger("apprise").warning("what others read")
    assert "what nobody reads" not in caplog.text
    assert "what others read" in caplog.text


async def test_what_other_threads_log_meanwhile_is_logged(
    receiver_scratch: Scratch, service: App, caplog: pytest.LogCaptureFixture
) -> None:
    (handler,) = of(service.apprise)
    with caplog.at_level(logging.DEBUG):
        await handler(*await receiver_scratch.claim(handler))
        logging.getLogger("urllib3.connectionpool").debug("what others log")
    assert "what others log" in caplog.text
    assert "s3cret" not in caplog.text


async def test_dead_jobs_reach_people_and_those_of_notify_itself_end_there(
    receiver_scratch: Scratch, service: App
) -> None:
    (handler,) = of(service.apprise)
    db = receiver_scratch.db
    organ = Notices(db, lambda kind, source: discovery.interested([handler], kind, source), (), PAUSES)
    await organ.look()
    _, _ = await receiver_scratch.claim(handler)  # its job dies
    await db.execute("update receiver.jobs set state = 'pending', due_at = now()")
    await bury(db, handler.name, "why")
    await organ.look()
    row = await db.fetchrow("select event_id, raw from receiver.events where origin = 'notice'")
    assert row is not None
    notice = Event("transcribe.so", row["event_id"], DEAD_NOTICE, data=json.loads(row["raw"])["data"])
    fields = told(notice, "default")
    assert (fields["kind"], fields["title"]) == ("Dead letters", handler.name)
    assert fields["detail"].startswith("1 job has died since 20")
    assert fields["detail"].endswith(" UTC, the last: why; `receiver dead` shows them")
    await bury(db, handler.name)
    await organ.look()
    assert await db.fetchval("select count(*) from receiver.events where origin = 'notice'") == 1


@pytest.mark.parametrize(("found", "kind", "title", "detail"), [
    (event("transcription.completed"), "Transcript ready", "evt_1", "finished"),
    (event("transcription.completed", about=Transcription(title="t", duration_seconds=59.6, language="auto")),
     "Transcript ready", "t", "60 s"),
    (event("separation.completed", submission={"id": "sub_1", "recording": "a.wav"}), "Separation ready", "a.wav",
     "finished"),
    (event("transcription.failed", about=Transcription(id="7", duration_seconds=59.6)), "Transcription failed", "7",
     "no reason given"),
    (event("transcription.failed", transcription={"error": {"message": "too\nlong"}}), "Transcription failed", "evt_1",
     "too long"),
    (event("translation.failed", submission={"id": "sub_1", "error": "no money"}), "Translation failed", "evt_1",
     "no money"),
    (event("submission.unknown", submission={"id": "sub_1"}), "A person must decide", "evt_1",
     "nobody knows whether it was carried out; `receiver resolve sub_1` says more"),
    (event("submission.overdue", submission={"id": "sub_1"}), "Overdue", "evt_1",
     "it takes much longer than usual, and is still looked at"),
    (event(COSTS_NOTICE, costs={"month": "2026-11", "amount": 1234.5, "threshold": 10.0}), "Costs passed 10 USD",
     "2026-11", "1,234.50 USD in 2026-11 so far"),
    (event(DEAD_NOTICE, dead={"handler": "h", "jobs": 12, "since": "2026-11-29T20:14:05+00:00", "error": "e"}),
     "Dead letters", "h", "12 jobs have died since 2026-11-29 20:14 UTC, the last: e; `receiver dead` shows them"),
    (event(DEAD_NOTICE, dead=["no object"]), "Dead letters", "evt_1", "jobs have died; `receiver dead` shows them"),
])  # fmt: skip
def test_each_event_has_its_words(found: Event, kind: str, title: str, detail: str) -> None:
    fields = told(found, "default")
    assert (fields["kind"], fields["title"], fields["detail"]) == (kind, title, detail)


def test_no_text_has_the_query_of_an_address() -> None:
    url = "https://u:s3cret@h.example/a b.mp3?X-Amz-Signature=s3cret"
    submission = {"id": "sub_1", "recording": url, "error": f"no answer of {url}"}
    about = {"title": url.replace(" ", ""), "error": {"message": f"cannot fetch {url}"}}
    for kind in (*TYPES["ready"], *TYPES["failed"]):
        for data in ({"submission": submission}, {"submission": submission, "transcription": about}):
            fields = told(event(kind, **data), "default")
            assert fields["title"] == "https://h.example/a b.mp3?…"
            assert "s3cret" not in "".join(fields.values())
    url, about = url.replace(" ", ""), {"error": {"message": f"cannot fetch {about['title']}"}}
    found = told(event("transcription.failed", about=Transcription(title=url), transcription=about), "default")
    assert "s3cret" not in "".join(found.values())


def test_strangers_words_are_bounded_lines() -> None:
    endless = "\u202e\x00\n" + "x" * 100_000
    found = told(
        event("transcription.failed", transcription={"error": endless}, about=Transcription(title=endless)), "a"
    )
    assert (len(found["title"]), len(found["detail"])) == (MOST_TITLE, MOST_DETAIL)
    assert all(text.isprintable() for text in found.values())


def test_the_fields_are_those_that_the_setting_allows() -> None:
    assert set(told(event("transcription.completed"), "a")) == set(ready_notify.FIELDS)


def test_each_address_has_a_handler_of_its_own_named_for_its_service() -> None:
    found = of("ntfy://s3cret", "JSON://a", "ntfy://other", "ntfys://third")
    assert [one.name for one in found] == ["notify:ntfy", "notify:json", "notify:ntfy-2", "notify:ntfys"]
    assert {one.needs for one in found} == {"RECEIVER_NOTIFY"}
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(("on", "wanted", "unwanted"), [
    (("ready",), "translation.completed", "transcription.failed"), (("failed",), "submission.unknown", DEAD_NOTICE),
    (("dead",), DEAD_NOTICE, COSTS_NOTICE), (("costs:10", "costs:50"), COSTS_NOTICE, DEAD_NOTICE),
])  # fmt: skip
def test_it_wants_what_it_is_told_to_want(on: tuple[str, ...], wanted: str, unwanted: str) -> None:
    (one,) = of("json://a", on=on)
    assert one.wants(wanted, "timbr")
    assert not one.wants(unwanted, "timbr")


def test_it_knows_every_occasion() -> None:
    assert set(TYPES) == {*ready_notify.OCCASIONS, ready_notify.COSTS.removesuffix(":")}


def test_without_its_setting_it_has_no_handler() -> None:
    assert [one for one in vars(notify).values() if isinstance(one, Handler)] == []
