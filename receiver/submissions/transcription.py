"""From a recording to its text: submit it, and follow it to its end.

    following.begin ─▶ submit ─▶ the caller is told ─▶ until_ended ─▶ the text, if it has completed

What could announce the end is noted before the submission, so that no delivery is too early to be found.
"""

from receiver.database import Pool
from receiver.providers import TranscribeSo, content
from receiver.providers.archive import Archive
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions import following
from receiver.submissions.following import SERVICE, Pauses, Progressed
from receiver.submissions.progress import Notebook
from receiver.submissions.submit import Order, Uploaded, submit


async def transcribe(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, order: Order, notes: Notebook,
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
        notes: the notes of earlier runs. The caller removes them once somebody has seen the answer: until then the same
            order must not be paid for again.
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
