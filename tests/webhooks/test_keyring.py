"""`webhooks.keyring`: a secret registered a moment ago verifies, and strangers cannot make the database work."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import pytest
from pydantic import SecretStr

from receiver.errors import CallbackUnknownError, NoSecretError, SignatureError, StoreUnavailableError
from receiver.events import AccountId
from receiver.settings import Account
from receiver.signature import HEADER, sign
from receiver.webhooks.keyring import SERVICE, Bounds, Keyring, Proven, Stale, Unproven
from receiver.webhooks.secrets import Callback, Known

BODY, OURS, NEW = b"{}", b"whsec_ours", b"whsec_new"
AT_ONCE = Bounds(between=0)


def account(*secrets: bytes, name: str = "default") -> Account:
    return Account(
        "transcribe.so", name, "https://api.test", webhook_secrets=tuple(SecretStr(one.decode()) for one in secrets)
    )


HERE = account().id


class Database:
    """Holds what a reading finds; remembers when it was read, and for which tokens."""

    def __init__(self, *secrets: bytes, **callbacks: bytes) -> None:
        self.secrets = secrets
        self.callbacks = callbacks
        self.times: list[float] = []
        self.asked: list[set[str]] = []
        self.away = False

    async def read(self, asked: Collection[str]) -> Known:
        self.asked.append(set(asked))
        self.times.append(time.monotonic())
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailableError("away")
        callbacks = {token: Callback(secret, "7", HERE) for token, secret in self.callbacks.items()}
        return Known({HERE: self.secrets}, callbacks)


def headers(secret: bytes, *, offset: float = 0) -> list[tuple[bytes, bytes]]:
    return [(HEADER, sign(BODY, secret=secret, at=int(time.time() + offset)).encode())]


async def test_a_known_secret_verifies_without_a_reading() -> None:
    database = Database()
    ring = Keyring([account(b"other", OURS)], Known(), database.read)
    assert (await ring.verify(headers(OURS), BODY, HERE)).secret == OURS
    assert database.times == []


class Hashed(bytes):
    """A body that counts how often it is hashed."""

    times = 0

    def __radd__(self, before: bytes) -> bytes:
        self.times += 1
        return before + bytes(self)


async def test_a_body_is_hashed_again_only_for_other_secrets() -> None:
    database, strange, new = Database(), Hashed(BODY), Hashed(BODY)
    ring = Keyring([account(OURS)], Known(), database.read, bounds=AT_ONCE)
    with pytest.raises(SignatureError):
        await ring.verify(headers(b"?"), strange, HERE)
    assert strange.times == 1
    database.secrets = (NEW,)
    assert (await ring.verify(headers(NEW), new, HERE)).secret == NEW
    assert new.times == 1 + 2, "for one secret, then for two"


async def test_a_secret_that_becomes_known_after_the_first_try_verifies_even_without_another_reading() -> None:
    database = Database(NEW)
    ring = Keyring([account(OURS)], Known(), database.read, bounds=AT_ONCE)
    before = ring.prove(headers(NEW), BODY, HERE)
    assert isinstance(before, Unproven)
    await ring.read_again()
    database.away = True
    assert (await ring.prove_later(before)).secret == NEW


async def test_a_secret_registered_meanwhile_verifies() -> None:
    database = Database(NEW)
    ring = Keyring([account(OURS)], Known(), database.read)
    assert (await ring.verify(headers(NEW), BODY, HERE)).secret == NEW
    assert len(database.times) == 1
    assert ring.secrets == (OURS, NEW)
    assert (await ring.verify(headers(OURS), BODY, HERE)).secret == OURS
    assert len(database.times) == 1


async def test_many_bad_signatures_at_once_cost_one_reading_and_a_second_at_most_one() -> None:
    database = Database()
    ring = Keyring([account(OURS)], Known(), database.read)

    async def mismatches() -> None:
        answers = await asyncio.gather(
            *(ring.verify(headers(b"?"), BODY, HERE) for _ in range(50)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {SignatureError}
        assert {answer.reason for answer in answers if isinstance(answer, SignatureError)} == {"mismatch"}

    async with asyncio.timeout(20):
        await mismatches()
        assert len(database.times) == 1
        late = asyncio.create_task(mismatches())
        database.secrets = (NEW,)  # before the reading of the mismatches begins
        assert (await ring.verify(headers(NEW), BODY, HERE)).secret == NEW
        await late
    assert len(database.times) == 2
    assert database.times[1] - database.times[0] >= SERVICE.between - 0.05


async def test_a_limited_number_waits_and_any_further_delivery_is_refused_at_once() -> None:
    """The bodies of waiting deliveries take our memory."""
    database = Database()
    ring = Keyring([account(OURS)], Known(), database.read, bounds=Bounds(waiting=2))
    await ring.read_again()
    waiting = [asyncio.create_task(ring.verify(headers(b"?"), BODY, HERE)) for _ in range(2)]
    await asyncio.sleep(0)
    for given, reason in ((headers(b"?"), "mismatch"), (headers(OURS, offset=-400), "stale")):
        with pytest.raises(SignatureError) as refused:
            await ring.verify(given, BODY, HERE)
        assert refused.value.reason == reason
    assert (len(database.times), [task.done() for task in waiting]) == (1, [False, False])
    assert (await ring.verify(headers(OURS), BODY, HERE)).secret == OURS
    database.secrets = (NEW,)
    for task in waiting:
        with pytest.raises(SignatureError):
            await task
    assert (await ring.verify(headers(NEW), BODY, HERE)).secret == NEW  # and others may wait again
    assert len(database.times) == 2


async def test_a_new_secret_is_read_at_once_whatever_strangers_do() -> None:
    """A delivery signed with it would be refused if too many others already waited for a reading."""
    database = Database()
    ring = Keyring([account(OURS)], Known(), database.read, bounds=Bounds(between=3600))
    watching = asyncio.create_task(ring.watch())
    await ring.read_again()
    stranger = asyncio.create_task(ring.verify(headers(b"?"), BODY, HERE))
    await asyncio.sleep(0)
    database.secrets = (NEW,)
    ring.hurry()
    async with asyncio.timeout(20):
        with pytest.raises(SignatureError):
            await stranger
    assert len(database.times) == 2
    assert ring.secrets == (OURS, NEW)
    watching.cancel()


async def test_a_delivery_that_arrives_during_a_reading_waits_for_a_later_one() -> None:
    """The reading under way might have begun before the secret was stored."""
    reading, go_on, found = asyncio.Event(), asyncio.Event(), [b"old"]

    async def read(_: Collection[str]) -> Known:
        before = Known({HERE: tuple(found)})
        reading.set()
        await go_on.wait()
        return before

    ring = Keyring([account()], Known(), read, bounds=AT_ONCE)
    async with asyncio.timeout(20):
        early = asyncio.create_task(ring.verify(headers(b"?"), BODY, HERE))
        await reading.wait()
        found.append(NEW)
        late = asyncio.create_task(ring.verify(headers(NEW), BODY, HERE))
        await asyncio.sleep(0)
        go_on.set()
        assert (await late).secret == NEW
        with pytest.raises(SignatureError):
            await early


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([], "missing"),
        ([(HEADER, b"t=1,v1=zz")], "malformed"),
        ([(HEADER, b"\xff")], "malformed"),
    ],
)
async def test_what_no_secret_could_prove_costs_no_reading(given: list[tuple[bytes, bytes]], reason: str) -> None:
    database = Database()
    for configured in ([OURS], list[bytes]()):
        with pytest.raises(SignatureError) as refused:
            await Keyring([account(*configured)], Known(), database.read).verify(given, BODY, HERE)
        assert refused.value.reason == reason
    assert database.times == []


async def test_without_any_secret_nothing_can_be_verified() -> None:
    database = Database()
    with pytest.raises(NoSecretError):
        await Keyring([account()], Known(), database.read).verify(headers(OURS), BODY, HERE)
    assert len(database.times) == 1


async def test_a_reading_that_fails_keeps_the_secrets_of_before() -> None:
    database = Database(NEW)
    ring = Keyring([account()], Known(), database.read, bounds=AT_ONCE)
    await ring.read_again()
    database.away, database.secrets = True, ()
    with pytest.raises(SignatureError):
        await ring.verify(headers(b"?"), BODY, HERE)
    assert (await ring.verify(headers(NEW), BODY, HERE)).secret == NEW
    database.away = False
    await ring.read_again()  # retired meanwhile
    with pytest.raises(NoSecretError):
        await ring.verify(headers(NEW), BODY, HERE)


async def test_a_caller_who_goes_away_takes_no_reading_from_the_others() -> None:
    database = Database(NEW)
    ring = Keyring([account()], Known(), database.read)
    first, second = (asyncio.create_task(ring.verify(headers(NEW), BODY, HERE)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).secret == NEW
    assert len(database.times) == 1


async def test_watching_reads_at_a_hint_and_survives_a_failure() -> None:
    database = Database(NEW)
    ring = Keyring([account(OURS)], Known(), database.read, bounds=Bounds(between=0, again=60))
    watching = asyncio.create_task(ring.watch())

    async def reads(count: int) -> None:
        async with asyncio.timeout(20):
            while len(database.times) < count or ring._next_reading is not None:  # noqa: ASYNC110, SLF001 - no event tells
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)

    def known() -> list[bytes]:
        return list(ring.secrets)

    await asyncio.sleep(0.01)
    assert known() == [OURS]
    ring.hurry()
    await reads(1)
    assert known() == [OURS, NEW]
    database.away = True
    ring.hurry()
    await reads(2)
    database.away, database.secrets = False, (b"newest",)
    ring.hurry()
    await reads(3)
    assert known() == [OURS, b"newest"]
    watching.cancel()


async def test_watching_reads_by_itself() -> None:
    reads: asyncio.Queue[None] = asyncio.Queue()

    async def read(_: Collection[str]) -> Known:
        reads.put_nowait(None)
        return Known({HERE: (NEW,)})

    watching = asyncio.create_task(Keyring([account()], Known(), read, bounds=Bounds(between=0, again=0.01)).watch())
    async with asyncio.timeout(20):
        for _ in range(3):
            await reads.get()
    watching.cancel()


@pytest.mark.parametrize("offset", [-400, 400])
async def test_an_authentic_delivery_that_is_refused_for_its_time_is_given_on_with_whose_it_is(offset: int) -> None:
    database, doubted = Database(token=b"own"), list[Stale]()
    ring = Keyring([account(OURS)], Known(), database.read, bounds=AT_ONCE, doubted=doubted.append)
    given = []
    for secret, at in ((OURS, HERE), (b"own", "token")):
        with pytest.raises(SignatureError):
            await ring.verify(headers(secret, offset=offset), BODY, at)
        given.append(len(doubted))
        await asyncio.sleep(0)
    assert given == [0, 1], "each after its answer"
    assert [(one.account, one.callback_for, one.body) for one in doubted] == [(HERE, None, BODY), (HERE, "7", BODY)]
    assert [round(one.seconds_off / 100) for one in doubted] == [-offset / 100] * 2
    assert doubted[0].mac != doubted[1].mac


async def test_what_no_secret_proves_is_not_given_on() -> None:
    database, doubted = Database(), list[Stale]()
    ring = Keyring([account(), account(OURS, name="other")], Known({HERE: (NEW,)}), database.read,
                   bounds=AT_ONCE, doubted=doubted.append)  # fmt: skip
    database.secrets = (b"newest",)  # a reading finds that NEW was retired
    for given in (headers(b"?", offset=-400), headers(OURS, offset=-400), headers(NEW, offset=-400), headers(b"?")):
        with pytest.raises(SignatureError):
            await ring.verify(given, BODY, HERE)
    await asyncio.sleep(0)
    assert doubted == []


async def test_where_old_signatures_are_accepted_they_prove_webhooks_and_callbacks() -> None:
    database, doubted = Database(token=b"own"), list[Stale]()
    ring = Keyring([account(OURS)], Known(), database.read, bounds=AT_ONCE, past=math.inf, doubted=doubted.append)
    assert (await ring.verify(headers(OURS, offset=-40_000), BODY, HERE)).secret == OURS
    assert (await ring.verify(headers(b"own", offset=-40_000), BODY, "token")).callback_for == "7"
    with pytest.raises(SignatureError) as refused:
        await ring.verify(headers(OURS, offset=400), BODY, HERE)
    await asyncio.sleep(0)
    assert (refused.value.reason, len(doubted)) == ("stale", 1)


async def test_a_stale_delivery_waits_for_a_reading_as_a_mismatch_does() -> None:
    """Otherwise the time of the answer would tell a right secret from a wrong one."""
    database = Database()
    for given, reason in ((headers(OURS, offset=-400), "stale"), (headers(NEW), "mismatch")):
        keyring = Keyring([account(OURS)], Known(), database.read)
        before = len(database.times)
        with pytest.raises(SignatureError) as refused:
            await keyring.verify(given, BODY, HERE)
        assert (refused.value.reason, len(database.times) - before) == (reason, 1)


async def test_a_callbacks_secret_verifies_at_its_own_path_and_nowhere_else() -> None:
    ring = Keyring([account(OURS)], Known(), Database(NEW, token_1=b"one", token_2=b"two").read, bounds=AT_ONCE)
    assert (await ring.verify(headers(b"one"), BODY, "token_1")).secret == b"one"
    elsewhere: list[tuple[bytes, AccountId | str]] = [
        (b"one", "token_2"), (OURS, "token_1"), (NEW, "token_1"), (b"one", HERE), (b"", "x"),
    ]  # fmt: skip
    for secret, at in elsewhere:
        with pytest.raises(SignatureError) as raised:
            await ring.verify(headers(secret), BODY, at)
        assert raised.value.reason == "mismatch"


async def test_an_unknown_callback_is_a_mismatch_even_where_no_secret_is_known() -> None:
    with pytest.raises(SignatureError) as raised:
        await Keyring([account()], Known(), Database().read).verify(headers(OURS), BODY, "token")
    assert raised.value.reason == "mismatch"


def test_what_is_known_is_in_no_repr() -> None:
    assert "whsec" not in repr(Known({HERE: (b"whsec",)}, {"token": Callback(b"whsec", "7", HERE)})) + repr(
        Callback(b"whsec", "7", HERE)
    )


async def test_a_callback_that_is_not_among_the_newest_is_looked_up_by_its_token() -> None:
    """All unknown tokens wait for one shared reading; a text that cannot be a token is not looked up."""
    asked: list[set[str]] = []

    async def read(tokens: Collection[str]) -> Known:
        asked.append(set(tokens))
        return Known({}, {"old_one": Callback(b"own", "666", HERE)} if "old_one" in tokens else {})

    ring = Keyring([account(OURS)], Known(), read)
    tries = [ring.verify(headers(b"own"), BODY, name) for name in ("old_one", "made_up", "no/token", "x" * 65)]
    proven, *refused = await asyncio.gather(*tries, return_exceptions=True)
    assert isinstance(proven, Proven)
    assert (proven.secret, proven.callback_for) == (b"own", "666")
    assert [type(one) for one in refused] == [SignatureError] * 3
    assert asked == [{"old_one", "made_up"}]


@pytest.mark.parametrize("why", [StoreUnavailableError("away"), OSError("a bug of ours")])
async def test_a_callback_that_cannot_be_looked_up_is_no_wrong_signature_and_is_like_every_other(
    why: Exception,
) -> None:
    """Nobody knows now whether it exists, and a stranger with a made-up token gets the same answer as the provider."""

    async def read(_: Collection[str]) -> Known:
        raise why

    ring = Keyring([account(OURS)], Known({}, {"newest": Callback(b"its own", "7", HERE)}), read, bounds=AT_ONCE)
    for token in ("old_one", "made_up", "no/token", ""):
        for given in (headers(b"own"), headers(OURS), headers(b"own", offset=-400)):
            with pytest.raises(CallbackUnknownError):
                await ring.verify(given, BODY, token)
    assert (await ring.verify(headers(b"its own"), BODY, "newest")).callback_for == "7"
    for given, callback in ((headers(b"?"), "newest"), (headers(b"?"), HERE)):
        with pytest.raises(SignatureError):
            await ring.verify(given, BODY, callback)


async def test_a_callback_that_is_not_looked_up_because_too_many_wait_is_no_wrong_signature() -> None:
    ring = Keyring([account(OURS)], Known(), Database(old_one=b"own").read, bounds=Bounds(between=0, waiting=1))
    waiting = asyncio.create_task(ring.verify(headers(b"?"), BODY, "made_up"))
    await asyncio.sleep(0)
    with pytest.raises(CallbackUnknownError):
        await ring.verify(headers(b"own"), BODY, "old_one")
    with pytest.raises(SignatureError):
        await waiting
    assert (await ring.verify(headers(b"own"), BODY, "old_one")).secret == b"own"


async def test_who_floods_the_webhooks_keeps_no_callback_from_being_looked_up() -> None:
    ring = Keyring([account(OURS)], Known(), Database(old_one=b"own").read, bounds=Bounds(between=0, waiting=1))
    waiting = asyncio.create_task(ring.verify(headers(b"?"), BODY, HERE))
    await asyncio.sleep(0)
    assert (await ring.verify(headers(b"own"), BODY, "old_one")).secret == b"own"
    with pytest.raises(SignatureError):
        await waiting


BIG = account(name="big-show").id


def two(read: Callable[[Collection[str]], Awaitable[Known]], **options: Any) -> Keyring:
    return Keyring([account(OURS), account(b"whsec_big", name="big-show")], Known(), read, **options)


async def test_a_secret_of_one_account_proves_no_delivery_of_another() -> None:
    registered = {HERE: (b"whsec_registered",), BIG: (b"whsec_registered_big",)}

    async def read(_: Collection[str]) -> Known:
        return Known(registered, {"token": Callback(b"whsec_of_a_job", "7", BIG)})

    ring = two(read, bounds=AT_ONCE)
    await ring.read_again()
    for at, own, others in (
        (HERE, (OURS, b"whsec_registered"), (b"whsec_big", b"whsec_registered_big", b"whsec_of_a_job")),
        (BIG, (b"whsec_big", b"whsec_registered_big"), (OURS, b"whsec_registered", b"whsec_of_a_job")),
    ):
        for secret in own:
            assert await ring.verify(headers(secret), BODY, at) == Proven(secret, at)
        for secret in others:
            with pytest.raises(SignatureError) as refused:
                await ring.verify(headers(secret), BODY, at)
            assert refused.value.reason == "mismatch"
    assert await ring.verify(headers(b"whsec_of_a_job"), BODY, "token") == Proven(b"whsec_of_a_job", BIG, "7")


async def test_one_reading_serves_the_unknown_senders_of_all_accounts() -> None:
    database = Database(NEW)
    ring = two(database.read)
    tries = [ring.verify(headers(b"?"), BODY, at) for at in (HERE, BIG) * 20]
    assert {type(answer) for answer in await asyncio.gather(*tries, return_exceptions=True)} == {SignatureError}
    assert len(database.times) == 1


async def test_an_account_without_a_secret_verifies_nothing_although_another_has_one() -> None:
    ring = Keyring([account(OURS), account(name="big-show")], Known(), Database(NEW).read, bounds=AT_ONCE)
    with pytest.raises(NoSecretError):
        await ring.verify(headers(OURS), BODY, BIG)
    assert (await ring.verify(headers(OURS), BODY, HERE)).account == HERE


@pytest.mark.parametrize(("own", "known", "lost", "is_usable"), [
    ((), {}, [], False),
    ((), {}, [HERE], False),
    ((OURS,), {}, [], True),
    ((OURS,), {}, [HERE], True),
    ((OURS,), {}, [BIG], False),
    ((), {BIG: (NEW,)}, [], True),
    ((), {BIG: (NEW,)}, [HERE], False),
])  # fmt: skip
async def test_a_start_without_the_database_needs_a_secret_and_none_that_is_lost(
    own: tuple[bytes, ...], known: dict[AccountId, tuple[bytes, ...]], lost: list[AccountId], *, is_usable: bool
) -> None:
    """Otherwise this process could replace one that knows more."""
    database = Database()
    ring = Keyring([account(*own), account(name="big-show")], Known(known), database.read, lost=lost, bounds=AT_ONCE)
    assert ring.is_usable.is_set() is is_usable
    database.away = True
    await ring.read_again()
    assert ring.is_usable.is_set() is is_usable
    database.away = False
    await ring.read_again()
    assert ring.is_usable.is_set()
