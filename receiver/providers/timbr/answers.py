"""Models of what Timbr's answers hold. Pure.

They are strict about what we go on with, such as ids, and lax about what can be missing. The documents name no units
and no formats of times, so a time is read in any of them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from receiver.providers import files, lax
from receiver.providers.orders import Seen

UNKNOWN_LIFE = timedelta(hours=1)
# A larger number is milliseconds. If that is wrong, the token is only replaced early.
LONGEST_LIFE = timedelta(days=31)
# A smaller number is no moment after 1970. A larger one is milliseconds.
FIRST_MOMENT, LAST_MOMENT = 1e9, 1e11
COMPLETED = frozenset({"completed", "complete", "done", "success", "succeeded"})
FAILED = frozenset({"failed", "failure", "error", "cancelled", "canceled"})

_SENDABLE = re.compile(r"[!-~]{1,4096}")


def _sendable(token: SecretStr) -> SecretStr:
    if not _SENDABLE.fullmatch(token.get_secret_value()):
        raise ValueError("cannot be sent in a header")
    return token


Id = Annotated[str, Field(min_length=1, max_length=500)]


class _Answer(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True, hide_input_in_errors=True)


class TaskStarted(_Answer):
    """What a start holds."""

    task_id: Id


class FileAnswer(_Answer):
    """A file that was uploaded."""

    file_id: Id
    expires_at: Any = None


class FilesAnswer(_Answer):
    """What an upload holds."""

    files: list[FileAnswer] = Field(min_length=1)


class CreditAnswer(_Answer):
    """What is left."""

    credit: float = Field(allow_inf_nan=False)


class TokenAnswer(_Answer):
    """A token, as it was issued or is listed."""

    access_token: Annotated[SecretStr, AfterValidator(_sendable)]
    expires_in: Any = None

    @property
    def life(self) -> timedelta:
        """How long it lives."""
        seconds = lax.number(self.expires_in)
        if seconds is None or seconds <= 0:
            return UNKNOWN_LIFE
        most = LONGEST_LIFE.total_seconds()
        return timedelta(seconds=min(seconds if seconds <= most else seconds / 1000, most))


class TokensAnswer(_Answer):
    """The tokens of an account."""

    tokens: list[TokenAnswer]


class DeletedAnswer(_Answer):
    """How many tokens were deleted."""

    deleted_count: int


class TaskAnswer(_Answer):
    """What a look holds."""

    status: str = Field(min_length=1)
    output_assets: Any = None
    error_message: Any = None

    def seen(self) -> Seen:
        """Return what it shows. A link is a ticket, so the answer itself is not kept."""
        word = self.status.strip().lower()
        if word in COMPLETED:
            return Seen("completed", self.status, links=_links(self.output_assets))
        if word in FAILED:
            why = self.error_message
            return Seen("failed", self.status, error=why if isinstance(why, str) and why else None)
        return Seen("waiting", self.status)


def moment(value: object) -> datetime | None:
    """Return a time that is told in seconds or milliseconds after 1970, or in ISO format; None for anything else."""
    try:
        number = lax.number(value)
        if number is None:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
            return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
        if number < FIRST_MOMENT:
            return None
        return datetime.fromtimestamp(number / 1000 if number > LAST_MOMENT else number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _links(assets: object) -> Mapping[str, SecretStr]:
    """Return the links of files by their names."""
    found = dict[str, SecretStr]()
    for asset in assets if isinstance(assets, list) else []:
        link = asset.get("link") if isinstance(asset, dict) else None
        if isinstance(link, str) and link:
            found[files.unlike(found, _name(asset))] = SecretStr(link)
    return found


def _name(asset: Mapping[str, Any]) -> str:
    """Return the name of a file, with its ending."""
    name, ending = (
        text.strip(" .") if isinstance(text := asset.get(part), str) else "" for part in ("name", "extension")
    )
    has_ending = not ending or name.lower().endswith(f".{ending}".lower())
    return (name or "file") if has_ending else f"{name or 'file'}.{ending}"
