# SPDX-License-Identifier: Apache-2.0
# What the quickstart and the test runner share: packages and the build. Sourced, not run.

packages='gcc g++ meson ninja-build pkg-config libc6-dev libcjson-dev zlib1g-dev libpcre2-dev libutf8proc-dev libssl-dev'
test_packages='libcriterion-dev python3 python3-venv'
cross_packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user' # tests/cross is skipped without them

missing_packages()
{
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
    done
}

# Installs the named Debian or Ubuntu packages when that is possible, otherwise prints the one line to run.
need_packages()
{
    command -v dpkg-query >/dev/null 2>&1 || return 0   # not Debian: the build says what it lacks
    lacking=$(missing_packages "$@")
    [ -n "$lacking" ] || return 0
    sudo=
    if [ "$(id -u)" != 0 ]; then
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
            sudo=sudo
        else
            printf 'Some packages are missing. Run this line, then run me again:\n\n    sudo apt-get install -y %s\n\n' "$lacking" >&2
            exit 4
        fi
    fi
    echo "installing packages, which takes a minute: $lacking"
    $sudo apt-get update -qq >/dev/null
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lacking >/dev/null
}

# build_in DIR [meson options]: configures (again where options ask for what the first time did not know), builds, shows
# only what went wrong.
build_in()
{
    build=$1
    shift
    log=$build.log
    echo "building in $build (log: $log); the first time takes minutes"
    {
        if [ ! -f "$build/build.ninja" ]; then
            meson setup "$build" "$@"
        elif [ $# -gt 0 ]; then
            meson configure "$build" "$@"
        fi && ninja -C "$build"
    } >"$log" 2>&1 && return 0
    tail -n 40 "$log" >&2
    echo "the build failed; its whole log is $log" >&2
    exit 4
}
