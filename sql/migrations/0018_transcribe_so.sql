-- Submissions to transcribe.so: what the provider must not charge more than, and where it announces the end too.

alter table receiver.submissions
    add column max_charge double precision,
    -- The address has the token of the callback in it.
    add column callback_url text;
