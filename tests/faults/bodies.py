"""Deliver authentic bodies that no two readers agree on, and judge what was kept of them byte for byte."""

import gzip
import hashlib
import json
import random
import string
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.processes import Process, Processes, Web

LANES = 8
LONGEST = 256 * 1024
# It says what it was given, fails in every way, and writes one row for each job that is done.
HANDLERS = '''
"""Take whatever comes."""

from datetime import timedelta

from receiver import Context, Event, GiveUp, RetryPolicy, handler


@handler("*", retry=RetryPolicy(attempts=2, first=timedelta(0)))
async def anything(event: Event, ctx: Context) -> None:
    title = f"{event.transcription.title} {event.transcription.status}"[:500]
    ctx.log.info("%s: %s", event.type[:80], title)
    chance = sum(event.raw) % 10
    if chance == 0:
        raise GiveUp(title)
    if chance == 1:
        raise RuntimeError(title)
    async with ctx.completing() as tx:
        await tx.execute("insert into effects (event) values ($1)", ctx.idempotency_key)
'''

TEXTS = [
    "", " ", "x" * 10_000, "evt_1", "../../../etc/passwd", "'; drop table receiver.events; --", "$1", "%s%n", "{0}",
    "a\nb", "a\r\n08:15:30.123 error web: forged", "\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "\u2028", "\x85", "\x00",
    "a\x00b", "\ud800", "\udfff", "\ude00\ud83d", "\U0001f600", "\ufeff", "\u0661\u0662", "é" * 300, "null", "*",
    "os.system", "__import__('os')", "http://127.0.0.1:1/", "file:///etc/passwd", "transcription.completed",
    "transcription.*", "Transcription.Completed", "a.b.c", "a" * 256, "a" * 255,
]  # fmt: skip
NUMBERS = [
    0, -1, 1, 1.0, -0.0, 0.1, 1e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**39, 10**40, 10**300,
    float("nan"), float("inf"), float("-inf"), True, False, None,
]  # fmt: skip
KEYS = [
    "id", "event", "data", "created", "transcription", "ID", "type", "\x00", "\ud800", "", "__proto__", "é", "e\u0301",
]  # fmt: skip
ROOTS = [
    "[%s]", '"%s"', "1", "null", "true", "NaN", "%s%s", "%s,", "\ufeff%s", "%s\x00", "// x\n%s", "{%s}", "\t %s \r\n",
]  # fmt: skip
BYTES = [b"\x00", b"\xc0\xaf", b"\x80", b"\xff", b'"', b"}", b",", b"\n"]
ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "utf-8-sig"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was seen: answers that were no 2xx, bodies that are nowhere, and what else has to be zero.

    Attributes:
        sent: deliveries, of them `bodies` that differ.
        events, quarantined: how many of those bodies are stored as what.
        repeated: how many bodies carry the id of another one that was stored as that event, and so count as its repeat.
        lost: bodies that are neither stored nor such a repeat.
        miscounted: by how many the stored count of deliveries differs from what was sent.
        doubled: effects beyond the first of an event.
        stuck: jobs that are not done or dead.
        broken_lines: lines of a log or a command that could be taken for two, or steer a terminal.
    """

    sent: int
    bodies: int
    events: int
    quarantined: int
    repeated: int
    not_2xx: int
    lost: int
    miscounted: int
    doubled: int
    stuck: int
    broken_lines: int

    @property
    def harm(self) -> int:
        return self.not_2xx + self.lost + abs(self.miscounted) + self.doubled + self.stuck + self.broken_lines


class Author:
    """Writes bodies that began as events; the same from the same seed."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - it is to be repeatable
        self._shared = [self._new_id() for _ in range(5)]
        self._changes: list[Callable[[dict[str, Any]], None]] = [
            self._replace, self._replace, self._replace, self._remove, self._add, self._nest, self._rename,
        ]  # fmt: skip

    def bodies(self, count: int) -> Iterator[bytes]:
        """Yield so many; one in fifty is an earlier one once more."""
        earlier: list[bytes] = []
        for _ in range(count):
            if earlier and self.chance.random() < 0.02:
                yield self.chance.choice(earlier)
                continue
            body = self._bytes(self._text())[:LONGEST]
            earlier.append(body)
            yield body

    def _new_id(self) -> str:
        return f"evt_{self.chance.randbytes(8).hex()}"

    def _event(self) -> dict[str, Any]:
        chance = self.chance
        kind = chance.choice(("completed", "completed", "failed", "cancelled", "invented"))
        about = {
            "id": chance.randrange(1, 2**40), "status": kind, "stage": kind, "pipeline_code": "qwen3",
            "language": "auto", "source": "upload", "title": chance.choice(("Folge 1", *TEXTS)),
            "duration_seconds": 60, "charge_usd": 0.03, "completed_at": "2026-04-29T14:25:27.968Z",
        }  # fmt: skip
        own = chance.choice(self._shared) if chance.random() < 0.03 else self._new_id()
        return {"id": own, "event": f"transcription.{kind}", "created": 1777472458, "data": {"transcription": about}}

    def _text(self) -> str:
        """Return an event with changes at the level of JSON."""
        chance, event = self.chance, self._event()
        for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 3))):
            chance.choice(self._changes)(event)
        text = json.dumps(event, ensure_ascii=chance.random() < 0.7, indent=chance.choice((None, None, 1)))
        if chance.random() < 0.04:  # a key twice, somewhere
            text = text.replace("{", f'{{"{chance.choice(KEYS[:6])}": 1, ', chance.choice((1, 3)))
        if chance.random() < 0.03:
            text = text.replace("60", chance.choice(("1" * 41, "-0", "1e400", "012", "+1", "1.", "0x10", ".5")))
        if chance.random() < 0.06:
            text = chance.choice(ROOTS).replace("%s", text)
        return text

    def _bytes(self, text: str) -> bytes:
        """Return the text with changes at the level of bytes."""
        chance, raw = self.chance, text.encode("utf-8", "surrogatepass")
        at = chance.randrange(len(raw))
        match chance.randrange(50):
            case 0:
                raw = text.encode(chance.choice(ENCODINGS), "replace")
            case 1:
                raw = gzip.compress(raw, mtime=0)
            case 2:
                raw = chance.randbytes(chance.randrange(400))
            case 3:
                raw = chance.choice((b"", b" " * chance.randrange(20), raw * 2))
            case 4 if chance.random() < 0.3:  # exactly as long as a delivery may be
                raw = raw.ljust(LONGEST)
            case 5 | 6 | 7:
                raw = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
            case 8 | 9 | 10:
                raw = raw[:at] + chance.choice(BYTES) + raw[at:]
            case 11:
                raw = raw[:at]
            case 12:
                raw = raw[:at] + raw[at + 1 :]
        return raw

    def _place(self, event: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """Return an object in the event, and one of its keys."""
        places, found = [event], []
        while places:
            place = places.pop()
            found += [(place, key) for key in place]
            places += [value for value in place.values() if isinstance(value, dict)]
        return self.chance.choice(found) if found else (event, "id")

    def _value(self) -> Any:
        chance = self.chance
        match chance.randrange(8):
            case 0 | 1 | 2:
                return chance.choice(TEXTS)
            case 3 | 4:
                return chance.choice(NUMBERS)
            case 5:
                return chance.choice(([], {}, [[]], [{}], {"id": 1}, [1, "a", None], {"": {}}, ["\ud800"], {"\x00": 1}))
            case 6:
                return "".join(chance.choices(string.printable, k=chance.randrange(300)))
            case _:
                return chance.randrange(-(10**45), 10**45)

    def _replace(self, event: dict[str, Any]) -> None:
        place, key = self._place(event)
        place[key] = self._value()

    def _remove(self, event: dict[str, Any]) -> None:
        place, key = self._place(event)
        place.pop(key, None)

    def _add(self, event: dict[str, Any]) -> None:
        place, _ = self._place(event)
        place[self.chance.choice((*KEYS, "x" * 1000))] = self._value()

    def _rename(self, event: dict[str, Any]) -> None:
        place, key = self._place(event)
        if key in place:
            place[self.chance.choice(KEYS)] = place.pop(key)

    def _nest(self, event: dict[str, Any]) -> None:
        """Wrap a value in arrays or objects, about as many as are read and more than that."""
        place, key = self._place(event)
        value, wrap = place.get(key), self.chance.choice((lambda v: [v], lambda v: {"a": v}))
        for _ in range(self.chance.choice((1, 5, 59, 60, 61, 62, 63, 64, 65, 66, 200))):
            value = wrap(value)
        place[key] = value


def deep(count: int) -> bytes:
    """Return a body that is deeper than any writer would write."""
    return b'{"id":"evt_deep","event":"a.b","data":' + b"[" * count + b"]" * count + b"}"


def deliver(processes: Processes, web: Web, worker: Process, *, seed: str, count: int) -> Kept:
    """Deliver `count` bodies, wait until every job has ended, and judge what is there."""
    bodies = [deep(130_000), deep(1000), deep(65), *Author(seed).bodies(count - 3)]

    def answer(body: bytes) -> tuple[int, str]:
        answered = web.deliver(body)
        return answered.status_code, answered.text

    with ThreadPoolExecutor(LANES) as pool:
        answers = list(pool.map(answer, bodies))
    processes.settled()
    said = [processes.run("events", "--limit", "0").stdout, processes.run("jobs").stdout, web.log, worker.log]
    return judge(processes, bodies, answers, said)


def judge(processes: Processes, bodies: list[bytes], answers: list[tuple[int, str]], said: list[str]) -> Kept:
    """Hold what is stored, and what was said, against what was sent."""
    rows = processes.sql(
        "select event_id, encode(sha256(raw), 'hex') as hash, deliveries, type is null as quarantined"
        " from receiver.events"
    )
    stored = {str(row["hash"]) for row in rows}
    names = {str(row["event_id"]) for row in rows if not row["quarantined"]}
    told = {body: Counter[str]() for body in bodies}
    for body, (_, text) in zip(bodies, answers, strict=True):
        told[body][text] += 1
    absent = [body for body in told if hashlib.sha256(body).hexdigest() not in stored]
    repeats = [body for body in absent if set(told[body]) == {'{"status":"duplicate"}'} and named(body) in names]
    effects = processes.sql("select count(*) as n, count(distinct event) as events from effects")[0]
    unfinished = processes.sql("select count(*) as n from receiver.jobs where state not in ('done', 'dead')")[0]["n"]
    return Kept(
        sent=len(bodies),
        bodies=len(told),
        events=len(names),
        quarantined=len(rows) - len(names),
        repeated=len(repeats),
        not_2xx=sum(not 200 <= status < 300 for status, _ in answers),
        lost=len(absent) - len(repeats),
        miscounted=sum(row["deliveries"] for row in rows) - len(bodies),
        doubled=effects["n"] - effects["events"],
        stuck=unfinished,
        broken_lines=sum(not line.isprintable() for text in said for line in text.split("\n")),
    )


def named(body: bytes) -> str | None:
    """Return the event id in a body, read with nothing of ours."""
    try:
        return str(json.loads(body)["id"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
