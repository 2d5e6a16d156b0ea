"""The state of the simulated ThunderScribe: files, rate limits, and the work under way."""

import asyncio
import time
import uuid
from collections import Counter, defaultdict

from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import ThunderScribeKnobs
from receiver.sandbox.limit import Limit
from receiver.sandbox.refusals import RefusalError, token


class SimulatedThunderScribe:
    """The simulated provider.

    Attributes:
        files: every file, by its id; also those that came with a transcription.
        pieces: the ids of the files that arrive in pieces, by the file hash that the client repeats.
    """

    def __init__(self, ground: Ground, knobs: ThunderScribeKnobs) -> None:
        self.ground = ground
        self.knobs = knobs
        self.files: dict[str, SimulatedFile] = {}
        self.pieces: dict[str, str] = {}
        self._limits: defaultdict[str, Limit] = defaultdict(Limit)
        self._runs: Counter[tuple[str, str]] = Counter()

    def count(self, account: str) -> None:
        """Count a request of an account.

        Raises:
            RefusalError: 429: it is beyond the limit.
        """
        if self._limits[account].count(time.monotonic(), speed=self.ground.speed) is not None:
            raise surplus()

    def new_file(self, account: str) -> SimulatedFile:
        """Return a file that nothing has arrived of; it is not kept yet."""
        return SimulatedFile(str(uuid.UUID(bytes=self.ground.chance.randbytes(16), version=4)), account, "")

    def new_hash(self) -> str:
        """Return a file hash. It only names an upload; it is none of the content, which has not arrived yet."""
        return token(self.ground.chance, 32)

    def decodes(self, file: SimulatedFile) -> bool:
        """Return whether a file is a recording in a known format."""
        run = (file.owner, file.filename)
        self._runs[run] += 1
        name = file.filename.lower()
        return file.received > 0 and ("fail" not in name or ("fail-once" in name and self._runs[run] > 1))

    def start(self, file: SimulatedFile, account: str, seconds: float) -> asyncio.Event:
        """Start to transcribe a recording of `seconds`. Return what is set when it is done and billed."""
        done = asyncio.Event()
        self.ground.spawn(self._transcribe(file, account, seconds, done))
        return done

    async def _transcribe(self, file: SimulatedFile, account: str, seconds: float, done: asyncio.Event) -> None:
        if await self.ground.pause(seconds):
            return
        self.ground.bill(
            provider="thunderscribe", account=account, operation="transcription", work=file.id, amount=seconds,
            unit="seconds",
        )  # fmt: skip
        done.set()


def surplus() -> RefusalError:
    """Return the refusal of a request beyond the limit."""
    return RefusalError(429, "Rate limit exceeded", "Please wait before making another request")
