"""What is kept of deliveries: events, their jobs, and the spool for while the database takes nothing.

deliveries    an event and one job for each handler that wants it, in one statement; lists, and looks
jobs          claim, renew, finish, release: fenced by the attempt
retry         when a job is tried again. Pure
spooled       a delivery as a record of the spool. Pure
spool/        a durable file of such records
"""
