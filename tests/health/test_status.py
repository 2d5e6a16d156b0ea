"""The state says why there are no figures: the database is away, or it answers and they cannot be read."""

import pytest

from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.health import Finding
from receiver.health.status import Status

HOLDS = Finding("database", holds=True, seen="durable")


@pytest.mark.parametrize(
    ("findings", "error"),
    [
        ([Finding("database", holds=False, seen="why it is so")], StoreUnavailableError),
        ([HOLDS, Finding("figures", holds=False, seen="why it is so")], StoreRefusedError),
        ([Finding("database", holds=False, seen="not durable"), Finding("figures", holds=False, seen="why it is so")],
         StoreRefusedError),
    ], ids=["away", "not to be read", "not to be read, and not durable"],
)  # fmt: skip
def test_without_figures_it_says_what_is_wrong(findings: list[Finding], error: type[Exception]) -> None:
    with pytest.raises(StoreUnavailableError, match="why it is so") as raised:
        Status("0.0", findings).require_figures()
    assert type(raised.value) is error
