"""Without a database: from a recording to its text.

    noted ─▶ following.begin ─▶ submit ─▶ the caller is told ─▶ until_ended ─▶ the text, if it has completed ─▶ end

What could announce the end is noted before the submission, so that no delivery is too early to be found. The notes stay
until somebody has seen the answer, so that whoever missed it asks again and does not pay again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from receiver.database import Pool
from receiver.providers import TranscribeSo, content
from receiver.providers.archive import Archive
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions import following, progress
from receiver.submissions.alone import LoneOrder, Uploaded, submit
from receiver.submissions.following import SERVICE, Pauses, Progressed
from receiver.submissions.progress import Notebook


@contextmanager
def noted(configured: Settings, order: LoneOrder) -> Iterator[Notebook]:
    """Yield the notes on an order's recording, for `transcribe` and then `end`. No other run has them meanwhile.

    Raises:
        BusyError: another run is transcribing the recording.
        ImpossibleError: no key is set, or the data folder cannot be used.
    """
    with progress.opened(configured.data_dir, configured.account(), order.about) as notes:
        yield notes


def end(notes: Notebook, reached: TranscriptionStatus, *, is_seen: bool, waited: bool) -> None:
    """End what `transcribe` has begun, after its answer was shown.

    Args:
        notes: the notes. They are removed if the answer `is_seen`; otherwise the same order finds it again.
        reached: the last status.
        is_seen: whether somebody has seen the answer, as far as we can know.
        waited: whether the end was waited for.

    Raises:
        ImpossibleError: it was waited for, and did not complete.
    """
    if is_seen:
        notes.forget()
    if waited:
        content.require_completed(reached)


async def transcribe(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, order: LoneOrder, notes: Notebook,
    *, wait: bool, uploaded: Uploaded, submitted: Progressed, progressed: Progressed | None = None,
    pauses: Pauses = SERVICE,
) -> tuple[TranscriptionStatus, str]:  # fmt: skip
    """Submit a recording, which is charged, and with `wait` follow it. Return its last status, and its text.

    The text is empty unless the transcription was waited for and has completed.

    Args:
        provider: the provider's client.
        db: the database, if there is one.
        configured: the settings.
        order: the recording, and the terms.
        notes: the notes of earlier runs, from `noted`.
        wait: whether to wait for the end.
        uploaded: called with the bytes of the file that have arrived, and with all bytes of the file.
        submitted: called with the answer to the submission.
        progressed: called with each status before the end; None if nobody watches.
        pauses: between two questions, and after an outage.

    Raises:
        ImpossibleError: nothing was sent or charged, and never will be on these terms.
        ProviderError: see `submit`; or the text of a completed transcription cannot be had.
    """
    followed = await following.begin(provider, db, configured, pauses=pauses) if wait else None
    status = await submit(provider, order, notes, uploaded=uploaded)
    submitted(status)
    if followed is None:
        return status, ""
    ended = await followed.until_ended(status.id, progressed=progressed)
    return ended, await content.text(Archive(provider, db), ended)
