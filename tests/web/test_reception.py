"""`web.reception`: a delivery comes to the same by both ways, and leaves the same behind."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from receiver.signature import HEADER
from receiver.testing import TEMPLATE, Server
from receiver.web import body
from receiver.webhooks.keyring import Proven
from tests.faults import forgery
from tests.faults.bodies import Author, deep
from tests.processes import SECRET, completed, sign
from tests.server.wire import ODD, PATH, Answer, Web, serving
from tests.web.test_app import API, BIG, HANDLERS, account

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFF = 200  # seconds of our deliveries' clock; times are compared by hundreds
CALLBACKS = """
    insert into receiver.callbacks (token, api_url, account, idempotency_key, transcription_id, secret) values
        ('token', $1, 'default', 'k1', '7', 'whsec_of_7'), ('big', $1, 'big-show', 'k2', '8', 'whsec_of_8'),
        (repeat('t', 64), $1, 'default', 'k3', '9', 'whsec_of_9'), ('gone', $1, 'gone', 'k4', '6', 'whsec_of_6')
"""
ROWS = (
    """
    select e.source, e.api_url, e.account, e.event_id, e.transcription_id, e.type, e.unreadable, sha256(e.raw),
        e.secret_fingerprint, e.callback_for, e.deliveries, e.title, e.origin, e.claimed_id, round(e.seconds_off / 100)
    from receiver.events as e order by e.id
    """,
    """
    select e.event_id, j.source, j.api_url, j.account, j.handler, j.state, j.attempt
    from receiver.jobs as j join receiver.events as e on e.id = j.event order by j.event, j.handler
    """,
    """
    select e.event_id, d.number, d.secret_fingerprint, d.how, round(d.seconds_off / 100)
    from receiver.deliveries as d join receiver.events as e on e.id = d.event order by d.event, d.number
    """,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery. `is_direct` means that it does not reach the application."""

    raw: bytes
    path: str = PATH
    secret: bytes = SECRET
    signature: str | None = None
    lines: tuple[str, ...] = ()
    is_direct: bool = True

    def request(self, at: float, *more: str) -> bytes:
        """Return the request's bytes."""
        signature = sign(self.raw, secret=self.secret, at=at)["X-Transcribe-Signature"]
        if self.signature is not None:
            signature = self.signature.replace("GOOD", signature)
        said = [] if self.signature == "" else [f"X-Transcribe-Signature: {signature}"]
        lines = [
            f"POST {self.path} HTTP/1.1", "Host: web", f"Content-Length: {len(self.raw)}", *said, *self.lines, *more,
        ]  # fmt: skip
        return "\r\n".join([*lines, "", ""]).encode() + self.raw


class Ways:
    """Two servers with databases of their own, which get the same deliveries by one way each."""

    def __init__(self, direct: Web, long: Web) -> None:
        self.direct = direct
        self.long = long

    async def send(self, sent: Sent) -> Answer:
        """Send a delivery by both ways, see that nothing differs, and return the answer."""
        at = time.time() - OFF
        one, other = await asyncio.gather(
            self.answer(self.direct, sent.request(at)),
            self.answer(self.long, sent.request(at, *ODD)),
        )
        (first, reached), (second, reached_too) = one, other
        assert (first.status, first.content) == (second.status, second.content)
        assert [(name, name == "date" or value) for name, value in first.headers.items()] == [
            (name, name == "date" or value) for name, value in second.headers.items()
        ]
        assert (reached, reached_too) == (not sent.is_direct, True)
        return first

    async def hold(self) -> None:
        """See that both have stored the same."""
        for rows in ROWS:
            assert await self.direct.db.fetch(rows) == await self.long.db.fetch(rows)

    async def answer(self, web: Web, request: bytes) -> tuple[Answer, bool]:
        """Return the answer, and whether the request has reached the application."""
        before = len(web.seen)
        web.receiver.keyring.hurry()  # a bad signature waits for a reading
        async with web.connected() as client:
            await client.send(request)
            return await client.answer(), len(web.seen) > before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(receiver_server: Server) -> AsyncIterator[Ways]:
    webs = []
    async with AsyncExitStack() as stack:
        for name in ("receiver_test_direct", "receiver_test_long"):
            url = receiver_server.create(name, "--template", TEMPLATE)
            stack.callback(receiver_server.drop, name)
            accounts = [account(SECRET, b"whsec_old"), BIG]
            webs.append(await stack.enter_async_context(serving(url, accounts=accounts, handlers=HANDLERS)))
            await webs[-1].db.execute(CALLBACKS, API)
            webs[-1].receiver.keyring.hurry()
            await webs[-1].receiver.keyring.read_again()
        yield Ways(*webs)


@pytest_asyncio.fixture(loop_scope="module")
async def ways(both: Ways) -> AsyncIterator[Ways]:
    yield both
    await both.hold()


# --- good ones, and repeats ------------------------------------------------------------------------------------------

