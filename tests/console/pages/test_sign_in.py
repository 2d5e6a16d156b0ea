"""Signing in: by a link on this machine, by a token from anywhere, and never by chance."""

import asyncio

import pytest

from receiver.console import access
from tests.console.asked import ELSEWHERE, READ_TOKEN, TOKEN, Asked, Shown


async def test_a_link_signs_in_on_this_machine_for_seven_days(asked: Asked) -> None:
    person = asked.nobody()
    assert (await person.get("/")).headers["location"] == "/sign-in?next=%2F"
    link = (await asked.console.access()).link("")
    answer = await person.get(link)
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("receiver_console_8080=local.")
    assert {"httponly", "samesite=strict", "path=/", "max-age=604800"} <= set(cookie.split("; "))
    assert "secure" not in cookie
    assert (await person.page("/settings")).text.startswith("Settings")


@pytest.mark.parametrize(
    ("base", "client", "headers"),
    [
        ("http://127.0.0.1:8080", "203.0.113.7", {}),
        ("http://console.example.com", "127.0.0.1", {}),
        ("http://127.0.0.1.example.com", "127.0.0.1", {}),
        ("http://127.0.0.1:8080", "127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}),
        ("http://localhost:8080", "127.0.0.1", {"Forwarded": "for=203.0.113.7"}),
    ],
    ids=["another machine", "a name of elsewhere", "a name that looks local", "a proxy", "another proxy"],
)
async def test_a_link_and_its_cookie_count_nowhere_else(
    asked: Asked, base: str, client: str, headers: dict[str, str]
) -> None:
    stranger = asked.nobody(base=base, client=client, **headers)
    answer = await stranger.get((await asked.console.access()).link(""))
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    local = await asked.operator()
    stolen = {"Cookie": f"receiver_console_8080={local.cookies['receiver_console_8080']}"}
    assert (await stranger.get("/", headers=stolen)).status_code == 303


@pytest.mark.parametrize(("base", "client"), [("http://localhost:9", "::1"), ("http://[::1]:9", "::ffff:127.0.0.1")])
async def test_this_machine_has_several_names(asked: Asked, base: str, client: str) -> None:
    person = asked.nobody(base=base, client=client)
    assert (await person.get((await asked.console.access()).link(""))).status_code == 200


async def test_a_token_signs_in_from_elsewhere_with_a_cookie_for_https(asked: Asked) -> None:
    person = asked.nobody(base=ELSEWHERE, client="203.0.113.7", **{"X-Forwarded-Proto": "https"})
    answer = await person.submit(access.PATH, token=TOKEN, next="/settings?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings?x=1")
    assert "secure" in answer.headers["set-cookie"].lower()
    assert TOKEN not in str(answer.headers)
    assert (await person.get("/settings")).status_code == 200
    assert (await person.get("/sign-in")).headers["location"] == "/"


@pytest.mark.parametrize(
    "place",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-in", "", "\n//e"],
)
async def test_nobody_is_sent_elsewhere_after_signing_in(asked: Asked, place: str) -> None:
    assert (await asked.nobody().submit(access.PATH, token=TOKEN, next=place)).headers["location"] == "/"


async def test_wrong_tokens_are_bounded_for_each_client(asked: Asked) -> None:
    guesser, other = asked.nobody(client="203.0.113.7"), asked.nobody(client="203.0.113.8")
    guesses = (guesser.submit(access.PATH, token=f"guess-{number}-0123456789") for number in range(30))
    answers = [answer.status_code for answer in await asyncio.gather(*guesses)]
    assert (answers.count(403), answers.count(429)) == (10, 20), "many at once are bounded too"
    answer = await guesser.submit(access.PATH, token=TOKEN)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert (await other.submit(access.PATH, token=READ_TOKEN)).status_code == 303
    proxied = [asked.nobody(client="203.0.113.9", **{"X-Forwarded-For": f"198.51.100.{number}"}) for number in (1, 2)]
    assert (await proxied[0].submit(access.PATH, token=READ_TOKEN)).status_code == 303
    for _ in range(10):
        assert (await proxied[1].submit(access.PATH, token="another-guess-016")).status_code == 403
    assert (await proxied[1].submit(access.PATH, token=TOKEN)).status_code == 429
    assert (await proxied[0].submit(access.PATH, token=TOKEN)).status_code == 303


async def test_signing_out_takes_the_cookie_away(asked: Asked) -> None:
    person = await asked.operator()
    assert (await person.submit("/sign-out")).headers["location"] == "/sign-in"
    assert (await person.get("/")).status_code == 303


async def test_the_form_says_what_is_missing(asked: Asked, receiver_database: str) -> None:
    plain = asked.nobody(base="http://10.1.2.3", client="10.1.2.4", **{"Sec-Fetch-Site": ""})
    del plain.headers["Sec-Fetch-Site"]
    assert "put https before the console" in Shown((await plain.get("/sign-in")).text).text
    closed = Asked(receiver_database, RECEIVER_CONSOLE_TOKEN="", RECEIVER_CONSOLE_READ_TOKEN="")
    far = await closed.nobody(base=ELSEWHERE, client="203.0.113.7").page("/sign-in")
    assert "set RECEIVER_CONSOLE_TOKEN" in far.text
    assert far.values("form", "action") == []
    assert "receiver console --link" in (await closed.nobody().page("/sign-in")).text
    await closed.close()


async def test_a_link_is_old_after_ten_minutes_or_with_a_letter_changed(asked: Asked) -> None:
    made = await asked.console.access()
    link = made.link("")
    wrong = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")
    answer = await asked.nobody().get(wrong)
    assert answer.status_code == 403
    assert "receiver console --link" in answer.text
