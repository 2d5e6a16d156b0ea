"""nginx with the lines of the README, in front of a real `receiver serve`.

It needs `apt-get install nginx-light`; or, without installing anything, `apt-get download nginx`, `dpkg -x nginx_*.deb
FOLDER`, and FOLDER/usr/sbin in PATH.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from receiver.web.body import BODY_BYTES
from tests.health.doctor.mishaps import MISHAPS, STATUSES, Relay, deliver_all, diagnosed, know
from tests.processes import Processes, Web, completed, free_port, sign, until
from tests.readme import block, replaced
from tests.servers import serving

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
((UPSTREAM, LOCATION, CONSOLE),) = re.findall(
    r"^(upstream receiver .*?^\})\n(location ~.*?^\})\n(location / .*?^\})\n\Z",
    block("upstream receiver "), re.DOTALL | re.MULTILINE,
)  # fmt: skip
AROUND = """
daemon off; master_process off; pid nginx.pid;
events {}
http {
    access_log off; client_body_temp_path bodies; proxy_temp_path answers;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
UPSTREAM
    server {
        listen 127.0.0.1:PORT;
LOCATION
    }
}
"""
HTTPS = "PORT ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;"
CERTIFICATE = (
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
    "/CN=127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem",
)  # fmt: skip
TOKEN = "a_token_of_the_tests"
WEBHOOK = "/webhooks/transcribe-so"
ESTABLISHED = "01"

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is missing: see the docstring of tests/peers/test_nginx.py"
)


@contextmanager
def nginx(folder: Path, receiver: int, location: str = LOCATION, *, https: bool = False) -> Iterator[httpx.Client]:
    """Run nginx before a receiver at a port; yield a client of it."""
    assert NGINX is not None
    folder.mkdir()
    if https:
        subprocess.run(CERTIFICATE, cwd=folder, check=True, capture_output=True)
    port, upstream = free_port(), replaced(UPSTREAM, {":8000;": f":{receiver};"})
    around = AROUND.replace("PORT;", HTTPS) if https else AROUND
    lines = around.replace("UPSTREAM", upstream).replace("LOCATION", location).replace("PORT", str(port))
    (folder / "nginx.conf").write_text(lines)
    command = (NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log")
    base_url = f"http{'s' if https else ''}://127.0.0.1:{port}"
    with subprocess.Popen(command) as running, httpx.Client(base_url=base_url, verify=False) as http:  # noqa: S501 - its own
        try:
            until((folder / "nginx.pid").exists, "nginx listens")
            yield http
        finally:
            running.terminate()
    assert running.returncode == 0


@pytest.fixture
def web(processes: Processes, receiver_database: str) -> Web:
    return processes.serve(DATABASE_URL=receiver_database, RECEIVER_TOKEN=TOKEN)


def deliver(http: httpx.Client, body: bytes, path: str = WEBHOOK) -> int:
    return http.post(path, content=body, headers=sign(body)).status_code


def kept(web: Web) -> int:
    """Return how many connections to a web process are open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1] == f"0100007F:{web.port:04X}" and row[3] == ESTABLISHED for row in rows)


def test_authentic_deliveries_arrive_byte_for_byte_over_one_connection(
    processes: Processes, web: Web, receiver_database: str, tmp_path: Path
) -> None:
    bodies = {f"evt_{number}": completed(f"evt_{number}") for number in range(5)}
    bodies["evt_large"] = completed("evt_large").ljust(BODY_BYTES)
    with nginx(tmp_path / "nginx", web.port) as http:
        assert [deliver(http, body) for body in bodies.values()] == [200] * len(bodies)
        assert kept(web) == 1
        assert deliver(http, b" " * (BODY_BYTES + 1)) == 413
    processes.environment["DATABASE_URL"] = receiver_database
    rows = processes.sql("select event_id, raw from receiver.events")
    assert {row["event_id"]: row["raw"] for row in rows} == bodies


def test_what_programs_submit_passes_with_its_headers_and_readyz_and_nothing_else(web: Web, tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", web.port) as http:
        token = {"Authorization": f"Bearer {TOKEN}"}
        for key, is_missed in ({}, True), ({"Idempotency-Key": "mine"}, False):
            refused = http.post("/submissions", headers=token | key, json={})
            assert (refused.status_code, "Idempotency-Key" in refused.text) == (400, is_missed)
        assert http.get("/submissions/sub_1").status_code == 401
        assert (http.get("/readyz").status_code, http.get("/readyz").text[:9]) == (200, "database:")
        assert [http.get(path).status_code for path in ("/readyzx", "/submissionsx", "/")] == [404, 404, 404]
        assert "wrong_path" not in web.log


def test_the_location_of_a_prefix_takes_it_away(web: Web, tmp_path: Path) -> None:
    ((before, after),) = re.findall(r"location (/pods\S+) with proxy_pass (\S+)", LOCATION)
    lines = [f"location {before} {{", f"    proxy_pass {after};", *LOCATION.splitlines()[2:]]
    with nginx(tmp_path / "nginx", web.port, "\n".join(lines)) as http:
        assert deliver(http, completed("evt_1"), f"/pods{WEBHOOK}") == 200
        assert deliver(http, completed("evt_2")) == 404


def test_each_mishap_that_comes_through_nginx_is_named(
    processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    know(processes, receiver_database)
    with serving(Relay(processes.serve().port)) as captures, nginx(tmp_path / "nginx", captures.port) as http:
        answers = deliver_all(str(http.base_url))
    assert {name: answer.status_code for name, answer in answers.items()} == STATUSES
    assert all(b"\r\nHost: receiver\r\n" in request for request in captures.captured.values())  # as nginx writes it
    assert diagnosed(processes, captures.captured) == {mishap.name: mishap.cause for mishap in MISHAPS}


def test_the_console_is_opened_by_its_token_alone_is_live_and_takes_large_recordings(
    processes: Processes, receiver_database: str, tmp_path: Path
) -> None:
    port = free_port()
    processes.environment |= {
        "DATABASE_URL": receiver_database, "RECEIVER_CONSOLE": f"127.0.0.1:{port}", "RECEIVER_CONSOLE_TOKEN": TOKEN
    }  # fmt: skip
    processes.start("console").until_logged("the console is at")
    link: str = until(processes.run("console", "--link").stdout.strip, "a link")
    with nginx(tmp_path / "nginx", 8, replaced(CONSOLE, {":8080;": f":{port};"}), https=True) as http:
        http.headers["Sec-Fetch-Site"] = "same-origin"
        assert http.get(link.removeprefix(f"http://127.0.0.1:{port}")).status_code == 403, "nginx is no person here"
        assert http.post("/sign-in", data={"token": TOKEN}).status_code == 303
        assert http.get("/").status_code == 200
        with http.stream("GET", "/changes") as stream:
            assert next(stream.iter_lines()) == "retry: 2000"
        recording = {"file": ("talk.wav", bytes(3_000_000))}
        assert http.post("/submissions/new", files=recording).status_code != 413
