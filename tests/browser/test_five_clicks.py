"""As a new user: from the printed link to a text for YouTube in the clipboard, in five clicks and without a command."""

import re

from tests.browser.chromium import Watched, expect
from tests.browser.fleet import Fleet


def test_the_first_transcript_is_five_clicks_from_the_printed_link(filled: Fleet, watched: Watched) -> None:
    context = watched.context()
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=filled.url)
    page = context.new_page()
    page.goto(filled.new_link())  # the first click
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Transcripts").click()
    page.locator(f"[data-row] a[href*='/{filled.sample}']").first.click()
    text = page.get_by_label(re.compile("youtube", re.IGNORECASE)).first
    page.locator(f"button[data-copy='{text.get_attribute('id')}']").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert re.match(r"0:00 .+\n\d+:\d\d ", copied)
    assert copied == text.input_value()
