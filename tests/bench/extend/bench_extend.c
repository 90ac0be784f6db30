/* SPDX-License-Identifier: Apache-2.0
 *
 * embed-extend on a 2 GB checkpoint of four shards, one of them with the table: peak memory, bytes written to new files
 * against (touched shard + new rows), wall time against cp -r. Prints; asserts only what does not depend on the machine.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "support.h"

#define ROWS 151936u
#define ADDED 30637u
#define COLS 896u
#define LAYER_ROWS 19u /* x 4864 x 896 x 2 bytes: 165.6 MB */

static const char *shard(int i)
{
    return vst_format("model-0000%d-of-00004.safetensors", i + 1);
}

/* In a process of its own: what a child's peak memory begins with is its parent's. */
static void make_model(const char *dir)
{
    uint64_t total = 0;
    int status = 0;
    pid_t pid = fork();
    if (pid != 0) {
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
            _exit(1);
        return;
    }
    char map[1024] = "", *end = map;
    for (int i = 0; i < 4; i++) {
        const char *a = vst_format("model.layers.%d.mlp.experts.a", i), *b = vst_format("model.layers.%d.mlp.experts.b", i);
        struct vst_tensor t[] = {{"model.embed_tokens.weight", "BF16", {ROWS, COLS}, 2, NULL},
                                 {a, "BF16", {LAYER_ROWS + (i ? 15 : 0), 4864, COLS}, 3, NULL}, {b, "BF16", {LAYER_ROWS + (i ? 15 : 0), 4864, COLS}, 3, NULL}};
        vst_write_safetensors(vst_path(dir, shard(i)), i ? t + 1 : t, i ? 2 : 3, "{\"format\":\"pt\"}");
        for (int k = i ? 1 : 0; k < 3; k++) {
            total += vst_tensor_bytes(&t[k]);
            end += sprintf(end, "%s\"%s\":\"%s\"", end == map ? "" : ",", t[k].name, shard(i));
        }
    }
    vst_write_text(vst_path(dir, "model.safetensors.index.json"),
                   vst_format("{\"metadata\":{\"total_size\":%llu},\"weight_map\":{%s}}", (unsigned long long)total, map));
    vst_write_text(vst_path(dir, "config.json"),
                   vst_format("{\"model_type\": \"qwen2\", \"vocab_size\": %u, \"tie_word_embeddings\": true, \"hidden_size\": %u}", ROWS, COLS));
    _exit(0);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double timed(const char *const argv[], struct rusage *usage)
{
    double begin = now();
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, usage) != pid || status != 0) {
        fprintf(stderr, "%s failed\n", argv[0]);
        vst_cleanup();
        _exit(1);
    }
    return now() - begin;
}

/* Bytes of files that are not shared with the model. */
static uint64_t new_bytes(const char *out)
{
    static const char *const others[] = {"config.json", "model.safetensors.index.json", "receipt.json"};
    struct stat st;
    uint64_t total = 0;
    for (int i = 0; i < 4; i++)
        if (stat(vst_path(out, shard(i)), &st) == 0 && st.st_nlink == 1)
            total += (uint64_t)st.st_size;
    for (int i = 0; i < 3; i++)
        if (stat(vst_path(out, others[i]), &st) == 0)
            total += (uint64_t)st.st_size;
    return total;
}

int main(void)
{
    const char *dir = vst_tempdir(), *model = vst_path(dir, "model"), *out = vst_path(dir, "out"), *copy = vst_path(dir, "copy");
    struct rusage usage, ignored;
    struct stat st;
    make_model(model);
    const char *const cp[] = {"cp", "-r", model, copy, NULL};
    const char *const to_disk[] = {"sync", "-f", model, NULL}; /* what embed-extend has written is on the disk when it says so */
    const char *const extend[] = {vst_tool("embed-extend"), "-q", model, "--add", vst_format("%u", ADDED), "--hardlink", "-o", out, NULL};
    timed(to_disk, &ignored); /* the model itself */
    double copying = timed(cp, &ignored), syncing = timed(to_disk, &ignored);
    vst_remove(copy);
    double extending = timed(extend, &usage);
    if (stat(vst_path(model, shard(0)), &st) != 0)
        return 1;
    uint64_t needed = (uint64_t)st.st_size + (uint64_t)ADDED * COLS * 2, written = new_bytes(out);
    uint64_t total = 0;
    for (int i = 0; i < 4; i++)
        total += stat(vst_path(out, shard(i)), &st) == 0 ? (uint64_t)st.st_size : 0;
    printf("embed-extend  %.2f GB in 4 shards, one touched, %u rows added\n", (double)total / 1e9, ADDED);
    printf("peak memory   %.1f MB  (limit 96)\n", (double)usage.ru_maxrss / 1024);
    printf("bytes         %.4f of (touched shard + new rows)\n", (double)written / (double)needed);
    printf("time          %.2f s, %.2f of cp -r (%.2f s), %.2f of cp -r and sync (%.2f s)\n", extending, extending / copying, copying,
           extending / (copying + syncing), copying + syncing);
    vst_cleanup();
    return usage.ru_maxrss > 96 * 1024 || (double)written > 1.05 * (double)needed;
}
