"""Everything by keyboard."""

import re
from collections.abc import Callable

import pytest

from tests.browser.chromium import Page, StorageState, Watched, expect
from tests.browser.fleet import Fleet
from tests.processes import completed, until

# What a mouse can press, and a keyboard cannot reach.
UNREACHABLE = """() => [
  ...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")
].filter(one => one.tabIndex < 0 || one.tabIndex > 0).map(one => one.outerHTML.slice(0, 200))"""
NO_ELEMENT = "() => [...document.querySelectorAll('[onclick], [role=button]')].map(one => one.outerHTML.slice(0, 200))"


def test_a_question_mark_shows_the_keys_and_escape_closes_them(page: Page) -> None:
    page.goto("/")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_hidden()
    page.keyboard.press("?")
    expect(keys).to_be_visible()
    assert keys.locator("kbd").all_inner_texts() == ["/", "j", "k", "Enter", "r", "l", "?", "Esc"]
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Keys").focus()
    page.keyboard.press("Enter")
    expect(keys).to_be_visible()


def test_the_first_key_leads_past_the_navigation(page: Page) -> None:
    page.goto("/settings")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_the_keyboard_reaches_whatever_can_be_pressed(pages: dict[str, str], page: Page, watched: Watched) -> None:
    watched.expected.append("404")
    wrong = {}
    for route, address in pages.items():
        page.goto(address)
        if found := page.evaluate(UNREACHABLE) + page.evaluate(NO_ELEMENT):
            wrong[route] = found
    assert wrong == {}


@pytest.fixture
def events(filled: Fleet, page: Page) -> Page:
    """Return the page of events, with rows."""
    assert filled.deliver(completed("evt_another", 80_000)) == 200
    answer = page.goto("/events")
    assert answer is not None
    assert answer.status == 200
    return page


def test_a_slash_goes_to_the_filter_and_letters_stay_letters_there(events: Page) -> None:
    page = events
    page.keyboard.press("/")
    field = page.locator("[data-filter]")
    expect(field).to_be_focused()
    page.keyboard.type("j?r")
    expect(field).to_have_value(re.compile(r"j\?r$"))
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()


def test_j_and_k_walk_the_rows_and_enter_opens_one(events: Page) -> None:
    page = events
    rows = page.locator("[data-row]")
    assert rows.count() > 2
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(rows.nth(place)).to_have_attribute("aria-current", "true")
        expect(page.locator("[data-row][aria-current]")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/events/\d+"))
    expect(page.locator("h1")).to_be_visible()


def test_r_goes_to_the_replay_of_the_event_that_is_open_and_enter_presses_it(filled: Fleet, page: Page) -> None:
    def replay() -> None:
        posts = list[str]()
        page.on("request", lambda request: posts.append(request.method) if request.method == "POST" else None)
        for _ in range(3):
            page.keyboard.press("r")
        expect(page.locator("[data-replay]")).to_be_focused()
        expect(page.locator("#said")).to_have_text("Press Enter to replay all.")
        assert posts == []
        # Not pressed: the key would come up in a page that is just left, and Chromium can then wait for it for ever.
        page.keyboard.down("Enter")

    assert attempts_after_a_replay(filled, page, replay)


def test_without_javascript_the_button_replays(filled: Fleet, watched: Watched, signed_in: StorageState) -> None:
    plain = watched.context(storage_state=signed_in, java_script_enabled=False).new_page()
    assert attempts_after_a_replay(filled, plain, plain.locator("[data-replay]").first.click)


def attempts_after_a_replay(fleet: Fleet, page: Page, replay: Callable[[], None]) -> int:
    """Replay an event from its page; returns how many attempts it then has more."""

    def attempts() -> int:
        (row,) = fleet.sql(
            "select sum(j.attempt)::int as attempts from receiver.jobs j join receiver.events e on e.id = j.event "
            "where e.event_id = 'evt_failed_0'"
        )
        return int(row["attempts"])

    (event,) = fleet.sql("select id from receiver.events where event_id = 'evt_failed_0'")
    before = attempts()
    answer = page.goto(f"/events/{event['id']}")
    assert answer is not None
    assert answer.status == 200
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        replay()
    page.wait_for_load_state()
    until(lambda: attempts() > before, "the job was tried again")
    return attempts() - before
