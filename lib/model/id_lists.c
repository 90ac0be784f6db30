/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/str.h"
#include "model/id_lists.h"

size_t vs_id_to_key(const struct vs_config_int *id)
{
    const char *end = id->at + strlen(id->at);
    for (const char *p = id->at; (p = strchr(p, '/')); p++)
        if ((size_t)(end - p) > id->name.n && memcmp(p + 1, id->name.p, id->name.n) == 0 && (p[1 + id->name.n] == '/' || !p[1 + id->name.n]))
            return (size_t)(p - id->at) + 1 + id->name.n;
    return (size_t)(end - id->at);
}

bool vs_id_same_list(const struct vs_config_int *a, const struct vs_config_int *b)
{
    size_t n = vs_id_to_key(a);
    return strcmp(a->file, b->file) == 0 && vs_str_eq(a->name, b->name) && n == vs_id_to_key(b) && memcmp(a->at, b->at, n) == 0;
}
