/* SPDX-License-Identifier: Apache-2.0
 *
 * A checkpoint as its headers and configs describe it: no payload is read.
 *
 * PATH is a model directory (one *.safetensors, or shards with an index), a single .safetensors file, or a directory
 * with a config and no weights (tensor_count 0); or, for those who ask for it, a GGUF file of any name but *.safetensors
 * (of a split one: the first).
 * Links are followed (Hugging Face cache snapshots).
 * All pointers belong to the checkpoint and live until vs_checkpoint_close.
 */
#ifndef VS_CHECKPOINT_H
#define VS_CHECKPOINT_H

#include <vs/tensor.h>
#include <vs/vs.h>

VS_C_BEGIN

struct vs_jdoc; /* json/dom.h, for the library's own use */
struct vs_jval;
struct vs_gguf; /* format/gguf.h, likewise */

enum vs_role { VS_ROLE_NONE, VS_ROLE_INPUT, VS_ROLE_HEAD, VS_ROLE_BIAS, VS_ROLE_PLE, VS_ROLE_VISION, VS_ROLE_AUDIO, VS_ROLE_OTHER };
const char *vs_role_name(enum vs_role role); /* "input" "head" "bias" "ple" "vision" "audio" "other" */

struct vs_ckpt_file {
    const char *name;      /* as in the directory: "model-00001-of-00004.safetensors" */
    const char *path;      /* openable */
    uint64_t size;         /* bytes */
    uint64_t inode; int64_t mtime_ns; /* with the size: is it still the file whose header was read? */
    uint64_t data_begin;   /* first byte after the header (8 + N) */
    struct vs_str header;  /* the header's JSON text, padding included */
    struct vs_str metadata;/* JSON text of __metadata__, or empty */
};

/* A tensor with a vocabulary-sized axis. rows = shape[axis], cols = elements per row. */
struct vs_table {
    uint32_t tensor;       /* position in tensors[] */
    enum vs_role role;
    uint32_t axis;         /* 0, or 1 for final_logits_bias [1, V] */
    uint64_t rows, cols;
    bool suspect;          /* an axis has the size of the vocabulary, but no name table says how its rows follow it */
};

/* An integer fact in a JSON file: where it stands and what it says. */
struct vs_config_int {
    const char *file;      /* "config.json" */
    const char *at;        /* JSON Pointer; the key in a .gguf file */
    struct vs_str name;    /* last component: "vocab_size", "eos_token_id" */
    int64_t value;         /* -1 where only the text is given */
    struct vs_str token;   /* special ids named by text in tokenizer_config.json and the like: the text; else empty */
    bool suppressed;       /* in a list of ids that are not to be generated: such an id need not be a token's */
};

enum vs_tie { VS_TIE_UNKNOWN, VS_TIE_FALSE, VS_TIE_TRUE };

struct vs_config {
    struct vs_str model_type;                /* empty when absent */
    struct vs_str text_model_type;           /* of the nested text config, empty when there is none */
    struct vs_config_int *vocab_sizes; size_t vocab_size_count; /* every spelling and nesting, in file order */
    int text_vocab;                          /* position of the one that sizes the text table, or -1 (audit.md 1.1 order) */
    struct vs_config_int *special_ids; size_t special_id_count; /* config.json, generation_config.json, processor configs ... */
    enum vs_tie tie;                         /* as declared, right above the text config before in it; VS_TIE_UNKNOWN when absent */
    enum vs_tie tie_default;                 /* what the class of this model_type assumes without the flag, where that is known */
    int64_t top_size_default;                /* /vocab_size that the class of this model_type writes whatever the rows are; -1 = none is known */
    const char *tie_at;                      /* JSON Pointer of the flag, or NULL */
    int64_t hidden_size;                     /* 0 when absent */
    const struct vs_jval *text;              /* the nested text config in config.json, or NULL */
};

struct vs_checkpoint {
    const char *path;                        /* as given */
    const char *dir;                         /* directory that holds the files */
    bool is_file;                            /* PATH was a file */
    const struct vs_gguf *gguf;              /* the keys of a .gguf file, which are the config then; NULL for other formats */
    bool sharded; const char *index_name;    /* "model.safetensors.index.json" or NULL */
    struct vs_ckpt_file *files; uint32_t file_count;
    struct vs_tensor *tensors; uint64_t tensor_count; /* sorted by name, bytewise */
    struct vs_table *tables; uint32_t table_count;    /* input first, then head, bias, ple, the rest by name */
    struct vs_config config;
    bool head_lost;                          /* the index lists a head, and no shard holds it */
    bool has_config;
    const char *family;                      /* id of the file in schemas/families that matched, or NULL */
    const char **findings; size_t finding_count; /* what loads but is inconsistent (orphans, total_size ...): facts for vocab-check */
    size_t fault_count;                      /* of them the first: loaders stop there (a tensor is not where the index says) */
    struct vs_checkpoint_impl *impl;
};

struct vs_checkpoint_options {
    const char *data_dir;
    bool lenient;   /* vocab-inspect/vocab-check: inconsistencies that writers refuse become findings[] */
    bool gguf;      /* a .gguf file is a model too; otherwise VS_EUNSUPPORTED */
};

enum vs_code vs_checkpoint_open(const char *path, const struct vs_checkpoint_options *options, struct vs_checkpoint **out,
                                struct vs_err *err) VS_NODISCARD;
/* Does PATH look like a model (a file, or a directory with a config.json or with weights of any kind)? */
enum vs_code vs_checkpoint_present(const char *path, bool *present, struct vs_err *err) VS_NODISCARD;
void vs_checkpoint_close(struct vs_checkpoint *c); /* accepts NULL */

const struct vs_tensor *vs_checkpoint_tensor(const struct vs_checkpoint *c, struct vs_str name); /* NULL when absent */
/* The table of ids behind the input's last row, where a class looks those up apart (Idefics); NULL: it does not. */
const struct vs_tensor *vs_checkpoint_apart(const struct vs_checkpoint *c);
uint64_t vs_checkpoint_rows(const struct vs_checkpoint *c, const struct vs_table *input); /* of ids: the table's, and those apart */
const struct vs_table *vs_checkpoint_table(const struct vs_checkpoint *c, enum vs_role role);    /* the first of that role, or NULL */
/* A parsed JSON file of the directory ("config.json"), cached; NULL when absent or damaged (open has reported damage). */
const struct vs_jdoc *vs_checkpoint_json(const struct vs_checkpoint *c, const char *name);

VS_C_END

#endif
