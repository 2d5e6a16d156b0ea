"""The promises hold for whole processes under load. None of it is measured: the tests of the rooms reach each line."""

from collections.abc import Iterator

import coverage
import pytest


@pytest.fixture(scope="module", autouse=True)
def _unmeasured() -> Iterator[None]:
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
    if measuring is not None:
        measuring.start()
