"""npm packages for tests: clients and servers that strangers wrote, at pinned versions.

Use the fixture by importing it: `from tests.npm import npm_packages`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("transcribe-so@0.1.0", "@tus/server@2.4.5", "@tus/file-store@2.1.1")
INSTALL_SECONDS = 100


@pytest.fixture(scope="session")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds `node_modules`; skips where there is no node, no npm, or no way to the packages."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--prefer-offline", *PACKAGES]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the packages in {INSTALL_SECONDS} s")
    if ran.returncode:
        pytest.skip(f"npm could not install the packages: {ran.stderr.strip()[-200:]}")
    return folder
