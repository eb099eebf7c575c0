//! The turn to write: one thread of the process has it, the others queue.
//!
//! It is handed on in the order of asking. A mutex gives itself to whoever comes first, and that is most often the thread
//! that has just let go: one that indexes batch after batch would keep every insert waiting to the end.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

#[derive(Default)]
pub(crate) struct Turns {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    is_taken: bool,
    waiting: VecDeque<Arc<Ticket>>,
}

struct Ticket {
    is_called: AtomicBool,
    thread: Thread,
}

/// Goes to the next in the queue when dropped.
pub(crate) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for the turn.
    pub(crate) fn take(&self) -> Turn<'_> {
        if let Some(ticket) = self.queue_up() {
            // Parking may end for other reasons too.
            while !ticket.is_called.load(Ordering::Acquire) {
                thread::park();
            }
        }
        Turn(self)
    }

    /// `None` where nobody has the turn: it is the caller's now.
    fn queue_up(&self) -> Option<Arc<Ticket>> {
        let mut queue = self.lock();
        if !queue.is_taken {
            queue.is_taken = true;
            return None;
        }
        let ticket = Arc::new(Ticket {
            is_called: AtomicBool::new(false),
            thread: thread::current(),
        });
        queue.waiting.push_back(Arc::clone(&ticket));
        Some(ticket)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        let next = queue.waiting.pop_front();
        queue.is_taken = next.is_some();
        drop(queue);
        if let Some(ticket) = next {
            ticket.is_called.store(true, Ordering::Release);
            ticket.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_go_and_asks_again_comes_after_those_who_waited() {
        let turns = Turns::default();
        let order = Mutex::new(Vec::new());
        let held = turns.take();
        thread::scope(|scope| {
            for number in 0..3 {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let _turn = turns.take();
                    order.lock().unwrap().push(number);
                });
                while turns.lock().waiting.len() <= number {
                    thread::yield_now();
                }
            }
            drop(held);
            let _again = turns.take();
            assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        });
        assert!(!turns.lock().is_taken);
    }

    #[test]
    fn a_turn_is_handed_on_when_its_thread_panics() {
        let turns = Turns::default();
        let panicked = thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _turn = turns.take();
                panic!("on purpose");
            });
            holder.join().is_err()
        });
        assert!(panicked);
        drop(turns.take());
    }
}
