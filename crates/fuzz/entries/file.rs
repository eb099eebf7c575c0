//! Input for readers that take a file.

use std::path::Path;

/// Calls `read` with a file that holds `data`, where possible one in memory.
pub(crate) fn with_file(name: &str, data: &[u8], read: impl FnOnce(&Path)) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("voiceflow-fuzz-{}-{name}", std::process::id()));
    std::fs::write(&path, data).expect("the file can be written");
    read(&path);
    std::fs::remove_file(&path).expect("the file can be removed");
}
