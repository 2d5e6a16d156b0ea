"""`receiver.webhooks.secrets`: which secrets verify at the webhook's path, and what to do where none is known."""

from datetime import timedelta

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.events import AccountId
from receiver.webhooks import secrets
from receiver.webhooks.secrets import Known

API = "https://api.test"
HERE = AccountId("transcribe.so", API, "default")


async def registered(db: Pool, secret: str | None, *, api_url: str = API, is_retired: bool = False) -> None:
    await db.execute(
        "insert into receiver.registrations (api_url, key_fingerprint, callback_url, idempotency_key, secret,"
        " registered_at, retired_at) values ($1, '0123456789ab', 'https://here.test', 'k', $2,"
        " case when $2::text is not null then now() end, case when $3 then now() end)",
        api_url, secret, is_retired,
    )  # fmt: skip


async def test_registered_secrets_verify_behind_those_of_the_settings_and_each_once(db: Pool) -> None:
    await registered(db, "whsec_retired", is_retired=True)
    await registered(db, "whsec_old")
    await registered(db, "whsec_new")
    await registered(db, None)
    await registered(db, "whsec_elsewhere", api_url="https://elsewhere.test")
    known = await secrets.read(db, [HERE])
    assert known.webhooks == {HERE: (b"whsec_new", b"whsec_old")}
    configured = settings.load(TRANSCRIBE_API_URL=API, TRANSCRIBE_WEBHOOK_SECRET="whsec_own,whsec_old")
    assert secrets.of_webhook(configured.chosen, known) == (b"whsec_own", b"whsec_old", b"whsec_new")


async def test_a_callback_that_is_not_among_the_newest_is_read_by_its_token(db: Pool) -> None:
    await db.execute(
        "insert into receiver.callbacks (token, api_url, idempotency_key, transcription_id, secret, intended_at)"
        " select 't' || n, $1, 'k' || n, n::text, 'whsec_' || n, now() - n * $2::interval"
        " from generate_series(1, 1002) n",
        API, timedelta(seconds=1),
    )  # fmt: skip
    assert not {"t1001", "t1002"} & (await secrets.read(db, [HERE])).callbacks.keys()
    found = (await secrets.read(db, [HERE], ["t1002", "t9999"])).callbacks
    assert (len(found), found["t1002"].secret, found["t1002"].transcription_id) == (1001, b"whsec_1002", "1002")


def test_no_secret_is_in_a_repr() -> None:
    known = Known({HERE: (b"whsec_sesame",)}, {"token": secrets.Callback(b"whsec_sesame", "7", HERE)})
    assert "sesame" not in repr(known) + repr(known.callbacks)


@pytest.mark.parametrize(("given", "first"), [
    ({}, "set TRANSCRIBE_API_KEY and PUBLIC_URL and run `receiver register`"),
    ({"TRANSCRIBE_API_KEY": "tsk_live_1"}, "set PUBLIC_URL and run `receiver register`"),
    ({"PUBLIC_URL": "https://here.test"}, "set TRANSCRIBE_API_KEY and run `receiver register`"),
    ({"TRANSCRIBE_API_KEY": "tsk_live_1", "PUBLIC_URL": "https://here.test"}, "run `receiver register`"),
])  # fmt: skip
def test_only_what_is_missing_is_to_be_set(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], first: str) -> None:
    for name in ("TRANSCRIBE_API_KEY", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    configured = settings.load(**given)
    advice = secrets.how_to_know_one(configured)
    assert advice.startswith(f"{first}, or set TRANSCRIBE_WEBHOOK_SECRET")
    assert str(secrets.none_known(configured)) == f"no secret is known for {configured.api_url}: {advice}"


BIG = HERE._replace(account="big-show")


async def test_each_accounts_secrets_are_its_own_and_one_statement_brings_all(db: Pool) -> None:
    """What a process of version 0.6 writes names no account, and is the default one's."""
    await registered(db, "whsec_of_0_6")
    await registered(db, "whsec_big")
    await db.execute("update receiver.registrations set account = 'big-show' where secret = 'whsec_big'")
    await db.execute(
        "insert into receiver.callbacks (token, api_url, account, idempotency_key, transcription_id, secret)"
        " values ('a', $1, default, 'a', '1', 'whsec_a'), ('b', $1, 'big-show', 'b', '2', 'whsec_b')", API,
    )  # fmt: skip
    known = await secrets.read(db, [HERE, BIG, HERE._replace(account="other")])
    assert known.webhooks == {HERE: (b"whsec_of_0_6",), BIG: (b"whsec_big",)}
    assert {token: one.account for token, one in known.callbacks.items()} == {"a": HERE, "b": BIG}
    assert (await secrets.read(db, [BIG], ["a"])).callbacks.keys() == {"b"}
    assert await secrets.read(db, []) == Known()


async def test_many_callbacks_of_one_account_hide_none_of_another(db: Pool) -> None:
    await db.execute(
        "insert into receiver.callbacks"
        " (token, api_url, account, idempotency_key, transcription_id, secret, intended_at)"
        " select 't' || n, $1, case when n = 1002 then 'big-show' else 'default' end, 'k' || n, n::text, 'whsec_' || n,"
        " now() - n * $2::interval from generate_series(1, 1002) n",
        API, timedelta(seconds=1),
    )  # fmt: skip
    assert {"t1001", "t1002"} & (await secrets.read(db, [HERE, BIG])).callbacks.keys() == {"t1002"}


def test_the_advice_for_an_account_names_its_variable_and_its_option() -> None:
    configured = settings.load(PUBLIC_URL="https://here.test", TRANSCRIBE_API_KEY__BIG_SHOW="x").choosing("big-show")
    assert str(secrets.none_known(configured)).startswith(
        f"no secret is known for the account big-show of {configured.api_url}: "
        "run `receiver register --account big-show`, or set TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW; "
    )
