"""What was read last of the database, in files beside the spool: the secrets that verify, and who the database is.

A process that starts while the database is away could verify nothing without the secrets, and would refuse what the
spool is there to take. The files hold what the database holds, for nobody else to read.
"""

import asyncio
import hashlib
import json
import logging
import os
from contextlib import closing
from pathlib import Path
from typing import Any

from receiver.database import dsn, private
from receiver.errors import ConfigError
from receiver.inbox.spool.folder import SpoolFolder
from receiver.webhooks.secrets import Callback, Known

log = logging.getLogger(__name__)

NOTHING = object()


class _File:
    """JSON in one file of the spool's folder, which is made where it is not there."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def read(self) -> Any:
        """Return what it holds; `NOTHING` where there is none, or it cannot be read."""
        try:
            with closing(SpoolFolder(self._folder)) as folder:
                return json.loads(private.read(folder.use(make=False), self._name, owner=os.geteuid()))
        except FileNotFoundError:
            return NOTHING
        except (OSError, ValueError) as exc:
            log.warning("what was remembered in %s cannot be read: %s", self._name, type(exc).__name__)
            return NOTHING

    def write(self, content: object) -> None:
        """Put that in its place.

        Raises:
            OSError: the disk does not take it, or the folder is not ours.
        """
        with closing(SpoolFolder(self._folder)) as folder:
            private.replace(folder.use(make=True), self._name, json.dumps(content).encode())


class Remembered:
    """One API's secrets."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self._file = _File(folder, f"secrets-{hashlib.sha256(api_url.encode()).hexdigest()[:16]}.json")
        self._kept: Known | None = None
        self.trouble: str | None = None

    async def keep(self, known: Known) -> None:
        """Remember secrets, if they are new; what is in the way is told once, and stands in `trouble`."""
        if known == self._kept or (known == Known() and self._kept is None):
            return
        try:
            callbacks = {token: [one.secret.decode(), one.transcription_id] for token, one in known.callbacks.items()}
            webhook = [secret.decode() for secret in known.webhook]
            await asyncio.to_thread(self._file.write, [webhook, callbacks])
        except (OSError, RuntimeError) as exc:  # a thread may be missing too
            before, self.trouble = self.trouble, getattr(exc, "strerror", None) or str(exc)
            if before is None:
                log.warning("secrets are not remembered for a start without the database: %s", self.trouble)
            return
        self._kept, self.trouble = known, None

    def recall(self) -> Known:
        """Return what was remembered last; nothing where that cannot be read."""
        found = self._file.read()
        if found is NOTHING:
            return Known()
        try:
            webhook, callbacks = found
            self._kept = Known(
                tuple(secret.encode() for secret in webhook),
                {token: Callback(secret.encode(), subject) for token, (secret, subject) in callbacks.items()},
            )
        except (ValueError, TypeError, AttributeError) as exc:
            log.warning("the remembered secrets cannot be read: %s", type(exc).__name__)
        return self._kept or Known()


class RememberedDatabase:
    """The id of the database at an address.

    Attributes:
        address: a fingerprint of it.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._file = _File(folder, "databases.json")
        self.address = fingerprint(url)

    def recall(self) -> str | None:
        """Return the id; None of an address that is new, since another one's may be another receiver's."""
        found = self._file.read()
        name = found.get(self.address) if isinstance(found, dict) else None
        return name if isinstance(name, str) else None

    async def keep(self, name: str) -> None:
        """Remember it; a disk that does not take it is told of with the secrets."""
        try:
            await asyncio.to_thread(self._keep, name)
        except (OSError, RuntimeError) as exc:
            log.debug("the database's id is not remembered: %s", exc)

    def _keep(self, name: str) -> None:
        found = self._file.read()
        known = found if isinstance(found, dict) else {}
        if known.get(self.address) != name:
            self._file.write(known | {self.address: name})


def fingerprint(url: str) -> str | None:
    """Return a fingerprint of where a database is: hosts, ports and name; where a service says them, that one's name.

    User and password are no part of it.
    """
    try:
        asked = dsn.read(url, os.environ)
        places = [(one.host, one.port) for one in asked.addresses] or dsn.service(url, os.environ)
    except ConfigError:
        return None
    return hashlib.sha256(repr((places, asked.database or asked.user)).encode()).hexdigest()[:16]
