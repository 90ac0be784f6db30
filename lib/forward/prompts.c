/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompts: parsing what the user gives, sampling what the vocabulary has.
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "forward/prompts.h"

#define FILE_MAX (64ull << 20)

void vs_prompts_free(struct vs_prompts *p)
{
    vs_free(p->ids);
    vs_free(p->list);
    *p = (struct vs_prompts){0};
}

enum vs_code vs_prompts_begin(struct vs_prompts *p, enum vs_prompt_origin origin, struct vs_err *err)
{
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? 2 * p->cap : 16;
        struct vs_prompt *list = vs_realloc_array(p->list, cap, sizeof *list);
        if (!list)
            return vs_enomem(err, "prompts", cap * sizeof *list);
        p->list = list;
        p->cap = cap;
    }
    p->list[p->count++] = (struct vs_prompt){.begin = p->id_count, .origin = origin};
    return VS_OK;
}

enum vs_code vs_prompts_add(struct vs_prompts *p, int64_t id, struct vs_err *err)
{
    if (p->id_count == p->id_cap) {
        uint64_t cap = p->id_cap ? 2 * p->id_cap : 256;
        int64_t *ids = vs_realloc_array(p->ids, cap, sizeof *ids);
        if (!ids)
            return vs_enomem(err, "prompts", cap * sizeof *ids);
        p->ids = ids;
        p->id_cap = cap;
    }
    p->ids[p->id_count++] = id;
    p->list[p->count - 1].count++;
    return VS_OK;
}

/* ---- parsing ---- */

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static bool is_list(const char *text)
{
    bool digit = false;
    for (; *text; text++) {
        digit = digit || (*text >= '0' && *text <= '9');
        if (!is_gap(*text) && *text != '-' && (*text < '0' || *text > '9'))
            return false;
    }
    return digit;
}

/* One integer; saturates. Returns where it ends, NULL when there is none. */
static const char *integer(const char *p, const char *end, int64_t *out)
{
    bool minus = p < end && *p == '-';
    uint64_t v = 0;
    p += minus;
    const char *digits = p;
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        v = v > (uint64_t)INT64_MAX / 10 - 1 ? (uint64_t)INT64_MAX : v * 10 + (uint64_t)(*p - '0');
    *out = minus ? -(int64_t)v : (int64_t)v;
    return p > digits && (p == end || is_gap(*p)) ? p : NULL;
}

/* line 0: the text is the list itself. */
static enum vs_code no_id(const char *name, uint64_t line, size_t column, struct vs_str rest, struct vs_err *err)
{
    char shown[40], place[40] = "";
    if (line)
        snprintf(place, sizeof place, "line %llu, ", (unsigned long long)line);
    return vs_fail(err, VS_EUSAGE, "%s, %scolumn %zu: found \"%s\", token ids are expected: integers, with spaces or commas between them%s", name,
                   place, column, vs_escape(shown, sizeof shown, rest), line ? "" : "; and there is no file of that name");
}

/* A line is a prompt; an empty one is none. */
static enum vs_code parse_line(const char *name, uint64_t line, const char *p, const char *end, struct vs_prompts *out, struct vs_err *err)
{
    const char *begin = p;
    enum vs_code code = VS_OK;
    bool begun = false;
    while (!code) {
        int64_t id;
        while (p < end && is_gap(*p))
            p++;
        if (p == end)
            return VS_OK;
        const char *next = integer(p, end, &id);
        if (!next)
            return no_id(name, line, (size_t)(p - begin) + 1, (struct vs_str){p, (size_t)(end - p)}, err);
        if (!begun)
            code = vs_prompts_begin(out, VS_PROMPT_USER, err);
        begun = true;
        if (!code)
            code = vs_prompts_add(out, id, err);
        p = next;
    }
    return code;
}

