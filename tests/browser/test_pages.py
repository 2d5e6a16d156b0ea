"""Every page that links lead to: for those who see little, on a phone, without scripts, with hostile titles."""

import re
from collections.abc import Callable
from typing import TypeAlias

import pytest

from receiver.console.rendering import NAV
from tests.browser import crawling, hostile
from tests.browser.axe import Axe
from tests.browser.chromium import DESK, PHONE, Page, StorageState, ViewportSize, Watched, expect
from tests.processes import until

Pages: TypeAlias = dict[str, str]
ORDER = ["Now", "Events", "Dead", "Transcripts", "Submissions", "Costs", "Refused", "Settings"]
# What a page says, without what a moment later is another number, and without what stands there for scripts' sake.
SAID = """() => {
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("noscript, script").forEach(one => one.remove());
  return main.textContent;
}"""
NUMBERS = re.compile(r"(?:\d[\d,.:]* ?(?:ms|s|min|h|d|days?|bytes|KB|MB)?|\s)+")
HIDDEN = "[hidden]:not(button)"  # a button that only a script can serve


def found(pages: Pages, look: Callable[[str], object]) -> dict[str, object]:
    """Return what `look` finds on each page, by its route, where it finds something."""
    return {route: what for route, address in pages.items() if (what := look(address))}


def test_the_navigation_has_every_page_in_the_order_of_use() -> None:
    assert [name for _, name in NAV] == ORDER


def test_links_lead_to_every_page_and_to_every_download_and_none_leads_nowhere(crawled: crawling.Found) -> None:
    assert crawled.broken == {}
    assert crawling.unreached(crawled) == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(
    scheme: str, pages: Pages, watched: Watched, signed_in: StorageState, axe: Axe
) -> None:
    page = watched.context(storage_state=signed_in, color_scheme=scheme).new_page()
    watched.expected.append("404")

    def look(address: str) -> object:
        page.goto(address)
        return axe.violations(page)

    assert found(pages, look) == {}
    page.goto("/")
    page.keyboard.press("?")
    assert axe.violations(page) == []
    stranger = watched.context(color_scheme=scheme).new_page()
    stranger.goto("/")
    assert axe.violations(stranger) == []


def test_no_page_scrolls_sideways_on_a_phone(pages: Pages, watched: Watched, signed_in: StorageState) -> None:
    page = watched.context(storage_state=signed_in, viewport=PHONE).new_page()
    watched.expected.append("404")

    def look(address: str) -> object:
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        return width if width > PHONE["width"] else None

    assert found(pages, look) == {}


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_phone_the_pages_stand_in_one_row_and_the_current_one_is_seen(
    watched: Watched, signed_in: StorageState, *, scripts: bool
) -> None:
    page = watched.context(storage_state=signed_in, viewport=PHONE, java_script_enabled=scripts).new_page()
    for place, _ in NAV:
        page.goto(place)
        tops = page.locator("header nav a").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
        assert len(set(tops)) == 1
        expect(page.locator("header [aria-current]")).to_be_in_viewport(ratio=1)


def goes_to_a_recording(page: Page) -> bool:
    page.goto("/transcripts")
    links = page.locator("main a[href^='/transcripts/']").evaluate_all("all => all.map(one => one.href)")
    return any(page.goto(link) and page.locator("audio").count() for link in links)


@pytest.mark.usefixtures("crawled")  # everything is there
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_player_stays_in_view_and_hides_nothing_that_is_gone_to(
    size: ViewportSize, watched: Watched, signed_in: StorageState
) -> None:
    page = watched.context(storage_state=signed_in, viewport=size).new_page()
    until(lambda: goes_to_a_recording(page), "a transcript has its recording, and is in the index")
    page.locator(".turns li").last.scroll_into_view_if_needed()
    expect(page.locator("audio")).to_be_in_viewport(ratio=1)
    bottom = "document.querySelector('.player').getBoundingClientRect().bottom"
    top = "(one) => { one.scrollIntoView({ block: 'nearest' }); return one.getBoundingClientRect().top; }"
    assert page.locator(".turns li").first.evaluate(top) >= page.evaluate(bottom)


def test_whatever_is_hidden_is_not_seen(pages: Pages, watched: Watched, signed_in: StorageState) -> None:
    page = watched.context(storage_state=signed_in, java_script_enabled=False).new_page()
    watched.expected.append("404")

    def look(address: str) -> object:
        page.goto(address)
        return page.locator("[hidden]").filter(visible=True).count()

    assert found(pages, look) == {}


def test_without_javascript_a_page_says_the_same(
    pages: Pages, page: Page, watched: Watched, signed_in: StorageState
) -> None:
    plain = watched.context(storage_state=signed_in, java_script_enabled=False).new_page()
    watched.expected.append("404")

    def said(of: Page, address: str) -> str:
        of.goto(address)
        text: str = of.evaluate(SAID)
        return NUMBERS.sub(" ", text)

    def look(address: str) -> object:
        until(lambda: said(plain, address) == said(page, address), f"{address} says the same without JavaScript")
        assert plain.locator("h1").is_visible()
        return plain.locator(f"main {HIDDEN}").count()

    assert found(pages, look) == {}


def test_nothing_of_a_hostile_text_becomes_an_element(pages: Pages, page: Page, watched: Watched) -> None:
    """A script of theirs would be an error too: `watched` complains of the policy."""
    watched.expected.append("404")
    page.on("dialog", lambda dialog: watched.complaints.append(f"dialog: {dialog.message}"))
    shown = ""

    def look(address: str) -> object:
        nonlocal shown
        page.goto(address)
        content = page.content()
        shown += content
        elements = {one: page.locator(one).count() for one in hostile.ELEMENTS}
        scripts = page.locator("script").count() - page.locator("script[src^='/assets/']").count()
        odd = [one for one in "\u202e\u2066\u2069\u200f\x1b\x00" if one in content]
        return [elements, scripts, odd] if any(elements.values()) or scripts or odd else None

    assert found(pages, look) == {}
    assert "&lt;svg/onload=alert(1)&gt;" in shown  # they are there
    assert "\\u202egpj.exe" in shown
