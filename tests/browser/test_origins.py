"""A page of another origin makes a signed-in browser send things here. The browser says so, and nothing is done."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser.chromium import Page, StorageState, Watched, expect
from tests.browser.fleet import Fleet
from tests.servers import Quiet, quiet

REFUSED = "This came from another site, so it was not done."
PAGE = """<!doctype html><title>elsewhere</title><link rel="icon" href="data:,">
<form method="post" action="CONSOLE/settings/test-event"><input name="account" value="default">
<button>test</button></form>
<form method="post" action="CONSOLE/sign-out"><button>out</button></form>
<form method="post" action="CONSOLE/sign-in"><input name="token" value="x"><button>in</button></form>
<a href="CONSOLE/settings">link</a>
<iframe src="CONSOLE/settings"></iframe>
"""


@contextmanager
def elsewhere(console: str) -> Iterator[str]:
    """Serve a page of somebody else's on this machine; yields its address."""

    class Handler(Quiet):
        def answer(self) -> None:
            self.say(200, PAGE.replace("CONSOLE", console).encode(), Content_Type="text/html")

    with quiet(Handler) as url:
        yield url


@pytest.fixture(params=["127.0.0.1", "localhost"])  # the same site for a browser, and another one
def foreign(request: pytest.FixtureRequest, fleet: Fleet, watched: Watched, signed_in: StorageState) -> Iterator[Page]:
    watched.expected += ["elsewhere", "403", "404", "frame-ancestors", "chrome-error"]
    with elsewhere(fleet.url) as url:
        page = watched.context(storage_state=signed_in).new_page()
        page.goto(url.replace("127.0.0.1", request.param))
        yield page


@pytest.mark.parametrize("button", ["test", "out", "in"])
def test_a_form_elsewhere_does_nothing_here(button: str, foreign: Page) -> None:
    with foreign.expect_response(lambda answer: answer.request.method == "POST") as answered:
        foreign.get_by_role("button", name=button, exact=True).click()
    assert answered.value.status == 403
    expect(foreign.locator("body")).to_have_text(REFUSED)
    foreign.goto("/settings")
    expect(foreign.locator("h1")).to_have_text("Settings")  # still signed in
    assert foreign.locator("#test").count() == 0


def test_a_script_elsewhere_does_and_reads_nothing_here(fleet: Fleet, watched: Watched, foreign: Page) -> None:
    watched.expected += ["CORS", "ERR_FAILED", "ERR_BLOCKED"]
    send = "async url => { try { return (await fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include', "
    send += "body: 'account=default', headers: {'Content-Type': 'application/x-www-form-urlencoded'}})).type } "
    send += "catch (error) { return 'blocked' } }"
    assert foreign.evaluate(send, f"{fleet.url}/settings/test-event") in ("opaque", "blocked")
    read = "async url => { try { return await (await fetch(url, {credentials: 'include'})).text() } "
    read += "catch (error) { return 'blocked' } }"
    assert foreign.evaluate(read, f"{fleet.url}/settings") == "blocked"
    foreign.goto("/settings")
    assert foreign.locator("#test").count() == 0


def test_no_page_elsewhere_can_frame_a_page_of_ours(foreign: Page) -> None:
    (frame,) = foreign.frames[1:]
    frame.wait_for_url("chrome-error://**", wait_until="commit")
