"""Every route, for everybody who might ask: each route for each of them, complete by the list of routes itself."""

import re
import time
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import httpx
import pytest

from receiver.console import access, errors
from receiver.console.access import LOCAL, PATH, SIGNED_IN_SECONDS, Access, Role
from receiver.console.gate import FOREIGN, UNSAID
from receiver.console.routes import ROUTES, Entry
from receiver.database import Pool
from tests.console.asked import ELSEWHERE, READ_TOKEN, TOKEN, Asked, Person

COOKIE = "receiver_console_8080"
# What is not as usual. Usual: whoever may look may GET, whoever may act may POST.
UNUSUAL: Mapping[tuple[str, str], Role | None] = {
    ("GET", "/assets/{name}"): None,
    ("GET", "/healthz"): None,
    ("GET", PATH): None,
    ("POST", PATH): None,
    ("POST", "/sign-out"): Role.READER,
    # They lead to nothing but what operators do; a draft has a price of a provider's.
    ("GET", "/submissions/new"): Role.OPERATOR,
    ("GET", "/submissions/drafts/{draft}"): Role.OPERATOR,
    ("GET", "/submissions/{id}/resolve"): Role.OPERATOR,
}
Whence: TypeAlias = Literal["here", "elsewhere", "a proxy here"]
WHENCE: Mapping[Whence, dict[str, str]] = {
    "here": {},
    "elsewhere": {"base": ELSEWHERE, "client": "203.0.113.7"},
    "a proxy here": {"X-Forwarded-For": "203.0.113.7"},
}
USUAL = {"GET": Role.READER, "POST": Role.OPERATOR}


class Identity(NamedTuple):
    """Somebody with a cookie: which one, from where, and what they may do."""

    cookie: str
    whence: Whence
    role: Role | None

    def person(self, asked: Asked) -> Person:
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return asked.nobody(**WHENCE[self.whence], **cookie)


NAMES = (
    "nobody", "nobody elsewhere", "a link here", "that cookie elsewhere", "that cookie through a proxy here",
    "an operator's token", "an operator's token elsewhere", "a reader's token", "a reader's token elsewhere",
    "a cookie of another key", "a link of another key", "an expired token", "an expired link", "a changed token",
    "a changed reader's token", "a reader who says operator", "a reader who says local", "a cookie without a signature",
    "a link as a cookie", "a token as a cookie",
)  # fmt: skip


async def identities(asked: Asked, db: Pool) -> dict[str, Identity]:
    """Return everybody, by what they have."""
    key, here = await access.read_key(db), await asked.console.access()
    long_ago = Access(key, token=TOKEN, clock=lambda: time.time() - SIGNED_IN_SECONDS - 60)
    before, foreign = Access(key, token="before", read_token="read-before"), Access(b"x" * 32, token=TOKEN)
    local, operator, reader = by_link(here), by_token(here, TOKEN), by_token(here, READ_TOKEN)
    link = here.link("").partition("link=")[2]
    found = [
        Identity("", "here", None),
        Identity("", "elsewhere", None),
        Identity(local, "here", Role.OPERATOR),
        Identity(local, "elsewhere", None),
        Identity(local, "a proxy here", None),
        Identity(operator, "here", Role.OPERATOR),
        Identity(operator, "elsewhere", Role.OPERATOR),
        Identity(reader, "here", Role.READER),
        Identity(reader, "elsewhere", Role.READER),
        Identity(by_token(foreign, TOKEN), "here", None),
        Identity(by_link(foreign), "here", None),
        Identity(by_token(long_ago, TOKEN), "here", None),
        Identity(by_link(long_ago), "here", None),
        Identity(by_token(before, "before"), "here", None),
        Identity(by_token(before, "read-before"), "here", None),
        Identity(reader.replace(Role.READER, Role.OPERATOR), "here", None),
        Identity(reader.replace(Role.READER, LOCAL), "here", None),
        Identity(Role.OPERATOR, "here", None),
        Identity(link, "here", None),
        Identity(TOKEN, "here", None),
    ]
    return dict(zip(NAMES, found, strict=True))


