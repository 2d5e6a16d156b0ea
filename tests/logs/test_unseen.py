"""`receiver.logs.unseen`: whatever shows nothing is in the one table, and what people write is not."""

import re
import sys
import unicodedata

import pytest

from receiver.logs.unseen import EMOJI, JOINERS, UNSEEN, is_unseen

SHOWN = "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]"  # signs that enclose numbers


def test_what_has_no_sign_of_its_own_is_unseen() -> None:
    for code in range(sys.maxunicode + 1):
        sign = chr(code)
        hides = unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs") or code & 0xFFFE == 0xFFFE
        if hides and sign not in "\t\n" and not re.match(SHOWN, sign):
            assert is_unseen(sign), hex(code)


@pytest.mark.parametrize("sign", "\u034f\u115f\u17b4\u2800\u3164\ufe00\ufe0f\uffa0\U00016fe4\U0001d159\U000e0100")
def test_a_letter_a_mark_or_a_blank_that_shows_nothing_is_unseen(sign: str) -> None:
    assert is_unseen(sign)


def test_what_people_write_is_seen() -> None:
    assert not [sign for sign in "aZ0 é利م❤👩🏽\u0301\u20e3\ufffd\t\n" if is_unseen(sign)]
    assert not re.search(f"[{UNSEEN}]", JOINERS + EMOJI)
