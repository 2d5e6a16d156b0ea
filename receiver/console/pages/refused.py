"""The last deliveries that were refused although their signature has the right form, and why each was."""

from starlette.requests import Request
from starlette.responses import Response

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.health import doctor


async def show(request: Request, console: Console) -> Response:
    """Show them, newest first, with the doctor's word on each."""
    found = await console.read(lambda db: doctor.of_last(db, console.configured))
    return render(request, "refused.html", live=True, found=found)
