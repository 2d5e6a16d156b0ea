"""The settings as they are, without one secret; and a test event that is followed."""

import asyncio

import pytest

from receiver.database import Pool
from tests.commands import Simulated
from tests.console.asked import TOKEN, Asked, Person
from tests.processes import unreachable


async def test_every_setting_is_there_and_no_secret(receiver_database: str, db: Pool) -> None:
    secrets = {
        "TRANSCRIBE_API_KEY": "tsk_s3cret_key", "TRANSCRIBE_WEBHOOK_SECRET": "whsec_s3cret,whsec_older",
        "RECEIVER_TOKEN": "s3cret-for-programs", "RECEIVER_CONSOLE_TOKEN": TOKEN,
    }  # fmt: skip
    asked = Asked(receiver_database, **secrets, RECEIVER_LANES="5", PUBLIC_URL="https://hooks.example.com")
    page = await (await asked.operator()).page("/settings")
    assert "RECEIVER_LANES 5" in page.text
    assert "https://hooks.example.com/webhooks/transcribe-so" in page.text
    assert "RECEIVER_TOKEN set, not shown" in page.text
    assert "2 set, not shown" in page.text
    for value in ("tsk_s3cret_key", "whsec_s3cret", "whsec_older", "s3cret-for-programs", TOKEN, receiver_database):
        assert value not in page.text
    assert await db.fetchval("select encode(key, 'hex') from receiver.console") not in page.text
    await asked.close()


@pytest.fixture
def settings_of(sandbox: Simulated) -> dict[str, str]:
    return {"TRANSCRIBE_API_URL": sandbox.url, "TRANSCRIBE_API_KEY": sandbox.key}


async def test_a_test_event_is_followed_and_says_where_it_stops(
    receiver_database: str, settings_of: dict[str, str], db: Pool
) -> None:
    asked = Asked(receiver_database, **settings_of)
    person = await asked.operator()
    answer = await person.submit("/settings/test-event", account="default")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings#test")
    test = asked.console.tests["default"]
    await asyncio.wait({test.following})
    page = await person.page("/settings")
    assert "Stopped there: " in page.text
    assert "receiver register" in page.text, "the sandbox has no webhook for this key"
    assert await db.fetchval("select count(*) from receiver.events") == 0
    await asked.close()


async def test_a_test_event_that_the_database_stops_says_so(
    receiver_database: str, settings_of: dict[str, str]
) -> None:
    asked = Asked(receiver_database, **settings_of)
    person = await asked.operator()
    asked.console.url = unreachable(receiver_database)
    await person.submit("/settings/test-event", account="default")
    await asyncio.wait({asked.console.tests["default"].following})
    page = await person.page("/settings")
    assert "Stopped there: " in page.text
    assert "The whole path works" not in page.text
    await asked.close()


async def test_only_an_account_that_is_set_up_can_be_tried(operator: Person, asked: Asked) -> None:
    for account in ("nobody", "", "default"):
        assert (await operator.submit("/settings/test-event", account=account)).status_code == 409
    assert asked.console.tests == {}


async def test_who_may_look_sees_no_button_and_can_press_none(asked: Asked) -> None:
    reader = await asked.reader()
    page = await reader.page("/settings")
    assert page.values("form", "action") == ["/sign-out"]
    assert "You may look, and change nothing." in page.text
    answer = await reader.submit("/settings/test-event", account="default")
    assert answer.status_code == 403
    assert "may look" in answer.text
    assert asked.console.tests == {}
