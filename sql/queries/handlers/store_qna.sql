-- Store a transcript's questions and answers, in order.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 questions text[], $5 answers text[]
insert into receiver.qna (source, api_url, transcription_id, position, question, answer)
select $1, $2, $3, q.position, q.question, q.answer
from unnest($4::text[], $5::text[]) with ordinality as q (question, answer, position)
order by q.position
