-- Full-text search over both texts. External content: the words are indexed, the texts stay in `transcripts` alone, and
-- the triggers keep the two together inside the same transaction.
CREATE VIRTUAL TABLE transcript_words USING fts5 (
    raw_text,
    enhanced_text,
    content = 'transcripts',
    content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER transcripts_inserted AFTER INSERT ON transcripts BEGIN
    INSERT INTO transcript_words (rowid, raw_text, enhanced_text)
    VALUES (new.id, new.raw_text, new.enhanced_text);
END;

CREATE TRIGGER transcripts_deleted AFTER DELETE ON transcripts BEGIN
    INSERT INTO transcript_words (transcript_words, rowid, raw_text, enhanced_text)
    VALUES ('delete', old.id, old.raw_text, old.enhanced_text);
END;

CREATE TRIGGER transcripts_updated AFTER UPDATE OF raw_text, enhanced_text ON transcripts BEGIN
    INSERT INTO transcript_words (transcript_words, rowid, raw_text, enhanced_text)
    VALUES ('delete', old.id, old.raw_text, old.enhanced_text);
    INSERT INTO transcript_words (rowid, raw_text, enhanced_text)
    VALUES (new.id, new.raw_text, new.enhanced_text);
END;

-- Rows that were there before the index.
INSERT INTO transcript_words (transcript_words) VALUES ('rebuild');
