"""`receiver check`: every line can be wrong, and says what to do."""

import json
import time
from types import SimpleNamespace

import pytest

from receiver.health import Finding, trial
from tests.commands import Commands, Scripted, Simulated
from tests.processes import Processes

JOB = (
    "insert into receiver.jobs (event, source, api_url, account, handler, state, due_at) "
    "select id, source, api_url, account"
)
BREAK = {
    "worker": f"{JOB}, 'failures', 'pending', now() from receiver.events",
    "oldest due job": f"{JOB}, 'failures', 'pending', now() - interval '1 hour' from receiver.events",
    "clock": "with went_back as (update receiver.events set received_at = now() + interval '1 hour' returning *) "
    f"{JOB}, 'pings', 'pending', now() + interval '1 hour' from went_back",
    "dead jobs": f"{JOB}, 'pings', 'dead', now() from receiver.events",
    "schema": "delete from receiver.migrations where version > 1",
}


@pytest.fixture
def shared(processes: Processes, sandbox: Simulated, receiver_database: str) -> Processes:
    processes.environment |= {
        "DATABASE_URL": receiver_database,
        "TRANSCRIBE_API_URL": sandbox.url,
        "TRANSCRIBE_API_KEY": sandbox.key,
        "RECEIVER_HANDLERS": "receiver.bundled",
    }
    address = processes.environment["TRANSCRIBE_API_URL"]
    processes.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin) "
        f"values ('transcribe.so', 'evt_1', '{address}', 'webhook.test', '', 'f', 'webhook')"
    )
    return processes


def check(processes: Processes, **environment: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    ran = processes.run_inside("check", "--json", **environment)
    found = [Finding(**one) for one in json.loads(ran.stdout)["findings"]]
    return ran.exit_code, {one.name: (one.holds, one.said) for one in found}


def test_all_is_well(shared: Processes) -> None:
    status, found = check(shared)
    names = [
        "settings",
        "handlers",
        "database",
        "schema",
        "orphaned jobs",
        "worker",
        "processes",
        "oldest due job",
        "clock",
        "old snapshots",
        "dead jobs",
        "submissions",
        "other APIs",
        "stale",
        "no handler",
        "patterns",
        "quarantine",
        "secret",
        "feed",
        "spool",
        "reachable",
        "provider",
        "webhook",
    ]
    assert list(found) == names
    assert {holds for holds, _ in found.values()} == {True}
    assert status == 0
    assert "whsec_of_the_tests" not in str(found)


def test_advice_does_not_stand_as_if_all_were_well(shared: Processes) -> None:
    shared.sql("delete from receiver.processes")
    ran = shared.run_inside("check", RECEIVER_HANDLERS="")
    assert "\n..  worker         no worker for " in ran.stdout
    assert "\nok  schema " in ran.stdout
    assert "using the bundled handlers" not in ran.stderr


@pytest.mark.parametrize("name", BREAK)
def test_what_is_wrong_in_the_database_is_told(shared: Processes, name: str) -> None:
    shared.sql(BREAK[name])
    status, found = check(shared)
    assert status == 1
    assert not found[name][0]
    assert "`receiver" in found[name][1]


def test_replays_may_wait_behind_live_jobs_and_a_bulk_replay_is_mentioned(shared: Processes) -> None:
    shared.sql(BREAK["oldest due job"])
    shared.sql("update receiver.jobs set is_replay = true")
    assert check(shared)[1]["oldest due job"] == (True, "none waits")
    shared.sql("insert into receiver.replays (filter, total, done, started_by) values ('{}', 7, 3, 'me@here')")
    holds, said = check(shared)[1]["oldest due job"]
    assert (holds, said) == (True, "none waits; bulk replay 1 is under way: 3 of 7 moved")


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("secret", {"TRANSCRIBE_WEBHOOK_SECRET": ""}, "none is known"),
        ("provider", {"TRANSCRIBE_API_KEY": "nonsense"}, "invalid_api_key"),
        ("provider", {"TRANSCRIBE_API_KEY": ""}, "set TRANSCRIBE_API_KEY"),
        ("provider", {"TRANSCRIBE_API_URL": "http://127.0.0.1:1"}, "cannot be reached"),
        ("handlers", {"RECEIVER_HANDLERS": "nowhere"}, "nowhere cannot be imported"),
        ("database", {"DATABASE_URL": "postgresql://u:sesame@127.0.0.1:1/d"}, "u@127.0.0.1:1/d does not answer"),
        (
            "database",
            {"DATABASE_URL": "postgresql://u:sesame@h/d?conect_timeout=3"},
            "conect_timeout is not a known parameter",
        ),
        ("provider", {"ALL_PROXY": "socks5://h", "TRANSCRIBE_API_URL": "https://api.invalid"}, "ALL_PROXY: a SOCKS"),
    ],
)
def test_what_is_wrong_around_it_is_told(shared: Processes, name: str, environment: dict[str, str], said: str) -> None:
    status, found = check(shared, **environment)
    assert status == 1
    assert not found[name][0]
    assert said in found[name][1]
    assert "sesame" not in str(found)


