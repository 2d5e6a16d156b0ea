-- Note that costs have passed amounts; return the numbers of those that were not noted before, from 1.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 type text, $5 abouts text[]
with given as (
    select * from unnest($1::text[], $2::text[], $3::text[], $5::text[])
        with ordinality as given (source, api_url, account, about, item)
), noted as (
    insert into receiver.notices (source, api_url, account, type, about, told_at)
    select source, api_url, account, $4, about, now() from given
    on conflict do nothing
    returning source, api_url, account, about
)
select given.item from given join noted using (source, api_url, account, about) order by given.item
