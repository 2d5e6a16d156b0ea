-- Submissions to transcribe.so: what the provider must not charge more than, and where it announces the end too. And
-- what a person judges a lost answer by: the account's balance just before the request was sent.

alter table receiver.submissions
    add column max_charge double precision,
    add column balance_before double precision,
    -- A provider may not see a file that was uploaded a moment ago.
    add column uploaded_at timestamptz,
    -- The address has the token of the callback in it.
    add column callback_url text;
