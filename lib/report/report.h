/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reports of this room share.
 */
#ifndef VS_REPORT_REPORT_H
#define VS_REPORT_REPORT_H

#include <vs/report.h>
#include "base/str.h"

enum vs_color { VS_PLAIN, VS_RED, VS_YELLOW, VS_GREEN, VS_CYAN, VS_BOLD };
const char *vs_color_on(const struct vs_look *look, enum vs_color color);
const char *vs_color_off(const struct vs_look *look);
void vs_put_bytes(struct vs_buf *b, uint64_t bytes);                          /* "95.6 KB" "988.1 MB" */
/* A token as people read it: of the byte alphabet (bytes), the text that it stands for; in quotes where its ends would not be seen. */
void vs_put_token(struct vs_buf *b, struct vs_str token, bool bytes);
void vs_put_id(struct vs_buf *b, int64_t id, struct vs_str token);            /* "151645 <|im_end|>" */

/* The line that draws the id space: what each stretch of ids is. */
#define STRETCHES_MAX 16
struct vs_stretch { const char *name; uint64_t begin, end; enum vs_color color; uint64_t count; /* of tokens or rows in it */ };
void vs_put_idstrip(struct vs_buf *b, const struct vs_stretch *stretches, uint32_t count, const struct vs_look *look);

struct cJSON;
struct cJSON *vs_json_text(struct vs_str s); /* a string; null for p NULL; NULL when memory is short */
bool vs_json_put(struct cJSON *object, const char *key, struct cJSON *item); /* takes item, also when it fails; false for item NULL */
/* The facts object of `vocab-inspect --json` and of the findings document; NULL when memory is short. */
struct cJSON *vs_facts_to_json(const struct vs_facts *f);

#endif
