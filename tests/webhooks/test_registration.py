"""`webhooks.registration`: whatever breaks at whatever moment, the secret that the provider shows once is not lost."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver import database, settings, signature
from receiver.database import AWAY, Pool, migrations
from receiver.errors import ImpossibleError, ProviderError, Unauthenticated
from receiver.providers import TranscribeSo
from receiver.sandbox import Sandbox, application
from receiver.settings import WEBHOOK_PATH, Account
from receiver.signature import fingerprint
from receiver.testing import Server
from receiver.webhooks import registration, rotation, secrets

API = "https://api.test"
WHOSE = Account("transcribe.so", "default", API, key=SecretStr("0123456789ab"))
HERE, ELSEWHERE = "https://here.test/hook", "https://elsewhere.test/hook"
SECRET = "whsec_shown_once_and_never_again"
INTENTS = "select * from receiver.registrations order by id"


class Provider:
    """Answers with the test's functions; remembers the methods, and the Idempotency-Keys of registrations.

    It tells where it delivers, which is what was registered last, unless `tells` answers that.
    """

    def __init__(self, *answers: Callable[[], Any], tells: Callable[[], httpx.Response] | None = None) -> None:
        self.answers = list(answers)
        self.tells = tells or (lambda: httpx.Response(200, json={"id": "wh_1", "url": self.url}))
        self.url = HERE
        self.keys: list[str] = []
        self.methods: list[str] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/webhooks"
        self.methods.append(request.method)
        if request.method == "GET":
            return self.tells()
        if request.method == "POST":
            self.url = json.loads(request.content)["url"]
            self.keys.append(request.headers["idempotency-key"])
        answer = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()
        made: httpx.Response = await answer if asyncio.iscoroutine(answer) else answer
        return made

    @asynccontextmanager
    async def client(self) -> AsyncIterator[TranscribeSo]:
        key = SecretStr("tsk_live_of_the_tests")
        async with TranscribeSo(API, key, transport=httpx.MockTransport(self.answer)) as client:
            yield client


def given(secret: str | None = SECRET) -> Callable[[], httpx.Response]:
    shown = {"id": "wh_1", "url": HERE} | ({} if secret is None else {"signing_secret": secret})
    return lambda: httpx.Response(201, json=shown)


def refused(status: int, code: str = "refused", message: str = "no") -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, json={"error": {"code": code, "message": message}})


def there(url: str) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, json={"id": "wh_2", "url": url, "enabled": True})


NONE = refused(404, "not_found", "A webhook of this key does not exist or is not yours.")
NO_ENDPOINT = refused(404, "not_found", "Cannot GET /api/v1/webhooks")


@pytest_asyncio.fixture
async def connection(receiver_database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    opened = await database.connect(receiver_database)
    yield opened
    await opened.close()


async def known_secrets(db: Pool, api_url: str) -> list[bytes]:
    account = WHOSE.id._replace(api_url=api_url)
    return list((await secrets.read(db, [account])).webhooks.get(account, ()))


async def register(provider: Provider, url: str, webhook_url: str = HERE, **options: bool) -> str:
    """Register as a process of its own would."""
    connection = await database.connect(url)
    try:
        async with provider.client() as client, asyncio.timeout(60):
            return (await registration.register(connection, client, WHOSE, webhook_url, **options)).sentence
    finally:
        connection.terminate()


async def test_the_intent_is_written_before_the_provider_is_asked_and_the_secret_when_it_has_answered(
    db: Pool, receiver_database: str
) -> None:
    seen = []

    async def look() -> httpx.Response:
        seen.extend(await db.fetch(INTENTS))
        return given()()

    provider = Provider(look)
    heard: asyncio.Queue[None] = asyncio.Queue()
    async with db.acquire() as listening:
        await listening.add_listener(registration.CHANNEL, lambda *_: heard.put_nowait(None))
        said = await register(provider, receiver_database)
        async with asyncio.timeout(60):
            await heard.get()
        await listening.reset()
    (intent,) = seen
    assert (intent["webhook_url"], intent["secret"], intent["registered_at"]) == (HERE, None, None)
    assert (intent["api_url"], intent["key_fingerprint"]) == (API, WHOSE.key_fingerprint)
    assert provider.keys == [intent["idempotency_key"]]
    assert said == f"registered {HERE} (secret with fingerprint {signature.fingerprint(SECRET.encode())})"
    assert await known_secrets(db, API) == [SECRET.encode()]
    assert await known_secrets(db, "https://other.test") == []
    (row,) = await db.fetch(INTENTS)
    assert (row["webhook_id"], row["retired_at"]) == ("wh_1", None)


async def test_registering_again_registers_nothing(db: Pool, receiver_database: str) -> None:
    provider = Provider(given())
    await register(provider, receiver_database)
    assert await register(provider, receiver_database) == (
        f"already registered for {HERE} (secret with fingerprint {signature.fingerprint(SECRET.encode())})"
    )
    assert len(provider.keys) == 1
    assert len(await db.fetch(INTENTS)) == 1


SILENT = "the provider does not say whether the webhook still exists: "
LEFT = f"the provider delivers to {ELSEWHERE}, not to {HERE}: `receiver register` lets it deliver here"


@pytest.mark.parametrize(("tells", "command", "start"), [
    (there(HERE), "already registered", "already registered"),
    (there(f"{HERE}/"), "already registered", "already registered"),
    (NONE, "registered", "registered"),
    (refused(404, "webhook_not_found"), "registered", "registered"),
    (there(ELSEWHERE), "registered", LEFT),
    (NO_ENDPOINT, SILENT, SILENT),
    (refused(405, "method_not_allowed"), SILENT, SILENT),
    (refused(503), "cannot be asked now: 503", "cannot be asked now: 503"),
])  # fmt: skip
async def test_the_answer_of_the_provider_decides_whether_a_known_registration_is_kept(
    db: Pool, receiver_database: str, tells: Callable[[], httpx.Response], command: str, start: str
) -> None:
    """Two receivers that share a key must not take the webhook from each other at every start: a person decides."""
    await register(Provider(given("whsec_old")), receiver_database)
    before = await db.fetch(INTENTS)
    for take_over, expected in ((False, start), (True, command)):
        provider = Provider(given("whsec_new"), tells=tells)
        try:
            said = await register(provider, receiver_database, take_over=take_over)
        except ImpossibleError as exc:
            said = str(exc)
        is_anew = expected == "registered"
        assert said.startswith(expected) if expected.endswith("registered") else expected in said
        assert provider.methods.count("POST") == is_anew
        assert (f"still active, until `receiver retire-secret`: {fingerprint(b'whsec_old')}" in said) is is_anew
        await db.execute("delete from receiver.registrations where id <> $1", before[0]["id"])
        await db.execute("update receiver.registrations set gone_at = null")


async def test_a_registration_of_a_refused_key_is_not_kept(receiver_database: str) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    with pytest.raises(Unauthenticated):
        await register(Provider(tells=refused(401)), receiver_database)
    said = await register(Provider(tells=refused(401)), receiver_database, take_over=False)
    assert "already registered" in said


async def test_a_start_leaves_a_webhook_elsewhere_alone_and_replaces_one_that_is_gone(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    provider = Provider(given("whsec_1"), given("whsec_2"))
    async with provider.client() as client:
        await registration.register(connection, client, WHOSE, HERE, take_over=False)
        provider.url = ELSEWHERE
        for _ in range(3):
            with pytest.raises(ImpossibleError, match="the provider delivers to"):
                await registration.register(connection, client, WHOSE, HERE, take_over=False)
        provider.tells = NONE
        moved = await registration.register(connection, client, WHOSE, ELSEWHERE, take_over=False)
    assert moved.sentence.startswith(f"registered {ELSEWHERE} ")
    assert provider.methods.count("POST") == 2


async def test_a_webhook_elsewhere_that_cannot_be_taken_over_is_still_known_here(
    db: Pool, receiver_database: str
) -> None:
    """Otherwise the next start would take it over, as if nothing had ever been registered."""
    await register(Provider(given("whsec_old")), receiver_database)
    with pytest.raises(ImpossibleError, match="refuses to register"):
        await register(Provider(refused(400), tells=there(ELSEWHERE)), receiver_database)
    assert registration.current(await registration.find(db, WHOSE)) is not None


async def test_a_crash_between_the_answer_and_its_commit_loses_no_secret(db: Pool, receiver_database: str) -> None:
    async def crash() -> httpx.Response:
        await db.fetch(
            "select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory' and database = "
            "(select oid from pg_database where datname = current_database())"
        )
        return given()()

    provider = Provider(crash, given())
    with pytest.raises(AWAY):
        await register(provider, receiver_database)
    assert await known_secrets(db, API) == []
    await register(provider, receiver_database)
    assert provider.keys[0] == provider.keys[1]
    assert await known_secrets(db, API) == [SECRET.encode()]
    assert len(await db.fetch(INTENTS)) == 1


async def test_the_provider_repeats_its_answer_to_the_key_of_the_intent(db: Pool, receiver_database: str) -> None:
    """The same against the sandbox: the answer is lost on the way, the next process gets the same secret."""
    sandbox = Sandbox()
    transport = httpx.ASGITransport(application(sandbox))

    async def lost() -> httpx.Response:
        raise httpx.ReadError("the connection was cut")

    class Passing(Provider):
        async def answer(self, request: httpx.Request) -> httpx.Response:
            answer = await transport.handle_async_request(request)
            await answer.aread()
            await super().answer(request)
            return answer

    with pytest.raises(ProviderError):
        await register(Passing(lost), receiver_database)
    (account,) = sandbox.transcribe_so.accounts.values()
    assert account.webhook is not None
    first = account.webhook.secret
    await register(Passing(given()), receiver_database)
    assert account.webhook.secret == first
    assert await known_secrets(db, API) == [first.encode()]
    await sandbox.close()


async def test_an_intent_older_than_a_day_is_given_up_and_said(
    db: Pool, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The provider forgets the key after 24 hours."""
    provider = Provider(refused(500), refused(500), given())
    for age in (timedelta(hours=23, minutes=59), timedelta(hours=24, seconds=1)):
        with pytest.raises(ProviderError):
            await register(provider, receiver_database)
        await db.execute("update receiver.registrations set intended_at = now() - $1::interval", age)
    with caplog.at_level(logging.WARNING):
        await register(provider, receiver_database)
    assert provider.keys[0] == provider.keys[1] != provider.keys[2]
    assert f"an attempt to register {HERE} that was not answered counts as lost" in caplog.text
    old, new = await db.fetch(INTENTS)
    assert (old["retired_at"] is None, new["retired_at"]) == (False, None)
    assert await known_secrets(db, API) == [SECRET.encode()]


