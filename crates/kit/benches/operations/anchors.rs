//! What the machine can do, whatever this workspace's code does: measured first in every run of times, so that a figure
//! can be read against it and two machines can be told apart.
//!
//! None of them runs code of a subsystem. Each answer proves that the work was done: the multiply-adds count
//! themselves, the words that were read add up, the block that was written is read back.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::thread;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use voiceflow_kit::{NO_INPUTS, PrepareError, Prepared, WrongAnswer, check_eq};

/// Independent chains of multiply-adds. A unit with a latency of four cycles and two results a cycle needs eight; twelve
/// vectors and two constants still fit sixteen vector registers.
const CHAINS: usize = 12;

/// Single-precision numbers in a vector of 256 bits. Where vectors are shorter the compiler takes several.
const LANES: usize = 8;

/// Rounds of one thread in a call, about two milliseconds: long enough that starting the second thread does not count.
/// Each lane ends at this number, which single precision holds exactly up to 2^24.
const ROUNDS: u32 = 1_000_000;

/// Floating-point operations of one thread in a call: a multiply-add is two.
pub(super) const FLOP: u64 = 2 * ROUNDS as u64 * (CHAINS * LANES) as u64;

/// The words that are read: 256 MiB, several times the largest cache that one core of today's servers reaches, even
/// where two threads share them out.
const WORDS: usize = 32 * 1024 * 1024;

/// Bytes read in a call, by however many threads.
pub(super) const READ_BYTES: u64 = 8 * WORDS as u64;

/// Bytes of the block that is written and of one page of the databases.
const PAGE_BYTES: usize = 4096;

/// Bytes of the block that is hashed; the seals of `security` are measured at the same size.
pub(super) const BLOCK_BYTES: usize = 16 * 1024;

/// SHA-256 of [`block`], by another implementation (coreutils).
const BLOCK_SHA256: &str = "9038ac64e659335ccbfdd3f684f35a26a2c9e580d9af6b4807af3adbe2c257e3";

pub(super) fn fma_1t() -> Result<Prepared, PrepareError> {
    fma(1)
}

pub(super) fn fma_2t() -> Result<Prepared, PrepareError> {
    fma(2)
}

fn fma(threads: usize) -> Result<Prepared, PrepareError> {
    let prepared = Prepared::with_input(
        (),
        |()| [1.0_f32; 2],
        move |(), [factor, addend]| on_threads(threads, |_| multiply_add(ROUNDS, factor, addend)),
        move |(), lanes: &Vec<[f32; 2]>| {
            let right = [ROUNDS as f32; 2];
            check_eq("the least and the largest lane", lanes, &vec![right; threads])
        },
    );
    Ok(prepared.inputs(NO_INPUTS))
}

/// Counts by multiply-adds in every lane of every chain: the least and the largest lane at the end, equal to `rounds`
/// when factor and addend are one, which the compiler must not know.
#[inline(never)]
fn multiply_add(rounds: u32, factor: f32, addend: f32) -> [f32; 2] {
    let mut chains = [[0.0_f32; LANES]; CHAINS];
    for _ in 0..rounds {
        // Two plain loops, which the compiler unrolls into one instruction a chain; a flattened iterator it does not.
        for chain in &mut chains {
            for lane in chain {
                *lane = fused(*lane, factor, addend);
            }
        }
    }
    let lanes = chains.as_flattened();
    [
        lanes.iter().copied().fold(f32::INFINITY, f32::min),
        lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max),
    ]
}

/// One multiply-add. Without an instruction for it `mul_add` is a call into the C library, which is no peak of anything.
#[inline]
fn fused(lane: f32, factor: f32, addend: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        lane.mul_add(factor, addend)
    } else {
        lane * factor + addend
    }
}

pub(super) fn memread_1t() -> Result<Prepared, PrepareError> {
    memread(1)
}

pub(super) fn memread_2t() -> Result<Prepared, PrepareError> {
    memread(2)
}

