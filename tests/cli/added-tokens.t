New tokens that are looked for in normalised text, as those of --add-token and --tokens-file are: what the base's normalizer makes of
them decides whether a text can give them.

  $ cat > base.json <<'END'
  > {"added_tokens": [
  >   {"id": 3, "content": "[SEP]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
  >   {"id": 4, "content": "foo", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}],
  >  "normalizer": {"type": "Sequence", "normalizers": [
  >   {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  >   {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
  >  "pre_tokenizer": {"type": "BertPreTokenizer"},
  >  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
  >   "vocab": {"[UNK]": 0, "hello": 1, "##ing": 2, "[SEP]": 3, "foo": 4}}}
  > END

One of which nothing is left would stand between all characters, one that becomes a blank at every blank.

  $ printf '\314\201' > accent.txt; vocab-merge base.json --tokens-file accent.txt -o out
  vocab-merge: accent.txt: line 1: "́": found nothing behind the base's normalizer, expected text: the token would be cut out between all characters of every text; leave it out, or give it to --add-special, which takes tokens as they are
  [3]
  $ printf 'Wort\n\302\240\n' > blank.txt; vocab-merge base.json --tokens-file blank.txt -o out
  vocab-merge: blank.txt: line 2: "\u{00A0}": found a blank behind the base's normalizer, expected text: the token would be cut out at every blank of every text; leave it out, or give it to --add-special, which takes tokens as they are
  [3]
  $ vocab-merge base.json --add-token '    ' -o out
  vocab-merge: --add-token: "    ": found a blank behind the base's normalizer, expected text: the token would be cut out at every blank of every text; leave it out, or give it to --add-special, which takes tokens as they are
  [2]

One blank by itself is one more of these, of the special ones too, and where no normalizer is; a run of them is indentation.

  $ sed '/"normalizer"/,/{2,}/d' base.json > plain.json; grep -c normalizer plain.json
  0
  [1]
  $ vocab-merge plain.json --add-token ' ' -o out
  vocab-merge: --add-token: " ": found one blank, expected text: the token would be cut out at every blank of every text; leave it out
  [2]
  $ vocab-merge base.json --add-special ' ' -o out
  vocab-merge: --add-special: " ": found one blank, expected text: the token would be cut out at every blank of every text; leave it out
  [2]
  $ printf 'Wort\n \n' > blank.txt; vocab-merge plain.json --tokens-file blank.txt -o out
  vocab-merge: blank.txt: line 2: " ": found one blank, expected text: the token would be cut out at every blank of every text; leave it out
  [3]
  $ vocab-merge plain.json --add-token '  ' -n 2> /dev/null | grep 5
  base       plain.json   5 tokens
  new              1   id 5
                       5 "  "

Two that are one in normalised text; a token that is named twice is one, and no obstacle.

  $ printf 'Stra\303\237e\nVater\nStra\303\237e\nvater\n' > twice.txt; vocab-merge base.json --tokens-file twice.txt -o out
  vocab-merge: twice.txt: line 4: "vater": found what the base's normalizer also makes of "Vater", which is asked for before it; expected one of the two: which of them a text gives would be chance
  [3]
  $ vocab-merge base.json --add-token Vater --add-token VATER -o out
  vocab-merge: --add-token: "VATER": found what the base's normalizer also makes of "Vater", which is asked for before it; expected one of the two: which of them a text gives would be chance
  [2]
  $ printf 'Vater\nVATER\n' | vocab-merge base.json --tokens-file - -o out
  vocab-merge: standard input: line 2: "VATER": found what the base's normalizer also makes of "Vater", which is asked for before it; expected one of the two: which of them a text gives would be chance
  [3]

The same with an added token of the base. One that is literally there is known; one that the vocabulary has, but not as an added token, loses
its text, which is said.

  $ vocab-merge base.json --add-token Foo -o out
  vocab-merge: --add-token: "Foo": found what the base's normalizer also makes of its added token 4 "foo", expected another text: which of them a text gives would be chance; leave it out, or give it to --add-special, which takes tokens as they are
  [2]
  $ vocab-merge base.json --add-token foo --add-token Hello -o known
  base       base.json   5 tokens
  known            1   of the tokens to add is in the base already:
                       4 foo
  new              1   id 5
                       5 Hello
  reachable        1   of 1 by text
  note       1 added token takes the text of a base token, whose row is not used for it any more, and is found inside of words too: "Hello" gives 5 instead of 1 "hello"
  note       1 added token is matched as the base's normalizer spells it, not as given: "Hello" as "hello"; --add-special takes tokens as they are

  rows needed 6
  next: embed-extend MODEL --map known/vocab-map.json -o OUT
  wrote known
  $ ls -d out
  ls: cannot access 'out': No such file or directory
  [2]

Special tokens are looked for in the text as it is, so all of these can be.

  $ vocab-merge base.json --add-special Foo --add-special '    ' --add-token Vater --add-special VATER -o special
  base       base.json   5 tokens
  new              4   ids 5 .. 8
                       5 Vater, 6 Foo, 7 "    ", 8 VATER
  reachable        4   of 4 by text
  note       1 added token takes the text of a base token, whose row is not used for it any more, and is found inside of words too: "Foo" gives 6 instead of 4 "foo"
  note       1 added token is matched as the base's normalizer spells it, not as given: "Vater" as "vater"; --add-special takes tokens as they are

  rows needed 9
  next: embed-extend MODEL --map special/vocab-map.json -o OUT
  wrote special
  $ grep -o '"content": "[^"]*"[^}]*normalized": [a-z]*' special/tokenizer.json | sed 's/, "single.*, /  /'
  "content": "[SEP]"  "normalized": false
  "content": "foo"  "normalized": true
  "content": "Vater"  "normalized": true
  "content": "Foo"  "normalized": false
  "content": "    "  "normalized": false
  "content": "VATER"  "normalized": false

Spellings that only the vocabulary has: no text gives them.

  $ vocab-merge base.json --add-token '##ing' --add-token hello -n
  base       base.json   5 tokens
  known            2   of the tokens to add are in the base already:
                       2 ##ing, 1 hello
  new           none   no id is added: no row is needed
  note       1 known token is spelled so in the vocabulary, but no such text gives it: 2 "##ing"; an added token of that text would take the same id

  rows needed 5
  nothing written (--dry-run)
  $ make-checkpoint small small && printf '\304\240\n\304\212\na\n' | vocab-merge small --tokens-file - -n
  base       small   515 tokens
  known            3   of the tokens to add are in the base already:
                       32 Ġ, 10 Ċ, 97 a
  new           none   no id is added: no row is needed
  note       2 known tokens are spelled so in the vocabulary, but no such text gives them: 32 "Ġ", 10 "Ċ"; an added token of that text would take the same id

  rows needed 515; the table of small has 576
  nothing written (--dry-run)

A token that holds one that is cut out before it comes out for no text: the base's [SEP] is taken from the text as it is. It has its row all
the same, so it is named and not refused.

  $ vocab-merge base.json --add-token 'a[SEP]b' --add-token Vater -o mute
  base       base.json   5 tokens
  new              2   ids 5 .. 6
                       5 a[SEP]b, 6 Vater
  reachable        1   of 2 by text
  note       2 added tokens are matched as the base's normalizer spells them, not as given: "a[SEP]b" as "a[sep]b", "Vater" as "vater"; --add-special takes tokens as they are
  note       1 new token comes out for no text: 5 "a[SEP]b"

  rows needed 7
  next: embed-extend MODEL --map mute/vocab-map.json -o OUT
  wrote mute
  $ vocab-merge base.json --add-token 'a[SEP]b' --add-token Vater --json -q -f -o mute
  {"schema":"vocabsurgeon/merge/1","base_tokens":5,"extension_tokens":0,"shared":0,"rejected":0,"accepted":0,"known":0,"made_special":0,"new":2,"intermediates":0,"added":2,"merged":0,"reachable_by_merges":0,"text_checked":2,"reachable_by_text":1,"parts":0,"rows_needed":7,"out":"mute","notes":["2 added tokens are matched as the base's normalizer spells them, not as given: \"a[SEP]b\" as \"a[sep]b\", \"Vater\" as \"vater\"; --add-special takes tokens as they are","1 new token comes out for no text: 5 \"a[SEP]b\""]}

Where the normalizer is one that is not handled nothing is tried on text: there is no telling what is left.

  $ sed 's/"BertNormalizer"/"Other"/' base.json > other.json; vocab-merge other.json --add-token Foo --add-token FOO -o other
  base       other.json   5 tokens
  new              2   ids 5 .. 6
                       5 Foo, 6 FOO
  note       other.json: /normalizer: normalizer "Other" is not handled; so new tokens are not tried on text

  rows needed 7
  next: embed-extend MODEL --map other/vocab-map.json -o OUT
  wrote other
