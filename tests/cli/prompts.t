vocab-check: prompts of one's own, as ids and as text, and the logits of them.

  $ make-checkpoint small base

A list may be in brackets, and a line of it is a prompt; a file has one prompt a line, and an editor may have put a mark before them.
Both options may be repeated: lists and files come first, then texts, each in the order given.

  $ printf '\357\273\2771 2\n\n[3, 4, 5]\n' > ids
  $ vocab-check base --prompt-ids ids --prompt a --prompt-ids "[6, 7]" --prompt b --generate 1 --device cpu --json | grep -o '"prompt":[^]]*]'
  "prompt":[1,2]
  "prompt":[3,4,5]
  "prompt":[6,7]
  "prompt":[97]
  "prompt":[98]
  $ vocab-check base --prompt-ids "$(cat ids)" --generate 1 --device cpu --json | grep -o '"prompt":[^]]*]'
  "prompt":[1,2]
  "prompt":[3,4,5]

Neither a list nor a file is a mistake of the command line; a path where nothing is, an input that is missing.

  $ for ids in '"1 2"' '(1 2)' +1 'x y' 1.5 '[1 2' ''; do vocab-check base --prompt-ids "$ids"; echo $?; done
  vocab-check: --prompt-ids, column 1: found ""1 2"", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  2
  vocab-check: --prompt-ids, column 1: found "(1 2)", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  2
  vocab-check: --prompt-ids, column 1: found "+1", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  2
  vocab-check: --prompt-ids, column 1: found "x y", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  2
  vocab-check: --prompt-ids, column 1: found "1.5", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  2
  vocab-check: --prompt-ids, column 5: found the end, ] is expected: a list ends on the line that it begins on; and there is no file of that name
  2
  vocab-check: --prompt-ids: no token id in it; a list such as "1 2 3", or a file with one prompt a line is expected
  2
  $ vocab-check base --prompt-ids ids.txt
  vocab-check: --prompt-ids: ids.txt: not found; expected a file with one prompt a line, or token ids: integers, with spaces or commas between them
  [3]

What is wrong with a prompt is told by its number, the line that it stands on and the position in it, and a number as it was written.

  $ printf '1 2\n99999999999999999999 600\n3 570\n600\n' > ids
  $ vocab-check base --prompt-ids ids --device cpu -q | grep -v 'why\|remedy'
  error   VOC431  3 ids in 2 prompts have no row, the first is 99999999999999999999 at position 0 of prompt 2 (ids:2); the table ends at 575
    where   ids line 2, position 0
  warning VOC432  1 id in 1 prompt is a row without a token, the first is 570 at position 1 of prompt 3 (ids:3)
    where   ids line 3, position 1
  1 error, 1 warning in base (1 note: -v)

Ids are looked up in the table of a model that cannot be run as well, and of a .gguf file.

  $ make-checkpoint gemma3n g3n && vocab-check g3n --prompt-ids "1 2 999999" --device cpu -q | grep -v 'why\|remedy'
  error   VOC431  1 id in 1 prompt has no row, the first is 999999 at position 2 of prompt 1; the table ends at 262399
  1 error in g3n (1 note: -v)
  the model was NOT run: no description of this architecture (gemma3n); --arch-desc FILE gives one
  $ make_gguf.py llama default some.gguf llama.block_count && vocab-check some.gguf --prompt-ids "1 2 999" --device cpu -q | grep 'VOC4'
  error   VOC421  llama.block_count: found absent, expected a whole number above 0
  error   VOC431  1 id in 1 prompt has no row, the first is 999 at position 2 of prompt 1; the table ends at 265

The file of logits and its shape are told; --quiet leaves the path. Where a prompt cannot be run there is no file, for its rows would
be taken for those of another, and that is told too.

  $ vocab-check base --prompt-ids "1 2 3" --prompt a --dump-logits two.npy --device cpu | tail -n 2
  logits     two.npy: float32 [4, 576] of 2 prompts
  no errors and no warnings in base (1 note: -v)
  $ vocab-check base --prompt-ids "1 2 3" --prompt a --dump-logits again.npy --device cpu -q
  again.npy
  no errors and no warnings in base (1 note: -v)
  $ cmp two.npy again.npy
  $ vocab-check base --prompt-ids "1 2 3" --dump-logits one.npy --device cpu --json | grep -o '"dumped":{[^}]*}'
  "dumped":{"file":"one.npy","holds":"logits","why":null,"shape":[3,576]}
  $ rm *.npy; vocab-check base --prompt-ids "1 2 3" --prompt-ids "1 999" --prompt-ids "4 5" --dump-logits none.npy --device cpu -q | tail -n 2
  logits     no file: 1 of 3 prompts cannot be run, the first is prompt 2
  1 error in base (1 note: -v)
  $ vocab-check base --prompt-ids "1 999" --dump-logits none.npy --device cpu --json | grep -o '"dumped":{[^}]*}'; ls | grep npy
  "dumped":{"file":null,"holds":"logits","why":"1 of 1 prompt cannot be run, the first is prompt 1","shape":null}
  [1]

Where a map says that there are new ids, every one runs, unless the prompts given are all that is wanted: then no level passes.

  $ make-checkpoint small-german german && vocab-merge base german -o merged -q > /dev/null && embed-extend base --map merged/vocab-map.json -o grown -q > /dev/null
  $ vocab-check grown --prompt-ids "1 2 3" --device cpu | grep 'L3\|forward  '
             L3 forward        pass
  forward    llama: 13 prompts, 90 positions, ...
  $ vocab-check grown --prompt-ids "1 2 3" --prompts-only --generate 2 --device cpu | grep 'L3\|forward  \|NOT run'
             L3 forward        not run (--prompts-only: nothing but the prompts given ran)
  forward    llama: 1 prompt, 3 positions, ...
  $ vocab-check grown --prompt-ids "1 9999" --prompts-only --device cpu -q | grep VOC4
  error   VOC431  1 id in 1 prompt has no row, the first is 9999 at position 1 of prompt 1; the table ends at 575
  $ vocab-check base --prompts-only --generate 2
  vocab-check: --prompts-only: which? give --prompt-ids or --prompt
  [2]

Without weights nothing can be given of what was asked for.

  $ mkdir bare && cp base/*.json bare && rm bare/*.index.json 2>/dev/null; vocab-check bare --generate 2
  vocab-check: bare: nothing can follow a prompt: no weights
  [3]
  $ vocab-check bare --prompt-ids 1 --dump-logits none.npy
  vocab-check: bare: no logits to write: no weights
  [3]
  $ vocab-check bare --prompt-ids "1 2" --prompts-only
  vocab-check: bare: no prompt can run: no weights
  [3]
