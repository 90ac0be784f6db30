#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh SOURCE BUILD: what `meson install` puts where, and that a program builds and runs against it. Prints TAP.
set -u
source=$1 build=$2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
number=0 failed=0

check()
{
    number=$((number + 1))
    what=$1
    shift
    if "$@" >"$stage/log" 2>&1; then
        echo "ok $number - $what"
    else
        echo "not ok $number - $what"
        sed 's/^/# /' "$stage/log"
        failed=1
    fi
}

check "meson install" meson install -C "$build" --no-rebuild --destdir "$stage"
for tool in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do
    program=$(find "$stage" -path "*/bin/$tool")
    check "$tool starts" "$program" --version
    check "$tool --help names itself first" sh -c "'$program' --help | head -n 1 | grep -q '^$tool - '"
    check "$tool -h says the same" sh -c "'$program' --help >'$stage/a' && '$program' -h >'$stage/b' && cmp '$stage/a' '$stage/b'"
    check "$tool has a man page" sh -c "grep -q '^.TH $tool 1' \$(find '$stage' -path '*/man1/$tool.1')"
    check "$tool has completions" sh -c "[ \$(find '$stage' -name '$tool.bash' -o -name '_$tool' -o -name '$tool.fish' | wc -l) = 3 ]"
    check "bash reads the completion of $tool" bash -n "$(find "$stage" -name "$tool.bash")"
done
check "headers" test -f "$(find "$stage" -path '*/include/vs/check.h')"
config=$(dirname "$(find "$stage" -name vocabsurgeon.pc)")
flags=$(PKG_CONFIG_PATH=$config PKG_CONFIG_SYSROOT_DIR=$stage pkg-config --static --cflags --libs vocabsurgeon 2>&1)
check "a program builds against the installed library" cc -o "$stage/rows" "$source/samples/rows.c" $flags ${SANITIZE-}
check "a checkpoint" "$build/samples/make-checkpoint" small "$stage/small"
check "and the program runs" "$stage/rows" "$stage/small"
echo "1..$number"
exit $failed
