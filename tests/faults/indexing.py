"""A worker dies while it puts transcripts into the library: each comes into it once, whoever dies."""

from typing import TYPE_CHECKING

from receiver.failpoints import Failpoint
from tests.processes import until

if TYPE_CHECKING:
    from tests.faults.scenarios import Stage

KEPT = """
insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)
select 'openai', 'http://127.0.0.1:1', 'said_' || n, '', 'result', convert_to('{{"text": "said"}}', 'UTF8')
from generate_series(1, {number}) n
"""
COUNTED = """
select
    (select count(*) from receiver.library where transcription_id like 'said_%') as listed,
    (select count(*) from receiver.passages p join receiver.library l on l.id = p.transcript
     where l.transcription_id like 'said_%') as passages,
    (select count(*) from receiver.unindexed where transcription_id like 'said_%') as waiting
"""


def indexing(stage: "Stage", point: Failpoint, nth: int) -> None:
    """A worker dies before it commits one of several transcripts; a fresh one goes on with that."""
    stage.web()
    stage.end_worker()
    stage.processes.sql(KEPT.format(number=nth + 2))
    stage.dies(stage.processes.start("work", RECEIVER_FAILPOINT=f"{point}:{nth}"), point)
    (seen,) = stage.processes.sql(COUNTED)
    assert seen["listed"] == seen["passages"] == nth + 2 - seen["waiting"]
    assert seen["waiting"] > 0
    worker = stage.processes.start("work")
    whole = {"listed": nth + 2, "passages": nth + 2, "waiting": 0}
    until(lambda: dict(stage.processes.sql(COUNTED)[0]) == whole, "all of them are in the library")
    worker.kill()
    stage.processes.sql("delete from receiver.archive where transcription_id like 'said_%'")
