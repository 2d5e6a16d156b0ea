"""What is to be transcribed. Pure."""

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

Source: TypeAlias = Literal["youtube", "external_url", "platform_url", "upload"]

YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")
# Pages that hold a recording, which the provider's published client sends as `platform_url`.
PLATFORMS = (
    "podcasts.apple.com", "open.spotify.com", "soundcloud.com", "vimeo.com", "twitch.tv", "loom.com",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that the provider can reach, as `quote` and `transcribe` take it.

    Attributes:
        source: which of the next two is given.
        url: where it is, for every source but `upload`.
        upload_id: what an upload gave, for the source `upload`.
        original_filename: of an upload.
        duration_seconds: needed for an upload, because it is billed and not probed; saves a probe elsewhere.
        pipeline_code: the model; None takes the provider's default.
        language: a BCP 47 code, or `auto`.
    """

    source: Source
    url: str | None = None
    upload_id: str | None = None
    original_filename: str | None = None
    duration_seconds: float | None = None
    pipeline_code: str | None = None
    language: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return the body of a request; what is not given is left out, because null counts as malformed."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


def source_of(url: str) -> Source:
    """Return the source that a web address is, by its host.

    Raises:
        ValueError: it cannot be an address.
    """
    host = (urlsplit(url).hostname or "").lower()
    if _is_at(host, YOUTUBE):
        return "youtube"
    return "platform_url" if _is_at(host, PLATFORMS) else "external_url"


def _is_at(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
