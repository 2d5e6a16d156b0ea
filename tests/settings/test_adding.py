"""`receiver.settings.adding`: what is added to `.env` is read back as it was given, and nothing else changes."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.errors import ImpossibleError
from receiver.settings import adding, environment

pytestmark = pytest.mark.usefixtures("own_environment")

ENV = Path(".env")


def mode() -> int:
    return stat.S_IMODE(ENV.stat().st_mode)


def test_a_new_file_is_its_owners_alone_and_names_what_is_not_set() -> None:
    assert adding.add(ENV, {"A": "b"}, unset=["PUBLIC_URL"])
    assert environment.read(ENV) == {"A": "b"}
    assert "\n# PUBLIC_URL=\n" in ENV.read_text()
    assert mode() == 0o600


@pytest.mark.parametrize("before", ["", "# mine\nB=c # why\n", "B=c", "export B='c # d'\r\n"])
def test_what_is_there_stays_as_it_is(before: str) -> None:
    ENV.write_bytes(before.encode())
    ENV.chmod(0o644)
    known = environment.read(ENV)
    assert adding.add(ENV, {"A": "b"}, unset=["PUBLIC_URL"])
    assert environment.read(ENV) == known | {"A": "b"}
    assert ENV.read_bytes().startswith(before.encode())
    assert "PUBLIC_URL" not in ENV.read_text()
    assert mode() == 0o600  # there can be a secret in it now


def test_a_file_to_which_nothing_is_added_is_not_touched() -> None:
    ENV.write_text("B=c")
    ENV.chmod(0o640)
    assert not adding.add(ENV, {}, unset=["PUBLIC_URL"])
    assert (ENV.read_text(), mode()) == ("B=c", 0o640)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1).filter(str.isprintable))
def test_a_value_is_read_back_as_it_is_or_refused(value: str) -> None:
    """Settings take no value with blanks around it or with a quote at its beginning."""
    if value.strip() != value or value[0] in "'\"":
        return
    ENV.unlink(missing_ok=True)
    try:
        adding.add(ENV, {"A": value, "B": "c"})
    except ImpossibleError:
        assert "#" in value
    else:
        assert environment.read(ENV) == {"A": value, "B": "c"}


def test_a_value_that_would_be_cut_is_refused_without_being_shown() -> None:
    with pytest.raises(ImpossibleError, match=r"^A cannot stand in \.env: .* comment$"):
        adding.add(ENV, {"A": "s3cret #1"})
    assert not ENV.exists()


def test_nothing_is_written_behind_a_link() -> None:
    """Whoever may write to the folder could have put it there."""
    other = Path("other")
    other.write_text("B=c\n")
    other.chmod(0o644)
    for target in (other, Path("nowhere")):
        ENV.unlink(missing_ok=True)
        ENV.symlink_to(target)
        with pytest.raises(ImpossibleError, match=r"^\.env is a link, .*: put A there yourself$"):
            adding.add(ENV, {"A": "s3cret"})
    assert (other.read_text(), stat.S_IMODE(other.stat().st_mode)) == ("B=c\n", 0o644)
    assert not Path("nowhere").exists()


def test_nothing_is_written_to_what_would_not_be_read() -> None:
    ENV.touch()
    ENV.chmod(0o666)
    with pytest.raises(ImpossibleError, match=r"^\.env can be changed by every user: run `chmod o-w` on it$"):
        adding.add(ENV, {"A": "s3cret"})
    assert (ENV.read_text(), mode()) == ("", 0o666)
    ENV.unlink()
    os.mkfifo(ENV)
    with pytest.raises(ImpossibleError, match=r"^\.env is not a file"):
        adding.add(ENV, {"A": "s3cret"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_gets_no_secret() -> None:
    ENV.write_text("# planted\n")
    os.chown(ENV, 1001, 1001)
    with pytest.raises(ImpossibleError, match=r"^\.env belongs to another user \(uid 1001\)"):
        adding.add(ENV, {"A": "s3cret"})
    assert ENV.read_text() == "# planted\n"


def test_a_file_that_cannot_be_written_is_named() -> None:
    ENV.mkdir()
    with pytest.raises(ImpossibleError, match=r"^\.env cannot be written \(Is a directory\)$"):
        adding.add(ENV, {"A": "b"})
