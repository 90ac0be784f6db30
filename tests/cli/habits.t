What all five programs have in common.

Help goes to standard output, and -h wins over everything else on the line.

  $ for t in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do $t --no-such -h 2>&1 >/dev/null; $t -h | head -n 1; done
  vocab-inspect - show what is in a model: tokenizer, tables, config, special ids
  vocab-merge - merge tokenizers so that base ids never move
  embed-extend - grow the embedding tables of a checkpoint; old rows stay bit-identical
  offset-patch - move audio and vision ids, offsets and sizes when the text vocabulary grows
  vocab-check - prove that tokenizer, config and tables belong together
  $ for t in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do $t --version; done
  vocab-inspect (vocabsurgeon) 0.1.0
  vocab-merge (vocabsurgeon) 0.1.0
  embed-extend (vocabsurgeon) 0.1.0
  offset-patch (vocabsurgeon) 0.1.0
  vocab-check (vocabsurgeon) 0.1.0

A usage error is status 2, on standard error, and names the remedy.

  $ vocab-inspect
  vocab-inspect: missing operand: vocab-inspect PATH... [OPTION...]
    try: vocab-inspect --help
  [2]
  $ vocab-merge --no-such base
  vocab-merge: unknown option --no-such
    try: vocab-merge --help
  [2]
  $ embed-extend base --rows many -o out
  embed-extend: --rows many: expected a number from 0 on
    try: embed-extend --help
  [2]
  $ embed-extend base --seed
  embed-extend: --seed needs N
    try: embed-extend --help
  [2]
  $ vocab-check base --device gpu
  vocab-check: --device gpu: expected auto|cpu|cuda
    try: vocab-check --help
  [2]
  $ offset-patch base --check=yes
  offset-patch: --check takes no value
    try: offset-patch --help
  [2]
  $ vocab-check a b
  vocab-check: unexpected operand b
    try: vocab-check --help
  [2]

A name that is nearly right is set right.

  $ vocab-merge base --add-tokens x -o out
  vocab-merge: unknown option --add-tokens: is --add-token meant?
    try: vocab-merge --help
  [2]
  $ vocab-inspect --row base
  vocab-inspect: unknown option --row: is --rows meant?
    try: vocab-inspect --help
  [2]

Numbers that make no sense are refused, not rounded in silence; so is a directory of data that is not there.

  $ embed-extend base --add 1 --memory 10 -n
  embed-extend: --memory 10: expected a size such as 64M or 1G, at least 1M
    try: embed-extend --help
  [2]
  $ vocab-check base --threads 0
  vocab-check: --threads 0: expected a number from 1 on
    try: vocab-check --help
  [2]
  $ vocab-check base --threads -1
  vocab-check: --threads -1: expected a number from 1 on
    try: vocab-check --help
  [2]
  $ embed-extend base --pad-multiple 1048577 -n
  embed-extend: --pad-multiple 1048577: expected a number of at most 1048576
    try: embed-extend --help
  [2]
  $ vocab-check base --generate 99999999999999999999
  vocab-check: --generate 99999999999999999999: expected a number of at most 100000
    try: vocab-check --help
  [2]
  $ embed-extend base --seed 9223372036854775808 -n
  embed-extend: --seed 9223372036854775808: expected a number of at most 9223372036854775807
    try: embed-extend --help
  [2]
  $ vocab-inspect base --data-dir nowhere
  vocab-inspect: --data-dir nowhere: found no directory there, expected one with files as in schemas/
    try: vocab-inspect --help
  [2]

--memory and --threads are options of the tools that read weights; a page of the manual does not send to itself.

  $ vocab-merge base --memory 64M -n
  vocab-merge: unknown option --memory
    try: vocab-merge --help
  [2]
  $ for t in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do $t -h | grep -A 1 'exit status'; $t --help-man | tail -n 1; done
  exit status: 0 done; 2 usage; 3 input missing, malformed or unsupported; 4 could not write, no
               memory; 130 interrupted
  vocab\-merge(1), embed\-extend(1), offset\-patch(1), vocab\-check(1)
  exit status: 0 done; 2 usage; 3 input missing, malformed or unsupported; 4 could not write, no
               memory; 130 interrupted
  vocab\-inspect(1), embed\-extend(1), offset\-patch(1), vocab\-check(1)
  exit status: 0 done; 2 usage; 3 input missing, malformed or unsupported; 4 could not write, no
               memory; 130 interrupted
  vocab\-inspect(1), vocab\-merge(1), offset\-patch(1), vocab\-check(1)
  exit status: 0 done; 1 what must hold does not (--check); 2 usage; 3 input missing, malformed or
               unsupported; 4 could not write, no memory; 130 interrupted
  vocab\-inspect(1), vocab\-merge(1), embed\-extend(1), vocab\-check(1)
  exit status: 0 done; 1 findings at or above --fail-on; 2 usage; 3 input missing, malformed or
               unsupported; 4 could not write, no memory, no device; 130 interrupted
  vocab\-inspect(1), vocab\-merge(1), embed\-extend(1), offset\-patch(1)
  $ for t in vocab-merge embed-extend; do $t -h | grep ^usage; done
  usage: vocab-merge BASE [EXT...] (-o OUT | -n) [OPTION...]
  usage: embed-extend MODEL (--map FILE | --tokenizer DIR | --add N | --rows N) (-o OUT | -n) [OPTION...]

