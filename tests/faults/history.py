"""What a run saw, kept outside the database, and the judgement on what the database made of it.

    driver    sent ▪ answered ▪ kill ▪ start ▪ down ▪ up ──┐
                                                           ├──▶ history.jsonl ──▶ judge(history, what is stored)
    handlers  effect ──────────────────────────────────────┘

Each line is on disk before what it tells goes on. Drivers and handlers write to one file; a line that a kill cut off
cannot spoil the next, because every line begins with a line's end of its own.
"""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from tests.processes import Processes

What = Literal["sent", "answered", "effect", "kill", "start", "down", "up"]

# Two effects of every event: a row that nothing keeps from being written twice, and a line outside of the database.
TABLE = "create table public.effects (event_id text not null)"
HANDLER = """
import json
import os
import time
from datetime import timedelta

from receiver import Context, Event, RetryPolicy, handler

OFTEN = RetryPolicy(attempts=1000, first=timedelta(seconds=0.2), limit=timedelta(seconds=1))


def tell(event: Event, ctx: Context) -> None:
    line = {"at": time.time(), "what": "effect", "event": event.id, "key": ctx.idempotency_key}
    history = os.open(os.environ["HISTORY"], os.O_WRONLY | os.O_APPEND)
    os.write(history, f"\\n{json.dumps(line)}\\n".encode())
    os.fsync(history)
    os.close(history)


@handler("transcription.completed", retry=OFTEN)
async def write(event: Event, ctx: Context) -> None:
    tell(event, ctx)
    async with ctx.completing() as connection:
        await connection.execute("insert into public.effects (event_id) values ($1)", event.id)


@handler("transcription.completed", retry=OFTEN)
async def tell_only(event: Event, ctx: Context) -> None:
    tell(event, ctx)
"""
HANDLERS = ("write", "tell_only")


class History:
    """A file of lines, each on disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def write(self, what: What, **more: object) -> None:
        line = json.dumps({"at": time.time(), "what": what, **more})
        with self.path.open("ab", buffering=0) as file:
            file.write(f"\n{line}\n".encode())
            os.fsync(file.fileno())

    def sent(self, event: str, body: bytes) -> None:
        self.write("sent", event=event, digest=digest(body))

    def answered(self, event: str, status: int | None, *, seconds: float, last: bool = True) -> None:
        """Tell of an answer; a `status` of None is a connection that broke. `last`: it is not tried again."""
        self.write("answered", event=event, status=status, seconds=seconds, last=last)

    def read(self) -> list[dict[str, Any]]:
        """Return every whole line."""
        found = []
        for line in self.path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # empty, or cut off by a kill
                continue
        return found


@dataclass(frozen=True, slots=True)
class State:
    """What the database holds in the end.

    Attributes:
        stored: event id and a digest of the raw bytes, for each row.
        effects: an event id for each row that a handler wrote.
        unfinished: event ids of jobs that are pending or running.
        dead: event ids of jobs that are not tried again.
    """

    stored: tuple[tuple[str, str], ...]
    effects: tuple[str, ...]
    unfinished: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The events that were not treated as promised. None is as it must be."""

    lost: frozenset[str]  # answered 2xx, not in the inbox
    altered: frozenset[str]  # in the inbox with other bytes than were sent, or never sent
    doubled: frozenset[str]  # twice in the inbox, or with two effects in the database
    missing: frozenset[str]  # in the inbox without its effect in the database, or without one key for each outside
    stuck: frozenset[str]  # a job is pending, running or dead

    def __bool__(self) -> bool:
        """Whether all is well."""
        return not any(getattr(self, one.name) for one in fields(self))


def judge(history: Iterable[Mapping[str, Any]], state: State) -> Judgement:
    """Compare what was said with what is. A delivery without an answer may be stored or not, but not twice."""
    lines = list(history)
    sent = {(line["event"], line["digest"]) for line in lines if line["what"] == "sent"}
    answered = {line["event"] for line in lines if line["what"] == "answered" and _is_good(line["status"])}
    outside: dict[str, set[str]] = {}
    for line in lines:
        if line["what"] == "effect":
            outside.setdefault(line["event"], set()).add(line["key"])
    stored = Counter(event for event, _ in state.stored)
    inside = Counter(state.effects)
    return Judgement(
        lost=frozenset(answered - stored.keys()),
        altered=frozenset(event for event, of in state.stored if (event, of) not in sent),
        doubled=frozenset(event for event, times in (*stored.items(), *inside.items()) if times > 1),
        missing=frozenset(
            event for event in stored if event not in inside or len(outside.get(event, ())) != len(HANDLERS)
        ),
        stuck=frozenset((*state.unfinished, *state.dead)),
    )


def look(processes: Processes) -> State:
    """Return what the processes' database holds."""
    stored = processes.sql(
        "select event_id, raw from receiver.events where type is distinct from 'webhook.test' and origin = 'webhook'"
    )
    jobs = processes.sql(
        "select e.event_id, j.state::text from receiver.jobs j join receiver.events e on e.id = j.event"
    )
    return State(
        stored=tuple((row["event_id"], digest(row["raw"])) for row in stored),
        effects=tuple(row["event_id"] for row in processes.sql("select event_id from public.effects")),
        unfinished=tuple(row["event_id"] for row in jobs if row["state"] in ("pending", "running")),
        dead=tuple(row["event_id"] for row in jobs if row["state"] == "dead"),
    )


def failures_in_a_row(history: Iterable[Mapping[str, Any]]) -> int:
    """Return the longest row of failures as the provider counts them: a delivery fails with the last of its tries."""
    longest = row = 0
    for line in history:
        if line["what"] == "answered":
            row = 0 if _is_good(line["status"]) else row + line["last"]
            longest = max(longest, row)
    return longest


def _is_good(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def digest(body: bytes) -> str:
    """Return what stands for a body in a history."""
    return hashlib.sha256(body).hexdigest()
