"""The pages of submissions: the list with its filters, one of them, its files, and what becomes of a lost answer."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from receiver.database import Pool
from receiver.events import AccountId
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.providers import TimbrAudio
from receiver.providers.opening import open_client
from receiver.providers.orders import Accepted, Media, Notes, Order
from receiver.submissions import records
from receiver.submissions.moves import State
from receiver.submissions.records import Submission, Wanted
from tests.commands import Simulated, wav
from tests.console.asked import API_URL, Asked, Person

WHOSE = AccountId("timbr-audio", "https://api.test", "default")
HOSTILE = "<img src=x onerror=alert(1)>\u202eT\u0007 \\u0000 " + "x" * 10_000
SECRET_URL = "https://user:word@example.com/a/talk.mp3?signature=TOP-SECRET#part"


async def put(
    db: Pool, number: int = 1, state: State = State.INTENDED, *, whose: AccountId = WHOSE, title: str | None = "A talk",
    recording: str = "talk.mp3", operation: str = "transcription", **columns: Any,
) -> Submission:  # fmt: skip
    """Write a submission that is in a state; `columns` are set afterwards."""
    url = recording if recording.startswith("http") else None
    wanted = Wanted(
        whose, "f", operation, {"language": "en"}, recording, url, title, 60.0, None if url else 5, f"asked-{number}",
        "ask", "credits",
    )  # fmt: skip
    found = await records.intend(db, wanted, f"key-{number}")
    assert found is not None
    for name, value in ({"state": state, "paid_tries": int(state is not State.INTENDED)} | columns).items():
        await db.execute(f"update receiver.submissions set {name} = $2 where id = $1", found.id, value)
    return await records.known(db, found.id)


async def keep(db: Pool, submission: Submission, folder: Path, name: str, content: bytes, **other: Any) -> Path:
    """Keep a file that a submission has brought."""
    path = folder / "kept"
    path.write_bytes(content)
    facts: dict[str, Any] = {"content_type": "audio/wav", "bytes": len(content), "sha256": "ab" * 32} | other
    await artifacts.keep(db, submission.id, [Artifact(name=name, place=str(path), **facts)])
    return path


async def test_nothing_submitted_is_said(operator: Person) -> None:
    page = await operator.page("/submissions")
    assert "Nothing was submitted yet." in page.text
    assert "/submissions/new" in page.values("a", "href")


async def test_the_list_is_paged_by_key_and_only_its_first_page_is_live(db: Pool, operator: Person) -> None:
    made = [(await put(db, number, title=f"Talk {number}")).id for number in range(103)]
    seen, at, lives = list[str](), "/submissions?source=timbr-audio", list[bool]()
    while at:
        page = await operator.page(at)
        seen += page.values("tr", "id")
        lives.append(bool(page.values("body", "data-changes")))
        older = [given["href"] for _, given in page.elements if given.get("rel") == "next"]
        at = str(older[0]) if older else ""
        assert not at or "source=timbr-audio" in at
    assert seen == sorted(made, reverse=True)
    assert lives == [True, False, False]


async def test_filters_are_in_the_address(db: Pool, operator: Person) -> None:
    talk = await put(db, 1, State.UNKNOWN, title="My Talk")
    song = await put(db, 2, State.FAILED, title="A song", whose=AccountId("timbr", "https://api.test", "two"))
    found = {
        "state=unknown": [talk.id], "state=unknown&state=failed": [song.id, talk.id], "title=talk": [talk.id],
        "source=timbr": [song.id], "account=two&since=1h": [song.id], "title=none": [],
    }  # fmt: skip
    for asked, shown in found.items():
        assert (await operator.page(f"/submissions?{asked}")).values("tr", "id") == shown
    for wrong in ("state=lost", "since=soon", "title=a%00b", "before=%00", "before=x", f"before={talk.id}%0A"):
        page = await operator.page(f"/submissions?{wrong}", status=400)
        assert "Shown are all." in page.text
        assert page.values("tr", "id") == [song.id, talk.id]


async def test_hostile_words_stay_words_and_a_secret_address_is_not_shown(db: Pool, operator: Person) -> None:
    hostile = HOSTILE.replace("\u0000", "")
    one = await put(
        db, 1, State.FAILED, title=hostile, recording=SECRET_URL, error=hostile, said=hostile, remote_id=hostile[:200],
        wishes=json.dumps({"<b>": hostile}),
    )  # fmt: skip
    for path in ("/submissions", f"/submissions/{one.id}", f"/submissions/{one.id}/resolve"):
        page = await operator.page(path)
        assert "img" not in [tag for tag, _ in page.elements]
        assert "<img src=x onerror=alert(1)>\\u202eT\\x07" in page.text
        assert "\u202e" not in page.text
        assert not {"TOP-SECRET", "word", "signature"} & set(page.text.replace("=", " ").split())
    assert "https://example.com/a/talk.mp3?…" in (await operator.page(f"/submissions/{one.id}")).text


@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
async def test_addresses_in_titles_and_errors_are_shortened(db: Pool, operator: Person, state: State) -> None:
    one = await put(db, 1, state, title=SECRET_URL, recording=SECRET_URL, error=f"cannot fetch {SECRET_URL}, twice")
    for path in ("/submissions", f"/submissions/{one.id}", f"/submissions/{one.id}/resolve"):
        text = (await operator.get(path)).text
        assert "https://example.com/a/talk.mp3?…" in text
        assert "TOP-SECRET" not in text
        assert "word@" not in text


@pytest.mark.parametrize(
    ("state", "columns", "said"),
    [
        (State.ACCEPTED, {"progress": 0.42, "said": "mixing"}, "42 % timbr-audio says mixing."),
        (State.ACCEPTED, {"overdue_at": datetime.fromisoformat("2026-11-29T12:00Z")}, "overdue since 2026-11-29"),
        (State.UNKNOWN, {"error": "broken"}, "lets you decide See what is known, and decide"),
        (State.FAILED, {"error": "too loud"}, "has failed: too loud"),
        (State.INTENDED, {"error": "it expired"}, "was not sent: it expired"),
        (State.UPLOADED, {}, "Under way"),
    ],
)
async def test_a_submission_says_how_far_it_is_or_what_to_do(
    db: Pool, operator: Person, state: State, columns: dict[str, Any], said: str
) -> None:
    one = await put(db, 1, state, **columns)
    page = await operator.page(f"/submissions/{one.id}")
    assert said in page.text
    assert bool(page.values("body", "data-changes")) is not one.is_over


async def test_what_is_done_leads_to_its_transcript(db: Pool, operator: Person) -> None:
    own = await put(db, 1, State.DONE, whose=AccountId("thunderscribe", "https://api.test", "default"))
    theirs = await put(
        db, 2, State.DONE, whose=AccountId("transcribe.so", "https://api.test", "default"), remote_id="4821"
    )
    usual = await put(db, 4, State.DONE, whose=AccountId("transcribe.so", API_URL, "default"), remote_id="4821")
    stems = await put(db, 3, State.DONE, operation="separation")
    api = "?api=https%3A%2F%2Fapi.test"  # of one that is not set up, so that no other API's is opened
    for one, link in (
        (own, f"/transcripts/thunderscribe/{own.id}{api}"), (theirs, f"/transcripts/transcribe.so/4821{api}"),
        (usual, "/transcripts/transcribe.so/4821"),
    ):  # fmt: skip
        assert link in (await operator.page(f"/submissions/{one.id}")).values("a", "href")
    links = (await operator.page(f"/submissions/{stems.id}")).values("a", "href")
    assert not any(link.startswith("/transcripts/") for link in links)


@pytest.mark.parametrize("path", ["sub_none", "sub_%00", "sub_none/resolve", "sub_none/artifacts/1"])
async def test_what_there_is_not_is_not_found(operator: Person, path: str) -> None:
    assert (await operator.get(f"/submissions/{path}")).status_code == 404


# --- files -----------------------------------------------------------------------------------------------------------


async def test_a_file_is_downloaded_by_number_or_name_whole_or_in_part(
    db: Pool, asked: Asked, operator: Person, tmp_path: Path
) -> None:
    one = await put(db, 1, State.DONE, operation="separation")
    await keep(db, one, tmp_path, "voix élevée.wav", b"0123456789", content_type="binary/octet-stream")
    at = f"/submissions/{one.id}/artifacts"
    assert f"{at}/1" in (await operator.page(f"/submissions/{one.id}")).values("a", "href")
    for name in ("1", "voix%20%C3%A9lev%C3%A9e.wav"):
        answer = await operator.get(f"{at}/{name}")
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"0123456789", "10")
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["content-disposition"] == "inline; filename*=utf-8''voix%20%C3%A9lev%C3%A9e.wav"
    part = await operator.get(f"{at}/1", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert (await (await asked.reader()).get(f"{at}/1")).status_code == 200


@pytest.mark.parametrize("name", ["2", "0", "-1", "kept", "..%2Fkept", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd"])
async def test_no_path_is_made_of_an_address(db: Pool, operator: Person, tmp_path: Path, name: str) -> None:
    one = await put(db, 1, State.DONE, operation="separation")
    await keep(db, one, tmp_path, "voice.wav", b"x")
    assert (await operator.get(f"/submissions/{one.id}/artifacts/{name}")).status_code == 404


async def test_a_page_of_a_provider_is_a_download_and_no_page(db: Pool, operator: Person, tmp_path: Path) -> None:
    one = await put(db, 1, State.DONE, operation="separation")
    await keep(db, one, tmp_path, 'a";x="b.html', b"<script>", content_type="text/html")
    answer = await operator.get(f"/submissions/{one.id}/artifacts/1")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''a%22%3Bx%3D%22b.html"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("audio/\u20ac", ""), ("audio/wav\r\nset-cookie: a=b", ""), ("audio/wav\n", ""), ("audio/", ""), (None, ""),
        ("audio/w\u00e9v", ""), ("image/svg+xml", ""), ("Video/MP4; codecs=\u20ac", "video/mp4"),
    ],
)  # fmt: skip
async def test_only_a_plain_type_of_what_browsers_play_is_told(
    db: Pool, operator: Person, tmp_path: Path, said: str | None, told: str
) -> None:
    one = await put(db, 1, State.DONE, operation="separation")
    await keep(db, one, tmp_path, "voice", b"x", content_type=said)
    answer = await operator.get(f"/submissions/{one.id}/artifacts/1")
    assert (answer.status_code, answer.content) == (200, b"x")
    assert answer.headers["content-type"] == (told or "application/octet-stream")
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "set-cookie" not in answer.headers


async def test_a_file_that_is_elsewhere_or_changed_is_said(db: Pool, operator: Person, tmp_path: Path) -> None:
    one = await put(db, 1, State.DONE, operation="separation")
    path = await keep(db, one, tmp_path, "voice.wav", b"x")
    path.write_bytes(b"longer")
    assert "is not the file any more" in (await operator.page(f"/submissions/{one.id}/artifacts/1", status=409)).text
    path.unlink()
    assert "is not on this machine" in (await operator.page(f"/submissions/{one.id}/artifacts/1", status=409)).text


# --- lost answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"action": "again"}, State.UPLOADED), ({"action": "give_up"}, State.FAILED),
        ({"action": "found", "remote_id": " job-7 "}, State.ACCEPTED),
    ],
)  # fmt: skip
async def test_a_person_decides_once(db: Pool, operator: Person, fields: dict[str, str], state: State) -> None:
    one = await put(db, 1, State.UNKNOWN)
    at = f"/submissions/{one.id}/resolve"
    answer = await operator.submit(at, **fields)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/submissions/{one.id}")
    found = await records.known(db, one.id)
    assert found.state is state
    assert found.permitted_tries == one.permitted_tries + (state is State.UPLOADED)
    assert (await operator.submit(at, **fields)).status_code == 409
    assert (await records.known(db, one.id)).permitted_tries == found.permitted_tries


@pytest.mark.parametrize("fields", [{}, {"action": "pay"}, {"action": "found"}, {"action": "found", "remote_id": "\0"}])
async def test_no_decision_does_nothing(db: Pool, operator: Person, fields: dict[str, str]) -> None:
    one = await put(db, 1, State.UNKNOWN)
    assert (await operator.submit(f"/submissions/{one.id}/resolve", **fields)).status_code in (400, 409)
    assert (await records.known(db, one.id)).state is State.UNKNOWN


async def test_a_reader_may_not_decide(db: Pool, asked: Asked) -> None:
    one, reader = await put(db, 1, State.UNKNOWN), await asked.reader()
    at = f"/submissions/{one.id}"
    assert f"{at}/resolve" not in (await reader.page(at)).values("a", "href")
    assert (await reader.get(f"{at}/resolve")).status_code == 403
    assert (await reader.submit(f"{at}/resolve", action="give_up")).status_code == 403
    assert (await records.known(db, one.id)).state is State.UNKNOWN


async def test_the_page_that_asks_shows_what_it_may_have_become(
    db: Pool,
    receiver_database: str,
    sandbox: Simulated,
    tmp_path: Path,
    own_environment: None,  # noqa: ARG001 - it must be clean
) -> None:
    api = f"{sandbox.url}/timbr-audio"
    asked = Asked(receiver_database, TIMBR_AUDIO_API_URL=api, TIMBR_AUDIO_API_KEY=sandbox.key)
    account, wishes = asked.configured.account_of("timbr-audio", "default"), TimbrAudio.operations["separation"]()
    async with open_client(TimbrAudio, account, None) as client:
        file = wav(tmp_path / "talk.wav", 2)
        sent = await client.upload(Media(file, file.name, file.stat().st_size), {}, _forget, lambda _: None)
        began = await client.start(Order("separation", wishes, file_id=sent.file_id))
    assert isinstance(began, Accepted)
    one = await put(
        db, 1, State.UNKNOWN, whose=account.id, operation="separation", wishes="{}", remote_file=sent.file_id,
        sent_at=datetime.now().astimezone() - timedelta(minutes=1),
    )  # fmt: skip
    operator = await asked.operator()
    page = await operator.page(f"/submissions/{one.id}/resolve")
    assert f"It became {began.remote_id}" in page.text
    assert page.values("input", "value").count(began.remote_id) == 1
    assert "it is charged a second time" in page.text
    assert page.values("input", "value").count("again") == 1
    await asked.close()


async def _forget(_: Notes) -> None:
    """Keep nothing."""


async def test_a_provider_that_does_not_answer_keeps_nobody_from_deciding(db: Pool, operator: Person) -> None:
    one = await put(db, 1, State.UNKNOWN)
    page = await operator.page(f"/submissions/{one.id}/resolve")
    assert "What it may have become cannot be looked up" in page.text
    assert "give_up" in page.values("input", "value")
