"""`receiver.web.submissions`: a program with the token submits once, and deliveries do not notice."""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver.database import Connections, Pool
from receiver.errors import ImpossibleError
from receiver.inbox import listing
from receiver.providers import OpenAI, Source, ThunderScribe
from receiver.settings import Account
from receiver.submissions import records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.web import Submissions
from tests.processes import Processes, completed
from tests.web.test_app import NOWHERE, Web, receiving, said
from tests.worker.working import until

TOKEN = "a token of a program"
ACCOUNTS = {
    (source, name): Account(source, name, "http://api.test", key=SecretStr(f"key of {name}"))
    for source in ("thunderscribe", "openai")
    for name in ("default", "other")
}
BODY = {"provider": "thunderscribe", "url": "https://media.example/talk.mp3", "options": {"language": "en"}}


class Fetching(ThunderScribe):
    """A provider that fetches recordings."""

    takes: ClassVar = frozenset({"url"})


def account_of(source: str, name: str) -> Account:
    if (source, name) not in ACCOUNTS:
        raise ImpossibleError(f"there is no account {name} of {source}")
    return ACCOUNTS[source, name]


class Program:
    """A program that holds the token."""

    def __init__(self, web: Web) -> None:
        self.web = web

    async def submit(self, key: str | None = "k1", token: str | None = TOKEN, **changes: Any) -> httpx.Response:
        return await self.send(json.dumps(BODY | changes).encode(), key, token)

    async def send(self, raw: bytes, key: str | None = "k1", token: str | None = TOKEN) -> httpx.Response:
        headers = {"Idempotency-Key": key, "Authorization": None if token is None else f"Bearer {token}"}
        given = {name.encode(): value.encode() for name, value in headers.items() if value is not None}
        return await self.web.client.post("/submissions", content=raw, headers=given)

    async def show(self, submission: str) -> httpx.Response:
        return await self.web.client.get(f"/submissions/{submission}", headers=self.headers)

    async def resolve(self, submission: str, **said: Any) -> httpx.Response:
        return await self.web.client.post(f"/submissions/{submission}/resolve", json=said, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"bearer {TOKEN}"}


@asynccontextmanager
async def listening(
    url: str, *, at: str | None = None, token: str | None = TOKEN, sources: Sequence[type[Source]] = (Fetching, OpenAI)
) -> AsyncIterator[Program]:
    """Run a receiver, and these routes with the database `at` an address."""
    submissions = Submissions(
        token=None if token is None else hashlib.sha256(token.encode()).digest(), connections=Connections(at or url),
        account_of=account_of, seconds=60, sources=sources,
    )  # fmt: skip
    async with receiving(url, routes=submissions.routes) as web:
        yield Program(web)
    submissions.close()


@pytest_asyncio.fixture
async def program(receiver_database: str) -> AsyncIterator[Program]:
    async with listening(receiver_database) as found:
        yield found


async def lost(db: Pool, program: Program, key: str = "k1") -> Submission:
    """Submit, and lose the answer of the provider."""
    submission = (await program.submit(key)).json()["id"]
    await records.move(db, submission, State.SENT, Change(tries=1))
    # Of a provider that works on by itself: only such a work can be found.
    await db.execute("update receiver.submissions set source = 'timbr' where id = $1", submission)
    moved = await records.move(db, submission, State.UNKNOWN)
    assert moved is not None
    return moved


async def jobs(db: Pool, submission: str) -> list[listing.StoredJob]:
    return [job for event in await listing.find(db, submission) for job in event.jobs]


# --- submit ----------------------------------------------------------------------------------------------------------


async def test_a_submission_is_taken_with_the_job_that_carries_it_out(program: Program, db: Pool) -> None:
    answer = await program.submit(if_lost="again")
    (found,) = await records.recent(db, None, None)
    assert (answer.status_code, answer.json()) == (202, {"id": found.id, "state": "uploaded"})
    assert (found.url, found.wishes["language"], found.if_lost) == (BODY["url"], "en", "again")
    assert found.whose == ACCOUNTS["thunderscribe", "default"].id
    assert [job.handler for job in await jobs(db, found.id)] == ["submissions"]


async def test_the_same_again_is_the_same_submission_with_one_job(program: Program, db: Pool) -> None:
    answers = await asyncio.gather(*(program.submit() for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    (submission,) = {answer.json()["id"] for answer in answers}
    assert len(await jobs(db, submission)) == 1
    await records.move(db, submission, State.SENT, Change(tries=1))
    assert (await program.submit()).json() == {"id": submission, "state": "sent"}


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://media.example/other.mp3"}, {"options": {"language": "de"}}, {"account": "other"},
        {"if_lost": "again"},
    ],
)  # fmt: skip
async def test_a_key_means_one_submission_of_whatever_account(
    change: dict[str, Any], program: Program, db: Pool
) -> None:
    await program.submit()
    answer = await program.submit(**change)
    assert said(answer) == (409, "key_used")
    assert len(await records.recent(db, None, None)) == 1


