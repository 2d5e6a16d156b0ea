"""Check what the ready-made handler `files` names its files by."""

from receiver.settings import values

FIELDS = ("date", "title", "id", "source", "account")
MOST_PARTS = 4  # folders and the file's name; all of them are part of an index entry, and of a bucket's key
TEMPLATE_LENGTH = 200


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
