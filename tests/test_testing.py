"""`receiver.testing`: the fixtures that we document for users' handlers do what their docstrings say."""

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from receiver import Context, Event, GiveUp, NotFound, handler, testing
from receiver.errors import ImpossibleError
from receiver.sandbox import EXAMPLE_ID
from receiver.testing import Scratch


@handler("transcription.completed")
async def titles(event: Event, ctx: Context) -> None:
    """Store the titles of the chapters, as a user might."""
    transcript = await ctx.transcript()
    stamps = await ctx.timestamps("youtube")
    async with ctx.completing() as tx:
        await tx.execute("create table if not exists titles (key text primary key, title text, first text)")
        await tx.execute(
            "insert into titles values ($1, $2, $3)",
            ctx.idempotency_key, event.transcription.title, f"{transcript.chapters[0].title} at {stamps.text[:4]}",
        )  # fmt: skip


@handler("transcription.*", "webhook.test", name="other")
async def other(event: Event, ctx: Context) -> None:
    """Need a transcript, whatever the event."""
    transcript = await ctx.transcript()
    ctx.log.info("%s: %d segments", event.id, len(transcript.segments))


async def test_a_claimed_handler_runs_as_in_a_worker(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(titles)
    assert await receiver_scratch.state(event) == "pending"
    await titles(event, ctx)
    assert await receiver_scratch.state(event) == "done"
    (row,) = await receiver_scratch.db.fetch("select * from titles")
    assert (row["key"], row["title"]) == (ctx.idempotency_key, "podcast.mp3")
    assert row["first"].endswith(" at 0:00")


async def test_a_claim_is_one_of_an_attempt_that_ends_once(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(titles)
    await titles(event, ctx)
    with pytest.raises(ImpossibleError, match="twice"):
        await titles(event, ctx)
    assert (ctx.attempt, ctx.handler, ctx.event) == (1, "titles", event)
    assert await receiver_scratch.db.fetchval("select count(*) from titles") == 1


async def test_the_event_is_the_sandboxs_example_unless_the_test_says_otherwise(receiver_scratch: Scratch) -> None:
    usual, _ = await receiver_scratch.claim(titles)
    special, _ = await receiver_scratch.claim(other, "transcription.failed", id=7, title="Pilot", mood="bad")
    assert (usual.type, usual.transcription.id, usual.transcription.status) == (
        "transcription.completed", str(EXAMPLE_ID), "completed",
    )  # fmt: skip
    assert (special.type, special.transcription.id, special.transcription.title) == (
        "transcription.failed", "7", "Pilot",
    )  # fmt: skip
    assert special.data["transcription"]["mood"] == "bad"
    assert usual.id != special.id


async def test_a_handler_of_a_family_can_be_claimed_without_naming_a_type(receiver_scratch: Scratch) -> None:
    event, _ = await receiver_scratch.claim(other)
    assert other.wants(event.type, event.source)


async def test_what_the_sandbox_does_not_have_is_refused_as_by_the_provider(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(titles, id=999_999)
    with pytest.raises(NotFound) as raised:
        await titles(event, ctx)
    assert (raised.value.status, raised.value.code) == (404, "not_found")


async def test_an_event_without_a_transcription_is_given_up_by_who_needs_one(receiver_scratch: Scratch) -> None:
    event, ctx = await receiver_scratch.claim(other, "webhook.test", id=None)
    with pytest.raises(GiveUp, match="names no transcription"):
        await other(event, ctx)


@pytest.mark.parametrize("_turn", [1, 2])
async def test_every_test_has_a_database_of_its_own(_turn: int, receiver_scratch: Scratch) -> None:
    event, _ = await receiver_scratch.claim(titles)
    assert event.id == "evt_1"
    assert await receiver_scratch.db.fetchval("select count(*) from receiver.events") == 1


def test_the_documented_lines_work_in_a_project_of_a_users(tmp_path: Path) -> None:
    """The docstring's own two code blocks, in a folder that has nothing of ours but the installed package."""
    assert testing.__doc__ is not None
    blocks = [block for block in inspect.cleandoc(testing.__doc__).split("\n\n") if block.startswith("    ")]
    plugin, test = (textwrap.dedent(block) for block in blocks)
    mine = """
        from receiver import handler

        @handler("transcription.completed")
        async def my_handler(event, ctx):
            assert (await ctx.transcript()).segments
    """
    (tmp_path / "conftest.py").write_text(plugin)
    (tmp_path / "my_handlers.py").write_text(textwrap.dedent(mine))
    (tmp_path / "test_mine.py").write_text(f"from my_handlers import my_handler\n\n{test}\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--asyncio-mode=auto"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 passed" in ran.stdout
