//! Whether a request obeys the protocol's rules.
//!
//! The rules stand on the protocol's types; here they are enforced, in an order that costs an attacker more than us:
//! bytes are capped before anything is parsed or counted, then the form, then each field's rules by validator. Its
//! errors carry a copy of the offending value, and counting characters walks the whole of a string; so the cap comes
//! first and the value is dropped at once. A [`Rejection`] names fields and codes, never what was sent: it may be
//! logged.

use std::borrow::Cow;
use std::fmt;

use serde::de::DeserializeOwned;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};
use voiceflow_protocol::limits::CLIENT_TEXT_BYTES_MAX;
use voiceflow_protocol::{
    ClientMessage, DecodeError, HistoryRequest, SearchRequest, Start, decode_client, decode_request,
};

/// A request type of the protocol: its rules, and how much text it carries.
pub trait Request: Validate {
    /// Bytes of all its text together, known without walking it.
    fn text_bytes(&self) -> usize;
}

impl Request for Start {
    fn text_bytes(&self) -> usize {
        let text = [&self.language, &self.device];
        text.into_iter().flatten().map(String::len).sum()
    }
}

impl Request for HistoryRequest {
    fn text_bytes(&self) -> usize {
        0
    }
}

impl Request for SearchRequest {
    fn text_bytes(&self) -> usize {
        self.query.len()
    }
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The field's name; nested ones joined by dots. Comes from the protocol's types, never from the request.
    pub field: Cow<'static, str>,
    /// What is wrong with it: the rule's name.
    pub code: Cow<'static, str>,
}

/// Why a request is refused: every broken rule, ordered by field and code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    violations: Vec<Violation>,
}

