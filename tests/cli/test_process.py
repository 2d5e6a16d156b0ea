"""`receiver.cli.process`: what is said to whoever interrupts a command."""

import pytest

from receiver.cli.process import paid_once


@pytest.mark.parametrize(
    ("again", "said"),
    [
        (False, "run the same command to continue; you do not pay twice"),
        (True, "run the same command without --again to continue; you do not pay twice"),
    ],
)
def test_whoever_interrupts_is_told_how_to_continue_without_another_charge(*, again: bool, said: str) -> None:
    with pytest.raises(KeyboardInterrupt, match=f"^{said}$"), paid_once(again=again):
        raise KeyboardInterrupt
