"""Debian's Chromium, its flags, and pages that fail on whatever a browser complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: .venv/bin/pip install -e '.[browser]'")
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    StorageState,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.processes import WAIT_SECONDS

__all__ = [
    "DESK",
    "PHONE",
    "Browser",
    "Page",
    "StorageState",
    "ViewportSize",
    "Watched",
    "chromium",
    "expect",
    "sign_in",
]

PROGRAM = shutil.which("chromium")
if PROGRAM is None:
    pytest.skip("Chromium is not installed: apt-get install --no-install-recommends chromium", allow_module_level=True)
# Chromium starts as root without its sandbox alone. It must look for nothing outside this machine.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
WAIT_MILLISECONDS = 1000 * WAIT_SECONDS  # a busy machine is slow, and what is there is not waited for
expect.set_options(timeout=WAIT_MILLISECONDS)
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
# What a page may not load is reported here too, also what no console message tells.
REPORT = "addEventListener('securitypolicyviolation', e => __report(e.violatedDirective + ' ' + e.blockedURI))"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """Contexts of a browser at one origin. Whatever the browser complains of is kept in `complaints`.

    Attributes:
        complaints: errors on the console and in scripts, breaches of the content policy, requests to elsewhere.
        expected: parts of complaints that the test brings about itself.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self.complaints: list[str] = []
        self.expected: list[str] = []
        self._contexts: list[BrowserContext] = []

    def context(self, **options: Any) -> BrowserContext:
        """Return a new context: a browser of somebody who was never here."""
        context = self._browser.new_context(**{"base_url": self._url, "viewport": DESK} | options)
        self._contexts.append(context)
        context.set_default_timeout(WAIT_MILLISECONDS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._note(f"script: {error.error}"))
        context.on("request", lambda request: self._see(request.url))
        if options.get("java_script_enabled", True):
            context.expose_function("__report", lambda text: self._note(f"policy: {text}"))
            context.add_init_script(REPORT)
        return context

    def close(self) -> None:
        """Close every context."""
        for context in self._contexts:
            context.close()

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self._note(f"console: {said.text} {said.location['url']}")

    def _see(self, url: str) -> None:
        parts = urlsplit(url)
        if f"{parts.scheme}://{parts.netloc}" != self._url and parts.scheme not in ("data", "blob"):
            self._note(f"elsewhere: {url}")

    def _note(self, complaint: str) -> None:
        if not any(part in complaint for part in self.expected):
            self.complaints.append(complaint)


def sign_in(context: BrowserContext, link: str) -> Page:
    """Open a link that signs in, and return the page once it has led on."""
    page = context.new_page()
    page.goto(link)
    page.wait_for_url("/")
    return page