def by_link(made: Access) -> str:
    cookie = made.by_link(made.link("").partition("link=")[2])
    assert cookie is not None
    return cookie


def by_token(made: Access, token: str) -> str:
    cookie = made.by_token(token)
    assert cookie is not None
    return cookie


async def ask(person: Person, entry: Entry) -> httpx.Response:
    """Ask for a route; what it needs in its path names nothing that there is."""
    return await person.request(
        entry.method, re.sub(r"\{[^}]+\}", "1", entry.path), data={} if is_post(entry) else None
    )


def is_post(entry: Entry) -> bool:
    return entry.method == "POST"


def outcome(answer: httpx.Response) -> str:
    """Return what became of a request: `sign in`, `may look`, or `let in`."""
    location = answer.headers.get("location", "")
    if answer.status_code == httpx.codes.UNAUTHORIZED or location.startswith(f"{PATH}?"):
        return "sign in"
    return "may look" if answer.status_code == httpx.codes.FORBIDDEN and errors.MAY_LOOK in answer.text else "let in"


def expected(entry: Entry, role: Role | None) -> str:
    if entry.need is None or role is Role.OPERATOR or role is entry.need:
        return "let in"
    return "sign in" if role is None else "may look"


async def stored(db: Pool) -> dict[str, str]:
    """Return a digest of what is in each table."""
    tables = await db.fetch("select table_name from information_schema.tables where table_schema = 'receiver'")
    digest = "select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from receiver.{} t"
    return {name: await db.fetchval(digest.format(name)) for (name,) in tables}


def test_whoever_may_look_may_get_and_whoever_may_act_may_post_but_for_a_few() -> None:
    found = {(entry.method, entry.path): entry.need for entry in ROUTES}
    assert len(found) == len(ROUTES)
    assert set(UNUSUAL) <= set(found)
    assert found == {(method, path): UNUSUAL.get((method, path), USUAL[method]) for method, path in found}


@pytest.mark.parametrize("name", NAMES)
async def test_every_route_lets_in_whom_it_should(asked: Asked, db: Pool, name: str) -> None:
    identity = (await identities(asked, db))[name]
    person = identity.person(asked)
    asked.console.changes.end()  # else its stream has no end
    before = await stored(db)
    outcomes = {entry: outcome(await ask(person, entry)) for entry in ROUTES}
    wrong = {
        f"{entry.method} {entry.path}": outcome
        for entry, outcome in outcomes.items()
        if outcome != expected(entry, identity.role)
    }
    assert wrong == {}
    if identity.role is not Role.OPERATOR:
        assert await stored(db) == before
        assert asked.console.tests == {}


async def test_no_get_changes_anything(asked: Asked, db: Pool, operator: Person) -> None:
    asked.console.changes.end()
    before = await stored(db)
    for entry in ROUTES:
        if not is_post(entry):
            await ask(operator, entry)
    assert await stored(db) == before


@pytest.mark.parametrize(
    "site", ["cross-site", "same-site", "none", "", "SAME-ORIGIN", "same-origin, cross-site", None]
)
async def test_no_post_of_another_site_does_anything(
    asked: Asked, db: Pool, operator: Person, site: str | None
) -> None:
    del operator.headers["Sec-Fetch-Site"]
    if site is not None:
        operator.headers["Sec-Fetch-Site"] = site
    before = await stored(db)
    answers = {entry.path: await ask(operator, entry) for entry in ROUTES if is_post(entry)}
    said = f"{UNSAID if site is None else FOREIGN}\n"
    assert {path: (answer.status_code, answer.text) for path, answer in answers.items()} == dict.fromkeys(
        answers, (httpx.codes.FORBIDDEN, said)
    )
    assert not any("set-cookie" in answer.headers for answer in answers.values())
    assert await stored(db) == before
    assert asked.console.tests == {}
    assert (await operator.get("/settings")).status_code == httpx.codes.OK, "still signed in"
