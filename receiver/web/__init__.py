"""Answer deliveries: verify, make durable, say so. Handlers never run here.

protocol.DeadlineProtocol ▶ app.receive ─┬ body.read       bounded in size and time
                                         ├ keyring.verify  by every known secret
                                         ├ events.read
                                         └ inbox.append    over connections of its own
"""

from receiver.web.app import Receiver, application
from receiver.web.server import bind, serve

__all__ = ["Receiver", "application", "bind", "serve"]
