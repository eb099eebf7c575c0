//! Many connections to one file.
//!
//! They are opened when first needed, on the thread that needs them, and kept: each has a page cache of decrypted pages,
//! which is what makes reads fast. The one used last is handed out first, because its cache is the fullest. Nothing is
//! asked of a connection when it is handed out: a local file has no link that could have dropped meanwhile.
//!
//! There is no thread behind it. When the pool goes, every connection that is not on loan has been closed, and the file's
//! lock given up, before the drop returns.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;

use crate::connection::{Opener, whole_ms};
use crate::error::StorageError;

pub(crate) struct Pool {
    opener: Arc<Opener>,
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// Connections that are open or being opened, on loan or not.
    open: u32,
    /// Threads that wait for one. Where there are none, giving back need not wake anybody.
    waiting: u32,
}

/// What the pool can give at once.
enum Next {
    Idle(Connection),
    /// Leave to open one more.
    Room,
    Nothing,
}

/// A connection on loan; it goes back when dropped.
pub(crate) struct Pooled {
    /// `None` only while it is dropped.
    connection: Option<Connection>,
    /// Whether it is beyond the pool's size: it is closed then, and counted nowhere.
    is_surplus: bool,
    pool: Arc<Pool>,
}

impl State {
    fn next(&mut self, pool_size: u32) -> Next {
        if let Some(connection) = self.idle.pop() {
            return Next::Idle(connection);
        }
        if self.open < pool_size {
            self.open += 1;
            return Next::Room;
        }
        Next::Nothing
    }
}

