"""`receiver.database.embedded.sockets`: a place for the socket that PostgreSQL and all its clients find."""

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from receiver.database.data_folder import DataFolder, User
from receiver.database.embedded import sockets
from receiver.errors import EmbeddedError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
US = User(os.geteuid(), os.getegid())
NOT_UTF8 = os.fsdecode(b"M\xfcller")


@pytest.mark.parametrize(
    "name",
    ["Podcasts 2024", " a", "a'b", 'a"b', "a\\b", "a%41b", "a;b", "a:b", "a&b=c#d?", "@a", "{a}$b", "Müller", "🎙"],
)
def test_a_name_that_means_nothing_to_postgresql_has_its_socket_in_it(name: str) -> None:
    path = Path("/srv") / name / ".receiver"
    assert sockets.choose(path, [Path("/tmp")]) == path  # noqa: S108 - nothing is made there


@pytest.mark.parametrize(
    "path",
    [
        "/srv/Podcasts, 2024/.receiver",
        "/srv/a,",
        "/srv/a ",
        "/srv/a\t",
        "/srv/a\nb/c",
        f"/srv/{NOT_UTF8}",
        "/" + "a" * 90,
    ],
)
def test_a_name_in_which_a_socket_is_not_found_has_it_in_a_new_temporary_folder(path: str) -> None:
    first, second = (sockets.choose(Path(path), [Path("/run/t")]) for _ in range(2))
    assert first.parent == second.parent == Path("/run/t")
    assert first != second
    assert sockets.can_hold(first)


@pytest.mark.parametrize("useless", ["/" + "t" * 80, "/run/t, too", f"/{NOT_UTF8}"])
def test_a_temporary_folder_that_is_no_better_is_passed_over(useless: str) -> None:
    assert sockets.choose(Path("/srv/a,b"), [Path(useless), Path("/run/t")]).parent == Path("/run/t")
    with pytest.raises(EmbeddedError, match="set RECEIVER_DATA_DIR to a short path, or TMPDIR"):
        sockets.choose(Path("/srv/a,b"), [Path(useless)])


@pytest.mark.parametrize("name", ["a b", "a,b", "a%41b", "a+b", "a;b", "a:b", "a&b=c#d?", "a\\b", "🎙", NOT_UTF8])
def test_the_url_names_the_folder_byte_by_byte(name: str) -> None:
    query = parse_qs(urlsplit(sockets.url(Path("/srv") / name)).query, strict_parsing=True, errors="surrogateescape")
    assert (query["host"], query["port"]) == ([f"/srv/{name}"], ["5432"])


@pytest.mark.parametrize(
    "trap", ["missing", "link", "file", "open to others", pytest.param("another's", marks=as_root)]
)
def test_a_noted_place_that_is_not_the_servers_own_is_not_believed(tmp_path: Path, trap: str) -> None:
    data, place = tmp_path / ("long" * 30), tmp_path / "place"
    data.mkdir(mode=0o700)
    folder = DataFolder(data, US)
    (data / "socket").write_bytes(os.fsencode(place))
    if trap == "link":
        place.symlink_to(data)
    elif trap == "file":
        place.touch(mode=0o600)
    elif trap != "missing":
        place.mkdir(mode=0o755 if trap == "open to others" else 0o700)
    if trap == "another's":
        os.chown(place, 54321, 54321)
    assert sockets.noted(folder) == place
    assert not sockets.is_seen(place, folder)
    assert sockets.place(folder) != place


def test_a_noted_place_that_is_the_servers_own_is_kept(tmp_path: Path) -> None:
    """So a server that is started again is where its users know it to be."""
    data, place = tmp_path / ("long" * 30), Path(os.path.realpath(tmp_path)) / "s"
    data.mkdir(mode=0o700)
    (data / "socket").write_bytes(os.fsencode(place))
    place.mkdir(mode=0o700)
    folder = DataFolder(data, US)
    assert sockets.is_seen(place, folder)
    assert sockets.place(folder) == place or not sockets.can_hold(place)


@pytest.mark.parametrize("content", [b"", b"\0", b"relative", b"/" + b"x" * 5000, b"\xff"])
def test_a_note_that_names_no_folder_is_not_believed(tmp_path: Path, content: bytes) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "socket").write_bytes(content)
    folder = DataFolder(tmp_path, US)
    found = sockets.noted(folder)
    assert found is not None
    assert not sockets.is_seen(found, folder)