impl Rejection {
    /// The broken rules, at least one.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn whole_message(code: &'static str) -> Self {
        Self {
            violations: vec![Violation {
                field: Cow::Borrowed("message"),
                code: Cow::Borrowed(code),
            }],
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request is refused:")?;
        for (index, violation) in self.violations.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            write!(formatter, "{separator} {} ({})", violation.field, violation.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejection {}

/// Checks a request that is in memory already.
///
/// # Errors
/// A [`Rejection`] with every broken rule; or `message (too-large)` alone, without looking further.
pub fn check<T: Request>(request: &T) -> Result<(), Rejection> {
    if request.text_bytes() > CLIENT_TEXT_BYTES_MAX {
        return Err(Rejection::whole_message("too-large"));
    }
    request.validate().map_err(|errors| rejection(&errors))
}

/// Reads and checks a client's text frame.
///
/// # Errors
/// `message (too-large)` or `message (malformed)` by form, else as [`check`].
pub fn client_message(text: &str) -> Result<ClientMessage, Rejection> {
    let message = decode_client(text).map_err(|error| form_rejection(&error))?;
    match &message {
        ClientMessage::Start(start) => check(start)?,
        ClientMessage::End => {}
    }
    Ok(message)
}

/// Reads and checks a request that stands alone, such as [`SearchRequest`].
///
/// # Errors
/// As [`client_message`].
pub fn request<T: Request + DeserializeOwned>(json: &str) -> Result<T, Rejection> {
    let request = decode_request(json).map_err(|error| form_rejection(&error))?;
    check(&request)?;
    Ok(request)
}

/// The parser's own words may quote the message, so they end here.
fn form_rejection(error: &DecodeError) -> Rejection {
    match error {
        DecodeError::TooLarge { .. } => Rejection::whole_message("too-large"),
        DecodeError::Malformed { .. } => Rejection::whole_message("malformed"),
    }
}

fn rejection(errors: &ValidationErrors) -> Rejection {
    let mut violations = Vec::new();
    collect("", errors, &mut violations);
    // validator keeps fields in a hash map: sorting makes the answer the same each time.
    violations.sort_unstable();
    Rejection { violations }
}

#[expect(clippy::iter_over_hash_type, reason = "the caller sorts what is collected")]
fn collect(prefix: &str, errors: &ValidationErrors, violations: &mut Vec<Violation>) {
    for (field, kind) in errors.errors() {
        let path = if prefix.is_empty() {
            field.clone()
        } else {
            Cow::Owned(format!("{prefix}.{field}"))
        };
        match kind {
            ValidationErrorsKind::Field(broken) => violations.extend(broken.iter().map(|error| Violation {
                field: path.clone(),
                code: error.code.clone(),
            })),
            ValidationErrorsKind::Struct(nested) => collect(&path, nested, violations),
            ValidationErrorsKind::List(items) => {
                for (index, nested) in items {
                    collect(&format!("{path}.{index}"), nested, violations);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use validator::ValidationError;
    use voiceflow_protocol::Context;

    use super::*;

    fn rules(error: &Rejection) -> Vec<String> {
        error
            .violations()
            .iter()
            .map(|violation| format!("{} {}", violation.field, violation.code))
            .collect()
    }

    #[track_caller]
    fn refused<T: Request>(request: &T, expected: &[&str]) {
        assert_eq!(rules(&check(request).unwrap_err()), expected);
    }

    fn start() -> Start {
        Start {
            language: Some("en".into()),
            device: Some("Desk microphone".into()),
            ..Start::new(Context::Email)
        }
    }

    fn search(query: &str) -> SearchRequest {
        SearchRequest {
            query: query.into(),
            limit: 20,
            context: None,
        }
    }

    #[test]
    fn good_requests_of_every_type_pass() {
        assert_eq!(check(&start()), Ok(()));
        assert_eq!(check(&Start::new(Context::Notes)), Ok(()));
        assert_eq!(
            check(&HistoryRequest {
                limit: 200,
                before_unix_ms: Some(0),
                context: None
            }),
            Ok(())
        );
        assert_eq!(check(&search("quarterly report")), Ok(()));
        assert_eq!(client_message(r#"{"type":"end"}"#), Ok(ClientMessage::End));
        assert_eq!(request::<SearchRequest>(r#"{"query":"milk"}"#).unwrap().query, "milk");
    }

    #[test]
    fn every_field_of_every_type_is_checked() {
        refused(&Start { version: 9, ..start() }, &["version range"]);
        refused(
            &Start {
                sample_rate_hz: 44_100,
                ..start()
            },
            &["sample_rate_hz range"],
        );
        refused(
            &Start {
                language: Some("english".into()),
                ..start()
            },
            &["language length"],
        );
        refused(
            &Start {
                language: Some("EN".into()),
                ..start()
            },
            &["language lower-case"],
        );
        refused(
            &Start {
                device: Some(String::new()),
                ..start()
            },
            &["device length"],
        );
        refused(
            &Start {
                device: Some("a\nb".into()),
                ..start()
            },
            &["device control-character"],
        );
        refused(
            &HistoryRequest {
                limit: 0,
                before_unix_ms: None,
                context: None,
            },
            &["limit range"],
        );
        refused(
            &HistoryRequest {
                limit: 201,
                before_unix_ms: Some(-1),
                context: None,
            },
            &["before_unix_ms range", "limit range"],
        );
        refused(&search(""), &["query length", "query no-word"]);
        refused(&search("?!"), &["query no-word"]);
        refused(&search("milk\0"), &["query control-character"]);
    }

    #[test]
    fn all_broken_rules_come_at_once_and_in_order() {
        let start = Start {
            version: 0,
            sample_rate_hz: 8_000,
            language: Some("X1".into()),
            device: Some("\t".into()),
            ..start()
        };
        for _ in 0..20 {
            refused(
                &start,
                &[
                    "device control-character",
                    "language lower-case",
                    "sample_rate_hz range",
                    "version range",
                ],
            );
        }
    }

    #[test]
    fn too_much_text_is_refused_before_the_rules_run() {
        refused(&search(&"word ".repeat(13_000)), &["message too-large"]);
        refused(
            &Start {
                device: Some("x".repeat(64 * 1024)),
                ..start()
            },
            &["message too-large"],
        );
        let error = client_message(&format!(r#"{{"type":"start","device":"{}"}}"#, "x".repeat(64 * 1024))).unwrap_err();
        assert_eq!(rules(&error), ["message too-large"]);
    }

    #[test]
    fn a_rejection_never_repeats_what_was_sent() {
        let secret = "hunter2";
        let rejections = [
            check(&Start {
                language: Some(secret.into()),
                ..start()
            })
            .unwrap_err(),
            check(&search(&format!("\u{7}{secret}"))).unwrap_err(),
            client_message(&format!(r#"{{"type":"{secret}"}}"#)).unwrap_err(),
            client_message(&format!(r#"{{"type":"start","{secret}":1}}"#)).unwrap_err(),
            request::<HistoryRequest>(&format!(r#"{{"limit":"{secret}"}}"#)).unwrap_err(),
        ];
        for rejection in rejections {
            assert!(!format!("{rejection} {rejection:?}").contains(secret), "{rejection}");
        }
    }

    #[test]
    fn nested_errors_are_named_by_their_path() {
        let mut inner = ValidationErrors::new();
        inner.add("text", ValidationError::new("length"));
        let mut list = ValidationErrors::new();
        list.errors_mut()
            .insert("rows".into(), ValidationErrorsKind::List([(3, Box::new(inner))].into()));
        let mut outer = ValidationErrors::new();
        outer
            .errors_mut()
            .insert("page".into(), ValidationErrorsKind::Struct(Box::new(list)));
        assert_eq!(
            rejection(&outer).to_string(),
            "the request is refused: page.rows.3.text (length)"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_answered_and_what_passes_obeys_the_rules(text in ".{0,300}") {
            let _ = client_message(&text);
            if check(&search(&text)).is_ok() {
                prop_assert!((1..=256).contains(&text.chars().count()) && text.chars().any(char::is_alphanumeric));
            }
        }
    }
}
