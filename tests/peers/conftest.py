"""Fixtures of the peers."""

import pytest

from tests.peers.prometheus import Programs, programs


@pytest.fixture(scope="session")
def prometheus() -> Programs:
    """Prometheus and its tool; without them the test is skipped."""
    return programs()
