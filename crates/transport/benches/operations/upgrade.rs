//! The server's half of an upgrade, in memory. The token is compared, not verified: that is measured in `security`.

use voiceflow_kit::{PrepareError, Prepared, check_eq};
use voiceflow_transport::{Gate, Limits, Refusal, blocking};

use super::memory::{Memory, upgrade_request, upgrade_request_without_token};

/// As long as a usual HS256 token.
const TOKEN_BYTES: usize = 300;

pub(super) fn open_door() -> Result<Prepared, PrepareError> {
    upgrade(upgrade_request_without_token(), None, 101)
}

pub(super) fn accepted() -> Result<Prepared, PrepareError> {
    upgrade(
        upgrade_request(&"t".repeat(TOKEN_BYTES)),
        Some("t".repeat(TOKEN_BYTES)),
        101,
    )
}

pub(super) fn rejected() -> Result<Prepared, PrepareError> {
    upgrade(
        upgrade_request(&"f".repeat(TOKEN_BYTES)),
        Some("t".repeat(TOKEN_BYTES)),
        401,
    )
}

struct Door {
    gate: Gate,
    limits: Limits,
    /// The token that opens it; none for a door that is open to whoever shows none.
    token: Option<String>,
}

fn upgrade(request: Vec<u8>, token: Option<String>, expected_status: u16) -> Result<Prepared, PrepareError> {
    let inputs = request.clone();
    let door = Door {
        gate: Gate::default(),
        limits: Limits::default(),
        token,
    };
    Ok(Prepared::with_input(
        door,
        move |_| Memory::new(vec![request.clone()], 1024),
        |door, stream| {
            let admit = |token: Option<&str>| {
                if token == door.token.as_deref() {
                    Ok(())
                } else {
                    Err(Refusal::Token)
                }
            };
            blocking::accept(stream, &door.gate, &door.limits, admit)
        },
        move |_, answer| {
            let status = match answer {
                Ok((websocket, ())) => status_line(&websocket.get_ref().written),
                Err(error) => match &**error {
                    tungstenite::Error::Http(response) => Some(response.status().as_u16()),
                    _ => None,
                },
            };
            check_eq("the status", &status, &Some(expected_status))
        },
    )
    .inputs(inputs))
}

fn status_line(response: &[u8]) -> Option<u16> {
    std::str::from_utf8(response).ok()?.split(' ').nth(1)?.parse().ok()
}
