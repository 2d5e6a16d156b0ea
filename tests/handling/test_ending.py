"""`receiver.handling.ending`: a target that has ended is listed, and gets events again when a person says so."""

import base64
from typing import Any

import pytest

from receiver import settings
from receiver.database import Pool, query
from receiver.errors import ImpossibleError
from receiver.handling import ending
from receiver.health import checks
from receiver.settings import Settings
from tests.inbox.dying import store

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"


def configured(*names: str) -> Settings:
    """Return settings with targets of these names."""
    variables: dict[str, Any] = {}
    for name in names:
        variables[f"RECEIVER_FORWARD_{name}"] = f"https://{name.lower()}.test/x?token=s3cret"
        variables[f"RECEIVER_FORWARD_{name}_SECRET"] = SECRET
    return settings.load(**variables)


async def end(db: Pool, name: str, reason: str = "it answered 410 Gone") -> None:
    await db.execute(query("handlers/end_target"), name, reason)


async def test_the_first_reason_of_an_end_stays(db: Pool) -> None:
    await end(db, "shop", "first")
    await end(db, "shop", "second")
    await end(db, "app")
    assert [(one.target, one.reason) for one in await ending.ended(db)] == [
        ("app", "it answered 410 Gone"), ("shop", "first"),
    ]  # fmt: skip


async def test_a_target_is_resumed_alone_and_its_dead_jobs_are_counted(db: Pool) -> None:
    for name in ("shop", "app"):
        await end(db, name)
    for handler, number in (("forward:shop", 3), ("forward:app", 2), ("shop", 1)):
        await store(db, f"{handler} ", number, handler=handler, api_url="https://transcribe.so")
    assert await ending.resume(db, "shop", configured("SHOP", "APP")) == ("shop", True, 3)
    assert [one.target for one in await ending.ended(db)] == ["app"]
    assert await ending.resume(db, "shop", configured("SHOP", "APP")) == ("shop", False, 3)


async def test_a_target_that_is_not_set_any_more_can_be_resumed_and_one_that_never_was_cannot(db: Pool) -> None:
    await end(db, "gone")
    assert (await ending.resume(db, "gone", configured())).had_ended
    with pytest.raises(ImpossibleError, match=r"^there is no target gone; there are none$"):
        await ending.resume(db, "gone", configured())
    with pytest.raises(ImpossibleError, match=r"^there is no target gone; there are app, shop$"):
        await ending.resume(db, "gone", configured("SHOP", "APP"))


async def test_a_finding_names_the_targets_that_are_set_and_have_ended(db: Pool) -> None:
    assert checks.targets(configured(), []) == []
    (finding,) = checks.targets(configured("SHOP"), [])
    assert (finding.holds, finding.seen) == (True, "events are forwarded to shop")
    for name in ("shop", "gone"):
        await end(db, name)
    ended = await ending.ended(db)
    (finding,) = checks.targets(configured("APP"), ended)
    assert finding.holds
    (finding,) = checks.targets(configured("APP", "SHOP"), ended)
    assert not finding.holds
    assert finding.seen.startswith("nothing is forwarded to shop since ")
    assert finding.seen.endswith(": it answered 410 Gone")
    assert "gone:" not in finding.seen
    assert finding.todo.startswith("run `receiver forward --resume shop` ")
