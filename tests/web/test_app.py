"""`receiver.web`: every delivery gets the right answer, and a delivery that is answered 200 is in the database."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from receiver import Context, Event, Handler, database, handler, signature
from receiver.database import Connections, Pool, migrations
from receiver.errors import SignatureError
from receiver.health import failures
from receiver.inbox import jobs, listing
from receiver.inbox.spool import Spool
from receiver.settings import Account
from receiver.web import Receiver, application, body, refusals
from receiver.web.store import Deadlines
from receiver.webhooks.remembered import Remembered
from tests.processes import SECRET, completed, sign
from tests.worker.working import until

API = "http://provider.test"
PATIENT = Deadlines(database=60, spool=60, question=60)  # however busy the machine is
PATH = "/webhooks/transcribe-so"
NOWHERE = "postgresql://receiver@127.0.0.1:1/away"


@handler("transcription.completed")
async def announce(event: Event, ctx: Context) -> None:
    """Want completed transcriptions. The web process never runs a handler, it only needs its patterns."""


@handler("transcription.*")
async def count(event: Event, ctx: Context) -> None:
    """Want all events of transcriptions."""


HANDLERS = {"announce": announce, "count": count}


class Web:
    """A receiver's application, called without a socket."""

    def __init__(self, receiver: Receiver, client: httpx.AsyncClient) -> None:
        self.receiver = receiver
        self.client = client

    async def deliver(self, raw: bytes, path: str = PATH, **options: Any) -> httpx.Response:
        """Deliver an authentic body."""
        return await self.client.post(path, content=raw, headers=sign(raw, **options))


def account(*secrets: bytes, name: str = "default") -> Account:
    own = tuple(SecretStr(secret.decode()) for secret in secrets)
    return Account("transcribe.so", name, API, webhook_secrets=own)


@asynccontextmanager
async def receiving(
    url: str,
    *,
    secrets: tuple[bytes, ...] = (SECRET,),
    further: tuple[Account, ...] = (),
    handlers: dict[str, Handler] | None = None,
    room: int = 10**6,
    between_refusals: float = 10,
    routes: Sequence[Route] = (),
    accepts_old: bool = False,
) -> AsyncIterator[Web]:
    connections = Connections(url)
    known = HANDLERS if handlers is None else handlers
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder), limit_bytes=room)
        receiver = Receiver(
            connections=connections, spool=spool, handlers=known, url=url, accounts=[account(*secrets), *further],
            deadlines=PATIENT, between_refusals=between_refusals, accepts_old=accepts_old,
        )  # fmt: skip
        transport = httpx.ASGITransport(application(receiver, routes), raise_app_exceptions=False)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://web.test") as client:
                yield Web(receiver, client)
        finally:
            await receiver.close()  # it writes to the folder
            connections.close()


@pytest.fixture
async def web(receiver_database: str) -> AsyncIterator[Web]:
    async with receiving(receiver_database) as receiver:
        yield receiver


