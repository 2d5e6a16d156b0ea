"""Files of submissions that do not come as they should: dead links, cuts, wrong bytes, too many of them."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.faults.gateway import OfFile
from tests.faults.submissions import TIMBR, TIMBR_AUDIO, Asking, Office
from tests.processes import until

# Whose files are where.
SEPARATING: Mapping[Asking, str] = {
    replace(TIMBR, operation="separation"): "/assets/timbr/*",
    replace(TIMBR_AUDIO, operation="separation"): "/timbr-audio/storage/jobs/*",
}
FILES = 2  # of each separation


def separated(office: Office, name: str, *more: str) -> list[str]:
    """Submit a recording for its stems at every provider that makes some; returns the ids."""
    return [office.submit(asking, name, *more) for asking in SEPARATING]


def spoil(office: Office, fault: OfFile, times: int) -> None:
    """Spoil the next requests for files, the same number at each provider."""
    for path in SEPARATING.values():
        office.gateway.plan(path, fault, times)


def stuck(office: Office, submitted: list[str], why: str, *, dead: bool, seconds: float = 60.0) -> None:
    """Wait until the jobs of these are dead, or wait for another try, for a reason. What they have is paid for."""
    state = "dead" if dead else "pending"

    def is_so() -> bool:
        office.hurry_looks()
        errors = [row["error"] or "" for row in jobs(office, submitted) if row["state"] == state]
        return len(errors) == len(submitted) and all(why in error for error in errors)

    try:
        until(is_so, f"all are {state}: {why}", seconds)
    except AssertionError as exc:
        raise AssertionError(f"{jobs(office, submitted)}") from exc
    assert {office.rows()[one]["state"] for one in submitted} == {"ended"}


def jobs(office: Office, submitted: list[str]) -> list[Mapping[str, Any]]:
    ids = ", ".join(f"'{one}'" for one in submitted)
    return office.processes.sql(
        f"select j.state, j.error from receiver.jobs j join receiver.events e on e.id = j.event "
        f"where j.handler = 'submissions' and e.event_id in ({ids})"
    )


def brought(office: Office, submitted: list[str]) -> dict[str, str]:
    """Return the SHA-256 of each file that these have brought, by its name; on disk is what is told."""
    found = dict[str, str]()
    for one in submitted:
        told = office.commands.read("artifacts", one)
        for file in told:
            content = Path(file["place"]).read_bytes()
            assert (sha256(content).hexdigest(), len(content)) == (file["sha256"], file["bytes"])
            found[f"{office.rows()[one]['source']} {file['name']}"] = file["sha256"]
        assert len(told) == FILES
        place = Path(told[0]["place"]).parent
        assert len([*place.iterdir()]) == FILES, "nothing else is left"
    return found
