"""`receiver.webhooks.registrar`: passing trouble does not end it, and a refusal is logged and tried again."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, SchemaError
from receiver.health import Finding, advice
from receiver.sandbox import Knobs
from receiver.settings import WEBHOOK_PATH, Settings
from receiver.webhooks.registrar import Pauses, Registrar, register_now
from tests.commands import Simulated
from tests.processes import free_port
from tests.worker.working import until

HERE = "https://here.test"
SOON = Pauses(trouble=0.05, refusal=0.05)


def findings(registrar: Registrar) -> list[Finding]:
    account = registrar.account
    return advice.registration(mark=account.mark, option=account.option, is_refused=registrar.is_refused)


@pytest.fixture
def configured(sandbox: Simulated, tmp_path: Path) -> Settings:
    return configuration(sandbox, tmp_path)


def configuration(sandbox: Simulated, folder: Path) -> Settings:
    return settings.load(
        TRANSCRIBE_API_URL=sandbox.url, TRANSCRIBE_API_KEY=sandbox.key, PUBLIC_URL=HERE,
        RECEIVER_DATA_DIR=str(folder),
    )  # fmt: skip


def registrar_of(configured: Settings, url: str) -> Registrar:
    return Registrar(configured, url, pauses=SOON)


async def registered(db: Pool) -> bool:
    return bool(await db.fetchval("select count(*) from receiver.registrations where secret is not null"))


async def test_it_is_registered_where_the_settings_say_or_elsewhere_if_that_was_given(
    configured: Settings, sandbox: Simulated, receiver_database: str
) -> None:
    said = await register_now(configured, receiver_database)
    assert (said.done, said.webhook_url) == ("registered", HERE + WEBHOOK_PATH)
    left = await register_now(configured, receiver_database, given="https://there.test", take_over=False)
    assert (left.done, left.registered_for) == ("elsewhere", HERE + WEBHOOK_PATH)
    assert (await register_now(configured, receiver_database, given="https://there.test")).done == "registered"
    assert sandbox.get("webhooks")["url"] == "https://there.test" + WEBHOOK_PATH


async def test_without_an_address_or_our_schema_the_provider_is_not_asked(
    configured: Settings, sandbox: Simulated, db: Pool, receiver_database: str
) -> None:
    nowhere = configured.model_copy(update={"public_url": None})
    with pytest.raises(ImpossibleError, match="set PUBLIC_URL to where the provider reaches this receiver"):
        await register_now(nowhere, receiver_database)
    await db.execute("delete from receiver.migrations where version > 1")
    with pytest.raises(SchemaError, match="run `receiver migrate`"):
        await register_now(configured, receiver_database)
    assert sandbox.asked("/webhooks") == []


async def test_trouble_that_passes_is_waited_for(
    configured: Settings, db: Pool, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a table that is being restored."""
    await db.execute("alter table receiver.registrations rename to away")
    registrar = registrar_of(configured, receiver_database)
    registering = asyncio.create_task(registrar.keep())

    async def said() -> bool:
        return caplog.text.count("not registered yet: ") >= 2

    await until(said)
    assert (registering.done(), registrar.is_refused) == (False, False)
    await db.execute("alter table receiver.away rename to registrations")
    await asyncio.wait_for(registering, 60)
    assert await registered(db)


async def test_a_database_that_is_away_is_waited_for(configured: Settings, caplog: pytest.LogCaptureFixture) -> None:
    url = f"postgresql://u@127.0.0.1:{free_port()}/d"
    registering = asyncio.create_task(registrar_of(configured, url).keep())

    async def said() -> bool:
        return caplog.text.count("not registered yet: ") >= 2

    await until(said)
    assert not registering.done()
    registering.cancel()


async def test_a_refusal_is_advice_and_tried_again_seldom(
    db: Pool, receiver_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The key has a webhook already, until somebody deletes it."""
    with Simulated(knobs=Knobs(second_webhook="409")).running() as sandbox:
        assert sandbox.http.post("/api/v1/webhooks", json={"url": "https://there.test"}).status_code == 201
        registrar = registrar_of(configuration(sandbox, tmp_path), receiver_database)
        registering = asyncio.create_task(registrar.keep())

        async def said() -> bool:
            return registrar.is_refused

        await until(said)
        (finding,) = findings(registrar)
        assert (finding.name, finding.holds) == ("registration", True)
        assert "see `receiver register`" in finding.said
        assert (await asyncio.to_thread(sandbox.http.delete, "/api/v1/webhooks")).is_success
        await asyncio.wait_for(registering, 60)
    assert await registered(db)
    assert findings(registrar) == []
    assert "not registered: the provider refuses to register" in caplog.text


async def test_a_webhook_that_delivers_elsewhere_by_now_is_advice_and_left_alone_until_it_is_gone(
    configured: Settings, sandbox: Simulated, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Another receiver with this key has registered since: a person decides who has it."""
    await registrar_of(configured, receiver_database).keep()
    there = {"url": "https://there.test/hook"}
    assert (await asyncio.to_thread(partial(sandbox.http.post, "/api/v1/webhooks", json=there))).status_code == 201
    registrar = registrar_of(configured, receiver_database)
    registering = asyncio.create_task(registrar.keep())

    async def said_again() -> bool:
        return caplog.text.count("not registered: the provider delivers to https://there.test/hook, not to ") > 1

    await until(said_again)
    (finding,) = findings(registrar)
    assert (finding.name, finding.holds) == ("registration", True)
    assert sandbox.asked("/webhooks").count("POST /api/v1/webhooks") == 2
    assert (await asyncio.to_thread(sandbox.http.delete, "/api/v1/webhooks")).is_success
    await asyncio.wait_for(registering, 60)
    assert findings(registrar) == []
    assert sandbox.get("webhooks")["url"].startswith(HERE)


async def test_each_account_registers_its_own_webhook_and_one_that_is_refused_keeps_no_other_from_it(
    sandbox: Simulated, db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    both = settings.load(
        TRANSCRIBE_API_URL=sandbox.url, TRANSCRIBE_API_KEY="nonsense", PUBLIC_URL=HERE,
        TRANSCRIBE_API_KEY__BIG_SHOW=sandbox.key, RECEIVER_DATA_DIR=str(tmp_path),
    )  # fmt: skip
    refused, other = (registrar_of(one, receiver_database) for one in both.in_use)
    keeping = asyncio.create_task(refused.keep())
    await asyncio.wait_for(other.keep(), 60)
    assert not keeping.done()
    keeping.cancel()
    assert sandbox.get("webhooks")["url"] == f"{HERE}{WEBHOOK_PATH}/big-show"
    rows = await db.fetch("select account, webhook_url from receiver.registrations where secret is not null")
    assert [tuple(row) for row in rows] == [("big-show", f"{HERE}{WEBHOOK_PATH}/big-show")]
