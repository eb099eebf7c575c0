//! What lies in a folder, to show that nothing of it was touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Every file below a folder, a repository's own included: its permissions and its bytes.
pub(crate) struct Snapshot {
    folder: PathBuf,
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl Snapshot {
    pub(crate) fn of(folder: &Path) -> Self {
        let files = files_below(folder)
            .into_iter()
            .map(|path| {
                let permissions = fs::metadata(&path).expect("tells").permissions().mode();
                let bytes = fs::read(&path).expect("reads");
                (path, (permissions, bytes))
            })
            .collect();
        Self {
            folder: folder.to_owned(),
            files,
        }
    }

    /// Fails with the names of the files that are new, gone or other than they were.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self) {
        let now = Self::of(&self.folder);
        let mut names: Vec<&PathBuf> = self.files.keys().chain(now.files.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| self.files.get(*name) != now.files.get(*name));
        assert!(names.is_empty(), "these files changed: {names:#?}");
    }
}

/// The files below a folder, in order; a folder that is not there has none.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("lists").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
