"""`/openapi.json`: the application answers as it says, whatever it is asked. Schemathesis asks and judges."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import given, settings
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from schemathesis.schemas import BaseSchema
from starlette.routing import Route

from receiver.database import Connections
from receiver.inbox.spool import Spool
from receiver.settings import WEBHOOK_PATH
from receiver.signature import key_for_questions
from receiver.testing import TEMPLATE, Server
from receiver.web import Receiver, Submissions, application, openapi
from receiver.web.body import BODY_BYTES
from tests.processes import SECRET, Processes, Web, completed, open_folder, sign
from tests.web.test_app import NOWHERE, account, receiving
from tests.web.test_submissions import account_of

DATABASE = "receiver_test_openapi"
TOKEN = "a-token-of-the-programs"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ASKED = 10  # times in each of two ways, for each operation
OTHER = b"whsec_of_another_account"
ACCOUNTS = {"deliver": SECRET, "deliverToAccount": OTHER}
OPERATIONS = (
    "deliver", "deliverToAccount", "deliverToCallback", "submit", "showSubmission", "resolveSubmission", "isAlive",
    "isReady", "describe",
)  # fmt: skip
CASES = [
    (name, mode) for name in OPERATIONS for mode in GenerationMode
    if mode == GenerationMode.POSITIVE or name not in ("isAlive", "describe")  # these have no input that could be wrong
]  # fmt: skip

load_all_checks()
# A body can be refused for more than a schema says, such as a provider that there is not.
STRICTER = CHECKS.get_by_names(["positive_data_acceptance"])
# 503 is the described answer of what is not ready.
UNREADY = CHECKS.get_by_names(["not_a_server_error"])
# Schemathesis does not know that the signature which it left out was added.
SIGNED = CHECKS.get_by_names(["ignored_auth", "negative_data_rejection"])


class Signing(AuthBase):
    """Signs a delivery as the provider does."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        assert isinstance(body, str | bytes)
        request.headers.update(sign(body.encode() if isinstance(body, str) else body, secret=self._secret))
        return request


@pytest.fixture(scope="module")
def web(receiver_server: Server) -> Iterator[Web]:
    """Yield a receiver with an account that pays, and a token for programs."""
    with open_folder() as folder, Processes(folder) as started:
        started.environment |= {
            "DATABASE_URL": receiver_server.create(DATABASE, "--template", TEMPLATE), "RECEIVER_TOKEN": TOKEN,
            "THUNDERSCRIBE_API_KEY": "key", "THUNDERSCRIBE_API_URL": "http://127.0.0.1:1",
            "TRANSCRIBE_API_KEY__BIG_SHOW": "key", "TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW": OTHER.decode(),
        }  # fmt: skip
        yield started.serve()
    receiver_server.drop(DATABASE)


@pytest.fixture(scope="module")
def schema(web: Web) -> BaseSchema:
    """Return what is served, once it was found to be a document of OpenAPI."""
    with web.http() as http:
        found = schemathesis.openapi.from_dict(http.get(f"{web.url}/openapi.json").json())
    found.config.update(base_url=web.url)
    found.validate()
    return found


def operation(schema: BaseSchema, name: str) -> Any:
    known: Any = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    return next(one for one in known if one.definition.raw["operationId"] == name)


def hold(schema: BaseSchema, name: str, answer: httpx.Response) -> None:
    """Hold an answer against its description. Schemathesis itself takes one whose status is not described."""
    described = operation(schema, name)
    assert str(answer.status_code) in described.definition.raw["responses"]
    described.validate_response(answer)


# --- what it says ----------------------------------------------------------------------------------------------------


async def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    connections, accounts = Connections(NOWHERE), [account(), account(name="two")]
    receiver = Receiver(
        connections=connections, spool=Spool(tmp_path, limit_bytes=10**6), handlers={}, url=NOWHERE, accounts=accounts
    )
    submissions = Submissions(token=b"", connections=connections, account_of=account_of, seconds=1)
    routes = [one for one in application(receiver, submissions.routes).routes if isinstance(one, Route)]
    served = {
        (one.path.removesuffix("/").replace("/two", "/{account}"), method.lower())
        for one in routes for method in (one.methods or ()) if method != "HEAD"
    }  # fmt: skip
    await receiver.close()
    described = json.loads(openapi.document())["paths"]
    assert {(path, method) for path, methods in described.items() for method in methods} == served
    assert [one["operationId"] for methods in described.values() for one in methods.values()] == [*OPERATIONS]


