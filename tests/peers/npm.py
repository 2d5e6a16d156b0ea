"""npm packages for tests: clients, servers and a checker that strangers wrote.

Use the fixture by importing it: `from tests.peers.npm import npm_packages`.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = ("transcribe-so@0.1.0", "@tus/server@2.4.5", "@tus/file-store@2.1.1")
INSTALL_SECONDS = 100


def install(folder: Path, *packages: str) -> Path:
    """Get packages into a folder, and return its `node_modules`; skips where npm, or a way to them, is missing."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--prefer-offline", *packages]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {', '.join(packages)} in {INSTALL_SECONDS} s")
    if ran.returncode:
        why = next((line for line in ran.stderr.splitlines() if line.strip()), "it does not say why")
        pytest.skip(f"npm could not install {', '.join(packages)}: {why[:200]}")
    return folder / "node_modules"


@pytest.fixture(scope="session")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that holds `node_modules`."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return install(tmp_path_factory.mktemp("npm"), *PACKAGES).parent
