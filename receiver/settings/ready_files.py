"""Check what the ready-made handler `files` is told: where it writes, and what it names files by."""

import re
from pathlib import Path

from receiver.settings import values

FIELDS = ("date", "title", "id", "source", "account")
MOST_PARTS = 4  # folders and the file's name; all of them are part of an index entry, and of a bucket's key
TEMPLATE_LENGTH = 200
PLACE_BYTES = 700
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


def template(value: str) -> str:
    """Return a template of names, whose fields are in `FIELDS`.

    Raises:
        ValueError: no file could be named by it.
    """
    if len(value) > TEMPLATE_LENGTH or not value.isprintable():
        raise ValueError(f"must be at most {TEMPLATE_LENGTH} printable characters")
    values.require_fields(value, FIELDS)
    parts = value.split("/")
    if len(parts) > MOST_PARTS or any(part.strip() != part or not part or part[0] == "." for part in parts):
        raise ValueError(
            f"must have at most {MOST_PARTS} parts between /, none of them empty, and none that begins with a dot or "
            "begins or ends with a space"
        )
    return value
