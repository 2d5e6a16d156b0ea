"""`receiver.sandbox.transcribe_so`: registration, deliveries, and the knobs that turn them."""

import asyncio
import re
import time
from typing import Literal

import pytest

from receiver import signature
from receiver.events import Event
from receiver.providers.transcribe_so import payload
from receiver.sandbox import Knobs
from tests.sandbox.simulated import (
    ALMOST_AT_ONCE,
    LONGEST_WAIT,
    OTHER,
    URL,
    Target,
    error,
    hold_retries,
    made,
    register,
    sandboxed,
    submit,
)

# --- webhooks --------------------------------------------------------------------------------------------------------


async def test_a_second_webhook_replaces_the_first() -> None:
    async with Target().listening() as old, Target().listening() as new, sandboxed() as client:
        first, second = await register(client, old.url), await register(client, new.url)
        await client.post("webhooks/test")
        headers, body = await new.next()
        assert first != second
        assert signature.verify(headers, body, secrets=[second.encode()], now=time.time()).secret == second.encode()
        assert old.more == 0


async def test_a_second_webhook_is_refused_where_the_provider_does_so() -> None:
    async with sandboxed(knobs=Knobs(second_webhook="409")) as client:
        await register(client, "http://127.0.0.1:1/")
        second = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"})
    assert second.status_code == 409


async def test_a_second_webhook_is_the_first_without_its_secret_where_the_provider_does_so() -> None:
    async with sandboxed(knobs=Knobs(second_webhook="same")) as client:
        first = (await client.post("webhooks", json={"url": "http://127.0.0.1:1/"})).json()
        second = await client.post("webhooks", json={"url": "http://127.0.0.1:2/"})
    assert second.status_code == 200
    assert second.json() == {k: v for k, v in first.items() if k != "signing_secret"}


@pytest.mark.parametrize("url", [None, 5, "", "example.com/hook", "ftp://example.com/", ["http://127.0.0.1:1/"]])
async def test_a_webhook_needs_a_web_address(url: object) -> None:
    async with sandboxed() as client:
        assert error(await client.post("webhooks", json={"url": url})) == (400, "invalid_request")


async def test_a_webhook_can_be_looked_at_and_never_shows_its_secret_again() -> None:
    async with sandboxed() as client:
        none = await client.get("webhooks")
        first = (await client.post("webhooks", json={"url": "http://127.0.0.1:1/"})).json()
        shown = await client.get("webhooks")
        theirs = await client.get("webhooks", headers=OTHER)
    assert error(none) == error(theirs) == (404, "not_found")
    assert first.pop("signing_secret").startswith("whsec_")
    assert shown.json() == first
    assert (shown.json()["url"], shown.json()["enabled"]) == ("http://127.0.0.1:1/", True)


