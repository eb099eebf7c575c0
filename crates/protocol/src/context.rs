//! What a dictation is for, which decides how its text is tidied.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where the text will be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Context {
    /// A letter: whole sentences, polite.
    Email,
    /// A short message to someone who knows the speaker.
    Chat,
    /// Comments, commit messages, talk about programs.
    Code,
    /// Notes to oneself; the choice when nothing is known.
    #[default]
    Notes,
    /// The record of a conversation.
    Meeting,
}

impl Context {
    /// Every context, in declaration order.
    pub const ALL: [Self; 5] = [Self::Email, Self::Chat, Self::Code, Self::Notes, Self::Meeting];

    /// The name on the wire, in the database and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Chat => "chat",
            Self::Code => "code",
            Self::Notes => "notes",
            Self::Meeting => "meeting",
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A name that is no context. It does not repeat the name, which came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown context; the known ones are email, chat, code, notes, meeting")]
pub struct UnknownContext;

impl FromStr for Context {
    type Err = UnknownContext;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|context| context.as_str() == name)
            .ok_or(UnknownContext)
    }
}
