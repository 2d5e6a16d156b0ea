"""Answer deliveries: verify each, make it durable, then answer. Handlers never run here.

server ──▶ app.receive ─┬ body.read                bounded in size and time
                        ├ webhooks.keyring.verify  against every known secret of its account
                        ├ providers.read
                        └ store.append             in the database, else in the spool
app          also answers `/healthz` and `/readyz`, and nudges the workers after a delivery was stored
store        also brings the spooled deliveries into the database
refusals     one answer for each kind of error; counted as the provider counts (`health.failures`), and logged
submissions  for programs that submit: they have connections of their own
takeover     for `receiver spool`: counts the spooled deliveries by database, and stores those for a database that is
             gone
"""

from receiver.web.app import Receiver, application
from receiver.web.submissions import Submissions

__all__ = ["Receiver", "Submissions", "application"]
