//! The protocol's messages: any text as each of them, any bytes as audio.

use validator::Validate;
use voiceflow_protocol::limits::{
    AUDIO_FRAME_BYTES_MAX, CLIENT_TEXT_BYTES_MAX, DETAIL_BYTES_MAX, SERVER_TEXT_BYTES_MAX,
};
use voiceflow_protocol::{
    AudioFrame, ClientMessage, DecodeError, HistoryRequest, SearchRequest, decode_client, decode_request,
    decode_server, encode_client, encode_samples, encode_server,
};

/// Errors stay short, what is read writes and reads again as the same, and nothing longer than allowed is read.
pub(crate) fn run(data: &[u8]) {
    audio(data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(message) = read(decode_client(text), text, CLIENT_TEXT_BYTES_MAX) {
        if let ClientMessage::Start(start) = &message {
            let _ = start.validate();
        }
        // What was read with blanks may be longer without them only by what JSON escapes.
        if let Ok(written) = encode_client(&message) {
            assert_eq!(decode_client(&written).as_ref(), Ok(&message));
        }
    }
    if let Some(message) = read(decode_server(text), text, SERVER_TEXT_BYTES_MAX)
        && let Ok(written) = encode_server(&message)
    {
        assert_eq!(decode_server(&written).as_ref(), Ok(&message));
    }
    if let Some(request) = read(decode_request::<HistoryRequest>(text), text, CLIENT_TEXT_BYTES_MAX) {
        let _ = request.validate();
    }
    if let Some(request) = read(decode_request::<SearchRequest>(text), text, CLIENT_TEXT_BYTES_MAX) {
        let _ = request.validate();
    }
}

fn read<T>(decoded: Result<T, DecodeError>, text: &str, limit_bytes: usize) -> Option<T> {
    match decoded {
        Ok(message) => {
            assert!(text.len() <= limit_bytes);
            Some(message)
        }
        Err(DecodeError::TooLarge { .. }) => {
            assert!(text.len() > limit_bytes);
            None
        }
        Err(DecodeError::Malformed { detail }) => {
            assert!(detail.len() <= DETAIL_BYTES_MAX);
            None
        }
    }
}

fn audio(data: &[u8]) {
    let Ok(frame) = AudioFrame::parse(data) else {
        assert!(data.is_empty() || !data.len().is_multiple_of(2) || data.len() > AUDIO_FRAME_BYTES_MAX);
        return;
    };
    let samples: Vec<i16> = frame.samples().collect();
    assert_eq!(samples.len(), frame.sample_count());
    assert_eq!(encode_samples(&samples).as_deref(), Ok(data));
}
