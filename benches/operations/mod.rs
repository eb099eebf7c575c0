//! The operations that need several subsystems at once, declared once for every instrument.

use voiceflow_benches::{Desk, Level, Remote, Station, Studio};
use voiceflow_kit::{Operation, PrepareError, Prepared, Throughput, WrongAnswer};

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
        .prepare(|| at_station(Remote::open(Studio::open("")?)?)),
        websocket_short_clips_wss: Operation::new(
            "pipeline/websocket/short-clips-wss",
            "How long does the same take when the connection is under TLS 1.3?",
        )
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| at_station(Remote::open_tls(Studio::open("")?)?)),
        security_none: Operation::new(
            "pipeline/security/none",
            "How long does a short recording take through the server without any security?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| at_station(Remote::open_at(Level::None)?)),
        security_encryption: Operation::new(
            "pipeline/security/encryption",
            "How long does a short recording take through the server with an encrypted database?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| at_station(Remote::open_at(Level::Encryption)?)),
        security_authentication: Operation::new(
            "pipeline/security/authentication",
            "How long does a short recording take through the server with an encrypted database and tokens?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| at_station(Remote::open_at(Level::Authentication)?)),
        security_full: Operation::new(
            "pipeline/security/full",
            "How long does a short recording take through the server with encryption, tokens, validation, a rate limit and TLS 1.3?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .calls(20)
        .prepare(|| at_station(Remote::open_at(Level::Full)?)),
        request_none: Operation::new(
            "pipeline/request/none",
            "How long does all of a request but its models take without any security?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .prepare(|| at_station(Desk::open_at(Level::None)?)),
        request_encryption: Operation::new(
            "pipeline/request/encryption",
            "How long does all of a request but its models take with an encrypted database?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .prepare(|| at_station(Desk::open_at(Level::Encryption)?)),
        request_authentication: Operation::new(
            "pipeline/request/authentication",
            "How long does all of a request but its models take with an encrypted database and tokens?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .prepare(|| at_station(Desk::open_at(Level::Authentication)?)),
        request_full: Operation::new(
            "pipeline/request/full",
            "How long does all of a request but its models take with encryption, tokens, validation, a rate limit and TLS 1.3?",
        )
        .throughput(Throughput::Elements(1))
        .wall()
        .cores(2)
        .prepare(|| at_station(Desk::open_at(Level::Full)?)),
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

fn at_station(station: impl Station + 'static) -> Result<Prepared, PrepareError> {
    let inputs = station.inputs();
    let prepared = Prepared::with_input(
        station,
        Station::next_take,
        |station, input| {
            let (take, pcm) = input?;
            let answer = station.dictate(&pcm)?;
            Ok((take, pcm.len(), answer))
        },
        |station, answer: &Result<_, voiceflow_benches::Error>| {
            let (take, samples, answer) = answer.as_ref().map_err(wrong)?;
            station.check(take, *samples, answer).map_err(|error| wrong(&error))
        },
    );
    Ok(prepared.inputs(inputs))
}

fn wrong(error: &voiceflow_benches::Error) -> WrongAnswer {
    WrongAnswer::new(error.to_string())
}
