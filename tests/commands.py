"""`receiver` commands run in this process, and providers on real sockets for them to speak to."""

import asyncio
import itertools
import json
import logging
import os
import signal
import subprocess
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from click.testing import Result

from receiver.cli.process import run
from receiver.sandbox import Knobs, Sandbox, application
from receiver.sandbox.transcribe_so.uploads import Uploads
from receiver.server import bind, serve
from receiver.settings.environment import OURS, READ, SOURCES
from tests import inside
from tests.processes import WAIT_SECONDS, until
from tests.secrecy import Secrecy
from tests.servers import Quiet, quiet

KEY = "tsk_test_of_the_commands"
NO_KNOBS = Knobs()
LIST = "GET /api/v1/transcriptions?limit=200"


class Commands:
    """Runs commands with an environment of their own and without a database, unless one is named."""

    def __init__(self, folder: Path, api_url: str = "http://127.0.0.1:1", key: str = KEY, **environment: str) -> None:
        self.folder = folder
        self.key = key
        self.environment: dict[str, str | None] = {
            **{name: None for name in os.environ if name.startswith((*OURS, *SOURCES))},
            READ: "1",  # the folder that the tests are run from may hold somebody's `.env`
            "TRANSCRIBE_API_URL": api_url,
            "TRANSCRIBE_API_KEY": key,
            "RECEIVER_DATA_DIR": str(folder / "data"),
            **environment,
        }

    def run(self, *arguments: str | Path, stdin: str = "", **environment: str) -> Result:
        """Run a command to its end; no secret is in what it says, and no bug of ours."""
        ran = inside.run([str(one) for one in arguments], self.environment | environment, stdin)
        assert "a bug in receiver" not in ran.stderr, ran.stderr
        secrecy = Secrecy()
        secrecy.keep_settings({name: value for name, value in (self.environment | environment).items() if value})
        secrecy.hold(f"receiver {' '.join(map(str, arguments))}", ran.output)
        return ran

    def good(self, *arguments: str | Path, **environment: str) -> str:
        """Run a command that works; returns its stdout."""
        ran = self.run(*arguments, **environment)
        assert ran.exit_code == 0, ran.stderr
        return ran.stdout

    def read(self, *arguments: str | Path, **environment: str) -> Any:
        """Run a command that works, with --json; returns what it prints."""
        return json.loads(self.good(*arguments, "--json", **environment))


