/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "base/str.h"
#include "format/foreign.h"

struct kind { const char *glob, *what; };

static const char *find(const struct kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (vs_glob(vs_cstr(kinds[i].glob), vs_cstr(name)))
            return kinds[i].what;
    return NULL;
}

const char *vs_foreign_weights(const char *name)
{
    static const struct kind kinds[] = {
        {"adapter_config.json", "an adapter (PEFT)"},
        {"adapter_model.*", "an adapter (PEFT)"},
        {"training_args.bin", NULL}, {"optimizer.*", NULL}, {"scheduler.*", NULL}, {"rng_state*", NULL}, /* of a trainer */
        {"*.bin", "PyTorch weights (.bin)"},
        {"*.bin.index.json", "PyTorch weights (.bin)"},
        {"*.pt", "PyTorch weights (.pt)"},
        {"*.pth", "PyTorch weights (.pth)"},
        {"*.ckpt", "PyTorch weights (.ckpt)"},
        {"*.pkl", "a Python pickle (.pkl)"},
        {"*.gguf", "GGUF weights"},
        {"*.ggml", "GGML weights"},
        {"*.h5", "TensorFlow weights (.h5)"},
        {"*.msgpack", "Flax weights (.msgpack)"},
        {"*.npz", "NumPy weights (.npz)"},
        {"*.onnx", "ONNX weights"},
    };
    return find(kinds, sizeof kinds / sizeof *kinds, name);
}

const char *vs_foreign_tokenizer(const char *name)
{
    static const struct kind kinds[] = {
        {"*.model", "a SentencePiece or tiktoken model"},
        {"*.tiktoken", "tiktoken ranks"},
        {"tekken.json", "a Tekken tokenizer"},
        {"vocab.json", "a vocabulary without its tokenizer.json"},
        {"vocab.txt", "a vocabulary without its tokenizer.json"},
    };
    return find(kinds, sizeof kinds / sizeof *kinds, name);
}