async def test_another_key_is_another_submission(program: Program) -> None:
    assert (await program.submit("k1")).json()["id"] != (await program.submit("k2")).json()["id"]


@pytest.mark.parametrize("token", [None, "", "a token of a progran", TOKEN[:-1], TOKEN + " x", "\u00e9"])
async def test_nobody_submits_without_the_token(token: str | None, program: Program, db: Pool) -> None:
    raw = json.dumps(BODY).encode()
    headers = {b"Idempotency-Key": b"k1"}
    if token is not None:
        headers[b"Authorization"] = f"Bearer {token}".encode()
    for method, path in (("POST", "/submissions"), ("GET", "/submissions/sub_1"), ("POST", "/submissions/s/resolve")):
        answer = await program.web.client.request(method, path, content=raw, headers=headers)
        assert said(answer) == (401, "unauthenticated")
        assert answer.headers["Connection"] == "close", "its body was not read"
    assert await records.recent(db, None, None) == []


async def test_the_token_counts_as_a_bearer_only(program: Program) -> None:
    answer = await program.web.client.get("/submissions/sub_1", headers={"Authorization": f"Basic {TOKEN}"})
    assert said(answer) == (401, "unauthenticated")


async def test_without_a_token_there_are_no_such_addresses(receiver_database: str) -> None:
    async with listening(receiver_database, token=None) as program:
        assert said(await program.submit()) == (404, "not_found")
        assert said(await program.submit(token="")) == (404, "not_found")
        assert said(await program.show("sub_1")) == (404, "not_found")
        assert said(await program.resolve("sub_1", action="again")) == (404, "not_found")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"provider": "openai", "options": {}, "url": "http://media.example/talk.mp3"},
            "openai takes files, so the recording is fetched here, and only from https:// addresses",
        ),
        ({"provider": "transcribe.so"}, "there is no provider transcribe.so; there are: thunderscribe, openai"),
        ({"account": "third"}, "there is no account third of thunderscribe"),
        ({"operation": "separation"}, "thunderscribe has no operation separation; it has: transcription"),
        ({"options": {"language": "en", "speed": 2}}, "thunderscribe, transcription: there is no option speed"),
        ({"options": {}}, "thunderscribe, transcription: language is required"),
        ({"options": []}, "the body: options: must be"),
        ({"file": "/etc/passwd"}, "the body: there is no field file"),
        ({"url": "/etc/passwd"}, "/etc/passwd is not a web address"),
        ({"url": "file:///etc/passwd"}, "file:///etc/passwd is not a web address"),
        ({"url": 7}, "the body: url: must be"),
        ({"if_lost": "perhaps"}, "the body: if_lost: must be"),
        ({"max_charge": -1}, "the body: max_charge: must be"),
        (
            {"options": {"language": "en", "min_speakers": 10**9}},
            "thunderscribe, transcription: a number of the options",
        ),
        ({"max_charge": 5}, "nobody knows what it will cost"),
        ({"options": {"language": "\0"}}, "the body: a text contains NUL"),
    ],
)
async def test_what_the_provider_would_refuse_is_refused_in_a_sentence(
    change: dict[str, Any], sentence: str, program: Program, db: Pool
) -> None:
    answer = await program.submit(**change)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(sentence)
    assert await records.recent(db, None, None) == []


async def test_a_ceiling_above_every_number_is_refused(program: Program) -> None:
    answer = await program.send(json.dumps(BODY).encode()[:-1] + b', "max_charge": 1e999}')
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "the body: max_charge: must be a finite number"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"url": 1, "url": 2}', b"\xff", b'{"max_charge": NaN}'])
async def test_a_body_that_is_no_object_is_refused(raw: bytes, program: Program) -> None:
    assert said(await program.send(raw)) == (400, "bad_request")


@pytest.mark.parametrize("key", [None, "", "a b", "\u00e9", "k" * 201])
async def test_a_key_of_the_caller_is_required(key: str | None, program: Program, db: Pool) -> None:
    answer = await program.submit(key)
    assert said(answer) == (400, "bad_request")
    assert "Idempotency-Key" in answer.json()["error"]["message"]
    assert await records.recent(db, None, None) == []


async def test_a_body_of_64_kib_is_the_largest(program: Program) -> None:
    raw = json.dumps(BODY).encode()
    assert (await program.send(raw.ljust(64 * 1024))).status_code == 202
    answer = await program.send(raw.ljust(64 * 1024 + 1), "k2")
    assert said(answer) == (413, "body_too_large")
    assert "65536" in answer.json()["error"]["message"]


# --- show and resolve ------------------------------------------------------------------------------------------------


async def test_a_submission_is_shown_as_the_command_shows_it(program: Program, db: Pool) -> None:
    submission = (await program.submit()).json()["id"]
    answer = await program.show(submission)
    assert (answer.status_code, answer.json()) == (200, (await records.known(db, submission)).to_json())