def said(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


# --- what is taken ---------------------------------------------------------------------------------------------------


async def test_a_delivery_is_stored_once_with_one_job_for_each_interested_handler(web: Web, db: Pool) -> None:
    raw = completed("evt_1")
    answers = [await web.deliver(raw) for _ in range(3)]
    (stored,) = await listing.recent(db)
    assert [(a.status_code, a.json()["status"]) for a in answers] == [
        (200, "stored"), (200, "duplicate"), (200, "duplicate"),
    ]  # fmt: skip
    assert (stored.source, stored.id, stored.deliveries, stored.state) == ("transcribe.so", "evt_1", 3, "pending")
    assert [job.handler for job in stored.jobs] == ["announce", "count"]
    assert await listing.raw(db, stored.key) == raw


async def test_many_copies_at_once_are_stored_once(web: Web, db: Pool) -> None:
    answers = await asyncio.gather(*[web.deliver(completed("evt_1")) for _ in range(20)])
    (stored,) = await listing.recent(db)
    assert sorted(a.json()["status"] for a in answers) == ["duplicate"] * 19 + ["stored"]
    assert (stored.deliveries, len(stored.jobs)) == (20, 2)


@pytest.mark.parametrize(
    ("event_type", "handlers"),
    [("transcription.failed", ["count"]), ("webhook.test", []), ("tomorrow.invented", [])],
)
async def test_only_handlers_that_want_an_event_get_a_job(
    event_type: str, handlers: list[str], web: Web, db: Pool
) -> None:
    assert (await web.deliver(completed("evt_1", event_type=event_type))).json() == {"status": "stored"}
    (stored,) = await listing.recent(db)
    assert [job.handler for job in stored.jobs] == handlers
    assert stored.state == ("pending" if handlers else "done")


@pytest.mark.parametrize("raw", [b"", b"not JSON", b"\xff\x00", b"[]", b'{"id": "evt_1"}', b'{"id":1,"id":2}'])
async def test_an_authentic_body_that_is_no_event_is_quarantined_as_it_came(raw: bytes, web: Web, db: Pool) -> None:
    first, second = await web.deliver(raw), await web.deliver(raw)
    (stored,) = await listing.recent(db)
    assert (first.status_code, first.json()) == (200, {"status": "quarantined"})
    assert (second.status_code, second.json()) == (200, {"status": "duplicate"})
    assert (stored.state, stored.jobs) == ("quarantined", ())
    assert await listing.raw(db, stored.key) == raw


async def test_the_secret_that_proved_a_delivery_is_noted_by_its_fingerprint(receiver_database: str, db: Pool) -> None:
    async with receiving(receiver_database, secrets=(b"whsec_old", b"whsec_new")) as web:
        await web.deliver(completed("evt_1"), secret=b"whsec_old")
        await web.deliver(completed("evt_2"), secret=b"whsec_new")
    rows = await db.fetch("select secret_fingerprint, api_url from receiver.events order by event_id")
    assert [tuple(row) for row in rows] == [
        (signature.fingerprint(b"whsec_old"), API), (signature.fingerprint(b"whsec_new"), API),
    ]  # fmt: skip


@pytest.mark.parametrize("path", [PATH, f"{PATH}/", f"{PATH}?a=1&b=../x", f"{PATH}/?"])
async def test_a_trailing_slash_and_a_query_change_nothing_and_nothing_redirects(path: str, web: Web) -> None:
    answer = await web.deliver(completed("evt_1"), path)
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})


async def test_a_body_of_exactly_the_bound_is_taken(web: Web) -> None:
    raw = completed("evt_1").ljust(body.BODY_BYTES)
    assert (await web.deliver(raw)).json() == {"status": "stored"}


async def test_a_secret_that_another_process_registers_is_found_when_it_is_needed(
    receiver_database: str, db: Pool
) -> None:
    async with receiving(receiver_database, secrets=()) as web:
        await register(db, "whsec_registered")
        assert (await web.deliver(completed("evt_1"), secret=b"whsec_registered")).json() == {"status": "stored"}


@pytest.mark.parametrize("wrong", [{"api_url": "http://elsewhere.test"}, {"retired": True}])
async def test_secrets_of_another_api_and_retired_ones_prove_nothing(
    wrong: dict[str, Any], receiver_database: str, db: Pool
) -> None:
    await register(db, "whsec_registered", **wrong)
    async with receiving(receiver_database) as web:
        assert said(await web.deliver(completed("evt_1"), secret=b"whsec_registered")) == (401, "invalid_signature")


async def register(db: Pool, secret: str, *, api_url: str = API, retired: bool = False) -> None:
    await db.execute(
        "insert into receiver.registrations"
        " (api_url, key_fingerprint, callback_url, idempotency_key, registered_at, secret, retired_at)"
        " values ($1, 'key', 'http://web.test', 'one', now(), $2, case when $3 then now() end)",
        api_url, secret, retired,
    )  # fmt: skip


