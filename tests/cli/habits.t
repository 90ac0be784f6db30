What all five programs have in common.

Help goes to standard output, and -h wins over everything else on the line.

  $ for t in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do $t --no-such -h 2>&1 >/dev/null; $t -h | head -n 1; done
  $ for t in vocab-inspect vocab-merge embed-extend offset-patch vocab-check; do $t --version; done

A usage error is status 2, on standard error, and names the remedy.

  $ vocab-inspect
  $ vocab-merge --no-such base
  $ embed-extend base --rows many -o out
  $ embed-extend base --seed
  $ vocab-check base --device gpu
  $ offset-patch base --check=yes
  $ vocab-check a b

A mistake in the request itself is a usage error too.

  $ make-checkpoint small base
  $ embed-extend base --add 5
  $ embed-extend base --add 5 --rows 600 -o out
  $ offset-patch base -o out
  $ offset-patch base --add 5
  $ offset-patch base --add 5 -o out --in-place
  $ vocab-merge base
  $ ls

Output that cannot be written is status 4.

  $ vocab-inspect base > /dev/full
  $ vocab-inspect --json base > /dev/full
  $ vocab-check base > /dev/full
  $ vocab-merge --help > /dev/full

Options may stand anywhere, `--` ends them, a missing input is status 3.

  $ vocab-inspect base --json | head -c 40
  $ vocab-inspect -- --json
  $ vocab-inspect nowhere

Outputs never go into an input, through a link, or over something that is there.

  $ embed-extend base --add 5 -o base
  $ embed-extend base --add 5 -o base/inside
  $ mkdir full && touch full/file && embed-extend base --add 5 -o full
  $ ln -s elsewhere link && embed-extend base --add 5 -o link
  $ mkdir -p models--a--b/snapshots/1 && embed-extend base --add 5 -o models--a--b/snapshots/1/out
  $ touch file && vocab-merge base --add-token x -o file
  $ embed-extend base --add 5 -o full --force >/dev/null 2>&1 && ls full
  $ ls

A dry run writes nothing.

  $ vocab-merge base --add-token hello -o m -n > /dev/null; embed-extend base --add 5 -o e --dry-run > /dev/null; ls
