#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# aarch64.sh SOURCE BUILD SANITIZE: the kernels, built for 64-bit Arm in BUILD, and checkops there under emulation (TAP):
# portable and NEON give the bits of the reference and the golden hashes.
set -u
for tool in aarch64-linux-gnu-gcc qemu-aarch64 meson ninja; do
    if ! command -v $tool >/dev/null; then
        echo "1..0 # SKIP no $tool (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)"
        exit 0
    fi
done
{
    if [ ! -f "$2/build.ninja" ]; then
        meson setup "$2" "$1" --cross-file "$1/tests/cross/aarch64.ini" -Dkernels-only=true -Dcuda=disabled \
            "-Db_sanitize=$3" -Db_lundef=false -Dc_args=-fno-sanitize-recover=all
    fi && ninja -C "$2"
} >"$2.log" 2>&1 || {
    tail -n 40 "$2.log" >&2
    echo "Bail out! no build for 64-bit Arm: see $2.log"
    exit 1
}
export ASAN_OPTIONS=exitcode=99:detect_leaks=0 # nothing can be traced under emulation
exec qemu-aarch64 -L /usr/aarch64-linux-gnu "$2/tests/kernels/checkops"
