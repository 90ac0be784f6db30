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
  vocab-merge: -o OUT is missing: the directory for the merged tokenizer
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

Options may stand anywhere, `--` ends them, a missing input is status 3.

  $ vocab-inspect base --json | head -c 40
  {"schema":"vocabsurgeon/facts/1","path":
  $ vocab-inspect -- --json
  vocab-inspect: --json: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  [3]
  $ vocab-inspect nowhere
  vocab-inspect: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  [3]

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
  $ mkdir full && touch full/file && embed-extend base --add 5 -o full
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
