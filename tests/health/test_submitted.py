"""`health.submitted`: what of a submission a person must know, and how the accounts stand that pay."""

import socket
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
import pytest_asyncio
from pydantic import SecretStr

from receiver import settings
from receiver.database import Pool
from receiver.errors import ProviderError, ProviderUnavailable
from receiver.health import Finding, submitted
from receiver.logs import clock
from receiver.providers import SOURCES, Source, ThunderScribe
from receiver.providers.orders import Wishes
from receiver.settings import Account
from receiver.settings.accounts import TIMBR_AUDIO
from receiver.submissions import looks, records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.submissions.standing import Standing
from tests.buckets import Objects
from tests.commands import Scripted
from tests.inbox.test_buckets import refusing
from tests.submissions.submitting import Bench, bench

URL = "postgresql://example.com/receiver"


class Stems(Source):
    """A source whose operation brings files."""

    name, variables, api_path = TIMBR_AUDIO.source, TIMBR_AUDIO, TIMBR_AUDIO.api_path
    operations: ClassVar = {"separation": Wishes}

    @staticmethod
    def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str) -> ProviderError:  # noqa: ARG004
        return ProviderUnavailable("refused", code="refused", status=status)


# --- submissions -----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def moved(here: Bench, prompt: str, *states: State) -> Submission:
    submission = await here.submit(prompt=prompt)
    for state in states:
        change = Change(tries=1 if state is State.SENT else 0, look_after=timedelta(0))
        await records.move(here.db, submission.id, state, change)
    return await here.now(submission)


async def look(here: Bench) -> Finding:
    async with here.db.acquire() as connection:
        return await submitted.waiting(connection)


async def test_what_is_under_way_is_no_failure(here: Bench) -> None:
    assert await look(here) == Finding("submissions", holds=True, seen="0 under way")
    await moved(here, "sent", State.SENT)
    await moved(here, "accepted", State.SENT, State.ACCEPTED)
    await moved(here, "done", State.SENT, State.ENDED, State.DONE)
    assert await look(here) == Finding("submissions", holds=True, seen="2 under way")


async def test_a_lost_answer_is_a_failure_until_a_person_decides(here: Bench) -> None:
    lost = await moved(here, "lost", State.SENT, State.UNKNOWN)
    assert lost.sent_at is not None
    found = await look(here)
    assert (found.holds, found.seen) == (False, f"1 unknown, the first sent at {clock(lost.sent_at)}; 0 under way")
    assert "`receiver submissions --state unknown`, then `receiver resolve …`" in found.todo
    await records.move(here.db, lost.id, State.FAILED)
    assert (await look(here)).holds


async def test_what_takes_too_long_is_a_failure_and_still_under_way(here: Bench) -> None:
    late = await moved(here, "late", State.SENT, State.ACCEPTED)
    assert late.accepted_at is not None
    async with here.db.acquire() as connection:
        await looks.overdue(connection, late.id)
    found = await look(here)
    assert found.seen == f"1 overdue, the first accepted at {clock(late.accepted_at)}; 1 under way"
    assert not found.holds


async def test_an_upload_that_has_expired_waits_for_its_command(here: Bench) -> None:
    gone = await moved(here, "gone", State.INTENDED)
    await here.db.execute("update receiver.submissions set remote_file_expires_at = now()")
    expires_at = (await here.now(gone)).remote_file_expires_at
    assert expires_at is not None
    found = await look(here)
    assert found.seen == f"1 whose upload has expired, the first at {clock(expires_at)}; 0 under way"
    assert (found.holds, "run their commands again" in found.todo) == (False, True)


# --- accounts --------------------------------------------------------------------------------------------------------


def account(name: str = "default", key: str | None = "sesame") -> Account:
    return Account(
        "thunderscribe", name, "https://api.example.com", key=None if key is None else SecretStr(key)
    )  # fmt: skip


def test_an_account_is_told_by_its_source_and_its_name() -> None:
    found = [submitted.account(Standing(account(name), ThunderScribe)) for name in ("default", "big-show")]
    assert [one.name for one in found] == ["provider (thunderscribe)", "provider (thunderscribe/big-show)"]
    assert found[0].seen == "not tried: no free call tells whether it accepts the key"
    assert all(one.holds for one in found)


def test_an_account_without_a_key_is_not_said_to_have_one() -> None:
    found = submitted.account(Standing(account(key=None), ThunderScribe))
    assert found.seen == "not tried: no key is set, and it needs none"


def test_a_balance_says_that_the_key_is_accepted_and_trouble_that_it_may_not_be() -> None:
    good = submitted.account(Standing(account(), ThunderScribe, balance=12.5))
    assert (good.holds, good.seen) == (True, "https://api.example.com answers and accepts the key; balance 12.50")
    bad = submitted.account(Standing(account(), ThunderScribe, trouble="401: The key is unknown."))
    assert (bad.holds, bad.seen) == (False, "401: The key is unknown.")


