"""Answer deliveries: verify, make durable, say so. Handlers never run here.

connections.Acceptor            bounded in number
  ▶ protocol.DeadlineProtocol   in turns, so that a crowd leaves room for others
      ▶ app.receive ─┬ body.read       bounded in size and time
                     ├ keyring.verify  by every known secret
                     ├ events.read
                     └ store.append    over database connections of its own, else into the spool
"""

from receiver.web.app import Receiver, application
from receiver.web.server import KEEP_ALIVE_SECONDS, address, bind, inherit, serve

__all__ = ["KEEP_ALIVE_SECONDS", "Receiver", "address", "application", "bind", "inherit", "serve"]
