//! The operations of enhancement, declared once for every instrument.
//!
//! Rules and check are pure and counted. Everything that touches the model runs on candle's pool of threads and is judged
//! by wall time; the tokenizer's hash maps are seeded at random, so it is timed too. The model is loaded once a process
//! and shared by all operations.

mod model;
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
    }
    timed {
        tokenize_20_words: Operation::new("enhance/tokenize/20-words",
            "How long does cutting a dictation of 20 words into tokens take?")
            .throughput(Throughput::Elements(20))
            .prepare(model::tokenize_20_words),
        detokenize_200_words: Operation::new("enhance/detokenize/200-words",
            "How long does making text of the tokens of 200 words take?")
            .throughput(Throughput::Elements(200))
            .prepare(model::detokenize_200_words),
        model_load_smollm2_q8: Operation::new("enhance/model-load/smollm2-q8",
            "How long does loading SmolLM2-135M in Q8_0 take when the file is in memory?")
            .calls(20).wall()
            .prepare(model::load),
        prefill_p128: Operation::new("enhance/prefill/p128",
            "How long does reading 128 tokens at once into an empty session take?")
            .throughput(Throughput::Elements(128))
            .calls(20)
            .prepare(model::prefill_p128),
        decode_32_tokens: Operation::new("enhance/decode/32-tokens",
            "How long does writing 32 tokens one by one take after the prompt of a note?")
            .throughput(Throughput::Elements(32))
            .calls(20)
            .prepare(model::decode_32_tokens),
        prefix_cold: Operation::new("enhance/prefix/cold",
            "How long does the first token take when prompt and dictation are read?")
            .calls(20)
            .prepare(model::prefix_cold),
        prefix_warm: Operation::new("enhance/prefix/warm",
            "How long does the first token take when the prompt was read before?")
            .calls(20)
            .prepare(model::prefix_warm),
        sentence_20_words: Operation::new("enhance/sentence/20-words",
            "How long does enhancing a sentence of about 20 words take, rules, model and check together, nothing cached?")
            .throughput(Throughput::Elements(20))
            .calls(100)
            .prepare(model::sentence_20_words),
        cache_hit: Operation::new("enhance/cache/hit",
            "How long does answering a dictation of 20 words from the cache take?")
            .throughput(Throughput::Elements(20))
            .prepare(model::cache_hit),
    }
}
