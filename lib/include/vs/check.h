/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts once, then rules over facts.
 */
#ifndef VS_CHECK_H
#define VS_CHECK_H

#include <vs/checkpoint.h>
#include <vs/forward.h>
#include <vs/plan.h>
#include <vs/tokenizer.h>

VS_C_BEGIN

enum vs_surplus { VS_SURPLUS_UNKNOWN, VS_SURPLUS_ALIGN, VS_SURPLUS_RESERVE, VS_SURPLUS_ODD, VS_SURPLUS_EQUAL, VS_SURPLUS_OVER };
const char *vs_surplus_name(enum vs_surplus s); /* "align" "reserve" "odd" "equal" "over" */

/* first_bad_row: the first with NaN or Inf, where there is one. */
struct vs_row_stats { uint64_t nan_rows, inf_rows, zero_rows, first_bad_row; double norm_p1, norm_median, norm_p99; };

/* Everything vocab-inspect prints. Parts that are absent are NULL or VS_*_UNKNOWN, never a guess. */
struct vs_facts {
    const char *path;
    struct vs_checkpoint *checkpoint;      /* owned; NULL when PATH holds a tokenizer alone */
    struct vs_tokenizer *tokenizer;        /* owned; NULL when PATH holds a model alone */
    enum vs_surplus surplus; int64_t surplus_rows; uint32_t align_multiple; /* multiple for ALIGN */
    struct vs_block *blocks; uint32_t block_count;
    struct vs_row_stats *row_stats;        /* per checkpoint table, with --rows only; else NULL */
    int tied_stored;                       /* 1 tied, 0 a different head is stored, -1 a head exists and was not compared */
    double seconds;
    struct vs_facts_impl *impl;
};
struct vs_facts_options {
    const char *data_dir;
    bool rows;
    bool repeats;                          /* as in vs_tokenizer_options */
};
enum vs_code vs_facts_open(const char *path, const struct vs_facts_options *options, const struct vs_run *run, struct vs_facts **out,
                           struct vs_err *err) VS_NODISCARD;
void vs_facts_close(struct vs_facts *f); /* accepts NULL */

enum vs_severity { VS_INFO, VS_WARNING, VS_ERROR };
const char *vs_severity_name(enum vs_severity s); /* "info" "warning" "error" */

struct vs_finding {
    char rule[8];                          /* "VOC101" */
    enum vs_severity severity;
    const char *message, *file, *at, *found, *expected, *remedy, *why; /* NULL where there is none */
    const char *also_file, *also_at;       /* the other side of a contradiction, or NULL */
};
enum vs_level_state { VS_NOT_RUN, VS_PASS, VS_FAIL };
struct vs_level { enum vs_level_state state; const char *why; };

enum vs_device { VS_DEVICE_AUTO, VS_DEVICE_CPU, VS_DEVICE_CUDA };
/* What the range-checked gather on the device saw. position: in the order ids were fed, tokens first. */
struct vs_bad_id { uint64_t position; int64_t id; };
/* checked: tokens (rows, where there is no tokenizer) and the ids of the configs. */
struct vs_gather { uint64_t checked, tokens, bad_count; struct vs_bad_id bad[8]; uint32_t shown; };

struct vs_check_request {
    /* base, map, receipt may be NULL; a vocab-map.json and a receipt.json in the directory itself are used then, the receipt only
     * for what it says about ids: its hashes are compared when it is given. */
    const char *path, *base, *map, *receipt;
    enum vs_device device;
    enum vs_severity fail_on;
    const char *data_dir;
    const struct vs_forward_request *forward; /* NULL: no forward pass, L3 and L4 are not run */
};
/* What the head's probes predicted where rows stand behind the last token: how many of them a row at or above end. count 0:
 * not probed, or there are no such rows. */
struct vs_head_probes { uint32_t count, above; uint64_t end; };

struct vs_check_result {
    struct vs_facts *facts;
    struct vs_finding *findings; uint32_t finding_count; /* errors first, then by rule, then by place */
    struct vs_level levels[5];             /* L0 .. L4 */
    const char *device_kind, *device_name; /* "cpu" "AVX-512, 2 threads" */
    struct vs_gather gather;
    struct vs_forward_report *forward;     /* NULL: the model was not run */
    struct vs_head_probes head;
    const char *map, *receipt;             /* the files that told which ids are new; or NULL */
    bool found_map, found_receipt;         /* in the directory: nobody gave them */
    const char *device_note;               /* "no CUDA device: ..." when auto fell to the CPU; or NULL */
    enum vs_severity fail_on;              /* of the request: what fails is shown */
    bool forward_asked;                    /* of the request: that it was not run is shown */
    enum vs_severity verdict;              /* the worst finding; VS_INFO = ok */
    struct vs_check_impl *impl;
};
/* The file of forward->dump_logits, unless forward.dumped says why there is none, is complete then, but not visible before
 * vs_check_commit(*out), so that a report can be written first. */
enum vs_code vs_check(const struct vs_check_request *request, const struct vs_run *run, struct vs_check_result **out,
                      struct vs_err *err) VS_NODISCARD;
/* VS_OK too where there is no such file. Without it vs_check_free() removes what was staged. */
enum vs_code vs_check_commit(struct vs_check_result *r, struct vs_err *err) VS_NODISCARD;
void vs_check_free(struct vs_check_result *r); /* accepts NULL */

VS_C_END

#endif
