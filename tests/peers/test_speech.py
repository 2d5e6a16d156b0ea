"""A person's voice, a recogniser on this machine, and rows in the database: nothing between them is simulated.

It needs `pip install pocketsphinx moonshine-voice`: the first for its recogniser, the second for its recordings.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.peers.recogniser import Recogniser
from tests.processes import Processes, until
from tests.servers import serving

SECONDS = 9.963375
SPOKEN = {"try", "again", "better"}  # “Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.”

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("pocketsphinx", "moonshine_voice"))), reason="pocketsphinx or moonshine-voice is missing"
)


def voice() -> Path:
    """Return a recording of a person who speaks English."""
    found = find_spec("moonshine_voice")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "assets" / "beckett.wav"


def test_what_is_said_becomes_rows_with_words_and_their_times(processes: Processes, receiver_database: str) -> None:
    with serving(Recogniser()) as server:
        processes.environment |= {"DATABASE_URL": receiver_database, "OPENAI_API_URL": server.url}
        processes.start("work").until_logged("working with")
        command = ("transcribe", str(voice()), "--provider", "openai", "--wait")
        said = processes.run(*command)
        assert said.returncode == 0, said.stderr
        assert set(said.stdout.split()) & SPOKEN, said.stdout
        until(lambda: processes.unfinished() == 0, "the handlers have ended")
        rows = processes.sql("select text, start_seconds, end_seconds, words from receiver.segments order by 2")
        words = [word for row in rows for word in json.loads(row["words"])]
        assert " ".join(row["text"] for row in rows).split() == [word["text"] for word in words]
        moments = [moment for word in words for moment in (word["start_seconds"], word["end_seconds"])]
        assert moments == sorted(moments)
        assert 0 <= moments[0] < moments[-1] <= SECONDS
        assert processes.run(*command).stdout == said.stdout
        assert server.asked == 1
