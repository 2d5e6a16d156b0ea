"""One handler."""

from receiver import Context, Event, handler


@handler("transcription.completed")
async def crm(event: Event, ctx: Context) -> None:
    """Do nothing."""
