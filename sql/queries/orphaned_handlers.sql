-- Handlers that have unfinished jobs but are not among the known ones.
-- $1 handlers text[]
select distinct handler from receiver.jobs
where state in ('pending', 'running') and handler <> all ($1)
order by handler
