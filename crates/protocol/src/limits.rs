//! Every limit on what a peer may send, each with the reason for its value.

/// Samples per second of all audio on the wire, the only rate that Whisper's front end takes.
pub const SAMPLE_RATE_HZ: u32 = 16_000;

/// Bytes of one sample: 16-bit signed little-endian, mono.
pub const BYTES_PER_SAMPLE: usize = 2;

/// Longest audio frame in bytes. 64 KiB are two seconds of audio; clients usually send 3,200 bytes (100 ms).
pub const AUDIO_FRAME_BYTES_MAX: usize = 64 * 1024;

/// Longest text message of a client in bytes. The largest valid one stays under 2 KiB, escapes included.
pub const CLIENT_TEXT_BYTES_MAX: usize = 4 * 1024;

/// Longest text message of a server in bytes: raw and tidy text of half an hour of fast speech are 72 KiB.
pub const SERVER_TEXT_BYTES_MAX: usize = 128 * 1024;

/// Longest device name in characters.
pub const DEVICE_CHARS_MAX: u64 = 64;

/// Shortest and longest language code in characters: Whisper's codes are `en` to `haw` and `yue`.
pub const LANGUAGE_CHARS_MIN: u64 = 2;
/// See [`LANGUAGE_CHARS_MIN`].
pub const LANGUAGE_CHARS_MAX: u64 = 3;

/// Longest search query in characters.
pub const QUERY_CHARS_MAX: u64 = 256;

/// Most rows that one history or search request returns.
pub const ROWS_MAX: u32 = 200;

/// Rows returned when a request does not say.
pub const ROWS_DEFAULT: u32 = 20;

/// Longest explanation in an error message, in bytes; longer ones are cut, because they may quote what a peer sent.
pub const DETAIL_BYTES_MAX: usize = 200;
