"""The sandbox: the simulated providers on their common ground."""

from collections.abc import Iterator

from receiver.sandbox.assets import Assets
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.fishaudio.state import SimulatedFishAudio
from receiver.sandbox.ground import Ground
from receiver.sandbox.knobs import DEFAULT, Knobs
from receiver.sandbox.thunderscribe.state import SimulatedThunderScribe
from receiver.sandbox.timbr.state import SimulatedTimbr
from receiver.sandbox.timbr_audio.state import SimulatedTimbrAudio
from receiver.sandbox.transcribe_so.state import SimulatedTranscribeSo


class Sandbox(Ground):
    """The simulated providers.

    Args:
        speed: how many times faster than at a provider time runs.
        knobs: the behaviour where a provider's documentation is silent.
        seed: makes ids, secrets and durations the same in every run. Without a seed they are unpredictable.
    """

    def __init__(self, *, speed: float = 60.0, knobs: Knobs = DEFAULT, seed: int | None = None) -> None:
        super().__init__(speed=speed, seed=seed)
        self.assets = Assets(self)
        self.transcribe_so = SimulatedTranscribeSo(self, knobs)
        self.timbr = SimulatedTimbr(self, self.assets, knobs.timbr)
        self.thunderscribe = SimulatedThunderScribe(self, knobs.thunderscribe)
        self.fishaudio = SimulatedFishAudio(self, knobs.fishaudio)
        self.timbr_audio = SimulatedTimbrAudio(self, knobs.timbr_audio)

    def files(self) -> Iterator[SimulatedFile]:
        """Yield every file that was sent to a provider."""
        yield from self.transcribe_so.uploads.by_id.values()
        yield from self.thunderscribe.files.values()
        yield from self.timbr.files.values()
        yield from self.timbr_audio.files.values()

    async def close(self) -> None:
        """Stop all work and all deliveries."""
        await super().close()
        await self.transcribe_so.close()
