vocab-merge on small tokenizers.

A base with three letters and one special token, and an extension that spells words with them.

  $ mkdir base ext
  $ cat > base/tokenizer.json <<'END'
  > {"added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
  >  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
  >  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]}}
  > END
  $ cat > ext/tokenizer.json <<'END'
  > {"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
  >  "vocab": {"[UNK]": 0, "##ab": 1, "##abc": 2, "##cacb": 3, "##a1": 4}}}
  > END

Every new token comes out of its own symbols: the merges that lead to it are added, and what they need on the way.

  $ vocab-merge base ext/ -o merged
  base       base   5 tokens
  extension  ext/
                   5   tokens to consider
  shared           1   in the base already
  rejected         2   named in merged/vocab-map.json
                   1   the unknown token of the extension
                   1   across a boundary of the base's pre-tokenizer
  new              4   ids 5 .. 8
                   2   from the extensions
                   2   intermediate: needed on the way to others
                       5 abc, 6 ca, 7 cb, 8 cacb
  reachable        4   of 4 by merges
                   4   of 4 by text

  rows needed 9
  next: embed-extend MODEL --map merged/vocab-map.json -o OUT
  wrote merged
  $ cat merged/tokenizer.json
  {"added_tokens": [{"id": 4, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
   "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
   "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "<s>": 4, "abc": 5, "ca": 6, "cb": 7, "cacb": 8}, "merges": ["a b", "ab c", "c a", "c b", "ca cb"]}}
  $ cat merged/vocab-map.json
  {
    "schema": "vocabsurgeon/vocab-map/1",
    "base": {"path": "base", "sha256": "36a9d98c0b92c31946ba9196a6f9638dbe5bf79d32a79d47a272bc11a971f5eb", "rows_needed": 5},
    "rows_needed": 9,
    "new": [
      {"id": 5, "token": "abc", "kind": "merged", "source": "ext", "source_id": 2, "pieces": [3, 2]},
      {"id": 6, "token": "ca", "kind": "intermediate", "source": "", "source_id": null, "pieces": [2, 0]},
      {"id": 7, "token": "cb", "kind": "intermediate", "source": "", "source_id": null, "pieces": [2, 1]},
      {"id": 8, "token": "cacb", "kind": "merged", "source": "ext", "source_id": 3, "pieces": [2, 0, 2, 1]}
    ],
    "overlap": [
      {"token": "##ab", "source": "ext", "source_id": 1, "id": 3}
    ],
    "rejected": [
      {"token": "[UNK]", "source": "ext", "source_id": 0, "reason": "the unknown token of the extension"},
      {"token": "##a1", "source": "ext", "source_id": 4, "reason": "across a boundary of the base's pre-tokenizer"}
    ]
  }

Tokens by their text work for every type of model.

  $ printf 'word\nab\nword\n' > words.txt
  $ vocab-merge ext --tokens-file words.txt --add-special '<x>' -o more
  base       ext   5 tokens
  new              3   ids 5 .. 7
                       5 <x>, 6 word, 7 ab
  reachable        3   of 3 by text

  rows needed 8
  next: embed-extend MODEL --map more/vocab-map.json -o OUT
  wrote more
  $ cat more/tokenizer.json
  {"added_tokens": [{"id": 5, "content": "<x>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}, {"id": 6, "content": "word", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}, {"id": 7, "content": "ab", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}],"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
   "vocab": {"[UNK]": 0, "##ab": 1, "##abc": 2, "##cacb": 3, "##a1": 4, "<x>": 5, "word": 6, "ab": 7}}}

Lines may come from standard input. What is known already is named; blanks that belong to a token are pointed at.

  $ printf 'ab\r\nc\n x\n' | vocab-merge base --tokens-file - -o "from input"
  base       base   5 tokens
  known            2   of the tokens to add are in the base already:
                       3 ab, 2 c
  new              1   id 5
                       5 " x"
  reachable        1   of 1 by text
  note       1 line of the tokens file has blanks at the ends or a carriage return, which belong to the token: see line 3

  rows needed 6
  next: embed-extend MODEL --map 'from input/vocab-map.json' -o OUT
  wrote from input
  $ grep source 'from input/vocab-map.json'
      {"id": 5, "token": " x", "kind": "added", "source": "standard input", "source_id": null, "pieces": []}
      {"token": "ab", "source": "standard input", "source_id": null, "id": 3},
      {"token": "c", "source": "standard input", "source_id": null, "id": 2}
  $ vocab-merge base --add-token ab -o copy
  base       base   5 tokens
  known            1   of the tokens to add is in the base already:
                       3 ab
  new           none   no id is added: no row is needed

  rows needed 5
  wrote copy
  $ rm -r 'from input' copy

An added token that takes the text of a token of the base is said, as is what the normalizer makes of it.

  $ cat > lower.json <<'END'
  > {"normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece", "unk_token": "[UNK]",
  >  "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "hello": 1}}}
  > END
  $ vocab-merge lower.json --add-token Hello --add-token Welt -n
  base       lower.json   2 tokens
  new              2   ids 2 .. 3
                       2 Hello, 3 Welt
  reachable            by text: tested when it is written
  note       1 added token takes the text of a base token, whose row is not used for it any more, and is found inside of words too: "Hello" gives 2 instead of 1 "hello"
  note       2 added tokens are matched as the base's normalizer spells them, not as given: "Hello" as "hello", "Welt" as "welt"; --add-special takes tokens as they are

  rows needed 4
  nothing written (--dry-run)
  $ rm lower.json

Before anything is written, and with -v, the tokens by name:

  $ vocab-merge base ext -n -v
  base       base   5 tokens
  extension  ext
                   5   tokens to consider
  shared           1   in the base already
  rejected         2   these:
                   1   the unknown token of the extension
                   1   across a boundary of the base's pre-tokenizer
                       [UNK]: the unknown token of the extension
                       ##a1: across a boundary of the base's pre-tokenizer
  new              4   ids 5 .. 8
                   2   from the extensions
                   2   intermediate: needed on the way to others
                       5 abc, 6 ca, 7 cb, 8 cacb
  reachable        4   of 4 by merges
                       by text: tested when it is written

  rows needed 9
  nothing written (--dry-run)
  $ vocab-merge base ext -n -q
  $ vocab-merge ext base -o no
  vocab-merge: ext/tokenizer.json: /model/type: found wordpiece, expected BPE: merging a vocabulary into wordpiece is not covered; --add-token, --add-special and --tokens-file are
  [3]

For scripts, and before anything is written:

  $ vocab-merge base ext --json -o merged2
  {"schema":"vocabsurgeon/merge/1","base_tokens":5,"extension_tokens":5,"shared":1,"rejected":2,"accepted":2,"known":0,"made_special":0,"new":4,"intermediates":2,"added":0,"merged":4,"reachable_by_merges":4,"text_checked":4,"reachable_by_text":4,"parts":0,"rows_needed":9,"out":"merged2","notes":[]}
  wrote merged2
  $ vocab-merge base ext --json -n
  {"schema":"vocabsurgeon/merge/1","base_tokens":5,"extension_tokens":5,"shared":1,"rejected":2,"accepted":2,"known":0,"made_special":0,"new":4,"intermediates":2,"added":0,"merged":4,"reachable_by_merges":4,"text_checked":null,"reachable_by_text":null,"parts":null,"rows_needed":9,"out":null,"notes":[]}
  nothing written (--dry-run)
  $ vocab-merge base ext -q -o merged3
  merged3
  $ ls
  base
  ext
  merged
  merged2
  merged3
  more
  words.txt

What is refused:

  $ vocab-merge base ext
  vocab-merge: where to? expected -o OUT (or -n to see the plan)
    try: vocab-merge --help
  [2]
  $ vocab-merge base -o out
  vocab-merge: nothing to add: name an EXT, --add-token, --add-special or --tokens-file
    try: vocab-merge --help
  [2]
  $ vocab-merge base ext -o merged
  vocab-merge: merged: exists and is not empty; --force replaces it
  [4]
  $ vocab-merge base ext -f -o ext
  vocab-merge: ext: is the input itself; choose another directory
  [4]
  $ vocab-merge base/tokenizer.json nowhere -o out
  vocab-merge: nowhere: not found; expected a directory with a tokenizer.json, or such a file
  [3]
  $ vocab-merge base --add-token '' -o out
  vocab-merge: --add-token: an empty token; libraries skip those
  [2]
  $ vocab-merge base --tokens-file merged -o out
  vocab-merge: merged: found a directory, expected a regular file
  [3]
  $ sed 's/"c": 2/"c": 9/' base/tokenizer.json > holes.json && vocab-merge holes.json ext -o out
  vocab-merge: holes.json: found 2 ranges of ids without a token, the first 2 .. 2; expected ids without holes: the Rust library numbers new tokens by count and would hand these ids out again; give each of them a placeholder entry in model.vocab first
  [3]
  $ sed 's/"id": 4/"id": 7/' base/tokenizer.json > moved.json && vocab-merge moved.json ext -o out
  vocab-merge: moved.json: /added_tokens: <s> is declared as id 7 but runs as 4; expected the two to agree: decide which one the model was trained with and correct the file
  [3]
  $ ls
  base
  ext
  holes.json
  merged
  merged2
  merged3
  more
  moved.json
  words.txt

An ordinary token of the base that becomes special is told, and stands in the map as such; so is one that is added already. Plain additions
change nothing of a token that is there.

  $ make-checkpoint small small
  $ vocab-merge small --add-special e --add-special '<s>' --add-token a -o cut
  base       small   515 tokens
  known            2   of the tokens to add are in the base already:
                       97 a, 101 e
  new              1   id 515
                       515 <s>
  reachable        1   of 1 by text
  note       1 ordinary token of the base becomes special: 101 "e"; such text is cut out wherever it stands, inside of words too, and skip_special_tokens drops it

  rows needed 516; the table of small has 576
  next: embed-extend small --map cut/vocab-map.json -o OUT
  wrote cut
  $ grep -A 4 overlap cut/vocab-map.json
    "overlap": [
      {"token": "a", "source": "--add-token", "source_id": null, "id": 97},
      {"token": "e", "source": "--add-special", "source_id": null, "id": 101, "kind": "special"}
    ],
    "rejected": []
  $ vocab-merge small --add-special e -n --json -q | grep -o '"known":.,"made_special":.'
  "known":1,"made_special":1

Blocks behind the text leave no room for padding: no multiple is advised, and the plan says what one does.

  $ make-checkpoint gemma3n gemma && vocab-merge gemma --add-token Zzz -o z | tail -2
  wrote z
  rows needed 262401; the table of gemma has 262400
  next: embed-extend gemma --map z/vocab-map.json -o OUT
  $ embed-extend gemma --map z/vocab-map.json --pad-multiple 64 -n -q | head -7
  plan       input  model.language_model.embed_tokens.weight  262400 -> 262464 rows: 64 inserted at 262144, pieces
             ple    model.language_model.embed_tokens_per_layer.weight  262144 -> 262208 rows: 64 appended at 262144, pieces
             head   tied (no second table is stored)
             64 rows are added
             63 rows carry no token: 262145 .. 262207, between the text and the blocks: no padding can follow those, so the ids have a hole there
  blocks     text 0 .. 262143, vision 262144 .. 262271, audio 262272 .. 262399     order kept
  after      text 0 .. 262207, vision 262208 .. 262335, audio 262336 .. 262463

Tokens are shown as the text that they stand for, those that were left out too; the map names them as the vocabulary spells them.

  $ make-checkpoint small plain && make-checkpoint small-german german && vocab-merge plain german --add-token ' der' -n -v 2> /dev/null | grep -A2 rejected
  rejected         1   these:
                   1   among the tokens to add
                       " der": among the tokens to add
