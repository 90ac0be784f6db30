# offset-patch

A model of the Gemma3n family: text, vision, audio, and every number agrees.

  $ make-checkpoint gemma3n gemma3n
  $ offset-patch gemma3n --check
  blocks     text 0 .. 262143, vision 262144 .. 262271, audio 262272 .. 262399     order kept
  holds      26 of 26 invariants of the family (-v lists them)
  nothing written (--check)

What would move for three more tokens. Nothing is written.

  $ offset-patch gemma3n --add 3 --check
  rows       input  model.language_model.embed_tokens.weight  262400 -> 262403 rows: 3 inserted at 262144
             ple    model.language_model.embed_tokens_per_layer.weight  262144 -> 262147 rows: 3 appended at 262144
  blocks     text 0 .. 262143, vision 262144 .. 262271, audio 262272 .. 262399     order kept
  after      text 0 .. 262146, vision 262147 .. 262274, audio 262275 .. 262402
  edits      262400 -> 262403       config.json /text_config/vocab_size
             262144 -> 262147       config.json /text_config/vocab_size_per_layer_input
             262144 -> 262147       config.json /vision_config/vocab_offset
             262272 -> 262275       config.json /audio_config/vocab_offset
             262144 -> 262147       config.json /eoi_token_id
             262145 -> 262148       config.json /image_token_id
             262272 -> 262275       config.json /eoa_token_id
             262273 -> 262276       config.json /audio_token_id
             262145 -> 262148       generation_config.json /suppress_tokens/0
             262273 -> 262276       generation_config.json /suppress_tokens/1
             518 edits in tokenizer.json (-v shows them)
  holds      26 of 26 invariants of the family (-v lists them)
  nothing written (--check)
  $ ls
  gemma3n

OUT holds the JSON and tokenizer files, with only the bytes changed that must be.

  $ offset-patch gemma3n --add 3 -o out -q
  out
  $ ls out
  config.json
  generation_config.json
  offset-receipt.json
  tokenizer.json
  $ diff gemma3n/generation_config.json out/generation_config.json
  3c3
  <   "suppress_tokens": [262145, 262273]
  ---
  >   "suppress_tokens": [262148, 262276]
  [1]
  $ diff gemma3n/config.json out/config.json | grep -c '^>'
  8
  $ grep -c 'extra_' out/tokenizer.json
  6
  $ grep '"<|extra_0|>": \|"<end_of_image>": ' out/tokenizer.json
        "<end_of_image>": 262147,
        "<|extra_0|>": 262144,

What git-lfs did not fetch is no file to copy.

  $ cp -r gemma3n clone && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 499723\n' > clone/tokenizer.model
  $ offset-patch clone --add 3 -o no -q; ls -d no; rm -r clone
  offset-patch: clone/tokenizer.model: found a git-lfs pointer of 71 bytes, expected the file that it stands for: run `git lfs pull` in the clone, or download the file
  ls: cannot access 'no': No such file or directory

