"""`submissions.drafts`: what is handed in is checked, kept, priced and submitted once, recording by recording."""

import asyncio
import shutil
from pathlib import Path

import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderUnavailable
from receiver.providers import TimbrAudio
from receiver.settings import Settings
from receiver.submissions import records
from receiver.submissions.drafts import FILES, OPTION, Draft, Drafts, Handed, Offer, handing, offered
from receiver.submissions.drafts.arriving import KEPT_FREE
from receiver.submissions.foreseen import Foreseen
from receiver.submissions.moves import State
from receiver.submissions.shelf import open_shelf
from tests.commands import Simulated, wav

FILE = Handed(name="talk.wav", place="0/talk.wav", size=1)
STEMS = Offer(TimbrAudio, "default", "separation")


@pytest.fixture
def configured(receiver_database: str, sandbox: Simulated, tmp_path: Path, own_environment: None) -> Settings:  # noqa: ARG001 - it must be clean
    given = {
        "DATABASE_URL": receiver_database, "RECEIVER_ARTIFACTS_DIR": str(tmp_path / "shelf"),
        "TIMBR_AUDIO_API_URL": f"{sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": sandbox.key,
    }  # fmt: skip
    return settings.load(**given)


def draft(configured: Settings, folder: Path, *seconds: float) -> Draft:
    """Hand files in."""
    drafts = Drafts(configured)
    with drafts.arriving() as coming:
        for number, length in enumerate(seconds):
            coming.begin(f"talk {number}.wav")
            coming.write(wav(folder / "talk.wav", length).read_bytes())
            coming.end()
        return drafts.keep(STEMS.draft(coming.folder.name, [], [(FILES, one) for one in coming.handed]))


async def submit(configured: Settings, db: Pool, name: str, *, again: bool = False) -> Draft:
    url = configured.dsn
    assert url is not None
    return await handing.submit(Drafts(configured), name, (db, url), again=again, showing=lambda *_: None)


def test_only_accounts_with_a_key_are_offered(configured: Settings) -> None:
    assert {(one.source.name, one.account) for one in offered(configured)} == {("timbr-audio", "default")}
    assert "separation" in {one.operation for one in offered(configured)}


def test_a_list_has_a_member_for_each_line_and_what_is_empty_is_not_said() -> None:
    told = Offer(TimbrAudio, "default", "diarization")
    fields = [("url", "https://example.com/a.mp3"), (f"{OPTION}language", " "), (f"{OPTION}num_speakers", " 3 ")]
    assert told.draft("d", fields, []).options == (("num_speakers", "3"),)


@pytest.mark.parametrize(
    ("fields", "files"),
    [([], []), ([("url", "https://example.com/a.mp3")], [(FILES, FILE)]), ([("url", " ")], [(f"{OPTION}x", FILE)])],
)
def test_one_kind_of_recording_is_needed(fields: list[tuple[str, str]], files: list[tuple[str, Handed]]) -> None:
    with pytest.raises(ImpossibleError, match="either the web address of a recording, or files"):
        STEMS.draft("d", fields, files)


def test_a_draft_is_kept_for_its_owner_alone(configured: Settings, tmp_path: Path) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    assert drafts.find(found.id) == found
    folder = drafts.place / found.id
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert oct((folder / "draft.json").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("name", ["..", "../drafts", ".", "", "/etc", "0" * 31 + "\n"])
def test_no_other_folder_is_a_draft(configured: Settings, tmp_path: Path, name: str) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    for folder in (drafts.place, drafts.place.parent):
        (folder / "draft.json").write_text(found.model_dump_json())
    assert drafts.find(name) is None
    with pytest.raises(ImpossibleError, match="no such draft"):
        drafts.forget(name)
    assert drafts.find(found.id) == found


async def test_prices_are_told_for_each_recording_and_what_asks_for_the_same(
    configured: Settings, db: Pool, tmp_path: Path
) -> None:
    found, url = draft(configured, tmp_path, 2, 3), str(configured.dsn)
    priced = await handing.prices(Drafts(configured), found, (db, url))
    assert (len(priced.prices), priced.before) == (2, ("", ""))
    assert all(price.startswith("about ") for price in priced.prices)
    done = await submit(configured, db, found.id)
    again = await handing.prices(Drafts(configured), draft(configured, tmp_path, 3, 4), (db, url))
    assert again.before == (done.submitted[1], "")
    assert len(await records.recent(db, None, None)) == 2


@pytest.mark.parametrize("again", [False, True])
async def test_a_draft_goes_on_where_it_stopped(configured: Settings, db: Pool, tmp_path: Path, *, again: bool) -> None:
    found = draft(configured, tmp_path, 2, 3)

    def broken(recording: str, sent: int, size: int) -> None:  # noqa: ARG001 - it is called so
        if recording == "talk 1.wav":
            raise ProviderUnavailable("the network is away", code="unreachable")

    with pytest.raises(ProviderUnavailable):
        await handing.submit(Drafts(configured), found.id, (db, str(configured.dsn)), again=again, showing=broken)
    (first,) = [one for one in await records.recent(db, None, None) if one.state is State.UPLOADED]
    done = await submit(configured, db, found.id, again=again)
    assert done.submitted[0] == first.id
    assert len(done.submitted) == 2
    assert not any(map(done.was_there, range(2)))
    assert [one.state for one in await records.recent(db, None, None)] == [State.UPLOADED] * 2
    assert await submit(configured, db, found.id, again=again) == done
    with pytest.raises(ImpossibleError, match="no such draft"):
        await submit(configured, db, "0" * 32)


@pytest.mark.parametrize("first", [False, True])
async def test_two_presses_at_once_are_one_submission_whatever_they_say(
    configured: Settings, db: Pool, tmp_path: Path, *, first: bool
) -> None:
    found = draft(configured, tmp_path, 2)
    presses = (submit(configured, db, found.id, again=again) for again in (first, not first))
    answers = await asyncio.gather(*presses, return_exceptions=True)
    told = {answer.submitted if isinstance(answer, Draft) else str(answer) for answer in answers}
    assert len(told - {"it is being submitted already"}) == 1
    assert len(await records.recent(db, None, None)) == 1


async def test_a_new_submission_that_was_wanted_is_meant_after_a_crash_too(
    configured: Settings, db: Pool, tmp_path: Path
) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)

    def crashing(recording: str, sent: int, size: int) -> None:  # noqa: ARG001 - it is called so
        raise ProviderUnavailable("the process ends here", code="unreachable")

    with pytest.raises(ProviderUnavailable):
        await handing.submit(drafts, found.id, (db, str(configured.dsn)), again=True, showing=crashing)
    await submit(configured, db, found.id)
    assert len(await records.recent(db, None, None)) == 1


