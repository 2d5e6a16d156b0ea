"""`receiver costs`: dollars and credits apart, a bar for each day that no terminal cuts, and what is not known."""

import io
import json
import sys

import pytest

from receiver.cli import costs
from tests.commands import Commands, Simulated
from tests.processes import Processes, until

ROW = (
    "insert into receiver.charges (source, api_url, account, work, run, operation, pipeline, title, amount, unit,"
    " perhaps, known_by, at) values "
)


@pytest.fixture
def keeping(processes: Processes, sandbox: Simulated, receiver_database: str) -> Commands:
    """Return commands with a database."""
    processes.environment["DATABASE_URL"] = receiver_database
    return Commands(processes.folder, sandbox.url, sandbox.key, DATABASE_URL=receiver_database)


@pytest.fixture
def charged(keeping: Commands, processes: Processes) -> Commands:
    """Return commands on a ledger of two units, two days and two accounts."""
    rows = [
        ("'transcribe.so', 'u', 'default', '1', 1, 'transcription', 'fast', 'A talk', 0.1", "'USD', false", "2 days"),
        ("'transcribe.so', 'u', 'two', '2', 1, 'transcription', null, null, 0.2", "'USD', false", "1 day"),
        ("'transcribe.so', 'u', 'two', 'regeneration/1', 1, 'regeneration', null, null, null", "'USD', false", "1 day"),
        ("'transcribe.so', 'u', 'two', 'sub_1', 1, 'transcription', null, null, null", "'USD', true", "1 day"),
        ("'timbr-audio', 'u', 'default', 'job', 1, 'separation', null, 'A song', 1200", "'credits', false", "1 day"),
        ("'transcribe.so', 'u', 'default', '3', 1, 'transcription', 'fast', 'old', 5", "'USD', false", "40 days"),
    ]
    processes.sql(ROW + ", ".join(f"({what}, {unit}, 'event', now() - interval '{ago}')" for what, unit, ago in rows))
    return keeping


def test_without_a_charge_it_says_so(keeping: Commands) -> None:
    ran = keeping.run("costs")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "nothing was charged\n")


def test_units_are_added_up_apart_and_what_is_not_known_is_said(charged: Commands) -> None:
    found = charged.read("costs", "--by", "operation")
    assert {unit["unit"]: unit["total"] for unit in found["units"]} == {
        "USD": {"charges": 3, "amount": 0.3, "untold": 1, "perhaps": 1},
        "credits": {"charges": 1, "amount": 1200.0, "untold": 0, "perhaps": 0},
    }
    ran = charged.run("costs", "--by", "operation")
    assert "not included: 1 of which nobody knows whether they were charged" in ran.stderr
    assert "not included: 1 whose amount the provider does not tell" in ran.stderr
    assert "transcription  0.30  2 charges, perhaps 1 more\nregeneration      -  1 charge\n" in ran.stdout
    assert "total          0.30  3 charges, perhaps 1 more\n" in ran.stdout


@pytest.mark.parametrize(
    ("by", "parts"),
    [
        ("account", {"transcribe.so": 5.1, "transcribe.so/two": 0.2}),
        ("pipeline", {"fast": 5.1, None: 0.2}),
        ("title", {"old": 5.0, "A talk": 0.1, None: 0.2}),
        ("operation", {"transcription": 5.3, "regeneration": 0.0}),
    ],
)
def test_it_is_added_up_as_asked_since_when_asked(charged: Commands, by: str, parts: dict[str | None, float]) -> None:
    found = charged.read("costs", "--by", by, "--since", "41d")
    (dollars,) = [unit for unit in found["units"] if unit["unit"] == "USD"]
    assert {part[by]: part["amount"] for part in dollars[by]} == parts
    assert [part["amount"] for part in dollars[by]] == sorted(parts.values(), reverse=True)


@pytest.mark.parametrize("columns", ["20", "50", "80", "300"])
def test_a_day_has_a_bar_that_fits_the_terminal(charged: Commands, columns: str) -> None:
    lines = charged.good("costs", COLUMNS=columns).splitlines()
    first, second, *_ = [line for line in lines[lines.index("USD") + 1 :] if line.startswith("20")]
    assert first < second, "the oldest day comes first"
    bars = [sum(line.count(one) for one in (costs.BLOCK, costs.PLAIN)) for line in (first, second)]
    if columns == "20":
        assert bars == [0, 0]
    else:
        assert max(map(len, (first, second))) < int(columns)
        assert 0 < bars[0] < bars[1] <= costs.LONGEST_BAR
        assert abs(bars[1] - 2 * bars[0]) <= 1
    assert any(line.startswith("total") for line in lines)


def test_a_bar_is_plain_where_the_output_has_no_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding, bar in (("ascii", costs.PLAIN), ("latin-1", costs.PLAIN), ("utf-8", costs.BLOCK)):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert costs.bar_character() == bar


def test_titles_are_cut_and_cannot_write_on_the_terminal(keeping: Commands, processes: Processes) -> None:
    title = "E'\\x1b[2J" + "long " * 40 + "'"
    processes.sql(
        f"{ROW} ('transcribe.so', 'u', 'default', '1', 1, 'transcription', 'fast', {title}, 0.12345, 'USD', false,"
        " 'event', now())"
    )
    said = keeping.good("costs", "--by", "title")
    assert "\x1b" not in said
    assert "..." in said
    assert "0.1235" in said or "0.1234" in said


def test_events_that_nobody_has_read_are_told(keeping: Commands, processes: Processes) -> None:
    processes.sql(
        "insert into receiver.events (source, event_id, api_url, type, raw, secret_fingerprint, origin, received_at)"
        " values ('transcribe.so', 'e', 'u', 'webhook.test', '', '', 'webhook', now() - interval '2 min')"
    )
    assert "are not in it yet: a worker reads them" in keeping.run("costs").stderr
    assert keeping.read("costs")["unread_since"] is not None
    processes.sql("update receiver.ledger set last_event = (select max(id) from receiver.events)")
    assert keeping.read("costs")["unread_since"] is None


def test_a_duration_that_is_none_is_a_wrong_call(keeping: Commands) -> None:
    assert keeping.run("costs", "--since", "yesterday").exit_code == 2


def test_a_retry_is_in_the_ledger_at_once(keeping: Commands, sandbox: Simulated) -> None:
    number = sandbox.made("https://example.com/fail.mp3")
    keeping.good("retry", str(number), "--yes")
    found = keeping.read("costs", "--by", "operation")
    (dollars,) = found["units"]
    assert {part["operation"]: part["charges"] for part in dollars["operation"]} == {"transcription": 1, "retry": 1}
    assert dollars["total"]["amount"] == pytest.approx(sandbox.spent())


def test_a_worker_reads_what_was_submitted_elsewhere(keeping: Commands, processes: Processes) -> None:
    body = json.dumps({"data": {"transcription": {"id": 7, "charge_usd": 0.36}}})
    processes.sql(
        "insert into receiver.events (source, event_id, api_url, type, transcription_id, raw, secret_fingerprint,"
        f" origin) values ('transcribe.so', 'e', 'u', 'transcription.completed', '7', '{body}', '', 'webhook')"
    )
    processes.start("work")
    until(lambda: "0.36  " in keeping.good("costs"), "the worker has read it")
