/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "tokenizer/vocab.h"

enum { FIRST_ENTRIES = 1 << 12, FIRST_BYTES = 1 << 16 };

static bool grow_slots(struct vs_vocab *v, uint32_t count)
{
    struct vs_vocab_slot *slots = vs_realloc_array(NULL, count, sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xff, count * sizeof *slots);
    for (uint32_t i = 0; v->slots && i <= v->slot_mask; i++) {
        if (v->slots[i].entry == VS_NO_ENTRY)
            continue;
        uint32_t at = v->slots[i].hash & (count - 1);
        while (slots[at].entry != VS_NO_ENTRY)
            at = (at + 1) & (count - 1);
        slots[at] = v->slots[i];
    }
    vs_free(v->slots);
    v->slots = slots;
    v->slot_mask = count - 1;
    return true;
}

static bool grow_entries(struct vs_vocab *v, uint32_t cap)
{
    uint32_t *begins = vs_realloc_array(v->begins, (size_t)cap + 1, sizeof *begins);
    if (!begins)
        return false;
    v->begins = begins;
    uint32_t *ids = vs_realloc_array(v->ids, cap, sizeof *ids);
    if (!ids)
        return false;
    v->ids = ids;
    v->cap = cap;
    return true;
}

/* Room for one more entry of n bytes. Positions have 32 bits: a tokenizer.json is at most 1 GiB, and more of a GGUF file is refused. */
static bool reserve(struct vs_vocab *v, size_t n)
{
    if (!v->seed)
        v->seed = vs_hash_seed(v);
    if (v->count >= v->cap) {
        if (!grow_entries(v, v->cap ? v->cap * 2 : FIRST_ENTRIES))
            return false;
        if (v->count == 0)
            v->begins[0] = 0;
    }
    size_t need = v->begins[v->count] + n;
    if (need > UINT32_MAX)
        return false;
    if (need > v->byte_cap || !v->bytes) {
        size_t cap = v->byte_cap ? v->byte_cap : FIRST_BYTES;
        while (cap < need)
            cap *= 2;
        char *bytes = vs_realloc_array(v->bytes, cap, 1);
        if (!bytes)
            return false;
        v->bytes = bytes;
        v->byte_cap = cap;
    }
    uint32_t slots = v->slots ? v->slot_mask + 1 : 0;
    return (uint64_t)(v->count + 1) * 2 <= slots || grow_slots(v, slots ? slots * 2 : 2 * FIRST_ENTRIES);
}

enum vs_code vs_vocab_add(struct vs_vocab *v, struct vs_str s, uint32_t id, uint32_t *twin, struct vs_err *err)
{
    if (v->count >= 1u << 30 || !reserve(v, s.n))
        return vs_enomem(err, "the vocabulary", s.n);
    uint32_t hash = vs_vocab_hash(v, s), at = hash;
    *twin = vs_vocab_probe(v, hash, &at);
    while (*twin != VS_NO_ENTRY && !vs_vocab_is(v, *twin, s))
        *twin = vs_vocab_probe(v, hash, &at);
    if (*twin != VS_NO_ENTRY)
        return VS_OK;
    uint32_t begin = v->begins[v->count];
    if (s.n)
        memcpy(v->bytes + begin, s.p, s.n);
    v->slots[(at - 1) & v->slot_mask] = (struct vs_vocab_slot){hash, v->count};
    v->ids[v->count] = id;
    v->begins[++v->count] = begin + (uint32_t)s.n;
    return VS_OK;
}

uint32_t vs_vocab_find(const struct vs_vocab *v, struct vs_str s)
{
    if (v->count == 0)
        return VS_NO_ENTRY;
    uint32_t hash = vs_vocab_hash(v, s), at = hash;
    for (;;) {
        uint32_t entry = vs_vocab_probe(v, hash, &at);
        if (entry == VS_NO_ENTRY || vs_vocab_is(v, entry, s))
            return entry;
    }
}

void vs_vocab_trim(struct vs_vocab *v)
{
    if (v->count == 0)
        return;
    char *bytes = vs_realloc_array(v->bytes, v->begins[v->count] + 1, 1);
    if (bytes) {
        v->bytes = bytes;
        v->byte_cap = v->begins[v->count] + 1;
    }
    if (!grow_entries(v, v->count))
        v->cap = v->count; /* shrinking failed: the larger block stays */
}

void vs_vocab_free(struct vs_vocab *v)
{
    vs_free(v->bytes);
    vs_free(v->begins);
    vs_free(v->ids);
    vs_free(v->slots);
    *v = (struct vs_vocab){0};
}
