-- Deallocate the statements that were prepared in SQL, but keep those of the client's driver.
do $$
declare
    prepared name;
begin
    for prepared in select name from pg_prepared_statements where from_sql loop
        execute format('deallocate %I', prepared);
    end loop;
end
$$
