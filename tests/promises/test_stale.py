"""Retries that the provider does not sign anew: refused and kept for a look-up, or accepted where that is set."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from tests.processes import Process, Processes, Web, completed, free_port, until

KEY = {"Authorization": "Bearer tsk_live_stale"}
AGE = 400
HANDLER = """
from receiver import Context, Event, handler


@handler("transcription.*")
async def note(event: Event, ctx: Context) -> None:
    assert event.transcription.status == "completed"
"""
REPLAYS = 100


@dataclass(frozen=True, slots=True)
class Provider:
    """A sandbox that signs a retry with the first time, and each a while ago; its key, and its webhook's port."""

    processes: Processes
    process: Process
    url: str
    port: int
    secret: str

    def submit(self) -> int:
        """Submit a recording, and return its transcription when the first delivery of its end has failed."""
        body = {"source": "youtube", "url": "https://youtu.be/talk"}
        answer = httpx.post(f"{self.url}/api/v1/transcriptions", json=body, headers=KEY)
        self.process.until_logged("failed")
        number: int = answer.json()["id"]
        return number

    def asked(self) -> list[str]:
        """Return the paths that were asked for."""
        return [one["path"] for one in httpx.get(f"{self.url}/sandbox/requests").json()["requests"]]

    def serve(self, **environment: str) -> Web:
        """Start the receiver, which was not there for the first delivery."""
        own = {"TRANSCRIBE_API_URL": self.url, "TRANSCRIBE_WEBHOOK_SECRET": self.secret} | environment
        return self.processes.begin_serving(self.port, **own)


@pytest.fixture
def provider(processes: Processes, receiver_database: str) -> Provider:
    processes.environment["DATABASE_URL"] = receiver_database
    port, url = free_port(), f"http://127.0.0.1:{free_port()}"
    sandbox = processes.start(
        "sandbox", "--port", url.rpartition(":")[2], "--speed", "600", "--retry-stamp", "first", "--stamp-age", str(AGE)
    )
    until(lambda: "sandbox: export" in sandbox.out.read_text(), "the sandbox listens")
    hook = {"url": f"http://127.0.0.1:{port}/webhooks/transcribe-so"}
    until(lambda: httpx.get(f"{url}/sandbox/requests").is_success, "the sandbox answers")
    secret = httpx.post(f"{url}/api/v1/webhooks", json=hook, headers=KEY).json()["signing_secret"]
    return Provider(processes, sandbox, url, port, secret)


def doubts(processes: Processes) -> list[tuple[str, str, int]]:
    rows = processes.sql("select transcription_id, type, times from receiver.doubts order by id")
    return [(row["transcription_id"], row["type"], row["times"]) for row in rows]


def test_such_a_retry_is_refused_and_looked_up_and_processed_once_whoever_replays_it(
    provider: Provider, processes: Processes
) -> None:
    processes.write_handlers(noting=HANDLER)
    processes.start(
        "work", TRANSCRIBE_API_URL=provider.url, TRANSCRIBE_API_KEY=KEY["Authorization"].removeprefix("Bearer "),
        RECEIVER_RECONCILE_SECONDS="0",
    )  # fmt: skip
    until(lambda: processes.sql("select from receiver.reconciliations"), "the account's time begins")
    number = provider.submit()
    web = provider.serve()
    until(lambda: doubts(processes), "the refused retry is written down")
    assert "HTTP 401" in provider.process.log
    (before,) = doubts(processes)
    assert before[:2] == (str(number), "transcription.completed")
    until(lambda: processes.sql("select from receiver.jobs where state = 'done'"), "its end is processed")

    def replay(_: int) -> tuple[int, str]:
        answer = web.deliver(completed("evt_replayed", number), secret=provider.secret.encode(), at=1_777_472_458)
        return answer.status_code, answer.json()["error"]["code"]

    with ThreadPoolExecutor(50) as pool:
        assert {*pool.map(replay, range(REPLAYS))} == {(401, "invalid_signature")}
    until(lambda: doubts(processes)[0][2] >= before[2] + REPLAYS, "the replays are counted")
    assert len(doubts(processes)) == 1
    found = processes.run("check", TRANSCRIBE_API_URL=provider.url, TRANSCRIBE_WEBHOOK_SECRET=provider.secret)
    assert "authentic deliveries refused for their time, the last ones within a day" in found.stdout
    (event,) = processes.events()
    assert (event["transcription_id"], event["origin"], len(event["jobs"])) == (str(number), "reconciled", 1)
    looked_up = [one for one in provider.asked() if one.endswith(f"/transcriptions/{number}")]
    assert looked_up == [f"/api/v1/transcriptions/{number}"]


def test_such_a_retry_is_stored_where_old_signatures_are_accepted(provider: Provider, processes: Processes) -> None:
    number = provider.submit()
    provider.serve(RECEIVER_STALE="accept")
    (event,) = until(processes.events, "the retry is stored")
    assert (event["transcription_id"], event["type"]) == (str(number), "transcription.completed")
    assert doubts(processes) == []
    assert "HTTP 401" not in provider.process.log
    settings = {"TRANSCRIBE_API_URL": provider.url, "RECEIVER_STALE": "accept"}
    assert "RECEIVER_STALE accept" in processes.run("check", **settings).stdout
