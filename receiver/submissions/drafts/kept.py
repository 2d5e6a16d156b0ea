"""The drafts of this machine, each in a folder of its own."""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from receiver.errors import ImpossibleError
from receiver.providers import by_name
from receiver.providers.orders import UNKNOWN_CONTENT, Media
from receiver.settings import Settings
from receiver.submissions import asking, recordings
from receiver.submissions.asking import Asked, Terms
from receiver.submissions.drafts.arriving import Arriving
from receiver.submissions.drafts.draft import FILES, OPTION, URL, Draft, Handed, told_at
from receiver.submissions.foreseen import Foreseen
from receiver.submissions.media import CONTENT_TYPES
from receiver.submissions.shelf import open_shelf

FOLDER, FILE = "drafts", "draft.json"
DAY_SECONDS = 24 * 3600.0
_ID = re.compile(r"[0-9a-f]{32}")
GONE = "there is no such draft any more: it was discarded, or is older than a day"
HELD = "it is being submitted already"


class Drafts:
    """The drafts of this machine. Methods block.

    Args:
        configured: the settings.
    """

    def __init__(self, configured: Settings) -> None:
        self.configured = configured
        self.shelf = open_shelf(configured)
        self.place = self.shelf.place / FOLDER
        self.most = self.shelf.most

    @contextmanager
    def arriving(self, size: int = 0) -> Iterator[Arriving]:
        """Yield what takes files in. If no draft is kept of them, they are removed; so is what was left long ago.

        Args:
            size: how many bytes are announced; 0 if that is not told.

        Raises:
            ImpossibleError: it is too large, or the disk has no room for it.
        """
        self.sweep()
        folder = self.place / secrets.token_hex(16)
        folder.mkdir(mode=0o700, parents=True)
        arriving = Arriving(folder, self.most)
        try:
            with arriving.room(size):
                yield arriving
        finally:
            arriving.close()
            if not (folder / FILE).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def keep(self, draft: Draft) -> Draft:
        """Keep a draft as it is now."""
        path = self.place / draft.id / FILE
        part = path.with_suffix(".part")
        with part.open("w") as file:
            part.chmod(0o600)  # an address can be a ticket
            file.write(draft.model_dump_json())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        return draft

    def keep_prices(self, draft_id: str, prices: Sequence[Foreseen], before: Sequence[str]) -> Draft:
        """Keep the prices of a draft, unless somebody submits it meanwhile. Return it as it is now.

        Raises:
            ImpossibleError: it is gone, or somebody submits it now.
        """
        with self.held(draft_id):
            known = self.known(draft_id)
            if known.is_submitted:  # the prices came too late
                return known
            # What asked for the same before the first of them was submitted counts.
            kept = {"before": known.before or tuple(before), "refused": tuple(one.refused for one in prices)}
            return self.keep(known.model_copy(update=kept | {"prices": tuple(one.price for one in prices)}))

    def known(self, draft_id: str) -> Draft:
        """Return a draft by its id.

        Raises:
            ImpossibleError: it is gone.
        """
        found = self.find(draft_id)
        if found is None:
            raise ImpossibleError(GONE)
        return found

    def require_files(self, draft_id: str) -> None:
        """Refuse a draft that has lost its files, because somebody has submitted or discarded it meanwhile.

        Raises:
            ImpossibleError: it has.
        """
        known = self.known(draft_id)
        if known.is_submitted:
            raise ImpossibleError("it was submitted meanwhile")
        for one in (*known.files, *known.option_files.values()):
            if not (self.place / draft_id / one.place).exists():
                raise ImpossibleError(f"{one.name} is not on this machine any more: hand it in again. Nothing was sent")

    def find(self, draft_id: str) -> Draft | None:
        """Return a draft by its id; None if there is none."""
        if not _ID.fullmatch(draft_id):
            return None
        try:
            return Draft.model_validate_json((self.place / draft_id / FILE).read_bytes())
        except FileNotFoundError:
            return None

    @contextmanager
    def held(self, draft_id: str) -> Iterator[None]:
        """Hold a draft, so that nobody else submits or forgets it meanwhile, here or in another process.

        Raises:
            ImpossibleError: somebody does, or it is gone.
        """
        if not _ID.fullmatch(draft_id):
            raise ImpossibleError(GONE)
        try:
            descriptor = os.open(self.place / draft_id, os.O_RDONLY)
        except FileNotFoundError as exc:
            raise ImpossibleError(GONE) from exc
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise ImpossibleError(HELD, code="held") from exc
            yield
        finally:
            os.close(descriptor)

    def forget(self, draft_id: str) -> None:
        """Remove a draft with its files.

        Raises:
            ImpossibleError: it is being submitted, or is gone.
        """
        with self.held(draft_id):
            shutil.rmtree(self.place / draft_id, ignore_errors=True)

    def end(self, draft: Draft) -> Draft:
        """Keep of a draft that is submitted only what became of it."""
        kept = self.keep(draft.model_copy(update={"url": None, "options": ()}))
        for folder in (self.place / draft.id).iterdir():
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
        return kept

    def sweep(self) -> None:
        """Remove what was left more than a day ago."""
        with suppress(FileNotFoundError):
            for folder in self.place.iterdir():
                with suppress(OSError):
                    if time.time() - folder.stat().st_mtime > DAY_SECONDS:
                        shutil.rmtree(folder, ignore_errors=True)

    def asked(self, draft: Draft) -> list[Asked]:
        """Return what a draft asks for, checked against the provider's ranges: for each recording.

        Raises:
            MistakesError: the provider would refuse it, or it might cost too much. Its names are the form's fields.
            ImpossibleError: there is no such account or operation.
        """
        source = by_name(draft.source)
        if source is None or draft.operation not in source.operations:
            raise ImpossibleError(f"there is no {draft.operation} of {draft.source}")
        account = self.configured.account_of(draft.source, draft.account)
        given = {name: self._media(draft, one) for name, one in draft.option_files.items()}
        with told_at(OPTION):
            work = asking.work_with(source, draft.operation, draft.options, given)
        terms = [self._terms(draft, number) for number in range(draft.number)]
        if draft.url is not None:
            with told_at(URL):
                address = recordings.address(draft.url)  # no path of this machine
                return [asking.read(source, account, work, address, terms[0])]
        with told_at(FILES):
            return [
                asking.handed_in(source, account, work, self._media(draft, one), its)
                for one, its in zip(draft.files, terms, strict=True)
            ]

    def _terms(self, draft: Draft, number: int) -> Terms:
        return Terms(draft.if_lost, f"draft-{draft.id}-{number}" if draft.again else None, max_charge=draft.max_charge)

    def _media(self, draft: Draft, one: Handed) -> Media:
        path = self.place / draft.id / one.place
        kind = CONTENT_TYPES.get(path.suffix.lower().lstrip("."), UNKNOWN_CONTENT)
        return Media(path, one.name, one.size, kind)
