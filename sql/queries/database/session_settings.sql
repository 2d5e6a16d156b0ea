-- Return statements that set again what `reset all` undoes in this session; an empty text if it undoes nothing.
select coalesce(string_agg(format('select set_config(%L, %L, false)', name, current_setting(name)), ';'), '')
from pg_settings
where source = 'session' and setting is distinct from reset_val
