-- List a transcript in place of an older run of it, whose passages are deleted; return its key, unless a newer run is listed.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 fetched_at timestamptz, $6 account text, $7 at timestamptz, $8 title text, $9 language text, $10 seconds double precision, $11 passages integer, $12 config text
--
-- A configuration that this PostgreSQL does not have is `simple`.
with put as (
    insert into receiver.library as l (
        source, api_url, transcription_id, completed_at, fetched_at, account, at, title, language, seconds, passages,
        config
    )
    values (
        $1, $2, $3, $4, $5, $6, coalesce($7, $5::timestamptz), $8, $9, $10, $11,
        case when $12::text is not null then coalesce((
            select c.cfgname::text
            from pg_ts_config c
            where c.cfgname = $12 and c.cfgnamespace = 'pg_catalog'::regnamespace
        ), 'simple') end
    )
    on conflict (source, api_url, transcription_id) do update
        set completed_at = excluded.completed_at, fetched_at = excluded.fetched_at, account = excluded.account,
            at = excluded.at, title = excluded.title, language = excluded.language, seconds = excluded.seconds,
            passages = excluded.passages, config = excluded.config
        where l.fetched_at <= excluded.fetched_at
    returning l.id
), gone as (
    delete from receiver.passages p using put where p.transcript = put.id
)
select id from put
