"""axe-core from npm: what keeps people out who cannot see or use a mouse."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.browser.chromium import Page

INSTALL_SECONDS = 100
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
    """Get the program into a folder; skips where there is no npm, or no way to it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, so there is no axe-core")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--prefer-offline", "axe-core@4"]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install axe-core in {INSTALL_SECONDS} s")
    if ran.returncode:
        pytest.skip(f"npm could not install axe-core: {ran.stderr.strip()[-200:]}")
    package = folder / "node_modules/axe-core"
    return Axe((package / "axe.min.js").read_text(), json.loads((package / "package.json").read_text())["version"])
