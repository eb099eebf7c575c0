//! The storage operations, declared once for every instrument.
//!
//! Every database is a file in the system's folder for temporary files, keyed and plain out of the same build; an
//! in-memory one would have no cipher at all. Point `TMPDIR` at a real disk where that folder is in memory, or commits
//! cost nothing. What SQLite allocates, dhat does not see. Checkpoints of the write-ahead log fall into whichever
//! insert they fall into, as they do in production.

mod fixture;
mod reading;
mod writing;

use voiceflow_kit::{Operation, Throughput};

voiceflow_kit::operations! {
    counted {
        get_plain_one_connection: Operation::new("storage/get/plain-one-connection",
            "How long does reading one transcript by id take on a connection in hand, unencrypted, pages in cache?")
            .prepare(reading::get_plain_reader),
    }
    timed {
        // Not counted: the statement cache hashes with random keys, so its instructions differ from process to process.
        statement_prepare_cached: Operation::new("storage/statement-prepare/cached",
            "How long does the least a prepared query can do take, counting an unknown user's rows?")
            .allocations()
            .prepare(reading::statement_reader),
        get_plain_hot: Operation::new("storage/get/plain-hot",
            "How long does reading one transcript by id take, unencrypted, pages in cache?")
            .allocations()
            .prepare(reading::get_plain_hot),
        get_keyed_hot: Operation::new("storage/get/keyed-hot",
            "How long does reading one transcript by id take, encrypted, pages in cache?")
            .calls(1000)
            .allocations()
            .prepare(reading::get_keyed_hot),
        get_keyed_cold: Operation::new("storage/get/keyed-cold",
            "How long does reading one transcript by id take when every page must be read and decrypted?")
            .calls(1000)
            .allocations()
            .prepare(reading::get_keyed_cold),
        get_plain_cold: Operation::new("storage/get/plain-cold",
            "How long does reading one transcript by id take when every page must be read, unencrypted?")
            .calls(1000)
            .allocations()
            .prepare(reading::get_plain_cold),
        recent_keyed_50: Operation::new("storage/recent/keyed-50",
            "How long does reading a user's 50 latest transcripts take, encrypted, pages in cache?")
            .throughput(Throughput::Elements(50))
            .allocations()
            .prepare(reading::recent_keyed_50),
        search_keyed_1k_rows: Operation::new("storage/search/keyed-1k-rows",
            "How long does finding the 20 best of 1,000 transcripts by two words take, encrypted?")
            .throughput(Throughput::Elements(1000))
            .allocations()
            .prepare(reading::search_keyed_1k_rows),
        pool_checkout: Operation::new("storage/pool/checkout",
            "How long does the least query take while three threads beside it use the same pool?")
            .wall()
            .cores(2)
            .prepare(reading::pool_checkout),
        open_keyed_raw_key: Operation::new("storage/open/keyed-raw-key",
            "How long does opening an encrypted store of 1,000 rows and reading one take?")
            .wall()
            .prepare(reading::open_keyed),
        open_plain: Operation::new("storage/open/plain",
            "How long does opening an unencrypted store of 1,000 rows and reading one take?")
            .wall()
            .prepare(reading::open_plain),
        insert_keyed_wal_normal: Operation::new("storage/insert/keyed-wal-normal",
            "How long does committing one transcript take, encrypted, search index included?")
            .wall()
            .prepare(writing::insert_keyed),
        insert_plain_wal_normal: Operation::new("storage/insert/plain-wal-normal",
            "How long does committing one transcript take, unencrypted, search index included?")
            .wall()
            .prepare(writing::insert_plain),
        insert_keyed_wal_full: Operation::new("storage/insert/keyed-wal-full",
            "How long does committing one transcript to the disk itself take, encrypted?")
            .wall()
            .prepare(writing::insert_keyed_full),
        insert_keyed_tx100: Operation::new("storage/insert/keyed-tx100",
            "How long does committing 100 transcripts in one transaction take, encrypted?")
            .throughput(Throughput::Elements(100))
            .wall()
            .calls(100)
            .prepare(writing::insert_keyed_tx100),
        delete_older_keyed_500_rows: Operation::new("storage/delete-older/keyed-500-rows",
            "How long does cleaning up 500 old transcripts take, encrypted, search index included?")
            .throughput(Throughput::Elements(500))
            .wall()
            .calls(20)
            .prepare(writing::delete_older),
    }
}
