"""The sandbox as an application: transcribe.so at `/`, others at their prefixes, controls at `/sandbox/`."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount

from receiver.sandbox import controls
from receiver.sandbox.fishaudio import app as fishaudio
from receiver.sandbox.state import Sandbox
from receiver.sandbox.thunderscribe import app as thunderscribe
from receiver.sandbox.timbr import app as timbr
from receiver.sandbox.timbr_audio import app as timbr_audio
from receiver.sandbox.transcribe_so.app import no_route, routes
from receiver.sandbox.wire import Wire


def application(sandbox: Sandbox) -> Starlette:
    """Return the sandbox as an ASGI application."""
    return Starlette(
        routes=[
            *controls.routes(sandbox),
            sandbox.assets.route(),
            Mount("/timbr", timbr.application(sandbox.timbr)),
            Mount("/thunderscribe", thunderscribe.application(sandbox.thunderscribe)),
            Mount("/fishaudio", fishaudio.application(sandbox.fishaudio)),
            Mount("/timbr-audio", timbr_audio.application(sandbox.timbr_audio)),
            *routes(sandbox.transcribe_so),
        ],
        middleware=[Middleware(Wire, ground=sandbox)],
        exception_handlers={HTTPException: no_route},
    )
