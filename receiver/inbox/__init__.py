"""Keep deliveries: events, their jobs, and the spool that keeps deliveries while the database cannot store them.

deliveries    an event and one job for each handler that wants it, in one statement
  ▶ commit    deliveries in groups: one statement and one commit for all that wait
unannounced   events of ends that nobody announced; the gate between them and the deliveries
listing       lists of events and of jobs
  ▶ filters   the events that are asked for, and the way to them
  ▶ paging    lists page by page, however many events are stored
  ▶ asked     a filter as a line of words, such as `state:dead since:7d`. Pure
happenings    what has happened since the last look
lookup        the one event that a name means, with all that is kept of it
  ▶ life      what happened to it, hop by hop. Pure
jobs          claim, then renew, settle, release: fenced by the attempt. Also bury, replay, count
attempts      what became of each attempt at a job
causes        the cause of an error, so that jobs can be counted by it. Pure
  ▶ dead      dead jobs in groups, and chosen ones
    ▶ replays many of them become pending again, a few at a time
    ▶ dropping a person leaves them for good
retry         when a job is tried again. Pure
retention     prunes what is old
  ▶ daily     every day, by one process of all
artifacts     where the files of submissions lie
buckets       objects in a bucket of Amazon S3, or of a service that speaks like it
spooled       a delivery as a record of the spool. Pure
spool/        a durable file of such records

PostgreSQL is the queue: an event and its jobs are one statement in one transaction, so neither ever exists without the
other. A broker beside the database (Redis, RabbitMQ) would need two writes to agree. A job library would own the tables
that this project exists for. Claims use `SKIP LOCKED`. `NOTIFY` is only a nudge: workers poll too.
"""
