"""In by a link or a token, and out again."""

import re

import httpx
import pytest

from tests.browser.chromium import Page, StorageState, Watched, expect, sign_in
from tests.browser.fleet import READ_TOKEN, TOKEN, Fleet

RECEIVING = re.compile("eceiving")


@pytest.fixture
def stranger(watched: Watched) -> Page:
    return watched.context().new_page()


def test_a_printed_link_signs_in_and_does_not_stay_in_the_address(fleet: Fleet, watched: Watched) -> None:
    page = sign_in(watched.context(), fleet.new_link())
    expect(page.locator("h1")).to_contain_text(RECEIVING)
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""


def test_without_javascript_a_link_signs_in_too(fleet: Fleet, watched: Watched) -> None:
    page = sign_in(watched.context(java_script_enabled=False), fleet.new_link())
    expect(page.locator("h1")).to_contain_text(RECEIVING)


def test_a_link_that_was_changed_says_what_to_do(fleet: Fleet, watched: Watched, stranger: Page) -> None:
    watched.expected.append("403")
    at = len(fleet.link) - 10  # the last letter has bits that say nothing
    stranger.goto(f"{fleet.link[:at]}{'A' if fleet.link[at] != 'A' else 'B'}{fleet.link[at + 1 :]}")
    expect(stranger.get_by_role("alert")).to_contain_text("receiver console --link")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_token_signs_in_and_leads_to_the_page_that_was_asked_for(watched: Watched, *, scripts: bool) -> None:
    page = watched.context(java_script_enabled=scripts).new_page()
    page.goto("/refused?a=1")
    expect(page.locator("h1")).to_have_text("Sign in to the console")
    page.get_by_label("Token").fill(f" {TOKEN} ")
    page.keyboard.press("Enter")
    page.wait_for_url("/refused?a=1")
    expect(page.locator("h1")).to_have_text("Deliveries refused")


def test_a_wrong_token_is_refused(watched: Watched, stranger: Page) -> None:
    watched.expected.append("403")
    stranger.goto("/")
    stranger.get_by_label("Token").fill("wrong")
    stranger.get_by_role("button", name="Sign in").click()
    expect(stranger.get_by_role("alert")).to_have_text("That is not the token.")
    assert stranger.context.cookies() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_signed_out_no_page_is_shown_any_more(watched: Watched, signed_in: StorageState, *, scripts: bool) -> None:
    page = watched.context(storage_state=signed_in, java_script_enabled=scripts).new_page()
    page.goto("/settings")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("/sign-in")
    assert page.context.cookies() == []
    page.go_back()
    expect(page.locator("h1")).to_have_text("Sign in to the console")


def test_whoever_may_look_sees_all_and_finds_nothing_that_acts(fleet: Fleet, watched: Watched) -> None:
    page = watched.context().new_page()
    page.goto("/settings")
    page.get_by_label("Token").fill(READ_TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_text("You may look, and change nothing.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("test event"))).to_have_count(0)
    with fleet.signed_in(READ_TOKEN) as http:
        answer = http.post("/settings/test-event", data={"account": "default"})
    assert (answer.status_code, "may look" in answer.text) == (httpx.codes.FORBIDDEN, True)
