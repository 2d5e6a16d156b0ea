"""What was last read from the database, in files beside the spool: the secrets that verify, and the database's id.

Without the secrets, a process that starts while the database is away could verify nothing, and would refuse deliveries
that the spool could store. Only our own user can read these files.
"""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from receiver.database import dsn, private
from receiver.events import AccountId
from receiver.inbox.spool.folder import SpoolFolder
from receiver.inbox.spool.opening import open_spool
from receiver.settings import Settings
from receiver.webhooks.secrets import Callback, Known, of_webhook

log = logging.getLogger(__name__)

NOTHING, UNREADABLE = object(), object()

_Content = tuple[list[str], dict[str, list[str]]]


class _File:
    """One JSON file in the spool's folder. Writing makes the folder if it is missing."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    def read(self) -> Any:
        """Return the content; `NOTHING` if there is no file, and `UNREADABLE` if it cannot be read."""
        try:
            with closing(SpoolFolder(self._folder)) as folder:
                return json.loads(private.read(folder.use(make=False), self._name, owner=os.geteuid()))
        except FileNotFoundError:
            return NOTHING
        except (OSError, ValueError) as exc:
            log.warning("what was remembered in %s cannot be read: %s", self._name, type(exc).__name__)
            return UNREADABLE

    def write(self, content: object) -> None:
        """Replace the content.

        Raises:
            OSError: the disk refuses the file, or the folder is not ours.
        """
        with closing(SpoolFolder(self._folder)) as folder:
            private.replace(folder.use(make=True), self._name, json.dumps(content).encode())


class Remembered:
    """The remembered secrets: a file for each account.

    Attributes:
        lost: the accounts whose files are there and could not be read.
        trouble: why they could not be written the last time; None if they were.
    """

    def __init__(self, folder: Path, accounts: Iterable[AccountId]) -> None:
        self._files = {account: _File(folder, _name(account)) for account in accounts}
        self._kept: dict[AccountId, _Content] = {}
        self.lost: list[AccountId] = []
        self.trouble: str | None = None

    async def keep(self, known: Known) -> None:
        """Write the secrets of each account whose secrets have changed. A failure is logged once, and in `trouble`."""
        try:
            for account, file in self._files.items():
                content = _content(known, account)
                if content != self._kept.get(account, ([], {})):
                    await asyncio.to_thread(file.write, content)
                    self._kept[account] = content
        except (OSError, RuntimeError) as exc:  # RuntimeError: no thread could be started
            before, self.trouble = self.trouble, getattr(exc, "strerror", None) or str(exc)
            if before is None:
                log.warning("secrets are not remembered for a start without the database: %s", self.trouble)
            return
        self.trouble = None

    def recall(self) -> Known:
        """Return the secrets that were last written; none of an account whose file cannot be read."""
        webhooks, callbacks = dict[AccountId, tuple[bytes, ...]](), dict[str, Callback]()
        for account, file in self._files.items():
            found = file.read()
            if found is NOTHING:
                continue
            try:
                webhook, own = found
                secrets = tuple(secret.encode() for secret in webhook)
                read = {token: Callback(secret.encode(), about, account) for token, (secret, about) in own.items()}
            except (ValueError, TypeError, AttributeError) as exc:
                log.warning("the remembered secrets of %s cannot be read: %s", account.account, type(exc).__name__)
                self.lost.append(account)
                continue
            self._kept[account] = (webhook, own)
            if secrets:
                webhooks[account] = secrets
            callbacks |= read
        return Known(webhooks, callbacks)


def at_hand(configured: Settings) -> tuple[bytes, ...]:
    """Return the secrets of webhooks that can be known without the database: those of the settings, and on this disk.

    This reads the disk.
    """
    remembered = Remembered(open_spool(configured).folder.configured, [one.id for one in configured.webhook_accounts])
    known = remembered.recall()
    return tuple(secret for account in configured.webhook_accounts for secret in of_webhook(account, known))


def _name(account: AccountId) -> str:
    # Version 0.6 knows the default account's file, and takes it over in both directions.
    named = account.api_url if account.is_default else " ".join(account)
    return f"secrets-{hashlib.sha256(named.encode()).hexdigest()[:16]}.json"


def _content(known: Known, account: AccountId) -> _Content:
    """Return what an account's file holds: the webhook's secrets, and those of callbacks by their tokens."""
    callbacks = {
        token: [callback.secret.decode(), callback.transcription_id]
        for token, callback in known.callbacks.items()
        if callback.account == account
    }
    return [secret.decode() for secret in known.webhooks.get(account, ())], callbacks


class RememberedDatabase:
    """The remembered id of the database at an address.

    Attributes:
        address: the fingerprint of the address.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._file = _File(folder, "databases.json")
        self.address = dsn.fingerprint(url, os.environ)

    def recall(self) -> str | None:
        """Return the id. None if the address is new: the database there might belong to another receiver."""
        found = self._file.read()
        database_id = found.get(self.address) if isinstance(found, dict) else None
        return database_id if isinstance(database_id, str) else None

    async def keep(self, database_id: str) -> None:
        """Write the id. A failure is not logged: a disk that refuses the id refuses the secrets too."""
        try:
            await asyncio.to_thread(self._keep, database_id)
        except (OSError, RuntimeError) as exc:
            log.debug("the database's id is not remembered: %s", exc)

    def _keep(self, database_id: str) -> None:
        found = self._file.read()
        known = found if isinstance(found, dict) else {}
        if known.get(self.address) != database_id:
            self._file.write(known | {self.address: database_id})
