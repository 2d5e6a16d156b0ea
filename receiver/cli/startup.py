"""Run a process for long with the configured database, which can still be starting."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from receiver.cli.process import run
from receiver.database.opening import open_database
from receiver.health import postgres
from receiver.settings import Settings

log = logging.getLogger(__name__)

START_WITHOUT_SECONDS = 2.0  # deliveries wait in the listener's queue until we answer; the provider waits 10 s
ENDING_SECONDS = 3.0


def run_for_long(configured: Settings, work: Callable[[str], Coroutine[Any, Any, None]], *, quiet: bool) -> None:
    """Run `work` with the database's URL, and end soon after it. If `quiet`, do not say which database that is."""
    if not quiet:
        for finding in postgres.data_folder(configured):
            log.warning("%s", finding.said)
    with open_database(configured, create=True, patience=START_WITHOUT_SECONDS) as url:
        run(work(url), end_within=ENDING_SECONDS)
