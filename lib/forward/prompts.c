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

#define LIST "integers, with spaces or commas between them"

/* Where a line of ids stands. file: NULL for a list on the command line; line 0: that has no other. */
struct place { const char *file; uint64_t line; };

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Saturates, and says so. Returns where it ends, NULL when there is none. */
static const char *integer(const char *p, const char *end, int64_t *out, bool *fits)
{
    const bool minus = p < end && *p == '-';
    const char *digits = p + minus;
    uint64_t v = 0;
    *fits = true;
    for (p = digits; p < end && is_digit(*p); p++) {
        const uint64_t digit = (uint64_t)(*p - '0'), most = INT64_MAX;
        *fits = *fits && v <= (most - digit) / 10;
        v = *fits ? v * 10 + digit : most;
    }
    *out = minus ? -(int64_t)v : (int64_t)v;
    return p > digits && (p == end || is_gap(*p)) ? p : NULL;
}

/* rest is empty where the line has ended. */
static enum vs_code no_list(struct place at, size_t column, struct vs_str rest, const char *expected, struct vs_err *err)
{
    char shown[40], line[40] = "";
    if (at.line)
        snprintf(line, sizeof line, "line %llu, ", (unsigned long long)at.line);
    vs_escape(shown, sizeof shown, rest);
    return vs_fail(err, VS_EUSAGE, "%s, %scolumn %zu: found %s%s%s, %s%s", at.file ? at.file : "--prompt-ids", line, column, rest.n ? "\"" : "",
                   rest.n ? shown : "the end", rest.n ? "\"" : "", expected, at.file ? "" : "; and there is no file of that name");
}

static void keep_long(struct vs_long_id *out, uint64_t at, struct vs_str digits)
{
    const size_t room = sizeof out->text - sizeof "...";
    if (out->text[0])
        return;
    out->at = at;
    snprintf(out->text, sizeof out->text, "%.*s%s", (int)(digits.n > room ? room : digits.n), digits.p, digits.n > room ? "..." : "");
}

static enum vs_code add_line(struct place at, struct vs_str line, const char *p, const char *end, struct vs_prompts *out, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    bool begun = false, fits;
    int64_t id;
    while (!code) {
        while (p < end && is_gap(*p))
            p++;
        if (p == end)
            return VS_OK;
        const char *next = integer(p, end, &id, &fits);
        if (!next)
            return no_list(at, (size_t)(p - line.p) + 1, (struct vs_str){p, (size_t)(line.p + line.n - p)}, "token ids are expected: " LIST, err);
        if (!begun)
            code = vs_prompts_begin(out, VS_PROMPT_USER, err);
        if (!begun && !code) {
            out->list[out->count - 1].file = at.file;
            out->list[out->count - 1].line = at.line;
        }
        begun = true;
        if (!fits)
            keep_long(&out->long_id, out->id_count, (struct vs_str){p, (size_t)(next - p)});
        if (!code)
            code = vs_prompts_add(out, id, err);
        p = next;
    }
    return code;
}

/* A line is a prompt, in brackets or without; an empty one is none. */
static enum vs_code parse_line(struct place at, struct vs_str line, struct vs_prompts *out, struct vs_err *err)
{
    const char *p = line.p, *end = line.p + line.n;
    while (p < end && is_gap(*p))
        p++;
    while (p < end && is_gap(end[-1]))
        end--;
    if (p == end || *p != '[')
        return add_line(at, line, p, end, out, err);
    if (end[-1] != ']')
        return no_list(at, (size_t)(end - line.p) + 1, (struct vs_str){end, 0}, "] is expected: a list ends on the line that it begins on", err);
    return add_line(at, line, p + 1, end - 1, out, err);
}

/* Some editors begin a text in UTF-8 with a mark that is no part of it. */
static struct vs_str behind_mark(struct vs_str text)
{
    const size_t n = text.n > 2 && memcmp(text.p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    return (struct vs_str){text.p + n, text.n - n};
}

static enum vs_code parse_lines(const char *file, struct vs_str text, struct vs_prompts *out, struct vs_err *err)
{
    const char *p = behind_mark(text).p, *end = text.p + text.n;
    struct place at = {file, file || memchr(p, '\n', (size_t)(end - p)) ? 1 : 0};
    enum vs_code code = VS_OK;
    for (; !code && p < end; at.line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        code = parse_line(at, (struct vs_str){p, (size_t)(stop - p)}, out, err);
        p = stop + 1;
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
    code = parse_lines(path, (struct vs_str){text, n}, out, err);
    vs_free(text);
    if (!code && out->count == before)
        code = vs_fail(err, VS_EUSAGE, "%s: no prompt in it; one prompt a line is expected, as token ids", path);
    return code;
}

/* Nothing but what lists are made of. */
static bool is_list(const char *text)
{
    const char *p = behind_mark(vs_cstr(text)).p;
    return p[strspn(p, "0123456789-,[] \t\r\n")] == '\0';
}

/* "prompts/some" or "ids.txt", but not "1.5". */
static bool is_spelled_as_path(const char *text)
{
    const char *dot = strrchr(text, '.');
    return strchr(text, '/') || (dot && ((dot[1] | 32) >= 'a' && (dot[1] | 32) <= 'z'));
}

enum vs_code vs_prompts_parse(const char *text, struct vs_prompts *p, struct vs_err *err)
{
    const bool digit = strpbrk(text, "0123456789") != NULL, list = is_list(text);
    const uint32_t before = p->count;
    if (!(list && digit) && *text && vs_path_exists(text))
        return parse_file(text, p, err);
    if (!list && is_spelled_as_path(text))
        return vs_fail(err, VS_EFORMAT, "--prompt-ids: %s: not found; expected a file with one prompt a line, or token ids: " LIST, text);
    enum vs_code code = parse_lines(NULL, vs_cstr(text), p, err);
    if (!code && p->count == before)
        code = vs_fail(err, VS_EUSAGE, "--prompt-ids: no token id in it; a list such as \"1 2 3\", or a file with one prompt a line is expected");
    return code;
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
