-- Set the settings that we rely on, over those of role, database and pooler; return the values now in force.
-- $1 names text[], $2 values text[]
with asked as (
    select
        name,
        case name
            -- With `on` a returned commit is on disk. `remote_apply` is stricter and stays.
            when 'synchronous_commit' then case current_setting(name) when 'remote_apply' then 'remote_apply' else value end
            -- Override the setting of a role or database, but not that of a read-only server.
            when 'default_transaction_read_only' then case
                when current_setting(name) = 'off' then 'off'
                when (select source like '%file%' or source like '%line%' from pg_settings s where s.name = given.name)
                    then current_setting(name)
                else value
            end
            -- The user's tables stay in the schemas of the user's own search path, and never get into ours.
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
    where current_setting(name, true) is not null  -- null: this server is too old for the setting
)
-- A setting with the right value is not set again, because setting some settings needs a privilege.
select name, case current_setting(name) when value then value else set_config(name, value, false) end as value from asked
union all
select 'is_standby', pg_is_in_recovery()::text
