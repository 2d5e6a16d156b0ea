"""Submissions to all simulated providers at once, by real workers; what the providers billed is the judge.

commands ──▶ database ◀── workers ──▶ gateway ──▶ simulated providers
                                        └ spoils        └ ledger
"""

import wave
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receiver import signature
from receiver.sandbox import Knobs, ThunderScribeKnobs
from tests.commands import Commands, Simulated
from tests.faults.gateway import Gateway
from tests.processes import Process, Processes, until

SPEED = 60_000.0
WALLET = 1e6
SECONDS = 3600  # every simulated recording lasts so long, and only what fits can be found again
OPEN = ("intended", "uploaded", "sent", "accepted", "ended")
LOOK_NOW = "update receiver.submissions set look_at = now() where state = 'accepted' and look_at > now()"
# As a replay does: an account without a key or turns has what is live wait.
RUN_NOW = """
    update receiver.jobs set due_at = now(), is_replay = true
    where handler = 'submissions' and state = 'pending' and due_at > now()
"""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a source is asked.

    Attributes:
        prefix: of its variables.
        place: where the sandbox simulates it.
        pays: the pattern of the path of the request that is paid for.
        finds: whether it lists its works, so that a lost one is found.
        repeats: whether it repeats a lost answer to the same key.
        operation: what it does; None is its first.
    """

    source: str
    prefix: str
    place: str
    pays: str
    options: tuple[str, ...] = ()
    finds: bool = False
    repeats: bool = False
    operation: str | None = None

    @property
    def key(self) -> str:
        return f"tsk_test_of_7301_{self.prefix.lower()}"  # transcribe.so knows its keys by their beginning

    @property
    def arguments(self) -> tuple[str, ...]:
        operation = () if self.operation is None else ("--operation", self.operation)
        return ("--provider", self.source, *operation, *(part for one in self.options for part in ("-o", one)))


THUNDERSCRIBE = Asking(
    "thunderscribe", "THUNDERSCRIBE", "/thunderscribe", "*/v3/audio/transcriptions", ("language=en",)
)
OPENAI = Asking("openai", "OPENAI", "/thunderscribe/api", "*/v1/audio/transcriptions", ("language=en",))
FISHAUDIO = Asking("fishaudio", "FISHAUDIO", "/fishaudio", "*/speech-to-text")
TIMBR = Asking("timbr", "TIMBR", "/timbr", "*/v1/transcription/")
TIMBR_AUDIO = Asking("timbr-audio", "TIMBR_AUDIO", "/timbr-audio", "*/v1/audio/separate", finds=True)
EVERY = (THUNDERSCRIBE, OPENAI, FISHAUDIO, TIMBR, TIMBR_AUDIO)
TRANSCRIBE = Asking("transcribe.so", "TRANSCRIBE", "", "*/api/v1/transcriptions", repeats=True)


class Office:
    """A database, the providers behind their gateway, commands and workers."""

    def __init__(self, processes: Processes, database: str, provider: Simulated, gateway: Gateway) -> None:
        self.processes, self.provider, self.gateway = processes, provider, gateway
        self.settings = {"DATABASE_URL": database}
        for asking in (*EVERY, TRANSCRIBE):
            self.settings |= {
                f"{asking.prefix}_API_URL": f"{gateway.url}{asking.place}",
                f"{asking.prefix}_API_KEY": asking.key,
                f"{asking.prefix}_REQUESTS_A_MINUTE": "6000",
            }
        processes.environment |= self.settings
        folder = str(processes.folder / ".receiver")
        self.commands = Commands(processes.folder, **self.settings, RECEIVER_DATA_DIR=folder)

    @contextmanager
    def elsewhere(self) -> Iterator["Office"]:
        """Yield the same office on another machine: with folders of its own."""
        folder = self.processes.folder / "elsewhere"
        folder.mkdir()
        with Processes(folder) as processes:
            yield Office(processes, self.settings["DATABASE_URL"], self.provider, self.gateway)

    def work(self, **environment: str) -> Process:
        """Start a worker, and wait until it works."""
        worker = self.processes.start("work", **environment)
        worker.until_logged("working with")
        return worker

    def recording(self, name: str, seconds: float = SECONDS, rate: int = 100) -> Path:
        """Write a recording with a content of its own, unless it is there."""
        path = self.processes.folder / f"{name}.wav"
        if not path.exists():
            with wave.open(str(path), "wb") as file:
                file.setparams((1, 1, rate, 0, "NONE", "not compressed"))
                file.writeframes(name.encode().ljust(64, b"\x80") + b"\x80" * int(rate * seconds - 64))
        return path

    def handed_in(self, asking: Asking, name: str) -> str:
        """Return what is typed for a recording: an address for who fetches it, else a file."""
        return f"https://media.test/{name}.mp3" if asking.source == FISHAUDIO.source else str(self.recording(name))

    def submit(self, asking: Asking, name: str, *more: str) -> str:
        """Submit a recording; returns the submission's id."""
        return self.commands.good("submit", self.handed_in(asking, name), *asking.arguments, *more).strip()

    def rows(self) -> Mapping[str, Any]:
        """Return every submission, by its id."""
        return {row["id"]: row for row in self.processes.sql("select * from receiver.submissions")}

    def hurry(self) -> None:
        """Let everything that waits for its time go on now."""
        self.hurry_looks()
        self.processes.sql(RUN_NOW)

    def hurry_looks(self) -> None:
        """Let the provider be asked now."""
        self.processes.sql(LOOK_NOW)

    def rested(self, submitted: Iterable[str], *, seconds: float = 60.0) -> Mapping[str, Any]:
        """Hurry until nothing more happens to these by itself; returns them."""
        wanted = set(submitted)

        def rest() -> Sequence[Mapping[str, Any]]:
            self.hurry()
            if self._unfinished():  # asked first: what ends meanwhile is seen as it is then
                return ()
            found = {one: row for one, row in self.rows().items() if one in wanted}
            return () if any(row["state"] in OPEN for row in found.values()) else (found,)

        found: Mapping[str, Any]
        (found,) = until(rest, "nothing more happens by itself", seconds)
        return found

    def _unfinished(self) -> int:
        sql = "select 1 from receiver.jobs where handler = 'submissions' and state in ('pending', 'running')"
        return len(self.processes.sql(sql))

    def charges(self) -> Counter[str]:
        """Return how often each source has billed something, by the ledger."""
        sources = {signature.fingerprint(asking.key.encode()): asking.source for asking in (*EVERY, TRANSCRIBE)}
        return Counter(sources[one["account"]] for one in self.provider.http.get("/sandbox/charges").json())


