#!/usr/bin/env bash
# All tests, after ./run has built them. MILLRACE_TEST_FORM: "test" (short) or "long".
# The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/.."
export MILLRACE=${MILLRACE:-$PWD/build/release/millrace}
passed=0
failed=0

suite() { # name command...
    local name=$1
    shift
    local log="build/tests/$name.log" began=$SECONDS
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "passed  $name  ($((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        echo "FAILED  $name  ($((SECONDS - began)) s), the end of $log:"
        tail -n 60 "$log" | sed 's/^/    /'
    fi
}

mkdir -p build/tests
interop_s=300
system_s=900
[ "${MILLRACE_TEST_FORM:-test}" = long ] && interop_s=14400 && system_s=14400
suite unit ctest --test-dir build/dev --output-on-failure -j "$(nproc)" --timeout 300
seeds=200
[ "${MILLRACE_TEST_FORM:-test}" = long ] && seeds=10000
suite simulation timeout 3600 build/release/tests/sim/sim_chain --seeds "$seeds" --minutes 10 --jobs "$(nproc)"
for script in tests/system/*_test.py; do
    [ -e "$script" ] && suite "system-$(basename "$script" _test.py)" timeout "$system_s" python3 "$script"
done
# The matrix is where several loops have to be one hub; the others run on as many as there are cores.
matrix() { # loops
    suite "interop-matrix-$1-loops" env MILLRACE_HUB_OPTIONS="--loops $1" timeout 600 node tests/interop/launch.mjs tests/interop/matrix.test.mjs
}
matrix 8
[ "${MILLRACE_TEST_FORM:-test}" = long ] && matrix 1
for script in tests/interop/*.test.mjs; do
    [ "$script" = tests/interop/matrix.test.mjs ] && continue
    [ -e "$script" ] && suite "interop-$(basename "$script" .test.mjs)" timeout "$interop_s" node tests/interop/launch.mjs "$script"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
