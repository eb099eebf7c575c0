//! What a program can learn of itself: processor time and memory.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::Error;

/// Processor time of all threads of this process so far. A thread that is running at the moment is counted up to the
/// last time the system looked, so the time is complete only while the others sleep.
#[must_use]
pub fn process_cpu() -> Duration {
    read(ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread so far.
#[must_use]
pub fn thread_cpu() -> Duration {
    read(ClockId::ThreadCPUTime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Memory of this process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// In memory now, shared pages of files included.
    pub resident_bytes: u64,
    /// The most that ever was.
    pub peak_bytes: u64,
}

/// Reads it where the system tells: Linux.
///
/// # Errors
/// On another system.
pub fn memory() -> Result<Memory, Error> {
    let path = "/proc/self/status";
    let status = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let bytes = |name| bytes_after(&status, name).ok_or_else(|| format!("{path} tells no {name}"));
    Ok(Memory {
        resident_bytes: bytes("VmRSS")?,
        peak_bytes: bytes("VmHWM")?,
    })
}

/// Memory that programs can still have without swapping, where the system tells.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    bytes_after(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable")
}

/// The number in the line `name: number kB`.
fn bytes_after(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        let kib: u64 = (key == name).then(|| value.trim().strip_suffix(" kB")?.parse().ok())??;
        Some(kib * 1024)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_by_the_name_of_the_line() {
        let status = "VmPeak:\t  10 kB\nVmHWM:\t     3 kB\nVmRSS:\t     2 kB\n";
        assert_eq!(bytes_after(status, "VmRSS"), Some(2048));
        assert_eq!(bytes_after(status, "VmHWM"), Some(3072));
        assert_eq!(bytes_after(status, "VmSwap"), None);
    }

    #[test]
    fn work_on_another_thread_is_seen_by_the_process_clock_once_it_is_over() {
        let (process, own) = (process_cpu(), thread_cpu());
        let spent = std::thread::spawn(|| {
            let start = thread_cpu();
            while thread_cpu() < start + Duration::from_millis(2) {
                std::hint::spin_loop();
            }
            thread_cpu().saturating_sub(start)
        });
        let spent = spent.join().expect("spins");
        let (process, own) = (process_cpu().saturating_sub(process), thread_cpu().saturating_sub(own));
        assert!(process >= spent, "{process:?} of {spent:?}");
        assert!(own < process, "{own:?} of {process:?}");
    }
}
