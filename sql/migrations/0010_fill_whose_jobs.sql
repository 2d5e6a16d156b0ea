-- no transaction
-- Fill the columns of the last migration in the rows that are there. Each batch is a transaction of its own, so that
-- nobody waits long for a row; a second run goes on where the first one ended.
--
-- A row that another transaction has locked is skipped and filled in a later round: the rows that the batch has locked
-- by then would have to wait for that transaction too.
do $$
declare
    batch constant bigint := 10000;
    first bigint;
    newest bigint;
begin
    while exists (select from receiver.jobs where source is null) loop
        first := 0;
        newest := (select max(id) from receiver.jobs);
        while first <= newest loop
            update receiver.jobs j
            set source = e.source, api_url = e.api_url, account = e.account
            from receiver.events e
            where e.id = j.event and j.id in (
                select id from receiver.jobs
                where id >= first and id < first + batch and source is null
                for no key update skip locked
            );
            commit;
            first := first + batch;
        end loop;
        perform pg_sleep(0.1);
    end loop;
end
$$;

do $$
declare
    batch constant bigint := 10000;
    first bigint;
    newest bigint;
begin
    while exists (select from receiver.events where origin is null) loop
        first := 0;
        newest := (select max(id) from receiver.events);
        while first <= newest loop
            update receiver.events e
            set origin = case when e.callback_for is null then 'webhook' else 'callback' end
            where e.id in (
                select id from receiver.events
                where id >= first and id < first + batch and origin is null
                for no key update skip locked
            );
            commit;
            first := first + batch;
        end loop;
        perform pg_sleep(0.1);
    end loop;
end
$$;

alter table receiver.events validate constraint events_origin_check
