-- Count the submissions of a file whose upload the provider has thrown away, and since when it is gone.
select count(*) as number, min(remote_file_expires_at) as since
from receiver.submissions
where state = 'intended' and url is null and remote_file is not null
