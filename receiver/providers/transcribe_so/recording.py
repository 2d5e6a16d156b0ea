"""A recording in the provider's words. Pure."""

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

Source: TypeAlias = Literal["youtube", "external_url", "platform_url", "upload"]

YOUTUBE = ("youtube.com", "youtu.be", "youtube-nocookie.com")
# Hosts whose pages hold a recording. The provider's published client sends such a page as `platform_url`.
PLATFORMS = (
    "podcasts.apple.com", "open.spotify.com", "soundcloud.com", "vimeo.com", "twitch.tv", "loom.com",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that the provider can reach, for `quote` and `transcribe`.

    Attributes:
        source: the kind of address; `upload` comes with `upload_id`, every other kind with `url`.
        url: the recording's address, for every source but `upload`.
        upload_id: the id of a finished upload, for the source `upload`.
        original_filename: the name of an uploaded file.
        duration_seconds: required for an upload, which the provider bills without probing it. Saves a probe elsewhere.
        pipeline_code: the speech model; None means the provider's default.
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
        """Return the body of a request. A field that is None is left out, because null counts as malformed."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in given.items() if value is not None}


def source_of(url: str) -> Source:
    """Return the source of a web address, by its host.

    Raises:
        ValueError: the text is not an address.
    """
    host = (urlsplit(url).hostname or "").lower()
    if _is_at(host, YOUTUBE):
        return "youtube"
    return "platform_url" if _is_at(host, PLATFORMS) else "external_url"


def _is_at(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
