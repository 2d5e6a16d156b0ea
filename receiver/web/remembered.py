"""The secrets that were read last, in a file beside the spool.

A process that starts while the database is away could verify nothing without them, and would refuse what the spool is
there to take. The file holds what the database holds, for nobody else to read.
"""

import asyncio
import hashlib
import json
import logging
import os
from pathlib import Path

from receiver import private
from receiver.callbacks import Callback, Known

log = logging.getLogger(__name__)


class Remembered:
    """One API's secrets, in one file of a folder that is made where it is not there."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self._folder = folder
        self._name = f"secrets-{hashlib.sha256(api_url.encode()).hexdigest()[:16]}.json"
        self._kept: Known | None = None
        self._told = False

    async def keep(self, known: Known) -> None:
        """Remember secrets, if they are new; a disk that does not take them is told of in the log alone."""
        if known == self._kept:
            return
        try:
            await asyncio.to_thread(self._write, known)
        except OSError as exc:
            if not self._told:
                log.warning("secrets are not remembered for a start without the database: %s", exc.strerror)
            self._told = True
            return
        self._kept, self._told = known, False

    def recall(self) -> Known:
        """Return what was remembered last; nothing where that cannot be read."""
        try:
            with private.opened_folder(os.path.realpath(self._folder)) as folder:
                webhook, callbacks = json.loads(private.read(folder, self._name, owner=os.geteuid()))
            return Known(
                tuple(secret.encode() for secret in webhook),
                {token: Callback(secret.encode(), subject) for token, (secret, subject) in callbacks.items()},
            )
        except FileNotFoundError:
            return Known()
        except (OSError, ValueError, TypeError, AttributeError) as exc:
            log.warning("the remembered secrets cannot be read: %s", type(exc).__name__)
            return Known()

    def _write(self, known: Known) -> None:
        if known == Known() and not (self._folder / self._name).exists():
            return
        callbacks = {token: [one.secret.decode(), one.transcription_id] for token, one in known.callbacks.items()}
        content = json.dumps([[secret.decode() for secret in known.webhook], callbacks]).encode()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with private.opened_folder(os.path.realpath(self._folder)) as folder:
            private.replace(folder, self._name, content)
