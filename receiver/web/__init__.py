"""Answer deliveries: verify, make durable, say so. Handlers never run here.

server ──▶ app.receive ─┬ body.read                bounded in size and time
                        ├ webhooks.keyring.verify  by every known secret
                        ├ events.read
                        └ store.append             in the database, else in the spool
refusals     one answer for each kind; counted as the provider counts (`health.failures`), and said
takeover     what was spooled for a database that is gone
"""

from receiver.web.app import Receiver, application

__all__ = ["Receiver", "application"]
