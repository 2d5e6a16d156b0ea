-- Delete locked events whose jobs have all ended before a time, or their bodies and jobs only; return how many of each.
-- $1 events bigint[], $2 horizon timestamptz, $3 rows_horizon timestamptz
--
--     a locked event, which came before the horizon ($2) and is not quarantined
--        │ delivered since the horizon, or a late webhook about the same end came since ──▶ stays
--        │ a job of it is pending, running or dead, or has ended since the horizon ──▶ stays
--        │ it is about a submission that is not over ──▶ stays
--        ▼
--     its jobs are deleted, with their attempts
--        │ its last delivery came since $3: a repeat must still be told ──▶ only its body goes too
--        ▼
--     the event is deleted, with its deliveries
--
-- The events are locked by a statement before this one, so nobody can add a job that this one does not see.
with given as materialized (
    select
        e.id, e.source, e.api_url, e.account, e.transcription_id, e.ended_at, work.jobs,
        greatest(e.received_at, e.last_delivered_at) < $3 as goes
    from unnest((select $1::bigint[])) as given (id)
    cross join lateral (select * from receiver.events e where e.id = given.id limit 1) as e
    cross join lateral (
        select
            count(*) as jobs,
            coalesce(bool_or(j.state::text in ('pending', 'running', 'dead') or j.due_at >= $2), false) as stay
        from receiver.jobs j
        where j.event = e.id
    ) as work
    where e.last_delivered_at < $2 and not work.stay
        and (select true from receiver.events late where late.same_as = e.id and late.last_delivered_at >= $2 limit 1)
            is null
        and case when e.origin = 'submission' then (
            -- Our own events are named for their submission: `sub_…`, `evt_sub_…_1`.
            select true
            from receiver.submissions s
            where s.id = substring(e.event_id from 'sub_[0-9a-z]+') and s.state not in ('done', 'failed')
            limit 1
        ) end is null
        and case when e.transcription_id is not null then (
            select true
            from receiver.submissions s
            where s.source = e.source and s.api_url = e.api_url and s.remote_id = e.transcription_id
                and s.state not in ('done', 'failed')
                and receiver.is_same_user(e.source, e.api_url, e.account, s.account)
            limit 1
        ) end is null
), gone as (
    delete from receiver.jobs j
    using given
    where j.event = given.id and j.state::text not in ('pending', 'running', 'dead')
    returning j.event
), ended as (
    -- Version 0.8 replays without a lock on the event: a job that runs again since is not deleted, and keeps its event.
    select given.*
    from given
    left join (select event, count(*) as jobs from gone group by event) as gone on gone.event = given.id
    where given.jobs = coalesce(gone.jobs, 0)
), whole as (
    delete from receiver.events e
    using ended
    where e.id = ended.id and ended.goes
    returning e.id
), body as (
    update receiver.events e
    set raw = sha256(e.raw), pruned_at = now()
    from ended
    where e.id = ended.id and not ended.goes and e.pruned_at is null
    returning e.id
), forgotten as (
    -- Else its end would be found missing: it would be asked about as under way, if nobody has compared its list since. The
    -- lists of other keys of the user show it too.
    delete from receiver.transcriptions t
    using ended
    join receiver.reconciliations r on r.source = ended.source and r.api_url = ended.api_url
    where ended.goes and t.source = ended.source and t.api_url = ended.api_url and t.account = r.account
        and t.transcription_id = ended.transcription_id
        and (t.since < $2 or t.status in ('completed', 'failed', 'cancelled'))
        and receiver.is_same_user(ended.source, ended.api_url, ended.account, r.account)
), moved as (
    -- The provider's clock was ahead, or ours behind. What was announced and is deleted must not be found missing.
    update receiver.reconciliations r
    set reconcile_from = greatest(r.reconcile_from, least(late.ended_at + interval '1 s', now()))
    from (
        select source, api_url, account, max(ended_at) as ended_at
        from ended
        where goes and ended_at >= $2
        group by source, api_url, account
    ) as late
    where r.source = late.source and r.api_url = late.api_url
        and receiver.is_same_user(late.source, late.api_url, late.account, r.account)
)
select (select count(*) from whole) as events, (select count(*) from body) as bodies
