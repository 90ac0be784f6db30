# Models that grow more than once

Blocks behind the text move each time, and each OUT has an offset-receipt.json of its own: the one in the base says how the base was
moved, not what was done to it since.

  $ make-checkpoint gemma3n g && for n in 1 2; do embed-extend g --add 3 -q --init normal --seed $n -o next && mv g g$((n - 1)) && mv next g; done && mv g g2
  next
  next
  $ vocab-check g2 --base g1 --receipt g2/receipt.json --device cpu -q
  no errors and no warnings in g2 (1 note: -v)
  $ vocab-check g2 --base g0 --device cpu -q
  no errors and no warnings in g2 (1 note: -v)
  $ cp -r g1 copy && vocab-check copy --base g1 --device cpu -q
  no errors and no warnings in copy (1 note: -v)
  $ embed-extend g0 --rows 262402 --pad-multiple 8 -o r1 -q && embed-extend r1 --rows 262410 --pad-multiple 8 -o r2 -q
  r1
  r2
  $ vocab-check r2 --base r1 --receipt r2/receipt.json --device cpu | grep 'VOC4\|L[0-2]'
  levels     L0 structure      pass
             L1 bytes          pass
             L2 rows and head  pass

A row that did change is found all the same.

  $ python3 - << 'END'
  > import json, struct
  > with open('g2/model.safetensors', 'r+b') as f:
  >     n = struct.unpack('<Q', f.read(8))[0]
  >     t = json.loads(f.read(n))['model.language_model.embed_tokens.weight']
  >     size = (t['data_offsets'][1] - t['data_offsets'][0]) // t['shape'][0]
  >     f.seek(8 + n + t['data_offsets'][0] + 262150 * size); f.write(b'\x40\x40')
  > END
  $ for b in g0 g1; do vocab-check g2 --base $b --device cpu -q | grep VOC413; done
  error   VOC413  1 frozen row differs from the base: 262150 <end_of_image>
  error   VOC413  1 frozen row differs from the base: 262150 <end_of_image>

offset-patch moves such a model once more as embed-extend does, for a map that was made from it; the same map does not fit a second time.

  $ vocab-merge g1 --add-token Zzz -o m -q && offset-patch g1 --map m/vocab-map.json -o patched -q && embed-extend g1 --map m/vocab-map.json -o extended -q
  m
  patched
  extended
  $ for f in patched/*; do cmp $f extended/${f#patched/}; done
  $ vocab-check extended --base g1 --map extended/vocab-map.json --receipt extended/receipt.json --device cpu -q
  no errors and no warnings in extended (1 note: -v)
  $ offset-patch extended --map m/vocab-map.json -n
  offset-patch: m/vocab-map.json was made for another tokenizer: extended/tokenizer.json has sha256 00ffece7dad9..., the map expects cc6bad752c45...; run vocab-merge on extended
  [3]

Without weights it is the map that says which tokens are further ones.

  $ offset-patch patched --map m/vocab-map.json -n
  offset-patch: patched: its ids were moved before: those from 262147 on by 1 (patched/offset-receipt.json says so), and nothing says that these tokens are others; for further ones make the map of them with vocab-merge patched
  [3]
  $ offset-patch patched --map patched/vocab-map.json -n
  offset-patch: patched: its ids were moved before: those from 262147 on by 1 (patched/offset-receipt.json says so), and nothing says that these tokens are others; for further ones make the map of them with vocab-merge patched
  [3]
  $ offset-patch patched --add 1 -n
  offset-patch: patched: its ids were moved before: those from 262147 on by 1 (patched/offset-receipt.json says so), and nothing says that these tokens are others; for further ones make the map of them with vocab-merge patched
  [3]
  $ vocab-merge patched --add-token Yyy -o m2 -q && offset-patch patched --map m2/vocab-map.json -n -q | grep after
  m2
  after      text 0 .. 262148, vision 262149 .. 262276, audio 262277 .. 262404
