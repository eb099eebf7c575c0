//! The storage operations, declared once for every instrument.
//!
//! Every database is a file below the target folder, keyed and plain out of the same build; an in-memory one would have
//! no cipher at all. What SQLite allocates, dhat does not see. Stores are for one process, as the service opens them,
//! and have no upkeep beside what is timed, but for inserts: there its thread works as it does in production, on another
//! core where there is one. `laboratory` measures SQLCipher without a store.

mod chores;
mod crowd;
mod fixture;
mod hits;
mod laboratory;
mod reading;
mod writing;

use voiceflow_kit::{Operation, Throughput};

voiceflow_kit::operations! {
    counted {
        get_plain_one_connection: Operation::new("storage/get/plain-one-connection",
            "How long does reading one transcript by id take on a connection in hand, unencrypted, pages in cache?")
            .prepare(reading::get_plain_reader),
        statement_prepare_uncached: Operation::new("storage/statement-prepare/uncached",
            "How long does compiling the query for one transcript take?")
            .prepare(laboratory::prepare_uncached),
    }
    timed {
        // Not counted: the statement cache hashes with random keys, so its instructions differ from process to process.
        statement_prepare_cached: Operation::new("storage/statement-prepare/cached",
            "How long does the least a prepared query can do take, counting an unknown user's rows?")
            .allocations()
            .prepare(reading::statement_reader),
        get_plain_hot: Operation::new("storage/get/plain-hot",
            "How long does reading one transcript by id take, unencrypted, pages in cache?")
            .calls(1000)
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
        get_keyed_64kib_cold: Operation::new("storage/get/keyed-64kib-cold",
            "How long does reading a transcript of twice 64 KiB take when every page must be read and decrypted?")
            .throughput(Throughput::Bytes(2 * 64 * 1024))
            .calls(200)
            .prepare(reading::get_keyed_64kib_cold),
        get_plain_64kib_cold: Operation::new("storage/get/plain-64kib-cold",
            "How long does reading a transcript of twice 64 KiB take when every page must be read, unencrypted?")
            .throughput(Throughput::Bytes(2 * 64 * 1024))
            .calls(200)
            .prepare(reading::get_plain_64kib_cold),
        hit_ratio_keyed_0: Operation::new("storage/hit-ratio/keyed-0",
            "How long does reading 100 transcripts on 100 pages take, encrypted, none of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::keyed_0),
        hit_ratio_keyed_50: Operation::new("storage/hit-ratio/keyed-50",
            "How long does reading 100 transcripts on 100 pages take, encrypted, 50 of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::keyed_50),
        hit_ratio_keyed_90: Operation::new("storage/hit-ratio/keyed-90",
            "How long does reading 100 transcripts on 100 pages take, encrypted, 90 of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::keyed_90),
        hit_ratio_keyed_100: Operation::new("storage/hit-ratio/keyed-100",
            "How long does reading 100 transcripts on 100 pages take, encrypted, all of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::keyed_100),
        hit_ratio_plain_0: Operation::new("storage/hit-ratio/plain-0",
            "How long does reading 100 transcripts on 100 pages take, unencrypted, none of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::plain_0),
        hit_ratio_plain_50: Operation::new("storage/hit-ratio/plain-50",
            "How long does reading 100 transcripts on 100 pages take, unencrypted, 50 of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::plain_50),
        hit_ratio_plain_90: Operation::new("storage/hit-ratio/plain-90",
            "How long does reading 100 transcripts on 100 pages take, unencrypted, 90 of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::plain_90),
        hit_ratio_plain_100: Operation::new("storage/hit-ratio/plain-100",
            "How long does reading 100 transcripts on 100 pages take, unencrypted, all of the pages in cache?")
            .throughput(Throughput::Elements(100))
            .calls(200)
            .prepare(hits::plain_100),
        recent_keyed_50: Operation::new("storage/recent/keyed-50",
            "How long does reading a user's 50 latest transcripts take, encrypted, pages in cache?")
            .throughput(Throughput::Elements(50))
            .allocations()
            .prepare(reading::recent_keyed_50),
        recent_plain_50: Operation::new("storage/recent/plain-50",
            "How long does reading a user's 50 latest transcripts take, unencrypted, pages in cache?")
            .throughput(Throughput::Elements(50))
            .allocations()
            .prepare(reading::recent_plain_50),
        map_row_step_only_50: Operation::new("storage/map-row/step-only-50",
            "How much of reading 50 transcripts is left when nothing is made of the rows, unencrypted?")
            .throughput(Throughput::Elements(50))
            .prepare(laboratory::step_50),
        scan_keyed_1k_rows_cold: Operation::new("storage/scan/keyed-1k-rows-cold",
            "How long does reading a history of 1,000 transcripts take when every page must be read and decrypted?")
            .throughput(Throughput::Elements(1000))
            .calls(100)
            .prepare(reading::scan_keyed_1k),
        scan_plain_1k_rows_cold: Operation::new("storage/scan/plain-1k-rows-cold",
            "How long does reading a history of 1,000 transcripts take when every page must be read, unencrypted?")
            .throughput(Throughput::Elements(1000))
            .calls(100)
            .prepare(reading::scan_plain_1k),
        scan_keyed_20k_rows_cold: Operation::new("storage/scan/keyed-20k-rows-cold",
            "How long does reading a history of 20,000 transcripts, more than the cache holds, take, encrypted?")
            .throughput(Throughput::Elements(20_000))
            .calls(20)
            .prepare(reading::scan_keyed_20k),
        scan_plain_20k_rows_cold: Operation::new("storage/scan/plain-20k-rows-cold",
            "How long does reading a history of 20,000 transcripts, more than the cache holds, take, unencrypted?")
            .throughput(Throughput::Elements(20_000))
            .calls(20)
            .prepare(reading::scan_plain_20k),
        search_keyed_1k_rows: Operation::new("storage/search/keyed-1k-rows",
            "How long does finding the 20 best of 1,000 transcripts by two words take, encrypted?")
            .throughput(Throughput::Elements(1000))
            .allocations()
            .prepare(reading::search_keyed_1k_rows),
        search_keyed_after_1_insert: Operation::new("storage/search/keyed-after-1-insert",
            "How long does a search take that must index 1 new transcript first, encrypted?")
            .wall()
            .calls(200)
            .prepare(chores::search_after_1),
        search_keyed_after_500_inserts: Operation::new("storage/search/keyed-after-500-inserts",
            "How long does a search take that must index 500 new transcripts first, encrypted?")
            .throughput(Throughput::Elements(500))
            .wall()
            .calls(100)
            .prepare(chores::search_after_500),
        pool_checkout_1: Operation::new("storage/pool/checkout-1",
            "How long does 1 thread take for 500 of the least queries, each on a connection of a pool of 20?")
            .throughput(Throughput::Elements(crowd::CHECKOUTS as u64))
            .wall()
            .cores(2)
            .calls(200)
            .prepare(crowd::checkout_1),
        pool_checkout_8: Operation::new("storage/pool/checkout-8",
            "How long do 8 threads take for 500 of the least queries each, on connections of a pool of 20?")
            .throughput(Throughput::Elements(8 * crowd::CHECKOUTS as u64))
            .wall()
            .cores(2)
            .calls(200)
            .prepare(crowd::checkout_8),
        pool_checkout_50: Operation::new("storage/pool/checkout-50",
            "How long do 50 threads take for 500 of the least queries each, on connections of a pool of 20?")
            .throughput(Throughput::Elements(50 * crowd::CHECKOUTS as u64))
            .wall()
            .cores(2)
            .calls(100)
            .prepare(crowd::checkout_50),
        mixed_keyed_50_readers_1_writer: Operation::new("storage/mixed/keyed-50-readers-1-writer",
            "How long do 50 threads reading 20 transcripts each and one committing 20 take, encrypted, pool of 20?")
            .throughput(Throughput::Elements(51 * crowd::EXCHANGES as u64))
            .wall()
            .cores(2)
            .calls(100)
            .prepare(crowd::readers_50_writer_1),
        open_keyed_raw_key: Operation::new("storage/open/keyed-raw-key",
            "How long does opening an encrypted store of 1,000 rows and reading one take?")
            .wall()
            .prepare(reading::open_keyed),
        open_plain: Operation::new("storage/open/plain",
            "How long does opening an unencrypted store of 1,000 rows and reading one take?")
            .wall()
            .prepare(reading::open_plain),
        open_keyed_passphrase: Operation::new("storage/open/keyed-passphrase",
            "How long does opening a database take when SQLCipher must stretch a passphrase (256,000 rounds)?")
            .wall()
            .calls(20)
            .prepare(laboratory::open_passphrase),
        insert_row_keyed_normal: Operation::new("storage/insert-row/keyed-normal",
            "How long does committing one transcript take, encrypted, to be indexed later?")
            .wall()
            .prepare(writing::insert_keyed),
        insert_row_plain_normal: Operation::new("storage/insert-row/plain-normal",
            "How long does committing one transcript take, unencrypted, to be indexed later?")
            .wall()
            .prepare(writing::insert_plain),
        insert_row_keyed_shared: Operation::new("storage/insert-row/keyed-shared",
            "How long does committing one transcript take when other processes may use the file, encrypted?")
            .wall()
            .prepare(writing::insert_keyed_shared),
        insert_row_keyed_full: Operation::new("storage/insert-row/keyed-full",
            "How long does committing one transcript to the disk itself take, encrypted, to be indexed later?")
            .wall()
            .prepare(writing::insert_keyed_full),
        insert_row_plain_full: Operation::new("storage/insert-row/plain-full",
            "How long does committing one transcript to the disk itself take, unencrypted, to be indexed later?")
            .wall()
            .prepare(writing::insert_plain_full),
        insert_row_keyed_64kib: Operation::new("storage/insert-row/keyed-64kib",
            "How long does committing a transcript of twice 64 KiB take, encrypted, to be indexed later?")
            .throughput(Throughput::Bytes(2 * 64 * 1024))
            .wall()
            .calls(200)
            .prepare(writing::insert_keyed_64kib),
        insert_rows_keyed_100: Operation::new("storage/insert-rows/keyed-100",
            "How long does committing 100 transcripts in one transaction take, encrypted, to be indexed later?")
            .throughput(Throughput::Elements(100))
            .wall()
            .calls(100)
            .prepare(writing::insert_keyed_100),
        insert_rows_plain_100: Operation::new("storage/insert-rows/plain-100",
            "How long does committing 100 transcripts in one transaction take, unencrypted, to be indexed later?")
            .throughput(Throughput::Elements(100))
            .wall()
            .calls(100)
            .prepare(writing::insert_plain_100),
        insert_rows_keyed_500_indexed: Operation::new("storage/insert-rows/keyed-500-indexed",
            "How long do committing 500 transcripts in one transaction and then indexing them take, encrypted?")
            .throughput(Throughput::Elements(500))
            .wall()
            .calls(100)
            .prepare(writing::insert_keyed_500_indexed),
        delete_older_keyed_500_rows: Operation::new("storage/delete-older/keyed-500-rows",
            "How long does cleaning up 500 old transcripts take, encrypted, search index included?")
            .throughput(Throughput::Elements(500))
            .wall()
            .calls(20)
            .prepare(writing::delete_older),
        backup_keyed_20k_rows: Operation::new("storage/backup/keyed-20k-rows",
            "How long does copying a database of 20,000 transcripts into a new file take, encrypted?")
            .throughput(Throughput::Elements(20_000))
            .wall()
            .calls(10)
            .prepare(chores::backup_keyed),
        backup_plain_20k_rows: Operation::new("storage/backup/plain-20k-rows",
            "How long does copying a database of 20,000 transcripts into a new file take, unencrypted?")
            .throughput(Throughput::Elements(20_000))
            .wall()
            .calls(10)
            .prepare(chores::backup_plain),
        rekey_1mib: Operation::new("storage/rekey/1mib",
            "How long does SQLCipher take to encrypt a database of 1 MiB of text under another key?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .wall()
            .calls(20)
            .prepare(laboratory::rekey),
        cipher_scan_hmac_off: Operation::new("storage/cipher/scan-hmac-off",
            "How long does SQLCipher take to read 1 MiB from the system's cache when pages are encrypted and not authenticated?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .calls(100)
            .prepare(laboratory::scan_hmac_off),
        cipher_scan_hmac_sha256: Operation::new("storage/cipher/scan-hmac-sha256",
            "How long does SQLCipher take to read 1 MiB from the system's cache with HMAC-SHA256 on 4 KiB pages?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .calls(100)
            .prepare(laboratory::scan_hmac_sha256),
        cipher_scan_hmac_sha512: Operation::new("storage/cipher/scan-hmac-sha512",
            "How long does SQLCipher take to read 1 MiB from the system's cache with its default, HMAC-SHA512 on 4 KiB pages?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .calls(100)
            .prepare(laboratory::scan_hmac_sha512),
        page_size_scan_8192: Operation::new("storage/page-size/scan-8192",
            "How long does SQLCipher take to read 1 MiB from the system's cache with HMAC-SHA256 on 8 KiB pages?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .calls(100)
            .prepare(laboratory::scan_page_8192),
        page_size_scan_16384: Operation::new("storage/page-size/scan-16384",
            "How long does SQLCipher take to read 1 MiB from the system's cache with HMAC-SHA256 on 16 KiB pages?")
            .throughput(Throughput::Bytes(laboratory::SCAN_BYTES as u64))
            .calls(100)
            .prepare(laboratory::scan_page_16384),
        page_size_insert_4096: Operation::new("storage/page-size/insert-4096",
            "How long does SQLCipher take to commit one row into one page of 4 KiB?")
            .wall()
            .prepare(laboratory::insert_page_4096),
        page_size_insert_8192: Operation::new("storage/page-size/insert-8192",
            "How long does SQLCipher take to commit one row into one page of 8 KiB?")
            .wall()
            .prepare(laboratory::insert_page_8192),
        page_size_insert_16384: Operation::new("storage/page-size/insert-16384",
            "How long does SQLCipher take to commit one row into one page of 16 KiB?")
            .wall()
            .prepare(laboratory::insert_page_16384),
    }
}
