"""`receiver forward`: which apps get events, and one that has ended gets them again."""

import base64
import json

import pytest

from receiver.database import query
from tests.inbox.dying import fill, on
from tests.processes import Processes

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": "https://api.test",
        "RECEIVER_FORWARD_SHOP": "https://shop.test/in?token=s3cret", "RECEIVER_FORWARD_SHOP_SECRET": SECRET,
        "RECEIVER_FORWARD_SHOP_TYPES": "transcription.*,webhook.test", "RECEIVER_FORWARD_SHOP_TRANSCRIPT": "yes",
        "RECEIVER_FORWARD_BIG_APP": "https://app.test/in", "RECEIVER_FORWARD_BIG_APP_SECRET": f"{SECRET},{SECRET}",
    }  # fmt: skip
    return processes


def end(shared: Processes, name: str) -> None:
    on(shared, lambda db: db.execute(query("handlers/end_target"), name, "it answered 410 Gone"))


def test_each_target_is_a_line_with_its_host_and_what_it_gets(shared: Processes) -> None:
    end(shared, "shop")
    end(shared, "gone")
    ran = shared.run_inside("forward")
    assert ran.exit_code == 0
    first, second = ran.stdout.splitlines()
    assert first.split() == ["big-app", "https://app.test", "events", "of", "*"]
    assert second.split("; ")[0].split() == [
        "shop", "https://shop.test", "events", "and", "transcripts", "of", "transcription.*,", "webhook.test",
    ]  # fmt: skip
    assert "; ended " in second
    assert second.endswith(": it answered 410 Gone")
    assert ran.stderr.startswith("gone is not set, and has ended ")


def test_the_same_as_json(shared: Processes) -> None:
    end(shared, "shop")
    app, shop = json.loads(shared.run_inside("forward", "--json").stdout)
    assert app == {
        "name": "big-app", "handler": "forward:big-app", "host": "https://app.test", "types": ["*"],
        "transcript": False, "ended_at": None, "reason": None,
    }  # fmt: skip
    assert (shop["name"], shop["transcript"], shop["reason"]) == ("shop", True, "it answered 410 Gone")
    assert shop["ended_at"].endswith("+00:00")


def test_without_targets_it_says_what_makes_one(processes: Processes, receiver_database: str) -> None:
    ran = processes.run_inside("forward", DATABASE_URL=receiver_database)
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr == "no targets: RECEIVER_FORWARD_NAME and RECEIVER_FORWARD_NAME_SECRET make one\n"


def test_a_target_is_resumed_and_its_dead_jobs_are_named(shared: Processes) -> None:
    end(shared, "shop")
    fill(shared, "a", 3, handler="forward:shop")
    (wrong,) = [one for one in json.loads(shared.run("check", "--json").stdout)["findings"] if one["name"] == "targets"]
    assert (wrong["holds"], "`receiver forward --resume shop`" in wrong["todo"]) == (False, True)
    ran = shared.run_inside("forward", "--resume", " shop ")
    assert ran.exit_code == 0
    assert "shop is resumed" in ran.output
    assert "its dead jobs: 3; `receiver replay --dead --handler forward:shop` runs them again" in ran.stderr
    said = json.loads(shared.run_inside("forward", "--resume", "shop", "--json").stdout)
    assert said == {"target": "shop", "had_ended": False, "dead": 3}
    assert "shop had not ended: nothing to do" in shared.run_inside("forward", "--resume", "shop").output


def test_a_target_that_is_none_is_not_resumed(shared: Processes) -> None:
    ran = shared.run_inside("forward", "--resume", "sohp")
    assert ran.exit_code == 1
    assert ran.stderr == "Error: there is no target sohp; there are big-app, shop\n"