@contextmanager
def opened(processes: Processes, database: str) -> Iterator[Office]:
    """Yield an office on a migrated database."""
    knobs = Knobs(wallet=WALLET, thunderscribe=ThunderScribeKnobs(paths="both"))
    with Simulated(speed=SPEED, knobs=knobs).running() as provider, Gateway(provider.url).running() as gateway:
        yield Office(processes, database, provider, gateway)


# --- lost answers ----------------------------------------------------------------------------------------------------

UNKNOWN, DONE = "unknown", "done"
# What the sandbox spoils; the gateway spoils the others.
OF_SANDBOX = ("500", "429", "slow", "malformed", "html", "truncated", "huge", "redirect", "hang")
COSTS_NOTHING = ("early 401", "429", "slow")


def expected(asking: Asking, fault: str) -> set[tuple[str, int]]:
    """Return the states in which a submission may rest after a fault, with how often it is billed."""
    if fault in COSTS_NOTHING:
        return {(DONE, 1)}
    if fault == "reset in the body":  # nobody knows whether the provider has begun, unless a part was not given away
        return {(DONE, 1), (UNKNOWN, 0)}
    if fault == "500":  # it is not carried out, but who knows
        return {(UNKNOWN, 0)}
    return {(DONE if asking.finds else UNKNOWN, 1)}


def spoil(office: Office, asking: Asking, fault: Any) -> None:
    """Plan a fault for the next request of a source that is paid for."""
    if fault in OF_SANDBOX:
        office.provider.plan(endpoint=asking.pays.removeprefix("*"), kind=fault, seconds=1)
    else:
        office.gateway.plan(asking.pays, fault, times=1)


def through(office: Office, fault: str, *, seconds: float = 60.0) -> None:
    """Spoil one request that is paid for at every source, and judge what becomes of it."""
    before = office.charges()
    submitted = dict[str, Asking]()
    for asking in EVERY:
        spoil(office, asking, fault)
        submitted[office.submit(asking, f"{fault} {asking.source}")] = asking
    found = office.rested(submitted, seconds=seconds)
    billed = office.charges() - before
    outcome = {asking.source: (found[one]["state"], billed[asking.source]) for one, asking in submitted.items()}
    said = {submitted[one].source: row["error"] for one, row in found.items()}
    assert all(outcome[asking.source] in expected(asking, fault) for asking in EVERY), f"{outcome} {said}"
