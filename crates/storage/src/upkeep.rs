//! What is done beside the callers: indexing rows that wait, and folding the write-ahead log into the file.
//!
//! A thread of the store's own wakes for every [`BATCH_ROWS`] rows written, where those that earlier runs left waiting
//! count too. It starts with the first batch, so a store that is only read has none unless much was left. When the store
//! goes, it ends after the batch at hand. What it cannot do (another process writes, the disk is full) it leaves for the
//! next time: searches index for themselves, and SQLite's own checkpoint stands behind (`LOG_PAGES_MAX`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;

use crate::indexes::BATCH_ROWS;
use crate::shared::Shared;

pub(crate) struct Upkeep {
    shared: Arc<Shared>,
    bell: Arc<Bell>,
    is_wanted: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Bell {
    /// Rows written since the thread last took them.
    rows: AtomicU64,
    is_stopping: Mutex<bool>,
    rung: Condvar,
}

impl Upkeep {
    pub(crate) fn new(shared: &Arc<Shared>, is_wanted: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            bell: Arc::default(),
            is_wanted,
            thread: Mutex::new(None),
        }
    }

    /// Notes rows that were inserted or deleted. It costs one addition, and one waking every [`BATCH_ROWS`].
    pub(crate) fn note(&self, rows: u64) {
        if !self.is_wanted {
            return;
        }
        let before = self.bell.rows.fetch_add(rows, Ordering::Relaxed);
        if before < u64::from(BATCH_ROWS) && before + rows >= u64::from(BATCH_ROWS) {
            self.start();
            // Under the lock, so that the thread is either waiting or has yet to look at the count.
            let _guard = self.bell.lock();
            self.bell.rung.notify_one();
        }
    }

    fn start(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let (shared, bell) = (Arc::clone(&self.shared), Arc::clone(&self.bell));
            // Without a thread the rows wait for a search, and the log for SQLite's own checkpoint.
            *thread = Builder::new()
                .name("storage-upkeep".into())
                .spawn(move || run(&shared, &bell))
                .ok();
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        *self.bell.lock() = true;
        self.bell.rung.notify_one();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It holds nothing but work that may be left: a panic there has lost nothing.
            let _ = thread.join();
        }
    }
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        *self.lock()
    }

    /// Waits for a batch of rows; `false` when the store goes.
    fn wait(&self) -> bool {
        let mut is_stopping = self.lock();
        while !*is_stopping && self.rows.load(Ordering::Relaxed) < u64::from(BATCH_ROWS) {
            is_stopping = self.rung.wait(is_stopping).unwrap_or_else(PoisonError::into_inner);
        }
        self.rows.store(0, Ordering::Relaxed);
        !*is_stopping
    }
}

fn run(shared: &Shared, bell: &Bell) {
    let mut checkpointer = None;
    while bell.wait() {
        // A batch that fails is left for the next round, or for a search; those that remain when the store goes are
        // counted when it is opened again.
        while !bell.is_stopping() && shared.index_batch().unwrap_or(false) {}
        if bell.is_stopping() {
            // The last connection that closes folds the log.
            return;
        }
        checkpoint(shared, &mut checkpointer);
    }
}

/// Folds what readers and writers allow, beside both: PASSIVE waits for nobody. On a connection of its own, because the
/// disk may take its time.
fn checkpoint(shared: &Shared, checkpointer: &mut Option<Connection>) {
    if checkpointer.is_none() {
        *checkpointer = shared.open().ok();
    }
    if let Some(connection) = checkpointer {
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
