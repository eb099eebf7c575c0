//! Records in a folder: one file an operation and instrument, written whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{FORMAT_VERSION, Measured, Record};

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no record: a field is missing, unknown, or of another type.
    #[error("{} line {line}, field `{field}`: {problem}; delete the file and measure again", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: usize,
        /// Path of the field inside the document; `.` for the document itself.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file was written by a newer version of this tool.
    #[error("{} has record format {found}, this tool reads up to {FORMAT_VERSION}: update the tool", path.display())]
    NewerFormat {
        /// Which file.
        path: PathBuf,
        /// The version it claims.
        found: u32,
    },
}

/// Writes `record` below `folder` as `subsystem/operation/variant.instrument.json` and returns the path.
///
/// The file appears under its name only when it is complete. An existing record of a newer format is left alone.
pub fn write_record(folder: &Path, record: &Record) -> Result<PathBuf, RecordError> {
    let path = record_path(folder, record);
    // A missing, older or broken record is what this write replaces.
    if let Err(newer @ RecordError::NewerFormat { .. }) = read_record(&path) {
        return Err(newer);
    }
    let mut text = serde_json::to_string(record).map_err(|error| RecordError::Io {
        action: "encode",
        path: path.clone(),
        source: io::Error::other(error),
    })?;
    text.push('\n');
    write_file(&path, text.as_bytes())?;
    Ok(path)
}

/// Writes a file whole or not at all, making its folder: to a temporary name in the same folder, then renamed.
pub fn write_file(path: &Path, contents: &[u8]) -> Result<(), RecordError> {
    let failed = |action| {
        move |source| RecordError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed("create the folder of"))?;
    let mut file = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempfile_in(folder)
        .map_err(failed("create a temporary file beside"))?;
    file.write_all(contents).map_err(failed("write"))?;
    file.as_file().sync_all().map_err(failed("flush"))?;
    set_ordinary_permissions(file.as_file()).map_err(failed("set permissions of"))?;
    file.persist(path).map_err(|error| failed("rename to")(error.error))?;
    Ok(())
}

