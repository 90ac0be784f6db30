/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: how a checkpoint is put together, step by step.
 */
#ifndef VS_MODEL_IMPL_H
#define VS_MODEL_IMPL_H

#include <vs/checkpoint.h>
#include "base/io.h"
#include "base/str.h"
#include "format/foreign.h"
#include "format/gguf.h"
#include "format/st_index.h"
#include "model/data.h"

struct vs_config_doc { const char *name; struct vs_jdoc doc; };

struct vs_checkpoint_impl {
    struct vs_arena arena;            /* owns everything the checkpoint points to */
    bool lenient, gguf;               /* as in the options */
    const char *data_dir;
    struct vs_jdoc keys;              /* model-keys.json */
    struct vs_config_doc *docs; uint32_t doc_count;
    struct vs_jdoc *families; uint32_t family_count;
    const struct vs_jdoc *family;     /* of families, the one that c->family names; NULL for none */
    const char **names; size_t name_count; /* of the directory, sorted */
    struct vs_str *lost; uint64_t lost_count; /* tensors that weight_map lists and no shard of its holds */
    struct vs_gguf *ggufs; uint32_t gguf_count; /* one a file */
};

/* What writers refuse: an error with this code, or a finding when the checkpoint is opened leniently. */
enum vs_code vs_ckpt_note(struct vs_checkpoint *c, enum vs_code code, struct vs_err *err, const char *fmt, ...) VS_PRINTF(4, 5) VS_NODISCARD;
/* The same, counted in fault_count. */
enum vs_code vs_ckpt_fault(struct vs_checkpoint *c, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4) VS_NODISCARD;
/* What nobody needs to refuse: always a finding. */
enum vs_code vs_ckpt_remark(struct vs_checkpoint *c, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4) VS_NODISCARD;

/* weights.c: which files hold the weights (files[], index_name, sharded), then their headers (tensors[]). */
enum vs_code vs_ckpt_find_weights(struct vs_checkpoint *c, struct vs_st_index *index, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_ckpt_read_headers(struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_err *err) VS_NODISCARD;
bool vs_ckpt_is_listed(const struct vs_st_index *index, const char *file); /* weight_map names the file */
/* misplaced.c: a fault, and lost[]. */
enum vs_code vs_ckpt_say_misplaced(struct vs_checkpoint *c, const struct vs_st_index *index, const struct vs_st_cross *x,
                                   struct vs_err *err) VS_NODISCARD;
/* gguf.c: is it such a file, whatever its name? Then these stand in place of the two above; and of config.c and ids.c. */
bool vs_ckpt_is_gguf(const struct vs_checkpoint *c);
enum vs_code vs_ckpt_read_gguf(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_ckpt_read_keys(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;

/* config.c: sizes, flags; ids.c: token ids in every JSON file. */
enum vs_code vs_ckpt_read_configs(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_ckpt_collect_ids(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;

/* family.c: data of schemas/families; roles.c: which tensors follow the vocabulary. */
enum vs_code vs_ckpt_load_families(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;
enum vs_tie vs_ckpt_tie_default(const struct vs_checkpoint *c);
int64_t vs_ckpt_top_size_default(const struct vs_checkpoint *c);
bool vs_ckpt_is_type(const struct vs_checkpoint *c, const struct vs_jval *model_types); /* of the model or its text config */
bool vs_ckpt_family_matches(const struct vs_checkpoint *c, const struct vs_jval *family);
enum vs_code vs_ckpt_assign_roles(struct vs_checkpoint *c, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_ckpt_add_table(struct vs_checkpoint *c, const struct vs_table *table, struct vs_err *err) VS_NODISCARD;
/* suspects.c: tensors with an axis as long as the vocabulary that are not known[] (by position in tensors[]). */
enum vs_code vs_ckpt_add_suspects(struct vs_checkpoint *c, const bool *known, struct vs_err *err) VS_NODISCARD;
/* quantised.c: how a table of this name is quantised; *how is NULL when it is not. */
enum vs_code vs_ckpt_quantised(const struct vs_checkpoint *c, struct vs_str name, const struct vs_tensor *t, const char **how,
                               struct vs_err *err) VS_NODISCARD;

#endif
