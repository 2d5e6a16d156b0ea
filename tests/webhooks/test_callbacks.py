"""`receiver.webhooks.callbacks`: a transcription's own deliveries, and the secret that proves them and nothing else."""

import json

import httpx
import pytest
from pydantic import SecretStr

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderError
from receiver.providers import Recording, TranscribeSo
from receiver.settings import Account
from receiver.submissions import progress
from receiver.submissions.alone import LoneOrder, submit
from receiver.webhooks import callbacks
from receiver.webhooks.callbacks import Callbacks
from receiver.webhooks.secrets import read
from tests.processes import open_folder

API, PUBLIC = "https://api.test", "https://here.test"
WHOSE = Account("transcribe.so", "default", API, key=SecretStr("a key"))
EPISODE = Recording(source="youtube", url="https://youtu.be/x")


def accepted(*, with_secret: bool = True) -> httpx.Response:
    shown = {"id": 7, "status": "queued"} | ({"callback": {"secret": "whsec_of_the_job"}} if with_secret else {})
    return httpx.Response(202, json=shown)


async def secrets(db: Pool, api_url: str) -> dict[str, bytes]:
    found = await read(db, [WHOSE.id._replace(api_url=api_url)])
    return {token: one.secret for token, one in found.callbacks.items()}


class Provider:
    """Gives prepared answers; remembers the keys and the callback URLs that it was asked with."""

    def __init__(self, *answers: httpx.Response, account: Account = WHOSE) -> None:
        self.answers = list(answers)
        self.account = account
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.headers["idempotency-key"], json.loads(request.content)["callback_url"]))
        return self.answers.pop(0)

    async def submit(self, db: Pool, key: str = "episode 1") -> int:
        api = TranscribeSo(API, SecretStr("tsk_live_x"), transport=httpx.MockTransport(self))
        order = LoneOrder(EPISODE, idempotency_key=key, callbacks=Callbacks(db, PUBLIC, self.account.id))
        with (
            open_folder() as folder,
            progress.opened(folder, self.account, "https://youtu.be/x") as notes,
        ):
            async with api:
                return (await submit(api, order, notes, uploaded=lambda *_: None)).id


async def test_the_secret_is_known_by_the_token_in_the_url_that_was_submitted(db: Pool) -> None:
    provider = Provider(accepted())
    assert await provider.submit(db) == 7
    path, _, token = provider.asked[0][1].rpartition("/")
    assert path == "https://here.test/webhooks/transcribe-so/jobs"
    assert len(token) >= 32
    assert await secrets(db, API) == {token: b"whsec_of_the_job"}
    assert await secrets(db, "https://elsewhere.test") == {}


async def test_a_submission_whose_answer_was_lost_is_repeated_word_for_word(db: Pool) -> None:
    provider = Provider(httpx.Response(502), accepted())
    with pytest.raises(ProviderError):
        await provider.submit(db)
    assert await secrets(db, API) == {}
    await provider.submit(db)
    assert len(provider.asked) == 2
    assert len(set(provider.asked)) == 1
    assert list((await secrets(db, API)).values()) == [b"whsec_of_the_job"]


async def test_another_submission_has_another_path(db: Pool) -> None:
    provider = Provider(accepted(), accepted())
    await provider.submit(db)
    await provider.submit(db, "episode 2")
    assert len({url for _, url in provider.asked}) == 2


async def test_a_secret_of_two_weeks_ago_verifies_no_more(db: Pool) -> None:
    await Provider(accepted()).submit(db)
    await db.execute("update receiver.callbacks set intended_at = now() - interval '8 days'")
    assert await secrets(db, API) == {}


async def test_an_answer_without_a_secret_is_a_submission_all_the_same(
    db: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    assert await Provider(accepted(with_secret=False)).submit(db) == 7
    assert "gave no secret" in caplog.text
    assert await secrets(db, API) == {}


async def test_a_callback_needs_a_public_url_and_a_database(db: Pool) -> None:
    nowhere, here = settings.load(), settings.load(PUBLIC_URL=PUBLIC)
    with pytest.raises(ImpossibleError, match="a callback needs PUBLIC_URL"):
        callbacks.of(nowhere, db)
    with pytest.raises(ImpossibleError, match="run `receiver up`, or set DATABASE_URL"):
        callbacks.of(here, None)
    assert callbacks.of(here, db) == Callbacks(db, PUBLIC, here.chosen.id)


BIG = Account("transcribe.so", "big-show", API, key=SecretStr("another key"))
INTEND_OF_0_6 = """
insert into receiver.callbacks as c (token, api_url, idempotency_key)
values ($1, $2, $3)
on conflict (api_url, idempotency_key) do update set intended_at = now()
returning c.token
"""


async def test_two_accounts_may_use_the_same_key_and_each_has_its_own_callback(db: Pool) -> None:
    providers = [Provider(accepted(), account=account) for account in (WHOSE, BIG)]
    for provider in providers:
        await provider.submit(db)
    tokens = [provider.asked[0][1].rpartition("/")[2] for provider in providers]
    assert tokens[0] != tokens[1]
    found = (await read(db, [WHOSE.id, BIG.id])).callbacks
    assert {token: one.account for token, one in found.items()} == {tokens[0]: WHOSE.id, tokens[1]: BIG.id}
    again = await Callbacks(db, PUBLIC, BIG.id).intend("episode 1")
    assert again == providers[1].asked[0][1]


async def test_a_key_that_version_0_6_has_used_keeps_its_callback_in_both_directions(db: Pool) -> None:
    await db.fetchval(INTEND_OF_0_6, "token", API, "episode 1")
    assert await Callbacks(db, PUBLIC, WHOSE.id).intend("episode 1") == f"{PUBLIC}/webhooks/transcribe-so/jobs/token"
    assert await Callbacks(db, PUBLIC, BIG.id).intend("episode 1") != f"{PUBLIC}/webhooks/transcribe-so/jobs/token"
    address = await Callbacks(db, PUBLIC, WHOSE.id).intend("episode 2")
    assert await db.fetchval(INTEND_OF_0_6, "other", API, "episode 2") == address.rpartition("/")[2]
