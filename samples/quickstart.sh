#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh machine to a verified, extended checkpoint: packages, build, and all five tools on a small model.
set -eu
cd "$(dirname "$0")/.."
. samples/setup.sh
need_packages $packages
build_in build
PATH=$PWD/build/tools:$PWD/build/samples:$PATH
demo=build/quickstart
rm -rf "$demo"
mkdir "$demo"
cd "$demo"

# A command as one would type it, then what it says: its talk too, so that a log of this holds both in order.
show()
{
    printf '\n$'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./=-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@" 2>&1
}

echo "== a small checkpoint, and a German tokenizer to extend it with"
make-checkpoint small base
make-checkpoint small-german german

echo "== 1. what is here"
show vocab-inspect base
echo "== 2. merge the tokenizers: base ids never move"
show vocab-merge base german --add-special '<|de|>' -o merged
echo "== 3. give the new tokens rows: old rows stay bit-identical"
show embed-extend base --map merged/vocab-map.json -o extended
echo "== 4. modality blocks, if the model had any, would have to move"
show offset-patch base --map merged/vocab-map.json --check
echo "== 5. prove the result"
show vocab-check extended --base base --map merged/vocab-map.json --receipt extended/receipt.json

cat <<END

Done. The extended checkpoint is in $demo/extended; what each new row was made of is in
$demo/merged/vocab-map.json, what was written and with which SHA-256 in $demo/extended/receipt.json.

The tools are in build/tools; "meson install -C build" puts them where they belong. Each has --help and a man page.
With a model of your own, begin with

    build/tools/vocab-inspect MODEL
    build/tools/vocab-check MODEL

where MODEL is the directory that holds its config.json; README.md and samples/walkthroughs show the way on from there.
END
