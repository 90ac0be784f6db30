/* SPDX-License-Identifier: Apache-2.0
 *
 * A model of the shape of Llama-3-8B with random BF16 weights, driven through vs_forward_kernels.h alone.
 */
#ifndef VS_TESTS_LLAMA_H
#define VS_TESTS_LLAMA_H

#include "vs_forward_kernels.h"

struct llama_shape { uint32_t layers, width, inner, heads, kv_heads, dim, vocabulary, context; };
struct llama;

enum vs_code llama_open(struct vs_dev *dev, const struct llama_shape *shape, struct llama **out, struct vs_err *err);
void llama_close(struct llama *l); /* accepts NULL */
/* n tokens at positions [at, at + n), whose activations are made up, through all layers; the id that the last one's logits give
 * comes to the host, and they stay on the device. Waits. */
enum vs_code llama_run(struct llama *l, uint32_t at, uint32_t n, struct vs_err *err);
/* The logits now, beside those at the last call. */
enum vs_code llama_compare(struct llama *l, struct vs_f_diff *out, struct vs_err *err);
/* The same run, kernel by kernel: what each kind of operation took, from event to event, so that launches are in it. bytes:
 * weights, keys, values and activations, each once. */
enum llama_part_number { LLAMA_TAKE, LLAMA_NORM, LLAMA_QKV, LLAMA_ROPE, LLAMA_ATTENTION, LLAMA_O, LLAMA_ADD, LLAMA_GATE_UP, LLAMA_ACT, LLAMA_DOWN,
                         LLAMA_HEAD, LLAMA_CHOICE, LLAMA_PARTS };
struct llama_part { const char *name; uint64_t launches; double ms, bytes, operations; };
enum vs_code llama_parts(struct llama *l, uint32_t at, uint32_t n, struct llama_part out[LLAMA_PARTS], struct vs_err *err);
enum vs_code llama_launches(struct llama *l, uint32_t n, struct vs_err *err); /* n of the smallest kernel. Waits. */
uint64_t llama_bytes(const struct llama *l, uint32_t at);    /* that a token behind at others reads: weights, keys and values */
double llama_operations(const struct llama *l, uint32_t n);  /* of a prompt of n tokens: products and attention */

#endif
