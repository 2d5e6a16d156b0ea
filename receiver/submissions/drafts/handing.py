"""The prices of a draft, and its way to the workers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import TypeAlias

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.providers.opening import open_client
from receiver.submissions import foreseen, ordering
from receiver.submissions.asking import Asked
from receiver.submissions.drafts.draft import Draft
from receiver.submissions.drafts.kept import Drafts

At: TypeAlias = tuple[Pool, str]  # the database, and its URL
TRIES, TRY_SECONDS = 10, 0.05
Showing: TypeAlias = Callable[[str, int, int], None]  # a recording, bytes of it that have arrived, all bytes of it


async def prices(drafts: Drafts, draft: Draft, at: At) -> Draft:
    """Return a draft with what each recording will cost, and what asks for the same. Nothing is started or charged.

    One that is submitted while the prices are asked for is returned as it is then.

    Raises:
        ImpossibleError: as for `Drafts.asked`, or the list has no price for the model, or it is submitted or gone.
        ProviderError: a price cannot be had.
    """
    db, url = at
    async with _with_files(drafts, draft.id):
        asked = await asyncio.to_thread(drafts.asked, draft)
        async with open_client(asked[0].source, asked[0].account, url) as client:
            found = [await foreseen.price_of(client, one) for one in asked]
        before = await _before(db, asked)
    return await asyncio.to_thread(drafts.keep_prices, draft.id, found, before)


@asynccontextmanager
async def _with_files(drafts: Drafts, draft_id: str) -> AsyncIterator[None]:
    """Take a file that is not there any more for what it is, and not for an outage."""
    try:
        yield
    except (OSError, ImpossibleError):
        await asyncio.to_thread(drafts.require_files, draft_id)
        raise


@asynccontextmanager
async def _held(drafts: Drafts, draft_id: str) -> AsyncIterator[None]:
    """Hold a draft. Whoever keeps its prices holds it for a moment only, so that moment is waited for."""
    with ExitStack() as stack:
        for left in reversed(range(TRIES)):
            try:
                stack.enter_context(drafts.held(draft_id))
                break
            except ImpossibleError as exc:
                if exc.code != "held" or not left:
                    raise
                await asyncio.sleep(TRY_SECONDS)
        yield


async def _before(db: Pool, asked: Sequence[Asked]) -> tuple[str, ...]:
    found = [await ordering.before(db, one) for one in asked]
    return tuple("" if one is None else one.id for one in found)


async def submit(drafts: Drafts, draft_id: str, at: At, *, again: bool, showing: Showing) -> Draft:
    """Hand the recordings of a draft to the workers, those that are not yet. Return it with their submissions.

    Args:
        drafts: where it lies.
        draft_id: its id.
        at: the database, and its URL.
        again: whether new submissions are wanted, although there are some that ask for the same.
        showing: called while a file is uploaded.

    Raises:
        ImpossibleError: as for `ordering.submit`, or `Drafts.asked`, or there is no such draft any more.
        ProviderError: as for `ordering.submit`. The same call goes on.
    """
    async with _held(drafts, draft_id):
        # Somebody can have submitted it before it was held. Whoever has wanted a new submission once, means that one.
        known = await asyncio.to_thread(drafts.known, draft_id)
        if known.is_submitted:
            return known
        if again and not known.again:
            known = await asyncio.to_thread(drafts.keep, known.model_copy(update={"again": True}))
        async with _with_files(drafts, draft_id):
            return await _submit(drafts, known, at, showing)


async def _submit(drafts: Drafts, known: Draft, at: At, showing: Showing) -> Draft:
    db, url = at
    asked = await asyncio.to_thread(drafts.asked, known)
    if not known.before:  # no price could be had
        known = known.model_copy(update={"before": await _before(db, asked)})
    async with open_client(asked[0].source, asked[0].account, url) as client:
        for one in asked[len(known.submitted) :]:
            sending = partial(showing, one.recording)
            found, _ = await ordering.submit(client, db, one, drafts.shelf, sending=sending)
            known = known.model_copy(update={"submitted": (*known.submitted, found.id)})
            await asyncio.to_thread(drafts.keep, known)
    return await asyncio.to_thread(drafts.end, known)
