-- Forget the statements that were prepared in SQL, and none that a client has prepared for itself.
do $$
declare
    prepared name;
begin
    for prepared in select name from pg_prepared_statements where from_sql loop
        execute format('deallocate %I', prepared);
    end loop;
end
$$
