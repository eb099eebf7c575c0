//! What the lock file pins for one package: counts stay comparable when a dependency changes that the crate never sees.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// The packages a `Cargo.lock` names.
#[derive(Debug, Deserialize)]
pub(crate) struct Lockfile {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lockfile {
    /// Reads the lock file of the workspace at `root`.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let path = root.join("Cargo.lock");
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The one version of a package, where there is one.
    pub(crate) fn version(&self, name: &str) -> Option<&str> {
        self.package
            .iter()
            .find(|package| package.name == name)
            .map(|package| package.version.as_str())
    }

    /// SHA-256 over name, version and checksum of everything `name` depends on from outside the workspace, directly or
    /// not, in a fixed order.
    pub(crate) fn dependencies_sha256(&self, name: &str) -> String {
        let by_name = self.by_name();
        let mut reached = BTreeSet::new();
        let mut open: Vec<&Package> = by_name.get(name).into_iter().flatten().copied().collect();
        while let Some(package) = open.pop() {
            if reached.insert((&package.name, &package.version, &package.checksum)) {
                open.extend(
                    package
                        .dependencies
                        .iter()
                        .flat_map(|dependency| named_by(&by_name, dependency)),
                );
            }
        }
        let mut digest = Sha256::new();
        for (name, version, checksum) in reached {
            // Packages without a checksum are the workspace's own: their code is what is compared.
            if let Some(checksum) = checksum {
                digest.update(format!("{name} {version} {checksum}\n"));
            }
        }
        hex(&digest.finalize())
    }

    fn by_name(&self) -> BTreeMap<&str, Vec<&Package>> {
        let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in &self.package {
            by_name.entry(&package.name).or_default().push(package);
        }
        by_name
    }
}

/// A dependency is written as `name`, or as `name version` where several versions are locked.
fn named_by<'a>(by_name: &BTreeMap<&str, Vec<&'a Package>>, dependency: &str) -> Vec<&'a Package> {
    let mut words = dependency.split(' ');
    let name = words.next().unwrap_or_default();
    let version = words.next();
    by_name
        .get(name)
        .into_iter()
        .flatten()
        .filter(|package| version.is_none_or(|version| version == package.version))
        .copied()
        .collect()
}

/// Bytes as lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4
[[package]]
name = "ours"
version = "0.1.0"
dependencies = ["a", "b 2.0.0"]
[[package]]
name = "a"
version = "1.0.0"
checksum = "aa"
[[package]]
name = "b"
version = "1.0.0"
checksum = "b1"
[[package]]
name = "b"
version = "2.0.0"
checksum = "b2"
dependencies = ["a"]
[[package]]
name = "unrelated"
version = "3.0.0"
checksum = "cc"
"#;

    fn digest(lock: &str) -> String {
        Lockfile::parse(lock).expect("parses").dependencies_sha256("ours")
    }

    #[test]
    fn only_what_the_package_reaches_counts() {
        let before = digest(LOCK);
        assert_eq!(before, digest(&LOCK.replace("\"cc\"", "\"dd\"")));
        assert_eq!(before, digest(&LOCK.replace("\"b1\"", "\"dd\"")));
        assert_ne!(before, digest(&LOCK.replace("\"b2\"", "\"dd\"")));
        assert_ne!(before, digest(&LOCK.replace("\"aa\"", "\"dd\"")));
    }

    #[test]
    fn the_version_of_a_package_is_found() {
        let lock = Lockfile::parse(LOCK).expect("parses");
        assert_eq!(lock.version("a"), Some("1.0.0"));
        assert_eq!(lock.version("z"), None);
    }
}
