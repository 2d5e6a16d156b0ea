"""Two processes register at once and one of them is killed: the other one finishes, and no secret is lost."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from receiver import signature
from tests.processes import WAIT_SECONDS, Process, Processes, Web, free_port, until

# From the start of two processes to the end of both: 1 s on a free machine, and the first answer is held back besides.
KILLED_WITHIN_SECONDS = 1.5
ANSWER_SECONDS = 0.4
KINDS = [("serve", "serve"), ("register", "register"), ("serve", "register")]


@dataclass(frozen=True, slots=True)
class Round:
    """How a round went.

    Attributes:
        killed: how far the two were when one of them was killed.
        asked: how often the provider was asked; twice where the first answer was lost with who had asked.
        registrations: rows that are no intent, given up or not.
        webhooks: what the provider has made for the key, by its own count.
        left_over: intents that are neither answered nor given up.
        proven: whether a delivery that the provider signed afterwards was taken, by the stored secret.
    """

    killed: str
    asked: int
    registrations: int
    webhooks: int
    left_over: int
    proven: bool

    @property
    def is_right(self) -> bool:
        return (self.registrations, self.webhooks, self.left_over, self.proven) == (1, 1, 0, True)


class Provider:
    """A sandbox process; each round has a key of its own, for which it has nothing yet."""

    def __init__(self, processes: Processes) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.url, timeout=20)
        # A second webhook would be refused for good, so whoever lost the secret of the first one can only fail.
        processes.start("sandbox", "--port", str(port), "--second-webhook", "409")
        until(self._answers, "the sandbox")

    def _answers(self) -> bool:
        try:
            return self._http.get("/sandbox/faults").is_success
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._http.close()

    def spoil(self, kind: str) -> None:
        """Hold back the first answer to a registration, or cut it off: the webhook is made by then."""
        self._http.delete("/sandbox/faults").raise_for_status()
        fault = {"endpoint": "/webhooks", "method": "POST", "kind": kind, "seconds": ANSWER_SECONDS}
        self._http.post("/sandbox/faults", json=fault).raise_for_status()

    def registrations(self) -> list[int]:
        """Return how every request to register was answered, of all rounds."""
        asked = self._http.get("/sandbox/requests").json()["requests"]
        return [one["status"] for one in asked if (one["method"], one["path"]) == ("POST", "/api/v1/webhooks")]

    def ask(self, method: str, path: str, key: str) -> dict[str, Any]:
        answer = self._http.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {key}"}, json={})
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


class Race:
    """Rounds over one database, one sandbox, and one web process that all registrations are for.

    Everything that a round leaves belongs to its key, so the next one begins with nothing.
    """

    def __init__(self, processes: Processes, seed: int) -> None:
        self.processes = processes
        self.chance = random.Random(seed)  # noqa: S311 - it is to be repeatable
        self.provider = Provider(processes)
        processes.environment |= {"TRANSCRIBE_API_URL": self.provider.url, "TRANSCRIBE_WEBHOOK_SECRET": ""}
        self.web: Web = processes.serve()

    def run(self, number: int) -> Round:
        """Start two, kill one of them, wait for the other; then judge."""
        key = f"tsk_test_of_round_{number}_{self.chance.randbytes(6).hex()}"
        kinds = KINDS[number % len(KINDS)]
        self.provider.spoil("truncated" if number % 10 == 8 else "slow")
        before = len(self.provider.registrations())
        settings = {"TRANSCRIBE_API_KEY": key, "PUBLIC_URL": self.web.url}
        racing = [self.processes.start(kind, **settings, PORT=str(free_port())) for kind in kinds]
        killed = self.chance.randrange(2)
        if number % 2:  # every other time while the provider is asked, which is short
            until(lambda: self._rows(key), "one of them is about to ask")
            time.sleep(self.chance.uniform(0, ANSWER_SECONDS))
        else:
            time.sleep(self.chance.uniform(0, KILLED_WITHIN_SECONDS))
        reached = self._reached(key)
        racing[killed].kill()
        _finish(racing[1 - killed], kinds[1 - killed])
        return self._judge(key, reached, self.provider.registrations()[before:])

    def _rows(self, key: str) -> list[Mapping[str, Any]]:
        return self.processes.sql(
            "select webhook_id, secret, retired_at from receiver.registrations"
            f" where key_fingerprint = '{signature.fingerprint(key.encode())}' order by id"
        )

    def _reached(self, key: str) -> str:
        rows = self._rows(key)
        return "nothing was written" if not rows else "it was asked" if rows[0]["secret"] is None else "it was done"

    def _judge(self, key: str, reached: str, answered: list[int]) -> Round:
        rows = self._rows(key)
        registered = [row for row in rows if row["secret"] is not None]
        webhook = self.provider.ask("GET", "/webhooks", key)
        # Under another Idempotency-Key than the first it would have been answered 409.
        refused = Counter(answered)[409]
        current = registered[-1] if registered else None
        return Round(
            killed=reached,
            asked=len(answered),
            registrations=len(registered),
            webhooks=1 + refused,
            left_over=sum(row["secret"] is None and row["retired_at"] is None for row in rows),
            proven=current is not None
            and current["webhook_id"] == webhook["id"]
            and self._proves(key, current["secret"]),
        )

    def _proves(self, key: str, secret: str) -> bool:
        """Whether a delivery signed by the provider's webhook of this key is taken, and proven by the stored secret."""
        name = signature.fingerprint(secret.encode())
        self.provider.ask("POST", "/webhooks/test", key)

        def verified() -> bool:
            rows = self.processes.sql(f"select 1 from receiver.events where secret_fingerprint = '{name}'")
            return bool(rows) or bool(self.provider.ask("GET", "/webhooks", key)["consecutive_failures"])

        until(verified, "the test event is answered")
        return not self.provider.ask("GET", "/webhooks", key)["consecutive_failures"]


@contextmanager
def racing(processes: Processes, seed: int) -> Iterator[Race]:
    race = Race(processes, seed)
    try:
        yield race
    finally:
        race.provider.close()


def _finish(process: Process, kind: str) -> None:
    """Wait until a process has registered, or found that it is, and end it."""
    if kind == "serve":
        until(lambda: re.search("registered (for )?http", process.log), "the other one has registered")
        assert process.end() == 0, process.log
    assert process.popen.wait(WAIT_SECONDS) == 0, process.log
