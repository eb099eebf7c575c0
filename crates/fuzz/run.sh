#!/bin/sh
# Builds one fuzz target with coverage on the stable toolchain and runs it; what follows the target goes to libFuzzer.
# README.md says more.
set -eu
cd "$(dirname "$0")"
target=${1:?usage: run.sh TARGET [libFuzzer options]}
shift
host=$(rustc -vV | sed -n 's/^host: //p')
features=
if [ "$target" = gguf ]; then features="--features models"; fi
# The coverage pass as cargo-fuzz asks for it. `--target` keeps it out of build scripts.
RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --quiet --release --target "$host" $features --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
exec "${CARGO_TARGET_DIR:-target}/$host/release/$target" -artifact_prefix="artifacts/$target/" "$@" "corpus/$target"