def test_a_changed_public_url_is_told_and_never_registered_silently(shared: Processes) -> None:
    registered = shared.run_inside("register", PUBLIC_URL="http://127.0.0.1:1/old")
    assert registered.exit_code == 0, registered.stderr
    again = shared.run_inside("register", PUBLIC_URL="http://127.0.0.1:1/old")
    assert "already registered for http://127.0.0.1:1/old/webhooks/transcribe-so" in again.stdout
    status, found = check(shared, PUBLIC_URL="http://127.0.0.1:1/new")
    assert (status, found["secret"][0]) == (1, False)
    assert (
        "registered for http://127.0.0.1:1/old/webhooks/transcribe-so, not for http://127.0.0.1:1/new"
        in found["secret"][1]
    )
    web = shared.serve(PUBLIC_URL="http://127.0.0.1:1/new")
    web.until_logged("to change that run `receiver register`")
    assert shared.sql("select count(*) as n from receiver.registrations")[0]["n"] == 1


def test_a_test_event_that_stops_says_where(shared: Processes) -> None:
    unregistered = shared.run_inside("test-event", "--wait", "0")
    assert "not_found (HTTP 404)" in unregistered.stderr
    shared.run_inside("register", "--url", "http://127.0.0.1:1/webhooks/transcribe-so")
    lost = shared.run_inside("test-event", "--wait", "0.3")
    assert lost.exit_code == 1
    assert "accepted by the provider" in lost.stdout
    assert "stopped there: no delivery was seen within 0.3 s. If --wait was long enough" in lost.stderr


