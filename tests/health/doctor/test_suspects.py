"""`health.doctor.suspects`: whose a secret is depends on where the request came to; those that verify come first."""

import time
from collections.abc import Sequence

import pytest

from receiver import settings, signature
from receiver.database import Pool
from receiver.events import AccountId
from receiver.health.doctor import Candidate, gather
from receiver.settings import Settings

API = "https://api.test"
HERE, SHOW = AccountId("transcribe.so", API, "default"), AccountId("transcribe.so", API, "big-show")
KEY = signature.fingerprint(b"tsk_live_of_now")
DAY = 86_400.0


@pytest.fixture
def configured(own_environment: None, monkeypatch: pytest.MonkeyPatch) -> Settings:  # noqa: ARG001 - it comes first
    monkeypatch.setenv("TRANSCRIBE_API_KEY__BIG_SHOW", "tsk_live_of_the_show")
    monkeypatch.setenv("TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW", "whsec_big")
    return settings.load(
        TRANSCRIBE_API_URL=API, TRANSCRIBE_API_KEY="tsk_live_of_now", TRANSCRIBE_WEBHOOK_SECRET="whsec_own"
    )


async def register(
    db: Pool, secret: str, *, account: str = "default", api_url: str = API, key: str = KEY, retired: bool = False
) -> None:
    await db.execute(
        "insert into receiver.registrations (account, api_url, key_fingerprint, callback_url, idempotency_key, secret,"
        " registered_at, retired_at) values ($1, $2, $3, 'https://here.test', $4, $4, now() - interval '2 days',"
        " case when $5 then now() - interval '1 day' end)",
        account, api_url, key, secret, retired,
    )  # fmt: skip


async def call_back(db: Pool, token: str, *, days: int = 0, account: str = "default") -> None:
    await db.execute(
        "insert into receiver.callbacks (token, api_url, account, idempotency_key, transcription_id, secret,"
        " intended_at) values ($1, $2, $3, $1, $1, 'whsec_' || $1, now() - make_interval(days => $4))",
        token, API, account, days,
    )  # fmt: skip


async def known(db: Pool) -> None:
    """Let each kind of secret be known."""
    await register(db, "whsec_new")
    await register(db, "whsec_old", retired=True)
    await register(db, "whsec_key", key="another", retired=True)
    await register(db, "whsec_show", account="big-show")
    await register(db, "whsec_gone", account="gone")
    await register(db, "whsec_sandbox", api_url="http://127.0.0.1:9")
    await call_back(db, "job")
    await call_back(db, "late", days=8)


async def asked(
    db: "Pool | None", configured: Settings, at: AccountId | str, came: float | None = None
) -> list[Candidate]:
    return await gather(db, configured, at, came=time.time() if came is None else came)


def causes(found: Sequence[Candidate]) -> dict[str, str]:
    return {one.secret.decode().removeprefix("whsec_"): one.cause for one in found}


async def test_at_a_webhook_the_secrets_of_its_account_are_well(db: Pool, configured: Settings) -> None:
    await known(db)
    found = await asked(db, configured, HERE)
    assert causes(found) == {
        "own": "well", "new": "well", "old": "old_secret", "key": "other_key", "big": "other_account",
        "show": "other_account", "gone": "other_account", "sandbox": "other_account", "job": "callback",
    }  # fmt: skip
    assert [one.cause for one in found[:2]] == ["well", "well"]
    assert found[-1].cause == "callback"
    assert all(one.todo for one in found[2:])


async def test_at_the_webhook_of_another_account_others_are_well(db: Pool, configured: Settings) -> None:
    await known(db)
    found = causes(await asked(db, configured, SHOW))
    assert {name for name, cause in found.items() if cause == "well"} == {"big", "show"}
    assert {found[name] for name in ("own", "new", "old", "key", "gone", "sandbox")} == {"other_account"}


async def test_at_a_callback_its_own_secret_alone_is_well(db: Pool, configured: Settings) -> None:
    await known(db)
    found = await asked(db, configured, "job")
    assert (causes(found)["job"], found[0].cause, found[1].cause) == ("well", "well", "webhook")
    assert causes(found) == {
        "job": "well", "own": "webhook", "new": "webhook", "big": "webhook", "show": "webhook", "old": "old_secret",
        "key": "other_key", "gone": "other_account", "sandbox": "other_account",
    }  # fmt: skip


async def test_a_callback_that_is_over_has_an_old_secret(db: Pool, configured: Settings) -> None:
    await known(db)
    found = await asked(db, configured, "late")
    assert [(one.cause, one.whose) for one in found if one.secret == b"whsec_late"] == [
        ("old_secret", "the secret of the callback of transcription late, which is older than a week,")
    ]


async def test_a_callback_that_nobody_knows_has_no_secret(db: Pool, configured: Settings) -> None:
    await known(db)
    assert "well" not in causes(await asked(db, configured, "nobody")).values()


async def test_a_secret_that_is_known_twice_is_what_it_is_good_for(db: Pool, configured: Settings) -> None:
    await register(db, "whsec_big")
    await register(db, "whsec_own", retired=True)
    await register(db, "whsec_job", key="another", retired=True)
    await call_back(db, "job")
    found = await asked(db, configured, HERE)
    assert causes(found) == {"own": "well", "big": "well", "job": "other_key"}
    assert len(found) == 3


async def test_what_was_registered_or_retired_after_the_request_came_is_said(db: Pool, configured: Settings) -> None:
    await known(db)
    words = {one.secret: one.whose for one in await asked(db, configured, HERE, time.time() - 3 * DAY)}
    assert words[b"whsec_new"].endswith(", registered only after it came,")
    assert words[b"whsec_old"].endswith(", retired only after it came,")
    assert "only" not in words[b"whsec_own"]
    words = {one.secret: one.whose for one in await asked(db, configured, HERE)}
    assert not any("only" in one for one in words.values())


async def test_without_a_database_the_settings_alone_are_asked(configured: Settings) -> None:
    assert causes(await asked(None, configured, HERE)) == {"own": "well", "big": "other_account"}
    assert causes(await asked(None, configured, "job")) == {"own": "webhook", "big": "webhook"}


@pytest.mark.parametrize(
    ("secret", "todo"),
    [
        ("big", ("let it be sent to /webhooks/transcribe-so/big-show, which is the webhook of that account; if it did "
                 "come there, diagnose it with --account big-show")),
        ("gone", "that account is not set up here; set its key, or delete its webhook at the provider"),
        ("sandbox", "that is another API; set TRANSCRIBE_API_URL to it, or delete its webhook at the provider"),
        ("key", "the webhook of that key delivers here; delete it at the provider, or set that key"),
        ("old", ("it was retired here, so let the sender sign with the newest one, or accept this one again by "
                 "putting it into TRANSCRIBE_WEBHOOK_SECRET")),
    ],
)  # fmt: skip
async def test_each_has_its_advice(db: Pool, configured: Settings, secret: str, todo: str) -> None:
    await known(db)
    found = {one.secret.decode(): one.todo for one in await asked(db, configured, HERE)}
    assert found[f"whsec_{secret}"] == todo


async def test_a_secret_of_the_default_account_at_another_webhook_names_it(db: Pool, configured: Settings) -> None:
    (found,) = [one.todo for one in await asked(db, configured, SHOW) if one.secret == b"whsec_own"]
    assert "sent to /webhooks/transcribe-so, which" in found
    assert found.endswith("--account default")


async def test_no_secret_is_in_a_repr(db: Pool, configured: Settings) -> None:
    await known(db)
    assert "whsec_" not in repr(await asked(db, configured, HERE))
