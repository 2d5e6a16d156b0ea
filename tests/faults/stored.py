"""Files of submissions that go into a bucket, and workers that die on the way; the bucket is the judge."""

from collections.abc import Mapping
from hashlib import sha256
from itertools import count

from receiver.failpoints import Failpoint
from tests.buckets import Objects, emptied, running
from tests.commands import wav
from tests.faults.scenarios import Stage, armed
from tests.faults.submissions import LOOK_NOW, Office
from tests.processes import until

PLACE = "s3://notes/stems"
FILES = 2  # of each separation

_recordings = count(1)


def settings(objects: Objects) -> Mapping[str, str]:
    """Return the variables with which files go into the bucket."""
    return {**objects.environment, "RECEIVER_ARTIFACTS_DIR": PLACE}


def storing(stage: Stage, point: Failpoint, nth: int) -> None:
    """A worker dies beside a file's way into the bucket. The next one fetches it again, and pays for nothing."""
    stage.sandbox.begin_anew()
    own = {
        "TIMBR_AUDIO_API_URL": f"{stage.sandbox.url}/timbr-audio", "TIMBR_AUDIO_API_KEY": stage.sandbox.key,
        "RECEIVER_LEASE_SECONDS": "1",
    }  # fmt: skip
    with running() as server, emptied(server) as objects:
        own |= settings(objects)
        recording = wav(stage.processes.folder / f"stored {next(_recordings)}.wav", next(_recordings))
        asked = ("submit", str(recording), "--provider", "timbr-audio", "--operation", "separation")
        ran = stage.processes.run_inside(*asked, **own)
        assert ran.exit_code == 0, ran.stderr
        worker = stage.processes.start("work", **own, **armed(point, min(nth, FILES)))
        until(lambda: _looked(stage) and worker.popen.poll() is not None, "it is dead")
        stage.dies(worker, point)
        worker = stage.processes.start("work", **own)
        sql = f"select 1 from receiver.submissions where id = '{ran.stdout.strip()}' and state = 'done'"
        until(lambda: _looked(stage) and stage.processes.sql(sql), "its files are stored")
        worker.kill()
        assert len(objects.all()) == FILES


def _looked(stage: Stage) -> bool:
    stage.processes.sql(LOOK_NOW)
    return True


def stored(office: Office, objects: Objects) -> set[str]:
    """Return the keys of what all submissions have brought, after a look at their bytes. Nothing else is there."""
    there, found = objects.all(), set[str]()
    for one in office.rows():
        for file in office.commands.read("artifacts", one):
            key = file["place"].removeprefix("s3://notes/")
            assert key == f"stems/{office.rows()[one]['source']}/{one}/{file['name']}"
            assert (sha256(there[key]).hexdigest(), len(there[key])) == (file["sha256"], file["bytes"])
            found.add(key)
    assert there.keys() == found
    return found