A mistake in the request itself is a usage error too.

  $ make-checkpoint small base
  $ embed-extend base --add 5
  embed-extend: where to? expected -o OUT (or -n to see the plan)
    try: embed-extend --help
  [2]
  $ embed-extend base --add 5 --rows 600 -o out
  embed-extend: --map, --tokenizer, --add and --rows each say how many rows are needed: expected one of them, found 2
  [2]
  $ offset-patch base -o out
  offset-patch: for which tokens? expected --map FILE or --add N (or --check alone)
    try: offset-patch --help
  [2]
  $ offset-patch base --add 5
  offset-patch: where to? expected -o OUT or --in-place (or --check or -n to see the plan)
    try: offset-patch --help
  [2]
  $ offset-patch base --add 5 -o out --in-place
  offset-patch: -o OUT, --in-place and --check exclude each other
    try: offset-patch --help
  [2]
  $ vocab-merge base
  vocab-merge: where to? expected -o OUT (or -n to see the plan)
    try: vocab-merge --help
  [2]
  $ ls
  base

Output that cannot be written is status 4.

  $ vocab-inspect base > /dev/full
  vocab-inspect: standard output: No space left on device
  [4]
  $ vocab-inspect --json base > /dev/full
  vocab-inspect: standard output: No space left on device
  [4]
  $ vocab-check base > /dev/full
  vocab-check: standard output: No space left on device
  [4]
  $ vocab-merge --help > /dev/full
  vocab-merge: standard output: No space left on device
  [4]

  $ vocab-merge base --add-token x -o unwritten > /dev/full; ls
  vocab-merge: standard output: No space left on device
  base
  $ vocab-merge base --add-token x -q -o unwritten > /dev/full; ls
  vocab-merge: standard output: No space left on device
  base

The tools that write tell first and show their output then: where the report cannot be written, there is no output.

  $ for how in -q --json ''; do embed-extend base --add 2 $how -o unwritten > /dev/full; echo $?; done; ls
  embed-extend: standard output: No space left on device
  4
  embed-extend: standard output: No space left on device
  4
  embed-extend: standard output: No space left on device
  4
  base
  $ make-checkpoint gemma3n gemma && cp gemma/config.json before.json
  $ for how in -q --json ''; do offset-patch gemma --add 2 $how -o unwritten > /dev/full; echo $?; done; ls
  offset-patch: standard output: No space left on device
  4
  offset-patch: standard output: No space left on device
  4
  offset-patch: standard output: No space left on device
  4
  base
  before.json
  gemma
  $ for how in -q --json ''; do offset-patch gemma --add 2 $how --in-place > /dev/full 2> /dev/null; echo $?; done; cmp gemma/config.json before.json && rm -r gemma before.json
  4
  4
  4

Whoever has seen enough of the report stops nothing.

  $ embed-extend base --add 2 -q -o piped | true; embed-extend base --add 2 -q -o read
  read
  $ diff -r piped read && rm -r piped read

The place that was asked for is named, and the one that refuses.

  $ vocab-merge base --add-token x -q -o /proc/out
  vocab-merge: /proc/out: cannot make it in the directory /proc: ...
  [4]

Whoever reads no further has seen enough: a tool ends as other filters do, by the signal and without a word (128 + 13 in a shell), and
what it writes is complete. Where the signal is ignored it is a failure to write.

  $ mkfifo pipe
  $ cat > unread.sh <<'END'
  > (exec > pipe; until test -e gone; do sleep 0.05; done; "$@"; echo "ended with $?" > status) &
  > true < pipe
  > touch gone
  > wait
  > cat status
  > rm gone status
  > END
  $ sh unread.sh vocab-inspect base
  ended with 141
  $ sh unread.sh vocab-merge base --add-token x -o written; ls written; rm -r written
  wrote written
  ended with 141
  tokenizer.json
  tokenizer_config.json
  vocab-map.json
  $ trap '' PIPE; sh unread.sh vocab-inspect base; rm pipe unread.sh
  vocab-inspect: standard output: Broken pipe
  ended with 4

