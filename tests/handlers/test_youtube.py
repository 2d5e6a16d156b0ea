"""The README's handler for YouTube, against a server that behaves as YouTube documents it."""

import dataclasses
from collections.abc import Iterator

import httpx
import pytest

from receiver import GiveUp, Postpone
from receiver.testing import Scratch
from tests.handlers.videos import Redirected, Videos
from tests.servers import serving
from tests.test_readme import YOUTUBE, handler_in

VIDEO = "dQw4w9WgXcQ"
TITLE = f"Episode 9 [{VIDEO}].mp3"
SNIPPET = {
    "title": "Episode 9", "categoryId": "22", "tags": ["talk"], "defaultLanguage": "en", "channelId": "UC1",
    "description": "About it.\n\n[chapters]\nold\n[/chapters]\n\nSubscribe!",
}  # fmt: skip


@pytest.fixture
def videos(monkeypatch: pytest.MonkeyPatch) -> Iterator[Videos]:
    with serving(Videos()) as server:
        server.snippets[VIDEO] = dict(SNIPPET)
        for name, value in (("ID", "client"), ("SECRET", "secret")):
            monkeypatch.setenv(f"YOUTUBE_CLIENT_{name}", value)
        monkeypatch.setenv("YOUTUBE_REFRESH_TOKEN", server.refresh_token)
        yield server


async def run(scratch: Scratch, videos: Videos, *, title: str | None = TITLE) -> str:
    """Run the handler on an event; return the chapters that it could write."""
    youtube_description = handler_in(YOUTUBE, "youtube_description")
    event, ctx = await scratch.claim(youtube_description, title=title)
    async with httpx.AsyncClient(transport=Redirected(videos)) as http:
        await youtube_description(event, dataclasses.replace(ctx, http=http))
    return (await ctx.timestamps("youtube")).text


async def test_only_what_stands_between_the_markers_is_replaced(receiver_scratch: Scratch, videos: Videos) -> None:
    chapters = await run(receiver_scratch, videos)
    assert chapters.startswith("0:00 ")
    written = f"About it.\n\n[chapters]\n{chapters}\n[/chapters]\n\nSubscribe!"
    assert videos.snippets[VIDEO] == SNIPPET | {"description": written}


async def test_it_can_run_again(receiver_scratch: Scratch, videos: Videos) -> None:
    await run(receiver_scratch, videos)
    once = videos.snippets[VIDEO]
    await run(receiver_scratch, videos)
    assert videos.snippets[VIDEO] == once


@pytest.mark.parametrize("left", [0, 20], ids=["before the video is read", "before it is written"])
async def test_where_the_quota_is_used_up_it_is_postponed(receiver_scratch: Scratch, videos: Videos, left: int) -> None:
    videos.quota = left
    with pytest.raises(Postpone, match="quota"):
        await run(receiver_scratch, videos)
    assert videos.snippets[VIDEO] == SNIPPET


@pytest.mark.parametrize(("description", "said"), [
    ("About it.", "has no"), ("About it. [chapters]", "has no"), ("[/chapters] [chapters]", "has no"),
    ("<b> [chapters][/chapters]", "invalidDescription"), (None, "YouTube has no video"),
])  # fmt: skip
async def test_what_can_never_be_done_is_given_up(
    receiver_scratch: Scratch, videos: Videos, description: str | None, said: str
) -> None:
    videos.snippets = {} if description is None else {VIDEO: SNIPPET | {"description": description}}
    before = dict(videos.snippets)
    with pytest.raises(GiveUp, match=said):
        await run(receiver_scratch, videos)
    assert videos.snippets == before


async def test_a_token_that_was_taken_back_is_given_up(receiver_scratch: Scratch, videos: Videos) -> None:
    videos.refresh_token = "another"
    with pytest.raises(GiveUp, match="invalid_grant"):
        await run(receiver_scratch, videos)


@pytest.mark.parametrize("title", [None, "podcast.mp3", "Episode [9]"])
async def test_what_is_no_video_is_left_alone(receiver_scratch: Scratch, videos: Videos, title: str | None) -> None:
    await run(receiver_scratch, videos, title=title)
    assert videos.asked == []