@pytest.mark.usefixtures("own_environment")
async def test_the_accounts_of_other_sources_are_asked_about_and_only_they(folder: Path) -> None:
    with Scripted().running() as provider:
        configured = settings.load(
            RECEIVER_DATA_DIR=folder, TRANSCRIBE_API_URL=provider.url, TRANSCRIBE_API_KEY="k",
            THUNDERSCRIBE_API_KEY="k", OPENAI_API_URL="http://127.0.0.1:1",
        )  # fmt: skip
        found = await submitted.accounts(configured, None)
        assert provider.requests == []
    assert [one.name for one in found] == ["provider (thunderscribe)", "provider (openai)"]


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize(
    ("setting", "is_told"),
    [
        ({}, True),
        ({"RECEIVER_ARTIFACTS_DIR": "files"}, True),
        ({"RECEIVER_ARTIFACTS_DIR": "data/files"}, True),
        ({"RECEIVER_ARTIFACTS_DIR": "elsewhere/../files"}, True),
        ({"RECEIVER_ARTIFACTS_DIR": "/a/disk/that/stays"}, False),
        ({"RECEIVER_ARTIFACTS_DIR": "s3://notes/stems"}, False),
        ({"DATABASE_URL": ""}, False),
        ({"TIMBR_AUDIO_API_KEY": ""}, False),
    ],
)
def test_files_on_a_disk_that_might_not_stay_are_told(folder: Path, setting: dict[str, str], *, is_told: bool) -> None:
    given = {"DATABASE_URL": URL, "TIMBR_AUDIO_API_KEY": "k", "TIMBR_AUDIO_API_URL": "https://example.com"} | setting
    if not given["TIMBR_AUDIO_API_KEY"]:
        del given["TIMBR_AUDIO_API_URL"], given["TIMBR_AUDIO_API_KEY"]
    found = submitted.artifacts_folder(settings.load(RECEIVER_DATA_DIR=folder / "data", **given), (*SOURCES, Stems))
    assert [one.name for one in found] == (["artifacts folder"] if is_told else [])
    assert all(one.holds and "RECEIVER_ARTIFACTS_DIR" in one.todo for one in found)


@pytest.mark.usefixtures("own_environment")
def test_a_folder_for_files_is_tried_and_left_as_it_is(tmp_path: Path) -> None:
    def found(place: str) -> list[Finding]:
        return submitted.files_folder(settings.load(RECEIVER_FILES=place))

    (one,) = found(str(tmp_path / "not" / "there"))
    assert (one.name, one.holds, one.seen) == ("files folder", True, f"{tmp_path / 'not' / 'there'} can be written")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    (one,) = found(str(tmp_path / "file"))
    assert (one.holds, one.seen) == (False, f"{tmp_path / 'file'} cannot be written (Not a directory)")
    assert "RECEIVER_FILES" in one.todo
    assert found("s3://bucket") == []
    assert submitted.files_folder(settings.load()) == []


BOTH = {"RECEIVER_FILES": "s3://notes/talks", "RECEIVER_ARTIFACTS_DIR": "s3://notes"}


async def test_buckets_are_tried_and_left_as_they_are(own_environment: None, objects: Objects) -> None:
    del own_environment
    assert await submitted.buckets(settings.load(RECEIVER_FILES="here")) == []
    found = await submitted.buckets(settings.load(**BOTH))
    assert [(one.name, one.holds) for one in found] == [("files folder", True), ("artifacts folder", True)]
    assert found[0].seen == "s3://notes/talks answers and accepts the key"
    assert objects.all() == {}


async def test_a_bucket_that_is_not_there_is_found(own_environment: None, objects: Objects) -> None:
    del own_environment, objects
    (one,) = await submitted.buckets(settings.load(RECEIVER_FILES="s3://nowhere"))
    assert (one.holds, one.seen) == (False, "there is no bucket nowhere: make it, or correct its address")
    assert one.todo == "mend it, or correct RECEIVER_FILES; then replay the dead jobs of `files`"


@pytest.mark.parametrize(
    ("code", "holds", "seen"),
    [
        ("InvalidAccessKeyId", False, "s3://notes refuses the key (403 InvalidAccessKeyId): see AWS_ACCESS_KEY_ID"),
        ("AccessDenied", True, "s3://notes/talks answers and lets this key not look"),
    ],
)
async def test_a_key_that_may_only_write_is_no_key_that_is_refused(
    own_environment: None, objects: Objects, monkeypatch: pytest.MonkeyPatch, code: str, *, holds: bool, seen: str
) -> None:
    del own_environment, objects
    with refusing(403, code) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        (one,) = await submitted.buckets(settings.load(RECEIVER_FILES="s3://notes/talks"))
    assert one.holds is holds
    assert one.seen.startswith(seen)


async def test_a_bucket_that_hangs_holds_nobody_up(
    own_environment: None, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    del own_environment, objects
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        (one,) = await submitted.buckets(settings.load(RECEIVER_FILES="s3://notes/talks"), seconds=0.2)
    assert (one.holds, one.seen) == (False, "s3://notes/talks does not answer within 0.2 s: see AWS_ENDPOINT_URL")


@pytest.mark.usefixtures("own_environment")
def test_a_source_whose_answer_is_the_result_leaves_no_files() -> None:
    configured = settings.load(DATABASE_URL=URL, THUNDERSCRIBE_API_KEY="k", TRANSCRIBE_API_KEY="k")
    assert submitted.artifacts_folder(configured) == []
