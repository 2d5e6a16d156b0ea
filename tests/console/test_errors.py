"""What goes wrong has a page that says what, and tells nobody more than may be told."""

import errno

import pytest
from starlette.requests import Request
from starlette.responses import Response

from receiver.console import errors
from receiver.console.access import Role
from receiver.console.app import application
from receiver.console.routes import ROUTES, Entry
from receiver.console.state import Console, NotBegunError
from receiver.database import Connection, Pool
from receiver.errors import ImpossibleError, StoreBusyError
from tests.console.asked import Asked, Person, Shown
from tests.processes import unreachable


def failing(asked: Asked, work: object, path: str = "/failing") -> None:
    """Add a page that fails."""

    async def show(request: Request, console: Console) -> Response:  # noqa: ARG001 - a page's shape
        if isinstance(work, Exception):
            raise work

        async def ask(db: Connection) -> None:
            await db.execute(str(work))

        await console.read(ask)
        return Response()

    asked.app = application(asked.console, [*ROUTES, Entry("GET", path, show, Role.READER)])


@pytest.mark.parametrize(("work", "status", "said"), [
    (ImpossibleError("`x` cannot be done"), 409, "x cannot be done"),
    ("select pg_sleep(20)", 503, "Make the question narrower"),
    (NotBegunError("So many others do something that it was not begun."), 503, "That was not begun So many others"),
    ("select nothing", 503, "did not answer this in time"),
    (StoreBusyError("no database connection was free within 3 s"), 503, "That took too long"),
    (ValueError("of ours"), 500, "a bug in receiver"),
], ids=["impossible", "slow", "not begun", "refused", "busy", "bug"])  # fmt: skip
async def test_a_page_that_fails_says_why(asked: Asked, work: object, status: int, said: str) -> None:
    failing(asked, work)
    page = await (await asked.operator()).page("/failing", status=status)
    assert said in page.text
    assert "of ours" not in page.text
    assert "Now" in page.text, "the bar is there"


async def test_an_open_page_that_was_slow_once_asks_again(asked: Asked) -> None:
    failing(asked, StoreBusyError("no database connection was free within 3 s"))
    operator = await asked.operator()
    page = await operator.page("/failing", status=503, headers={"HX-Request": "true"})
    assert page.values("div", "data-hx-get") == ["/failing"]
    page = await operator.page("/failing", status=503)
    assert page.values("div", "data-hx-get") == [], "who has asked for much asks again by hand"


async def test_what_does_not_exist_has_a_page(asked: Asked, operator: Person) -> None:
    assert "There is no such page" in (await operator.page("/nothing", status=404)).text
    assert "Sign out" not in (await asked.nobody().page("/nothing", status=404)).text
    assert (await operator.post("/settings")).status_code == 405


async def test_without_the_database_pages_say_so_and_come_back(asked: Asked, operator: Person, db: Pool) -> None:
    assert (await operator.get("/settings")).status_code == 200
    away = Asked(unreachable(asked.configured.dsn or ""))
    away.console._access = await asked.console.access()  # noqa: SLF001 - it was read while the database was there
    person = away.nobody()
    person.cookies = operator.cookies
    for path in ("/", "/settings", "/refused"):
        page = await person.page(path, status=503)
        assert "The database is away" in page.text
        assert "no web process answers" in page.text
        assert page.values("div", "data-hx-get") == [path], "an open page asks again"
        assert page.values("meta", "http-equiv") == ["refresh"], "and without scripts too"
    await away.close()
    assert await db.fetchval("select 1") == 1


async def test_who_is_not_signed_in_hears_no_more_than_that(asked: Asked) -> None:
    away = Asked(unreachable(asked.configured.dsn or ""))
    person = away.nobody()
    person.cookies.set("receiver_console_8080", "local.x.y")
    answer = await person.get("/")
    assert answer.status_code == 503
    page = Shown(answer.text)
    assert "The database is away" in page.text
    assert not any(word in answer.text for word in ("standby", "web process", "127.0.0.1"))
    assert (await away.nobody().get("/sign-in")).status_code == 200
    assert (await person.get("/nothing")).status_code == 404
    await away.close()


async def test_of_our_own_errors_strangers_hear_nothing(asked: Asked) -> None:
    async def show(request: Request, console: Console) -> Response:  # noqa: ARG001 - a page's shape
        raise ImpossibleError("of ours")

    asked.app = application(asked.console, [Entry("GET", "/failing", show, None)])
    assert "of ours" not in (await asked.nobody().page("/failing", status=500)).text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("a bug"), "This is a bug in receiver. The log of the console says more"),
        (ImpossibleError("it is gone"), "it is gone"),
        (OSError(errno.ENOSPC, "No space left on device"), "[Errno 28] No space left on device"),
        (ConnectionResetError(), "the database is away: ConnectionResetError"),
    ],
)  # fmt: skip
def test_every_error_of_work_behind_the_pages_is_a_sentence(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert errors.of_work(error, "it") == said
    assert ("it failed" in caplog.text) is not isinstance(error, ImpossibleError)
