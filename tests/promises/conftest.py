"""The promises hold for whole processes under load. Those are not measured: the tests of the rooms reach each line."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _unmeasured() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield
