//! The speech recognition operations, declared once for every instrument.
//!
//! What runs in whisper.cpp is timed by wall clock, call by call, its matrix products included, which are ours: it uses
//! several threads, which counting instruments do not follow. The rest of the Rust side is pure and counted.

mod models;
mod sound;
mod speech;
mod stages;
mod text;
mod together;

use voiceflow_assets::AssetName;
use voiceflow_kit::{Operation, Throughput};

use models::{Case, Window};

/// What runs in whisper.cpp: timed by wall clock in so many calls, on two threads unless it says otherwise.
fn inference(calls: usize, id: &'static str, question: &'static str) -> Operation {
    Operation::new(id, question).calls(calls).wall().cores(2)
}

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
        model_load_tiny_en: inference(20, "asr/model-load/tiny.en",
            "How long does loading tiny.en take, the file in the page cache?")
            .throughput(Throughput::Bytes(77_704_715))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperTinyEn)),
        model_load_tiny_en_q8_0: inference(20, "asr/model-load/tiny.en-q8-0",
            "How long does loading tiny.en in q8_0 take, the file in the page cache?")
            .throughput(Throughput::Bytes(43_550_795))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperTinyEnQ8)),
        model_load_tiny_en_q5_1: inference(20, "asr/model-load/tiny.en-q5-1",
            "How long does loading tiny.en in q5_1 take, the file in the page cache?")
            .throughput(Throughput::Bytes(32_166_155))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperTinyEnQ5)),
        model_load_base: inference(20, "asr/model-load/base",
            "How long does loading base take, the file in the page cache?")
            .throughput(Throughput::Bytes(147_951_465))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperBase)),
        model_load_base_q8_0: inference(20, "asr/model-load/base-q8-0",
            "How long does loading base in q8_0 take, the file in the page cache?")
            .throughput(Throughput::Bytes(81_768_585))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperBaseQ8)),
        model_load_base_q5_1: inference(20, "asr/model-load/base-q5-1",
            "How long does loading base in q5_1 take, the file in the page cache?")
            .throughput(Throughput::Bytes(59_707_625))
            .cores(1)
            .prepare(|| models::load(AssetName::WhisperBaseQ5)),
        state_create_tiny_en: inference(50, "asr/state-create/tiny.en",
            "How long does making a recogniser take, which a worker does once?")
            .cores(1)
            .prepare(|| models::state_create(AssetName::WhisperTinyEn)),
        state_create_base: inference(20, "asr/state-create/base",
            "How long does making a recogniser of base take, which a worker does once?")
            .cores(1)
            .prepare(|| models::state_create(AssetName::WhisperBase)),
        mel_1s: inference(100, "asr/mel/1s",
            "How long does the mel spectrogram of one second take on two threads?")
            .throughput(Throughput::AudioSeconds(1.0))
            .prepare(|| stages::mel(Some(1))),
        mel_5s: inference(100, "asr/mel/5s",
            "How long does the mel spectrogram of five seconds take on two threads?")
            .throughput(Throughput::AudioSeconds(5.3))
            .prepare(|| stages::mel(None)),
        mel_30s: inference(100, "asr/mel/30s",
            "How long does the mel spectrogram of half a minute take on two threads?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| stages::mel(Some(30))),
        encode_tiny_en_ctx1500: inference(20, "asr/encode/tiny.en-ctx1500",
            "How long does tiny.en's encoder take over its whole window, on two threads?")
            .throughput(Throughput::Elements(1500))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Full))),
        encode_tiny_en_ctx768: inference(40, "asr/encode/tiny.en-ctx768",
            "How long does tiny.en's encoder take over a window of 768 positions, on two threads?")
            .throughput(Throughput::Elements(768))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(768)))),
        encode_tiny_en_ctx512: inference(40, "asr/encode/tiny.en-ctx512",
            "How long does tiny.en's encoder take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(512)))),
        encode_tiny_en_ctx320: inference(40, "asr/encode/tiny.en-ctx320",
            "How long does tiny.en's encoder take over a window of 320 positions, on two threads?")
            .throughput(Throughput::Elements(320))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(320)))),
        encode_tiny_en_ctx512_1t: inference(20, "asr/encode/tiny.en-ctx512-1t",
            "How long does tiny.en's encoder take over a window of 512 positions, on one thread?")
            .throughput(Throughput::Elements(512))
            .cores(1)
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(512)).threads(1))),
        encode_tiny_en_ctx512_flash: inference(20, "asr/encode/tiny.en-ctx512-flash",
            "How long does tiny.en's encoder take over a window of 512 positions with flash attention, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(512)).flash_attention())),
        encode_tiny_en_q8_0_ctx512: inference(20, "asr/encode/tiny.en-q8-0-ctx512",
            "How long does the encoder of tiny.en in q8_0 take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEnQ8).window(Window::Positions(512)))),
        encode_tiny_en_q5_1_ctx512: inference(20, "asr/encode/tiny.en-q5-1-ctx512",
            "How long does the encoder of tiny.en in q5_1 take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEnQ5).window(Window::Positions(512)))),
        encode_base_ctx512: inference(20, "asr/encode/base-ctx512",
            "How long does the encoder of base take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperBase).window(Window::Positions(512)))),
        encode_base_q8_0_ctx512: inference(20, "asr/encode/base-q8-0-ctx512",
            "How long does the encoder of base in q8_0 take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperBaseQ8).window(Window::Positions(512)))),
        encode_base_q5_1_ctx512: inference(20, "asr/encode/base-q5-1-ctx512",
            "How long does the encoder of base in q5_1 take over a window of 512 positions, on two threads?")
            .throughput(Throughput::Elements(512))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperBaseQ5).window(Window::Positions(512)))),
        encode_base_ctx1500: inference(10, "asr/encode/base-ctx1500",
            "How long does base's encoder take over its whole window, on two threads?")
            .throughput(Throughput::Elements(1500))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperBase).window(Window::Full))),
        decode_token_tiny_en_ctx512: inference(100, "asr/decode-token/tiny.en-ctx512",
            "How long does tiny.en's decoder take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(512)))),
        decode_token_tiny_en_ctx512_1t: inference(100, "asr/decode-token/tiny.en-ctx512-1t",
            "How long does tiny.en's decoder take for one token, on one thread?")
            .throughput(Throughput::Elements(1))
            .cores(1)
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperTinyEn).window(Window::Positions(512)).threads(1))),
        decode_token_tiny_en_q8_0_ctx512: inference(100, "asr/decode-token/tiny.en-q8-0-ctx512",
            "How long does the decoder of tiny.en in q8_0 take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperTinyEnQ8).window(Window::Positions(512)))),
        decode_token_tiny_en_q5_1_ctx512: inference(100, "asr/decode-token/tiny.en-q5-1-ctx512",
            "How long does the decoder of tiny.en in q5_1 take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperTinyEnQ5).window(Window::Positions(512)))),
        decode_token_base_ctx512: inference(100, "asr/decode-token/base-ctx512",
            "How long does the decoder of base take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperBase).window(Window::Positions(512)))),
        decode_token_base_q8_0_ctx512: inference(100, "asr/decode-token/base-q8-0-ctx512",
            "How long does the decoder of base in q8_0 take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperBaseQ8).window(Window::Positions(512)))),
        decode_token_base_q5_1_ctx512: inference(100, "asr/decode-token/base-q5-1-ctx512",
            "How long does the decoder of base in q5_1 take for one token, on two threads?")
            .throughput(Throughput::Elements(1))
            .prepare(|| stages::decode_token(Case::of(AssetName::WhisperBaseQ5).window(Window::Positions(512)))),
        transcribe_short_clips: inference(100, "asr/transcribe/short-clips",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEn))),
        transcribe_short_clips_tiny_en_q8_0: inference(100, "asr/transcribe/short-clips-tiny.en-q8-0",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en in q8_0, the service's default, take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEnQ8))),
        transcribe_short_clips_tiny_en_q5_1: inference(25, "asr/transcribe/short-clips-tiny.en-q5-1",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en in q5_1 take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEnQ5))),
        transcribe_short_clips_base: inference(25, "asr/transcribe/short-clips-base",
            "How long does transcribing an English clip of up to 3.3 s with base take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperBase))),
        transcribe_short_clips_base_q8_0: inference(25, "asr/transcribe/short-clips-base-q8-0",
            "How long does transcribing an English clip of up to 3.3 s with base in q8_0 take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperBaseQ8))),
        transcribe_short_clips_base_q5_1: inference(25, "asr/transcribe/short-clips-base-q5-1",
            "How long does transcribing an English clip of up to 3.3 s with base in q5_1 take, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperBaseQ5))),
        transcribe_short_clips_cuda: inference(100, "asr/transcribe/short-clips-cuda",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en take on a CUDA device, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEn).cuda())),
        transcribe_30s_cuda: inference(10, "asr/transcribe/30s-cuda",
            "How long does transcribing half a minute of speech with tiny.en take on a CUDA device?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| speech::half_minute(Case::of(AssetName::WhisperTinyEn).cuda(), speech::HALF_MINUTE_ERRORS_MAX_TINY_EN)),
        encode_tiny_en_ctx1500_cuda: inference(20, "asr/encode/tiny.en-ctx1500-cuda",
            "How long does tiny.en's encoder take over its whole window on a CUDA device?")
            .throughput(Throughput::Elements(1500))
            .prepare(|| stages::encode(Case::of(AssetName::WhisperTinyEn).window(Window::Full).cuda())),
        transcribe_short_clips_1t: inference(25, "asr/transcribe/short-clips-1t",
            "How long does transcribing an English clip of up to 3.3 s with tiny.en take on one thread, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .cores(1)
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEn).threads(1))),
        transcribe_short_clips_full_window: inference(25, "asr/transcribe/short-clips-full-window",
            "How long does an English clip of up to 3.3 s take with tiny.en over the whole window, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEn).window(Window::Full))),
        transcribe_short_clips_unprompted: inference(25, "asr/transcribe/short-clips-unprompted",
            "How long does an English clip of up to 3.3 s take with tiny.en and no prompt, all clips in turn?")
            .throughput(Throughput::AudioSeconds(2.66))
            .prepare(|| speech::short_clips(Case::of(AssetName::WhisperTinyEn).unprompted())),
        transcribe_librivox: inference(20, "asr/transcribe/librivox",
            "How long does transcribing seven seconds of a novel with tiny.en take?")
            .throughput(Throughput::AudioSeconds(7.1))
            .prepare(speech::librivox),
        transcribe_30s: inference(10, "asr/transcribe/30s",
            "How long does transcribing half a minute of speech with tiny.en take?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| speech::half_minute(Case::of(AssetName::WhisperTinyEn), speech::HALF_MINUTE_ERRORS_MAX_TINY_EN)),
        transcribe_30s_tiny_en_q8_0: inference(10, "asr/transcribe/30s-tiny.en-q8-0",
            "How long does transcribing half a minute of speech with tiny.en in q8_0 take?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| speech::half_minute(Case::of(AssetName::WhisperTinyEnQ8), speech::HALF_MINUTE_ERRORS_MAX_TINY_EN_Q8_0)),
        transcribe_30s_base: inference(10, "asr/transcribe/30s-base",
            "How long does transcribing half a minute of speech with base take?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| speech::half_minute(Case::of(AssetName::WhisperBase), speech::HALF_MINUTE_ERRORS_MAX_BASE)),
        transcribe_30s_base_q8_0: inference(10, "asr/transcribe/30s-base-q8-0",
            "How long does transcribing half a minute of speech with base in q8_0 take?")
            .throughput(Throughput::AudioSeconds(30.0))
            .prepare(|| speech::half_minute(Case::of(AssetName::WhisperBaseQ8), speech::HALF_MINUTE_ERRORS_MAX_BASE_Q8_0)),
        transcribe_looping_window: inference(20, "asr/transcribe/looping-window",
            "How long does a clip take whose first window makes the decoder loop, the fallback included?")
            .throughput(Throughput::AudioSeconds(2.985_687_5))
            .prepare(speech::looping_window),
        workers_1x2t: inference(10, "asr/workers/1x2t",
            "How long do four utterances of 3.3 s take one worker of two threads?")
            .throughput(Throughput::AudioSeconds(13.16))
            .prepare(|| together::workers(1, 2)),
        workers_2x1t: inference(10, "asr/workers/2x1t",
            "How long do four utterances of 3.3 s take two workers of one thread each?")
            .throughput(Throughput::AudioSeconds(13.16))
            .prepare(|| together::workers(2, 1)),
        workers_2x2t: inference(10, "asr/workers/2x2t",
            "How long do four utterances of 3.3 s take two workers of two threads each, more threads than many a machine has cores?")
            .throughput(Throughput::AudioSeconds(13.16))
            .cores(4)
            .prepare(|| together::workers(2, 2)),
        cancel_in_encoder: inference(20, "asr/cancel/in-encoder",
            "How long does a transcription take to return after it was cancelled in the encoder?")
            .prepare(together::cancel),
    }
}
