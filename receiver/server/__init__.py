"""HTTP within bounds, for whatever we answer with it.

running.serve            one application on one socket, until told to stop or relieved
connections.Acceptor     bounded in number
  ▶ protocol             deadlines, and turns (`turns`), so that a crowd leaves room for others
parting                  lets who is still sending read the answer
bounds                   the figures, as one value
"""

from receiver.server.running import KEEP_ALIVE_SECONDS, address, bind, inherit, serve

__all__ = ["KEEP_ALIVE_SECONDS", "address", "bind", "inherit", "serve"]
