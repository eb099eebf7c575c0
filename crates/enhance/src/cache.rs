//! Answers given before, bounded in number and age.
//!
//! The key is the context with the dictated text itself: two texts never share an answer, and the size is bounded because
//! texts beyond the input limit are not stored.

use std::time::Duration;

use moka::sync::Cache;
use voiceflow_protocol::Context;

/// Remembered texts. Reading and writing lock one shard each, never the whole.
pub(crate) struct Answers {
    texts: Cache<(Context, String), String>,
}

impl Answers {
    pub(crate) fn new(size: u64, time_to_live: Duration) -> Self {
        Self {
            texts: Cache::builder().max_capacity(size).time_to_live(time_to_live).build(),
        }
    }

    pub(crate) fn get(&self, dictated: &str, context: Context) -> Option<String> {
        self.texts.get(&(context, dictated.to_owned()))
    }

    pub(crate) fn insert(&self, dictated: &str, context: Context, text: &str) {
        self.texts.insert((context, dictated.to_owned()), text.to_owned());
    }
}
