"""`receiver.worker.crew`: handlers and calls end each in their own way."""

import asyncio

from receiver import Context, Event
from receiver.database import Connections
from receiver.testing import Scratch
from receiver.worker import Crew
from tests.worker.working import deliver, made, worker_of


async def test_a_lost_lease_stops_a_handler_and_leaves_a_call_alone(receiver_scratch: Scratch) -> None:
    """The other side may have been paid for the answer, so nobody gives up waiting for it."""
    begun, answer, over = asyncio.Semaphore(0), asyncio.Event(), asyncio.Queue[str]()

    async def work(_: Event, ctx: Context) -> None:
        begun.release()
        try:
            await answer.wait()
        except asyncio.CancelledError:
            over.put_nowait(f"{ctx.handler} was stopped")
            raise
        over.put_nowait(f"{ctx.handler} has ended")

    handler, call = made("handler", work), made("call", work)
    await deliver(receiver_scratch, "evt_1", handler, call)
    connections = Connections(receiver_scratch.url)
    crew = Crew(*(worker_of(receiver_scratch, connections, one) for one in (handler, call)))
    end = asyncio.Event()
    working = asyncio.create_task(crew.work_until(end))
    for _ in range(2):
        await begun.acquire()
    crew.lose(crew.held())
    assert await over.get() == "handler was stopped"
    await asyncio.sleep(0)  # a call that was stopped too would hear of it now
    answer.set()
    assert await over.get() == "call has ended"
    end.set()
    await working
    await crew.stop(0, 0, end=end, hurry=asyncio.Event())
    connections.close()
