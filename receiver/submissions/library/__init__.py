"""All that was said, in a form that can be searched: a list of the kept transcripts, and their passages.

    an answer is kept ──▶ receiver.unindexed ──▶ indexing ──▶ receiver.library, receiver.passages ──▶ searching
                          a trigger notes it     in workers    they go when the answer goes

passages      cuts a transcript into passages. Pure
indexing      puts what is kept into the library
reading       one of them, with what is known of it and what belongs to it
remembered    the contents that were read last
playing       where its recording can be played from. Pure
listing       the transcripts, newest first
searching     the passages in which some words were said
keys          places in the order of both, as text for addresses. Pure
excerpts      a part of a passage, with the words marked. Pure
"""
