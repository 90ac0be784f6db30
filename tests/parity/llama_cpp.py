# SPDX-License-Identifier: Apache-2.0
"""llama.cpp through its C interface: the shared libraries that the npm package @node-llama-cpp/linux-x64 ships, called
by ctypes.

The parameter structs are passed by value and taken from the library's own defaults; only the words named below are
changed, and their defaults are compared first, so that another layout is noticed and not misread.
"""
import ctypes
import glob
import os

import numpy


class Params(ctypes.Structure):
    """Larger than any parameter struct of the library: by the x86-64 convention the callee takes its part of it."""
    _fields_ = [('word', ctypes.c_uint32 * 256)]


class Batch(ctypes.Structure):
    _fields_ = [('n_tokens', ctypes.c_int32), ('token', ctypes.POINTER(ctypes.c_int32)), ('embd', ctypes.c_void_p),
                ('pos', ctypes.POINTER(ctypes.c_int32)), ('n_seq_id', ctypes.POINTER(ctypes.c_int32)),
                ('seq_id', ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ('logits', ctypes.POINTER(ctypes.c_int8))]


# words of llama_context_params: (position, default)
N_CTX, N_BATCH, N_UBATCH = (0, 512), (1, 2048), (2, 512)
OUTPUTS, OUTPUTS_PER_SEQ, THREADS, THREADS_BATCH, FLASH = (5, 0), (6, 1), (7, 4), (8, 4), (13, 0xffffffff)
TYPE_K, TYPE_V = (26, 1), (27, 1)
# the switches of llama_model_params, a byte each: vocab_only and check_tensors off, use_extra_bufts on, no_host off
VOCAB_ONLY = (18, 0x10000)
LAYOUT = (N_CTX, N_BATCH, N_UBATCH, OUTPUTS, OUTPUTS_PER_SEQ, THREADS, THREADS_BATCH, FLASH, TYPE_K, TYPE_V)
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, user: None)


class Library:
    """Raises OSError when the libraries are not there."""

    def __init__(self, folder):
        load = [ctypes.CDLL(path, ctypes.RTLD_GLOBAL) for pattern in ('libggml-base*.so*', 'libggml.*so*', 'libllama.*so*')
                for path in sorted(glob.glob(os.path.join(folder, pattern)))[:1]]
        if len(load) < 3:
            raise OSError(f'{folder}: no llama.cpp')
        void, word = ctypes.c_void_p, ctypes.c_int32
        self.c = load[2]
        for name, result, given in (
                ('llama_backend_init', None, []), ('llama_log_set', None, [void, void]),
                ('llama_model_default_params', Params, []), ('llama_context_default_params', Params, []),
                ('llama_model_load_from_file', void, [ctypes.c_char_p, Params]), ('llama_init_from_model', void, [void, Params]),
                ('llama_model_free', None, [void]), ('llama_free', None, [void]), ('llama_batch_init', Batch, [word] * 3),
                ('llama_batch_free', None, [Batch]), ('llama_decode', word, [void, Batch]),
                ('llama_get_logits_ith', ctypes.POINTER(ctypes.c_float), [void, word]),
                ('llama_vocab_n_tokens', word, [void]), ('llama_model_get_vocab', void, [void]),
                ('llama_tokenize', word, [void, ctypes.c_char_p, word, ctypes.POINTER(word), word, ctypes.c_bool, ctypes.c_bool]),
                ('llama_get_memory', void, [void]), ('llama_memory_clear', None, [void, ctypes.c_bool])):
            function = getattr(self.c, name)
            function.restype, function.argtypes = result, given
        self.c.llama_log_set(ctypes.cast(QUIET, void), None)
        load[1].ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
        load[1].ggml_backend_load_all_from_path(folder.encode())
        self.c.llama_backend_init()
        params = self.c.llama_context_default_params()
        if any(params.word[at] != value for at, value in LAYOUT):
            raise OSError(f'{folder}: llama_context_params has another layout than expected')
        if self.c.llama_model_default_params().word[VOCAB_ONLY[0]] != VOCAB_ONLY[1]:
            raise OSError(f'{folder}: llama_model_params has another layout than expected')


def tokenize(c, vocab, text, parse_special):
    data, room = text.encode(), (ctypes.c_int32 * (2 * len(text.encode()) + 8))()
    return list(room[:c.llama_tokenize(vocab, data, len(data), room, len(room), True, parse_special)])


class Vocabulary:
    """The keys of a GGUF file alone."""

    def __init__(self, library, path):
        self.c = library.c
        params = self.c.llama_model_default_params()
        params.word[VOCAB_ONLY[0]] |= 1
        self.model = self.c.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise ValueError(f'{path}: llama.cpp does not load it')

    def tokens(self, text):
        """With the special tokens that the file asks for, and those that the text spells."""
        return tokenize(self.c, self.c.llama_model_get_vocab(self.model), text, True)

    def close(self):
        self.c.llama_model_free(self.model)


class Model:
    """One GGUF file with a context of n_ctx positions and a float32 KV cache."""

    def __init__(self, library, path, n_ctx=512, threads=2):
        self.c = library.c
        self.model = self.c.llama_model_load_from_file(path.encode(), self.c.llama_model_default_params())
        if not self.model:
            raise ValueError(f'{path}: llama.cpp does not load it')
        params = self.c.llama_context_default_params()
        for (at, _), value in ((N_CTX, n_ctx), (N_BATCH, n_ctx), (N_UBATCH, n_ctx), (OUTPUTS, n_ctx), (OUTPUTS_PER_SEQ, n_ctx),
                               (THREADS, threads), (THREADS_BATCH, threads), (FLASH, 0), (TYPE_K, 0), (TYPE_V, 0)):
            params.word[at] = value
        self.context = self.c.llama_init_from_model(self.model, params)
        self.size = self.c.llama_vocab_n_tokens(self.c.llama_model_get_vocab(self.model))
        self.batch = self.c.llama_batch_init(n_ctx, 0, 1)
        self.position = 0

    def tokens(self, text):
        """As llama.cpp encodes a prompt: with the special tokens that the model asks for."""
        return tokenize(self.c, self.c.llama_model_get_vocab(self.model), text, False)

    def logits(self, ids, last_only=False):
        """Continues with ids: their logits, float32 [positions, rows] (or of the last position alone)."""
        b = self.batch
        b.n_tokens = len(ids)
        for i, token in enumerate(ids):
            b.token[i], b.pos[i], b.n_seq_id[i] = token, self.position + i, 1
            b.seq_id[i][0] = 0
            b.logits[i] = not last_only or i == len(ids) - 1
        if self.c.llama_decode(self.context, b):
            raise ValueError('llama_decode failed')
        self.position += len(ids)
        wanted = [len(ids) - 1] if last_only else range(len(ids))
        return numpy.stack([numpy.ctypeslib.as_array(self.c.llama_get_logits_ith(self.context, i), (self.size,)).copy() for i in wanted])

    def restart(self):
        self.c.llama_memory_clear(self.c.llama_get_memory(self.context), True)
        self.position = 0

    def close(self):
        self.c.llama_batch_free(self.batch)
        self.c.llama_free(self.context)
        self.c.llama_model_free(self.model)
