"""What the tests in a browser share: one browser, one fleet, and what is found on its pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import crawling
from tests.browser import fleet as fleets
from tests.browser.fleet import Fleet
from tests.processes import Processes, open_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, StorageState

    from tests.browser.axe import Axe
    from tests.browser.chromium import Watched

VERSIONS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="DIR", help="write a picture of every page of the console here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take pictures only if asked to. What needs little comes first, while submissions end; an outage comes last."""
    if not config.getoption("--screenshots"):
        pictures = [item for item in items if "screenshots" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=pictures)
        items[:] = [item for item in items if item not in pictures]
    items.sort(key=lambda item: ("filled" in getattr(item, "fixturenames", ()), item.path.name == "test_away.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which versions were used."""
    for line in config.stash.get(VERSIONS, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """Yield Chromium."""
    from tests.browser.chromium import chromium  # noqa: PLC0415 - needs Playwright, which may be missing

    with chromium() as started:
        pytestconfig.stash.setdefault(VERSIONS, []).append(f"Chromium {started.version}")
        yield started


@pytest.fixture(scope="session")
def axe(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Axe:
    """Return axe-core."""
    from tests.browser.axe import install  # noqa: PLC0415 - needs Playwright, which may be missing

    found = install(tmp_path_factory.mktemp("axe"))
    pytestconfig.stash.setdefault(VERSIONS, []).append(f"axe-core {found.version}")
    return found


@pytest.fixture(scope="session")
def fleet(browser: Browser) -> Iterator[Fleet]:  # noqa: ARG001 - nothing is started where there is no browser
    """Yield everything that `up` starts, once the sample is through."""
    with open_folder() as folder, Processes(folder) as processes, fleets.running(processes) as running:
        yield running


@pytest.fixture(scope="session")
def filled(fleet: Fleet) -> Fleet:
    """Return the fleet with something on every page."""
    fleet.fill()
    return fleet


@pytest.fixture(scope="session")
def crawled(filled: Fleet) -> crawling.Found:
    """Return what links and forms lead to."""
    with filled.signed_in() as http:
        return crawling.crawl(http, *filled.begun)


@pytest.fixture(scope="session")
def pages(crawled: crawling.Found) -> dict[str, str]:
    """Return an address for each page, by its route; and that of a page that is none."""
    return crawled.pages | {"an unknown page": "/nowhere"}


@pytest.fixture(scope="session")
def signed_in(browser: Browser, fleet: Fleet) -> StorageState:
    """Return the cookies of somebody who has opened a link."""
    from tests.browser.chromium import sign_in  # noqa: PLC0415 - needs Playwright, which may be missing

    context = browser.new_context(base_url=fleet.url)
    sign_in(context, fleet.link)
    found = context.storage_state()
    context.close()
    return found


@pytest.fixture
def watched(browser: Browser, fleet: Fleet) -> Iterator[Watched]:
    """Yield contexts at the console; the browser may complain of nothing in them."""
    from tests.browser.chromium import Watched  # noqa: PLC0415 - needs Playwright, which may be missing

    watching = Watched(browser, fleet.url)
    yield watching
    watching.close()
    assert watching.complaints == []


@pytest.fixture
def page(watched: Watched, signed_in: StorageState) -> Page:
    """Return a page of somebody who may act."""
    return watched.context(storage_state=signed_in).new_page()


@pytest.fixture
def screenshots(pytestconfig: pytest.Config) -> Path:
    """Return the folder that --screenshots names."""
    folder = Path(pytestconfig.getoption("--screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
