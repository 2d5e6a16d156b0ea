"""The state of the simulated Timbr: files, tasks, credits, rate limits."""

import time
from collections import Counter
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from typing import Literal

from receiver.sandbox.assets import Assets
from receiver.sandbox.chance import new_uuid
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import TimbrKnobs
from receiver.sandbox.limit import Limits
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.samples import Runs, Sample
from receiver.sandbox.timbr import outputs
from receiver.sandbox.timbr.orders import Order
from receiver.sandbox.timbr.outputs import Output
from receiver.sandbox.timbr.tokens import Tokens

PROVIDER = "timbr"
CREDIT = 1_000_000
FILE_SECONDS = 24 * 3600
WAITING_SECONDS = 5
SHARE = 0.2  # of a recording's length: how long a task works on it

State = Literal["waiting", "working", "done", "failed"]
WORDS: dict[str, dict[State, str]] = {
    "completed": {"waiting": "pending", "working": "processing", "done": "completed", "failed": "failed"},
    "done": {"waiting": "waiting", "working": "running", "done": "done", "failed": "error"},
    "SUCCESS": {"waiting": "PENDING", "working": "STARTED", "done": "SUCCESS", "failed": "FAILURE"},
}


@dataclass(slots=True)
class TimbrFile(SimulatedFile):
    """A file that was uploaded; `expires` is a time of the clock on the wall."""

    _: KW_ONLY
    content_type: str = "application/octet-stream"
    expires: float = 0.0

    @property
    def is_srt(self) -> bool:
        """Whether it has subtitles."""
        return self.filename.lower().endswith(".srt") or self.content_type in ("application/x-subrip", "text/srt")


@dataclass(slots=True)
class Task:
    """A task. `made` are its files, by their ids; times are as the provider writes them, empty before they come."""

    id: str
    file: TimbrFile
    order: Order
    spoken: Sample
    state: State
    created_at: str
    updated_at: str
    started_at: str = ""
    error: str = ""
    made: dict[str, Output] = field(default_factory=dict)

    def move(self, state: State) -> None:
        """Go on to another state."""
        self.state, self.updated_at = state, stamp(time.time())


class SimulatedTimbr:
    """The simulated provider.

    Attributes:
        files: every file, by its id.
        tasks: every task, by its id.
    """

    def __init__(self, ground: Ground, assets: Assets, knobs: TimbrKnobs) -> None:
        self.ground = ground
        self.assets = assets
        self.knobs = knobs
        self.tokens = Tokens(ground, knobs)
        self.files: dict[str, TimbrFile] = {}
        self.tasks: dict[str, Task] = {}
        self.limits = Limits(speed=ground.speed)
        self._taken: Counter[str] = Counter()
        self._runs = Runs()

    def credit(self, account: str) -> int:
        """Return how many credits an account has left."""
        return CREDIT - self._taken[account]

    def new_file(self, account: str) -> TimbrFile:
        """Return a file that nothing has arrived of; it is not kept yet."""
        return TimbrFile(new_uuid(self.ground.chance), account, "", expires=self.ground.deadline(FILE_SECONDS))

    def file(self, account: str, file_id: str) -> TimbrFile:
        """Return a file of an account.

        Raises:
            RefusalError: 404: there is none, or it has expired.
        """
        found = self.files.get(file_id)
        if found is None or found.owner != account or found.expires < time.time():
            raise RefusalError(404, "file_not_found", "There is no such file, or it has expired")
        return found

    def task(self, account: str, task_id: str) -> Task:
        """Return a task of an account.

        Raises:
            RefusalError: 404: there is none.
        """
        found = self.tasks.get(task_id)
        if found is None or found.file.owner != account:
            raise RefusalError(404, "task_not_found", "There is no such task")
        return found

    def start(self, file: TimbrFile, order: Order) -> Task:
        """Start a task.

        Raises:
            RefusalError: 402: the account has too few credits.
        """
        spoken = outputs.recording(file.filename)
        if self.credit(file.owner) < spoken.seconds:
            raise RefusalError(402, "insufficient_credit", "There is not enough credit")
        now = stamp(time.time())
        task = Task(new_uuid(self.ground.chance), file, order, spoken, "waiting", created_at=now, updated_at=now)
        self.tasks[task.id] = task
        self._taken[file.owner] += int(spoken.seconds)
        self.ground.spawn(self._work(task))
        return task

    async def _work(self, task: Task) -> None:
        if await self.ground.pause(WAITING_SECONDS):
            return
        task.move("working")
        task.started_at = task.updated_at
        if await self.ground.pause(task.spoken.seconds * SHARE):
            return
        if self._fails(task):
            self._taken[task.file.owner] -= int(task.spoken.seconds)
            task.error = "The file could not be decoded"
            task.move("failed")
            return
        task.made = {
            self.assets.add(PROVIDER, output.make): output for output in outputs.outputs(task.spoken, task.order)
        }
        task.move("done")
        self.ground.bill(
            provider=PROVIDER, account=task.file.owner, operation=task.order.operation, work=task.id,
            amount=float(task.spoken.seconds), unit="credits",
        )  # fmt: skip

    def _fails(self, task: Task) -> bool:
        """Return whether a task cannot be done. Subtitles may be empty, a recording may not."""
        file = task.file
        return self._runs.fails(file.owner, file.filename) or not (file.received or file.is_srt)


def stamp(moment: float) -> str:
    """Return a time, in seconds, as the provider writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