@pytest.mark.parametrize(
    ("status", "code"), [(400, "invalid_request"), (403, "forbidden"), (422, "no"), (409, "webhook_exists")]
)
async def test_a_refusal_is_said_and_the_next_try_has_a_new_key(receiver_database: str, status: int, code: str) -> None:
    """The provider repeats a refusal to the same key for a day, so that key is of no use any more."""
    provider = Provider(refused(status, code), given())
    with pytest.raises(ImpossibleError, match=rf"refuses to register .*{code}"):
        await register(provider, receiver_database)
    await register(provider, receiver_database)
    assert provider.keys[0] != provider.keys[1]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_failure_that_may_pass_keeps_the_intent(db: Pool, receiver_database: str, status: int) -> None:
    """The first request might have been carried out: only its key brings the secret that was lost on the way."""
    provider = Provider(refused(500), refused(status), given())
    for _ in range(2):
        with pytest.raises((ImpossibleError, ProviderError)):
            await register(provider, receiver_database)
    await register(provider, receiver_database)
    assert len(set(provider.keys)) == 1
    assert await known_secrets(db, API) == [SECRET.encode()]


@pytest.mark.parametrize("secret", [None, ""])
async def test_an_answer_without_secret_says_what_to_do(db: Pool, receiver_database: str, secret: str | None) -> None:
    provider = Provider(given(secret), given())
    with pytest.raises(ImpossibleError, match=r"TRANSCRIBE_WEBHOOK_SECRET.*delete it in the provider's dashboard"):
        await register(provider, receiver_database)
    assert await known_secrets(db, API) == []
    await register(provider, receiver_database)
    assert provider.keys[0] != provider.keys[1]