@pytest.mark.parametrize("name", ["sub_1", "%00", "%F0%9F%8E%99"])
async def test_an_unknown_submission_is_not_found(name: str, program: Program) -> None:
    assert (await program.show(name)).status_code == 404
    assert (await program.resolve(name, action="again")).status_code == 404


@pytest.mark.parametrize(
    ("answered", "state"),
    [
        ({"action": "again"}, "uploaded"),
        ({"action": "give_up"}, "failed"),
        ({"action": "found", "remote_id": "4821"}, "accepted"),
    ],
)
async def test_a_person_says_what_becomes_of_it(
    answered: dict[str, str], state: str, program: Program, db: Pool
) -> None:
    submission = await lost(db, program)
    answer = await program.resolve(submission.id, **answered)
    assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert (await records.known(db, submission.id)).permitted_tries == (2 if state == "uploaded" else 1)


async def test_only_one_whose_answer_was_lost_is_resolved(program: Program, db: Pool) -> None:
    submission = await lost(db, program)
    assert (await program.resolve(submission.id, action="again")).status_code == 200
    assert said(await program.resolve(submission.id, action="again")) == (409, "not_unknown")
    assert (await records.known(db, submission.id)).permitted_tries == 2


async def test_one_work_is_of_one_submission(program: Program, db: Pool) -> None:
    first, second = await lost(db, program, "k1"), await lost(db, program, "k2")
    await program.resolve(first.id, action="found", remote_id="4821")
    assert said(await program.resolve(second.id, action="found", remote_id="4821")) == (409, "taken")


@pytest.mark.parametrize(
    "answered",
    [{}, {"action": "forget"}, {"action": "found"}, {"action": "again", "remote_id": "1"}, {"action": "again", "x": 1}],
)
async def test_an_unclear_answer_changes_nothing(answered: dict[str, Any], program: Program, db: Pool) -> None:
    submission = await lost(db, program)
    assert said(await program.resolve(submission.id, **answered)) == (400, "bad_request")
    assert (await records.known(db, submission.id)).state is State.UNKNOWN


# --- beside deliveries -----------------------------------------------------------------------------------------------


async def test_while_the_database_is_away_a_program_waits(receiver_database: str, db: Pool) -> None:
    async with listening(receiver_database, at=NOWHERE) as program:
        for answer in (await program.submit(), await program.show("s"), await program.resolve("s", action="again")):
            assert said(answer) == (503, "store_unavailable")
            assert answer.headers["Retry-After"]
        assert (await program.web.deliver(completed("evt_1"))).json() == {"status": "stored"}
    assert [event.type for event in await listing.recent(db)] == ["transcription.completed"]


async def test_a_delivery_does_not_wait_for_submissions(program: Program, db: Pool) -> None:
    arriving, more = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        arriving.set()
        yield b"{"
        await more.wait()

    async with db.acquire() as connection:
        async with connection.transaction():
            await connection.execute("lock table receiver.submissions")
            headers = program.headers | {"Idempotency-Key": "slow"}
            post = program.web.client.post("/submissions", content=slowly(), headers=headers)
            waiting = [asyncio.create_task(program.submit(f"k{n}")) for n in range(8)] + [asyncio.create_task(post)]

            async def is_blocked() -> bool:
                return bool(await db.fetchval("select count(*) from pg_locks where not granted"))

            await until(is_blocked)
            await arriving.wait()
            assert (await program.web.deliver(completed("evt_1"))).json() == {"status": "stored"}
            assert not any(task.done() for task in waiting)
        more.set()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202] * 8 + [400]


async def test_a_refused_program_is_not_counted_as_a_refused_delivery(program: Program) -> None:
    for _ in range(5):
        await program.send(b"{")
        await program.submit(token="wrong")
    assert program.web.receiver.failures_of().check(trusted=True).holds


async def test_the_token_is_in_no_answer_and_no_log(receiver_database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(receiver_database, at=NOWHERE) as program:
        answers = [await program.submit(), await program.submit(token=f"{TOKEN}?"), await program.send(b"{")]
    assert TOKEN not in "".join([caplog.text, *(answer.text for answer in answers)])


def test_serve_answers_programs_once_a_token_is_set(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    path, body = "/submissions", {"provider": "openai", "url": "http://media.example/talk.mp3"}
    token = TOKEN.replace(" ", "-")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    web = processes.serve()
    assert httpx.post(web.url + path, json=body, headers=headers).status_code == 404
    web.end()
    web = processes.serve(RECEIVER_TOKEN=token, OPENAI_API_URL="http://127.0.0.1:9")
    assert said(httpx.post(web.url + path, json=body, headers=headers | {"Authorization": "Bearer x"}))[0] == 401
    answer = httpx.post(web.url + path, json=body, headers=headers)
    assert said(answer) == (400, "bad_request")
    assert "openai takes files, so the recording is fetched here, and only from https:// addresses" in answer.text
    assert said(httpx.get(f"{web.url}{path}/sub_1", headers=headers)) == (404, "no_submission")