/// Temporary files are made for their owner alone; records are committed and uploaded, so others may read them.
#[cfg(unix)]
fn set_ordinary_permissions(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_ordinary_permissions(_file: &fs::File) -> io::Result<()> {
    Ok(())
}

/// Reads one record.
pub fn read_record(path: &Path) -> Result<Record, RecordError> {
    let text = fs::read_to_string(path).map_err(|source| RecordError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    parse_record(path, &text)
}

/// Reads every record below `folder`, ordered by operation and instrument. A missing folder holds none.
pub fn read_all(folder: &Path) -> Result<Vec<Record>, RecordError> {
    let mut paths = Vec::new();
    collect_record_paths(folder, &mut paths)?;
    let mut records = paths
        .iter()
        .map(|path| read_record(path))
        .collect::<Result<Vec<_>, _>>()?;
    records.sort_by(|a, b| (&a.operation, a.instrument()).cmp(&(&b.operation, b.instrument())));
    Ok(records)
}

fn record_path(folder: &Path, record: &Record) -> PathBuf {
    let [subsystem, operation, variant] = record.operation.parts();
    folder
        .join(subsystem)
        .join(operation)
        .join(format!("{variant}.{}.json", record.instrument().as_str()))
}

/// Finds `*.time.json`, `*.instructions.json` and `*.allocations.json`; profiles and reports may lie beside them.
fn collect_record_paths(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), RecordError> {
    let failed = |source| RecordError::Io {
        action: "list",
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(failed)?,
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            collect_record_paths(&path, paths)?;
        } else if !name.starts_with('.') && is_record_name(name) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_record_name(name: &str) -> bool {
    crate::Instrument::ALL
        .iter()
        .any(|instrument| name.ends_with(&format!(".{}.json", instrument.as_str())))
}

fn parse_record(path: &Path, text: &str) -> Result<Record, RecordError> {
    // The version is read first, so that a newer file is called newer and not broken.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let version: Version = parse_json(path, text)?;
    if version.format > FORMAT_VERSION {
        return Err(RecordError::NewerFormat {
            path: path.to_owned(),
            found: version.format,
        });
    }
    let record: Record = parse_json(path, text)?;
    match &record.measured {
        Measured::Time(samples) if !samples.is_consistent() => Err(RecordError::Malformed {
            path: path.to_owned(),
            line: 1,
            field: "measured.time.iterations".to_owned(),
            problem: "samples and iterations do not belong together".to_owned(),
        }),
        _ => Ok(record),
    }
}

fn parse_json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, RecordError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| RecordError::Malformed {
        path: path.to_owned(),
        line: error.inner().line(),
        field: error.path().to_string(),
        problem: error.inner().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Build, Clock, Conditions, Host, Revision, Run, Samples, Sampling};

    fn record(variant: &str) -> Record {
        Record {
            format: FORMAT_VERSION,
            operation: format!("storage/get/{variant}").parse().expect("valid id"),
            inputs_sha256: None,
            throughput: None,
            measured: Measured::Time(Samples {
                clock: Clock::Wall,
                sampling: Sampling::Batches,
                elapsed_ns: vec![10, 21],
                iterations: vec![1, 2],
            }),
            conditions: Conditions::default(),
            run: Run {
                measured: Revision {
                    commit: None,
                    dirty: true,
                },
                tool: Revision {
                    commit: None,
                    dirty: true,
                },
                build: Build {
                    toolchain: "rustc 1.95.0".to_owned(),
                    profile: "release".to_owned(),
                    flags: vec![],
                    lock_sha256: String::new(),
                },
                host: Host::detect("glibc 2.36".to_owned(), None),
            },
        }
    }

    #[test]
    fn what_is_written_is_read_back_in_order() {
        let folder = tempfile::tempdir().expect("temporary folder");
        for variant in ["keyed", "cold", "plain"] {
            write_record(folder.path(), &record(variant)).expect("writes");
        }
        let read = read_all(folder.path()).expect("reads");
        assert_eq!(read, [record("cold"), record("keyed"), record("plain")]);
    }

    #[test]
    fn an_unfinished_file_is_no_record() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = write_record(folder.path(), &record("keyed")).expect("writes");
        fs::write(path.with_file_name(".unfinished-x.time.json"), "{").expect("writes");
        assert_eq!(read_all(folder.path()).expect("reads").len(), 1);
    }

    #[test]
    fn a_broken_record_is_refused_with_its_line_and_field() {
        let path = Path::new("keyed.time.json");
        let good = serde_json::to_string_pretty(&record("keyed")).expect("encodes");
        let bad = good.replace("\"dirty\": true", "\"dirty\": 7");
        let error = parse_record(path, &bad).expect_err("refused").to_string();
        let line = 1 + bad
            .lines()
            .position(|line| line.contains("\"dirty\": 7"))
            .expect("there");
        assert!(error.contains(&format!("line {line}")), "{error}");
        assert!(error.contains("run.measured.dirty"), "{error}");
        let unknown = good.replacen("\"format\"", "\"surprise\": 1, \"format\"", 1);
        assert!(
            parse_record(path, &unknown)
                .expect_err("refused")
                .to_string()
                .contains("surprise")
        );
    }

    #[test]
    fn a_newer_format_is_called_newer_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = write_record(folder.path(), &record("keyed")).expect("writes");
        fs::write(&path, r#"{"format": 99, "everything": "else"}"#).expect("writes");
        assert!(matches!(
            read_record(&path),
            Err(RecordError::NewerFormat { found: 99, .. })
        ));
        assert!(matches!(
            write_record(folder.path(), &record("keyed")),
            Err(RecordError::NewerFormat { found: 99, .. })
        ));
    }

    #[test]
    fn counts_that_do_not_fit_the_samples_are_refused() {
        let path = Path::new("keyed.time.json");
        let text = serde_json::to_string(&record("keyed")).expect("encodes");
        let short = text.replace("\"iterations\":[1,2]", "\"iterations\":[1]");
        assert!(parse_record(path, &short).is_err());
        let zero = text.replace("\"iterations\":[1,2]", "\"iterations\":[1,0]");
        assert!(parse_record(path, &zero).is_err());
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _ = parse_record(Path::new("x"), &text);
        }
    }
}