static enum vs_code parse_file(const char *path, struct vs_prompts *out, struct vs_err *err)
{
    char *text;
    size_t n;
    enum vs_code code = vs_read_all(path, FILE_MAX, &text, &n, err);
    if (code)
        return code;
    uint32_t before = out->count;
    uint64_t line = 1;
    for (size_t at = 0; !code && at < n; line++) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t end = newline ? (size_t)(newline - text) : n;
        code = parse_line(path, line, text + at, text + end, out, err);
        at = end + 1;
    }
    vs_free(text);
    if (!code && out->count == before)
        code = vs_fail(err, VS_EUSAGE, "%s: no prompt in it; one prompt a line is expected, as token ids", path);
    return code;
}

enum vs_code vs_prompts_parse(const char *text, struct vs_prompts *p, struct vs_err *err)
{
    const char *first = text + strspn(text, " \t,\r-");
    bool number = *first >= '0' && *first <= '9';
    if (is_list(text) || (number && !vs_path_exists(text)))
        return parse_line("--prompt-ids", 0, text, text + strlen(text), p, err);
    if (*first == '\0')
        return vs_fail(err, VS_EUSAGE, "--prompt-ids: no token id in it; a list such as \"1 2 3\", or a file with one prompt a line is expected");
    return parse_file(text, p, err);
}

enum vs_code vs_prompts_text(const struct vs_tokenizer *t, const char *text, struct vs_prompts *p, struct vs_err *err)
{
    struct vs_ids ids = {0};
    if (!t)
        return vs_fail(err, VS_EUSAGE, "--prompt: the model has no tokenizer that this library reads; give --prompt-ids");
    const size_t n = strlen(text), valid = vs_utf8_valid(text, n);
    if (valid != n)
        return vs_fail(err, VS_EUSAGE, "--prompt: byte %zu is not valid UTF-8", valid);
    enum vs_code code = vs_encode_prompt(t, vs_cstr(text), &ids, err);
    if (!code && !ids.count)
        code = vs_fail(err, VS_EUSAGE, "--prompt: the text has no token");
    if (!code)
        code = vs_prompts_begin(p, VS_PROMPT_USER, err);
    for (size_t i = 0; !code && i < ids.count; i++)
        code = vs_prompts_add(p, ids.ids[i], err);
    vs_ids_free(&ids);
    return code;
}

/* ---- sampling ---- */

static bool has(const uint64_t *set, uint64_t i)
{
    return set[i / 64] >> (i % 64) & 1;
}

static uint64_t count_of(const uint64_t *set, uint64_t rows)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < rows; i++)
        n += has(set, i);
    return n;
}

/* Member number k of total is sample number k * (n - 1) / (total - 1) rounded down, when that number is new. */
enum vs_code vs_prompts_sample(const uint64_t *is_old, uint64_t rows, uint64_t n, uint32_t length, struct vs_prompts *p, struct vs_err *err)
{
    uint64_t total = count_of(is_old, rows), taken = 0, member = 0;
    enum vs_code code = VS_OK;
    n = n < total ? n : total;
    for (uint64_t i = 0; !code && i < rows && taken < n; i++) {
        if (!has(is_old, i))
            continue;
        uint64_t due = n == 1 ? 0 : taken * (total - 1) / (n - 1);
        if (member++ < due)
            continue;
        if (taken % length == 0)
            code = vs_prompts_begin(p, VS_PROMPT_SAMPLE, err);
        if (!code)
            code = vs_prompts_add(p, (int64_t)i, err);
        taken++;
    }
    return code;
}

enum vs_code vs_prompts_every(const uint64_t *set, uint64_t rows, uint32_t length, enum vs_prompt_origin origin, struct vs_prompts *p,
                              struct vs_err *err)
{
    enum vs_code code = VS_OK;
    uint64_t n = 0;
    for (uint64_t i = 0; !code && i < rows; i++) {
        if (!has(set, i))
            continue;
        if (n++ % length == 0)
            code = vs_prompts_begin(p, origin, err);
        if (!code)
            code = vs_prompts_add(p, (int64_t)i, err);
    }
    return code;
}
