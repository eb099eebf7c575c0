//! The operations of enhancement, declared once for every instrument.
//!
//! Rules, check, and what is done with the scores of one token are pure and counted. What touches the model is timed only,
//! and so is the tokenizer, whose hash maps are seeded at random. The model runs on one thread, which a comparison judges by
//! processor time; what ends in `-2t` runs on two, as the service does, and is judged by wall time. So is loading, which
//! waits for the file. The model is loaded once a process for each number of threads, and shared by all operations that
//! need no enhancer.
//!
//! A miss of the cache has no operation of its own: it is a sentence's, and the lookup in front of that is lost in it. The
//! product of matrices alone has none either: outside the model its weights lie in the nearest cache, which they never do
//! within, so that it would look several times faster than it is.

mod model;
mod reading;
mod sentence;
mod text;

use voiceflow_kit::{Operation, Throughput};

voiceflow_kit::operations! {
    counted {
        rules_20_words: Operation::new("enhance/rules/20-words",
            "How long does tidying a dictation of 20 words by rules take?")
            .throughput(Throughput::Elements(20))
            .prepare(text::rules_20_words),
        rules_200_words: Operation::new("enhance/rules/200-words",
            "How long does tidying a dictation of 200 words by rules take?")
            .throughput(Throughput::Elements(200))
            .prepare(text::rules_200_words),
        faithful_20_words: Operation::new("enhance/faithful/20-words",
            "How long does checking a faithful text of 20 words against its dictation take?")
            .throughput(Throughput::Elements(20))
            .prepare(text::faithful_20_words),
        faithful_beginning: Operation::new("enhance/faithful/beginning",
            "How long does checking the first ten words against a prepared dictation of 20 take, as before every token?")
            .throughput(Throughput::Elements(10))
            .prepare(text::faithful_beginning),
        sample_argmax_49k: Operation::new("enhance/sample/argmax-49k",
            "How long does finding the likeliest of the vocabulary's 49,152 tokens take?")
            .throughput(Throughput::Elements(49_152))
            .prepare(reading::argmax),
        sample_normalizer_49k: Operation::new("enhance/sample/normalizer-49k",
            "How long does making probabilities of the vocabulary's 49,152 scores take, as for every row that is weighed?")
            .throughput(Throughput::Elements(49_152))
            .prepare(reading::normalizer),
    }
    timed {
        tokenize_20_words: Operation::new("enhance/tokenize/20-words",
            "How long does cutting a dictation of 20 words into tokens take?")
            .throughput(Throughput::Elements(20))
            .prepare(model::tokenize_20_words),
        tokenize_200_words: Operation::new("enhance/tokenize/200-words",
            "How long does cutting a dictation of 200 words into tokens take?")
            .throughput(Throughput::Elements(200))
            .prepare(model::tokenize_200_words),
        detokenize_200_words: Operation::new("enhance/detokenize/200-words",
            "How long does making text of the tokens of 200 words take?")
            .throughput(Throughput::Elements(200))
            .prepare(model::detokenize_200_words),
        model_load_smollm2_q8: Operation::new("enhance/model-load/smollm2-q8",
            "How long does loading SmolLM2-135M in Q8_0 take when the file is in memory?")
            .throughput(Throughput::Bytes(model::FILE_BYTES))
            .calls(20).wall()
            .prepare(model::load),
        prefill_p32: Operation::new("enhance/prefill/p32",
            "How long does reading 32 tokens at once into an empty session take?")
            .throughput(Throughput::Elements(32))
            .calls(40)
            .prepare(model::prefill_p32),
        prefill_p128: Operation::new("enhance/prefill/p128",
            "How long does reading 128 tokens at once into an empty session take?")
            .throughput(Throughput::Elements(128))
            .calls(20)
            .prepare(model::prefill_p128),
        prefill_p128_2t: Operation::new("enhance/prefill/p128-2t",
            "How long does reading 128 tokens at once into an empty session take on two threads?")
            .throughput(Throughput::Elements(128))
            .calls(20).wall().cores(2)
            .prepare(model::prefill_p128_2t),
        prefill_p128_cuda: Operation::new("enhance/prefill/p128-cuda",
            "How long does reading 128 tokens at once into an empty session take on a CUDA device?")
            .throughput(Throughput::Elements(128))
            .calls(20).wall()
            .prepare(model::prefill_p128_cuda),
        prefill_p512: Operation::new("enhance/prefill/p512",
            "How long does reading 512 tokens at once into an empty session take?")
            .throughput(Throughput::Elements(512))
            .calls(10)
            .prepare(model::prefill_p512),
        decode_32_tokens: Operation::new("enhance/decode/32-tokens",
            "How long does writing 32 tokens one by one take after the prompt of a note?")
            .throughput(Throughput::Elements(32))
            .calls(20)
            .prepare(model::decode_32_tokens),
        decode_32_tokens_cuda: Operation::new("enhance/decode/32-tokens-cuda",
            "How long does writing 32 tokens one by one take on a CUDA device after the prompt of a note?")
            .throughput(Throughput::Elements(32))
            .calls(20).wall()
            .prepare(model::decode_32_tokens_cuda),
        decode_kv0: Operation::new("enhance/decode/kv0",
            "How long does one token take in a session that has read one?")
            .throughput(Throughput::Elements(1))
            .calls(100)
            .prepare(reading::decode_after_1),
        decode_kv256: Operation::new("enhance/decode/kv256",
            "How long does one token take in a session that has read 256?")
            .throughput(Throughput::Elements(1))
            .calls(100)
            .prepare(reading::decode_after_256),
        decode_kv256_2t: Operation::new("enhance/decode/kv256-2t",
            "How long does one token take on two threads in a session that has read 256?")
            .throughput(Throughput::Elements(1))
            .calls(100).wall().cores(2)
            .prepare(reading::decode_after_256_2t),
        decode_kv1024: Operation::new("enhance/decode/kv1024",
            "How long does one token take in a session that has read 1,024?")
            .throughput(Throughput::Elements(1))
            .calls(100)
            .prepare(reading::decode_after_1024),
        verify_k1: Operation::new("enhance/verify/k1",
            "How long does weighing one token take after 256, its likelihoods included?")
            .throughput(Throughput::Elements(1))
            .calls(100)
            .prepare(reading::verify_1),
        verify_k2: Operation::new("enhance/verify/k2",
            "How long does weighing 2 tokens at once take after 256, the likelihoods after each included?")
            .throughput(Throughput::Elements(2))
            .calls(100)
            .prepare(reading::verify_2),
        verify_k4: Operation::new("enhance/verify/k4",
            "How long does weighing 4 tokens at once take after 256, the likelihoods after each included?")
            .throughput(Throughput::Elements(4))
            .calls(100)
            .prepare(reading::verify_4),
        verify_k8: Operation::new("enhance/verify/k8",
            "How long does weighing 8 tokens at once take after 256, the likelihoods after each included?")
            .throughput(Throughput::Elements(8))
            .calls(100)
            .prepare(reading::verify_8),
        verify_k16: Operation::new("enhance/verify/k16",
            "How long does weighing 16 tokens at once take after 256, the likelihoods after each included?")
            .throughput(Throughput::Elements(16))
            .calls(100)
            .prepare(reading::verify_16),
        prefix_cold: Operation::new("enhance/prefix/cold",
            "How long does the first token of free decoding take when prompt and dictation are read?")
            .throughput(Throughput::Elements(model::FREE_COLD_TOKENS))
            .calls(20)
            .prepare(model::prefix_cold),
        prefix_warm: Operation::new("enhance/prefix/warm",
            "How long does the first token of free decoding take when the prompt was read before?")
            .throughput(Throughput::Elements(model::FREE_WARM_TOKENS))
            .calls(20)
            .prepare(model::prefix_warm),
        prefix_cold_constrained: Operation::new("enhance/prefix/cold-constrained",
            "How long does reading the priming of constrained decoding and a dictation behind it take?")
            .throughput(Throughput::Elements(model::CONSTRAINED_COLD_TOKENS))
            .calls(20)
            .prepare(model::prefix_cold_constrained),
        prefix_warm_constrained: Operation::new("enhance/prefix/warm-constrained",
            "How long does reading a dictation take when the priming of constrained decoding was read before?")
            .throughput(Throughput::Elements(model::CONSTRAINED_WARM_TOKENS))
            .calls(20)
            .prepare(model::prefix_warm_constrained),
        sentence_10_words: Operation::new("enhance/sentence/10-words",
            "How long does enhancing a dictation of 10 to 12 words take, rules, model and check together, nothing cached?")
            .throughput(Throughput::Elements(10))
            .calls(100)
            .prepare(sentence::words_10),
        sentence_20_words: Operation::new("enhance/sentence/20-words",
            "How long does enhancing a dictation of 20 to 24 words take, rules, model and check together, nothing cached?")
            .throughput(Throughput::Elements(20))
            .calls(100)
            .prepare(sentence::words_20),
        sentence_20_words_2t: Operation::new("enhance/sentence/20-words-2t",
            "How long does enhancing a dictation of 20 to 24 words take on two threads?")
            .throughput(Throughput::Elements(20))
            .calls(100).wall().cores(2)
            .prepare(sentence::words_20_2t),
        sentence_40_words: Operation::new("enhance/sentence/40-words",
            "How long does enhancing a dictation of 40 to 48 words take, rules, model and check together, nothing cached?")
            .throughput(Throughput::Elements(40))
            .calls(100)
            .prepare(sentence::words_40),
        sentence_40_words_2t: Operation::new("enhance/sentence/40-words-2t",
            "How long does enhancing a dictation of 40 to 48 words take on two threads?")
            .throughput(Throughput::Elements(40))
            .calls(100).wall().cores(2)
            .prepare(sentence::words_40_2t),
        sentence_20_words_free: Operation::new("enhance/sentence/20-words-free",
            "How long does enhancing a dictation of 20 to 24 words take when the model writes it token by token?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::words_20_free),
        context_email: Operation::new("enhance/context/email",
            "How long does enhancing a dictation of 20 to 24 words take in an email?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::email),
        context_chat: Operation::new("enhance/context/chat",
            "How long does enhancing a dictation of 20 to 24 words take in a chat?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::chat),
        context_code: Operation::new("enhance/context/code",
            "How long does enhancing a dictation of 20 to 24 words take in talk about programs?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::code),
        context_notes: Operation::new("enhance/context/notes",
            "How long does enhancing a dictation of 20 to 24 words take in a note?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::notes),
        context_meeting: Operation::new("enhance/context/meeting",
            "How long does enhancing a dictation of 20 to 24 words take in minutes?")
            .throughput(Throughput::Elements(20))
            .calls(30)
            .prepare(sentence::meeting),
        cache_hit: Operation::new("enhance/cache/hit",
            "How long does answering a dictation of 20 to 24 words from the cache take?")
            .throughput(Throughput::Elements(20))
            .prepare(sentence::cache_hit),
    }
}
