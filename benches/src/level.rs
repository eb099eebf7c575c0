//! How much security a pipeline has: four levels, each with all of the one before it.

/// From nothing to everything the service offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A plain database, no token, no validation, no limit on the rate, an open connection.
    None,
    /// The database is encrypted.
    Encryption,
    /// The same, and clients show a token.
    Authentication,
    /// The same, and requests are validated and counted against each user's rate, over TLS 1.3.
    Full,
}

impl Level {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 4] = [Self::None, Self::Encryption, Self::Authentication, Self::Full];

    /// The word in ids and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Encryption => "encryption",
            Self::Authentication => "authentication",
            Self::Full => "full",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    /// Whether the connection is under TLS.
    #[must_use]
    pub fn has_tls(self) -> bool {
        self == Self::Full
    }

    /// Whether each user's rate is limited. The limit of [`Level::settings`] is one that no benchmark reaches: what
    /// counting costs is measured, not what refusing does.
    #[must_use]
    pub fn has_rate_limit(self) -> bool {
        self == Self::Full
    }

    /// The service's settings of this level (TOML). TLS is left to whoever has a certificate.
    #[must_use]
    pub fn settings(self) -> String {
        let encryption = self >= Self::Encryption;
        let authentication = self >= Self::Authentication;
        let validation = self >= Self::Full;
        format!(
            "security.encryption = {encryption}\n\
             database.encryption = {encryption}\n\
             security.authentication = {authentication}\n\
             security.input_validation = {validation}\n\
             security.requests_per_minute = 1_000_000\n\
             security.request_burst = 1_000_000\n"
        )
    }
}

/// The order in which one block visits the levels: four rounds of all four. In a block each level stands once at each
/// place and follows each other level once (Williams 1949, Australian Journal of Scientific Research A 2: balanced for
/// what a measurement leaves to the next). Every other block runs backwards, so that a drift does not always find the
/// same level first.
#[must_use]
pub fn block_order(block: usize) -> [[Level; 4]; 4] {
    const SEQUENCES: [[usize; 4]; 4] = [[0, 1, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
    let mut order = SEQUENCES;
    order.rotate_left(block / 2 % 4);
    if block % 2 == 1 {
        order.reverse();
    }
    order.map(|sequence| sequence.map(|place| Level::ALL[place]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use voiceflow_service::config::Config;

    use super::*;

    #[test]
    fn each_level_has_all_of_the_one_before_it() {
        let switches = Level::ALL.map(|level| {
            let config = Config::parse(&level.settings(), Path::new("level.toml")).expect("good settings");
            let switches = [
                *config.database.encryption.get_ref(),
                *config.security.encryption.get_ref(),
                config.security.authentication,
                config.security.input_validation,
                level.has_tls(),
                level.has_rate_limit(),
            ];
            switches.map(u8::from)
        });
        assert_eq!(
            switches,
            [
                [0, 0, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0],
                [1, 1, 1, 0, 0, 0],
                [1, 1, 1, 1, 1, 1]
            ]
        );
    }

    #[test]
    fn a_level_is_found_by_its_name() {
        for level in Level::ALL {
            assert_eq!(Level::named(level.as_str()), Some(level));
        }
        assert_eq!(Level::named("some"), None);
    }

    #[test]
    fn in_every_block_each_level_has_each_place_and_each_predecessor_once() {
        for block in 0..9 {
            let order = block_order(block);
            for place in 0..4 {
                let at_place: BTreeSet<Level> = order.iter().map(|sequence| sequence[place]).collect();
                assert_eq!(at_place.len(), 4, "block {block}, place {place}");
            }
            let neighbours: BTreeSet<(Level, Level)> = order
                .iter()
                .flat_map(|sequence| sequence.windows(2).map(|pair| (pair[0], pair[1])))
                .collect();
            assert_eq!(neighbours.len(), 12, "block {block}");
        }
        assert_ne!(block_order(0), block_order(1));
    }
}
