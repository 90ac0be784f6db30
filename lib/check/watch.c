/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as they pass: compared with the base's, which are read at the matching place, and hashed.
 */
#include <stdlib.h>
#include <string.h>
#include "check/watch.h"

#define BUFFER (1u << 20) /* of the base, at a time */
#define BLOCK 4096u       /* what differs is known to this many bytes */
#define SPANS 4096u       /* that are known of an expectation; beyond them the proof reads again */

struct place { uint32_t file; uint64_t begin, end; };
struct span { uint64_t begin, end; };

/* Both begin with their place. spans: what is equal, ascending, with gaps between. */
struct same { struct place at; uint32_t base_file; uint64_t base_begin; struct span *spans; size_t span_count; };
struct range { struct place at; uint64_t fed; struct vs_sha256 *h; char hex[VS_SHA256_HEX]; };

/* What a file was when its bytes were seen: of another one nothing is known. */
struct identity { bool is; dev_t dev; ino_t ino; uint64_t size; int64_t mtime; };
enum { CHECKED, BASE };

struct vs_watch {
    const struct vs_checkpoint *base;
    struct vs_tap tap;
    struct same *same; size_t same_count;
    struct range *hashed; size_t hashed_count;
    struct identity *seen[2]; uint32_t seen_count[2]; /* by number: files of the checked model, of the base */
    struct vs_file file; uint32_t file_number; /* of the base: the one that was read last */
    char *buffer;
    bool changed, given_up;                    /* given_up: the base cannot be read; the proof says why */
    bool stops;
};

/* ---- what is expected ---- */

static bool saw(void *user, const struct vs_file *f, uint32_t number, uint64_t at, const void *bytes, uint64_t n);

enum vs_code vs_watch_new(const struct vs_checkpoint *base, struct vs_watch **out, struct vs_err *err)
{
    struct vs_watch *w = vs_calloc(1, sizeof *w);
    if (!w)
        return vs_enomem(err, "expectations", sizeof *w);
    *w = (struct vs_watch){.base = base, .tap = {saw, w}, .file = {.fd = -1}, .buffer = vs_malloc(BUFFER)};
    *out = w;
    return w->buffer ? VS_OK : vs_enomem(err, "a buffer", BUFFER);
}

void vs_watch_free(struct vs_watch *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->same_count; i++)
        vs_free(w->same[i].spans);
    for (size_t i = 0; i < w->hashed_count; i++)
        vs_sha256_drop(w->hashed[i].h);
    vs_file_close(&w->file);
    for (int side = CHECKED; side <= BASE; side++)
        vs_free(w->seen[side]);
    vs_free(w->same);
    vs_free(w->hashed);
    vs_free(w->buffer);
    vs_free(w);
}

enum vs_code vs_watch_same(struct vs_watch *w, const struct vs_same_bytes *s, struct vs_err *err)
{
    if (s->begin == s->end)
        return VS_OK;
    struct same *list = vs_list_room(w->same, w->same_count, sizeof *list);
    if (!list)
        return vs_enomem(err, "expectations", w->same_count * sizeof *list);
    w->same = list;
    list[w->same_count++] = (struct same){.at = {s->file, s->begin, s->end}, .base_file = s->base_file, .base_begin = s->base_begin};
    return VS_OK;
}

