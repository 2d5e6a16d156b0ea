"""Serve HTTP within bounds.

running.serve            one application on one socket, until told to stop, or until a new process takes over
connections.Acceptor     accepts connections, bounded in number
  ▶ protocol             deadlines and turns (`turns`): many connections must not starve the others
  ▶ direct               an ordinary delivery, taken without h11 and the application
    ▶ ordinary           its head. Pure
parting                  ends a connection so that a client that is still sending can read its answer
bounds                   the limits, as one value
"""

from receiver.server.direct import Answer
from receiver.server.ordinary import Ordinary
from receiver.server.running import KEEP_ALIVE_SECONDS, bind, inherit, serve
from receiver.server.turns import Rank

__all__ = ["KEEP_ALIVE_SECONDS", "Answer", "Ordinary", "Rank", "bind", "inherit", "serve"]
