"""Links, tokens and cookies: each counts as long and for as much as it should."""

import pytest

from receiver.console import access
from receiver.console.access import LINK_SECONDS, SIGNED_IN_SECONDS, Access, Role, Tries
from receiver.database import Pool

KEY = b"k" * 32


class Clock:
    """A clock that a test sets."""

    now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, key: bytes = KEY, *, token: str = "t" * 16, read_token: str = "r" * 16) -> Access:
    return Access(key, token=token, read_token=read_token, clock=clock)


def cookie(found: str | None) -> str:
    assert found is not None
    return found


def text(link: str) -> str:
    return link.partition("link=")[2]


@pytest.mark.parametrize(
    ("seconds", "counts"), [(0, True), (LINK_SECONDS, True), (LINK_SECONDS + 1, False), (-2, False)]
)
def test_a_link_counts_for_ten_minutes(seconds: int, *, counts: bool) -> None:
    clock = Clock()
    link = made(clock).link("http://127.0.0.1:8080")
    assert link.startswith("http://127.0.0.1:8080/sign-in?link=local.")
    clock.now += seconds
    assert (made(clock).by_link(text(link)) is not None) is counts


@pytest.mark.parametrize(("seconds", "role"), [(SIGNED_IN_SECONDS, Role.OPERATOR), (SIGNED_IN_SECONDS + 1, None)])
def test_a_cookie_counts_for_seven_days(seconds: int, role: Role | None) -> None:
    clock = Clock()
    found = cookie(made(clock).by_token("t" * 16))
    clock.now += seconds
    assert made(clock).role(found, is_local=False) is role


def test_each_token_is_for_its_role_and_the_cookie_ends_with_it() -> None:
    clock = Clock()
    acting, looking = cookie(made(clock).by_token("t" * 16)), cookie(made(clock).by_token("r" * 16))
    assert made(clock).role(acting, is_local=False) is Role.OPERATOR
    assert made(clock).role(looking, is_local=False) is Role.READER
    changed = made(clock, token="another-token-of-16")
    assert changed.role(acting, is_local=False) is None
    assert changed.role(looking, is_local=False) is Role.READER
    assert made(clock, token="", read_token="").role(acting, is_local=True) is None
    assert made(clock).by_token("") is None
    assert made(clock, token="").by_token("") is None


def test_what_one_signature_is_for_another_does_not_do() -> None:
    clock = Clock()
    access = made(clock)
    local = cookie(access.by_link(text(access.link(""))))
    assert access.role(local, is_local=True) is Role.OPERATOR
    assert access.role(local, is_local=False) is None
    assert access.role(text(access.link("")), is_local=True) is None, "a link is no cookie"
    assert access.by_link(local) is None, "a cookie is no link"
    reader = cookie(access.by_token("r" * 16))
    forged = reader.replace("reader", "operator")
    assert access.role(forged, is_local=True) is None
    assert access.role(local.replace("local", "reader"), is_local=True) is None
    assert made(clock, b"x" * 32).role(local, is_local=True) is None
    for nonsense in ("", ".", "local", "local..", "operator.\udcff.x", "x" * 10_000):
        assert access.role(nonsense, is_local=True) is None


async def test_every_console_on_a_database_has_the_same_key(db: Pool) -> None:
    first = await access.read_key(db)
    assert len(first) == 32
    assert await access.read_key(db) == first
    assert await access.address(db) is None
    await access.note_address(db, "http://127.0.0.1:8080")
    await access.note_address(db, "http://127.0.0.1:8081")
    assert await access.address(db) == "http://127.0.0.1:8081"


def test_failed_tries_count_for_a_minute_and_for_the_network_that_made_them() -> None:
    clock = Clock()
    tries = Tries(each=2, most=5, seconds=60.0, clock=clock)
    for _ in range(2):
        assert tries.wait("2001:db8::1") == 0
        tries.note("2001:db8::1")
        clock.now += 10
    assert tries.wait("2001:db8::ffff") == 40, "one customer has many addresses"
    assert tries.wait("2001:db8:0:1::1") == 0
    assert tries.wait(None) == 0
    clock.now += 40
    assert tries.wait("2001:db8::1") == 0, "the first does not count any more"


def test_behind_a_proxy_one_guesser_keeps_out_nobody_else() -> None:
    clock = Clock()
    tries = Tries(each=2, most=5, seconds=60.0, clock=clock)
    for _ in range(2):
        tries.note("127.0.0.1", "198.51.100.9, 203.0.113.1")
    assert tries.wait("127.0.0.1", "203.0.113.1") == 60, "what the guesser has put before is the same guesser"
    assert tries.wait("127.0.0.1", "203.0.113.2") == 0
    assert tries.wait("127.0.0.1") == 0
    for number in range(3):
        tries.note("127.0.0.1", f"203.0.113.{9 + number}")
    assert tries.wait("127.0.0.1", "203.0.113.2") == 60, "who can say anything there is bounded too"
    assert tries.wait("127.0.0.2", "203.0.113.2") == 0


def test_no_more_tries_are_remembered_than_a_bound() -> None:
    tries = Tries(each=1, kept=3, clock=Clock())
    for number in range(4):
        tries.note(f"203.0.113.{number}")
    assert [tries.wait(f"203.0.113.{number}") > 0 for number in range(4)] == [False, True, True, True]
