"""Answer deliveries: verify each, make it durable, then answer. Handlers never run here.

server ──▶ app.receive ─┬ body.read                bounded in size and time
                        ├ webhooks.keyring.verify  against every known secret
                        ├ events.read
                        └ store.append             in the database, else in the spool
refusals     one answer for each kind of error; counted as the provider counts (`health.failures`), and logged
takeover     counts the spooled deliveries by database, and stores those for a database that is gone
"""

from receiver.web.app import Receiver, application

__all__ = ["Receiver", "application"]
