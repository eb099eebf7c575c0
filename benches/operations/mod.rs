//! The operations that need several subsystems at once, declared once for every instrument.

use voiceflow_benches::{Remote, Studio};
use voiceflow_kit::{Operation, PrepareError, Prepared, WrongAnswer};

voiceflow_kit::operations! {
    counted {}
    timed {
        dictate_short_clips: Operation::new(
            "pipeline/dictate/short-clips",
            "How long does a short recording take from the file to the stored, encrypted, tidy transcript?",
        )
        .wall()
        .cores(2)
        .calls(100)
        .prepare(|| dictate("")),
        dictate_short_clips_rules_only: Operation::new(
            "pipeline/dictate/short-clips-rules-only",
            "How long does the same take when the rules tidy alone, without the language model?",
        )
        .wall()
        .cores(2)
        .calls(100)
        .prepare(|| dictate("ai_enhancement.enabled = false")),
        websocket_short_clips_ws: Operation::new(
            "pipeline/websocket/short-clips-ws",
            "How long does a short recording take through the server, from the first message to the final answer?",
        )
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| dictate_remotely(Remote::open)),
        websocket_short_clips_wss: Operation::new(
            "pipeline/websocket/short-clips-wss",
            "How long does the same take when the connection is under TLS 1.3?",
        )
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| dictate_remotely(Remote::open_tls)),
    }
}

fn dictate(settings: &str) -> Result<Prepared, PrepareError> {
    let studio = Studio::open(settings)?;
    let inputs = studio.inputs();
    let prepared = Prepared::with_input(
        studio,
        Studio::next_take,
        |studio, take| {
            let dictation = studio.dictate(&take);
            (take, dictation)
        },
        |studio, (take, dictation)| {
            let dictation = dictation.as_ref().map_err(wrong)?;
            studio
                .check(take, dictation.id.0, &dictation.raw_text, &dictation.text)
                .map_err(|error| wrong(&error))
        },
    );
    Ok(prepared.inputs(inputs))
}

fn dictate_remotely(open: fn(Studio) -> Result<Remote, voiceflow_benches::Error>) -> Result<Prepared, PrepareError> {
    let remote = open(Studio::open("")?)?;
    let inputs = remote.studio().inputs();
    let prepared = Prepared::with_input(
        remote,
        Remote::next_take,
        |remote, input| {
            let (take, pcm) = input?;
            let answer = remote.dictate(&pcm)?;
            Ok((take, answer))
        },
        |remote, answer: &Result<_, voiceflow_benches::Error>| {
            let (take, answer) = answer.as_ref().map_err(wrong)?;
            let studio = remote.studio();
            studio
                .check(take, answer.transcript_id, &answer.raw_text, &answer.text)
                .map_err(|error| wrong(&error))
        },
    );
    Ok(prepared.inputs(inputs))
}

fn wrong(error: &voiceflow_benches::Error) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
