//! The decisions of the door, case by case, without a socket.

use tungstenite::handshake::server::Request;
use voiceflow_transport::{Gate, PATH, Refusal, TOKEN_BYTES_MAX};

/// Sends a request with `headers` to `path` through a gate for `https://app.example`; a decision holds the token seen.
fn check(path: &str, headers: &[(&str, &str)], expected: Result<Option<&str>, Refusal>) {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let gate = Gate {
        origins: vec!["https://app.example".to_owned()],
    };
    let decision = gate.decide(&request.body(()).unwrap(), |token| Ok(token.map(str::to_owned)));
    assert_eq!(
        decision.as_ref().map(Option::as_deref).map_err(|refusal| *refusal),
        expected,
        "{path} {headers:?}"
    );
}

const PROTOCOL: &str = "Sec-WebSocket-Protocol";

#[test]
fn tokens_come_in_a_header_or_beside_the_sub_protocol() {
    check(PATH, &[], Ok(None));
    check(PATH, &[("Authorization", "Bearer a.b.c")], Ok(Some("a.b.c")));
    check(PATH, &[("authorization", "bearer  a.b.c ")], Ok(Some("a.b.c")));
    check(PATH, &[(PROTOCOL, "voiceflow.v1")], Ok(None));
    check(PATH, &[(PROTOCOL, "voiceflow.v1, bearer.a.b.c")], Ok(Some("a.b.c")));
    check(
        PATH,
        &[(PROTOCOL, "bearer.a.b.c"), (PROTOCOL, "voiceflow.v1")],
        Ok(Some("a.b.c")),
    );
}

#[test]
fn doubtful_tokens_never_reach_the_handler() {
    let long = format!("Bearer {}", "x".repeat(TOKEN_BYTES_MAX + 1));
    let cases: &[&[(&str, &str)]] = &[
        &[("Authorization", "Basic dTpw")],
        &[("Authorization", "Bearer")],
        &[("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        &[("Authorization", "Bearer a"), (PROTOCOL, "voiceflow.v1, bearer.b")],
        &[("Authorization", &long)],
    ];
    for headers in cases {
        check(PATH, headers, Err(Refusal::Token));
    }
}

#[test]
fn other_doors_are_shut() {
    check("/", &[], Err(Refusal::UnknownPath));
    check(&format!("{PATH}/"), &[], Err(Refusal::UnknownPath));
    check(&format!("{PATH}?token=a"), &[], Err(Refusal::Query));
    check(PATH, &[(PROTOCOL, "soap")], Err(Refusal::Subprotocol));
    check(PATH, &[(PROTOCOL, "bearer.a")], Err(Refusal::Subprotocol));
}

#[test]
fn origins_match_as_a_whole() {
    check(PATH, &[("Origin", "https://app.example")], Ok(None));
    for origin in [
        "null",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil",
        "",
    ] {
        check(PATH, &[("Origin", origin)], Err(Refusal::Origin));
    }
    check(
        PATH,
        &[("Origin", "https://app.example"), ("Origin", "https://evil")],
        Err(Refusal::Origin),
    );
}

#[test]
fn the_cheapest_check_comes_first() {
    let gate = Gate::default();
    let request = Request::builder()
        .uri(PATH)
        .header("Origin", "https://evil")
        .body(())
        .unwrap();
    let decision = gate.decide::<()>(&request, |_| panic!("the token is not looked at"));
    assert_eq!(decision, Err(Refusal::Origin));
}
