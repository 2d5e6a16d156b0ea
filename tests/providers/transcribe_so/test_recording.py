"""`receiver.providers.transcribe_so.recording`: the body of a submission, and the source of an address."""

import pytest

from receiver.providers.transcribe_so import Recording, source_of


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://youtu.be/dQw4w9WgXcQ", "youtube"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "youtube"),
        ("https://m.youtube.com/watch?v=dQw4w9WgXcQ", "youtube"),
        ("https://music.youtube.com/watch?v=dQw4w9WgXcQ", "youtube"),
        ("http://youtube.com:80/shorts/x", "youtube"),
        ("HTTPS://WWW.YouTube.COM/live/x", "youtube"),
        ("https://www.youtube-nocookie.com/embed/x", "youtube"),
        ("https://you@youtube.com/x", "youtube"),
        ("https://podcasts.apple.com/us/podcast/x/id1?i=2", "platform_url"),
        ("https://open.spotify.com/episode/x", "platform_url"),
        ("https://soundcloud.com/a/b", "platform_url"),
        ("https://m.soundcloud.com/a/b", "platform_url"),
        ("https://vimeo.com/1", "platform_url"),
        ("https://player.vimeo.com/video/1", "platform_url"),
        ("https://www.twitch.tv/videos/1", "platform_url"),
        ("https://www.loom.com/share/1", "platform_url"),
        ("https://example.com/podcast.mp3", "external_url"),
        ("https://apple.com/podcast.mp3", "external_url"),
        ("https://cdn.example.com/youtube.com/x.mp3", "external_url"),
        ("https://example.com/?at=youtu.be", "external_url"),
        ("https://youtube.com.example.com/x.mp3", "external_url"),
        ("https://notyoutube.com/x.mp3", "external_url"),
        ("https://youtube.com@example.com/x.mp3", "external_url"),
        ("https://[::1]/x.mp3", "external_url"),
        ("https://youtu.bé/x.mp3", "external_url"),
        ("youtu.be/dQw4w9WgXcQ", "external_url"),
        ("podcast.mp3", "external_url"),
        ("", "external_url"),
    ],
)
def test_an_address_is_of_the_source_that_its_host_says(url: str, source: str) -> None:
    assert source_of(url) == source


def test_what_cannot_be_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="IPv6"):
        source_of("https://[::1/x.mp3")


def test_what_is_not_given_is_not_sent() -> None:
    """The provider reads null as a mistake."""
    assert Recording(source="youtube", url="https://youtu.be/x").to_json() == {
        "source": "youtube",
        "url": "https://youtu.be/x",
        "language": "auto",
    }


def test_what_is_given_is_sent_under_the_providers_names() -> None:
    upload = Recording(
        source="upload", upload_id="user/1/uploads/2.mp3", original_filename="podcast.mp3", duration_seconds=1234,
        pipeline_code="voxtral-mini-transcribe", language="de",
    )  # fmt: skip
    assert upload.to_json() == {
        "source": "upload",
        "upload_id": "user/1/uploads/2.mp3",
        "original_filename": "podcast.mp3",
        "duration_seconds": 1234,
        "pipeline_code": "voxtral-mini-transcribe",
        "language": "de",
    }