enum vs_code vs_watch_hash(struct vs_watch *w, uint32_t file, uint64_t begin, uint64_t end, struct vs_err *err)
{
    if (begin == end)
        return VS_OK;
    struct range *list = vs_list_room(w->hashed, w->hashed_count, sizeof *list);
    if (!list)
        return vs_enomem(err, "expectations", w->hashed_count * sizeof *list);
    w->hashed = list;
    list[w->hashed_count++] = (struct range){.at = {file, begin, end}, .fed = begin};
    return VS_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Returns how many are left: those that begin in an earlier one go. */
static size_t sort_places(void *list, size_t count, size_t size)
{
    char *items = list;
    size_t kept = 0;
    if (count)
        qsort(list, count, size, by_place);
    for (size_t i = 0; i < count; i++) {
        const struct place *p = (const void *)(items + i * size), *last = kept ? (const void *)(items + (kept - 1) * size) : NULL;
        if (last && last->file == p->file && p->begin < last->end)
            continue;
        memmove(items + kept++ * size, p, size);
    }
    return kept;
}

/* The first that ends behind `at`, or count. */
static size_t find_place(const void *list, size_t count, size_t size, uint32_t file, uint64_t at)
{
    const char *items = list;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct place *p = (const void *)(items + middle * size);
        if (p->file < file || (p->file == file && p->end <= at))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void vs_watch_begin(struct vs_watch *w)
{
    w->same_count = sort_places(w->same, w->same_count, sizeof *w->same);
    w->hashed_count = sort_places(w->hashed, w->hashed_count, sizeof *w->hashed);
}

void vs_watch_stop(struct vs_watch *w, bool at_change)
{
    if (w)
        w->stops = at_change;
}

const struct vs_tap *vs_watch_tap(const struct vs_watch *w)
{
    return w ? &w->tap : NULL;
}

/* ---- spans ---- */

/* The first that ends at `at` or behind it. */
static size_t find_span(const struct same *s, uint64_t at)
{
    size_t low = 0, high = s->span_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->spans[middle].end < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Short of memory, less is known. */
static void add_span(struct same *s, uint64_t begin, uint64_t end)
{
    size_t i = find_span(s, begin), j = i;
    for (; j < s->span_count && s->spans[j].begin <= end; j++) {
        begin = s->spans[j].begin < begin ? s->spans[j].begin : begin;
        end = s->spans[j].end > end ? s->spans[j].end : end;
    }
    if (i == j && s->span_count == SPANS)
        return;
    if (i == j) {
        struct span *list = vs_list_room(s->spans, s->span_count, sizeof *list);
        if (!list)
            return;
        s->spans = list;
    }
    memmove(s->spans + i + 1, s->spans + j, (s->span_count - j) * sizeof *s->spans);
    s->spans[i] = (struct span){begin, end};
    s->span_count = i + 1 + s->span_count - j;
}

/* What of [at, end) is not known yet, the first piece; at is end when all of it is. */
static struct span next_gap(const struct same *s, uint64_t at, uint64_t end)
{
    size_t i = find_span(s, at);
    if (i < s->span_count && s->spans[i].begin <= at)
        at = s->spans[i++].end;
    if (at >= end)
        return (struct span){end, end};
    return (struct span){at, i < s->span_count && s->spans[i].begin < end ? s->spans[i].begin : end};
}

/* ---- which file it was ---- */

static void forget(struct vs_watch *w, int side, uint32_t number)
{
    for (size_t i = 0; i < w->same_count; i++)
        if ((side == BASE ? w->same[i].base_file : w->same[i].at.file) == number)
            w->same[i].span_count = 0;
    for (size_t i = 0; i < w->hashed_count && side == CHECKED; i++) {
        struct range *h = &w->hashed[i];
        if (h->at.file != number)
            continue;
        vs_sha256_drop(h->h);
        *h = (struct range){.at = h->at, .fed = h->at.begin};
    }
}

/* False: memory is short, nothing may be concluded. */
static bool know_file(struct vs_watch *w, int side, uint32_t number, const struct vs_file *f)
{
    const struct identity now = {true, f->dev, f->ino, f->size, vs_file_mtime_ns(f)};
    if (number >= w->seen_count[side]) {
        struct identity *list = vs_realloc_array(w->seen[side], number + 1u, sizeof *list);
        if (!list)
            return false;
        memset(list + w->seen_count[side], 0, (number + 1u - w->seen_count[side]) * sizeof *list);
        w->seen[side] = list;
        w->seen_count[side] = number + 1;
    }
    struct identity *was = &w->seen[side][number];
    if (was->is && (was->dev != now.dev || was->ino != now.ino || was->size != now.size || was->mtime != now.mtime))
        forget(w, side, number);
    *was = now;
    return true;
}

static void look_again(struct vs_watch *w, int side, const struct vs_checkpoint *c)
{
    for (uint32_t i = 0; i < w->seen_count[side]; i++) {
        struct vs_file f;
        struct vs_err none;
        if (!w->seen[side][i].is)
            continue;
        if (vs_file_open(c->files[i].path, &f, &none)) {
            forget(w, side, i);
            continue;
        }
        (void)know_file(w, side, i, &f);
        vs_file_close(&f);
    }
}

void vs_watch_end(struct vs_watch *w, const struct vs_checkpoint *checked)
{
    if (!w)
        return;
    look_again(w, CHECKED, checked);
    if (w->base)
        look_again(w, BASE, w->base);
}

/* ---- looking ---- */

static bool open_base(struct vs_watch *w, uint32_t file)
{
    struct vs_err none;
    if (w->file.fd >= 0 && w->file_number == file)
        return true;
    vs_file_close(&w->file);
    w->file.fd = -1;
    w->file_number = file;
    return vs_file_open(w->base->files[file].path, &w->file, &none) == VS_OK && know_file(w, BASE, file, &w->file);
}

static void compare(struct vs_watch *w, struct same *s, const struct vs_file *f, uint64_t at, const char *bytes, size_t n)
{
    struct vs_err none;
    if (open_base(w, s->base_file) && vs_file_same_place(f, s->at.begin, &w->file, s->base_begin)) {
        add_span(s, s->at.begin, s->at.end);
        return;
    }
    if (w->file.fd < 0 || vs_file_pread(&w->file, s->base_begin + (at - s->at.begin), w->buffer, n, &none)) {
        w->given_up = true;
        return;
    }
    if (memcmp(bytes, w->buffer, n) == 0) {
        add_span(s, at, at + n);
        return;
    }
    w->changed = true;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t step = n - i < BLOCK ? n - i : BLOCK;
        if (memcmp(bytes + i, w->buffer + i, step) == 0)
            add_span(s, at + i, at + i + step);
    }
}

static void look(struct vs_watch *w, struct same *s, const struct vs_file *f, uint64_t begin, uint64_t end, const char *bytes)
{
    struct span gap = next_gap(s, begin, end);
    while (gap.begin < end && !w->given_up) {
        uint64_t n = gap.end - gap.begin < BUFFER ? gap.end - gap.begin : BUFFER;
        compare(w, s, f, gap.begin, bytes + (gap.begin - begin), (size_t)n);
        gap = next_gap(s, gap.begin + n, end);
    }
}

/* Takes what continues what it has; the rest is somebody else's. */
static void feed(struct range *h, uint64_t begin, uint64_t end, const char *bytes)
{
    if (h->fed < begin || h->fed >= end)
        return;
    if (!h->h && h->fed == h->at.begin)
        h->h = vs_sha256_new();
    if (!h->h)
        return;
    vs_sha256_add(h->h, bytes + (h->fed - begin), (size_t)(end - h->fed));
    h->fed = end;
    if (end < h->at.end)
        return;
    vs_sha256_end(h->h, h->hex);
    h->h = NULL;
}

static bool saw(void *user, const struct vs_file *f, uint32_t number, uint64_t at, const void *bytes, uint64_t n)
{
    struct vs_watch *w = user;
    const uint64_t end = at + n;
    const char *p = bytes;
    if (!know_file(w, CHECKED, number, f))
        w->given_up = true;
    for (size_t i = find_place(w->same, w->same_count, sizeof *w->same, number, at); i < w->same_count; i++) {
        struct place x = w->same[i].at;
        if (w->given_up || x.file != number || x.begin >= end)
            break;
        const uint64_t from = x.begin > at ? x.begin : at;
        look(w, &w->same[i], f, from, x.end < end ? x.end : end, p + (from - at));
    }
    for (size_t i = find_place(w->hashed, w->hashed_count, sizeof *w->hashed, number, at); i < w->hashed_count && !w->given_up; i++) {
        struct place x = w->hashed[i].at;
        if (x.file != number || x.begin >= end)
            break;
        const uint64_t from = x.begin > at ? x.begin : at;
        feed(&w->hashed[i], from, x.end < end ? x.end : end, p + (from - at));
    }
    return !w->stops || !w->changed;
}

/* ---- what came of it ---- */

struct vs_same_bytes vs_watch_unknown(const struct vs_watch *w, const struct vs_same_bytes *s)
{
    size_t i = w ? find_place(w->same, w->same_count, sizeof *w->same, s->file, s->begin) : 0;
    const struct same *x = w && i < w->same_count ? &w->same[i] : NULL;
    if (!x || x->at.file != s->file || x->at.begin > s->begin || x->at.end < s->end || x->base_file != s->base_file ||
        x->base_begin + (s->begin - x->at.begin) != s->base_begin)
        return *s;
    const struct span gap = next_gap(x, s->begin, s->end);
    return (struct vs_same_bytes){s->file, gap.begin, gap.end, s->base_file, s->base_begin + (gap.begin - s->begin)};
}

const char *vs_watch_hash_of(const struct vs_watch *w, uint32_t file, uint64_t begin, uint64_t end)
{
    size_t i = w ? find_place(w->hashed, w->hashed_count, sizeof *w->hashed, file, begin) : 0;
    const struct range *x = w && i < w->hashed_count ? &w->hashed[i] : NULL;
    return x && x->at.file == file && x->at.begin == begin && x->at.end == end && x->fed == end && x->hex[0] ? x->hex : NULL;
}

bool vs_watch_saw_change(const struct vs_watch *w)
{
    return w && w->changed;
}
