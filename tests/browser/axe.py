"""axe-core from npm: what keeps people out who cannot see or use a mouse."""

import json
from pathlib import Path
from typing import NamedTuple

from tests.browser.chromium import Page
from tests.peers import npm

PACKAGE = "axe-core@4"
RUN = "async () => (await axe.run(document)).violations"


class Axe(NamedTuple):
    """The program, and its version."""

    text: str
    version: str

    def violations(self, page: Page) -> list[str]:
        """Return what is wrong with a page, by all rules."""
        page.evaluate(self.text)  # by the debugger's way, which no content policy stops
        found = page.evaluate(RUN)
        return [f"{one['id']}: {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]


def install(folder: Path) -> Axe:
    """Get the program into a folder; skips where it is not to be had."""
    package = npm.install(folder, PACKAGE) / "axe-core"
    return Axe((package / "axe.min.js").read_text(), json.loads((package / "package.json").read_text())["version"])
