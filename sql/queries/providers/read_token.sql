-- Return a client's token, unless it is the one that was refused, or this share of its life is over.
-- $1 api_url text, $2 client text, $3 refused text, $4 share double precision
select token
from receiver.tokens
where
    api_url = $1 and client = $2 and token is distinct from $3
    and now() < issued_at + (expires_at - issued_at) * $4::double precision
