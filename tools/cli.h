/* SPDX-License-Identifier: Apache-2.0
 *
 * What the five tools share: one option table per tool, from which parsing, --help, man page and completions come;
 * exit codes; signals; progress; writing the result. Tools see the library through <vs/...> only.
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct options o = {.add = -1};
 *         struct cli c;
 *         int exit_code = cli_begin(&c, &tool, &o, argc, argv);
 *         if (exit_code >= 0)
 *             return exit_code;                       // --help, --version, a usage error
 *         struct vs_err err = {0};
 *         enum vs_code code = vs_...(..., &c.run, ..., &err);
 *         if (!code)
 *             code = cli_print(&c, text, &err);
 *         return cli_end(&c, code, &err);             // message, exit code, checks that stdout was written
 *     }
 *
 * Hidden options, for the build and for tests: --help-man, --help-bash, --help-zsh, --help-fish, and --parse-only
 * (parses the command line, then exits 0 without doing anything).
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <vs/output.h>
#include <vs/report.h>
#include <vs/vs.h>

enum cli_exit { CLI_OK = 0, CLI_FINDINGS = 1, CLI_USAGE = 2, CLI_INPUT = 3, CLI_OUTPUT = 4, CLI_INTERRUPTED = 130 };

enum cli_type {
    CLI_FLAG,   /* bool */
    CLI_COUNTER,/* int, counts how often it is given */
    CLI_TEXT,   /* const char *: a path */
    CLI_STREAM, /* const char *: a path, or - for standard input */
    CLI_NUMBER, /* int64_t, 0 .. 2^63-1 */
    CLI_COUNT,  /* int64_t, 1 .. 1048576 */
    CLI_SIZE,   /* uint64_t in bytes: 67108864, 64M, 1G (powers of 1024); at least 1M */
    CLI_CHOICE, /* int: position in choices "auto|cpu|cuda" */
    CLI_LIST,   /* struct cli_list: may be given more than once */
    CLI_INIT    /* struct vs_init */
};

struct cli_list { const char **items; size_t count; }; /* items: NULL when count is 0, else there is a NULL behind the last */

struct cli_option {
    char letter;            /* 0 = none */
    const char *name;       /* without the dashes */
    const char *arg;        /* what it takes, for --help; NULL for flags */
    const char *help;       /* one sentence, lower case, no full stop */
    enum cli_type type;
    size_t offset;          /* into the tool's options struct (offsetof) */
    const char *choices;    /* of CLI_NUMBER: the largest, in digits; NULL: 2^63-1 */
};

struct cli_tool {
    const char *name, *synopsis; /* synopsis without the name: "BASE [EXT...] -o OUT [OPTION...]" */
    const char *summary;         /* one line: "show what is in a model directory" */
    const char *description;     /* paragraphs for the man page; the first one is shown by --help too */
    const char *examples;        /* lines "$ command" and text, for --help and the man page */
    const struct cli_option *options; /* ends with a NULL name */
    unsigned min_args, max_args; /* operands; max 0 = none, CLI_ANY = any number */
    const char *findings;        /* what exit status 1 means; NULL where there is none */
    bool writes;                 /* adds -o, -n, -f */
    bool weights;                /* reads weights: adds --memory, --threads */
    bool seed, device;           /* adds --seed, --device */
};
#define CLI_ANY 0xffffffffu

struct cli {
    const struct cli_tool *tool;
    const char **args; size_t arg_count; /* operands */
    bool quiet, json, dry_run, force;
    int verbose;
    const char *out;                     /* -o, NULL when absent */
    const char *data_dir;
    int color, progress;                 /* 0 auto, 1 always, 2 never */
    int device;                          /* enum vs_device */
    uint64_t memory;
    int64_t threads, seed;
    struct vs_run run;                   /* filled from the above; cancel and progress are set */
    struct vs_look look;                 /* for the text reports */
    bool help, version, parse_only, findings;
    bool complained;                     /* the error has been printed */
    bool dumps;                          /* set by a tool that does not write otherwise: a file follows the report, read or not */
    bool help_man, help_bash, help_zsh, help_fish;
};

#define CLI_COUNT_MOST 1048576
#define CLI_SIZE_LEAST ((uint64_t)1 << 20)

/* -1 = go on; otherwise the exit code (the text has been printed). */
int cli_begin(struct cli *c, const struct cli_tool *tool, void *options, int argc, char **argv);
/* A usage error found by the tool itself: prints it with a hint to --help, returns CLI_USAGE. */
int cli_usage(const struct cli *c, const char *fmt, ...) VS_PRINTF(2, 3);
/* Writes text to stdout. */
enum vs_code cli_print(struct cli *c, const struct vs_buf *text, struct vs_err *err);
enum vs_code cli_printed(struct cli *c, bool good, struct vs_err *err); /* after stdio wrote: whether it did, and it is flushed */
enum vs_code cli_print_line(struct cli *c, struct vs_err *err); /* an empty line */
/* An error that does not end the run. */
void cli_complain(const struct cli *c, const struct vs_err *err);
/* One line of talk on stderr, unless -q. */
void cli_say(const struct cli *c, const char *fmt, ...) VS_PRINTF(2, 3);
/* Prints the error, checks stdout, gives the exit code. Set c->findings for exit 1 when code is VS_OK. */
int cli_end(struct cli *c, enum vs_code code, const struct vs_err *err);
int cli_exit_code(enum vs_code code);

/* cli_output.c: standard input to its end, at most that many bytes; *text is to be freed, also after an error. */
enum vs_code cli_read_input(const struct cli *c, size_t most, char **text, size_t *n, struct vs_err *err);

/* cli_output.c: the refusals of -o OUT, before any work; nothing without OUT and in a dry run. Inputs are the operands and
 * others (NULLs are passed over). Says what killed runs have left beside OUT; --force removes it. */
enum vs_code cli_check_out(struct cli *c, const char *const *others, size_t count, struct vs_err *err);

/* cli_plan.c: the plan before the work, as text unless -q. shown_only: no work follows (-n, --check), so the plan is the result. */
enum vs_code cli_plan_begin(struct cli *c, const struct vs_plan *plan, bool shown_only, struct vs_err *err);
/* What stands on stdout after the work: the JSON document, or the path alone with -q. done: NULL when nothing was written. */
enum vs_code cli_plan_end(struct cli *c, const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_err *err);
void cli_say_next(struct cli *c, const char *const *words); /* "next: COMMAND", quoted for a shell; words end with NULL */

/* cli_render.c: writes to stdout what render makes of a result, the report of a tool as text or as JSON. */
typedef enum vs_code cli_renderer(const struct cli *c, const void *result, struct vs_buf *text, struct vs_err *err);
enum vs_code cli_render(struct cli *c, cli_renderer *render, const void *result, struct vs_err *err);

/* cli_progress.c */
void cli_progress_start(struct cli *c); /* sets run.progress: for a bar on a terminal, else for a line when work takes long */
void cli_progress_clear(void);          /* wipes the line before other output */
double cli_now(void);                   /* seconds, of a clock that only moves forward */

/* cli_help.c */
extern const struct cli_option cli_common[]; /* offsets into struct cli */
bool cli_option_applies(const struct cli_tool *tool, const struct cli_option *common);
void cli_help(const struct cli_tool *tool);
void cli_help_man(const struct cli_tool *tool);
void cli_help_bash(const struct cli_tool *tool);
void cli_help_zsh(const struct cli_tool *tool);
void cli_help_fish(const struct cli_tool *tool);

#endif
