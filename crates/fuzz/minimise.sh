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
find "corpus/$target" -type f ! -name 'seed-*' ! -name 'finding-*' -delete
# Smallest first, up to what a target may have in the repository.
bytes_left=16384
for file in $(ls -S -r "$kept"); do
    # A seed or finding that was kept lies there under its own name already.
    for seed in "corpus/$target"/seed-* "corpus/$target"/finding-*; do
        if cmp -s "$kept/$file" "$seed"; then continue 2; fi
    done
    bytes_left=$((bytes_left - $(wc -c <"$kept/$file")))
    if [ "$bytes_left" -lt 0 ]; then break; fi
    cp "$kept/$file" "corpus/$target/"
done
du -sh "corpus/$target"