def test_it_is_served_as_it_is_made_and_names_no_account(web: Web) -> None:
    answer = web.get("/openapi.json")
    assert (answer.content, answer.headers["content-type"]) == (openapi.document(), "application/json")
    assert "big-show" not in answer.text


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_whatever_is_asked_is_answered_as_it_is_described(name: str, mode: GenerationMode, schema: BaseSchema) -> None:
    asked = operation(schema, name)

    @settings(max_examples=ASKED)
    @given(asked.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        excluded = STRICTER + (UNREADY if name == "isReady" else [])
        case.call_and_validate(headers=BEARER if "submi" in name.lower() else {}, excluded_checks=excluded)

    ask()


@pytest.mark.parametrize("name", ["deliver", "deliverToAccount"])
def test_whatever_is_signed_is_answered_as_it_is_described(name: str, schema: BaseSchema) -> None:
    asked = operation(schema, name)
    known = {"path_parameters": {"account": "big-show"}} if name == "deliverToAccount" else {}
    statuses = set[int]()

    @settings(max_examples=ASKED)
    @given(asked.as_strategy(**known))
    def ask(case: Any) -> None:
        answer = case.call(auth=Signing(ACCOUNTS[name]))
        statuses.add(answer.status_code)
        case.validate_response(answer, excluded_checks=STRICTER + SIGNED)

    ask()
    assert statuses == {200}


def test_the_usual_answers_are_as_they_are_described(web: Web, schema: BaseSchema) -> None:
    def held(name: str, status: int, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code == status, answer.text
        hold(schema, name, answer)
        return answer

    raw = completed("evt_of_the_usual")
    wanted = {"provider": "thunderscribe", "url": "https://media.example/talk.mp3", "options": {"language": "en"}}
    for said in ("stored", "duplicate"):
        assert held("deliver", 200, web.deliver(raw)).json() == {"status": said}
    held("deliver", 401, web.deliver(raw, secret=b"another"))
    held("deliver", 413, web.deliver(b" " * (BODY_BYTES + 1)))
    held("deliverToAccount", 404, web.deliver(raw, path=f"{WEBHOOK_PATH}/nobody"))
    with web.http() as http:

        def ask(method: str, path: str, **more: Any) -> httpx.Response:
            return http.request(method, f"{web.url}{path}", **({"headers": BEARER} | more))

        keyed = {"headers": BEARER | {"Idempotency-Key": "k1"}}
        placed = held("submit", 202, ask("POST", "/submissions", json=wanted, **keyed)).json()["id"]
        held("submit", 409, ask("POST", "/submissions", json=wanted | {"if_lost": "again"}, **keyed))
        held("submit", 413, ask("POST", "/submissions", content=b" " * (64 * 1024 + 1), **keyed))
        held("submit", 401, ask("POST", "/submissions", json=wanted, headers={}))
        held("showSubmission", 200, ask("GET", f"/submissions/{placed}"))
        resolved = ask("POST", f"/submissions/{placed}/resolve", json={"action": "give_up"})
        held("resolveSubmission", 409, resolved)
        trusted = sign(b"", secret=key_for_questions(SECRET))
        for query, signed in (("", {}), ("?format=json", {}), ("?format=json", trusted)):
            ready = ask("GET", f"/readyz{query}", headers=signed)
            held("isReady", ready.status_code, ready)
            assert ("counts" in ready.text) == bool(signed)


@pytest.mark.parametrize("query", ["", "?format=json"])
async def test_what_is_not_ready_is_answered_as_it_is_described(query: str) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(openapi.document()))
    async with receiving(NOWHERE) as web:
        answer = await web.client.get(f"/readyz{query}")
    assert answer.status_code == 503
    hold(schema, "isReady", answer)