async def test_workers_are_told_of_new_jobs(receiver_database: str, web: Web) -> None:
    heard = asyncio.Event()
    connection = await database.connect(receiver_database)
    await connection.add_listener(jobs.CHANNEL, lambda *_: heard.set())
    nudging = asyncio.create_task(web.receiver.nudge_workers())
    await web.deliver(completed("evt_1"))
    await asyncio.wait_for(heard.wait(), 60)
    nudging.cancel()
    with suppress(asyncio.CancelledError):
        await nudging
    await connection.close()


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_every_signature_refusal_is_one_and_the_same_answer(web: Web, db: Pool) -> None:
    """The answer tells a stranger neither which part was wrong, nor that a signature was right but old."""
    raw = completed("evt_1")
    valid = sign(raw)["X-Transcribe-Signature"]
    values = {
        "missing": None,
        "empty": "",
        "malformed": "t=now,v1=cafe",
        "no candidate": valid.split(",", maxsplit=1)[0],
        "mismatch": sign(raw, secret=b"whsec_guessed")["X-Transcribe-Signature"],
        "of another body": sign(raw + b" ")["X-Transcribe-Signature"],
        "stale": sign(raw, at=1_777_472_458)["X-Transcribe-Signature"],
        "from the future": sign(raw, at=9_999_999_999)["X-Transcribe-Signature"],
    }
    headers = [{} if value is None else {"X-Transcribe-Signature": value} for value in values.values()]
    answers = await asyncio.gather(*[web.client.post(PATH, content=raw, headers=h) for h in headers])
    assert {a.status_code for a in answers} == {401}
    assert len({(a.content, tuple(sorted(a.headers.items()))) for a in answers}) == 1
    assert said(answers[0]) == (401, "invalid_signature")
    assert await listing.recent(db) == []


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/", f"{PATH}/x", "/webhooks/other", "/docs", "/healthz/"])
async def test_what_is_no_route_is_not_found(path: str, web: Web) -> None:
    answers = [await web.client.request(method, path) for method in ("GET", "POST")]
    assert [said(a) for a in answers] == [(404, "not_found")] * 2


@pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_delivers(method: str, path: str, web: Web) -> None:
    answer = await web.client.request(method, path)
    assert said(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "declared", [str(body.BODY_BYTES + 1), "9" * 20, "9" * 5000, "-1", "1e3", "²"], ids=lambda said: ascii(said)[:30]
)
async def test_a_body_that_declares_too_much_or_nonsense_is_refused_unread(declared: str, web: Web) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("was read")
        yield b""

    headers = [(b"Content-Length", declared.encode("latin-1"))]
    answer = await web.client.post(PATH, content=unread(), headers=headers)
    assert said(answer) == (413, "body_too_large")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "5"}], ids=["nothing declared", "less declared"])
