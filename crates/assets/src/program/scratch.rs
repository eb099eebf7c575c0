//! A folder for what is not finished.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use voiceflow_assets::Assets;

use crate::error::ProgramError;

/// A folder for unfinished things, below the cache so that renaming out of it is atomic. It goes with its owner; what a
/// killed process left is swept up by the next.
pub(crate) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(crate) fn new(assets: &Assets, purpose: &str) -> Result<Self, ProgramError> {
        let folder = unfinished(assets).join(purpose);
        // A killed process may have left one of the same name.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(ProgramError::io(format!("cannot create {}", folder.display())))?;
        Ok(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Gives a finished, verified file its final name, after its content has reached the disk.
    pub(crate) fn keep(&self, file: &Path, destination: &Path) -> Result<(), ProgramError> {
        let doing = format!("cannot move a finished file to {}", destination.display());
        let parent = destination.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)
            .and_then(|()| File::open(file)?.sync_all())
            .and_then(|()| fs::rename(file, destination))
            .map_err(ProgramError::io(doing))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept up by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn unfinished(assets: &Assets) -> PathBuf {
    assets.root().join("unfinished")
}

/// Removes what a killed process left. The lock is held, so nobody is using it.
pub(crate) fn sweep(assets: &Assets) {
    let _ = fs::remove_dir_all(unfinished(assets));
}
