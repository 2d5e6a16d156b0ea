-- The address of a webhook gets a name of its own: a callback is the address of a single transcription.
--
-- The rename takes three versions, because processes of neighbouring versions run side by side during a deploy.
-- Version 0.5 knows `callback_url` only.
-- This version writes both columns and reads `coalesce(webhook_url, callback_url)`.
-- The next version fills what is still null, then reads and writes `webhook_url` alone.
-- The version after that drops `callback_url`.

alter table receiver.registrations add column webhook_url text;
update receiver.registrations set webhook_url = callback_url;
