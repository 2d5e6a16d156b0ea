"""A bucket of Amazon S3, or of a service that speaks like it. The usual variables `AWS_…` say how it is reached.

An object appears whole or not at all, so nothing is hidden meanwhile.
"""

import os
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

REQUEST, REPEATS = timedelta(seconds=60), timedelta(seconds=120)  # one request, and all its repeats
AT_ONCE = 4  # parts of one large file


class Bucket:
    """What one try of a job writes into a bucket. `place` is `s3://bucket/prefix`. Paths have `/` in between."""

    def __init__(self, place: str) -> None:
        from obstore.store import S3Store  # noqa: PLC0415 - only who has a bucket pays for it

        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            client_options={"timeout": REQUEST, **({"allow_http": True} if endpoint.startswith("http://") else {})},
            retry_config={"max_retries": 2, "retry_timeout": REPEATS},
        )
        self._texts: list[tuple[str, bytes]] = []

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: what was not published was not sent."""

    def has(self, path: str) -> bool:
        """Whether there is an object. Who may only write there cannot know, and says no."""
        import obstore  # noqa: PLC0415 - the same
        from obstore.exceptions import NotFoundError, PermissionDeniedError  # noqa: PLC0415 - the same

        try:
            obstore.head(self._store, path)
        except (NotFoundError, FileNotFoundError, PermissionDeniedError):
            return False
        return True

    def put(self, path: str, content: bytes | Path) -> None:
        """Keep a text for `publish`, or send a file now: it can be large."""
        import obstore  # noqa: PLC0415 - the same

        if isinstance(content, bytes):
            self._texts.append((path, content))
        else:
            obstore.put(self._store, path, content, max_concurrency=AT_ONCE)

    def publish(self) -> None:
        """Send the texts."""
        import obstore  # noqa: PLC0415 - the same

        while self._texts:
            path, content = self._texts[-1]
            obstore.put(self._store, path, content)
            self._texts.pop()
