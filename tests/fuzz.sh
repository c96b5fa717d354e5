#!/usr/bin/env bash
# Every fuzz target for SECONDS each; what was found before is in tests/corpus/NAME.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=$1
failed=0
mkdir -p build/fuzz/findings
for target in build/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=$(basename "$target")
    mkdir -p "build/fuzz/corpus/$name"
    seeds=$([ -d "tests/corpus/$name" ] && echo "tests/corpus/$name")
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        -artifact_prefix="build/fuzz/findings/$name-" "build/fuzz/corpus/$name" $seeds >"build/fuzz/$name.log" 2>&1; then
        echo "passed  $name  $(grep -oE '#[0-9]+' "build/fuzz/$name.log" | tail -n 1) runs"
    else
        echo "FAILED  $name: see build/fuzz/$name.log"
        failed=$((failed + 1))
    fi
done
exit "$((failed > 0))"
