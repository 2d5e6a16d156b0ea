"""`receiver.cli.up.samples`: `up --sandbox --all` sends a sample through each simulated provider and each account."""

import re

from receiver.cli.up.simulation import SIMULATED
from receiver.providers import SOURCES
from tests.cli.test_up import told
from tests.processes import Processes, free_port, until

HANDLERS = ("transcripts", "timestamps")
OTHERS = {source.name for source in SOURCES if source.operations and source.variables in SIMULATED}


def test_everything_is_one_command(processes: Processes) -> None:
    processes.environment |= {"PORT": str(free_port()), "TRANSCRIBE_WEBHOOK_SECRET": ""}
    processes.environment.pop("TRANSCRIBE_API_URL")
    sandbox = ("--sandbox", "--sandbox-port", str(free_port()))
    process = processes.start(
        "up", *sandbox, "--all", RECEIVER_HANDLERS="handlers", RECEIVER_CALLS_SHUTDOWN_SECONDS="0"
    )

    def is_through() -> bool:
        """Return whether the jobs of both accounts' samples are done, and all is told."""
        said = told(process)
        events = {number: event for event, number in re.findall(r"event  \S+ (evt_\w+)\b.*, transcription (\d+)", said)}
        samples = re.findall(r"submitted as transcription (\d+)", said)
        done = (f"job    {name} done, for {events.get(number)}" for name in HANDLERS for number in samples)
        ended = len(samples) == 2 and all(line in said for line in done)
        return (ended and "TRANSCRIBE_API_KEY__SECOND=" in said) or process.popen.poll() is not None

    def sent() -> int:
        """Return how many submissions the worker has begun to send. Each takes a minute to end."""
        rows = processes.sql("select 1 from receiver.submissions where state not in ('intended', 'uploaded')")
        return len(rows)

    until(is_through, "both accounts' samples are through")
    until(lambda: sent() == len(OTHERS), "every other sample is under way")
    submitted = re.findall(r"submitted as (sub_\w+) to (\S+) ", told(process))
    assert {source for _, source in submitted} == OTHERS
    assert len(re.findall(r"submitted as transcription \d+", told(process))) == 2
    assert re.search(r"event  transcription.completed evt_\w+ of transcribe.so/second", told(process))
    rows = processes.sql("select id, caller_key from receiver.submissions")
    assert {row["id"] for row in rows} == {submission for submission, _ in submitted}
    assert all(str(row["caller_key"]).startswith("sample-") for row in rows), "each start makes its own"
    assert process.end() == 0
    assert "Traceback" not in process.log


def test_samples_go_to_no_real_provider(processes: Processes) -> None:
    ran = processes.run("up", "--all")
    assert ran.returncode == 2
    assert "--all needs --sandbox" in ran.stderr
