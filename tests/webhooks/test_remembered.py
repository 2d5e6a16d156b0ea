"""`receiver.webhooks.remembered`: a start while the database is away verifies with the secrets that were known last."""

import asyncio
import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from receiver.events import AccountId
from receiver.inbox.spool.folder import own_name
from receiver.webhooks.remembered import Remembered, RememberedDatabase
from receiver.webhooks.secrets import Callback, Known
from tests.processes import Processes, completed, free_port

API = "https://transcribe.so"
HERE, BIG = AccountId("transcribe.so", API, "default"), AccountId("transcribe.so", API, "big-show")
KNOWN = Known({HERE: (b"whsec_one", "whsec_zwei_ü".encode())}, {"token": Callback(b"whsec_own", "4821", HERE)})
NEW = Known({HERE: (b"whsec_new",)})


async def test_what_was_kept_last_is_recalled(tmp_path: Path) -> None:
    for known in (KNOWN, NEW, KNOWN):
        await Remembered(tmp_path / "spool", [HERE]).keep(known)
        assert Remembered(tmp_path / "spool", [HERE]).recall() == known


async def test_secrets_of_another_api_are_not_recalled_for_this_one(tmp_path: Path) -> None:
    await Remembered(tmp_path, [HERE]).keep(KNOWN)
    assert Remembered(tmp_path, [HERE._replace(api_url="http://127.0.0.1:9000")]).recall() == Known()


async def test_a_retired_secret_is_forgotten(tmp_path: Path) -> None:
    remembered = Remembered(tmp_path, [HERE])
    await remembered.keep(KNOWN)
    await remembered.keep(Known())
    assert Remembered(tmp_path, [HERE]).recall() == Known()


