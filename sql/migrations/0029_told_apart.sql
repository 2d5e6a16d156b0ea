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
