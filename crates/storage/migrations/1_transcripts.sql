-- One row per dictation. Times are milliseconds since 1970-01-01 UTC; `context` is a name of the protocol's `Context`.
-- AUTOINCREMENT: an id is never given to another transcript, not even after its own was deleted.
CREATE TABLE transcripts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL CHECK (user <> ''),
    created_ms INTEGER NOT NULL,
    context TEXT NOT NULL,
    raw_text TEXT NOT NULL,
    enhanced_text TEXT,
    audio_ms INTEGER NOT NULL CHECK (audio_ms >= 0)
) STRICT;

-- A user's history, newest first, comes out of this index in order.
CREATE INDEX transcripts_by_user ON transcripts (user, created_ms DESC, id DESC);

-- The clean-up finds old rows of all users here.
CREATE INDEX transcripts_by_time ON transcripts (created_ms);

-- "VFLW": tells this database from any other program's.
PRAGMA application_id = 0x56464c57;
