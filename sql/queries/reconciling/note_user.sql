-- Note whose key an account is. If it was another user's, that user's accounts and this one begin now: return since when.
-- $1 source text, $2 api_url text, $3 account text, $4 user_id text
--
-- Which events were announced to whom is not known any more, and nothing may be run twice.
with before as (
    select user_id from receiver.reconciliations where (source, api_url, account) = ($1, $2, $3)
), anew as (
    update receiver.reconciliations r
    set reconcile_from = now(), watermark = now() - interval '7 days',
        user_id = case when r.account = $3 then $4 else r.user_id end
    from before
    where r.source = $1 and r.api_url = $2 and r.user_id = before.user_id and before.user_id <> $4
    returning r.account
), noted as (
    update receiver.reconciliations r
    set user_id = $4
    from before
    where (r.source, r.api_url, r.account) = ($1, $2, $3) and before.user_id is null and $4::text is not null
)
select now() as begun_at where exists (select from anew)
