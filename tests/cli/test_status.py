"""`receiver status`: one screen says all that an operator asks for, and names what is wrong."""

import json
import re
from typing import Any

import pytest

from receiver.testing import Server
from tests.processes import Processes, free_port

API = "https://api.test"
EVENT = (
    "insert into receiver.events (source, event_id, api_url, account, type, raw, secret_fingerprint, origin) "
    f"values ('transcribe.so', 'evt_1', '{API}', 'default', 'webhook.test', '', 'f', 'webhook')"
)
DEAD = (
    "insert into receiver.jobs (event, source, api_url, account, handler, state, due_at, error) "
    "select id, source, api_url, account, 'pings', 'dead', now(), 'the CRM is away' from receiver.events"
)


@pytest.fixture
def shared(processes: Processes, receiver_database: str) -> Processes:
    processes.environment |= {
        "DATABASE_URL": receiver_database, "TRANSCRIBE_API_URL": API, "RECEIVER_HANDLERS": "receiver.bundled",
    }  # fmt: skip
    return processes


def told(processes: Processes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(processes.run_inside("status", "--json").stdout)
    return found


def test_nothing_is_wrong_and_nothing_has_come(shared: Processes) -> None:
    ran = shared.run_inside("status")
    assert ran.exit_code == 0
    assert re.match(r"receiver \d+\.\d+\.\d+, schema \d{4}_\w+   \d{4}-\d\d-\d\d ", ran.stdout)
    assert "\nok  everything that was checked holds\n" in ran.stdout
    assert "\naccounts    default: feed on, last delivery nothing yet, 0 of 5 refused in a row\n" in ran.stdout
    assert "\ndeliveries  last hour: none\n            in all: none\n" in ran.stdout
    assert "\nspool       empty\n" in ran.stdout
    assert "\njobs        none wait, run or are dead\n" in ran.stdout
    assert "\nprocesses   none\n" in ran.stdout
    assert re.search(r"\ndatabase    PostgreSQL \d+", ran.stdout)
    assert "\x1b" not in ran.stdout


def test_charges_that_nobody_told_are_counted(shared: Processes) -> None:
    shared.sql(f"""insert into receiver.totals values ('charges_untold["transcribe.so", "{API}", "default"]', 3)""")
    assert "transcribe.so default: charges whose amount is not told: 3\n" in shared.run_inside("status").stdout


def test_what_is_wrong_is_named_with_what_to_do(shared: Processes) -> None:
    shared.sql(EVENT)
    shared.sql(DEAD)
    far = {
        "gauges": {'failure_budget_used["default"]': 4},
        "findings": [{"name": "organs", "holds": False, "seen": "drain ended", "todo": ""}],
    }
    shared.sql(
        "insert into receiver.processes (id, kind, api_url, host, pid, version, told) "
        f"values (gen_random_uuid(), 'web', '{API}', 'far', 7, '1', '{json.dumps(far)}')"
    )
    shared.sql('insert into receiver.totals values (\'deliveries["default", "stored"]\', 1234)')
    shared.sql('insert into receiver.totals values (\'refusals["default", "stale"]\', 4)')
    shared.sql(
        "insert into receiver.minutes "
        'select now() - make_interval(mins => m), \'deliveries["default", "stored"]\', m from unnest(array[3, 4, 70]) m'
    )
    shared.sql(
        "insert into receiver.processes (id, kind, api_url, host, pid, version) "
        "values (gen_random_uuid(), 'web', 'https://other.test', 'far', 8, '1')"
    )
    ran = shared.run_inside("status")
    assert "\n!!  dead jobs: 1: see `receiver dead`" in ran.stdout
    assert "\n!!  processes: 1 web process, 0 workers; web far/7: organs: drain ended\n" in ran.stdout
    assert "4 of 5 refused in a row" in ran.stdout
    assert "\ndeliveries  last hour: 7 stored\n            in all: 1,234 stored (4 stale)\n" in ran.stdout
    assert "\ndead        1 x pings: the CRM is away\n" in ran.stdout
    assert re.search(r"\n            pings\s+0\s+0\s+0\s+1\s*\n", ran.stdout)
    found = told(shared)
    (account,), (process,) = found["accounts"], found["processes"]
    assert (account["failure_budget_used"], process["running"]) == (4, True)
    assert {queue["handler"]: queue["dead"] for queue in found["queues"] if queue["dead"]} == {"pings": 1}
    assert found["dead"] == [{"handler": "pings", "cause": "the CRM is away", "number": 1}]
    assert {"name": "deliveries", "labels": ["default", "stored"], "value": 1234} in found["counts"]
    assert "\n            1 run for https://other.test, which is not looked at here" in ran.stdout


def test_while_the_database_is_away_the_web_process_is_asked(processes: Processes, receiver_server: Server) -> None:
    url = receiver_server.create("receiver_status")
    processes.environment |= {"DATABASE_URL": url}
    processes.run("migrate")
    web = processes.serve()
    away = {"DATABASE_URL": f"postgresql://u@127.0.0.1:{free_port()}/d", "PORT": str(web.port)}
    ran = processes.run_inside("status", **away)
    assert ran.exit_code == 0
    assert "\n!!  database: " in ran.stdout
    assert "\naccount     default: 0 of 5 authentic deliveries refused in a row\n" in ran.stdout
    alone = processes.run_inside("status", **away | {"PORT": str(free_port())})
    assert re.search(r"\n!!  web: no web process answers at http://127.0.0.1:\d+ ", alone.stdout)
    web.end()
    receiver_server.drop("receiver_status")


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["pipe", "json"])
def test_a_watch_needs_a_terminal(shared: Processes, more: tuple[str, ...]) -> None:
    ran = shared.run_inside("status", "--watch", *more)
    assert ran.exit_code == 2
    assert "--watch needs a terminal, and no --json" in ran.stderr
