//! Tells `xtask` which target it was built for: cargo names the linker's variable after it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=VOICEFLOW_TARGET={target}");
}
