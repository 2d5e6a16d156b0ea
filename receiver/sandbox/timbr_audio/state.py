"""The state of the simulated Timbr audio API: files, jobs, credits, and the work under way."""

import time
from collections import defaultdict
from datetime import UTC, datetime

from receiver.sandbox import samples
from receiver.sandbox.chance import new_uuid
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import TimbrAudioKnobs
from receiver.sandbox.limit import Limits
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.samples import Runs
from receiver.sandbox.timbr_audio.jobs import SimulatedJob
from receiver.sandbox.timbr_audio.orders import Order
from receiver.sandbox.timbr_audio.storage import Storage

OPERATIONS = {"separate": "separation", "enhance": "enhancement", "diarize": "diarization"}


class SimulatedTimbrAudio:
    """The simulated provider.

    Attributes:
        files: every file that was announced, by its id.
        jobs: every job by its id, the newest last.
        credits: what each account has left; what is reserved is taken already.
    """

    def __init__(self, ground: Ground, knobs: TimbrAudioKnobs) -> None:
        self.ground = ground
        self.knobs = knobs
        self.storage = Storage(ground)
        self.limits = Limits(speed=ground.speed)
        self.files: dict[str, SimulatedFile] = {}
        self.jobs: dict[str, SimulatedJob] = {}
        self.credits: defaultdict[str, float] = defaultdict(lambda: knobs.credits)
        self._confirmed: set[str] = set()
        self._runs = Runs()

    def announce(self, account: str, name: str) -> SimulatedFile:
        """Return a file that nothing has arrived of."""
        file = SimulatedFile(new_uuid(self.ground.chance), account, name)
        self.files[file.id] = file
        return file

    def confirm(self, file: SimulatedFile) -> None:
        """Learn that a file has arrived, as late as the knob says."""
        if not self.knobs.confirm:
            self._confirmed.add(file.id)
            return
        self.ground.work(self.knobs.confirm, lambda: self._confirmed.add(file.id))

    def find_file(self, account: str, file_id: str) -> SimulatedFile:
        """Return a file of an account.

        Raises:
            RefusalError: 404: the account has none with this id, or it has not arrived, or that is not known yet.
        """
        file = self.files.get(file_id)
        if file is None or file.owner != account or file.id not in self._confirmed:
            raise RefusalError(404, "file_not_found", "File not found")
        return file

    def start(self, account: str, order: Order, file: SimulatedFile) -> SimulatedJob:
        """Create a job, and reserve what it costs.

        Raises:
            RefusalError: 402: the account has not enough credits.
        """
        job = SimulatedJob(
            new_uuid(self.ground.chance), account, order, samples.named(file.filename), datetime.now(UTC),
            time.monotonic(),
        )  # fmt: skip
        if self.credits[account] < job.cost:
            raise RefusalError(402, "insufficient_credits", "Insufficient credits")
        self.credits[account] -= job.cost
        self.jobs[job.id] = job
        fails = self._runs.fails(account, file.filename) or not file.received

        def end() -> None:
            job.ended = datetime.now(UTC)
            if fails:
                job.error = "The file is not a recording."
                self.credits[account] += job.cost
                return
            self.ground.bill(
                provider="timbr-audio", account=account, operation=OPERATIONS[order.operation], work=job.id,
                amount=job.cost, unit="credits",
            )  # fmt: skip

        self.ground.work(job.lasts, end)
        return job

    def elapsed(self, job: SimulatedJob) -> float:
        """Return how many seconds of the provider's time ago a job was created."""
        return (time.monotonic() - job.began) * self.ground.speed
