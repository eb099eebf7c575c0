//! On which processor the processes of a round work.

use anyhow::Context as _;

/// Keeps a process on one processor: every thread it has, those that a library started while it prepared included, and
/// those they start from now on.
#[cfg(target_os = "linux")]
pub(crate) fn keep_on(process: u32, processor: usize) -> anyhow::Result<()> {
    let mut only = rustix::thread::CpuSet::new();
    only.set(processor);
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).context("its threads cannot be listed")?;
    for thread in threads {
        let name = thread.context("its threads cannot be listed")?.file_name();
        let number: i32 = name
            .to_string_lossy()
            .parse()
            .with_context(|| format!("it has a thread named {name:?}"))?;
        rustix::thread::sched_setaffinity(rustix::thread::Pid::from_raw(number), &only)
            .with_context(|| format!("it cannot be kept on processor {processor}"))?;
    }
    Ok(())
}

/// Other systems offer no such promise, and [`last_allowed`] names no processor there.
#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_on(_process: u32, processor: usize) -> anyhow::Result<()> {
    anyhow::bail!("this system keeps no process on processor {processor}")
}

/// The last of the processors that this process may use: a container may have been given others than the first ones.
/// `None` where processes cannot be kept on one.
pub(crate) fn last_allowed() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    allowed.and_then(last_of_list)
}

/// The last number of `0-3,8`.
fn last_of_list(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_allowed_processor_is_read_off_its_list() {
        assert_eq!(
            ["0-1", "2,5", "0-3,8", " 7\n"].map(last_of_list),
            [Some(1), Some(5), Some(8), Some(7)]
        );
        assert_eq!(last_of_list(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_stays_where_it_is_put() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("starts");
        let last = last_allowed().expect("known");
        let kept = keep_on(child.id(), last);
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("reads");
        child.kill().expect("ends");
        child.wait().expect("ends");
        kept.expect("kept");
        assert!(status.contains(&format!("Cpus_allowed_list:\t{last}\n")), "{status}");
    }
}
