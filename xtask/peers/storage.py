"""sqlite3 and sqlcipher3 on the tables, texts and statements of crates/storage.

The same schema (its migrations), key, page authentication, journal and durability; rows are read and written by the same
SQL, which both modules keep compiled. What the store does besides, such as indexing in the background, is left out here.
"""

import os
import sqlite3
import tempfile
from pathlib import Path

from peer import Work, WrongAnswer

WORKSPACE = Path(os.environ["VOICEFLOW_PEER_WORKSPACE"])
ROWS = 1000
ROUND = 512
STEP = 389
USER = "ada@example.com"
KEY = "x'" + "6b" * 32 + "'"
CONTEXTS = ["email", "chat", "code", "notes", "meeting"]
SENTENCES = [
    "so the quarterly budget for the Zurich office needs another look before Friday",
    "um remind me to call the supplier about the delayed shipment of microphones",
    "the parser drops the last token when the buffer ends in the middle of a character",
    "two pints of milk a loaf of bread and something for the cat",
    "we agreed that the release waits until the migration has been tried on a copy",
]
INSERT = """INSERT INTO transcripts (id, user, created_ms, context, raw_text, enhanced_text, audio_ms)
    VALUES (1 + max(coalesce((SELECT max(id) FROM transcripts), 0), (SELECT deleted_id FROM counters)),
        ?1, ?2, ?3, ?4, ?5, ?6)"""
GET = """SELECT id, created_ms, context, raw_text, enhanced_text, audio_ms
    FROM transcripts WHERE id = ?1 AND user = ?2"""


def _text(number):
    return f"{SENTENCES[number % len(SENTENCES)]} {number}"


def _row(number):
    text = _text(number)
    return USER, number, CONTEXTS[number % len(CONTEXTS)], text, text, 4200


class _Store(Work):
    def __init__(self, module, key=None):
        # On the disk the workspace is on, as the store under measurement is.
        target = WORKSPACE / "target" / "voiceflow"
        target.mkdir(parents=True, exist_ok=True)
        self.folder = tempfile.TemporaryDirectory(dir=target)
        self.connection = module.connect(str(Path(self.folder.name) / "transcripts.db"), isolation_level=None)
        execute = self.connection.execute
        if key is not None:
            execute(f'PRAGMA key = "{key}"')
            execute("PRAGMA cipher_hmac_algorithm = HMAC_SHA256")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        for migration in sorted((WORKSPACE / "crates/storage/migrations").glob("*.sql")):
            self.connection.executescript(migration.read_text())
        execute("BEGIN")
        for number in range(ROWS):
            execute(INSERT, _row(number))
        execute("COMMIT")
        execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


class _Insert(_Store):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.next = ROWS

    def prepare(self):
        number = self.next
        self.next += 1
        if self.next // ROUND != number // ROUND:
            self.connection.execute("DELETE FROM transcripts WHERE created_ms < ?", (number - ROWS,))
        return _row(number)

    def call(self, given):
        return self.connection.execute(INSERT, given).lastrowid

    def check(self, given, answer):
        found = self.connection.execute(GET, (answer, USER)).fetchone()
        if found is None or found[3] != given[3]:
            raise WrongAnswer("another text")


class _Get(_Store):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.number = 0
        for number in range(ROWS):
            self.call((number + 1, USER))

    def prepare(self):
        self.number = (self.number + STEP) % ROWS
        return self.number + 1, USER

    def call(self, given):
        return self.connection.execute(GET, given).fetchone()

    def check(self, given, answer):
        if answer is None or answer[3] != _text(given[0] - 1):
            raise WrongAnswer("another text")


def plain_insert():
    return _Insert(sqlite3)


def plain_get():
    return _Get(sqlite3)


def keyed_insert():
    return _Insert(_sqlcipher(), KEY)


def keyed_get():
    return _Get(_sqlcipher(), KEY)


def _sqlcipher():
    import sqlcipher3

    return sqlcipher3