def test_a_test_event_without_a_worker_says_so(shared: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait ends as soon as the event is stored, even if that takes long."""
    web = shared.serve()
    shared.run_inside("register", "--url", f"{web.url}/webhooks/transcribe-so")
    reached, late = trial.Journey.reached, []

    def note(journey: trial.Journey, step: str) -> None:
        reached(journey, step)
        late.extend([3600] * step.startswith("delivered"))

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(late), time_ns=time.time_ns)
    monkeypatch.setattr(trial.Journey, "reached", note)
    monkeypatch.setattr(trial, "time", clock)
    commands = Commands(
        shared.folder, shared.environment["TRANSCRIBE_API_URL"], shared.environment["TRANSCRIBE_API_KEY"]
    )
    ran = commands.run("test-event", "--wait", "60", DATABASE_URL=shared.environment["DATABASE_URL"])
    assert ran.exit_code == 1
    assert "delivered, verified and stored" in ran.stdout
    assert "no worker has claimed it for pings: run `receiver work`" in ran.stderr


@pytest.mark.parametrize(
    ("webhook", "holds", "said"),
    [
        ((200, {"url": "https://x.test/hook", "enabled": False}), False, "switch it on again in its dashboard"),
        ((200, {"url": "https://x.test/hook", "enabled": True}), True, "delivers to https://x.test/hook"),
        ((405, {"error": {"code": "method_not_allowed", "message": "no"}}), True, "does not say whether it has one"),
    ],
)
def test_a_webhook_that_was_switched_off_is_said(
    shared: Processes, webhook: tuple[int, object], *, holds: bool, said: str
) -> None:
    scripted = Scripted()
    scripted.answers = {"GET /api/v1/me": [(200, {})], "GET /api/v1/webhooks": [webhook]}
    with scripted.running():
        _, found = check(shared, TRANSCRIBE_API_URL=scripted.url)
    assert found["webhook"][0] is holds
    assert said in found["webhook"][1]


@pytest.mark.parametrize(("delivers_to", "holds"), [
    ("http://127.0.0.1:1/webhooks/transcribe-so", True),
    ("HTTP://127.0.0.1:1/webhooks/transcribe-so/", True),
    ("http://127.0.0.1:1/old/webhooks/transcribe-so", False),
    ("http://127.0.0.1:1", False),
])  # fmt: skip
def test_a_provider_that_delivers_to_another_address_than_ours_is_said(
    shared: Processes, delivers_to: str, *, holds: bool
) -> None:
    scripted = Scripted()
    webhook = {"url": delivers_to, "enabled": True}
    scripted.answers = {"GET /api/v1/me": [(200, {})], "GET /api/v1/webhooks": [(200, webhook)]}
    with scripted.running():
        _, found = check(shared, TRANSCRIBE_API_URL=scripted.url, PUBLIC_URL="http://127.0.0.1:1")
    said = f"the provider delivers to {delivers_to}"
    advice = "run `receiver register`, or set PUBLIC_URL to where it delivers"
    elsewhere = f"{said}, not to http://127.0.0.1:1/webhooks/transcribe-so: {advice}"
    assert found["webhook"] == (holds, said if holds else elsewhere)


def test_where_the_provider_delivers_somebody_must_answer(shared: Processes) -> None:
    web = shared.serve()
    assert check(shared, PUBLIC_URL=web.url)[1]["reachable"] == (
        True,
        f"a receiver answers at {web.url}, and is ready",
    )
    assert web.deliver(b"{}", secret=b"whsec_of_another").status_code == 401
    holds, said = check(shared, PUBLIC_URL=web.url)[1]["failures"]
    assert (holds, "in a row; 1 matched no secret since" in said) == (True, True)
    elsewhere = shared.environment["TRANSCRIBE_API_URL"]
    holds, said = check(shared, PUBLIC_URL=elsewhere)[1]["reachable"]
    assert (holds, "something other than a receiver" in said) == (False, True)
    assert web.end() == 0
    holds, said = check(shared, PUBLIC_URL=web.url)[1]["reachable"]
    assert (holds, "run `receiver up`" in said) == (False, True)


def test_every_account_is_looked_at(shared: Processes) -> None:
    """What is wrong with one is told by its name, and what to do names it too."""
    address, here = shared.environment["TRANSCRIBE_API_URL"], "http://127.0.0.1:1"
    shared.environment |= {"TRANSCRIBE_API_KEY__BIG_SHOW": "tsk_test_big", "TRANSCRIBE_API_KEY__SMALL": "nonsense"}
    shared.run_inside("register", "--account", "big-show", "--url", here)
    status, found = check(shared, PUBLIC_URL=here)
    assert status == 1
    assert found["secret"][0]
    assert found["secret (big-show)"][0]
    assert found["provider (big-show)"] == (True, f"{address} answers and accepts the key")
    assert found["webhook (big-show)"] == (True, f"the provider delivers to {here}/webhooks/transcribe-so/big-show")
    assert found["webhook"] == (False, "the provider has none for this key: run `receiver register`")
    holds, said = found["secret (small)"]
    assert (holds, said.startswith(f"none is known for {address}: run `receiver register --account small`")) == (
        False, True,
    )  # fmt: skip
    assert (found["provider (small)"][0], "invalid_api_key" in found["provider (small)"][1]) == (False, True)
    assert "accounts default, big-show, small" in found["settings"][1]
