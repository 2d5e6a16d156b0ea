"""Without the database the pages say so, with what the web process still knows, and come back by themselves."""

from tests.browser.chromium import Page, StorageState, Watched, expect
from tests.browser.fleet import Fleet
from tests.faults.outages import away
from tests.processes import completed

AWAY = "The database is away"


def test_pages_say_that_the_database_is_away_and_recover_by_themselves(
    filled: Fleet, page: Page, watched: Watched, signed_in: StorageState
) -> None:
    watched.expected += ["503", "ERR_INCOMPLETE_CHUNKED", "ERR_EMPTY_RESPONSE"]
    page.goto("/")
    plain = watched.context(storage_state=signed_in, java_script_enabled=False).new_page()
    with away(filled.processes):
        expect(page.locator("h1")).to_contain_text(AWAY)  # it was open, and asks for itself again
        plain.goto("/refused")
        expect(plain.locator("h1")).to_contain_text(AWAY)
        assert filled.deliver(completed("evt_spooled", 80_003)) == 200
        expect(page.locator("main")).to_contain_text("wait, the oldest")  # the spool
    expect(page.locator("h1")).to_contain_text("eceiving")
    expect(plain.locator("h1")).to_have_text("Deliveries refused")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
