"""Name an endpoint of a provider by its path without ids, so that the name can be shown and counted. Pure."""

import re

# What follows these words is an id. Elsewhere a segment that is no word is taken for one: it might be a ticket.
_COLLECTIONS = frozenset({"transcriptions", "jobs"})
_WORD = re.compile(r"v[0-9]|[a-z]{1,20}(?:-[a-z]{1,20}){0,3}")
_ID = "{id}"


def template(raw_path: bytes, base: bytes) -> str | None:
    """Return the path of a request below the API's, without ids; None if it is not below it: it can hold a ticket.

    Args:
        raw_path: the path as it is sent, with its query.
        base: the path of the API's address, with a final slash.
    """
    path = raw_path.partition(b"?")[0]
    if not path.startswith(base):
        return None
    before, named = "", list[str]()
    for segment in path.removeprefix(base).decode("ascii").split("/"):
        is_id = before in _COLLECTIONS or not (_WORD.fullmatch(segment) or segment == "")
        named.append(_ID if is_id else segment)
        before = segment
    return "/".join(named)
