-- no transaction
-- Fill the columns of the last migration in the rows that are there. Each batch is a transaction of its own, so that
-- nobody waits long for a row; a second run goes on where the first one ended.
do $$
declare
    batch constant bigint := 10000;
    first bigint := 0;
    newest bigint := (select coalesce(max(id), 0) from receiver.jobs);
begin
    while first <= newest loop
        update receiver.jobs j
        set source = e.source, api_url = e.api_url, account = e.account
        from receiver.events e
        where e.id = j.event and j.id >= first and j.id < first + batch and j.source is null;
        commit;
        first := first + batch;
    end loop;
end
$$;

do $$
declare
    batch constant bigint := 10000;
    first bigint := 0;
    newest bigint := (select coalesce(max(id), 0) from receiver.events);
begin
    while first <= newest loop
        update receiver.events e
        set origin = case when e.callback_for is null then 'webhook' else 'callback' end
        where e.id >= first and e.id < first + batch and e.origin is null;
        commit;
        first := first + batch;
    end loop;
end
$$;
