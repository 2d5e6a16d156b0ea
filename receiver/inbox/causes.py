"""Name the cause of an error, so that jobs with the same cause can be counted together. Pure.

    GET https://crm.test/items answered 503 for evt_1a2b (handlers/crm.py line 12) (tried 10 times)
    GET https://crm.test/items answered 503 for # (handlers/crm.py line #) (tried # times)

The cause is the first line of the error with every word that has a digit in it folded: numbers, ids, dates and sizes
differ from job to job. The status of an HTTP answer stays, because it is a cause of its own.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

NO_REASON = "no reason given"
FOLDED = "#"
LENGTH = 300
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_WITH_DIGIT = re.compile(r"\b[^\W\d]*(?<!answered )(?<!HTTP )\d[\w.:,+-]*\b")


def first_line(error: str | None) -> str:
    """Return the first line of an error that has words in it."""
    lines = (line.strip() for line in (error or "").splitlines())
    return next(filter(None, lines), NO_REASON)


def cause(error: str | None) -> str:
    """Return the cause of an error."""
    line = first_line(error)[:LENGTH]
    shape = line.encode(errors="surrogatepass").translate(_ZEROS)  # of a text it takes ten times as long
    return FOLDED.join([line[part] for part in _kept(shape)])


@lru_cache(maxsize=1000)
def _kept(shape: bytes) -> Sequence[slice]:
    """Return which parts of a line stay: the same of all lines with one shape, which differ in their digits alone."""
    folded = [found.span() for found in _WITH_DIGIT.finditer(shape.decode(errors="surrogatepass"))]
    ends, begins = [begin for begin, _ in folded], [end for _, end in folded]
    return [slice(*part) for part in zip([0, *begins], [*ends, None], strict=True)]


def is_about(text: str, error: str | None) -> bool:
    """Whether an error, or its cause, has a text in it; upper and lower case are the same."""
    wanted = text.casefold()
    return wanted in (error or NO_REASON).casefold() or wanted in cause(error).casefold()
