"""Check where files are kept or written: in a folder, or in a bucket."""

import re
from pathlib import Path

from receiver.settings import values

PLACE_BYTES = 700  # it is a part of an index entry, and its prefix one of a bucket's key, which has 1024 bytes
BUCKET = "s3://"

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_IN_A_BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9!_.'()=+-]+)*)/*")


def place(value: str) -> str:
    """Return the absolute path of a folder, or `s3://bucket/prefix`.

    Raises:
        ValueError: it is neither, or the library for buckets is not installed.
    """
    if _SCHEME.match(value):
        found = _IN_A_BUCKET.fullmatch(value)
        if found is None or {".", ".."} & set(found[2].split("/")):
            raise ValueError("must be a folder, or s3://BUCKET or s3://BUCKET/PREFIX in plain ASCII without a password")
        values.need_extra("s3", "obstore")
        value = f"{BUCKET}{found[1]}{found[2]}"
    else:
        value = str(Path(values.plain(value, values.ODD_IN_PATHS)).absolute())
    if len(value.encode()) > PLACE_BYTES:
        raise ValueError(f"must be at most {PLACE_BYTES} bytes long")
    return value
