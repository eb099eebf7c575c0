//! The machine a record was taken on, as far as it decides what may be compared.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::Conditions;

/// Facts about a machine. They survive a reboot; what changes by the minute is in [`Conditions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Folder-safe key: times are compared within one class only.
    pub class: String,
    /// `linux`, `macos`, …
    pub os: String,
    /// `x86_64`, `aarch64`, …
    pub arch: String,
    /// Processor model as the system names it.
    pub cpu_model: String,
    /// Instruction-set features that the measured code chooses by, sorted.
    pub cpu_features: Vec<String>,
    /// Logical processors available to a process.
    pub cores: usize,
    /// Physical memory in bytes; zero where the system does not tell.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// Frequency governor, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// C library and its version.
    pub libc: String,
    /// `valgrind --version`, where it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valgrind: Option<String>,
}

/// The features by which ring, whisper.cpp, candle and OpenSSL choose their kernels, as `/proc/cpuinfo` spells them.
const FEATURES: [&str; 16] = [
    "adx",
    "aes",
    "asimd",
    "avx",
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "bmi2",
    "f16c",
    "fma",
    "pclmulqdq",
    "sha_ni",
    "sse4_2",
    "vaes",
    "vpclmulqdq",
];

impl Host {
    /// Describes this machine. `libc` and `valgrind` are told by the caller, who may start programs to find out.
    pub fn detect(libc: String, valgrind: Option<String>) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu_model = cpu_model(&cpuinfo);
        Self {
            class: class(&cpu_model, cores),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpu_features: cpu_features(&cpuinfo),
            cpu_model,
            cores,
            memory_bytes: memory_bytes(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
            kernel: first_line("/proc/sys/kernel/osrelease").unwrap_or_default(),
            governor: first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            libc,
            valgrind,
        }
    }
}

impl Conditions {
    /// Starts watching the machine; [`ConditionsWatch::finish`] tells what it saw.
    pub fn watch() -> ConditionsWatch {
        ConditionsWatch {
            started: std::time::SystemTime::now(),
            clock: std::time::Instant::now(),
            load_average: load_average(),
            processor_ticks: processor_ticks(),
        }
    }
}

/// A measurement of the machine in progress.
#[derive(Debug)]
pub struct ConditionsWatch {
    started: std::time::SystemTime,
    clock: std::time::Instant,
    load_average: Option<f64>,
    processor_ticks: Option<ProcessorTicks>,
}

impl ConditionsWatch {
    /// The conditions since the watch began.
    pub fn finish(&self) -> Conditions {
        let since_epoch = self.started.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Conditions {
            started_unix_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            took_ms: u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            load_average: self.load_average.zip(load_average()).map(|(start, end)| [start, end]),
            steal: self
                .processor_ticks
                .zip(processor_ticks())
                .and_then(|(start, end)| end.steal_since(start)),
        }
    }
}

fn class(cpu_model: &str, cores: usize) -> String {
    let slug: String = cpu_model
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let words: Vec<&str> = slug.split('-').filter(|word| !word.is_empty()).collect();
    format!(
        "{}-{}-{}-{cores}core",
        std::env::consts::OS,
        std::env::consts::ARCH,
        words.join("-")
    )
}

fn cpu_model(cpuinfo: &str) -> String {
    cpuinfo_value(cpuinfo, "model name").unwrap_or("unknown-cpu").to_owned()
}

fn cpu_features(cpuinfo: &str) -> Vec<String> {
    let line = cpuinfo_value(cpuinfo, "flags")
        .or_else(|| cpuinfo_value(cpuinfo, "Features"))
        .unwrap_or_default();
    let present: Vec<&str> = line.split_whitespace().collect();
    FEATURES
        .iter()
        .filter(|feature| present.contains(feature))
        .map(|&feature| feature.to_owned())
        .collect()
}

fn cpuinfo_value<'a>(cpuinfo: &'a str, key: &str) -> Option<&'a str> {
    cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

fn memory_bytes(meminfo: &str) -> u64 {
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()?
        .lines()
        .next()
        .map(|line| line.trim().to_owned())
}

fn load_average() -> Option<f64> {
    first_line("/proc/loadavg")?.split(' ').next()?.parse().ok()
}

/// Sums over all processors since boot, in clock ticks.
#[derive(Clone, Copy, Debug)]
struct ProcessorTicks {
    total: u64,
    steal: u64,
}

impl ProcessorTicks {
    fn steal_since(self, start: Self) -> Option<f64> {
        let total = self.total.checked_sub(start.total).filter(|&ticks| ticks > 0)?;
        Some(self.steal.saturating_sub(start.steal) as f64 / total as f64)
    }
}

fn processor_ticks() -> Option<ProcessorTicks> {
    parse_processor_ticks(&first_line("/proc/stat")?)
}

/// The line `cpu user nice system idle iowait irq softirq steal guest guest_nice` of `proc(5)`; guest time is counted
/// in user already.
fn parse_processor_ticks(line: &str) -> Option<ProcessorTicks> {
    let ticks: Vec<u64> = line
        .strip_prefix("cpu ")?
        .split_whitespace()
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(ProcessorTicks {
        total: ticks.iter().sum(),
        steal: *ticks.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpuinfo_gives_model_and_the_features_that_matter() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu avx2 sha_ni vaes aes\n";
        assert_eq!(cpu_model(cpuinfo), "AMD EPYC 7B13");
        assert_eq!(cpu_features(cpuinfo), ["aes", "avx2", "sha_ni", "vaes"]);
    }

    #[test]
    fn the_class_is_a_folder_name_without_surprises() {
        let class = class("Intel(R) Xeon(R) CPU @ 2.20GHz", 2);
        assert!(class.ends_with("intel-r-xeon-r-cpu-2-20ghz-2core"), "{class}");
        assert!(
            class.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
            "{class}"
        );
    }

    #[test]
    fn steal_is_the_share_of_ticks_taken_away() {
        let start = parse_processor_ticks("cpu  100 0 0 100 0 0 0 10 5 0").expect("parses");
        let end = parse_processor_ticks("cpu  150 0 0 130 0 0 0 30 9 0").expect("parses");
        assert_eq!(end.steal_since(start), Some(0.2));
        assert_eq!(start.steal_since(start), None);
        assert!(parse_processor_ticks("cpu0 1 2 3").is_none());
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory_bytes("MemTotal:       24576 kB\nMemFree: 1 kB\n"), 24_576 * 1024);
        assert_eq!(memory_bytes("nothing here"), 0);
    }
}
