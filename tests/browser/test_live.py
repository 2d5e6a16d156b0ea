"""Pages change as things happen, until somebody switches that off or looks elsewhere."""

from tests.browser.chromium import Page, StorageState, Watched, expect
from tests.browser.fleet import Fleet
from tests.processes import completed

SWITCH = "[data-live]"


def is_stream(request: object) -> bool:
    return str(getattr(request, "url", "")).endswith("/changes")


def test_a_new_event_appears_by_itself_and_not_where_live_is_off(filled: Fleet, page: Page) -> None:
    page.goto("/events")
    assert page.locator("[data-row]").count() > 2
    still = page.context.new_page()
    still.goto("/events")
    with still.expect_event("requestfailed", is_stream):  # the stream ends
        still.locator(SWITCH).click()
    expect(still.locator(SWITCH)).to_have_attribute("aria-pressed", "false")
    expect(still.get_by_role("status")).to_contain_text("Not live")
    assert filled.deliver(completed("evt_appears", 80_001, "transcription.failed")) == 200
    page.bring_to_front()
    expect(page.locator("main")).to_contain_text("80001")
    assert "80001" not in still.locator("main").inner_text()
    still.bring_to_front()
    still.keyboard.press("l")
    expect(still.locator("main")).to_contain_text("80001")
    expect(still.locator(SWITCH)).to_have_attribute("aria-pressed", "true")


def test_the_switch_is_remembered_from_page_to_page(page: Page) -> None:
    page.goto("/")
    page.locator(SWITCH).click()
    page.goto("/refused")
    expect(page.locator(SWITCH)).to_have_attribute("aria-pressed", "false")


def test_a_hidden_tab_has_no_stream_and_a_seen_one_has_it_again(page: Page) -> None:
    with page.expect_request(is_stream):
        page.goto("/")
    with page.expect_event("requestfailed", is_stream):
        hide(page, hidden=True)
    with page.expect_request(is_stream):
        hide(page, hidden=False)


def hide(page: Page, *, hidden: bool) -> None:
    """Let the page believe that its tab is hidden, or seen: Playwright's tabs are always seen."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); "
        "document.dispatchEvent(new Event('visibilitychange')) }",
        hidden,
    )


def test_what_a_person_has_selected_is_not_taken_away(page: Page) -> None:
    """While text is selected the page stays as it is, although a change is told."""
    page.route("**/changes", lambda _: None)  # no change is told but by the test
    page.goto("/")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.resource_type == "fetch" else None)
    page.evaluate("refresh()")
    assert asked == []
    page.evaluate("getSelection().removeAllRanges()")
    with page.expect_request("**/"):
        page.evaluate("refresh()")


def test_the_row_that_the_keys_have_reached_stays_the_same_when_rows_come(filled: Fleet, page: Page) -> None:
    page.goto("/events")
    assert page.locator("[data-row]").count() > 2
    page.keyboard.press("j")
    page.keyboard.press("j")
    current = page.locator("[data-row][aria-current]")
    reached = current.get_attribute("id")
    assert filled.deliver(completed("evt_comes", 80_002, "transcription.failed")) == 200
    expect(page.locator("main")).to_contain_text("80002")
    expect(current).to_have_attribute("id", str(reached))
    expect(current.locator("a").first).to_be_focused()


def test_a_stream_is_for_whoever_is_signed_in(watched: Watched, signed_in: StorageState) -> None:
    context = watched.context(storage_state=signed_in)
    page, other = context.new_page(), context.new_page()
    page.goto("/")
    other.goto("/settings")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/sign-in")
    watched.expected += ["401", "MIME type", "303"]
    page.bring_to_front()
    page.evaluate("refresh()")
    page.wait_for_url("**/sign-in?*")
