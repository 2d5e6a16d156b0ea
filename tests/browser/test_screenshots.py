"""A picture of every page, to be looked at by whoever builds it: `--screenshots DIR`."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import DESK, PHONE, StorageState, Watched

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESK},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE},
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_picture_of_every_page(
    look: str, pages: dict[str, str], watched: Watched, signed_in: StorageState, screenshots: Path
) -> None:
    page = watched.context(storage_state=signed_in, **LOOKS[look]).new_page()
    watched.expected.append("404")
    for route, address in pages.items():
        page.goto(address)
        name = "-".join(re.findall(r"\w+", re.sub(r":\w+", "", route))) or "now"
        page.screenshot(path=screenshots / f"{name}-{look}.png", full_page=True)
