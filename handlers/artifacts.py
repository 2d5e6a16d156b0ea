"""Store where the files of finished work lie: separated voices, enhanced audio, subtitles."""

from receiver import Context, Event, handler, query


@handler("transcription.completed", "translation.completed", "separation.completed", "enhancement.completed")
async def artifacts(event: Event, ctx: Context) -> None:
    """Replace the stored rows of the event's submission. Most transcriptions have no files."""
    found = await ctx.artifacts()
    if not found:
        return
    submission = event.data["submission"]
    about = [str(submission.get(name)) for name in ("id", "operation", "recording")]
    async with ctx.completing() as tx:
        await tx.execute(
            query("handlers/store_files"), *ctx.account, *about, [one.name for one in found],
            [one.content_type for one in found], [one.bytes for one in found], [one.sha256 for one in found],
            [one.place for one in found],
        )  # fmt: skip
    ctx.log.info("stored where the files of %s lie: %s", about[0], ", ".join(one.name for one in found))
