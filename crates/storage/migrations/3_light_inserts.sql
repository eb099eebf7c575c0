-- An insert changes one page, the last of the table: every page more costs a commit its encryption and its writing. What
-- can be brought up to date later is, in batches: the words, and the order of each user's transcripts by time.
DROP TRIGGER transcripts_inserted;
DROP TRIGGER transcripts_deleted;
DROP TRIGGER transcripts_updated;

-- One row. Numbers only grow, and a transcript's number is above both of these when it is inserted.
CREATE TABLE counters (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    -- Transcripts up to this number are in `transcript_words` and `transcript_order`; those above wait.
    indexed_id INTEGER NOT NULL,
    -- The highest number that was ever deleted: an id is never given to another transcript.
    deleted_id INTEGER NOT NULL
) STRICT;

INSERT INTO counters (only_row, indexed_id, deleted_id)
SELECT 1, latest, latest
FROM (SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'transcripts'), 0) AS latest);

-- The same table without AUTOINCREMENT, which writes a page of its own for every row.
CREATE TABLE transcripts_without_sequence (
    id INTEGER PRIMARY KEY,
    user TEXT NOT NULL CHECK (user <> ''),
    created_ms INTEGER NOT NULL,
    context TEXT NOT NULL,
    raw_text TEXT NOT NULL,
    enhanced_text TEXT,
    audio_ms INTEGER NOT NULL CHECK (audio_ms >= 0)
) STRICT;

INSERT INTO transcripts_without_sequence SELECT * FROM transcripts ORDER BY id;
DROP TABLE transcripts;
ALTER TABLE transcripts_without_sequence RENAME TO transcripts;

-- What an index on the table would be, if an index could be brought up to date later. A user's history, newest first,
-- comes out of it in order; the clean-up finds old rows in it, user by user.
CREATE TABLE transcript_order (
    user TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (user, created_ms, id)
) STRICT, WITHOUT ROWID;

INSERT INTO transcript_order SELECT user, created_ms, id FROM transcripts ORDER BY user, created_ms, id;

CREATE TRIGGER transcripts_deleted AFTER DELETE ON transcripts
WHEN old.id > (SELECT deleted_id FROM counters) BEGIN
    UPDATE counters SET deleted_id = old.id;
END;

CREATE TRIGGER transcripts_indexed_deleted AFTER DELETE ON transcripts
WHEN old.id <= (SELECT indexed_id FROM counters) BEGIN
    DELETE FROM transcript_order WHERE user = old.user AND created_ms = old.created_ms AND id = old.id;
    INSERT INTO transcript_words (transcript_words, rowid, raw_text, enhanced_text)
    VALUES ('delete', old.id, old.raw_text, old.enhanced_text);
END;

CREATE TRIGGER transcripts_words_updated AFTER UPDATE OF raw_text, enhanced_text ON transcripts
WHEN old.id <= (SELECT indexed_id FROM counters) BEGIN
    INSERT INTO transcript_words (transcript_words, rowid, raw_text, enhanced_text)
    VALUES ('delete', old.id, old.raw_text, old.enhanced_text);
    INSERT INTO transcript_words (rowid, raw_text, enhanced_text)
    VALUES (new.id, new.raw_text, new.enhanced_text);
END;

-- Nobody changes these, and the order relies on it.
CREATE TRIGGER transcripts_stay_in_place BEFORE UPDATE OF id, user, created_ms ON transcripts BEGIN
    SELECT raise(ABORT, 'a transcript keeps its number, user and time');
END;
