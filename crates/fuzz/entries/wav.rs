//! WAV files: any bytes as one.

use voiceflow_asr::audio::read_wav;

use super::file::with_file;

/// What is read is 16 kHz of finite samples, not much more of it than the file has bytes for.
pub(crate) fn run(data: &[u8]) {
    with_file("wav", data, |path| {
        let Ok(audio) = read_wav(path) else { return };
        assert!(audio.samples.iter().all(|sample| sample.is_finite()));
        assert!(audio.source_channels > 0);
        // One byte is one sample at least; the lowest rate is a quarter of 16 kHz, and the filter has a tail.
        assert!(audio.samples.len() <= 4 * data.len() + 4096);
    });
}
