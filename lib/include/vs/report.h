/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts, findings and plans as text for people and as JSON for scripts. Nothing here writes to a stream: the tool does.
 */
#ifndef VS_REPORT_H
#define VS_REPORT_H

#include <vs/check.h>
#include <vs/plan.h>

VS_C_BEGIN

/* The library's growing buffer (base/str.h) as tools see it. */
struct vs_buf;
struct vs_buf *vs_text_new(void);              /* NULL when memory is short */
const char *vs_text_get(const struct vs_buf *b, size_t *n); /* NULL when an append failed for lack of memory */
void vs_text_free(struct vs_buf *b);           /* accepts NULL */
/* What the library wrote, with names of files and keys in it: control characters are escaped, a backslash stays, since token text
 * is escaped already. NULL puts nothing. */
void vs_put_text(struct vs_buf *b, const char *text);
/* A command that a shell takes as it is: words up to NULL, quoted where they must be, without a control character ($'...'). */
void vs_text_command(struct vs_buf *b, const char *const *words);

struct vs_look { bool color; unsigned width; int verbose; bool quiet; }; /* width in columns; 0 = 80 */

enum vs_code vs_facts_text(const struct vs_facts *f, const struct vs_look *look, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_facts_json(const struct vs_facts *f, struct vs_buf *out, struct vs_err *err) VS_NODISCARD; /* one line */
enum vs_code vs_check_text(const struct vs_check_result *r, const struct vs_look *look, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_check_json(const struct vs_check_result *r, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_merge_text(const struct vs_merge_report *r, const struct vs_merge_request *q, const char *out_dir, const struct vs_look *look,
                           struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_merge_json(const struct vs_merge_report *r, const char *out_dir, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_plan_text(const struct vs_plan *p, const struct vs_look *look, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;

VS_C_END

#endif