embed-extend writes the same bytes under these names.

  $ embed-extend gemma3n --add 3 -o extended3 -q
  extended3
  $ for f in out/*; do cmp $f extended3/${f#out/}; done

The result agrees with itself, and is not moved a second time.

  $ offset-patch out --check -q
  $ offset-patch out --add 3 -o again
  offset-patch: out: its ids were moved before: those from 262144 on by 3 (out/offset-receipt.json says so)...
  [3]
  $ ls -d again
  ls: cannot access 'again': No such file or directory
  [2]

In place: the same bytes. The weights stay, and no longer fit the configs; embed-extend grows both together.

  $ cp -r gemma3n here
  $ offset-patch here --add 3 --in-place -q
  here
  $ cp -r gemma3n told && offset-patch told --add 3 --in-place 2>&1 > /dev/null
  warning: the weights in told keep their rows and will not fit the moved ids; embed-extend grows both together, and only from a model that was not patched: keep a copy, or use -o OUT
  wrote told: ids from 262144 on moved by 3
  $ for f in out/*; do cmp $f here/${f#out/}; done
  $ cmp gemma3n/model.safetensors here/model.safetensors
  $ offset-patch here --check 2>/dev/null | grep broken
  broken     rows of model.language_model.embed_tokens.weight == text_config.vocab_size [262400 rows, not 262403]

Elsewhere: the weights are not there, and the tool says what moves them.

  $ offset-patch gemma3n --add 3 -o elsewhere 2>&1 > /dev/null
  wrote elsewhere: ids from 262144 on moved by 3
  the weights of gemma3n do not fit these files yet: embed-extend moves rows and ids together, into a directory of its own
  next: embed-extend gemma3n --add 3 -o EXTENDED

With the new tokens of a merge: they get the ids that follow the text, and the map says so. The same bytes as embed-extend's.

  $ make-checkpoint small-german german && vocab-merge gemma3n german -o merged -q > /dev/null
  $ offset-patch gemma3n --map merged/vocab-map.json -o patched -q
  patched
  $ embed-extend gemma3n --map merged/vocab-map.json -o extended -q
  extended
  $ for f in patched/*; do cmp $f extended/${f#patched/}; done
  $ ls patched
  config.json
  generation_config.json
  offset-receipt.json
  tokenizer.json
  vocab-map.json
  $ grep -o '"id": [0-9]*, "token": "Ġder"' merged/vocab-map.json patched/vocab-map.json
  merged/vocab-map.json:"id": 262402, "token": "Ġder"
  patched/vocab-map.json:"id": 262146, "token": "Ġder"
  $ offset-patch extended --check -q

Ids that have moved in place do not move again: the receipt says so, before the map is compared with the moved tokenizer.

  $ cp -r gemma3n moved && offset-patch moved --map merged/vocab-map.json --in-place -q && offset-patch moved --map merged/vocab-map.json --in-place
  moved
  offset-patch: moved: its ids were moved before: those from 262144 on by 61 (moved/offset-receipt.json says so), but its rows were not; start from the model as it was, and let embed-extend move both
  [3]

A map of ids that moved before is not taken for one of a merge.

  $ offset-patch gemma3n --map patched/vocab-map.json -o twice -q
  offset-patch: id 262144 ("Ġd" in patched/tokenizer.json) is not new: ...tokenizer.json uses it for "<end_of_image>"; were these ids moved already?
  [3]

A file that is a link is not replaced, and then nothing is.

  $ cp -r gemma3n linked
  $ mv linked/tokenizer.json kept.json && ln -s ../kept.json linked/tokenizer.json
  $ offset-patch linked --add 3 --in-place -q
  offset-patch: linked/tokenizer.json: is a link; files are never replaced through one
  [4]
  $ cmp gemma3n/config.json linked/config.json && ls linked
  config.json
  generation_config.json
  model.safetensors
  tokenizer.json

Nothing to insert: byte for byte the same files.

  $ offset-patch gemma3n --add 0 -o zero -q
  zero
  $ for f in zero/*; do cmp $f gemma3n/${f#zero/}; done
  $ ls zero
  config.json
  generation_config.json
  tokenizer.json

Numbers that do not agree are reported with --check, and refused without. Here the table was padded at its end.

  $ cp -r gemma3n padded && sed -i 's/262400/262464/' padded/config.json
  $ offset-patch padded --check
  ...
  broken     text_config.vocab_size == audio_config.vocab_offset + audio_config.vocab_size [config.json /text_config/vocab_size is 262464, config.json /audio_config/vocab_offset is 262272, ...
  ...
  [1]
  $ offset-patch padded --add 3 --check -q
  [1]
  $ offset-patch padded --add 3 -o no -q
  offset-patch: padded: as it is, the layout of gemma3n does not hold: text_config.vocab_size == audio_config.vocab_offset + audio_config.vocab_size [config.json /text_config/vocab_size is 262464, ...
  [3]
  $ cp -r gemma3n swapped && sed -i 's/"vocab_offset": 262272/"vocab_offset": 262143/' swapped/config.json
  $ offset-patch swapped --add 3 -o no -q
  offset-patch: swapped: as it is, the layout of gemma3n does not hold: vision_config.vocab_offset < audio_config.vocab_offset [config.json /vision_config/vocab_offset is 262144, config.json /audio_config/vocab_offset is 262143]...
  [3]
  $ cp -r gemma3n badlist && sed -i 's/262273\]/262400]/' badlist/generation_config.json
  $ offset-patch badlist --add 3 -o no -q
  offset-patch: badlist: as it is, the layout of gemma3n does not hold: every id of the configs is below text_config.vocab_size [generation_config.json /suppress_tokens/1 is 262400, text_config.vocab_size is 262400]; correct these numbers first
  [3]
  $ ls -d no
  ls: cannot access 'no': No such file or directory
  [2]

A tokenizer whose ids are positions in a list has no place to insert at: no Gemma3n is published with one.

  $ cp -r gemma3n unigram && echo '{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1.0]]}, "added_tokens": []}' > unigram/tokenizer.json
  $ offset-patch unigram --add 3 -o no -q
  offset-patch: unigram/tokenizer.json: model.vocab is a list (Unigram): ids are positions there, so nothing can be inserted before the other blocks; expected an object from token to id, as in the model's own tokenizer
  [3]
  $ embed-extend unigram --add 3 -o no -q
  embed-extend: unigram/tokenizer.json: model.vocab is a list (Unigram): ids are positions there, so nothing can be inserted before the other blocks; expected an object from token to id, as in the model's own tokenizer
  [3]

Other models have no blocks behind the text.

  $ make-checkpoint small small
  $ offset-patch small --add 3 -o none
  note       no blocks follow the text of this model: nothing to move
  nothing moves: none was not written
  $ offset-patch small --add 3 --in-place
  note       no blocks follow the text of this model: nothing to move
  nothing written: nothing moves
  $ offset-patch small --check -q
  $ ls -d none
  ls: cannot access 'none': No such file or directory
  [2]

The plan as JSON.

  $ offset-patch gemma3n --add 3 -n --json -q | python3 -c 'import json,sys; p = json.load(sys.stdin); print(p["schema"], len(p["tables"]), all(i["before"] and i["after"] for i in p["invariants"]))'
  vocabsurgeon/plan/1 2 True

What cannot be meant.

  $ offset-patch gemma3n -o x
  offset-patch: for which tokens? expected --map FILE or --add N (or --check alone)
  ...
  [2]
  $ offset-patch gemma3n --add 3
  offset-patch: where to? expected -o OUT or --in-place (or --check or -n to see the plan)
  ...
  [2]
  $ offset-patch gemma3n --add 3 --map m.json -o x
  offset-patch: --map and --add exclude each other
  ...
  [2]
  $ offset-patch gemma3n --add 3 -o x --in-place
  offset-patch: -o OUT, --in-place and --check exclude each other
  ...
  [2]
  $ offset-patch gemma3n --map none.json -o x
  offset-patch: none.json: not found; expected a file
  [3]
  $ offset-patch nowhere --add 3 -o x
  offset-patch: ...nowhere: ...
  [3]
  $ offset-patch gemma3n --add 3 -o gemma3n
  ...
  [4]
  $ offset-patch gemma3n --check > /dev/full
  ...
  offset-patch: standard output: No space left on device
  [4]

Padding stands before the blocks: its ids are holes, which the plan says and vocab-check explains. Without it there are none.

  $ embed-extend gemma3n --map merged/vocab-map.json --pad-multiple 64 -o holed 2> /dev/null | grep 'no token'
             3 rows carry no token: 262205 .. 262207, between the text and the blocks: no padding can follow those, so the ids have a hole there
  $ vocab-check holed --device cpu -q
  warning VOC110  262461 tokens, but the highest id is 262463
    where   tokenizer.json
    why     code that sizes a table by len(tokenizer) is off by 3
    remedy  size tables by the highest id + 1, which is 262464: `vocab-inspect holed` shows both numbers
  warning VOC201  3 holes in the ids: 262205 .. 262207
    where   tokenizer.json /model/vocab
    why     the Rust library numbers added tokens by count and can hand such an id out again
    remedy  they are the padding before the blocks: no text gives them, and nothing need be done where this library adds no more tokens; without --pad-multiple, embed-extend leaves no hole there
  2 warnings in holed (1 note: -v)
  $ vocab-check extended --device cpu -q
  no errors and no warnings in extended (2 notes: -v)
