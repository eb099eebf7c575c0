//! What a transcription gives.

/// The words of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcription {
    /// All the text, trimmed.
    pub text: String,
    /// The text in parts with their times. Clips within one window give a single segment.
    pub segments: Vec<Segment>,
    /// The length of the audio.
    pub audio_seconds: f64,
    /// How many times the audio was decoded again because the text before looked like a loop.
    pub fallbacks: u32,
    /// The encoder window that the text came from, in positions of 20 ms; 0 where there was only silence.
    pub audio_ctx: u32,
    /// Whether even the last attempt looked like a loop. If it has more words than anybody says in the time, text and
    /// segments hold the repeated phrase once.
    pub looped: bool,
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Where it starts, from the beginning of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// Its text, as the model gave it.
    pub text: String,
}