BIG_SECRET = BIG.own_secrets[0]
GOOD = {
    "an event": Sent(completed("evt_1")),
    "of the old secret": Sent(completed("evt_old"), secret=b"whsec_old"),
    "that nobody wants": Sent(completed("evt_unwanted", event_type="tomorrow.invented")),
    "a slash at the end": Sent(completed("evt_slash"), path=f"{PATH}/"),
    "a query": Sent(completed("evt_query"), path=f"{PATH}?a=1", is_direct=False),
    "an escaped path": Sent(completed("evt_escaped"), path=PATH.replace("-", "%2D"), is_direct=False),
    "another account": Sent(completed("evt_1"), path=f"{PATH}/big-show", secret=BIG_SECRET),
    "another account with a slash": Sent(completed("evt_b"), path=f"{PATH}/big-show/", secret=BIG_SECRET),
    "a callback": Sent(completed("evt_7", 7), path=f"{PATH}/jobs/token", secret=b"whsec_of_7"),
    "a callback with a slash": Sent(completed("evt_7s", 7), path=f"{PATH}/jobs/token/", secret=b"whsec_of_7"),
    "a callback about another": Sent(completed("evt_7x", 8), path=f"{PATH}/jobs/token", secret=b"whsec_of_7"),
    "an account's callback": Sent(completed("evt_8", 8), path=f"{PATH}/jobs/big", secret=b"whsec_of_8"),
    "the longest token": Sent(completed("evt_9", 9), path=f"{PATH}/jobs/{'t' * 64}", secret=b"whsec_of_9"),
    "a float beyond floats": Sent(b'{"id":"evt_1e400","event":"webhook.test","data":{"n":1e400}}'),
    "the largest body": Sent(completed("evt_large").ljust(body.BODY_BYTES)),
    "further headers": Sent(completed("evt_h"), lines=("Content-Type: application/json", "User-Agent: x", "X-B:  c ")),
    "a kept connection": Sent(completed("evt_kept"), lines=("Connection: keep-alive",)),
    "a closed connection": Sent(completed("evt_closed"), lines=("Connection: close",)),
}


@pytest.mark.parametrize("kind", GOOD)
async def test_a_good_delivery_and_its_repeats_come_to_the_same_by_both_ways(kind: str, ways: Ways) -> None:
    quarantined = kind == "a callback about another"
    said = [(await ways.send(GOOD[kind])).said for _ in range(3)]
    assert said == [(200, "quarantined" if quarantined else "stored"), *[(200, "duplicate")] * 2]


async def test_other_bytes_under_one_id_come_to_the_same_by_both_ways(ways: Ways) -> None:
    first, other = completed("evt_twice"), completed("evt_twice", event_type="transcription.failed")
    said = [(await ways.send(Sent(raw))).said[1] for raw in (first, other, first, other)]
    assert said == ["stored", "quarantined", "duplicate", "duplicate"]


async def test_many_repeats_come_to_the_same_by_both_ways(ways: Ways) -> None:
    raw = completed("evt_often")
    assert [(await ways.send(Sent(raw))).said[1] for _ in range(23)] == ["stored", *["duplicate"] * 22]
    assert await ways.direct.db.fetchval("select min(seconds_off) from receiver.deliveries") >= OFF
    numbers = await ways.direct.db.fetch(
        "select d.number from receiver.deliveries as d join receiver.events as e on e.id = d.event"
        " where e.event_id = 'evt_often' order by 1"
    )
    assert [row["number"] for row in numbers] == list(range(2, 21))


# --- bodies ----------------------------------------------------------------------------------------------------------

UNREADABLE = (
    b" ", b"{}", b"[]", b"null", b"not JSON", b"\xff\x00", b"\r\n", b'{"id": "evt_1"}', b'{"id":1,"id":2}', b"[" * 5000,
    deep(64), deep(65), deep(1000), b'{"id":"' + b"x" * 300 + b'","event":"a.b"}', b'{"id":"z","event":"a\\u0000b"}',
    completed("evt_utf16").decode().encode("utf-16"), b"\xef\xbb\xbf" + completed("evt_bom"), b"x" * body.BODY_BYTES,
    json.dumps({"id": "evt_nan", "event": "a.b", "data": float("nan")}).encode(),
    b"POST /webhooks/transcribe-so HTTP/1.1\r\nHost: web\r\n\r\n",
)  # fmt: skip


@pytest.mark.parametrize("raw", UNREADABLE, ids=lambda raw: ascii(raw)[:30])
async def test_a_body_that_is_no_event_comes_to_the_same_by_both_ways(raw: bytes, ways: Ways) -> None:
    for answered in ("first", "again"):
        status, said = (await ways.send(Sent(raw))).said
        assert (status, said == "duplicate") == (200, answered == "again")


async def test_bodies_of_every_kind_come_to_the_same_by_both_ways(ways: Ways) -> None:
    bodies = [raw for raw in Author("both ways").bodies(60) if raw]
    assert {(await ways.send(Sent(raw))).status for raw in bodies} == {200}


