"""Open the configured spool: by default it is in the data folder."""

from receiver.database import embedded
from receiver.inbox.spool.spool import Spool
from receiver.settings import Settings

MEGABYTE = 1024 * 1024


def open_spool(configured: Settings) -> Spool:
    """Return the spool of the configured folder, by default a folder in the data folder. Create nothing."""
    return Spool(
        configured.spool_dir or embedded.locate(configured.data_dir).path / "spool",
        limit_bytes=int(configured.spool_max_mb * MEGABYTE),
        room_bytes=int(configured.spool_reserve_mb * MEGABYTE),
    )