async def test_a_deleted_webhook_gets_no_more_deliveries(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = hold_retries(monkeypatch)
    async with Target(500).listening() as target, sandboxed() as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        await target.next()
        deleted = await client.delete("webhooks")
        over.set()
        await until_logged(caplog, "is not delivered")  # when the first pause is over
        assert target.more == 0
        again = await client.post("webhooks/test")
    assert deleted.json()["deleted"] is True
    assert error(again) == (404, "not_found")


@pytest.mark.parametrize(("methods", "status"), [("404", 404), ("405", 405)])
async def test_a_webhook_may_not_be_looked_at_where_the_provider_has_no_such_methods(
    methods: Literal["404", "405"], status: int
) -> None:
    async with sandboxed(knobs=Knobs(webhook_methods=methods)) as client:
        await register(client, "http://127.0.0.1:1/")
        answers = [await client.get("webhooks"), await client.delete("webhooks")]
        tested = await client.post("webhooks/test")
    assert [answer.status_code for answer in answers] == [status, status]
    assert tested.status_code == 202


# --- deliveries ------------------------------------------------------------------------------------------------------


async def test_a_transcription_completes_and_one_signed_event_says_so() -> None:
    began = int(time.time())
    async with Target().listening() as target, sandboxed() as client:
        secret = await register(client, target.url)
        number = await submit(client, "https://youtu.be/talk")
        headers, body = await target.next()
        status = (await client.get(f"transcriptions/{number}")).json()
        assert target.more == 0
    assert signature.verify(headers, body, secrets=[secret.encode()], now=time.time()).secret == secret.encode()
    event = payload.read("transcribe.so", body)
    assert isinstance(event, Event)
    assert (event.type, event.transcription.id) == ("transcription.completed", str(number))
    assert began <= (event.created or 0) <= time.time()
    assert set(event.data["transcription"]) == {
        "id", "status", "stage", "pipeline_code", "language", "source", "title", "duration_seconds", "billed_seconds",
        "charge_usd", "completed_at",
    }  # fmt: skip
    assert status == event.data["transcription"] | {"progress": 100, "created_at": status["created_at"]}
    assert (status["status"], status["stage"], status["title"]) == ("completed", "completed", "talk")
    assert status["charge_usd"] == 2.172
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", status["completed_at"])


async def test_what_is_called_fail_fails_and_was_charged_for() -> None:
    """The provider's published client says it: a retry charges again, and the failed charge is not refunded."""
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        number = await submit(client, "https://example.com/this-will-FAIL.mp3")
        event = await target.next_event()
        result = await client.get(f"transcriptions/{number}/result")
        left = (await client.get("me")).json()["wallet_balance_usd"]
    about = event["data"]["transcription"]
    assert (event["event"], about["id"], about["status"]) == ("transcription.failed", number, "failed")
    assert (about["charge_usd"], about["error"]) == (2.172, "The media could not be decoded.")
    assert left == 95.478
    assert error(result) == (409, "not_ready")
    assert result.json()["error"]["reason"] == "transcription_failed"


async def test_a_test_event_names_no_transcription() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        event = payload.read("transcribe.so", (await target.next())[1])
    assert isinstance(event, Event)
    assert (event.type, event.transcription.id) == ("webhook.test", None)


@pytest.mark.parametrize("status", [199, 302, 400, 401, 404, 410, 500, 503])
async def test_what_is_not_taken_is_delivered_again_with_the_same_id_and_body(status: int) -> None:
    async with Target(status, status).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        bodies = [(await target.next())[1] for _ in range(3)]
    assert len(set(bodies)) == 1


async def test_after_five_failures_the_webhook_is_off_for_every_event(caplog: pytest.LogCaptureFixture) -> None:
    async with Target(*[500] * 5).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        assert len({(await target.next_event())["id"] for _ in range(5)}) == 1
        await until_logged(caplog, "is switched off after 5 failures in a row")
        await client.post("webhooks/test")
        await until_logged(caplog, "is not delivered")
        assert target.more == 0


async def test_failures_of_different_events_count_together(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five events in one short outage are enough."""
    over = hold_retries(monkeypatch)
    async with Target(*[500] * 100).listening() as target, sandboxed() as client:
        await register(client, target.url)
        for _ in range(5):
            await client.post("webhooks/test")
        assert len({(await target.next_event())["id"] for _ in range(5)}) == 5
        await until_logged(caplog, "is switched off after 5 failures in a row")
        over.set()
        await until_logged(caplog, "is not delivered")  # the first of the five, when its first pause is over
        assert target.more == 0


async def test_a_success_resets_the_count_of_failures() -> None:
    async with Target(*[500] * 4, 200, *[500] * 4).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        ids = []
        for _ in range(2):
            await client.post("webhooks/test")
            ids.append([(await target.next_event())["id"] for _ in range(5)])
    assert [len(set(five)) for five in ids] == [1, 1]
    assert ids[0] != ids[1]


async def test_a_target_that_does_not_answer_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    async with sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, "http://127.0.0.1:1/")
        await client.post("webhooks/test")
        await until_logged(caplog, "is switched off after 5 failures in a row")


async def test_a_webhook_that_was_switched_off_is_switched_on_again_by_a_person(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Target(*[500] * 5).listening() as target, sandboxed(speed=ALMOST_AT_ONCE) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        await until_logged(caplog, "is switched off after 5 failures in a row")
        off = (await client.get("webhooks")).json()
        enabled = await client.post(f"{URL}/sandbox/webhooks/enable", headers={"Authorization": ""})
        on = (await client.get("webhooks")).json()
        for _ in range(5):
            await target.next()
        await client.post("webhooks/test")
        assert (await target.next_event())["event"] == "webhook.test"
    assert (off["enabled"], off["consecutive_failures"]) == (False, 5)
    assert enabled.json() == {"enabled": 1}
    assert (on["enabled"], on["consecutive_failures"]) == (True, 0)


async def test_a_webhook_can_be_switched_off_as_after_five_failures() -> None:
    async with Target().listening() as target, sandboxed() as client:
        await register(client, target.url)
        disabled = await client.post(f"{URL}/sandbox/webhooks/disable", headers={"Authorization": ""})
        off = (await client.get("webhooks")).json()
        lost = await made(client, "https://youtu.be/lost")
        await client.post(f"{URL}/sandbox/webhooks/enable")
        told = await made(client, "https://youtu.be/told")
        assert (await target.next_event())["data"]["transcription"]["id"] == told != lost
        assert target.more == 0
    assert disabled.json() == {"disabled": 1}
    assert (off["enabled"], off["consecutive_failures"]) == (False, 5)


# --- knobs -----------------------------------------------------------------------------------------------------------


async def test_a_retry_is_signed_anew_or_carries_its_first_time() -> None:
    async def stamps(knob: Literal["fresh", "first"]) -> list[int]:
        knobs = Knobs(retry_stamp=knob)
        async with Target(500).listening() as target, sandboxed(speed=50, knobs=knobs) as client:
            secret = await register(client, target.url)
            await client.post("webhooks/test")
            deliveries = [await target.next() for _ in range(2)]  # 1.2 s lie between them
        return [
            signature.verify(headers, body, secrets=[secret.encode()], now=time.time()).signed_at
            for headers, body in deliveries
        ]

    fresh, first = await asyncio.gather(stamps("fresh"), stamps("first"))
    assert fresh[0] < fresh[1]
    assert first[0] == first[1]


async def test_a_signature_is_as_old_as_the_knob_says() -> None:
    async with Target().listening() as target, sandboxed(knobs=Knobs(stamp_age=400)) as client:
        secret = await register(client, target.url)
        await client.post("webhooks/test")
        headers, body = await target.next()
    signed = signature.verify(headers, body, secrets=[secret.encode()], now=time.time() - 400)
    assert signed.signed_at <= time.time() - 400


async def test_a_retry_may_have_an_id_of_its_own() -> None:
    knobs = Knobs(retry_id="new")
    async with Target(500, 500).listening() as target, sandboxed(speed=ALMOST_AT_ONCE, knobs=knobs) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        payloads = [await target.next_event() for _ in range(3)]
    assert len({payload.pop("id") for payload in payloads}) == 3
    assert payloads[0] == payloads[1] == payloads[2]


async def test_a_success_may_leave_the_count_of_failures_as_it_is() -> None:
    knobs = Knobs(success="keeps")
    async with (
        Target(500, 500, 200, 500, 200).listening() as target,
        sandboxed(speed=ALMOST_AT_ONCE, knobs=knobs) as client,
    ):
        await register(client, target.url)
        for deliveries in (3, 2):
            await client.post("webhooks/test")
            for _ in range(deliveries):
                await target.next()
        webhook = (await client.get("webhooks")).json()
    assert webhook["consecutive_failures"] == 3


async def test_test_events_may_not_count_but_others_do() -> None:
    knobs = Knobs(test_events="ignore")
    async with Target(*[500] * 10).listening() as target, sandboxed(speed=ALMOST_AT_ONCE, knobs=knobs) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        for _ in range(5):
            await target.next()
        tested = (await client.get("webhooks")).json()
        await submit(client)
        for _ in range(5):
            await target.next()
        async with asyncio.timeout(LONGEST_WAIT):
            while (webhook := (await client.get("webhooks")).json())["enabled"]:  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.005)
    assert (tested["enabled"], tested["consecutive_failures"]) == (True, 0)
    assert webhook["consecutive_failures"] == 5


@pytest.mark.parametrize("attempts", [5, 6])
async def test_an_event_is_delivered_five_times_in_all_or_retried_five_times(
    attempts: Literal[5, 6], caplog: pytest.LogCaptureFixture
) -> None:
    """Test events that do not count never switch the webhook off, so what ends the deliveries is their number."""
    knobs = Knobs(attempts=attempts, test_events="ignore")
    async with Target(*[500] * 20).listening() as target, sandboxed(speed=2_000_000, knobs=knobs) as client:
        await register(client, target.url)
        await client.post("webhooks/test")
        for _ in range(attempts):
            await target.next()
        await until_logged(caplog, "giving up on")
        assert target.more == 0


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(LONGEST_WAIT):
        while text not in caplog.text:  # noqa: ASYNC110 - a log has no event to wait for
            await asyncio.sleep(0.01)
