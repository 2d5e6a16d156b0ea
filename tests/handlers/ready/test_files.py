"""`handlers.ready.files`: each transcription has its own files, whatever it is called, and nothing else is touched."""

import dataclasses
import io
import json
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import srt  # type: ignore[import-untyped]
import webvtt
import yaml
from markdown_it import MarkdownIt

import receiver
from handlers.ready.files import files
from receiver import Artifact, Context, Event, GiveUp, LeaseLostError, Postpone
from receiver.events import AccountId
from receiver.inbox import artifacts
from receiver.logs.redaction import without_queries
from receiver.providers import archive
from receiver.providers.archive import Subject
from receiver.sandbox.transcribe_so.past import make
from receiver.submissions import records
from receiver.submissions.records import Wanted
from receiver.testing import SANDBOX_URL, Scratch
from tests.handlers.ready.test_forward import KEY
from tests.handlers.ready.titles import TITLES
from tests.handlers.test_handlers import EARLIER, LATER, replayed
from tests.submissions.library.kept import segment

EVERY = "md,txt,srt,vtt,chapters,artifacts"
ENDINGS = (".md", ".txt", ".srt", ".vtt", ".chapters.json")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the settings name, two levels below the one of the test. It is not there yet."""
    found = tmp_path / "vault" / "talks"
    monkeypatch.setenv("RECEIVER_FILES", str(found))
    return found


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what sets the other two variables."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"RECEIVER_FILES_{name}", value)

    return put


async def handled(scratch: Scratch, **transcription: Any) -> tuple[Event, Context]:
    """Handle the end of a transcription whose transcript says what its title says, in every part of it."""
    event, ctx = await scratch.claim(files, **transcription)
    about, said = event.transcription, event.transcription.title or ""
    assert about.id is not None
    answer = {
        "id": int(about.id), "status": "completed",
        "segments": [segment(said, 0, 1, said), segment(f"Hi. {said}", 1, 2)],
        "chapters": [{"start_seconds": 0, "end_seconds": 1, "title": said, "summary": said}],
    }  # fmt: skip
    subject = Subject(ctx.account.source, ctx.account.api_url, about.id, about.completed_at or "")
    await archive.keep(scratch.db, subject, "result", json.dumps(answer).encode())
    await files(event, ctx)
    assert await scratch.state(event) == "done"
    return event, ctx


def read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_note_and_subtitles_are_written_by_the_setting_alone(receiver_scratch: Scratch, place: Path) -> None:
    event, ctx = await receiver_scratch.claim(files, title="Pilot: part 1", language="en")
    await files(event, ctx)
    found = read(place)
    assert set(found) == {"2026-04-29 Pilot part 1.md", "2026-04-29 Pilot part 1.srt"}
    note = found["2026-04-29 Pilot part 1.md"].decode()
    _, front, body = note.split("---\n", 2)
    assert yaml.safe_load(front)["title"] == "Pilot: part 1"
    assert yaml.safe_load(front)["id"] == "4821"
    assert body.startswith("\n# Pilot: part 1\n\n## [0:00:00] ")
    assert found["2026-04-29 Pilot part 1.srt"].startswith(b"1\n00:00:00,000 --> ")
    assert await receiver_scratch.state(event) == "done"


async def test_every_format_is_written_that_is_asked_for(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS=EVERY, NAME="{source}/{account} {id}")
    event, ctx = await receiver_scratch.claim(files)
    await files(event, ctx)
    found = read(place)
    assert set(found) == {f"transcribe.so/default 4821{ending}" for ending in ENDINGS}
    transcript = await ctx.transcript()
    assert found["transcribe.so/default 4821.txt"].decode() == f"{transcript.text}\n"
    chapters = json.loads(found["transcribe.so/default 4821.chapters.json"])
    assert [one["title"] for one in chapters["chapters"]] == [one.title for one in transcript.chapters]


@pytest.mark.parametrize("cues", ["readable", "provider"])
async def test_subtitles_have_the_cues_that_the_operator_wants(
    receiver_scratch: Scratch, place: Path, monkeypatch: pytest.MonkeyPatch, cues: str
) -> None:
    monkeypatch.setenv("RECEIVER_CUES", cues)
    event, ctx = await receiver_scratch.claim(files)
    await files(event, ctx)
    (written,) = (content for name, content in read(place).items() if name.endswith(".srt"))
    assert written.decode() == receiver.srt(await ctx.transcript(), cues=cues)


async def test_hostile_titles_write_into_the_folder_alone_and_what_every_reader_reads(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS=EVERY, NAME="{title}/{date} {title}")
    place.parent.mkdir()
    (place.parent / "mine.md").write_text("mine")
    for number, title in enumerate(TITLES, start=1):
        await handled(receiver_scratch, id=number, title=title)
    found = read(place.parent.parent)
    assert found.pop("vault/mine.md") == b"mine"
    assert len(found) == len(TITLES) * len(ENDINGS)
    assert all(path.startswith("vault/talks/") and path.count("/") == 3 for path in found)
    assert all(len(os.fsencode(part)) <= 255 for path in found for part in path.split("/"))
    ids = set()
    for path, content in found.items():
        if path.endswith(".md"):
            ids.add(judge_note(content.decode()))
        elif path.endswith(".srt"):
            assert all(cue.content.strip() for cue in srt.parse(content.decode(), ignore_errors=False))
        elif path.endswith(".vtt"):
            webvtt.from_buffer(io.StringIO(content.decode()))
        elif path.endswith(".json"):
            assert json.loads(content)["version"] == "1.2.0"
    assert ids == set(range(1, len(TITLES) + 1))


def judge_note(note: str) -> int:
    """Return the id in a note that shows its title, and has no markup but ours."""
    _, front, body = note.split("---\n", 2)
    fields = yaml.safe_load(front)
    assert set(fields) == {"title", "date", "source", "id", "duration"}
    title = without_queries(TITLES[int(fields["id"]) - 1]) or fields["id"]
    assert fields["title"] == " ".join(title.split())
    tokens = MarkdownIt("commonmark").parse(body)
    assert {token.type for token in tokens} <= {
        "heading_open",
        "inline",
        "heading_close",
        "paragraph_open",
        "paragraph_close",
    }
    inside = {child.type for token in tokens for child in token.children or []}
    assert inside <= {"text", "strong_open", "strong_close"}
    assert "{{" not in body  # a shortcode of Hugo's
    return int(fields["id"])


@pytest.mark.parametrize(
    "titles",
    [("A talk", "A talk", "A talk"), ("Zoë", "ZOE\u0308", "zoë"), ("a/b", "a b", "a:b"), ("x", "x (2)", "x (2)")],
)
async def test_transcriptions_of_one_name_have_their_own_files(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None], titles: tuple[str, ...]
) -> None:
    configure(FORMATS="md")
    for number, title in enumerate(titles, start=1):
        await handled(receiver_scratch, id=number, title=title)
    found = read(place)
    ids = [yaml.safe_load(note.decode().split("---\n")[1])["id"] for note in found.values()]
    assert sorted(ids) == ["1", "2", "3"]
    assert len({path.casefold() for path in found}) == 3


async def test_the_same_id_of_another_source_or_api_is_another_transcription(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="md")
    for source, api_url in (("transcribe.so", SANDBOX_URL), ("transcribe.so", "https://a"), ("timbr", "https://a")):
        event, ctx = await receiver_scratch.claim(files)
        event = dataclasses.replace(event, source=source)
        await files(event, dataclasses.replace(ctx, account=AccountId(source, api_url, "default")))
    assert len(read(place)) == 3


async def test_a_replay_writes_the_same_bytes_under_the_same_name(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS=EVERY)
    for number in (1, 2):
        event, ctx = await handled(receiver_scratch, id=number, title="A talk")
    before = read(place)
    await files(event, await replayed(receiver_scratch, event, ctx))
    assert read(place) == before
    assert await receiver_scratch.state(event) == "done"
    assert await receiver_scratch.db.fetchval("select count(*) from receiver.file_names") == 2


async def test_a_transcription_that_ends_again_replaces_its_files_and_keeps_its_name(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="txt")
    for completed_at, title in ((EARLIER, "First"), ("2027-01-01T00:00:00Z", "Second")):
        await handled(receiver_scratch, completed_at=completed_at, title=title)
    (name,) = read(place)
    assert name == "2026-04-29 First.txt"
    assert b"Second" in read(place)[name]


async def test_what_is_older_than_the_files_does_not_replace_them(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    configure(FORMATS="txt", NAME="{id}")
    for completed_at, title in ((LATER, "Late"), (EARLIER, "Early"), (None, "Undated")):
        await handled(receiver_scratch, completed_at=completed_at, title=title)
    assert list(read(place)) == ["4821.txt"]
    assert b"Late" in read(place)["4821.txt"]
    said = [record.getMessage() for record in caplog.records if record.name == "handlers.files"]
    assert said[1:] == ["the files of a later end of transcription 4821 are already there"] * 2


async def test_a_file_that_somebody_else_has_written_stays(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    """Even if only one of the endings is taken, and whatever stands there."""
    configure(FORMATS="md", NAME="{title}")
    place.mkdir(parents=True)
    (place / "One.md").write_text("mine")
    (place / "Two.txt").write_text("mine")
    (place / "Three.artifacts").mkdir()
    (place / "Four.md").symlink_to(place / "nowhere")
    for number, title in enumerate(("One", "Two", "Three", "Four"), start=1):
        await handled(receiver_scratch, id=number, title=title)
    found = read(place)
    assert (found.pop("One.md"), found.pop("Two.txt")) == (b"mine", b"mine")
    assert set(found) == {"One (1).md", "Two (2).md", "Three (3).md", "Four (4).md"}
    assert (place / "Four.md").is_symlink()


async def test_files_of_somebody_else_stay_whatever_their_names(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="md", NAME="{title}")
    place.mkdir(parents=True)
    mine = {"Board.md": b"mine", "Board (4821).md": b"mine"}
    for name, content in mine.items():
        (place / name).write_bytes(content)
    event, ctx = await handled(receiver_scratch, title="Board")
    (third,) = set(read(place)) - set(mine)
    assert re.fullmatch(r"Board \([0-9a-f]{16}\)\.md", third)
    await receiver_scratch.db.execute("delete from receiver.file_names")
    with pytest.raises(GiveUp, match=r"every name .* is taken.*: change RECEIVER_FILES_NAME, then replay"):
        await files(event, await replayed(receiver_scratch, event, ctx))
    assert {name: read(place)[name] for name in mine} == mine


async def test_a_name_stays_its_owners_although_the_files_are_gone(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="txt", NAME="{title}")
    await handled(receiver_scratch, id=1, title="Talk")
    (place / "Talk.txt").unlink()
    await handled(receiver_scratch, id=2, title="TALK")
    await handled(receiver_scratch, id=1, title="Talk")
    assert set(read(place)) == {"Talk.txt", "TALK (2).txt"}


async def test_its_own_files_are_not_somebody_elses(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="txt", NAME="{title}")
    await handled(receiver_scratch, title=None)
    configure(NAME="{id}")
    await handled(receiver_scratch, title=None)
    assert list(read(place)) == ["4821.txt"]
    assert await receiver_scratch.db.fetchval("select template from receiver.file_names") == "{id}"


async def test_two_ends_of_one_transcription_at_once_have_one_name(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    """The other one takes its name between the question and the answer."""
    configure(FORMATS="txt", NAME="{title}")
    await receiver_scratch.db.execute("""
        create function first() returns trigger language plpgsql as $$ begin
            if new.name = 'Second' then
                new.name := 'First'; new.folded := 'first';
                insert into receiver.file_names select new.*;
                new.name := 'Second'; new.folded := 'second';
            end if;
            return new;
        end $$
    """)
    await receiver_scratch.db.execute(
        "create trigger first before insert on receiver.file_names for each row execute function first()"
    )
    await handled(receiver_scratch, title="Second")
    assert list(read(place)) == ["First.txt"]


@pytest.mark.parametrize(
    ("title", "name"),
    [("My talk.wav", "My talk"), ("My talk.MP4 ", "My talk"), ("Node.js", "Node.js")],
)
async def test_the_ending_of_a_recording_is_not_in_the_name_and_the_heading(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None], title: str, name: str
) -> None:
    configure(FORMATS="md", NAME="{title}")
    await handled(receiver_scratch, title=title)
    ((path, note),) = read(place).items()
    assert path == f"{name}.md"
    assert f"\n# {name}\n" in note.decode()


async def test_no_file_is_written_for_chapters_that_are_not_there(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="chapters,txt", NAME="{id}")
    provider = receiver_scratch.sandbox.transcribe_so
    (number,) = make(provider, {"key": KEY})["ids"]
    provider.account(KEY).transcriptions[number].place = "https://example.com/no-chapters.mp3"
    await files(*await receiver_scratch.claim(files, id=number))
    assert list(read(place)) == [f"{number}.txt"]


async def test_another_template_is_another_name_that_stays_apart_from_all_others(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="txt", NAME="{title}")
    await handled(receiver_scratch, id=1, title="5")
    configure(NAME="{id}")
    await handled(receiver_scratch, id=5, title="Five")
    await handled(receiver_scratch, id=1, title="5")
    assert set(read(place)) == {"5.txt", "5 (5).txt", "1.txt"}


async def test_no_link_in_the_folder_is_followed(
    receiver_scratch: Scratch, place: Path, configure: Callable[..., None]
) -> None:
    configure(NAME="{title}/{id}")
    place.mkdir(parents=True)
    (place / "A talk").symlink_to(place.parent)
    event, ctx = await receiver_scratch.claim(files, title="A talk")
    with pytest.raises(GiveUp, match="A talk is a link or a file, and nothing is written through it"):
        await files(event, ctx)
    assert read(place.parent.parent) == {}


async def test_a_try_whose_job_is_another_workers_shows_nothing_and_leaves_nothing(
    receiver_scratch: Scratch, place: Path
) -> None:
    event, ctx = await receiver_scratch.claim(files)
    with pytest.raises(LeaseLostError):
        await files(event, dataclasses.replace(ctx, attempt=ctx.attempt + 1))
    assert list(place.iterdir()) == []
    await files(event, ctx)
    assert len(read(place)) == 2


async def test_a_folder_that_cannot_be_written_is_tried_again(receiver_scratch: Scratch, place: Path) -> None:
    place.parent.mkdir()
    place.write_text("a file")
    event, ctx = await receiver_scratch.claim(files)
    with pytest.raises(OSError, match="talks"):
        await files(event, ctx)
    place.unlink()
    await files(event, ctx)
    assert len(read(place)) == 2


# --- the files of submissions ----------------------------------------------------------------------------------------


async def separated(scratch: Scratch, *found: Artifact) -> tuple[Event, Context]:
    """Return the end of a separation that has brought files."""
    wanted = Wanted(
        AccountId("transcribe.so", SANDBOX_URL, "default"), "f", "separation", {}, recording="song.mp3", url=None,
        title="song", duration_seconds=60, bytes=7, asked="a", if_lost="ask", unit="",
    )  # fmt: skip
    submission = await records.intend(scratch.db, wanted, "key")
    assert submission is not None
    await artifacts.keep(scratch.db, submission.id, found)
    event, ctx = await scratch.claim(files, "separation.completed", id=None, title=None, completed_at=None)
    data: dict[str, Any] = {"submission": {"id": submission.id, "operation": "separation", "recording": "song.mp3"}}
    event = dataclasses.replace(event, data=data)
    return event, dataclasses.replace(ctx, event=event)


def brought(folder: Path, name: str, content: bytes) -> Artifact:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return Artifact(name, None, len(content), "", str(folder / name))


async def test_the_files_of_a_submission_are_copied(
    receiver_scratch: Scratch, place: Path, tmp_path: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="artifacts,md")
    found = [brought(tmp_path / "shelf", name, name.encode() * 100_000) for name in ("vocals.wav", "drums.wav")]
    event, ctx = await separated(receiver_scratch, *found)
    await files(event, ctx)
    assert read(place) == {
        f"undated song.artifacts/{one.name}": one.name.encode() * 100_000 for one in found
    }  # fmt: skip
    assert await receiver_scratch.state(event) == "done"


async def test_work_without_a_transcription_has_the_date_of_its_event(
    receiver_scratch: Scratch, place: Path, tmp_path: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="artifacts")
    event, ctx = await separated(receiver_scratch, brought(tmp_path / "shelf", "a.wav", b"a"))
    await files(dataclasses.replace(event, created=1_777_472_458), ctx)
    assert list(read(place)) == ["2026-04-29 song.artifacts/a.wav"]


async def test_files_that_lie_elsewhere_are_waited_for(
    receiver_scratch: Scratch, place: Path, tmp_path: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="artifacts")
    event, ctx = await separated(receiver_scratch, Artifact("a.wav", None, 1, "", str(tmp_path / "not" / "here")))
    with pytest.raises(Postpone, match=r"a\.wav is not on this machine: run a worker where"):
        await files(event, ctx)
    assert not place.exists()


async def test_work_that_brings_nothing_that_is_asked_for_writes_nothing(
    receiver_scratch: Scratch, place: Path, tmp_path: Path
) -> None:
    event, ctx = await separated(receiver_scratch, brought(tmp_path / "shelf", "a.wav", b"a"))
    await files(event, ctx)
    assert not place.exists()
    assert await receiver_scratch.db.fetchval("select count(*) from receiver.file_names") == 0


async def test_no_file_is_named_for_the_query_of_an_address(
    receiver_scratch: Scratch, place: Path, tmp_path: Path, configure: Callable[..., None]
) -> None:
    configure(FORMATS="artifacts")
    event, ctx = await separated(receiver_scratch, brought(tmp_path / "shelf", "a.wav", b"a"))
    told = event.data["submission"] | {"recording": "https://u:s3cret@h.example/a.mp3?s3cret"}
    await files(dataclasses.replace(event, data={"submission": told}), ctx)
    (name,) = read(place)
    assert "a.mp3" in name
    assert "s3cret" not in name
