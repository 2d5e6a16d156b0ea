-- Store a transcript's questions and answers, in order.
-- $1 source text, $2 transcription_id text, $3 questions text[], $4 answers text[]
insert into receiver.qna (source, transcription_id, position, question, answer)
select $1, $2, q.position, q.question, q.answer
from unnest($3::text[], $4::text[]) with ordinality as q (question, answer, position)
order by q.position