async def test_an_answer_that_makes_no_sense_keeps_the_intent(receiver_database: str) -> None:
    provider = Provider(lambda: httpx.Response(201, content=b'{"signing_secret": "whs'), given())
    with pytest.raises(ProviderError):
        await register(provider, receiver_database)
    await register(provider, receiver_database)
    assert provider.keys[0] == provider.keys[1]


async def test_two_processes_that_register_at_once_ask_once(db: Pool, receiver_database: str) -> None:
    provider = Provider(given())
    said = await asyncio.gather(*(register(provider, receiver_database) for _ in range(4)))
    assert sorted(one.split()[0] for one in said) == ["already"] * 3 + ["registered"]
    assert len(provider.keys) == 1
    assert len(await db.fetch(INTENTS)) == 1


async def test_a_registration_belongs_to_an_api_a_key_and_an_address(
    db: Pool, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    provider = Provider(*(given(f"whsec_{number}") for number in range(4)))
    async with provider.client() as client:
        others = (
            Account("transcribe.so", "default", API, key=SecretStr("other key")),
            Account("transcribe.so", "default", "https://b.test", key=WHOSE.key),
        )
        for whose, webhook_url in [(WHOSE, HERE), (WHOSE, ELSEWHERE), *((other, HERE) for other in others)]:
            await registration.register(connection, client, whose, webhook_url)
    assert len(set(provider.keys)) == 4
    assert await known_secrets(db, API) == [b"whsec_2", b"whsec_1", b"whsec_0"]
    assert await known_secrets(db, "https://b.test") == [b"whsec_3"]
    assert [found.webhook_url for found in await registration.find(db, WHOSE)] == [ELSEWHERE, HERE]


async def test_a_changed_address_is_only_mentioned(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    provider = Provider(given("whsec_1"), given("whsec_2"), given("whsec_3"))
    async with provider.client() as client:

        async def needed(webhook_url: str) -> str:
            return (await registration.register(connection, client, WHOSE, webhook_url, take_over=False)).sentence

        assert (await needed(HERE)).startswith(f"registered {HERE}")
        assert await needed(ELSEWHERE) == (
            f"registered for {HERE}, not for {ELSEWHERE}; to change that run `receiver register`"
        )
        assert len(provider.keys) == 1
        assert (await needed(HERE)).startswith(f"already registered for {HERE}")
        await registration.register(connection, client, WHOSE, ELSEWHERE)
        assert (await needed(ELSEWHERE)).startswith("already registered")
        assert (await needed(HERE)).startswith(f"registered for {ELSEWHERE}, not for {HERE}")
        back = (await registration.register(connection, client, WHOSE, HERE)).sentence
    assert back.startswith(f"registered {HERE}"), "the provider keeps one webhook for each key, so it has to be asked"
    assert len(set(provider.keys)) == 3


async def test_fields_tell_what_was_done(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    provider = Provider(given())

    async def done(*, take_over: bool = True, webhook_url: str = HERE) -> tuple[str, str | None, str | None]:
        async with provider.client() as client:
            found = await registration.register(connection, client, WHOSE, webhook_url, take_over=take_over)
        return found.done, found.registered_for, found.fingerprint

    name = fingerprint(SECRET.encode())
    assert await done() == ("registered", None, name)
    assert await done() == ("kept", None, name)
    assert await done(take_over=False, webhook_url=ELSEWHERE) == ("elsewhere", HERE, name)
    for provider.tells in (NO_ENDPOINT, refused(503)):
        assert await done() == ("unknown", None, name)


def test_the_address_is_the_given_one_else_that_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    configured = settings.load(PUBLIC_URL="https://here.test")
    assert registration.address(configured, None) == configured.webhook_url
    for given in ("https://elsewhere.test", " HTTPS://elsewhere.test/", f"https://elsewhere.test{WEBHOOK_PATH}"):
        assert registration.address(configured, given) == f"https://elsewhere.test{WEBHOOK_PATH}"
    for wrong in ("", "elsewhere.test"):
        with pytest.raises(ImpossibleError, match="the webhook's address must be an address like "):
            registration.address(configured, wrong)
    with pytest.raises(ImpossibleError, match="set PUBLIC_URL to where the provider reaches this receiver"):
        registration.address(settings.load(), None)


async def test_registering_anew_keeps_the_secrets_of_before_and_says_so(db: Pool, receiver_database: str) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    with pytest.raises(ImpossibleError):
        await register(Provider(refused(400)), receiver_database, rotate=True)
    assert await known_secrets(db, API) == [b"whsec_old"]
    said = await register(Provider(given("whsec_new")), receiver_database, rotate=True)
    assert await known_secrets(db, API) == [b"whsec_new", b"whsec_old"]
    assert said.endswith(f"still active, until `receiver retire-secret`: {fingerprint(b'whsec_old')}")


async def test_the_same_secret_again_is_said_to_be_no_rotation(receiver_database: str) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    said = await register(Provider(given("whsec_old")), receiver_database, rotate=True)
    assert "the same secret again, so nothing has been rotated" in said


@pytest.mark.parametrize(
    ("answer", "says"), [(refused(409, "webhook_exists"), "webhook_exists"), (given(None), "does not show its secret")]
)
async def test_a_provider_that_refuses_a_second_webhook_changes_nothing_and_the_way_out_is_said(
    db: Pool, receiver_database: str, answer: Callable[[], httpx.Response], says: str
) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    with pytest.raises(ImpossibleError, match="--rotate --delete-first") as raised:
        await register(Provider(answer), receiver_database, rotate=True)
    assert says in str(raised.value)
    assert await known_secrets(db, API) == [b"whsec_old"]
    assert [one.registered_at is not None for one in await registration.find(db, WHOSE)] == [True]


async def test_deleting_first_makes_room_for_the_new_webhook_and_asks_under_a_new_key(
    db: Pool, receiver_database: str
) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    lost = Provider(refused(500))
    with pytest.raises(ProviderError):
        await register(lost, receiver_database, rotate=True)
    provider = Provider(lambda: httpx.Response(200, json={"deleted": True}), given("whsec_new"))
    await register(provider, receiver_database, rotate=True, delete_first=True)
    assert provider.methods == ["DELETE", "POST"]
    assert provider.keys[-1] not in lost.keys, "what the lost answer brings has been deleted"
    assert await known_secrets(db, API) == [b"whsec_new", b"whsec_old"]


async def test_a_webhook_that_cannot_be_deleted_is_said_and_none_is_registered(receiver_database: str) -> None:
    provider = Provider(refused(405, "method_not_allowed"))
    with pytest.raises(ImpossibleError, match="delete it in its dashboard"):
        await register(provider, receiver_database, rotate=True, delete_first=True)
    assert provider.methods == ["DELETE"]


async def test_no_webhook_to_delete_is_no_reason_to_stop(db: Pool, receiver_database: str) -> None:
    provider = Provider(refused(404, "not_found"), given("whsec_new"))
    await register(provider, receiver_database, delete_first=True)
    assert await known_secrets(db, API) == [b"whsec_new"]


async def test_what_an_api_has_lost_is_forgotten_and_another_account_is_not(
    db: Pool, connection: "asyncpg.Connection[asyncpg.Record]", receiver_database: str
) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    await registration.forget(connection, replace(WHOSE, api_url="http://elsewhere.test"))
    assert await known_secrets(db, API) == [b"whsec_old"]
    await registration.forget(connection, WHOSE)
    assert await known_secrets(db, API) == []
    assert await registration.find(db, WHOSE) == []


async def test_a_rotation_whose_answer_was_lost_is_healed_by_whoever_registers_next(
    db: Pool, receiver_database: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The provider might sign with the new secret already, although the old registration looks fine."""
    await register(Provider(given("whsec_old")), receiver_database)
    lost = Provider(refused(502))
    with pytest.raises(ProviderError):
        await register(lost, receiver_database, rotate=True)
    assert registration.unanswered(await registration.find(db, WHOSE)) is not None
    again = Provider(given("whsec_new"))
    async with again.client() as client:
        await registration.register(connection, client, WHOSE, HERE, take_over=False)
    assert again.keys == lost.keys
    assert await known_secrets(db, API) == [b"whsec_new", b"whsec_old"]
    assert registration.unanswered(await registration.find(db, WHOSE)) is None


async def test_a_webhook_that_was_deleted_for_nothing_is_registered_by_whoever_comes_next(
    db: Pool, receiver_database: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await register(Provider(given("whsec_old")), receiver_database)
    stuck = Provider(lambda: httpx.Response(200, json={}), refused(400))
    with pytest.raises(ImpossibleError):
        await register(stuck, receiver_database, rotate=True, delete_first=True)
    assert registration.current(await registration.find(db, WHOSE)) is None
    assert await known_secrets(db, API) == [b"whsec_old"], "what is on its way is still taken"
    next_one = Provider(given("whsec_new"))
    async with next_one.client() as client:
        await registration.register(connection, client, WHOSE, HERE, take_over=False)
    assert await known_secrets(db, API) == [b"whsec_new", b"whsec_old"]


async def test_the_secret_and_the_key_are_in_no_log_and_no_repr(
    db: Pool, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider(refused(500), given())
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(ProviderError) as failed:
            await register(provider, receiver_database)
        said = await register(provider, receiver_database)
    shown = [said, caplog.text, repr(failed.value), repr(await registration.find(db, WHOSE))]
    async with provider.client() as client:
        shown += [repr(client), repr(await client.register_webhook(HERE, idempotency_key="k"))]
    assert not [text for text in shown if SECRET in text or "tsk_live_of_the_tests" in text]


INSERT_OF_0_5 = """
insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key)
values ($1, $2, $3, $4)
returning id, callback_url, idempotency_key, now() - intended_at as age, registered_at, secret, gone_at
"""
COMPLETE_OF_0_5 = (
    "update receiver.registrations set registered_at = now(), webhook_id = 'wh_1', secret = $2 where id = $1"
)
FIND_OF_0_5 = """
select id, callback_url, idempotency_key, now() - intended_at as age, registered_at, secret, gone_at
from receiver.registrations
where api_url = $1 and key_fingerprint = $2 and retired_at is null
order by id desc
"""


async def registered_by_0_5(db: database.Database, url: str, secret: str | None) -> None:
    """Write a registration as version 0.5 does; without a `secret`, only its intent."""
    row = await db.fetchrow(INSERT_OF_0_5, API, WHOSE.key_fingerprint, url, f"register-{secret}")
    assert row is not None
    if secret is not None:
        await db.execute(COMPLETE_OF_0_5, row["id"], secret)


async def test_rows_of_version_0_5_from_before_the_migration_are_found_and_verify(receiver_server: Server) -> None:
    url = receiver_server.create("receiver_of_0_5")
    connection = await database.connect(url)
    try:
        steps = migrations.files()
        await migrations.migrate(connection, steps[:8])
        await registered_by_0_5(connection, HERE, "whsec_before")
        assert "0008_webhook_url" in await migrations.migrate(connection)
        (found,) = await registration.find(connection, WHOSE)
        (secret,) = await rotation.known(connection, WHOSE)
        assert (found.webhook_url, secret.webhook_url) == (HERE, HERE)
        assert (await secrets.read(connection, [WHOSE.id])).webhooks == {WHOSE.id: (b"whsec_before",)}
        assert await connection.fetchval("select webhook_url from receiver.registrations") == HERE
    finally:
        await connection.close()
        receiver_server.drop("receiver_of_0_5")


async def test_rows_that_version_0_5_writes_behind_the_migration_are_found_and_verify(
    db: Pool, receiver_database: str
) -> None:
    await registered_by_0_5(db, HERE, "whsec_beside")
    assert (await register(Provider(given()), receiver_database)).startswith(f"already registered for {HERE}")
    await registered_by_0_5(db, ELSEWHERE, None)
    assert [found.webhook_url for found in await registration.find(db, WHOSE)] == [ELSEWHERE, HERE]
    assert [secret.webhook_url for secret in await rotation.known(db, WHOSE)] == [HERE]
    assert await known_secrets(db, API) == [b"whsec_beside"]
    provider = Provider(given("whsec_of_its_intent"))
    await register(provider, receiver_database, ELSEWHERE)
    assert provider.keys == ["register-None"], "the intent of version 0.5 is repeated under its own key"
    assert await known_secrets(db, API) == [b"whsec_of_its_intent", b"whsec_beside"]


async def test_version_0_5_can_read_the_rows_that_we_write(db: Pool, receiver_database: str) -> None:
    await register(Provider(given()), receiver_database)
    (row,) = await db.fetch(FIND_OF_0_5, API, WHOSE.key_fingerprint)
    assert (row["callback_url"], row["secret"]) == (HERE, SECRET)


BIG = replace(WHOSE, name="big-show", key=SecretStr("another key"))


async def test_each_account_has_a_registration_of_its_own(db: Pool, receiver_database: str) -> None:
    await register(Provider(given("whsec_default")), receiver_database)
    connection = await database.connect(receiver_database)
    async with Provider(given("whsec_big"), tells=NONE).client() as client:
        outcome = await registration.register(connection, client, BIG, f"{HERE}/big-show")
    await connection.close()
    assert (outcome.done, outcome.others) == ("registered", ())
    assert (await secrets.read(db, [WHOSE.id, BIG.id])).webhooks == {
        WHOSE.id: (b"whsec_default",), BIG.id: (b"whsec_big",),
    }  # fmt: skip
    assert [one.webhook_url for one in await registration.find(db, BIG)] == [f"{HERE}/big-show"]
    assert [one.fingerprint for one in await rotation.known(db, BIG)] == [fingerprint(b"whsec_big")]
    await registration.forget(db, BIG)
    assert [one.webhook_url for one in await registration.find(db, WHOSE)] == [HERE]


async def test_a_key_that_was_given_to_another_account_is_registered_for_that_one(
    db: Pool, receiver_database: str
) -> None:
    """Its webhook is at another path by now, and what was on its way to the old one still verifies there."""
    moved = replace(WHOSE, name="big-show")
    await register(Provider(given("whsec_before")), receiver_database)
    connection = await database.connect(receiver_database)
    async with Provider(given("whsec_after")).client() as client:
        assert (await registration.register(connection, client, moved, f"{HERE}/big-show")).done == "registered"
    await connection.close()
    assert (await secrets.read(db, [WHOSE.id, moved.id])).webhooks == {
        WHOSE.id: (b"whsec_before",), moved.id: (b"whsec_after",),
    }  # fmt: skip


async def test_an_account_that_is_being_registered_keeps_no_other_from_it(receiver_database: str) -> None:
    """Its provider might hang for minutes."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def hang() -> httpx.Response:
        asked.set()
        await answered.wait()
        return given("whsec_default")()

    hanging = asyncio.create_task(register(Provider(hang), receiver_database))
    await asked.wait()
    connection = await database.connect(receiver_database)
    async with Provider(given("whsec_big")).client() as client:
        await asyncio.wait_for(registration.register(connection, client, BIG, f"{HERE}/big-show"), 30)
    assert not hanging.done()
    answered.set()
    await hanging
    await connection.close()


@pytest.mark.parametrize("what", ["first", "had events", "had a webhook"])
async def test_only_the_first_registration_of_an_account_without_events_begins_its_time(
    db: Pool, receiver_database: str, what: str
) -> None:
    """Before that nothing was announced here; after it, a new secret must not hide an end that nobody announced."""
    await db.execute(
        "insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark)"
        " values ($1, $2, $3, '2026-01-01', '2026-01-01')", *WHOSE.id,
    )  # fmt: skip
    if what == "had events":
        await db.execute(
            "insert into receiver.events (source, api_url, account, event_id, type, raw, secret_fingerprint, origin)"
            " values ($1, $2, $3, 'evt_1', 'a.b', '', '', 'webhook')", *WHOSE.id,
        )  # fmt: skip
    if what == "had a webhook":
        await register(Provider(given()), receiver_database)
        await db.execute("update receiver.reconciliations set reconcile_from = '2026-01-01'")
    await register(Provider(given("whsec_another")), receiver_database, rotate=what == "had a webhook")
    moved = await db.fetchval("select reconcile_from > '2026-02-01' from receiver.reconciliations")
    assert moved is (what == "first")
