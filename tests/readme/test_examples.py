"""The README's examples for a shell, for `.env` and for other programs run: each in a test that takes it from there.

What starts `receiver up`, or is asked of it, shares one. It has the settings of all these examples at once.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

import httpx
import pytest
import yaml
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from nats.js.api import StorageType, StreamConfig
from standardwebhooks.webhooks import Webhook

from receiver import settings
from receiver.settings import environment
from receiver.testing import Server
from tests.commands import Commands, Simulated, wav
from tests.handlers.ready import nats
from tests.handlers.ready.nats import Nats
from tests.logs.collector import Collector
from tests.processes import Processes, free_port, open_folder, sign, until
from tests.readme import BLOCKS, README, REPOSITORY, beginnings, block, command_lines, replaced
from tests.servers import App, answering
from tests.submissions.test_media import mp3_frame

REAL = block("# in .env\nTRANSCRIBE_API_KEY=tsk_live_…  ")
AFTERWARDS = block("receiver check ")
FILES = block("RECEIVER_FILES=")
FORWARD = block("# in .env\nRECEIVER_FORWARD_SHOP=")
NOTIFY = block("pip install -e '.[notify]'")
PUBLISH = block("pip install -e '.[nats]'")
TRACES = block("export OTEL_")
CURL = block("curl ")
DRAWING = " transcribe.so  "
UP = "receiver up\n"
TOKEN = "a_token_of_the_examples"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
UNFINISHED = "select 1 from receiver.jobs where state <> 'done'"


def test_every_example_is_taken_out_of_the_readme_by_a_test() -> None:
    """The drawing at its beginning is none."""
    known = set(beginnings(REPOSITORY / "tests"))
    assert [one for one in BLOCKS if not one.startswith((DRAWING, *known))] == []
    assert README.count("\n```") == 2 * len(BLOCKS)


# --- one `up` with all that the examples set -------------------------------------------------------------------------


class Mail:
    """A server that takes mails."""

    address: str
    got: list[bytes]

    @contextmanager
    def running(self) -> Iterator["Mail"]:
        self.got = got = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                answers = {b"EHLO": b"250-mail\r\n250 AUTH PLAIN", b"AUTH": b"235 in", b"DATA": b"354 go on"}
                self.wfile.write(b"220 mail\r\n")
                for line in self.rfile:
                    self.wfile.write(answers.get(line[:4].upper(), b"250 ok") + b"\r\n")
                    if line[:4].upper() == b"DATA":
                        got.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                        self.wfile.write(b"250 kept\r\n")

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            self.address = f"127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@dataclass(frozen=True, slots=True)
class House:
    """A running `receiver up`, and all that it speaks to. `secret` is the app's."""

    processes: Processes
    provider: Simulated
    app: App
    secret: str
    service: App
    mail: Mail
    stream: Nats
    collector: Collector

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.processes.environment['PORT']}"

    @property
    def database(self) -> str:
        return self.processes.environment["DATABASE_URL"]

    @property
    def vault(self) -> Path:
        return self.processes.folder / "vault"

    def good(self, script: str) -> str:
        """Run a script that goes well, in the folder and the environment of the house; returns what it prints."""
        ran = subprocess.run(
            ["bash", "-euc", script], cwd=self.processes.folder, env=self.processes.environment, capture_output=True,
            text=True, timeout=100, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def settle(self) -> None:
        until(lambda: not self.processes.sql(UNFINISHED), "every job is done")

    @property
    def dotenv(self) -> str:
        """The lines of `.env`: the provider is the sandbox, and the tunnel this machine."""
        ours = {"tsk_live_…": self.provider.key, "https://your-tunnel.example": self.url}
        app = {"https://shop.example": self.app.url, "whsec_…": self.secret}
        people = {"ntfys://ntfy.sh": self.service.url.replace("http", "ntfy", 1)}
        people["mailtos://me:password@example.com"] = (
            f"mailto://me:password@{self.mail.address}?mode=insecure&from=me@example.com"
        )
        _, *notify = replaced(NOTIFY, people).splitlines(keepends=True)
        return "".join([replaced(REAL, ours), replaced(FORWARD, app), *notify, "RECEIVER_FORWARD_PRIVATE=yes\n"])

    @property
    def script(self) -> str:
        """The start: the assignments of `publish` and `files` stand before one `receiver up`."""
        *_, publish = PUBLISH.splitlines(keepends=True)
        stream = {"tls://ada:secret@nats.example:4222/EVENTS": self.stream.address()}
        return "".join([
            replaced(TRACES, {"http://localhost:4318": self.collector.url}),
            replaced(publish.removesuffix(UP), stream), replaced(FILES, {"/home/ada/vault": str(self.vault)}),
        ])  # fmt: skip


@pytest.fixture(scope="module")
def house(provider: Simulated, receiver_server: Server) -> Iterator[House]:
    """Yield a house that has received one event of a talk."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        processes = stack.enter_context(Processes(folder))
        processes.environment |= {
            "PATH": PATH, "DATABASE_URL": receiver_server.create("receiver_examples"), "RECEIVER_TOKEN": TOKEN,
            "TRANSCRIBE_API_URL": provider.url, "FISHAUDIO_API_URL": f"{provider.url}/fishaudio",
            "FISHAUDIO_API_KEY": provider.key, "RECEIVER_METRICS": f"127.0.0.1:{free_port()}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PYTHONWARNINGS": "",  # apprise has its own
        }  # fmt: skip
        stack.callback(receiver_server.drop, "receiver_examples")
        found = House(
            processes, provider, stack.enter_context(App().running()),
            subprocess.check_output(["bash", "-c", comment(FORWARD, "echo")], text=True).strip(),
            stack.enter_context(App([answering(200)]).running()), stack.enter_context(Mail().running()),
            stack.enter_context(nats.running(folder / "nats")), stack.enter_context(Collector().running()),
        )  # fmt: skip
        (folder / ".env").write_text(found.dotenv)
        add(found.stream, PUBLISH.splitlines()[1])
        with up(found):
            about = {"id": 4821, "title": "My talk", "status": "completed", "completed_at": "2026-04-29T14:25:27.968Z"}
            body = json.dumps({"id": "evt_1", "event": "transcription.completed", "data": {"transcription": about}})
            path = f"{found.url}/webhooks/transcribe-so"
            assert httpx.post(path, content=body, headers=sign(body.encode())).status_code == 200
            found.settle()
            yield found


@contextmanager
def up(house: House) -> Iterator[None]:
    """Run the start, and end it with Ctrl-C."""
    log, processes = house.processes.folder / "log", house.processes
    with log.open("wb") as out:
        running = subprocess.Popen(
            ["bash", "-euc", house.script], cwd=processes.folder, env=processes.environment, stdout=out, stderr=out,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    try:
        until(lambda: "registered http" in log.read_text() or running.poll() is not None, "it registers")
        assert running.poll() is None
        yield
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(60) == 0
    finally:
        print(log.read_text())  # noqa: T201 - for a failure
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def comment(text: str, command: str) -> str:
    """Return a command that stands in a comment of an example."""
    (line,) = re.findall(rf"# .*?: ({command} .*)$", text, re.MULTILINE)
    return str(line)


def add(server: Nats, line: str) -> None:
    """Add a stream as a line for the program `nats` says it; without this program, by NATS's client."""
    if shutil.which("nats", path=PATH):
        url = {"NATS_URL": server.address().rpartition("/")[0]}
        subprocess.run(["bash", "-c", line], env={"PATH": PATH} | url, check=True, capture_output=True)
        return
    (words,) = command_lines(line)
    name, subjects, storage, window = (words[number] for number in (3, 5, 7, 9))
    assert words == [
        "nats", "stream", "add", name, "--subjects", subjects, "--storage", storage, "--dupe-window", window,
        "--defaults",
    ]  # fmt: skip
    seconds = 3600 * int(window.removesuffix("h"))
    config = StreamConfig(name, "", [subjects], storage=StorageType(storage), duplicate_window=seconds)
    with asyncio.Runner() as runner:
        runner.run(server.add(config))


def test_a_real_start_is_well_and_its_test_event_is_followed(house: House) -> None:
    """The lines that come after `receiver up` run beside it, in a terminal that knows the key from `.env` alone."""
    shown = house.good(AFTERWARDS)
    assert "ok  webhook" in shown


def test_the_files_of_a_talk_are_called_as_the_readme_says(house: House) -> None:
    names = re.findall(r"`(2026-[^`]+)`", README)
    assert sorted(path.name for path in (house.vault / "talks").iterdir()) == sorted(names)
    assert (house.vault / "talks" / names[0]).read_text().startswith("---\n")


def test_an_app_gets_the_types_that_it_wants_with_their_transcripts(house: House) -> None:
    got = house.app.got[0]
    said = Webhook(house.secret).verify(got.body, dict(got.headers.items()))
    assert (got.path, said["type"]) == ("/hooks/transcripts", "transcription.completed")
    assert said["data"]["transcript"]["segments"]


def test_people_are_told_by_ntfy_and_by_mail(house: House) -> None:
    assert (house.service.got[0].json["topic"], house.service.got[0].json["title"]) == (
        "my-transcripts",
        "Transcript ready",
    )
    assert b"My talk" in house.mail.got[0]


def test_the_addresses_to_notify_are_those_of_handlers(house: House) -> None:
    """They are not replaced: nothing is sent."""
    _, *settings = NOTIFY.splitlines(keepends=True)
    listed = house.good(f"set -a\n{''.join(settings)}receiver handlers")
    assert {"notify:ntfys", "notify:mailtos"} <= {line.split()[0] for line in listed.splitlines()}


def test_what_pip_installs_are_extras_that_there_are() -> None:
    """tests/peers/test_newcomer.py lets pip install them."""
    for lines in (NOTIFY, PUBLISH):
        ((extra,),) = [re.findall(r"^pip install -e '\.\[(\w+)\]'$", lines, re.MULTILINE)]
        assert extra in (metadata("receiver").get_all("Provides-Extra") or ())


async def test_a_stream_that_is_added_so_gets_the_event(house: House) -> None:
    ((subject, _, _), *_) = await house.stream.kept()
    assert subject == "receiver.transcribe-so.transcription.completed"


def test_a_collector_gets_spans(house: House) -> None:
    until(lambda: any(span.name == "POST /webhooks/transcribe-so" for span in house.collector.spans), "the delivery")


def test_a_program_submits_over_http(house: House) -> None:
    assert re.fullmatch("sub_[0-9a-z]+", submitted(house))


def submitted(house: House) -> str:
    """Return the submission of the example of curl, which is done."""
    curl = replaced(CURL, {"https://hooks.example.com": house.url})
    answer = json.loads(house.good(f"export RECEIVER_TOKEN={TOKEN}\n{curl}"))
    house.settle()
    return str(answer["id"])


def ran(commands: Commands, text: str, **variables: str) -> dict[str, str]:
    """Run the lines of an example, which all go well, in this process; returns what each prints.

    A line `export` is for all that follow it.
    """
    found = dict[str, str]()
    for words in command_lines(text):
        match words:
            case ["export", *assignments]:
                variables = dict(one.split("=", 1) for one in assignments) | variables
            case ["receiver", *arguments]:
                found[" ".join(arguments)] = commands.good(*arguments, **variables)
            case _:
                raise AssertionError(words)
    return found


def test_events_are_found_by_the_lines_that_find_them(house: House, commands: Commands) -> None:
    *lines, piped = block("receiver events 4821").splitlines()
    database = {"DATABASE_URL": house.database}
    account = {"TIMBR_API_KEY__BIG_SHOW": "k"}
    shown = ran(commands, "\n".join(lines), **database, **account)
    assert "My talk" in shown["events 4821"]
    line, _, jq = piped.partition(" | ")
    jobs = commands.good(*shlex.split(line)[1:], **database)
    if shutil.which("jq") is None:
        pytest.skip("jq is missing: apt-get install jq")
    assert subprocess.run(["bash", "-c", jq], input=jobs, capture_output=True, text=True, check=True).stdout == ""


def test_what_was_said_is_searched_by_the_lines_that_search_it(house: House, commands: Commands) -> None:
    ran(commands, block("receiver search interest"), DATABASE_URL=house.database)


async def test_an_assistant_with_this_configuration_has_the_tools(house: House) -> None:
    text = replaced(block('{\n  "mcpServers"'), {
        "/opt/receiver/bin/receiver": str(Path(sys.executable).parent / "receiver"),
        "postgresql://me:secret@db.example/app": house.database,
    })  # fmt: skip
    server = StdioServerParameters(**json.loads(text)["mcpServers"]["receiver"], cwd=house.processes.folder)
    with (house.processes.folder / "mcp.err").open("w") as log:
        async with Client(stdio_client(server, errlog=log)) as client:
            assert "search_transcripts" in {tool.name for tool in (await client.list_tools()).tools}


def test_prometheus_scrapes_what_up_serves_with_rules_that_a_command_makes(house: House) -> None:
    text = block("rule_files:")
    configured = yaml.safe_load(replaced(text, {"127.0.0.1:9464": house.processes.environment["RECEIVER_METRICS"]}))
    house.good(comment(text, "receiver"))
    (rules,) = configured["rule_files"]
    assert yaml.safe_load((house.processes.folder / rules).read_text())["groups"]
    ((target,),) = (one["targets"] for one in configured["scrape_configs"][0]["static_configs"])
    assert "receiver_database_up 1.0" in httpx.get(f"http://{target}/metrics", timeout=30).text


# --- what needs none -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_environment")
def test_two_lines_of_dotenv_make_two_accounts() -> None:
    named, *lines = block("# in .env\nTRANSCRIBE_API_KEY=tsk_live_…\n").splitlines(keepends=True)
    ours = [replaced(line, {"tsk_live_…": f"tsk_live_of_account_{number}"}) for number, line in enumerate(lines)]
    Path(".env").write_text("".join([named, *ours]))
    environment.enter()
    assert {account.name for account in settings.load().webhook_accounts} == {"default", "big-show"}


@pytest.fixture
def paying(commands: Commands, sandbox: Simulated, receiver_database: str) -> Commands:
    """Return commands with a database, and with accounts of the simulated providers."""
    commands.environment |= {"DATABASE_URL": receiver_database}
    for name in ("timbr", "timbr-audio", "thunderscribe"):
        prefix = name.upper().replace("-", "_")
        commands.environment |= {f"{prefix}_API_URL": f"{sandbox.url}/{name}", f"{prefix}_API_KEY": sandbox.key}
    return commands


def test_a_recording_is_submitted_and_listed(
    paying: Commands, sandbox: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is in `.env` alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "episode.mp3").write_bytes(mp3_frame() * 100)
    key = replaced(block("# in .env\nTHUNDERSCRIBE_API_KEY="), {"…": sandbox.key})
    (tmp_path / ".env").write_text(key)
    paying.environment |= {"THUNDERSCRIBE_API_KEY": None, environment.READ: None}
    submission, listed = ran(paying, block("receiver submit episode.mp3")).values()
    assert submission.strip() in listed


def test_a_transcript_of_a_submission_and_of_a_transcription_is_translated(house: House, paying: Commands) -> None:
    text = replaced(block("receiver submit sub_…"), {"sub_…": submitted(house)})
    assert all(one.startswith("sub_") for one in ran(paying, text, DATABASE_URL=house.database).values())


def test_what_was_lost_is_shown_and_resolved_in_each_way(
    paying: Commands, processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    """Each way ends it, so each line has a submission of its own."""
    lines = block("receiver submissions --state unknown").splitlines()
    for number, _ in enumerate(lines):
        paying.good("submit", wav(tmp_path / f"{number}.wav", 2 + number), "--provider", "timbr-audio")
    processes.sql("update receiver.submissions set state = 'unknown'", receiver_database)
    lost = [one["id"] for one in paying.read("submissions")]
    made = [
        line.replace("sub_…", one).replace("--found ID", "--found 4821") for line, one in zip(lines, lost, strict=True)
    ]
    listed, shown, *ended = ran(paying, "\n".join(made)).values()
    assert all(one in listed for one in lost)
    assert "unknown" in shown
    assert [one.split() for one in ended] == [
        [lost[2], "is", "uploaded"], [lost[3], "is", "failed"], [lost[4], "is", "accepted"],
    ]  # fmt: skip
