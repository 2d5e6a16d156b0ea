"""What is set and from where; accounts, webhooks and secrets; and a test event that is followed step by step."""

import asyncio
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import errors, forms
from receiver.console.rendering import render
from receiver.console.state import Console, Test
from receiver.database import Connection, Pool
from receiver.errors import ImpossibleError
from receiver.health import trial
from receiver.health.trial import Journey
from receiver.providers.opening import open_desk
from receiver.settings import Settings, listed, webhook_path
from receiver.webhooks import rotation
from receiver.webhooks.rotation import Secret

WAIT_SECONDS = 30.0


class Webhook(NamedTuple):
    """An account that has webhooks: the address that they come to, and the secrets that verify there."""

    configured: Settings
    path: str
    secrets: list[Secret]


async def show(request: Request, console: Console) -> Response:
    """Show the settings."""
    webhooks = await console.read(lambda db: _webhooks(db, console.configured))
    return render(
        request, "settings.html", live=any(not test.following.done() for test in console.tests.values()),
        settings=listed.every(console.configured), accounts=console.configured.accounts, webhooks=webhooks,
        tests=console.tests, handlers=console.handlers,
    )  # fmt: skip


async def test_event(request: Request, console: Console) -> Response:
    """Ask the provider for a test event, and follow it. The page shows how far it is."""
    form = await forms.read(request)
    name = form.get("account", "")
    configured = next((one for one in console.configured.in_use if one.chosen.name == name), None)
    if configured is None:
        raise ImpossibleError(f"there is no account {name} of transcribe.so")
    configured.account()
    before = console.tests.get(name)
    if before is None or before.following.done():
        journey = Journey()
        console.tests[name] = Test(journey, asyncio.create_task(_follow(console, configured, journey)))
    return RedirectResponse("/settings#test", 303)


async def _follow(console: Console, configured: Settings, journey: Journey) -> None:
    async def work(db: Pool) -> None:
        async with open_desk(configured, console.url) as desk:
            await trial.follow(desk.provider, db, configured.chosen, wait=WAIT_SECONDS, journey=journey)

    try:
        await console.act(work)
    except Exception as exc:  # noqa: BLE001 - nobody awaits it: what is not said here is never said
        journey.advice = errors.of_work(exc, "a test event")
    finally:
        console.changes.note()


async def _webhooks(db: Connection, configured: Settings) -> list[Webhook]:
    return [
        Webhook(one, webhook_path(one.chosen.name), await rotation.listed(db, one, must_exist=False))
        for one in configured.in_use
    ]
