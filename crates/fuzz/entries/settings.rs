//! The settings: any text as the file.

use std::path::Path;

use super::config::Config;

/// Whatever stands there is read or refused with a place in the text.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(error) = Config::parse(text, Path::new("folder/voiceflow.toml")) {
        let message = error.to_string();
        assert!(message.starts_with("folder/voiceflow.toml:"), "{message}");
    }
}