fn memread(threads: usize) -> Result<Prepared, PrepareError> {
    // Written one by one, so that every page is there before the first call.
    let words: Vec<u64> = (0..WORDS as u64).collect();
    let right = (WORDS as u64 / 2) * (WORDS as u64 - 1);
    let prepared = Prepared::new(
        words,
        move |words| {
            let share = words.len().div_ceil(threads);
            let sums = on_threads(threads, |thread| {
                words.chunks(share).nth(thread).map_or(0, |words| words.iter().sum())
            });
            sums.iter().sum::<u64>()
        },
        move |_, sum| check_eq("the sum of all words", sum, &right),
    );
    Ok(prepared.inputs(format!("the numbers below {WORDS}, 64 bits each")))
}

/// What `work` makes on each of `threads` threads at once, of which the caller's is the last.
fn on_threads<A: Send>(threads: usize, work: impl Fn(usize) -> A + Sync) -> Vec<A> {
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map(|thread| scope.spawn(move || work(thread - 1)))
            .collect();
        let own = work(threads - 1);
        let mut all: Vec<A> = others
            .into_iter()
            .map(|other| other.join().expect("adding numbers does not panic"))
            .collect();
        all.push(own);
        all
    })
}

pub(super) fn fdatasync_4kib() -> Result<Prepared, PrepareError> {
    let prepared = Prepared::with_input(
        Disk::open()?,
        |disk| {
            disk.written = disk.written.wrapping_add(1);
            [disk.written; PAGE_BYTES]
        },
        |disk, page| disk.write(&page),
        |disk, answer: &io::Result<()>| {
            let failed = |error: &io::Error| WrongAnswer::new(error.to_string());
            answer.as_ref().map_err(failed)?;
            let page = disk.read().map_err(|error| failed(&error))?;
            check_eq(
                "the page holds what was written",
                &(page == [disk.written; PAGE_BYTES]),
                &true,
            )
        },
    );
    Ok(prepared.inputs(NO_INPUTS))
}

/// A file of one page, overwritten in place: its length never changes, so syncing writes the page and no more.
struct Disk {
    file: File,
    written: u8,
    _folder: TempDir,
}

impl Disk {
    /// Below the target folder, as the databases are: the system's temporary folder is often in memory, where nothing
    /// waits for a disk.
    fn open() -> io::Result<Self> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/voiceflow");
        std::fs::create_dir_all(&target)?;
        let folder = tempfile::tempdir_in(target)?;
        let path = folder.path().join("page");
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let mut disk = Self {
            file,
            written: 0,
            _folder: folder,
        };
        disk.file.write_all(&[0; PAGE_BYTES])?;
        disk.file.sync_all()?;
        Ok(disk)
    }

    fn write(&mut self, page: &[u8; PAGE_BYTES]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(page)?;
        self.file.sync_data()
    }

    fn read(&mut self) -> io::Result<[u8; PAGE_BYTES]> {
        let mut page = [0; PAGE_BYTES];
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_exact(&mut page)?;
        Ok(page)
    }
}

pub(super) fn clock_overhead() -> Result<Prepared, PrepareError> {
    let prepared = Prepared::new(
        Instant::now(),
        |_| Instant::now(),
        |last, &now| {
            let is_later = now >= *last;
            *last = now;
            check_eq("the clock goes forward", &is_later, &true)
        },
    );
    Ok(prepared.inputs(NO_INPUTS))
}

pub(super) fn sha256_16kib() -> Result<Prepared, PrepareError> {
    let block = block();
    let inputs = Sha256::digest(&block);
    let prepared = Prepared::new(
        block,
        |block| <[u8; 32]>::from(Sha256::digest(block)),
        |_, digest| {
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            check_eq("the digest", &digits.as_str(), &BLOCK_SHA256)
        },
    );
    Ok(prepared.inputs(inputs))
}

fn block() -> Vec<u8> {
    (0..BLOCK_BYTES).map(|place| (place * 31 + 7) as u8).collect()
}