async def test_a_file_on_the_shelf_is_put_aside_without_a_copy(configured: Settings, db: Pool, tmp_path: Path) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    (asked,) = drafts.asked(found)
    assert asked.file is not None
    done = await submit(configured, db, found.id)
    one = await records.known(db, done.submitted[0])
    away = wav(tmp_path / "away.wav", 2)
    for file in (wav(drafts.place / "here.wav", 2), away):
        media = type(asked.file)(file, file.name, file.stat().st_size)
        open_shelf(configured).put_aside(one, media)
        waiting = open_shelf(configured).place / "waiting" / one.id
        assert waiting.samefile(file) is (file != away)
        assert waiting.read_bytes() == file.read_bytes()


async def test_prices_that_come_late_do_not_bring_back_what_was_submitted(
    configured: Settings, db: Pool, tmp_path: Path
) -> None:
    found, drafts, url = draft(configured, tmp_path, 2), Drafts(configured), str(configured.dsn)
    stale = drafts.known(found.id)
    done = await submit(configured, db, found.id)
    assert drafts.keep_prices(found.id, [Foreseen("about 1 credits")], ("sub_1",)) == done
    assert drafts.find(found.id) == done
    with pytest.raises(ImpossibleError, match="it was submitted meanwhile"):
        await handing.prices(drafts, stale, (db, url))
    assert drafts.find(found.id) == done
    drafts.forget(found.id)
    for late in (handing.prices(drafts, stale, (db, url)), submit(configured, db, found.id)):
        with pytest.raises(ImpossibleError, match="there is no such draft any more"):
            await late
    with pytest.raises(ImpossibleError, match="there is no such draft any more"), drafts.held(stale.id):
        pass
    assert not (drafts.place / found.id).exists()


async def test_prices_are_not_kept_while_a_draft_is_submitted(configured: Settings, tmp_path: Path) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    with drafts.held(found.id), pytest.raises(ImpossibleError, match="it is being submitted already"):
        drafts.keep_prices(found.id, [Foreseen("about 1 credits")], ("",))
    assert drafts.find(found.id) == found


async def test_prices_that_are_kept_now_do_not_turn_a_press_away(
    configured: Settings, db: Pool, tmp_path: Path
) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    with drafts.held(found.id):
        pressed = asyncio.create_task(submit(configured, db, found.id))
        await asyncio.wait({pressed}, timeout=0.1)
        assert not pressed.done()
    assert (await pressed).is_submitted


def test_of_several_the_first_is_not_taken_for_one_that_was_there(configured: Settings, tmp_path: Path) -> None:
    found, drafts = draft(configured, tmp_path, 2, 3), Drafts(configured)
    drafts.keep(found.model_copy(update={"before": ("", ""), "submitted": ("sub_1",)}))
    drafts.keep_prices(found.id, [Foreseen("one"), Foreseen("two")], ("sub_1", ""))
    assert not drafts.known(found.id).was_there(0)
    assert drafts.known(found.id).prices == ("one", "two")


async def test_a_file_that_is_not_there_any_more_is_said(configured: Settings, db: Pool, tmp_path: Path) -> None:
    found, drafts = draft(configured, tmp_path, 2), Drafts(configured)
    (drafts.place / found.id / found.files[0].place).unlink()
    for work in (handing.prices(drafts, found, (db, str(configured.dsn))), submit(configured, db, found.id)):
        with pytest.raises(ImpossibleError, match=r"talk 0.wav is not on this machine any more: hand it in again"):
            await work


def test_files_on_their_way_share_the_room_on_the_disk(configured: Settings) -> None:
    drafts = Drafts(configured.model_copy(update={"artifact_max_mb": 1e9}))
    drafts.place.mkdir(parents=True)
    room = shutil.disk_usage(drafts.place).free - KEPT_FREE
    with drafts.arriving(6 * room // 10):
        with pytest.raises(ImpossibleError, match="the disk has no room for it"), drafts.arriving(6 * room // 10):
            pass
        with drafts.arriving(room // 10) as other:
            other.begin("a.wav")
            other.write(b"x")
    with drafts.arriving(6 * room // 10):
        assert len(list(drafts.place.iterdir())) == 1
