"""What `up --sandbox` sends through everything: samples, to the simulated providers."""

import secrets
import tempfile
import wave
from pathlib import Path

from receiver.cli.up.simulation import SIMULATED
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderError
from receiver.logs import say
from receiver.providers import SOURCES, Recording, Source, TranscribeSo
from receiver.providers.opening import open_client
from receiver.settings import Account, Settings
from receiver.submissions import asking, ordering
from receiver.submissions.asking import Terms, Work
from receiver.submissions.shelf import open_shelf

VIDEO = "https://youtu.be/dQw4w9WgXcQ"
PIPELINE = "qwen3-asr-flash-filetrans"
AUDIO = "https://media.example.com/sample.mp3"  # the sandbox does not fetch it
SECONDS, RATE = 60, 8000
# What a sample says for options that an operation requires.
REQUIRED = {"language": "en", "source_language": "en", "target_language": "de"}


async def transcribe(account: Account, url: str) -> int | None:
    """Submit a video to transcribe.so, and print that. Return its transcription's id; None if that failed."""
    try:
        async with open_client(TranscribeSo, account, url) as provider:
            sample = await provider.transcribe(
                Recording(source="youtube", url=VIDEO, pipeline_code=PIPELINE), idempotency_key=_key()
            )
    except ProviderError as exc:
        say(f"sample could not be submitted{_to(account)}: {exc}")
        return None
    say(f"sample submitted as transcription {sample.id}{_to(account)}")
    return sample.id


async def submit_to_others(configured: Settings, url: str, db: Pool) -> None:
    """Submit a sample to each other simulated provider that this version can ask, and print that."""
    with tempfile.TemporaryDirectory() as folder:
        recording = _recording(Path(folder))
        for source in SOURCES:
            if source.operations and source.variables in SIMULATED:
                await _submit(source, recording, configured, url, db)


async def _submit(source: type[Source], recording: Path, configured: Settings, url: str, db: Pool) -> None:
    """Submit a sample under a new key: each start makes its own submission."""
    try:
        account, operation = configured.account_of(source.name, "default"), asking.operation_of(source, None)
        fields = source.operations[operation].model_fields
        given = {name: REQUIRED.get(name, "sample") for name, field in fields.items() if field.is_required()}
        what = Work(operation, asking.options_of(source, operation, given))
        typed = str(recording) if "file" in source.takes else AUDIO
        asked = asking.read(source, account, what, typed, Terms(idempotency_key=_key()))
        async with open_client(source, account, url) as client:
            found, _ = await ordering.submit(client, db, asked, open_shelf(configured))
    except (ImpossibleError, ProviderError) as exc:
        say(f"sample could not be submitted to {source.name}: {exc}")
    else:
        say(f"sample submitted as {found.id} to {source.name} ({operation}); it ends in about a minute")


def _recording(folder: Path) -> Path:
    """Return a recording of a minute in which nobody speaks. The sandbox hears somebody all the same."""
    path = folder / "sample.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(bytes([128]) * RATE * SECONDS)
    return path


def _key() -> str:
    return f"sample-{secrets.token_hex(8)}"


def _to(account: Account) -> str:
    return "" if account.is_default else f" of the account {account.name}"
