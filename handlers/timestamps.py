"""Store paste-ready chapter timestamps in the formats of `RECEIVER_TIMESTAMPS`."""

from receiver import Context, Event, NotReady, Timestamps, handler, query

STYLE = "balanced"


@handler("transcription.completed", timeout=120, sources=("transcribe.so",), needs="RECEIVER_TIMESTAMPS")
async def timestamps(event: Event, ctx: Context) -> None:
    """Fetch and store each format. If the usual style was never made, use another one that is free."""
    formats = (ctx.setting("RECEIVER_TIMESTAMPS") or "").split(",")
    fetched = [await _fetch(ctx, name) for name in formats]
    async with ctx.completing() as tx:
        for stamps in fetched:
            await tx.execute(
                query("handlers/store_timestamps"), event.source, ctx.account.api_url, event.transcription.id,
                stamps.format, event.transcription.completed_at or "", stamps.style, stamps.text, list(stamps.warnings),
                stamps.ok_to_paste,
            )  # fmt: skip
    unfit = [stamps.format for stamps in fetched if not stamps.ok_to_paste]
    if unfit:
        ctx.log.warning("not fit to paste as they are: %s", ", ".join(unfit))


async def _fetch(ctx: Context, name: str) -> Timestamps:
    """Fetch the usual style, or else one that exists. Never fetch a style that would be charged."""
    try:
        return await ctx.timestamps(name, style=STYLE)
    except NotReady as exc:
        if not exc.available_styles:
            raise
        return await ctx.timestamps(name, style=exc.available_styles[0])
