//! Records and catalogues on disk, and the lines of the paired instrument: any bytes as each of them.

use voiceflow_record::paired::{PairedCommand, PairedReply};
use voiceflow_record::{Catalogue, Measured, read_record};

use super::file::with_file;

/// What is read is consistent, and writes and reads again as the same.
pub(crate) fn run(data: &[u8]) {
    with_file("record", data, |path| {
        if let Ok(record) = read_record(path) {
            if let Measured::Time(samples) = &record.measured {
                assert!(samples.is_consistent());
            }
            let written = serde_json::to_vec(&record).expect("a record can be written");
            with_file("record-again", &written, |path| {
                assert_eq!(read_record(path).expect("what was written can be read"), record);
            });
        }
        if let Ok(catalogue) = Catalogue::read(path) {
            with_file("catalogue-again", catalogue.to_json().as_bytes(), |path| {
                assert_eq!(Catalogue::read(path).expect("what was written can be read"), catalogue);
            });
        }
    });
    let _ = serde_json::from_slice::<PairedCommand>(data);
    let _ = serde_json::from_slice::<PairedReply>(data);
}
