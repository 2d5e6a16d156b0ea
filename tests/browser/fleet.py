"""One `receiver up --sandbox --all` for all tests, with its console, and with something on every page."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx

from receiver.database.embedded import attach
from tests.browser import hostile
from tests.commands import wav
from tests.processes import WAIT_SECONDS, Process, Processes, completed, free_port, sign, until

T = TypeVar("T")

TOKEN, READ_TOKEN = "a_token_of_whoever_may_act", "a_token_of_whoever_may_look"
PATH = "/webhooks/transcribe-so"
HAND_IN = "/submissions/new?source=timbr-audio&account=default&operation=separation"
TRANSCRIPT = """
insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
select source, api_url, '{number}', '{at}', 'result', decode('{answer}', 'hex')
from receiver.registrations where account = 'default' limit 1
"""
UNKNOWN = """
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state, error,
    permitted_tries, paid_tries, sent_at
)
select 'sub_unknown', source, api_url, account, key_fingerprint, operation, wishes, '<b>lost</b>.mp3', 'k', 'k',
    'unknown', '{error}', 1, 1, now()
from receiver.submissions where source = 'timbr-audio' limit 1
"""
RECORDING = """
insert into receiver.artifacts (submission, name, content_type, bytes, sha256, place)
select id, 'recording.wav', 'audio/wav', {bytes}, '', '{place}' from receiver.submissions where source = 'timbr'
"""
LEFT = """
select
    (select count(*) from receiver.jobs where handler in ('newsroom', 'pager', 'transcripts')
        and state in ('pending', 'running')) as jobs,
    (select count(*) from receiver.submissions where source like 'timbr%' and state not in ('done', 'unknown'))
        as submissions
"""
BROKEN = '''
"""Handlers that fail."""

from receiver import Context, Event, GiveUp, handler


@handler("transcription.completed", name="newsroom")
async def post_to_newsroom(event: Event, ctx: Context) -> None:
    if "hostile" in event.id or "svg" in event.id:
        raise GiveUp(f"the newsroom rejects {event.transcription.title}")


@handler("transcription.failed", name="pager")
async def page_somebody(event: Event, ctx: Context) -> None:
    raise GiveUp("nobody answers the pager")
'''


class Fleet:
    """What `up` has started, and how to reach it.

    Attributes:
        url: of the console.
        link: which `up` has printed, and which signs in.
        sample: the id of the first sample's transcription.
        begun: addresses of what was begun, and what no page links.
    """

    def __init__(self, processes: Processes, process: Process, console: int, link: str, database: str) -> None:
        self.processes, self.process, self.link, self._database = processes, process, link, database
        self.url = f"http://127.0.0.1:{console}"
        self.sample = re.findall(r"sample submitted as transcription (\d+)$", process.out.read_text(), re.MULTILINE)[0]
        self.begun: list[str] = []
        self._web = f"http://127.0.0.1:{processes.environment['PORT']}"
        self._secret = self.sql("select secret from receiver.registrations where account = 'default'")[0]["secret"]
        processes.secrecy.keep(self._secret)

    def deliver(self, body: bytes, *, secret: bytes | None = None) -> int:
        """Deliver an event; returns the status of the answer."""
        headers = sign(body, secret=self._secret.encode() if secret is None else secret)
        return httpx.post(f"{self._web}{PATH}", content=body, headers=headers, timeout=WAIT_SECONDS).status_code

    def sql(self, statement: str) -> list[Any]:
        """Run a statement on the database; returns its rows."""
        return list(_apart(lambda: self.processes.sql(statement, self._database)))

    @contextmanager
    def signed_in(self, token: str = TOKEN) -> Iterator[httpx.Client]:
        """Yield a client that is signed in by a token."""
        with httpx.Client(base_url=self.url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=WAIT_SECONDS) as http:
            assert http.post("/sign-in", data={"token": token}).status_code == httpx.codes.SEE_OTHER
            yield http

    def new_link(self) -> str:
        """Return a link that `receiver console --link` prints."""
        ran = self.processes.run("console", "--link")
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def fill(self) -> None:
        """See to it that every page has something to show, and wait until that has come to rest."""
        self.sql(UNKNOWN.format(error=hostile.MARKUP.replace("'", "''")))
        for number, (name, title) in enumerate(hostile.TITLES.items(), hostile.TRANSCRIPTION):
            # Its transcript is kept already, so no provider is asked for it.
            self.sql(TRANSCRIPT.format(number=number, at=hostile.COMPLETED_AT, answer=hostile.result(number).hex()))
            assert self.deliver(hostile.event(name, title)) == httpx.codes.OK
        for number in range(3):
            body = completed(f"evt_failed_{number}", 70_000 + number, "transcription.failed")
            assert self.deliver(body) == httpx.codes.OK
        assert self.deliver(b"<p>no event</p>") == httpx.codes.OK
        assert self.deliver(completed("evt_refused"), secret=b"another secret") == httpx.codes.UNAUTHORIZED
        until(self._is_settled, "jobs and submissions have ended", 90)
        self._act()
        recording = wav(self.processes.folder / "recording.wav")
        self.sql(RECORDING.format(bytes=recording.stat().st_size, place=recording))

    def _act(self) -> None:
        """Begin a bulk replay, and hand something in."""
        with self.signed_in() as http:
            asked = {"handler": "newsroom", "limit": "1", "said": str(len(hostile.TITLES))}
            begun = http.post("/dead/replay", data=asked)
            assert begun.status_code == httpx.codes.SEE_OTHER, begun.text
            parts = {"url": (None, "https://media.example.com/a.mp3"), "if_lost": (None, "ask")}
            handed_in = http.post(HAND_IN, files=parts)
            assert handed_in.status_code == httpx.codes.SEE_OTHER, handed_in.text
            self.begun = [handed_in.headers["location"]]

    def _is_settled(self) -> bool:
        (row,) = self.sql(LEFT)
        return bool(row["jobs"] == 0 and row["submissions"] == 0)


@contextmanager
def running(processes: Processes) -> Iterator[Fleet]:
    """Start everything, wait for the sample's transcript, and yield it."""
    broken = processes.folder / "broken"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "failing.py").write_text(BROKEN)
    console = free_port()
    processes.environment |= {
        "RECEIVER_CONSOLE": f"127.0.0.1:{console}", "RECEIVER_CONSOLE_TOKEN": TOKEN,
        "RECEIVER_CONSOLE_READ_TOKEN": READ_TOKEN, "RECEIVER_HANDLERS": "handlers,broken",
        "TRANSCRIBE_WEBHOOK_SECRET": "",
    }  # fmt: skip
    del processes.environment["TRANSCRIBE_API_URL"]
    process = processes.start("up", "--sandbox", "--all", "--sandbox-port", str(free_port()))
    until(
        lambda: "timestamps done" in process.out.read_text() or process.popen.poll() is not None,
        "the sample is through",
    )
    found = re.search(r"^console (http\S+)", process.out.read_text(), re.MULTILINE)
    assert found, process.out.read_text() + process.log
    with attach(processes.folder / ".receiver", create=False) as database:
        yield Fleet(processes, process, console, found[1], database)
        assert process.end() == 0


def _apart(work: Callable[[], T]) -> T:
    """Do something in a thread: the loop of Playwright runs in this one, and asyncio has one loop in a thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
