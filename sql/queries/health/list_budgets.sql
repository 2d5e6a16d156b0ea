-- Return how far ahead of now the turns of each key are taken.
select api_url, key_fingerprint, full_at - now() as ahead from receiver.budgets order by api_url, key_fingerprint
