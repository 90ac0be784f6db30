/* SPDX-License-Identifier: Apache-2.0
 *
 * Unigram: the best path over the pieces of a text, in float64 as the Rust library computes it. Ends are kept per byte,
 * starts are scanned left to right, a path is replaced only by a strictly better one; an unknown character is a node only
 * where no one-character piece is, and neighbouring ones are written as one.
 */
#include "tokenizer/encode.h"

struct node {
    double score;   /* of the best path that ends here */
    uint32_t begin; /* of its last piece */
    uint32_t entry; /* of its last piece; VS_NO_ENTRY: unknown */
    uint32_t next;  /* once the path is known: where the piece behind this one ends */
    bool reached;
};

static void relax(struct node *end, double score, uint32_t begin, uint32_t entry)
{
    if (!end->reached || score > end->score)
        *end = (struct node){.score = score, .begin = begin, .entry = entry, .reached = true};
}

/* All pieces that begin at `at`. */
static enum vs_code extend(const struct vs_tokenizer_impl *impl, struct vs_str text, struct node *nodes, uint32_t at, uint32_t char_len,
                           struct vs_err *err)
{
    const struct vs_prefix *pieces = &impl->encoder->pieces;
    struct vs_prefix_walk walk = vs_prefix_begin(pieces);
    double score = nodes[at].score;
    bool single = false;
    for (uint32_t end = at; end < text.n && vs_prefix_step(pieces, &walk, (unsigned char)text.p[end]);) {
        uint32_t entry;
        if (!vs_prefix_match(pieces, &walk, &entry)) {
            end++;
            continue;
        }
        relax(&nodes[++end], score + impl->model.scores[entry], at, entry);
        single = single || end - at == char_len;
    }
    if (single)
        return VS_OK;
    if (impl->model.unk == VS_NO_ENTRY)
        return vs_fail(err, VS_EMISMATCH, "%s: a character is unknown and model.unk_id is null", impl->t.path);
    relax(&nodes[at + char_len], score + impl->encoder->unk_score, at, VS_NO_ENTRY);
    return VS_OK;
}

/* An unknown stretch: its own entry if it has one, its bytes with byte_fallback, else the unknown token. */
static enum vs_code write_unknown(const struct vs_tokenizer_impl *impl, struct vs_str s, struct vs_ids *out, struct vs_err *err)
{
    uint32_t entry = vs_vocab_find(&impl->vocab, s);
    bool done;
    if (entry != VS_NO_ENTRY)
        return vs_ids_add(out, entry, err);
    enum vs_code code = vs_encode_bytes(impl, s, out, &done, err);
    return code || done ? code : vs_ids_add(out, impl->model.unk, err);
}

/* Turns the best path round; returns where its first piece ends. */
static uint32_t turn_path(struct node *nodes, uint32_t end)
{
    uint32_t next = end;
    for (uint32_t at = end;; at = nodes[at].begin) {
        nodes[at].next = next;
        next = at;
        if (nodes[at].begin == 0)
            return next;
    }
}

static enum vs_code write_path(const struct vs_tokenizer_impl *impl, struct vs_str text, struct node *nodes, struct vs_ids *out,
                               struct vs_err *err)
{
    uint32_t end = (uint32_t)text.n;
    enum vs_code code = VS_OK;
    uint32_t unknown = UINT32_MAX; /* where a run of unknown characters began */
    for (uint32_t begin = 0, at = turn_path(nodes, end); begin < end && code == VS_OK;) {
        uint32_t entry = nodes[at].entry;
        bool is_unk = entry == VS_NO_ENTRY || entry == impl->model.unk;
        if (is_unk && unknown == UINT32_MAX)
            unknown = begin;
        if (!is_unk && unknown != UINT32_MAX) {
            code = write_unknown(impl, (struct vs_str){text.p + unknown, begin - unknown}, out, err);
            unknown = UINT32_MAX;
        }
        if (!is_unk && code == VS_OK)
            code = vs_ids_add(out, entry, err);
        begin = at;
        at = nodes[at].next;
    }
    if (code == VS_OK && unknown != UINT32_MAX)
        code = write_unknown(impl, (struct vs_str){text.p + unknown, end - unknown}, out, err);
    return code;
}

enum vs_code vs_encode_unigram(const struct vs_tokenizer_impl *impl, struct vs_str piece, struct vs_ids *out, struct vs_err *err)
{
    if (piece.n == 0)
        return VS_OK;
    if (piece.n >= UINT32_MAX / 2)
        return vs_fail(err, VS_ELIMIT, "one piece of text of %zu bytes: at most %u", piece.n, UINT32_MAX / 2);
    struct node *nodes = vs_calloc(piece.n + 1, sizeof *nodes);
    if (!nodes)
        return vs_enomem(err, "the best path over a text", (piece.n + 1) * sizeof *nodes);
    nodes[0].reached = true;
    enum vs_code code = vs_sort_pieces(impl, err);
    for (uint32_t at = 0; at < piece.n && code == VS_OK;) {
        uint32_t cp, len = vs_utf8_next(piece.p + at, piece.p + piece.n, &cp);
        code = extend(impl, piece, nodes, at, len, err);
        at += len;
    }
    if (code == VS_OK)
        code = write_path(impl, piece, nodes, out, err);
    vs_free(nodes);
    return code;
}
