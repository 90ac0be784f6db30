/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a plan: rows stream through one workspace, files into a staged directory. The input is opened once; every
 * byte that is hashed, copied or averaged comes through that descriptor.
 */
#ifndef VS_EXEC_H
#define VS_EXEC_H

#include "base/io.h"
#include "base/run.h"
#include "base/sha256.h"
#include "base/str.h"
#include "plan/recipe.h"
#include "vs_kernels.h"

/* Rows [begin, end) of an output table that share a state: the unit of proof in the receipt. */
struct vs_range {
    uint64_t begin, end, from;     /* from: first row in the input, of a copied range */
    enum vs_row_state state;
    bool copied;
    const char *method;            /* of initialised rows: one of the methods, or "mixed" */
    char before[VS_SHA256_HEX], after[VS_SHA256_HEX];
};

struct vs_ranges { struct vs_range *items; uint32_t count; };

/* A line of the receipt: a file that was read or written. */
struct vs_seen { const char *file; char sha256[VS_SHA256_HEX]; /* empty when it moved unread */ };
struct vs_seen_list { struct vs_seen *items; uint32_t count; };

struct vs_job {
    const struct vs_plan *plan;
    const struct vs_extend *x;
    const struct vs_extend_request *request;
    const struct vs_run *run;
    struct vs_run quiet;           /* run without progress: for steps of a longer way */
    struct vs_outdir *out;
    struct vs_dev *dev;
    struct vs_arena arena;
    char *work; size_t work_size;  /* the one workspace */
    struct vs_ranges *ranges;      /* one per plan table */
    struct vs_seen_list inputs, outputs;
    bool *twin;                    /* per plan table: a stored head that has the bytes of plan.tables[0] and is tied to it */
    int tied;                      /* 1 all such heads, 0 one differs, -1 there is none */
    struct vs_task task;
    struct vs_extend_report report;
};

/* rows.c: one table from an open input into an open output. */
struct vs_table_io {
    const struct vs_table_plan *plan;
    const struct vs_row_init *inits;   /* of the plan, or of the table it is tied to */
    struct vs_ranges *ranges;
    enum vs_role role;                 /* keys the noise */
    enum vs_dtype dtype;
    uint64_t cols, row_bytes;
    const struct vs_file *src; uint64_t src_at; /* of row 0 */
    int dst_fd; const struct vs_file *dst; uint64_t dst_at; /* written through dst_fd, read back through dst */
    double *sum, *deviation;           /* per column; deviation NULL unless an init needs it */
    uint64_t rows_used;
};
enum vs_code vs_table_ranges(struct vs_job *j, const struct vs_table_plan *t, const struct vs_row_init *inits, struct vs_ranges *out,
                             struct vs_err *err) VS_NODISCARD;
enum vs_code vs_table_write(struct vs_job *j, struct vs_table_io *io, struct vs_err *err) VS_NODISCARD;
/* Of bytes [begin, end), through the workspace, counted as progress of the job. */
enum vs_code vs_job_hash(struct vs_job *j, const struct vs_file *f, uint64_t begin, uint64_t end, char hex[VS_SHA256_HEX],
                         struct vs_err *err) VS_NODISCARD;
/* init_rows.c */
enum vs_code vs_table_init(struct vs_job *j, struct vs_table_io *io, struct vs_err *err) VS_NODISCARD;
/* tie.c: do the bytes of the two tables agree? */
enum vs_code vs_tables_equal(struct vs_job *j, const struct vs_table_plan *a, const struct vs_table_plan *b, bool *equal,
                             struct vs_err *err) VS_NODISCARD;
/* files.c: weight files, then all others, then the index. */
enum vs_code vs_job_files(struct vs_job *j, struct vs_err *err) VS_NODISCARD;
/* receipt.c */
enum vs_code vs_receipt_write(struct vs_job *j, struct vs_err *err) VS_NODISCARD;

#endif
