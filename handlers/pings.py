"""Log that a test event came through."""

from receiver import Context, Event, handler


@handler("webhook.test")
async def pings(event: Event, ctx: Context) -> None:
    """Log one line."""
    ctx.log.info("test event %s came through the whole path", event.id)
