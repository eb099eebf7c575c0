//! The speech recognition operations, declared once for every instrument.
//!
//! What runs in whisper.cpp is timed by wall clock, call by call: it uses several threads, and its allocations and
//! kernels are out of reach of the counting instruments. The Rust side of the path is pure and counted.

mod sound;
mod speech;
mod text;

use voiceflow_kit::{Operation, Throughput};

voiceflow_kit::operations! {
    counted {
        pcm_i16_to_f32_10s: Operation::new("asr/pcm-i16-to-f32/10s",
            "How long does turning ten seconds of 16-bit samples into floats take?")
            .throughput(Throughput::AudioSeconds(10.0))
            .prepare(sound::pcm_i16_to_f32_10s),
        mix_stereo_48k_1s: Operation::new("asr/mix/stereo-48k-1s",
            "How long does mixing one second of 48 kHz stereo to mono take?")
            .throughput(Throughput::AudioSeconds(1.0))
            .prepare(sound::mix_stereo_48k_1s),
        loop_guard_repeated_text: Operation::new("asr/loop-guard/repeated-text",
            "How long does finding a loop of ten words said seven times take?")
            .throughput(Throughput::Elements(70))
            .prepare(text::loop_guard_repeated_text),
        loop_guard_plain_text: Operation::new("asr/loop-guard/plain-text",
            "How long does finding no loop in a hundred words take?")
            .throughput(Throughput::Elements(100))
            .prepare(text::loop_guard_plain_text),
    }
    timed {
        // Not counted: the regular expressions' lazy automata hash with random keys.
        wer_100_words: Operation::new("asr/wer/100-words",
            "How long does counting the word errors of a hundred words take, normalising included?")
            .throughput(Throughput::Elements(100))
            .allocations()
            .prepare(text::wer_100_words),
        resample_48k_to_16k_1s: Operation::new("asr/resample/48k-to-16k-1s",
            "How long does resampling one second of 48 kHz mono take?")
            .throughput(Throughput::AudioSeconds(1.0))
            .allocations()
            .prepare(sound::resample_48k_to_16k_1s),
        read_wav_float_3s: Operation::new("asr/read-wav/float-3s",
            "How long does reading a three-second float WAV file at 16 kHz take, the file in the page cache?")
            .throughput(Throughput::AudioSeconds(2.985_687_5))
            .allocations()
            .prepare(sound::read_wav_float_3s),
        model_load_tiny_en: Operation::new("asr/model-load/tiny.en",
            "How long does loading tiny.en take, the file in the page cache?")
            .calls(20)
            .wall()
            .prepare(speech::model_load_tiny_en),
        state_create_tiny_en: Operation::new("asr/state-create/tiny.en",
            "How long does making a recogniser take, which a worker does once?")
            .calls(50)
            .wall()
            .prepare(speech::state_create_tiny_en),
        mel_5s: Operation::new("asr/mel/5s",
            "How long does the mel spectrogram of five seconds take on two threads?")
            .throughput(Throughput::AudioSeconds(5.3))
            .calls(100)
            .wall()
            .cores(2)
            .prepare(speech::mel_5s),
        encode_tiny_en_ctx1500: Operation::new("asr/encode/tiny.en-ctx1500",
            "How long does tiny.en's encoder take over its whole window, on two threads?")
            .throughput(Throughput::Elements(1500))
            .calls(20)
            .wall()
            .cores(2)
            .prepare(speech::encode_tiny_en_ctx1500),
        encode_tiny_en_ctx512: Operation::new("asr/encode/tiny.en-ctx512",
            "How long does tiny.en's encoder take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .calls(40)
            .wall()
            .cores(2)
            .prepare(speech::encode_tiny_en_ctx512),
        decode_token_tiny_en_ctx512: Operation::new("asr/decode-token/tiny.en-ctx512",
            "How long does tiny.en's decoder take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .calls(100)
            .wall()
            .cores(2)
            .prepare(speech::decode_token_tiny_en_ctx512),
        transcribe_short_clips: Operation::new("asr/transcribe/short-clips",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .calls(100)
            .wall()
            .cores(2)
            .prepare(speech::transcribe_short_clips),
        transcribe_librivox: Operation::new("asr/transcribe/librivox",
            "How long does transcribing seven seconds of a novel with tiny.en take?")
            .throughput(Throughput::AudioSeconds(7.1))
            .calls(20)
            .wall()
            .cores(2)
            .prepare(speech::transcribe_librivox),
        transcribe_looping_window: Operation::new("asr/transcribe/looping-window",
            "How long does a clip take whose first window makes the decoder loop, the fallback included?")
            .throughput(Throughput::AudioSeconds(2.985_687_5))
            .calls(20)
            .wall()
            .cores(2)
            .prepare(speech::transcribe_looping_window),
    }
}
