"""Answer deliveries: verify, make durable, say so. Handlers never run here.

connections.Acceptor            bounded in number
  ▶ protocol.DeadlineProtocol   in turns, so that a crowd leaves room for others
      ▶ app.receive ─┬ body.read       bounded in size and time
                     ├ keyring.verify  by every known secret
                     ├ events.read
                     └ store.append    over database connections of its own, else into the spool (`spooled`)
refused ──▶ refusals, which answer and say so; failures, which counts as the provider does; parting, which lets who is
            still sending read the answer
remembered: what a start without the database needs; server: all of it on one socket
"""

from receiver.web.app import Receiver, application
from receiver.web.server import KEEP_ALIVE_SECONDS, address, bind, inherit, serve

__all__ = ["KEEP_ALIVE_SECONDS", "Receiver", "address", "application", "bind", "inherit", "serve"]