impl Pool {
    /// Opens no connection beside the `first`.
    pub(crate) fn new(opener: &Arc<Opener>, first: Connection) -> Result<Self, StorageError> {
        let options = opener.options();
        let settings = [
            ("pool_size", options.pool_size == 0),
            ("busy_timeout in milliseconds", options.busy_timeout.is_zero()),
        ];
        if let Some((setting, _)) = settings.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(StorageError::Setting { setting, minimum: 1 });
        }
        Ok(Self {
            opener: Arc::clone(opener),
            state: Mutex::new(State {
                idle: vec![first],
                open: 1,
                waiting: 0,
            }),
            returned: Condvar::new(),
        })
    }

    /// A connection, waiting for one if all are in use.
    pub(crate) fn get(self: &Arc<Self>) -> Result<Pooled, StorageError> {
        let connection = match self.take()? {
            Some(connection) => connection,
            None => self.open()?,
        };
        Ok(self.lend(connection))
    }

    /// A connection for whoever has the turn to write, who must not wait for one: those on loan may be with searches that
    /// wait for that turn. Where all are in use it is one more, closed when it comes back.
    pub(crate) fn get_to_write(self: &Arc<Self>) -> Result<Pooled, StorageError> {
        let next = self.lock().next(self.opener.options().pool_size);
        match next {
            Next::Idle(connection) => Ok(self.lend(connection)),
            Next::Room => Ok(self.lend(self.open()?)),
            Next::Nothing => Ok(Pooled {
                connection: Some(self.opener.open()?),
                is_surplus: true,
                pool: Arc::clone(self),
            }),
        }
    }

    /// A connection that nobody uses now, if there is one.
    pub(crate) fn idle(self: &Arc<Self>) -> Option<Pooled> {
        let connection = self.lock().idle.pop()?;
        Some(self.lend(connection))
    }

    /// An idle connection, or `None` for leave to open one more.
    fn take(&self) -> Result<Option<Connection>, StorageError> {
        let mut state = self.lock();
        let mut until = None;
        loop {
            let options = self.opener.options();
            match state.next(options.pool_size) {
                Next::Idle(connection) => return Ok(Some(connection)),
                Next::Room => return Ok(None),
                Next::Nothing => {}
            }
            let now = Instant::now();
            let until = *until.get_or_insert(now + options.busy_timeout);
            if until <= now {
                return Err(StorageError::PoolBusy {
                    size: options.pool_size,
                    waited_ms: whole_ms(options.busy_timeout),
                });
            }
            state.waiting += 1;
            let woken = self.returned.wait_timeout(state, until - now);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    fn open(&self) -> Result<Connection, StorageError> {
        self.opener.open().inspect_err(|_| self.give_back(None))
    }

    /// `None` for a connection that is no more.
    fn give_back(&self, connection: Option<Connection>) {
        let mut state = self.lock();
        match connection {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.returned.notify_one();
        }
    }

    fn lend(self: &Arc<Self>, connection: Connection) -> Pooled {
        Pooled {
            connection: Some(connection),
            is_surplus: false,
            pool: Arc::clone(self),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection is there until the drop")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // One in the middle of a transaction would hold its lock for ever: SQLite rolls back when it is closed.
        let connection = self.connection.take().filter(|connection| connection.is_autocommit());
        if !self.is_surplus {
            self.pool.give_back(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::options::{Encryption, StoreOptions};

    fn pool(folder: &tempfile::TempDir, pool_size: u32, busy_timeout_ms: u64) -> Arc<Pool> {
        let options = StoreOptions {
            pool_size,
            busy_timeout: Duration::from_millis(busy_timeout_ms),
            ..StoreOptions::new(folder.path().join("pool.db"), Encryption::None)
        };
        let opener = Arc::new(Opener::new(&options));
        let first = opener.open().unwrap();
        Arc::new(Pool::new(&opener, first).unwrap())
    }

    #[test]
    fn connections_are_opened_when_needed_and_the_last_returned_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder, 3, 1_000);
        assert_eq!(pool.lock().open, 1);
        let (first, second) = (pool.get().unwrap(), pool.get().unwrap());
        second.execute_batch("CREATE TEMP TABLE mark (x)").unwrap();
        drop(first);
        drop(second);
        assert_eq!(pool.lock().open, 2);
        let sql = "SELECT count(*) FROM sqlite_temp_schema";
        let marks: i64 = pool.get().unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!((marks, pool.lock().open), (1, 2));
    }

    #[test]
    fn who_finds_all_in_use_is_told_after_the_time_and_not_before_one_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder, 1, 50);
        let held = pool.get().unwrap();
        let busy = StorageError::PoolBusy { size: 1, waited_ms: 50 };
        assert_eq!(pool.get().map(|_| ()).unwrap_err(), busy);
        assert!(pool.idle().is_none());
        drop(held);
        assert!(pool.idle().is_some());
        let patient = self::pool(&folder, 1, 60_000);
        let held = patient.get().unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| patient.get().is_ok());
            while patient.lock().waiting == 0 {
                std::thread::yield_now();
            }
            drop(held);
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn who_writes_never_waits_and_the_connection_beyond_the_size_goes_again() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder, 2, 60_000);
        let held = pool.get().unwrap();
        let within = pool.get_to_write().unwrap();
        let beyond = pool.get_to_write().unwrap();
        beyond.execute_batch("CREATE TABLE t (x)").unwrap();
        assert_eq!((within.is_surplus, beyond.is_surplus), (false, true));
        drop((beyond, within, held));
        let state = pool.lock();
        assert_eq!((state.open, state.idle.len()), (2, 2));
    }

    #[test]
    fn a_connection_given_back_in_a_transaction_is_closed_and_makes_room() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder, 1, 50);
        let connection = pool.get().unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)")
            .unwrap();
        drop(connection);
        assert_eq!(pool.lock().open, 0);
        let rows: i64 = pool
            .get()
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0);
    }

    #[test]
    fn one_that_cannot_be_opened_takes_no_place_and_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder, 2, 60_000);
        let first = pool.get().unwrap();
        let path = folder.path().join("pool.db");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        for _ in 0..2 {
            assert!(matches!(pool.get().map(|_| ()), Err(StorageError::CannotOpen { .. })));
        }
        drop(first);
        assert_eq!(pool.lock().open, 1);
    }
}
