"""Carry out orders to send deliveries: a process of its own, `python -m tests.benchmarks.sender`.

For each line of JSON on stdin, an `Order`: prepare and sign the requests, say `ready`, wait for another line, send
them, and say what came back, as JSON.
"""

import gc
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.load import HOST, Came, Load, Order, prepare

# wrk asks for a request once before it sends any, and that one is never sent. Should the requests be used up, it begins
# again: only servers that store nothing are so fast.
SCRIPT = """
local requests, at = {}, 0
function init(args)
    local file = io.open("requests", "rb")
    while true do
        local size = file:read(8)
        if size == nil then break end
        requests[#requests + 1] = file:read(tonumber(size))
    end
end
function request()
    at = at % #requests + 1
    return requests[at]
end
function done(summary, latency, of)
    local e = summary.errors
    io.write(string.format("CAME %d %d %d %d\\n", summary.requests, e.status,
        e.connect + e.read + e.write + e.timeout, summary.duration))
end
"""


def serve(lines: Iterator[str]) -> None:
    """Carry out the orders."""
    for line in lines:
        order = Order(**json.loads(line))
        requests = prepare(order)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if order.by_wrk:
                write(folder, requests)
            gc.collect()
            gc.disable()
            _say("ready")
            next(lines)
            came = by_wrk(order, folder) if order.by_wrk else Load(order, requests).run()
            gc.enable()
        _say(json.dumps(asdict(came)))


def write(folder: Path, requests: Iterable[bytes]) -> None:
    """Write what wrk sends."""
    (folder / "script.lua").write_text(SCRIPT)
    with (folder / "requests").open("wb") as file:
        for request in requests:
            file.write(f"{len(request):8}".encode() + request)


def by_wrk(order: Order, folder: Path) -> Came:
    """Let wrk send what was written; return what came, without the single latencies."""
    seconds = math.ceil(order.seconds)
    command = ["wrk", "-t1", f"-c{order.connections}", f"-d{seconds}s", "-s", "script.lua"]
    url = f"http://{HOST}:{order.port}{order.path}"
    said = subprocess.run([*command, url], cwd=folder, capture_output=True, text=True, check=False)
    (line,) = [one for one in said.stdout.splitlines() if one.startswith("CAME")] or [f"CAME 0 0 1 1 {said.stderr}"]
    answers, bad, lost, taken = (int(one) for one in line.split()[1:5])
    return Came(
        order.run, {"2xx": answers - bad, "not 2xx": bad} if bad else {"2xx": answers}, lost, taken / 1e6, [], []
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(iter(sys.stdin.readline, ""))
