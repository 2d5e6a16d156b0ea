-- End the lease of a client's next token, which was not issued.
-- $1 api_url text, $2 client text
update receiver.tokens set leased_until = '-infinity' where api_url = $1 and client = $2
