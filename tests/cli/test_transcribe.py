"""`receiver transcribe` and `quote`, as a user runs them: what the provider receives, what goes to stdout."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from receiver.sandbox import Knobs
from tests.commands import LIST, Commands, Scripted, Simulated, error, sparse, wav
from tests.processes import Processes, sign, until

YOUTUBE = "https://youtu.be/dQw4w9WgXcQ"


# --- what is submitted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "source"),
    [
        (YOUTUBE, "youtube"),
        ("https://m.youtube.com/watch?v=dQw4w9WgXcQ", "youtube"),
        ("https://podcasts.apple.com/us/podcast/x/id1", "platform_url"),
        ("http://example.com/youtube.com/episode.mp3", "external_url"),
    ],
)
def test_a_web_address_is_submitted_as_what_it_is(
    commands: Commands, sandbox: Simulated, url: str, source: str
) -> None:
    ran = commands.run("transcribe", url, "--pipeline", "voxtral-mini-transcribe", "--language", "en")
    (submitted,) = sandbox.submitted()
    assert (ran.exit_code, ran.stdout) == (0, f"{submitted['id']}\n")
    assert ran.stderr == f"submitted as transcription {submitted['id']}, $1.1220\n"
    about = {name: submitted[name] for name in ("source", "pipeline_code", "language")}
    assert about == {"source": source, "pipeline_code": "voxtral-mini-transcribe", "language": "en"}


def test_a_file_is_uploaded_and_submitted_with_its_name_and_duration(commands: Commands, sandbox: Simulated) -> None:
    printed = commands.good("transcribe", wav(commands.folder / "episode.wav", 2.5))
    (submitted,) = sandbox.submitted()
    assert printed == f"{submitted['id']}\n"
    about = {name: submitted[name] for name in ("source", "title", "duration_seconds", "language")}
    assert about == {"source": "upload", "title": "episode.wav", "duration_seconds": 2.5, "language": "auto"}


@pytest.mark.parametrize("name", ["https://example.com/a.mp3", "a.mp3"])
def test_a_duration_that_nothing_else_tells_is_taken(commands: Commands, sandbox: Simulated, name: str) -> None:
    source = name if name.startswith("https") else str(sparse(commands.folder / name, 1))
    commands.good("transcribe", source, "--duration", "12.5")
    assert [one["duration_seconds"] for one in sandbox.submitted()] == [12.5]


@pytest.mark.parametrize(("seconds", "said"), [(200, 203), (200, 197), (2, 3), (2, 1)])
def test_a_duration_that_is_a_little_off_is_the_files(
    commands: Commands, sandbox: Simulated, seconds: float, said: float
) -> None:
    commands.good("transcribe", wav(commands.folder / "a.wav", seconds), "--duration", str(said))
    assert [one["duration_seconds"] for one in sandbox.submitted()] == [seconds]


@pytest.mark.parametrize(("seconds", "said"), [(200, 203.1), (200, 196.9), (2, 3.1), (2, 0.9), (2, 3600)])
@pytest.mark.parametrize("command", ["transcribe", "quote"])
def test_a_duration_that_contradicts_the_file_is_refused(
    commands: Commands, sandbox: Simulated, *, command: str, seconds: float, said: float
) -> None:
    ran = commands.run(command, wav(commands.folder / "a.wav", seconds), "--duration", str(said))
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert f"a.wav plays {seconds:.1f} s, and its length decides its price: leave --duration out" in ran.stderr
    assert sandbox.asked() == []


def test_json_is_the_providers_answer(commands: Commands, sandbox: Simulated) -> None:
    printed = commands.read("transcribe", YOUTUBE)
    assert printed["id"] == sandbox.submitted()[0]["id"]
    assert {name: printed[name] for name in ("status", "source", "billed_minutes", "retail_usd", "url")} == {
        "status": "processing", "source": "youtube", "billed_minutes": 60.0, "retail_usd": 2.172, "url": YOUTUBE
    }  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        "http://[", "https://[::1", "ftp://example.com/a.mp3", "https://", "https:///x.mp3", "https://?x", "https://.",
        "https://${HOST}/a.mp3", "https://exam ple.com/a.mp3",
    ],
)  # fmt: skip
def test_what_is_no_web_address_and_no_file_is_told(commands: Commands, sandbox: Simulated, source: str) -> None:
    ran = commands.run("transcribe", source)
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert "web address" in ran.stderr
    assert sandbox.asked() == []


@pytest.mark.parametrize("command", ["transcribe", "quote"])
@pytest.mark.parametrize(("source", "said"), [
    ("https://", "https:// is not a web address: no server can have that name"),
    ("HTTPS:///x.mp3", "https:///x.mp3 is not a web address: no server can have that name"),
    ("https://:443/x.mp3", "https://:443/x.mp3 is not a web address: no server can have that name"),
    ("https://?at=x", "https://?… is not a web address: no server can have that name"),
    ("https://./x.mp3", "https://./x.mp3 is not a web address: no server can have that name"),
    ("", "RECORDING is empty: name a file, or a web address"),
    (" ", "RECORDING is empty: name a file, or a web address"),
])  # fmt: skip
def test_what_names_nothing_is_refused_before_anything_is_asked(
    commands: Commands, sandbox: Simulated, command: str, source: str, said: str
) -> None:
    ran = commands.run(command, source)
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", f"Error: {said}\n")
    assert sandbox.asked() == []


@pytest.mark.parametrize(
    "typed", ["HTTPS://example.com/a.mp3", " https://example.com/a.mp3", "Https://example.com/a.mp3 \n"]
)
@pytest.mark.parametrize("command", ["transcribe", "quote"])
def test_an_address_is_one_however_it_was_typed(
    commands: Commands, sandbox: Simulated, *, command: str, typed: str
) -> None:
    printed = commands.read(command, typed)
    assert printed["source"] == "external_url"
    listed = sandbox.get("transcriptions?api_only=true")["data"]
    assert [one["title"] for one in listed] == ["a.mp3"]


# --- what is under way elsewhere -------------------------------------------------------------------------------------

EPISODE = "https://example.com/episode.mp3"
A_MINUTE_AGO = (datetime.now(UTC) - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")


def listing(folder: Path, recording: str, /, *options: str, **about: object) -> tuple[Result, list[str]]:
    """Submit to a provider that lists one transcription. Return the result and the requests."""
    with Scripted().running() as provider:
        listed = {"id": 7, "status": "processing", "created_at": A_MINUTE_AGO, **about}
        provider.answers = {
            LIST: [(200, {"data": [{"id": 8, "status": "completed", "title": "episode.mp3"}, listed]})],
            "POST /api/v1/uploads": [(200, {"upload_id": "user/1", "upload_url": f"{provider.url}/put"})],
            "PUT /put": [(200, "")],
            "POST /api/v1/transcriptions": [(202, {"id": 9, "status": "processing"})],
        }
        ran = Commands(folder, provider.url).run("transcribe", recording, *options)
        return ran, [one.line for one in provider.requests]


def test_what_is_under_way_elsewhere_is_not_paid_for_again(folder: Path) -> None:
    """It was started in another folder, so there are no notes about it here."""
    ran, asked = listing(folder, EPISODE, title="episode.mp3")
    assert (ran.exit_code, ran.stdout, ran.stderr.count("\n")) == (1, "", 1)
    assert ": transcription 7 is " in ran.stderr
    said = "continue where it was submitted (that folder, or that database), or pay for another one with --again\n"
    assert ran.stderr.endswith(f"Nothing was sent or charged: {said}")
    assert asked == [LIST]


def test_a_file_is_known_by_its_name_and_length_before_it_is_sent(folder: Path) -> None:
    file = wav(folder / "episode.wav", 60.0)
    same = {"title": "episode.wav", "source": "upload", "duration_seconds": 60}
    assert listing(folder, str(file), **same)[1] == [LIST]
    assert listing(folder, str(file), **same | {"duration_seconds": 90})[0].exit_code == 0
    assert listing(folder, str(file), **same | {"title": "other.wav"})[0].exit_code == 0


@pytest.mark.parametrize("options", [("--again",), ("--idempotency-key", "mine")])
def test_who_says_so_pays_for_it_again(folder: Path, options: tuple[str, ...]) -> None:
    assert listing(folder, EPISODE, *options, title="episode.mp3")[0].stdout == "9\n"


def test_a_submission_is_sent_although_the_list_cannot_be_read(folder: Path) -> None:
    for answer in ((404, error("not_found", "No.")), (500, error("internal_error", "No.")), (200, {"data": 5})):
        with Scripted().running() as provider:
            provider.answers = {LIST: [answer], "POST /api/v1/transcriptions": [(202, {"id": 9, "status": "queued"})]}
            ran = Commands(folder, provider.url).run("transcribe", EPISODE)
            assert (ran.stdout, len(provider.asked(LIST))) == ("9\n", 1)
        assert "cannot find out whether it was submitted" in ran.stderr


# --- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ceiling", "price"), [("url", "2.17", "2.1720"), ("file", "1.12", "1.1220")]
)  # fmt: skip
def test_above_the_ceiling_nothing_is_submitted(
    commands: Commands, sandbox: Simulated, kind: str, ceiling: str, price: str
) -> None:
    """A file is not even sent if the cheapest model would cost more."""
    source = YOUTUBE if kind == "url" else str(sparse(commands.folder / "episode.mp3", 1))
    ran = commands.run("transcribe", source, "--duration", "3600", "--max-charge", ceiling)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr == f"Error: it would cost ${price}, more than --max-charge {ceiling}: nothing was submitted\n"
    assert (sandbox.submitted(), sandbox.uploads()) == ([], [])
    assert sandbox.spent() == 0


def test_a_file_is_priced_by_the_list_before_it_is_sent_and_by_the_provider_after(folder: Path) -> None:
    with Scripted().running() as provider:
        listed = {"code": "cheap", "retail_usd_per_min": 1}
        provider.answers = {
            "GET /api/v1/pipelines": [(200, {"pipelines": [listed]})],
            "POST /api/v1/uploads": [(200, {"upload_id": "user/1", "upload_url": f"{provider.url}/put"})],
            "PUT /put": [(200, "")],
            "POST /api/v1/quotes": [(200, {"retail_usd": 2.01})],
        }
        ran = Commands(folder, provider.url).run("transcribe", wav(folder / "a.wav", 60.0), "--max-charge", "2")
        (asked,) = provider.asked("POST /api/v1/quotes")
        lines = [one.line for one in provider.requests]
    assert ran.stderr == "Error: it would cost $2.0100, more than --max-charge 2: nothing was submitted\n"
    assert asked.json["upload_id"] == "user/1"
    assert lines == ["GET /api/v1/pipelines", "POST /api/v1/uploads", "PUT /put", "POST /api/v1/quotes"]


def test_at_the_ceiling_it_is_submitted_and_the_provider_told_the_ceiling(folder: Path) -> None:
    """A price that rises after the quote is refused by the provider."""
    with Scripted().running() as provider:
        provider.answers = {
            "POST /api/v1/quotes": [(200, {"retail_usd": 2.0})],
            "POST /api/v1/transcriptions": [(402, error("max_charge_exceeded", "It costs $3 by now."))],
        }
        ran = Commands(folder, provider.url).run("transcribe", YOUTUBE, "--max-charge", "2")
        (asked,) = provider.asked("POST /api/v1/transcriptions")
    assert asked.json["max_charge_usd"] == 2.0
    assert (ran.exit_code, "It costs $3 by now." in ran.stderr) == (1, True)


def test_an_empty_wallet_names_the_page_to_top_up(folder: Path) -> None:
    with Simulated(knobs=Knobs(wallet=0.0)).running() as poor:
        ran = Commands(folder, poor.url, poor.key).run("transcribe", YOUTUBE)
        assert poor.submitted() == []
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "Top up your wallet at https://transcribe.so/billing" in ran.stderr
    assert "insufficient_funds (HTTP 402)" in ran.stderr


def test_one_idempotency_key_is_one_transcription(commands: Commands, sandbox: Simulated) -> None:
    first, again, other = (
        commands.good("transcribe", YOUTUBE, "--idempotency-key", key) for key in ("ep-1", "ep-1", "ep-2")
    )
    assert first == again != other
    assert len(sandbox.submitted()) == 2
    assert sandbox.spent() == 2 * 2.172


def test_each_run_without_a_key_is_a_transcription_of_its_own(commands: Commands, sandbox: Simulated) -> None:
    for _ in range(2):
        commands.good("transcribe", YOUTUBE, "--wait")
    assert len(sandbox.submitted()) == 2


def test_a_lost_answer_names_the_key_that_finds_it(commands: Commands, sandbox: Simulated) -> None:
    sandbox.plan(endpoint="/transcriptions", method="POST", kind="malformed")
    lost = commands.run("transcribe", YOUTUBE)
    assert (lost.exit_code, lost.stdout) == (1, "")
    assert "It might have been submitted" in lost.stderr
    key = lost.stderr.split("--idempotency-key ")[1].strip()
    assert commands.good("transcribe", YOUTUBE, "--idempotency-key", key) == f"{sandbox.submitted()[0]['id']}\n"
    assert len(sandbox.submitted()) == 1


# --- --wait ----------------------------------------------------------------------------------------------------------


def test_wait_prints_the_transcript_and_nothing_else(commands: Commands, sandbox: Simulated) -> None:
    ran = commands.run("transcribe", YOUTUBE, "--wait", "--duration", "60")
    number = sandbox.submitted()[0]["id"]
    said = [segment["text"] for segment in sandbox.get(f"transcriptions/{number}/result")["segments"]]
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"Ada: {said[0]}")
    assert all(sentence in ran.stdout for sentence in said)
    assert str(number) not in ran.stdout
    assert f"submitted as transcription {number}" in ran.stderr


def test_wait_with_json_prints_id_and_text(commands: Commands, sandbox: Simulated) -> None:
    printed = commands.read("transcribe", YOUTUBE, "--wait")
    assert printed["id"] == sandbox.submitted()[0]["id"]
    assert printed["text"] == commands.good("transcript", str(printed["id"])).rstrip("\n")


def test_what_has_failed_says_why_and_how_to_start_it_again(commands: Commands, sandbox: Simulated) -> None:
    ran = commands.run("transcribe", "https://example.com/fail.mp3", "--wait")
    number = sandbox.submitted()[0]["id"]
    assert (ran.exit_code, ran.stdout) == (1, "")
    said = f"transcription {number} failed: The media could not be decoded; `receiver retry {number}` starts it again"
    assert ran.stderr.splitlines()[-1] == f"Error: {said}"


def test_what_was_cancelled_is_not_said_to_be_retried(commands: Commands) -> None:
    ran = commands.run("transcribe", "https://example.com/cancel.mp3", "--wait")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "is cancelled, so it has no transcript" in ran.stderr
    assert "receiver retry" not in ran.stderr


# --- --callback ------------------------------------------------------------------------------------------------------


def test_a_callback_needs_a_public_url_and_a_database(commands: Commands, sandbox: Simulated) -> None:
    for source in (YOUTUBE, str(wav(commands.folder / "a.wav"))):
        assert "Error: --callback needs PUBLIC_URL" in commands.run("transcribe", source, "--callback").stderr
        ran = commands.run("transcribe", source, "--callback", "--max-charge", "9", PUBLIC_URL="http://127.0.0.1:1")
        assert (ran.exit_code, "run `receiver up`, or set DATABASE_URL" in ran.stderr) == (1, True)
    assert sandbox.asked() == []


def test_a_callbacks_delivery_is_verified_with_its_own_secret_and_stored(
    processes: Processes, sandbox: Simulated, receiver_database: str
) -> None:
    """From the submission to the stored event, with a real receiver; no webhook is registered."""
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": sandbox.url, "TRANSCRIBE_API_KEY": sandbox.key,
    }  # fmt: skip
    web = processes.serve()
    processes.start("work")
    until(lambda: bool(processes.sql("select * from receiver.processes where kind = 'worker'")), "a worker is seen")
    commands = Commands(processes.folder, sandbox.url, sandbox.key, DATABASE_URL=receiver_database, PUBLIC_URL=web.url)
    first, again = (commands.read("transcribe", YOUTUBE, "--callback", "--idempotency-key", "ep-1") for _ in range(2))
    assert first["id"] == again["id"]
    assert "callback" not in first
    delivered = "select * from receiver.events where origin = 'callback'"
    (event,) = until(lambda: processes.sql(delivered), "the delivery is stored")
    assert (event["type"], event["transcription_id"]) == ("transcription.completed", str(first["id"]))
    (kept,) = processes.sql("select token, secret from receiver.callbacks")
    path = f"/webhooks/transcribe-so/jobs/{kept['token']}"
    body = json.dumps({"id": "evt_forged", "event": "transcription.completed"}).encode()
    good = sign(body, secret=kept["secret"].encode())
    tries = [(path, sign(body)), (f"{path}x", good), ("/webhooks/transcribe-so", good), (path, {})]

    def post(path: str, headers: dict[str, str]) -> httpx.Response:
        with web.http() as http:
            return http.post(f"{web.url}{path}", content=body, headers=headers)

    with ThreadPoolExecutor() as at_once:  # they share one reading of the secrets
        answers = list(at_once.map(lambda one: post(*one), tries))
    assert {(one.status_code, one.content) for one in answers} == {(401, answers[0].content)}
    assert kept["secret"] not in web.log + str(first)
    assert sandbox.key not in web.log


# --- quote -----------------------------------------------------------------------------------------------------------


def test_the_price_of_a_web_address_is_the_providers(commands: Commands, sandbox: Simulated) -> None:
    assert commands.good("quote", YOUTUBE) == "$2.1720 for 60 billed minutes\n"
    assert commands.good("quote", YOUTUBE, "--pipeline", "voxtral-mini-transcribe").startswith("$1.1220 ")
    printed = commands.read("quote", YOUTUBE)
    assert (printed["retail_usd"], printed["source"]) == (2.172, "youtube")
    assert (sandbox.submitted(), sandbox.spent()) == ([], 0)


def test_the_price_of_a_file_is_reckoned_without_sending_it(commands: Commands, sandbox: Simulated) -> None:
    file = sparse(commands.folder / "episode.mp3", 1)
    said = "$2.1720 for 60 billed minutes, by the price list of qwen3-asr-flash-filetrans\n"
    assert commands.good("quote", file, "--duration", "3600") == said
    printed = commands.read("quote", file, "--duration", "3600", "--pipeline", "voxtral-mini-transcribe")
    assert printed == {"retail_usd": 1.122, "billed_minutes": 60.0, "pipeline_code": "voxtral-mini-transcribe"}
    assert commands.good("quote", wav(commands.folder / "episode.wav")).startswith("$0.0036 ")
    assert {*sandbox.asked()} == {"GET /api/v1/pipelines"}


def test_a_quote_is_the_charge(commands: Commands, sandbox: Simulated) -> None:
    file = wav(commands.folder / "a.wav", 98.8)
    assert commands.good("quote", file).startswith("$0.0615 for 1.7 billed minutes")
    commands.good("transcribe", file)
    assert sandbox.spent() == 0.0615


def test_a_pipeline_that_is_not_there_is_told_with_those_that_are(commands: Commands) -> None:
    file = wav(commands.folder / "episode.wav")
    ran = commands.run("quote", file, "--pipeline", "nonsense")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "there is no price for nonsense; the provider has qwen3-asr-flash-filetrans, " in ran.stderr