class Simulated:
    """The sandbox on a socket, in a thread; `http` asks it as the holder of `key`."""

    def __init__(self, *, speed: float = 600.0, knobs: Knobs = NO_KNOBS) -> None:
        self._speed, self._knobs = speed, knobs
        self._listener = bind("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.http = httpx.Client(base_url=self.url, timeout=WAIT_SECONDS)
        self._numbers = itertools.count()
        self.key = KEY
        self._earlier_requests = self._earlier_uploads = 0
        self._started = threading.Event()
        self._end: Callable[[], object] = lambda: None

    @contextmanager
    def running(self) -> Iterator["Simulated"]:
        quiet, nowhere = logging.getLogger("receiver.sandbox"), logging.NullHandler()
        quiet.addHandler(nowhere)
        quiet.propagate = False  # what it logs is no part of what a command says
        thread = threading.Thread(target=self._serve)
        thread.start()
        self._started.wait()
        self.begin_anew()
        try:
            yield self
        finally:
            self.http.close()
            self._end()
            thread.join()
            self._listener.close()
            quiet.propagate = True
            quiet.removeHandler(nowhere)

    def _serve(self) -> None:
        async def main() -> None:
            self.sandbox, stop = Sandbox(speed=self._speed, knobs=self._knobs), asyncio.Event()
            sandbox = self.sandbox
            # A busy machine has time to use an address.
            sandbox.transcribe_so.uploads = Uploads(speed=1, chance=sandbox.chance)
            sandbox.expiry_speed = 1

            def end() -> None:
                sandbox.stop()
                stop.set()

            self._end = partial(asyncio.get_running_loop().call_soon_threadsafe, end)
            self._started.set()
            await serve(application(sandbox), self._listener, stop)
            await sandbox.close()

        run(main())

    def begin_anew(self) -> "Simulated":
        """Go on with another key, as if nothing had been asked yet."""
        self.mend()
        self.key = f"{KEY}_{next(self._numbers)}"
        self.http.headers["Authorization"] = f"Bearer {self.key}"
        self._earlier_requests, self._earlier_uploads = len(self._list("requests")), len(self._list("uploads"))
        return self

    def _list(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"/sandbox/{name}").json()[name]
        return found

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        answer = self.http.get(f"/api/v1/{path}")
        assert answer.is_success, answer.text
        return answer.json()

    def submitted(self) -> list[dict[str, Any]]:
        """Return the transcriptions that were submitted, newest first, without quotes."""
        found: list[dict[str, Any]] = self.get("transcriptions?api_only=true&limit=200")["data"]
        return [one for one in found if one["status"] != "quoted"]

    def spent(self) -> float:
        """Return what has been charged."""
        left = self.get("me")
        return round(
            NO_KNOBS.wallet + 0.10 - float(left["wallet_balance_usd"]) - float(left["monthly_credit_remaining_usd"]), 4
        )

    def made(self, url: str) -> int:
        """Have a recording transcribed; returns its id once that has ended."""
        answer = self.http.post("/api/v1/transcriptions", json={"source": "external_url", "url": url})
        number: int = answer.json()["id"]
        until(lambda: self.get(f"transcriptions/{number}")["status"] != "processing", "the transcription has ended")
        return number

    def uploads(self) -> list[dict[str, Any]]:
        """Return what was uploaded."""
        return self._list("uploads")[self._earlier_uploads :]

    def asked(self, ending: str = "") -> list[str]:
        """Return the requests to the API so far, as `METHOD path`, of those whose path ends so."""
        requests = self._list("requests")[self._earlier_requests :]
        return [f"{one['method']} {one['path']}" for one in requests if one["path"].endswith(ending)]

    def plan(self, **fault: object) -> None:
        """Plan a fault."""
        answer = self.http.post("/sandbox/faults", json=fault)
        assert answer.status_code == 201, answer.text

    def mend(self) -> None:
        """Plan no fault any more."""
        self.http.delete("/sandbox/faults")


@dataclass(frozen=True, slots=True)
class Request:
    """What a `Scripted` provider was asked; `key` is the Idempotency-Key, `signature` that of a delivery."""

    line: str
    key: str | None
    body: bytes
    signature: str | None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Scripted:
    """A provider that gives prepared answers, for what the sandbox never says.

    `answers` holds, for each `METHOD path`, a list of (status, body); the last one is repeated. Where none is prepared
    for it, the list of transcriptions is empty, and not counted as asked for.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = {}
        self.requests: list[Request] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Scripted"]:
        scripted = self

        class Handler(Quiet):
            def answer(self) -> None:
                body = self.body()
                line = f"{self.command} {self.path}"
                if line == LIST and line not in scripted.answers:
                    self.say(200, b'{"data": []}')
                    return
                key, signature = (self.headers.get(name) for name in ("Idempotency-Key", "X-Transcribe-Signature"))
                scripted.requests.append(Request(line, key, body, signature))
                prepared = scripted.answers[line]
                status, said = prepared.pop(0) if len(prepared) > 1 else prepared[0]
                self.say(status, json.dumps(said).encode())

        with quiet(Handler) as self.url:
            yield self

    def asked(self, line: str) -> list[Request]:
        """Return the requests of this `METHOD path`."""
        return [one for one in self.requests if one.line == line]


def error(code: str, message: str, **more: object) -> dict[str, Any]:
    """Return the provider's envelope."""
    return {"error": {"code": code, "message": message, "request_id": "req_1", "doc_url": "https://x.test/", **more}}


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let processes that are started meanwhile heed SIGINT, also where a shell started us in the background without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def press_ctrl_c(process: subprocess.Popen[bytes], press: Callable[[], object]) -> int:
    """Interrupt a question as a person does, who presses again if nothing comes of it; returns the exit status.

    Python loses an interruption that comes between its question and the reading of an answer.
    """
    for _ in range(int(WAIT_SECONDS / 5)):
        press()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(5)
    raise AssertionError(f"Ctrl-C ended nothing in {WAIT_SECONDS:g} s")


def wav(path: Path, seconds: float = 1.0) -> Path:
    """Write silence that plays so long, and return its path."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", "not compressed"))
        file.writeframes(b"\x80" * int(8000 * seconds))
    return path


def sparse(path: Path, size: int) -> Path:
    """Make a file of so many bytes that takes no room, and return its path."""
    with path.open("wb") as file:
        file.truncate(size)
    return path
