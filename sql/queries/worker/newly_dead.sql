-- Return the jobs that died after another one, in the order of their deaths, those of notices told apart.
-- $1 died_at timestamptz, $2 job bigint, $3 settled_at timestamptz, $4 limit bigint
select
    j.due_at, j.id, j.source, j.api_url, j.account, j.handler,
    split_part(ltrim(j.error, E' \t\r\n'), E'\n', 1) as error,
    (select e.origin = 'notice' from receiver.events e where e.id = j.event) as is_of_a_notice
from receiver.jobs j
where j.state = 'dead' and (j.due_at, j.id) > ($1, $2) and j.due_at < $3
order by j.due_at, j.id
limit $4
