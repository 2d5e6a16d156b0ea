-- The ledger reads what comes out of quarantine, and a submission ends with an event that another key of its user had.

-- The titles are fetched like all others: nobody reads the answer.
alter table receiver.regenerations drop column kept_as;

-- Events whose ids the ledger had passed before they could be read: they came out of quarantine.
create table receiver.uncharged (
    event bigint primary key
);

-- Whether two accounts are known to be keys of one user. Ids of transcriptions of two users can be the same.
create function receiver.is_known_user(source text, api_url text, account text, other text)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
    select account = other or exists (
        select
        from receiver.reconciliations a
        join receiver.reconciliations b on b.user_id = a.user_id
        where (a.source, a.api_url, a.account)
            = (is_known_user.source, is_known_user.api_url, is_known_user.account)
            and (b.source, b.api_url, b.account)
            = (is_known_user.source, is_known_user.api_url, is_known_user.other)
    )
$$;

-- As before, also if it was started again with another key of its user.
create or replace function receiver.is_same_end(
    source text, api_url text, account text, transcription_id text,
    ended_at timestamptz, came_at timestamptz, other_ended_at timestamptz, other_came_at timestamptz
) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
    select case
        when ended_at is not null and other_ended_at is not null
            then ended_at > other_ended_at - interval '1 s' and ended_at < other_ended_at + interval '1 s'
        else not exists (
            select
            from receiver.reconciliations r
            join receiver.transcriptions t
                on t.source = r.source and t.api_url = r.api_url and t.account = r.account
                and t.transcription_id = is_same_end.transcription_id
            where r.source = is_same_end.source and r.api_url = is_same_end.api_url
                and receiver.is_known_user(
                    is_same_end.source, is_same_end.api_url, is_same_end.account, r.account
                )
                and t.restarted_at > least(coalesce(ended_at, came_at), coalesce(other_ended_at, other_came_at))
                and t.restarted_at < greatest(coalesce(ended_at, came_at), coalesce(other_ended_at, other_came_at))
        )
    end
$$;