async def test_a_body_that_grows_too_large_is_refused_while_it_comes(headers: dict[str, str], web: Web) -> None:
    async def growing() -> AsyncIterator[bytes]:
        for _ in range(body.BODY_BYTES // 10_000 + 1):
            yield b" " * 10_000
        raise AssertionError("was read beyond the bound")

    answer = await web.client.post(PATH, content=growing(), headers=headers)
    assert said(answer) == (413, "body_too_large")


async def test_a_body_that_does_not_come_is_refused_in_time(web: Web) -> None:
    answering = application(web.receiver)

    async def hurried(scope: Scope, receive: Receive, send: Send) -> None:
        soon = asyncio.get_running_loop().time() + 0.05
        await answering({**scope, "state": {"deadline": soon}}, receive, send)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    transport = httpx.ASGITransport(hurried)
    async with httpx.AsyncClient(transport=transport, base_url="http://web.test") as client:
        answer = await asyncio.wait_for(client.post(PATH, content=stalled()), 60)
    assert said(answer) == (408, "timeout")
    assert answer.headers["Connection"] == "close"


async def test_without_any_secret_the_answer_is_503_and_loud(
    receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(receiver_database, secrets=()) as web:
        assert said(await web.deliver(completed("evt_1"))) == (503, "no_secret")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("ERROR", "refused deliveries: 1 x 503 no_secret (from 127.0.0.1)")
    ]


async def test_without_the_database_and_without_room_the_answer_is_503_and_loud(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving(NOWHERE, room=10) as web:
        answer = await web.deliver(completed("evt_1"))
    assert said(answer) == (503, "spool_full")
    assert answer.headers["Retry-After"] == "60"
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert errors[0].endswith("deliveries go to the spool until the database is back")
    assert errors[1] == "refused deliveries: 1 x 503 the spool holds its 10 bytes (from 127.0.0.1)"


async def test_a_connection_that_was_cut_does_not_cost_the_delivery(web: Web, db: Pool) -> None:
    """This is tried often: the delivery can come before, while or after we notice that the connection is gone."""
    for turn in range(24):
        assert (await web.deliver(completed(f"evt_before_{turn}"))).json() == {"status": "stored"}
        await db.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        assert (await web.deliver(completed(f"evt_after_{turn}"))).json() == {"status": "stored"}


async def test_no_answer_repeats_what_the_sender_wrote(web: Web) -> None:
    answer = await web.client.post(f"{PATH}/<script>", content=b"<script>", headers={"X-Transcribe-Signature": "<b>"})
    assert b"<" not in answer.content
    assert answer.headers["Content-Type"] == "application/json"


async def test_a_callbacks_secret_speaks_of_its_own_transcription_only(web: Web, db: Pool) -> None:
    """Otherwise it could take the id of a real event, and the real event would count as a repeat."""
    await db.execute(
        "insert into receiver.callbacks (token, api_url, idempotency_key, transcription_id, secret)"
        " values ('token', $1, 'k', '7', 'whsec_of_7')", API,
    )  # fmt: skip
    path, own = f"{PATH}/jobs/token", {"secret": b"whsec_of_7"}
    assert (await web.deliver(completed("evt_own", 7), path, **own)).json() == {"status": "stored"}
    assert (await web.deliver(completed("evt_own", 7), f"{path}/", **own)).json() == {"status": "duplicate"}
    assert (await web.deliver(completed("evt_real", 8), path, **own)).json() == {"status": "quarantined"}
    assert (await web.deliver(completed("evt_real", 8))).json() == {"status": "stored"}


@pytest.mark.parametrize(
    ("path", "secret"), [("/jobs/token", SECRET), ("/jobs/other", b"whsec_of_7"), ("", b"whsec_of_7")]
)
async def test_a_callbacks_path_and_its_secret_go_together(web: Web, db: Pool, path: str, secret: bytes) -> None:
    await db.execute(
        "insert into receiver.callbacks (token, api_url, idempotency_key, transcription_id, secret)"
        " values ('token', $1, 'k', '7', 'whsec_of_7')", API,
    )  # fmt: skip
    refused = await web.deliver(completed("evt_1", 7), PATH + path, secret=secret)
    assert (refused.status_code, refused.content) == (401, (await web.client.post(PATH, content=b"{}")).content)


async def test_a_callback_that_cannot_be_looked_up_is_asked_to_come_again(caplog: pytest.LogCaptureFixture) -> None:
    async with receiving(NOWHERE) as web:
        answer = await web.deliver(completed("evt_1"), f"{PATH}/jobs/old_one", secret=b"whsec_of_7")
        failures = web.receiver.failures_of().check(trusted=True).seen
    assert said(answer) == (503, "callback_unknown")
    assert answer.headers["Retry-After"] == "60"
    assert failures == (
        "0 of 5 authentic deliveries refused in a row"
        "; 1 others refused since the last accepted one, lately with 503 callback_unknown"
    )
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == [
        "refused deliveries: 1 x 503 callback_unknown (from 127.0.0.1)"
    ]


async def test_refusals_that_the_provider_sees_are_counted_until_one_is_taken(
    receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(receiver_database) as web:
        for refused in range(3):
            assert web.receiver.failures_of().in_a_row == refused
            assert (await web.deliver(completed("evt_1"), at=time.time() - 400 - 20 * refused)).status_code == 401
        ready = await web.client.get("/readyz")
        assert ready.status_code == 503
        assert "failures: NOT OK, 3 or more authentic deliveries refused in a row" in ready.text
        found = web.receiver.failures_of().check(trusted=True)
        assert re.fullmatch(r"3 of 5 .* in a row, clock: its signature is (399|4\d\d) s old", found.seen)
        assert "after 5 the provider switches the webhook off" in caplog.text
        await web.client.post(PATH, content=b"{}")
        await web.deliver(completed("evt_1"), secret=b"of a stranger")
        assert web.receiver.failures_of().in_a_row == 3, "anyone can send those"
        assert "1 matched no secret since" in web.receiver.failures_of().check(trusted=True).seen
        assert (await web.deliver(completed("evt_1"))).is_success
        assert web.receiver.failures_of().check(trusted=True).seen == "0 of 5 authentic deliveries refused in a row"


async def readiness(web: Web, *, secret: bytes | None = None, at: float = 0.0) -> str:
    """Return the answer of readiness to an unknown client, or to a client that knows a secret."""
    headers = sign(b"", secret=signature.key_for_questions(secret), at=time.time() + at) if secret else {}
    return (await web.client.get("/readyz", headers=headers)).text


async def test_readiness_tells_a_stranger_nothing_of_what_he_sent(web: Web) -> None:
    """The 401 is always the same: it hides whether the signature was right but old, or matched no secret."""
    said = [await readiness(web)]
    await web.deliver(completed("evt_1"), secret=b"of a stranger")
    said.append(await readiness(web))
    for old in (400, 500):
        await web.deliver(completed("evt_1"), at=time.time() - old)
        said.append(await readiness(web))
    assert len(set(said)) == 1
    assert web.receiver.failures_of().in_a_row == 2


async def test_one_old_delivery_that_is_played_again_is_no_alarm(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    raw = completed("evt_1")
    headers = sign(raw, at=time.time() - 400)
    header = headers["X-Transcribe-Signature"]
    for form in (header, header, f"v0=1,{header}", f"{header},v1={'0' * 64}", header):
        answer = await web.client.post(PATH, content=raw, headers={"X-Transcribe-Signature": form})
        assert said(answer) == (401, "invalid_signature")
    assert web.receiver.failures_of().in_a_row == 1
    assert (await web.client.get("/readyz")).status_code == 200
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []
    assert (await web.deliver(raw)).is_success
    await web.client.post(PATH, content=raw, headers=headers)
    assert web.receiver.failures_of().in_a_row == 0, "counted long ago"


async def test_who_ends_has_written_the_secrets_that_it_read_last(
    receiver_database: str, db: Pool, tmp_path: Path
) -> None:
    """The next start might find no database."""
    await register(db, "whsec_registered")
    connections, spool = Connections(receiver_database), Spool(tmp_path, limit_bytes=10**6)
    receiver = Receiver(
        connections=connections, spool=spool, handlers={}, url=receiver_database, accounts=[account()],
        deadlines=PATIENT,
    )  # fmt: skip
    await receiver.keyring.read_again()
    await receiver.close()
    assert Remembered(tmp_path, [account().id]).recall().webhooks == {account().id: (b"whsec_registered",)}
    connections.close()


async def test_only_so_many_old_deliveries_are_remembered() -> None:
    counted = failures.Failures()
    for number in range(failures.REMEMBERED + 1):
        for _ in range(2):
            counted.refused(SignatureError("stale", mac=b"%d" % number))
    assert counted.in_a_row == failures.REMEMBERED + 1
    counted.refused(SignatureError("stale", mac=b"1"))
    assert counted.in_a_row == failures.REMEMBERED + 1
    counted.refused(SignatureError("stale", mac=b"0"))
    assert counted.in_a_row == failures.REMEMBERED + 2


async def test_readiness_tells_the_counts_to_who_knows_a_secret(receiver_database: str) -> None:
    async with receiving(receiver_database, secrets=(b"whsec_old", SECRET)) as web:
        await web.deliver(completed("evt_1"), secret=b"of a stranger")
        counts = "failures: ok, 0 of 5 authentic deliveries refused in a row; 1 matched no secret"
        assert counts in await readiness(web, secret=SECRET)
        assert counts in await readiness(web, secret=b"whsec_old")
        for stranger in (await readiness(web, secret=b"guessed"), await readiness(web, secret=SECRET, at=-400)):
            assert stranger == await readiness(web)


async def test_a_delivery_proves_no_question_and_a_question_no_delivery(web: Web) -> None:
    await web.deliver(b"", secret=b"of a stranger")
    assert (await web.client.get("/readyz", headers=sign(b""))).text == await readiness(web)
    asked = await web.deliver(b"", secret=signature.key_for_questions(SECRET))
    assert said(asked) == (401, "invalid_signature")


async def test_a_spool_that_is_full_counts_too() -> None:
    async with receiving(NOWHERE, room=10) as web:
        await web.deliver(completed("evt_1"))
        found = web.receiver.failures_of().check(trusted=True)
    assert (found.holds, found.seen) == (
        True,
        "1 of 5 authentic deliveries refused in a row, the spool holds its 10 bytes",
    )


# --- the log ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause", [0.5, 3600])
async def test_refusals_are_said_once_in_a_while_and_none_is_forgotten(
    pause: float, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The rest is logged when the pause is over, even if no other refusal comes, and at the end."""
    assert refusals.BETWEEN_SECONDS == 10
    async with receiving(receiver_database, between_refusals=pause) as web:
        for _ in range(21):
            await web.client.post(PATH, content=b"{}")
        await web.client.post(PATH, content=b"{}", headers={"X-Transcribe-Signature": "nonsense"})
        assert caplog.records[0].getMessage() == "refused deliveries: 1 x 401 missing (from 127.0.0.1)"
        if pause > 1:
            await web.receiver.close()
        async with asyncio.timeout(60):
            while "malformed" not in caplog.text:  # noqa: ASYNC110 - a log calls nobody
                await asyncio.sleep(0.02)
    said = [r.getMessage() for r in caplog.records]
    assert sum(map(int, re.findall(r"(\d+) x 401", " ".join(said)))) == 22
    assert said[-1].endswith("1 x 401 malformed (from 127.0.0.1)")
    assert {(r.levelname, r.__dict__["client"]) for r in caplog.records} == {("WARNING", "127.0.0.1")}


async def test_strangers_at_other_doors_fill_no_log(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    for method, path in (("GET", "/admin.php"), ("GET", PATH), ("POST", "/healthz")):
        await web.client.request(method, path)
    assert [r for r in caplog.records if r.levelno > logging.DEBUG and r.name.startswith("receiver")] == []


@pytest.mark.parametrize("path", [f"/{PATH}", "/webhooks//transcribe-so", "/transcribe-so", f"/prefix{PATH}"])
async def test_a_delivery_whose_path_a_proxy_has_changed_is_told_of(
    path: str, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    assert said(await web.deliver(completed("evt_1"), f"http://web.test{path}")) == (404, "not_found")
    assert [r.getMessage() for r in caplog.records] == ["refused deliveries: 1 x 404 wrong_path (from 127.0.0.1)"]


# --- liveness and readiness ------------------------------------------------------------------------------------------


async def test_healthz_needs_nothing_but_the_process() -> None:
    async with receiving(NOWHERE, secrets=(), handlers={}) as web:
        answer = await web.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_readyz_says_what_is_there(web: Web) -> None:
    answer = await web.client.get("/readyz")
    version = migrations.latest()
    assert (answer.status_code, answer.text.splitlines()) == (
        200,
        ["database: ok, ok", f"schema: ok, version {version}",
         f"worker: ok, no worker for {API} is running: run `receiver work` (or `up`)",
         "processes: ok, 0 web processes, 0 workers",
         "spool: ok, empty", "failures: ok, fewer than 3 authentic deliveries refused in a row", "organs: ok, 5 run",
         "descriptors: ok, enough", "threads: ok, ok", "log: ok, ok", "secret: ok, 1 known", "handlers: ok, 2 loaded"],
    )  # fmt: skip


@pytest.mark.parametrize(
    "asked", [{"params": {"format": "json"}}, {"headers": {"Accept": "text/html, application/json;q=0.9"}}]
)
async def test_readyz_says_it_to_programs_too(asked: Any, receiver_database: str) -> None:
    async with receiving(receiver_database, handlers={}) as web:
        answer = await web.client.get("/readyz", **asked)
    said = answer.json()
    assert (answer.status_code, said["holds"]) == (503, False)
    assert [one["name"] for one in said["findings"]] == [
        "database", "schema", "worker", "processes", "spool", "failures", "organs", "descriptors", "threads", "log",
        "secret", "handlers",
    ]  # fmt: skip
    assert said["findings"][-1] == {"name": "handlers", "holds": False, "seen": "0 loaded", "todo": ""}


@pytest.mark.parametrize(
    ("options", "line"),
    [({"secrets": ()}, "secret: NOT OK, 0 known"), ({"handlers": {}}, "handlers: NOT OK, 0 loaded")],
)
async def test_readyz_is_503_for_what_is_missing(options: Any, line: str, receiver_database: str) -> None:
    async with receiving(receiver_database, **options) as web:
        answer = await web.client.get("/readyz")
    assert answer.status_code == 503
    assert [found for found in answer.text.splitlines() if "NOT OK" in found] == [line]


@pytest.mark.parametrize(
    "statement",
    ["delete from receiver.migrations where version > 1", "drop schema receiver cascade"],
    ids=["an old schema", "no schema"],
)
async def test_readyz_is_503_on_a_schema_older_than_the_code(statement: str, web: Web, db: Pool) -> None:
    await db.execute(statement)
    answer = await web.client.get("/readyz")
    assert answer.status_code == 503
    (line,) = [found for found in answer.text.splitlines() if "NOT OK" in found]
    assert re.fullmatch(r"schema: NOT OK, version \d, this code needs \d+: run `receiver migrate`", line)
    assert line.endswith("run `receiver migrate`")


async def test_readyz_is_503_when_the_database_is_away() -> None:
    async with receiving(NOWHERE) as web:
        answer = await web.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.text.splitlines()[0].startswith("database: NOT OK, the database is away: ")
    assert answer.text.splitlines()[1] == "schema: NOT OK, unknown"


async def test_a_database_without_our_schema_is_waited_for(web: Web, db: Pool) -> None:
    """A backup is restored while deliveries come: they are spooled, and no drain counts them as refused."""
    await db.execute("drop schema receiver cascade")
    answer = await web.deliver(json.dumps({"id": "evt_1", "event": "webhook.test"}).encode())
    assert answer.json() == {"status": "stored"}
    await web.receiver.store.drain()
    (spool,) = [one for one in await web.receiver.findings(trusted=False) if one.name == "spool"]
    assert spool.holds
    assert spool.seen != "empty"


async def test_readiness_says_which_organ_is_down(web: Web) -> None:
    async def fails() -> None:
        raise RuntimeError("can't start new thread")

    web.receiver.organs.add("listener", fails)

    async def said_so() -> bool:
        answer = await web.client.get("/readyz")
        lines = answer.text.splitlines()
        return answer.status_code == 503 and any(
            re.fullmatch(r"organs: NOT OK, listener ended with RuntimeError \d+ s ago; it starts again", line)
            for line in lines
        )

    async with web.receiver.organs:
        await until(said_so)


async def test_readiness_says_that_no_worker_runs_while_jobs_wait(web: Web, db: Pool) -> None:
    assert (await web.client.get("/readyz")).status_code == 200
    await web.deliver(completed("evt_1"))
    await db.execute("update receiver.jobs set due_at = now() - interval '1 minute'")

    async def said_so() -> bool:
        answer = await web.client.get("/readyz")
        return answer.status_code == 503 and f"worker: NOT OK, no worker for {API} is running, and jobs" in answer.text

    await until(said_so)
    await db.execute(
        "insert into receiver.processes (id, kind, api_url, host, pid, version, seen_at) "
        "values (gen_random_uuid(), 'worker', $1, 'h', 1, '0', now() + interval '1 hour')", API,
    )  # fmt: skip

    async def is_well() -> bool:
        return (await web.client.get("/readyz")).status_code == 200

    await until(is_well)


# --- several accounts ------------------------------------------------------------------------------------------------


BIG = account(b"whsec_of_the_big_show", name="big-show")
OWN = {PATH: SECRET, f"{PATH}/big-show": b"whsec_of_the_big_show"}


@pytest.mark.parametrize("end", ["", "/", "?a=1", "/?"])
async def test_each_account_has_a_path_of_its_own_and_its_events_are_stored_as_its_own(
    end: str, receiver_database: str, db: Pool
) -> None:
    async with receiving(receiver_database, further=(BIG,)) as web:
        for path, secret in OWN.items():  # ids of two accounts collide, and both events are stored
            assert (await web.deliver(completed("evt_1"), f"{path}{end}", secret=secret)).json() == {"status": "stored"}
    rows = await db.fetch("select source, api_url, account, secret_fingerprint from receiver.events order by id")
    assert [tuple(row) for row in rows] == [
        ("transcribe.so", API, "default", signature.fingerprint(SECRET)),
        ("transcribe.so", API, "big-show", signature.fingerprint(b"whsec_of_the_big_show")),
    ]


async def test_a_thousand_deliveries_with_another_accounts_secret_prove_nothing_either_way(
    receiver_database: str, db: Pool
) -> None:
    """Of each account some are signed with a secret of the settings and some with a registered one."""
    await register(db, "whsec_registered")
    await register(db, "whsec_registered_big")
    await db.execute("update receiver.registrations set account = 'big-show' where secret = 'whsec_registered_big'")
    secrets = {PATH: (SECRET, b"whsec_registered"), f"{PATH}/big-show": (*BIG.own_secrets, b"whsec_registered_big")}
    async with receiving(receiver_database, further=(BIG,)) as web:
        await web.receiver.keyring.read_again()
        for path, others in zip(secrets, reversed(secrets.values()), strict=True):
            tries = [web.deliver(completed(f"evt_{n}"), path, secret=others[n % 2]) for n in range(1000)]
            assert {answer.status_code for answer in await asyncio.gather(*tries)} == {401}
        assert await listing.recent(db) == []
        for path, own in secrets.items():
            for secret in own:
                answer = await web.deliver(completed(f"evt_{secret.decode()}"), path, secret=secret)
                assert answer.json() == {"status": "stored"}


@pytest.mark.parametrize("path", [
    f"{PATH}/default", f"{PATH}/small-show", f"{PATH}/BIG-SHOW", f"{PATH}/big_show", f"{PATH}/big-show/x",
    f"{PATH}/jobs",
])  # fmt: skip
async def test_an_account_that_is_not_configured_is_no_path_and_its_deliveries_are_counted(
    path: str, receiver_database: str
) -> None:
    async with receiving(receiver_database, further=(BIG,)) as web:
        assert said(await web.deliver(completed("evt_1"), path)) == (404, "not_found")
        found = web.receiver.failures_of().check(trusted=True)
    assert found.seen.endswith("1 others refused since the last accepted one, lately with 404 wrong_path")


async def test_a_callback_is_at_the_same_path_for_all_accounts_and_its_event_is_its_accounts(
    receiver_database: str, db: Pool
) -> None:
    await db.execute(
        "insert into receiver.callbacks (token, api_url, account, idempotency_key, transcription_id, secret)"
        " values ('token', $1, 'big-show', 'k', '7', 'whsec_of_7')", API,
    )  # fmt: skip
    own = {"secret": b"whsec_of_7"}
    async with receiving(receiver_database, further=(BIG,)) as web:
        assert (await web.deliver(completed("evt_1", 7), f"{PATH}/jobs/token", **own)).json() == {"status": "stored"}
    async with receiving(receiver_database) as web:  # that account is not configured any more
        assert said(await web.deliver(completed("evt_2", 7), f"{PATH}/jobs/token", **own)) == (401, "invalid_signature")
    assert [event.account for event in await listing.recent(db)] == ["big-show"]


async def test_an_account_without_a_secret_is_told_by_readiness_and_answers_503(receiver_database: str) -> None:
    bare = account(name="big-show")
    async with receiving(receiver_database, further=(bare,)) as web:
        assert "secret: NOT OK, 1 known, none for big-show" in await readiness(web)
        assert said(await web.deliver(completed("evt_1"), f"{PATH}/big-show")) == (503, "no_secret")
        assert (await web.deliver(completed("evt_1"))).is_success
    async with receiving(
        receiver_database, secrets=(), further=(BIG,)
    ) as web:  # nothing is expected of the default one
        assert "secret: ok, 1 known" in await readiness(web)


async def test_who_knows_a_secret_of_any_account_is_told_the_counts(receiver_database: str) -> None:
    async with receiving(receiver_database, further=(BIG,)) as web:
        assert "authentic deliveries refused in a row\n" in await readiness(web, secret=b"whsec_of_the_big_show")
        assert "failures: ok, 0 of 5" in await readiness(web, secret=b"whsec_of_the_big_show")


async def test_refusals_are_counted_for_each_webhook_as_the_provider_counts_them(
    receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What the default account's webhook takes keeps the provider from switching off no other."""
    path, own = f"{PATH}/big-show", BIG.own_secrets[0]
    async with receiving(receiver_database, further=(BIG,)) as web:
        for refused in range(3):
            stale = time.time() - 400 - 20 * refused
            assert (await web.deliver(completed("evt_1"), path, secret=own, at=stale)).status_code == 401
            assert (await web.deliver(completed(f"evt_{refused}"))).is_success
        lines = (await readiness(web)).splitlines()
        assert "failures: ok, fewer than 3 authentic deliveries refused in a row" in lines
        assert [line for line in lines if line.startswith("failures (big-show): NOT OK, 3 or more authentic")]
        assert "3 authentic deliveries refused in a row (big-show) (clock: " in caplog.text
        assert (await web.deliver(completed("evt_9"), path, secret=own)).is_success
        assert "failures (big-show): ok" in await readiness(web)
