-- Set what this session relies on, whatever role, database or pooler say, and return what it has then.
-- $1 names text[], $2 values text[]
with asked as (
    select
        name,
        case name
            -- A commit that has returned is on disk; waiting for a standby to apply it as well is more than that.
            when 'synchronous_commit' then case current_setting(name) when 'remote_apply' then 'remote_apply' else value end
            -- A role's or database's habit does not bind us; a server that takes no writes is not made to.
            when 'default_transaction_read_only' then case
                when current_setting(name) = 'off' then 'off'
                when (select source like '%file%' or source like '%line%' from pg_settings s where s.name = given.name)
                    then current_setting(name)
                else value
            end
            -- Tables of others' are made and found where they would be without us, and never among ours.
            when 'search_path' then coalesce((
                select string_agg(schema[1], ', ' order by place)
                from regexp_matches(current_setting(name), '("(?:[^"]|"")*"|[^,"[:space:]]+)', 'g')
                    with ordinality as listed (schema, place)
                where lower(trim(schema[1], '"')) <> 'receiver'
                    and not (lower(trim(schema[1], '"')) = '$user' and current_user = 'receiver')
            ), value)
            else value
        end as value
    from unnest($1::text[], $2::text[]) as given (name, value)
    where current_setting(name, true) is not null  -- a setting that this server is too old for
)
-- What is so already is not set again: some settings take a right to be set at all.
select name, case current_setting(name) when value then value else set_config(name, value, false) end as value from asked
union all
select 'is_standby', pg_is_in_recovery()::text
