//! What stands between an outsider and VoiceFlow's data: sealing, key derivation, tokens, validation of requests, rate
//! limits and constant-time comparison.
//!
//! | module | answers |
//! |---|---|
//! | [`seal`] | how is a message encrypted so that no nonce can repeat under one key? |
//! | [`kdf`] | how does a passphrase become the keys of the parts? |
//! | [`token`] | is this token ours, for us, and valid now? |
//! | [`validate`] | does this request obey the protocol's rules? |
//! | [`limit`] | may this user ask again already? |
//! | [`compare`] | are these secrets equal, without telling where they differ? |
//!
//! All cryptography is ring's, the one library for it on the Rust side. This crate knows no socket, no file and no
//! database: bytes come in, bytes or a verdict go out. It logs nothing, and no error of it carries a secret, a token
//! or a value that a user sent.

pub mod compare;
pub mod kdf;
pub mod limit;
pub mod seal;
pub mod token;
pub mod validate;
