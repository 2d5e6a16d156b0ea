"""Call the provider from a process of its own, within the budget of a key that others use too.

    python -m tests.providers.spending API_URL DATABASE_URL CALLS SPEED

Says `ready` once it is connected to the provider, begins at the next line of its input, and ends when every call has
been answered, with what its budget noted, by the clock of all processes. SPEED is how many of the budget's minutes are
in one of ours.
"""

import asyncio
import json
import sys
import time
from datetime import timedelta

from pydantic import SecretStr

from receiver.database import Connections
from receiver.providers import TranscribeSo
from receiver.providers.budget import ZERO, SharedBudget
from receiver.providers.rate import MINUTE, Rate

KEY = SecretStr("tsk_live_shared")


class Noting(SharedBudget):
    """Notes between which two moments it had no turn to give, and when a pause began to hold everybody."""

    full: list[tuple[float, float]]
    paused: list[float]

    async def ask(self, *, live: bool, patience: timedelta) -> timedelta:
        began = time.monotonic()
        wait = await super().ask(live=live, patience=patience)
        if wait > ZERO:
            self.full.append((began, time.monotonic()))
        return wait

    async def pause(self, duration: timedelta) -> None:
        await super().pause(duration)
        self.paused.append(time.monotonic())


async def spend(api_url: str, database_url: str, calls: int, speed: float) -> None:
    """Make the calls one after another; repeat a refused call after its pause."""
    connections = Connections(database_url, size=1)
    budget = Noting(connections, api_url=api_url, key_fingerprint="shared", rate=Rate.of(60, minute=MINUTE / speed))
    budget.full, budget.paused = [], []
    async with TranscribeSo(api_url, KEY, retries=(0,), budget=budget) as api:
        await api.http.get(f"{api_url}/sandbox/faults")
        print("ready", flush=True)  # noqa: T201 - for the parent process
        await asyncio.to_thread(sys.stdin.readline)
        for _ in range(calls):
            await api.me()
    connections.close()
    print(json.dumps({"full": budget.full, "paused": budget.paused}))  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(spend(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
