#!/bin/sh
# Replaces what fuzzing has added to a target's corpus by the smallest set of inputs that reaches the same code. Seeds stay.
set -eu
cd "$(dirname "$0")"
target=${1:?usage: minimise.sh TARGET}
kept=$(mktemp -d)
trap 'rm -rf "$kept"' EXIT
# libFuzzer merges the corpus, which run.sh names last, into the folder that comes first.
# Reached or not is what counts here, not how often: otherwise the corpora grow beyond what one wants to commit.
./run.sh "$target" -use_counters=0 -merge=1 "$kept"
find "corpus/$target" -type f ! -name 'seed-*' -delete
for file in "$kept"/*; do
    # A seed that was kept lies there under its own name already.
    for seed in "corpus/$target"/seed-*; do
        if cmp -s "$file" "$seed"; then continue 2; fi
    done
    cp "$file" "corpus/$target/"
done
du -sh "corpus/$target"
