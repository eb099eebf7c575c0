//! What the machine can do, from the anchors that a run of times begins with: one line beside the results, and the share
//! of it that a throughput is.

use voiceflow_record::{Instrument, OperationId, Throughput};

use crate::report::Row;
use crate::units;

/// The first part of the anchors' ids. They measure the machine and no code of the workspace.
pub(crate) const SUBSYSTEM: &str = "anchor";

/// What throughputs in bytes are held against: no operation that streams its bytes from memory on one thread is faster.
/// One whose bytes stay in a cache may be.
const MEMORY_READ: &str = "anchor/memread/1t";

/// Whether an operation measures the machine and not the workspace.
pub(crate) fn is_anchor(id: &OperationId) -> bool {
    id.subsystem() == SUBSYSTEM
}

/// Fills in what share of the speed of memory each throughput in bytes is, where the anchor was measured beside it.
pub(crate) fn fill_in_shares(rows: &mut [Row]) {
    let Some(memory) = rows.iter().find_map(memory_bytes_per_ns) else {
        return;
    };
    for row in rows {
        row.anchor_share = bytes_per_ns(row).map(|rate| rate / memory);
    }
}

fn memory_bytes_per_ns(row: &Row) -> Option<f64> {
    (row.id.as_str() == MEMORY_READ).then(|| bytes_per_ns(row)).flatten()
}

fn bytes_per_ns(row: &Row) -> Option<f64> {
    match row.throughput? {
        Throughput::Bytes(bytes) if row.instrument == Instrument::Time => {
            row.median.filter(|&ns| ns > 0.0).map(|ns| bytes as f64 / ns)
        }
        _ => None,
    }
}

/// The anchors of a run in one line; none where there are none.
pub(crate) fn line(rows: &[Row]) -> Option<String> {
    let find = |id: &str| {
        rows.iter()
            .find(|row| row.id.as_str() == id && row.instrument == Instrument::Time && row.median.is_some())
    };
    let mut words = Vec::new();
    for (name, one, two, show) in [
        (
            "multiply-add",
            "anchor/fma/1t",
            "anchor/fma/2t",
            flop_rate as fn(&Row) -> String,
        ),
        ("memory read", MEMORY_READ, "anchor/memread/2t", rate),
    ] {
        let speeds: Vec<String> = [(one, "one thread"), (two, "two")]
            .into_iter()
            .filter_map(|(id, threads)| Some(format!("{} on {threads}", show(find(id)?))))
            .collect();
        if !speeds.is_empty() {
            words.push(format!("{name} {}", speeds.join(", ")));
        }
    }
    if let Some(row) = find("anchor/fdatasync/4kib") {
        let tail = row
            .p95
            .map_or_else(String::new, |p95| format!(", P95 {}", units::duration(p95)));
        words.push(format!("fdatasync of 4 KiB {}{tail}", time(row)));
    }
    if let Some(row) = find("anchor/sha256/16kib") {
        words.push(format!("SHA-256 {}", rate(row)));
    }
    if let Some(row) = find("anchor/clock/overhead") {
        words.push(format!("clock {}", time(row)));
    }
    (!words.is_empty()).then(|| format!("this machine: {}", words.join(" · ")))
}

fn time(row: &Row) -> String {
    units::duration(row.median.unwrap_or_default())
}

fn rate(row: &Row) -> String {
    let per_call = row.throughput.zip(row.median);
    per_call.map_or_else(String::new, |(throughput, median)| units::rate(throughput, median))
}

/// Of elements that are floating-point operations.
fn flop_rate(row: &Row) -> String {
    format!("{}FLOP/s", rate(row).trim_end_matches("/s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::tests::{calls, sample_record};
    use crate::report::Report;
    use crate::report::tests::{attempt, report};

    fn timed(id: &str, elapsed_ns: u64, throughput: Option<Throughput>) -> crate::bench::Attempt {
        let mut record = sample_record(id, calls(vec![elapsed_ns; 100]));
        record.throughput = throughput;
        attempt(record)
    }

    fn a_run() -> Report {
        let attempts = vec![
            timed("anchor/fma/1t", 2_000_000, Some(Throughput::Elements(192_000_000))),
            timed("anchor/memread/1t", 26_843_546, Some(Throughput::Bytes(268_435_456))),
            timed("anchor/fdatasync/4kib", 530_000, None),
            timed("anchor/clock/overhead", 24, None),
            timed("security/seal/x", 4096, Some(Throughput::Bytes(16_384))),
            timed("transport/frame/x", 1000, Some(Throughput::Elements(1))),
        ];
        report(attempts, vec![], &[])
    }

    #[test]
    fn the_line_tells_what_the_machine_can_do() {
        assert_eq!(
            line(&a_run().operations).as_deref(),
            Some(
                "this machine: multiply-add 96.0 GFLOP/s on one thread · memory read 10.0 GB/s on one thread · \
                 fdatasync of 4 KiB 530 µs, P95 530 µs · clock 24.0 ns"
            )
        );
        assert_eq!(line(&[]), None);
    }

    #[test]
    fn bytes_a_second_are_a_share_of_the_speed_of_memory_and_other_throughputs_are_none() {
        let report = a_run();
        let share = |id: &str| {
            let row = report.operations.iter().find(|row| row.id.as_str() == id);
            row.expect("a row").anchor_share
        };
        let seal = share("security/seal/x").expect("bytes");
        assert!((seal - 0.4).abs() < 1e-6, "{seal}");
        assert_eq!(share("anchor/memread/1t"), Some(1.0));
        assert_eq!(share("transport/frame/x"), None);
    }

    #[test]
    fn without_the_anchor_there_is_no_share() {
        let attempts = vec![timed("security/seal/x", 4096, Some(Throughput::Bytes(16_384)))];
        assert_eq!(report(attempts, vec![], &[]).operations[0].anchor_share, None);
    }
}
