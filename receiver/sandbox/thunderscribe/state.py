"""The state of the simulated ThunderScribe: files, rate limits, and the work under way."""

import asyncio

from receiver.sandbox.chance import new_uuid, token
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import ThunderScribeKnobs
from receiver.sandbox.limit import Limits
from receiver.sandbox.samples import Runs


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
        self.limits = Limits(speed=ground.speed)
        self._runs = Runs()

    def new_file(self, account: str) -> SimulatedFile:
        """Return a file that nothing has arrived of; it is not kept yet."""
        return SimulatedFile(new_uuid(self.ground.chance), account, "")

    def new_hash(self) -> str:
        """Return a file hash. It only names an upload; it is none of the content, which has not arrived yet."""
        return token(self.ground.chance, 32)

    def decodes(self, file: SimulatedFile) -> bool:
        """Return whether a file is a recording in a known format."""
        return not self._runs.fails(file.owner, file.filename) and file.received > 0

    def start(self, file: SimulatedFile, account: str, seconds: float) -> asyncio.Event:
        """Start to transcribe a recording of `seconds`. Return what is set when it is done and billed."""

        def bill() -> None:
            self.ground.bill(
                provider="thunderscribe", account=account, operation="transcription", work=file.id, amount=seconds,
                unit="seconds",
            )  # fmt: skip

        return self.ground.work(seconds, bill)
