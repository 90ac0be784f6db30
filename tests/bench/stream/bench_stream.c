/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a model in the order of use through the buffers of a forward pass, and nothing done with them: how fast
 * reading is where computing does not hold it up.
 *
 *     bench_stream MODEL MEMORY      prints bytes and seconds
 */
#include <stdio.h>
#include <stdlib.h>
#include "forward/run.h"

static struct vs_err err;

static void must(enum vs_code code)
{
    if (!code)
        return;
    fprintf(stderr, "bench_stream: %s\n", err.message);
    exit(1);
}

static void drain(struct vs_weights *w)
{
    struct vs_piece piece;
    must(vs_weights_begin(w, &err));
    do
        must(vs_weights_next(w, &piece, &err));
    while (piece.of);
    must(vs_weights_end(w, &err));
}

int main(int argc, char **argv)
{
    struct vs_checkpoint *c = NULL;
    struct vs_dev *dev;
    struct vs_model m;
    struct vs_weights *trunk, *head;
    if (argc != 3)
        return 2;
    const uint64_t memory = strtoull(argv[2], NULL, 10);
    const struct vs_run run = {.memory = memory};
    must(vs_checkpoint_open(argv[1], NULL, &c, &err));
    must(vs_dev_open(VS_DEV_CPU, 1, &dev, &err));
    must(vs_model_open(c, NULL, NULL, &m, &err));
    must(vs_weights_open(dev, c, &m.arch, &m.binding, VS_TRUNK, memory, 0, false, &run, &trunk, &err));
    must(vs_weights_open(dev, c, &m.arch, &m.binding, VS_HEAD, memory / 2, 0, false, &run, &head, &err));
    const double began = vs_now();
    drain(trunk);
    drain(head);
    printf("%llu %.6f\n", (unsigned long long)(vs_weights_bytes(trunk) + vs_weights_bytes(head)), vs_now() - began);
    vs_weights_close(head);
    vs_weights_close(trunk);
    vs_model_close(&m);
    vs_dev_close(dev);
    vs_checkpoint_close(c);
    return 0;
}