Options may stand anywhere, `--` ends them, a missing input is status 3.

  $ vocab-inspect base --json | head -c 40
  {"schema":"vocabsurgeon/facts/1","path":
  $ vocab-inspect -- --json
  vocab-inspect: --json: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  [3]
  $ vocab-inspect nowhere
  vocab-inspect: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  [3]

  $ for t in vocab-inspect vocab-check; do $t nowhere; done; vocab-merge nowhere --add-token x -n; vocab-merge base nowhere -n; for t in embed-extend offset-patch; do $t nowhere --add 3 -n; done
  vocab-inspect: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  vocab-check: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  vocab-merge: nowhere: not found; expected a directory with a tokenizer.json, or such a file
  vocab-merge: nowhere: not found; expected a directory with a tokenizer.json, or such a file
  embed-extend: nowhere: not found; expected a model directory or a .safetensors file
  offset-patch: nowhere: not found; expected a model directory
  [3]
  $ embed-extend base --tokenizer nowhere -n
  embed-extend: nowhere: not found; expected a directory with a tokenizer.json, or such a file
  [3]
  $ for t in vocab-inspect vocab-check embed-extend offset-patch; do case $t in e*|o*) add='--add 3 -n';; *) add=;; esac; $t base/config.json $add; done
  vocab-inspect: base/config.json: found a file of a model; give the directory that it stands in
  vocab-check: base/config.json: found a file of a model; give the directory that it stands in
  embed-extend: base/config.json: found a JSON file; expected a model directory or a .safetensors file
  offset-patch: base/config.json: found a file; expected a model directory, such as the one that it stands in
  [3]
  $ offset-patch base/model.safetensors --check
  offset-patch: base/model.safetensors: found a file; expected a model directory, such as the one that it stands in
  [3]
  $ mkdir -p cache/models--a--b/snapshots/1; for t in vocab-inspect 'vocab-merge -n --add-token x' 'embed-extend -n --add 1' vocab-check; do $t cache/models--a--b; done; rm -r cache
  vocab-inspect: cache/models--a--b: found an entry of a Hugging Face cache, expected one of its snapshots: cache/models--a--b/snapshots/...
  vocab-merge: cache/models--a--b: found an entry of a Hugging Face cache, expected one of its snapshots: cache/models--a--b/snapshots/...
  embed-extend: cache/models--a--b: found an entry of a Hugging Face cache, expected one of its snapshots: cache/models--a--b/snapshots/...
  vocab-check: cache/models--a--b: found an entry of a Hugging Face cache, expected one of its snapshots: cache/models--a--b/snapshots/...
  $ mkdir alone && cp base/tokenizer.json alone && embed-extend alone --add 1 -n; rm -r alone
  embed-extend: alone: found a tokenizer alone, expected a model: config.json, *.safetensors, or shards with their model.safetensors.index.json

A GGUF file is looked into, and not written: the tools that write refuse it by its name.

  $ printf 'GGUF' > model.gguf && vocab-inspect model.gguf
  vocab-inspect: model.gguf: 4 bytes; a GGUF file has at least 24
  [3]
  $ vocab-check model.gguf
  vocab-check: model.gguf: 4 bytes; a GGUF file has at least 24
  [3]
  $ vocab-merge model.gguf base -o m
  vocab-merge: model.gguf: found GGUF weights; this format is not handled yet: expected a tokenizer.json
  [3]
  $ vocab-merge base model.gguf -o m
  vocab-merge: model.gguf: found GGUF weights; this format is not handled yet: expected a tokenizer.json
  [3]
  $ embed-extend model.gguf --add 5 -o m
  embed-extend: model.gguf: found GGUF weights, which are not handled yet: expected .safetensors files
  [3]
  $ offset-patch model.gguf --add 5 -n
  offset-patch: model.gguf: found GGUF weights, which are not handled yet: expected .safetensors files
  [3]
  $ rm model.gguf

Outputs never go into an input, through a link, or over something that is there.

  $ embed-extend base --add 5 -o base
  embed-extend: base: is the input itself; choose another directory
  [4]
  $ embed-extend base --add 5 -o base/inside
  embed-extend: base/inside: lies in the input directory base; choose another place
  [4]
  $ mkdir -p diary && touch diary/monday && embed-extend base --add 5 -o diary --force
  embed-extend: diary: exists and holds monday, but no receipt, config or tokenizer: it is no output of these tools, and --force does not replace it; choose another name
  [4]
  $ rm -r diary && mkdir full && touch full/file full/receipt.json && embed-extend base --add 5 -o full
  embed-extend: full: exists and is not empty; --force replaces it
  [4]
  $ ln -s elsewhere link && embed-extend base --add 5 -o link
  embed-extend: link: is a link; outputs are never written through one
  [4]
  $ mkdir -p models--a--b/snapshots/1 && embed-extend base --add 5 -o models--a--b/snapshots/1/out
  embed-extend: ...models--a--b/snapshots/1/out: lies in a Hugging Face cache, whose files are shared and must keep their hashes; choose a directory outside of it
  [4]
  $ touch file && vocab-merge base --add-token x -o file
  vocab-merge: file: exists and is no directory
  [4]
  $ embed-extend base --add 5 -o full --force >/dev/null 2>&1 && ls full
  config.json
  generation_config.json
  model.safetensors
  receipt.json
  tokenizer.json
  tokenizer_config.json
  $ ls
  base
  file
  full
  link
  models--a--b

A dry run writes nothing.

  $ vocab-merge base --add-token hello -o m -n > /dev/null; embed-extend base --add 5 -o e --dry-run > /dev/null; ls
  nothing written (--dry-run)
  nothing written (--dry-run)
  base
  file
  full
  link
  models--a--b

Standard input is not read; whoever tries hears why.

  $ vocab-inspect -
  vocab-inspect: found the operand -, expected a path: standard input is not read, since files are read in any order; a file of that name is ./-
    try: vocab-inspect --help
  [2]
