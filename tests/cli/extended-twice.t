A model that was extended twice, checked against the first base: map and receipt beside it tell of the second time only, and still every row
that the base has no token for is a new one. Rows that begin alike are a note, not a warning.

  $ make-checkpoint small base && make-checkpoint small-german german
  $ vocab-merge base german -o first -q && embed-extend base --map first/vocab-map.json --init mean -o once -q
  first
  once
  $ vocab-merge once --add-token ' gamma' --add-special '<|x|>' -o second -q && embed-extend once --map second/vocab-map.json -o twice -q
  second
  twice
  $ vocab-check once --base base --device cpu -v | grep VOC404
  info    VOC404  61 tokens share their vector with another one: 515 .. 575, e.g. 515 " d"; the same as 516 " de"
  $ vocab-check twice --base base --device cpu -v --forward | grep 'VOC404\|L[0-4]\|in twice'
  info    VOC404  61 tokens share their vector with another one: 515 .. 575, e.g. 515 " d"; the same as 516 " de"
  levels     L0 structure      pass
             L1 bytes          pass
             L2 rows and head  pass
             L3 forward        pass
             L4 two forwards   not run (L1 proves the trunks equal: one run stands for both)
  no errors and no warnings in twice

Against the model between, whose rows of the first time are old: they are alike there too.

  $ vocab-check twice --base once --device cpu -v | grep -A3 VOC404
  info    VOC404  61 tokens share their vector with another one: 515 .. 575, e.g. 515 " d"; the same as 516 " de"
    where   model.safetensors model.embed_tokens.weight
    why     unless VOC413 tells of them they are alike in the base too: the model cannot tell them apart before they are trained, and models that find ids by their row stop
    remedy  train them
