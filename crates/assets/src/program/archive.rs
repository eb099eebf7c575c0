//! Taking single files out of a downloaded archive.
//!
//! Python's own `zipfile` and `tarfile` read the archives: Python is needed for pip anyway, and so this crate, which
//! `xtask` builds first of all, needs no decompression library. Only members that the manifest names are read, from
//! archives whose digest was verified, each no longer than its pinned size, and every one is verified again.

use std::path::Path;
use std::process::{Command, Stdio};

use voiceflow_assets::{Form, Take, hash_file};

use crate::download::python;
use crate::error::ProgramError;

/// Arguments: `zip` or `tar`, the archive, then for each file its name inside, where to put it, and its size.
const UNPACK: &str = r#"
import sys, tarfile, zipfile
form, archive, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
wanted = {rest[i]: (rest[i + 1], int(rest[i + 2])) for i in range(0, len(rest), 3)}

def keep(name, source):
    path, size = wanted.pop(name)
    with open(path, "wb") as target:
        left = size + 1
        while left > 0:
            piece = source.read(min(left, 1 << 20))
            if not piece:
                break
            target.write(piece)
            left -= len(piece)

if form == "zip":
    with zipfile.ZipFile(archive) as opened:
        for name in list(wanted):
            if name in opened.NameToInfo:
                with opened.open(name) as source:
                    keep(name, source)
else:
    with tarfile.open(archive, "r|gz") as opened:
        for member in opened:
            if member.isfile() and member.name in wanted:
                keep(member.name, opened.extractfile(member))
            if not wanted:
                break
if wanted:
    sys.exit("it has no file " + ", ".join(sorted(wanted)))
"#;

/// Unpacks some files of an archive into a folder, under the names that the manifest gives them, and verifies them.
///
/// # Errors
/// When a file is not in the archive, cannot be written, or is not the pinned one.
pub(crate) fn unpack(form: Form, archive: &Path, takes: &[&Take], folder: &Path) -> Result<(), ProgramError> {
    let mut command = Command::new(python());
    command.arg("-I").arg("-c").arg(UNPACK);
    command
        .arg(if form == Form::Wheel { "zip" } else { "tar" })
        .arg(archive);
    for take in takes {
        let path = folder.join(unpacked_name(take));
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(ProgramError::io(format!("cannot create {}", parent.display())))?;
        command.arg(&take.member).arg(path).arg(take.bytes.to_string());
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ProgramError::NoPython {
            python: python().to_string_lossy().into_owned(),
            source,
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ProgramError::Unpack {
            archive: archive.display().to_string(),
            said,
        });
    }
    takes.iter().try_for_each(|take| verify(archive, take, folder))
}

/// The name of an unpacked file inside the folder it is unpacked into.
pub(crate) fn unpacked_name(take: &Take) -> &str {
    take.name.as_deref().unwrap_or("content")
}

fn verify(archive: &Path, take: &Take, folder: &Path) -> Result<(), ProgramError> {
    let path = folder.join(unpacked_name(take));
    let found = hash_file(&path).map_err(ProgramError::io(format!("cannot read {}", path.display())))?;
    if found.digest == take.sha256 && found.bytes == take.bytes {
        return Ok(());
    }
    Err(ProgramError::Refused {
        what: format!("{} in {}", take.member, archive.display()),
        expected: take.sha256.clone(),
        expected_bytes: take.bytes,
        found: found.digest,
        found_bytes: found.bytes,
    })
}
