"""What an assistant's questions take: `python -m tests.benchmarks.mcp [--hours N] [--events N]`.

A database with 1,000 hours of speech and some events, made as the console's. Each question is asked 200 times, one
after the other. Over HTTP by bytes alone: a time is from the first byte of the question to the last byte of the
answer, so what the server takes is less. Over the standard streams by the official client, which holds each answer
against the tool's schema: that takes it ten milliseconds and more. Every address of a search is opened. Nothing is
asserted.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from http import client as http_client
from typing import Any, TypeAlias

from mcp import Client, StdioServerParameters

from tests.benchmarks.console import API_URL, FREQUENT, HOURS, SELDOM, TIMES, TOKEN, WARM, Times, fill, say
from tests.benchmarks.stage import Place, stage
from tests.processes import free_port

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], Awaitable[tuple[int, bool]]]  # the answer's bytes; is it an error?

EVENTS = 10_000
HEADERS = {
    "Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
}  # fmt: skip
MOST = 100.0  # milliseconds
ONE = {"source": "transcribe.so", "id": str(10**9)}
QUESTIONS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("search_transcripts", {"words": FREQUENT}), ("search_transcripts", {"words": SELDOM}),
    ("search_transcripts", {"words": f"{FREQUENT} {SELDOM}"}), ("search_transcripts", {"words": "nowhere"}),
    ("search_transcripts", {"words": FREQUENT, "since": "1h", "limit": 30}), ("search_transcripts", {}),
    ("search_transcripts", {"limit": 30}), ("get_transcript", ONE), ("get_transcript", ONE | {"at_seconds": 1800}),
    ("get_transcript", ONE | {"limit": 50_000}), ("get_timestamps", ONE), ("list_events", {}),
    ("list_events", {"state": "dead"}), ("list_events", {"id": "evt_77"}), ("explain_event", {"event": "@77"}),
    ("list_dead", {}),
)  # fmt: skip


def main(events: int, hours: int) -> None:
    """Measure, and print."""
    with stage(say) as where:
        place = where.place("assistants", RECEIVER_MCP_TOKEN=TOKEN, TRANSCRIBE_API_URL=API_URL)
        asyncio.run(fill(place.url, events, hours))
        port = free_port()
        began = time.perf_counter()
        place.start("mcp", "--http", str(port)).until_logged("assistants can ask at")
        say(f"listens after {time.perf_counter() - began:.1f} s")
        asyncio.run(measure(place, port))


async def measure(place: Place, port: int) -> None:
    """Ask both ways."""
    http = http_client.HTTPConnection("127.0.0.1", port, timeout=60)

    async def by_bytes(tool: str, given: Mapping[str, Any]) -> tuple[int, bool]:
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": given}}
        http.request("POST", "/mcp", json.dumps(asked).encode(), HEADERS)
        answer = http.getresponse().read()
        return len(answer), json.loads(answer)["result"]["isError"]

    slowest = await table("HTTP", by_bytes)
    http.close()
    async with Client(started(place)) as client:

        async def by_client(tool: str, given: Mapping[str, Any]) -> tuple[int, bool]:
            answer = await client.call_tool(tool, dict(given))
            (content,) = answer.content
            return len(getattr(content, "text", "")), answer.is_error

        await table("stdio, with the official client", by_client)
        say(f"{await opened(client)} addresses of a search were opened")
    say(f"HTTP: 95 of 100 answers of each question within {slowest:.0f} ms (asked for: {MOST:g} ms)")


async def table(name: str, ask: Ask) -> float:
    """Ask each question, print what it took, and return the slowest 95th percentile."""
    slowest = 0.0
    say(f"{'p50':>9}{'p95':>9}{'max':>9}{'KB':>8}  {name}")
    for tool, given in QUESTIONS:
        found = await times(ask, tool, given)
        slowest = max(slowest, found.quantile(0.95))
        figures = "".join(f"{found.quantile(share):>9.1f}" for share in (0.5, 0.95, 1))
        say(f"{figures}{found.size / 1000:>8.0f}  {found.address}{' (an error)' if found.status else ''}")
    return slowest


async def times(ask: Ask, tool: str, given: Mapping[str, Any]) -> Times:
    """Ask a question again and again, after some that are not counted."""
    found, size, is_error = list[float](), 0, False
    for _ in range(WARM + TIMES):
        began = time.perf_counter()
        size, is_error = await ask(tool, given)
        found.append((time.perf_counter() - began) * 1000)
    return Times(f"{tool} {dict(given)}", int(is_error), size, found[WARM:])


async def opened(client: Client) -> int:
    """Open each address that a search gives; return how many there were."""
    answer = await client.call_tool("search_transcripts", {"words": FREQUENT})
    found = answer.structured_content["found"]
    for hit in found:
        (content,) = (await client.read_resource(hit["uri"])).contents
        assert FREQUENT in getattr(content, "text", ""), hit["uri"]
    return len(found)


def started(place: Place) -> StdioServerParameters:
    """Return what starts the command itself."""
    return StdioServerParameters(
        command=sys.executable, args=["-m", "receiver", "mcp"], env=place.environment, cwd=place.folder
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mcp", description="An assistant's questions.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--hours", type=int, default=HOURS)
    asked = parser.parse_args()
    main(asked.events, asked.hours)
