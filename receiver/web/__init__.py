"""Answer deliveries: verify each, make it durable, then answer. Handlers never run here.

server ──▶ reception ─┬ webhooks.keyring   against every known secret of the delivery's account
                      ├ providers.read
                      └ store              in the database, else in the spool
reception    an ordinary delivery comes to it straight from its connection, every other one by way of Starlette
app          the routes; also answers `/healthz` and `/readyz`, and nudges the workers after a delivery was stored
doubting     keeps authentic deliveries that were refused for their time, until they are written down for a look-up
body         reads a body that comes by way of Starlette, bounded in size and time
store        also brings the spooled deliveries into the database
refusals     one answer for each kind of error; counted as the provider counts (`health.failures`), and logged
openapi      describes all of it to programs, with schemas: those of documents, made from their classes
submissions  for programs that submit: they have connections of their own
takeover     for `receiver spool`: counts the spooled deliveries by database, and stores those for a database that is
             gone
"""

from receiver.web.app import Receiver, application
from receiver.web.submissions import Submissions

__all__ = ["Receiver", "Submissions", "application"]
