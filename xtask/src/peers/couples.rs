//! What is measured beside what. Pure.

use crate::filter::Filter;
use crate::outcome::Failure;

/// An operation of this workspace and the same work by a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Couple {
    /// The operation's id.
    pub(super) operation: &'static str,
    /// What people call the peer.
    pub(super) peer: &'static str,
    /// The package whose version is told.
    pub(super) package: &'static str,
    /// The name that `peer.py` knows the work by.
    pub(super) work: &'static str,
    /// The work in a few words.
    pub(super) question: &'static str,
    pub(super) kind: Kind,
}

/// What a couple takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Calls of micro- or milliseconds.
    Short,
    /// Whole transcriptions, in turn: longer rounds, so that every recording comes up.
    Speech,
    /// Takes the bindings that are compiled on request.
    Llama,
}

const fn couple(
    operation: &'static str,
    peer: &'static str,
    package: &'static str,
    work: &'static str,
    question: &'static str,
    kind: Kind,
) -> Couple {
    Couple {
        operation,
        peer,
        package,
        work,
        question,
        kind,
    }
}

/// Ordered by subsystem.
#[rustfmt::skip]
pub(super) const COUPLES: &[Couple] = &[
    couple("asr/transcribe/short-clips-tiny.en-q8-0", "faster-whisper int8", "faster-whisper", "faster-whisper-int8",
        "transcribe a clip of up to 3.3 s, tiny.en in eight bits", Kind::Speech),
    couple("asr/transcribe/short-clips", "faster-whisper float32", "faster-whisper", "faster-whisper-float32",
        "transcribe a clip of up to 3.3 s, tiny.en in floating point", Kind::Speech),
    couple("enhance/prefill/p128", "llama.cpp", "llama-cpp-python", "llama-prefill",
        "read 128 tokens at once on one thread, SmolLM2 Q8_0", Kind::Llama),
    couple("enhance/prefill/p128-2t", "llama.cpp", "llama-cpp-python", "llama-prefill",
        "read 128 tokens at once on two threads, SmolLM2 Q8_0", Kind::Llama),
    couple("enhance/decode/kv256", "llama.cpp", "llama-cpp-python", "llama-decode",
        "one token after 256 on one thread, SmolLM2 Q8_0", Kind::Llama),
    couple("enhance/decode/kv256-2t", "llama.cpp", "llama-cpp-python", "llama-decode",
        "one token after 256 on two threads, SmolLM2 Q8_0", Kind::Llama),
    couple("storage/insert-row/keyed-normal", "sqlcipher3", "sqlcipher3", "sqlcipher3-insert",
        "commit one transcript, encrypted", Kind::Short),
    couple("storage/insert-row/plain-normal", "Python's sqlite3", "python", "sqlite3-insert",
        "commit one transcript, plain", Kind::Short),
    couple("storage/get/keyed-hot", "sqlcipher3", "sqlcipher3", "sqlcipher3-get",
        "read one transcript, encrypted, in cache", Kind::Short),
    couple("storage/get/plain-hot", "Python's sqlite3", "python", "sqlite3-get",
        "read one transcript, plain, in cache", Kind::Short),
    couple("security/token-verify/hs256", "PyJWT", "PyJWT", "pyjwt-verify",
        "verify an HS256 token", Kind::Short),
    couple("security/token-issue/hs256", "PyJWT", "PyJWT", "pyjwt-issue",
        "sign an HS256 token", Kind::Short),
    couple("security/seal/aes256gcm-16kib", "cryptography", "cryptography", "cryptography-seal",
        "seal 16 KiB with AES-256-GCM", Kind::Short),
    couple("transport/echo/3200b-ws", "websockets", "websockets", "websockets-echo",
        "100 ms of audio there, a text back", Kind::Short),
    couple("transport/handshake/tcp", "websockets", "websockets", "websockets-handshake",
        "connect and upgrade", Kind::Short),
];

/// The couples that a filter leaves in, by id or by the peer's name.
pub(super) fn chosen(filter: &Filter) -> anyhow::Result<Vec<Couple>> {
    let chosen: Vec<Couple> = COUPLES
        .iter()
        .copied()
        .filter(|couple| filter.matches_text(couple.operation) || filter.matches_text(couple.peer))
        .collect();
    if chosen.is_empty() {
        let known: Vec<String> = COUPLES
            .iter()
            .map(|couple| format!("{} beside {}", couple.operation, couple.peer))
            .collect();
        return Err(Failure::nothing_comparable(format!(
            "no couple matches the filter; there are {}",
            known.join(", ")
        )));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn a_filter_knows_operations_and_peers() {
        let of = |text| chosen(&Filter::parse(Some(text)).expect("valid"));
        assert_eq!(of("PyJWT").expect("there").len(), 2);
        assert_eq!(of("token-issue").expect("there").len(), 1);
        let error = of("nothing").expect_err("refused").to_string();
        assert!(error.contains("security/token-issue/hs256 beside PyJWT"), "{error}");
    }

    /// A renamed operation would otherwise be found out by whoever measures next.
    #[test]
    fn every_operation_is_declared_and_every_work_and_package_is_known() {
        let workspace = Workspace::find().expect("a checkout");
        let crates = workspace.bench_crates(&Filter::All).expect("operations");
        let folder = workspace.root().join(super::super::FOLDER);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("reads");
        let (program, requirements) = (
            read("peer.py"),
            read("requirements.txt") + &read("requirements-llama.txt"),
        );
        for couple in COUPLES {
            let is_declared = crates
                .iter()
                .flat_map(|found| &found.entries)
                .any(|entry| entry.id.as_str() == couple.operation && entry.paired.is_some());
            assert!(is_declared, "{}", couple.operation);
            assert!(program.contains(&format!("\"{}\":", couple.work)), "{}", couple.work);
            assert!(
                couple.package == "python" || requirements.contains(&format!("{}==", couple.package)),
                "{}",
                couple.package
            );
        }
    }
}