async def test_no_body_comes_to_the_same_by_both_ways(ways: Ways) -> None:
    assert (await ways.send(Sent(b"", is_direct=False))).said == (200, "quarantined")


async def test_a_body_beyond_the_bound_comes_to_the_same_by_both_ways(ways: Ways) -> None:
    answer = await ways.send(Sent(b" " * (body.BODY_BYTES + 1), is_direct=False))
    assert (answer.said, answer.headers["connection"]) == ((413, "body_too_large"), "close")


# --- signatures ------------------------------------------------------------------------------------------------------


def wire(text: bytes) -> str | None:
    """Return what can stand in a line of a head as it is."""
    return text.decode() if text.isascii() and text.decode().isprintable() else None


SIGNATURES = {
    "", " ", ",", "GOOD", "GOOD,", " GOOD ", ",GOOD", "GOOD,GOOD", "t=1", "v1=" + "0" * 64, "x" * 1025,
    *(f"GOOD,{said}" for element in forgery.STRANGE if (said := wire(element))),
    *(f"{said},GOOD" for element in forgery.STRANGE if (said := wire(element))),
    *(f"t={said},v1={'0' * 64}" for stamp in forgery.STAMPS if (said := wire(stamp))),
}  # fmt: skip


async def test_signatures_of_every_kind_come_to_the_same_by_both_ways(ways: Ways) -> None:
    statuses = [
        (await ways.send(Sent(completed(f"evt_s{n}"), signature=said))).status
        for n, said in enumerate(sorted(SIGNATURES))
    ]
    assert set(statuses) == {200, 401}
    assert min(statuses.count(200), statuses.count(401)) > 20


async def test_a_stale_signature_comes_to_the_same_by_both_ways(ways: Ways) -> None:
    stale = sign(completed("evt_stale"), at=1_777_472_458)["X-Transcribe-Signature"]
    assert (await ways.send(Sent(completed("evt_stale"), signature=stale))).said == (401, "invalid_signature")


REFUSED: dict[str, Sent] = {
    "another account's secret": Sent(completed("evt_r"), secret=BIG_SECRET),
    "another account's path": Sent(completed("evt_r"), path=f"{PATH}/big-show"),
    "the webhook's secret at a callback": Sent(completed("evt_r", 7), path=f"{PATH}/jobs/token"),
    "a callback's secret at the webhook": Sent(completed("evt_r", 7), secret=b"whsec_of_7"),
    "an unknown callback": Sent(completed("evt_r", 7), path=f"{PATH}/jobs/unknown", secret=b"whsec_of_7"),
    "a callback of no account": Sent(completed("evt_r", 6), path=f"{PATH}/jobs/gone", secret=b"whsec_of_6"),
    "a token that is too long": Sent(
        completed("evt_r", 9), path=f"{PATH}/jobs/{'t' * 65}", secret=b"whsec_of_9", is_direct=False
    ),
    "a token that is none": Sent(
        completed("evt_r", 7), path=f"{PATH}/jobs/token.", secret=b"whsec_of_7", is_direct=False
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_what_its_path_does_not_prove_comes_to_the_same_by_both_ways(kind: str, ways: Ways) -> None:
    assert (await ways.send(REFUSED[kind])).said == (401, "invalid_signature")


@pytest.mark.parametrize("path", [
    "/", "//", "/webhooks", "/webhooks/", f"{PATH}//", f"/{PATH}", f"{PATH}/x", f"{PATH}/small-show", f"{PATH}/default",
    f"{PATH}/jobs", f"{PATH}/jobs/", f"{PATH}/jobs/token/x", f"{PATH}/jobs/token//", f"{PATH}/big-show/x",
    f"{PATH}/BIG-SHOW", f"{PATH};a=1", "/webhooks/./transcribe-so", "/Webhooks/transcribe-so", "/webhooks/x",
])  # fmt: skip
async def test_what_is_no_path_comes_to_the_same_by_both_ways(path: str, ways: Ways) -> None:
    assert (await ways.send(Sent(completed("evt_nowhere"), path=path, is_direct=False))).said == (404, "not_found")


# --- what is not known yet -------------------------------------------------------------------------------------------


LATER = """
    insert into receiver.callbacks (token, api_url, idempotency_key, transcription_id, secret)
    values ('later', $1, 'k5', '5', 'whsec_of_5')
"""


async def test_a_callback_that_is_not_known_yet_is_looked_up_once(both: Ways) -> None:
    web, known = both.direct, []
    await web.db.execute(LATER, API)
    for number in range(2):
        sent = Sent(completed(f"evt_later_{number}", 5), path=f"{PATH}/jobs/later", secret=b"whsec_of_5")
        signed = [(HEADER, sign(sent.raw, secret=sent.secret)["X-Transcribe-Signature"].encode())]
        known.append(isinstance(web.receiver.keyring.prove(signed, sent.raw, "later"), Proven))
        answer, has_reached = await both.answer(web, sent.request(time.time()))
        assert (answer.said, has_reached) == ((200, "stored"), False)
    assert known == [False, True]