async def test_only_the_owner_may_read_the_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    for known in (KNOWN, NEW):
        await Remembered(tmp_path / "spool", [HERE]).keep(known)
    (file,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_where_there_is_no_secret_nothing_is_written(tmp_path: Path) -> None:
    await Remembered(tmp_path / "spool", [HERE]).keep(Known())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[[1], {}]", b'[["a"], {"b": 1}]', b'[["a"]]', b"\xff", b"null"])
async def test_a_damaged_file_is_told_of_and_does_no_harm(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await Remembered(tmp_path, [HERE]).keep(KNOWN)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert Remembered(tmp_path, [HERE]).recall() == Known()
    assert "cannot be read" in caplog.text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
async def test_secrets_that_somebody_else_left_there_prove_nothing(tmp_path: Path) -> None:
    await Remembered(tmp_path, [HERE]).keep(KNOWN)
    (file,) = tmp_path.iterdir()
    os.chown(file, 65534, 65534)
    assert Remembered(tmp_path, [HERE]).recall() == Known()


async def test_a_disk_that_does_not_take_them_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "spool").touch()
    remembered = Remembered(tmp_path / "spool", [HERE])
    await remembered.keep(KNOWN)
    await remembered.keep(KNOWN)
    assert caplog.text.count("secrets are not remembered") == 1
    (tmp_path / "spool").unlink()
    await remembered.keep(KNOWN)
    assert Remembered(tmp_path / "spool", [HERE]).recall() == KNOWN


async def test_a_database_is_remembered_by_its_address_alone(tmp_path: Path) -> None:
    """The only database that this machine knows might be another receiver's."""
    one, moved = "postgresql://u:old@a.test/d", "postgresql://u:new@b.test/d"
    assert RememberedDatabase(tmp_path, one).recall() is None
    await RememberedDatabase(tmp_path, one).keep("id-1")
    assert RememberedDatabase(tmp_path, one.replace("old", "new")).recall() == "id-1"
    assert RememberedDatabase(tmp_path, moved).recall() is None
    await RememberedDatabase(tmp_path, moved).keep("id-2")
    assert [RememberedDatabase(tmp_path, url).recall() for url in (one, moved, "postgresql:///x")] == [
        "id-1", "id-2", None,
    ]  # fmt: skip


async def test_remembering_a_database_touches_the_disk_in_no_other_thread_than_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a disk that hangs would delay every answer."""
    (tmp_path / "databases.json").write_text("no json")
    threads = ThreadPoolExecutor(1)
    threads.shutdown()
    asyncio.get_running_loop().set_default_executor(threads)
    await RememberedDatabase(tmp_path, "postgresql://a.test/d").keep("id-1")
    assert caplog.text == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a link away")
async def test_nothing_is_written_through_a_link_that_somebody_else_put_in_a_shared_folder(tmp_path: Path) -> None:
    shared, elsewhere = tmp_path / "volume", tmp_path / "elsewhere"
    shared.mkdir()
    shared.chmod(0o777)
    elsewhere.mkdir(mode=0o700)
    (shared / "receiver-0").symlink_to(elsewhere)
    os.chown(shared / "receiver-0", 65534, 65534, follow_symlinks=False)
    remembered = Remembered(shared, [HERE])
    await remembered.keep(KNOWN)
    await RememberedDatabase(shared, "postgresql://u@a.test/d").keep("id-1")
    assert list(elsewhere.iterdir()) == []
    assert remembered.trouble is not None


async def test_in_a_shared_folder_they_lie_in_the_spools_own(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    await Remembered(tmp_path, [HERE]).keep(KNOWN)
    assert [path.parent.name for path in tmp_path.rglob("secrets-*")] == [own_name()]
    assert Remembered(tmp_path, [HERE]).recall() == KNOWN


def test_a_process_that_starts_without_the_database_takes_what_a_registered_secret_proves(
    processes: Processes,
) -> None:
    processes.environment.pop("TRANSCRIBE_WEBHOOK_SECRET")
    processes.run("migrate")
    processes.sql(
        "insert into receiver.registrations"
        " (api_url, key_fingerprint, callback_url, idempotency_key, webhook_id, secret, registered_at)"
        " values ('http://127.0.0.1:1', 'f', 'http://c', 'k', 'wh_1', 'whsec_registered', now())"
    )
    first = processes.serve()
    assert first.deliver(completed("evt_1"), secret=b"whsec_registered").json() == {"status": "stored"}
    first.end()
    second = processes.serve(DATABASE_URL=f"postgresql://u@127.0.0.1:{free_port()}/d")
    assert second.deliver(completed("evt_2"), secret=b"whsec_registered").json() == {"status": "stored"}
    assert second.deliver(completed("evt_3"), secret=b"whsec_other").status_code == 401
    assert "whsec_registered" not in first.log + second.log


BOTH = Known(
    {HERE: (b"whsec_one",), BIG: (b"whsec_big",)},
    {"token": Callback(b"whsec_own", "7", HERE), "big": Callback(b"whsec_own_big", "8", BIG)},
)


async def test_each_account_has_a_file_of_its_own(tmp_path: Path) -> None:
    await Remembered(tmp_path, [HERE, BIG]).keep(BOTH)
    assert len(list(tmp_path.iterdir())) == 2
    assert Remembered(tmp_path, [HERE, BIG]).recall() == BOTH
    assert Remembered(tmp_path, [BIG]).recall() == Known({BIG: (b"whsec_big",)}, {"big": BOTH.callbacks["big"]})


async def test_the_default_accounts_file_is_the_one_that_version_0_6_reads_and_writes(tmp_path: Path) -> None:
    """So an upgrade during an outage, and the way back, lose no secret."""
    await Remembered(tmp_path, [HERE]).keep(BOTH)
    (file,) = tmp_path.iterdir()
    assert file.name == f"secrets-{hashlib.sha256(API.encode()).hexdigest()[:16]}.json"
    assert json.loads(file.read_bytes()) == [["whsec_one"], {"token": ["whsec_own", "7"]}]


async def test_an_account_whose_file_cannot_be_read_is_lost_and_no_other(tmp_path: Path) -> None:
    await Remembered(tmp_path, [HERE]).keep(BOTH)
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"[]")
    await Remembered(tmp_path, [BIG]).keep(BOTH)
    third = BIG._replace(account="without-a-file")
    remembered = Remembered(tmp_path, [HERE, BIG, third])
    assert remembered.recall().webhooks == {BIG: (b"whsec_big",)}
    assert remembered.lost == [HERE]
