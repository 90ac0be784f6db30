/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing of the command line, signals, exit codes and the result on stdout.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"

#define THREADS_MOST 1024

static volatile sig_atomic_t canceled;

static void on_signal(int number)
{
    (void)number;
    canceled = 1;
}

static bool pipe_kills;  /* as it does by custom; whoever started the program may have had it ignored */
static bool pipe_closed;

/* A full disk or a closed pipe is an error to report, not a reason to die with files half written. */
static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN}, before;
    pipe_kills = sigaction(SIGPIPE, NULL, &before) == 0 && before.sa_handler == SIG_DFL;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler == SIG_DFL) /* and not under nohup */
        sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

/* Names of files may hold what a terminal obeys: it is shown, not sent. */
static void put_talk(const char *fmt, va_list ap)
{
    char *raw = NULL;
    size_t n;
    struct vs_buf *text = vasprintf(&raw, fmt, ap) < 0 ? NULL : vs_text_new();
    if (text)
        vs_put_text(text, raw);
    const char *safe = text ? vs_text_get(text, &n) : NULL;
    fputs(safe ? safe : "out of memory", stderr);
    vs_text_free(text);
    free(raw);
}

int cli_usage(const struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", c->tool->name);
    put_talk(fmt, ap);
    fprintf(stderr, "\n  try: %s --help\n", c->tool->name);
    va_end(ap);
    return CLI_USAGE;
}

/* ---- values ---- */

static bool parse_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    long long v = strtoll(text, &end, 10);
    *out = v;
    return errno == 0 && *end == '\0';
}

static bool parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno)
        return false;
    unsigned shift = 0;
    const char *unit = *end ? strchr(units, *end >= 'a' ? *end - 32 : *end) : NULL;
    if (unit) {
        shift = 10u * (unsigned)(unit - units + 1);
        end++;
        end += *end == 'i' ? 1 : 0;
        end += *end == 'B' ? 1 : 0;
    }
    *out = (uint64_t)v << shift;
    return *end == '\0' && (*out >> shift) == v;
}

static bool parse_choice(const char *choices, const char *text, int *out)
{
    size_t n = strlen(text);
    int position = 0;
    for (const char *p = choices; p; position++) {
        const char *bar = strchr(p, '|');
        size_t len = bar ? (size_t)(bar - p) : strlen(p);
        if (len == n && memcmp(p, text, n) == 0) {
            *out = position;
            return true;
        }
        p = bar ? bar + 1 : NULL;
    }
    return false;
}

/* Lists are needed until the program ends, whichever way that is: this keeps them from being leaks. Nobody reads it, and a compiler that
 * sees so would leave it out. */
static const char **volatile lists[8];
static size_t list_count;

/* As many places as the command line has words. */
static bool list_add(struct cli_list *list, const char *text, int argc)
{
    if (!list->items) {
        list->items = list_count < sizeof lists / sizeof *lists ? calloc((size_t)argc, sizeof *list->items) : NULL;
        if (!list->items)
            return false;
        lists[list_count++] = list->items;
    }
    list->items[list->count++] = text;
    return true;
}

static bool set_value(const struct cli_option *o, char *base, const char *text, int argc)
{
    void *to = base + o->offset;
    switch (o->type) {
    case CLI_FLAG: *(bool *)to = true; return true;
    case CLI_COUNTER: ++*(int *)to; return true;
    case CLI_TEXT: *(const char **)to = text; return *text != '\0' && strcmp(text, "-") != 0;
    case CLI_STREAM: *(const char **)to = text; return *text != '\0';
    case CLI_NUMBER: return parse_number(text, to) && (!o->choices || *(int64_t *)to <= strtoll(o->choices, NULL, 10));
    case CLI_COUNT: return parse_number(text, to) && *(int64_t *)to >= 1 && *(int64_t *)to <= CLI_COUNT_MOST;
    case CLI_SIZE: return parse_size(text, to) && *(uint64_t *)to >= CLI_SIZE_LEAST;
    case CLI_CHOICE: return parse_choice(o->choices, text, to);
    case CLI_LIST: return list_add(to, text, argc);
    case CLI_INIT: return vs_init_parse(text, to);
    }
    return false;
}

static const char *expected(const struct cli_option *o, const char *text, char number[64])
{
    const bool large = *text && text[strspn(text, "0123456789")] == '\0' && text[strspn(text, "0")] != '\0';
    const long long most = o->type == CLI_COUNT ? CLI_COUNT_MOST : o->choices ? strtoll(o->choices, NULL, 10) : INT64_MAX;
    switch (o->type) {
    case CLI_NUMBER:
    case CLI_COUNT:
        snprintf(number, 64, large ? "a number of at most %lld" : "a number from %lld on", large ? most : (long long)(o->type == CLI_COUNT));
        return number;
    case CLI_SIZE: return "a size such as 64M or 1G, at least 1M";
    case CLI_CHOICE: return o->choices;
    case CLI_INIT: return "mean, zero, normal, copy:ID or pieces";
    case CLI_TEXT: return "a path (- is not taken for standard input or output; a file of that name is ./-)";
    default: return "a text that is not empty";
    }
}

/* ---- parsing ---- */

struct parser {
    struct cli *c;
    char *own;              /* the tool's options */
    char **argv;
    int argc, at;
};

static bool takes_value(const struct cli_option *o)
{
    return o->type != CLI_FLAG && o->type != CLI_COUNTER;
}

static const struct cli_option *find(const struct parser *p, const char *name, size_t n, char letter, char **base)
{
    const struct cli_option *tables[2] = {cli_common, p->c->tool->options};
    for (int t = 0; t < 2; t++)
        for (const struct cli_option *o = tables[t]; o && o->name; o++) {
            if (t == 0 && !cli_option_applies(p->c->tool, o))
                continue;
            bool same = letter ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0;
            if (same) {
                *base = t == 0 ? (char *)p->c : p->own;
                return o;
            }
        }
    return NULL;
}

/* How many letters apart two names are; those of options are short. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[40];
    if (m + 1 > sizeof row / sizeof *row)
        return n + m;
    for (size_t k = 0; k <= m; k++)
        row[k] = k;
    for (size_t i = 0; i < n; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < m; k++) {
            size_t change = diagonal + (a[i] != b[k]), shorter = row[k] < row[k + 1] ? row[k] : row[k + 1];
            diagonal = row[k + 1];
            row[k + 1] = change < shorter + 1 ? change : shorter + 1;
        }
    }
    return row[m];
}

/* The option whose name is nearest, when it is near at all. */
static const char *nearest(const struct parser *p, const char *name, size_t n)
{
    const char *best = NULL;
    size_t least = n / 3 + 2;
    const struct cli_option *tables[2] = {p->c->tool->options, cli_common};
    for (int t = 0; t < 2; t++)
        for (const struct cli_option *o = tables[t]; o && o->name; o++) {
            size_t apart = strncmp(o->name, name, n) == 0 ? 1 : distance(name, n, o->name, strlen(o->name));
            if (o->help && apart < least && (t == 0 || cli_option_applies(p->c->tool, o))) {
                least = apart;
                best = o->name;
            }
        }
    return best;
}

static int unknown(const struct parser *p, const char *name, size_t n)
{
    const char *near = nearest(p, name, n);
    return near ? cli_usage(p->c, "unknown option --%.*s: is --%s meant?", (int)n, name, near)
                : cli_usage(p->c, "unknown option --%.*s", (int)n, name);
}

static int give(struct parser *p, const struct cli_option *o, char *base, const char *value)
{
    if (takes_value(o) && !value) {
        if (p->at >= p->argc)
            return cli_usage(p->c, "--%s needs %s", o->name, o->arg);
        value = p->argv[p->at++];
    }
    if (set_value(o, base, value, p->argc))
        return -1;
    if (o->type == CLI_LIST) { /* any text will do: only memory can have been short */
        fprintf(stderr, "%s: out of memory\n", p->c->tool->name);
        return CLI_OUTPUT;
    }
    char number[64];
    return cli_usage(p->c, "--%s %s: expected %s", o->name, value ? value : "", expected(o, value ? value : "", number));
}

static int parse_long(struct parser *p, const char *arg)
{
    const char *equals = strchr(arg, '=');
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    char *base;
    const struct cli_option *o = find(p, arg, n, 0, &base);
    if (!o)
        return unknown(p, arg, n);
    if (equals && !takes_value(o))
        return cli_usage(p->c, "--%s takes no value", o->name);
    return give(p, o, base, equals ? equals + 1 : NULL);
}

static int parse_letters(struct parser *p, const char *arg)
{
    for (; *arg; arg++) {
        char *base;
        const struct cli_option *o = find(p, NULL, 0, *arg, &base);
        if (!o)
            return cli_usage(p->c, "unknown option -%c", *arg);
        if (takes_value(o))
            return give(p, o, base, arg[1] ? arg + 1 : NULL);
        int code = give(p, o, base, NULL);
        if (code >= 0)
            return code;
    }
    return -1;
}

static int parse(struct parser *p)
{
    struct cli *c = p->c;
    bool operands_only = false;
    while (p->at < p->argc) {
        const char *arg = p->argv[p->at++];
        int code = -1;
        if (operands_only || arg[0] != '-' || arg[1] == '\0')
            c->args[c->arg_count++] = arg;
        else if (strcmp(arg, "--") == 0)
            operands_only = true;
        else
            code = arg[1] == '-' ? parse_long(p, arg + 2) : parse_letters(p, arg + 1);
        if (code >= 0)
            return code;
    }
    return -1;
}

/* -h wins over everything, also over a mistake elsewhere on the line. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
            return true;
    return false;
}

/* ---- begin and end ---- */

/* Whoever closed the pipe has seen enough: a program that writes finishes its files, then all end as other filters do. */
static void end_by_pipe(void)
{
    pipe_closed = true;
    if (pipe_kills) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
}

static int finish_stdout(const struct cli *c)
{
    if (fflush(stdout) == 0 && !ferror(stdout) && fclose(stdout) == 0)
        return CLI_OK;
    if (errno == EPIPE || pipe_closed)
        end_by_pipe();
    fprintf(stderr, "%s: standard output: %s\n", c->tool->name, strerror(pipe_closed ? EPIPE : errno));
    return CLI_OUTPUT;
}

static int show_and_stop(const struct cli *c)
{
    const struct { bool asked; void (*show)(const struct cli_tool *); } shows[] = {
        {c->help, cli_help}, {c->help_man, cli_help_man}, {c->help_bash, cli_help_bash},
        {c->help_zsh, cli_help_zsh}, {c->help_fish, cli_help_fish}};
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++)
        if (shows[i].asked) {
            shows[i].show(c->tool);
            return finish_stdout(c);
        }
    if (c->version) {
        printf("%s (vocabsurgeon) %s\n", c->tool->name, vs_version());
        return finish_stdout(c);
    }
    return -1;
}

static int check_operands(const struct cli *c)
{
    for (size_t i = 0; i < c->arg_count; i++)
        if (strcmp(c->args[i], "-") == 0)
            return cli_usage(c, "found the operand -, expected a path: standard input is not read, since files are read in any order; a file of "
                             "that name is ./-");
    if (c->arg_count < c->tool->min_args)
        return cli_usage(c, "missing operand: %s %s", c->tool->name, c->tool->synopsis);
    if (c->tool->max_args != CLI_ANY && c->arg_count > c->tool->max_args)
        return cli_usage(c, "unexpected operand %s", c->args[c->tool->max_args]);
    return c->parse_only ? CLI_OK : -1;
}

static int check_data_dir(const struct cli *c)
{
    struct stat st;
    if (!c->data_dir || (stat(c->data_dir, &st) == 0 && S_ISDIR(st.st_mode)))
        return -1;
    return cli_usage(c, "--data-dir %s: found no directory there, expected one with files as in schemas/", c->data_dir);
}

static void choose_look(struct cli *c)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool plain = !isatty(STDOUT_FILENO) || (no_color && *no_color) || (term && strcmp(term, "dumb") == 0);
    struct winsize size;
    c->look.color = c->color == 1 || (c->color == 0 && !plain);
    c->look.width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 100;
    c->look.verbose = c->verbose;
    c->look.quiet = c->quiet;
}

int cli_begin(struct cli *c, const struct cli_tool *tool, void *options, int argc, char **argv)
{
    *c = (struct cli){.tool = tool, .help = asks_for_help(argc, argv)};
    c->args = (const char **)(void *)argv; /* operands gather at its front: there are never more than were read */
    catch_signals();
    struct parser p = {.c = c, .own = options, .argv = argv, .argc = argc, .at = 1};
    int code = c->help ? -1 : parse(&p);
    if (code < 0)
        code = show_and_stop(c);
    if (code < 0)
        code = check_operands(c);
    if (code < 0)
        code = check_data_dir(c);
    if (code >= 0)
        return code;
    choose_look(c);
    c->run = (struct vs_run){.memory = c->memory, .threads = (unsigned)(c->threads > THREADS_MOST ? THREADS_MOST : c->threads),
                             .seed = (uint64_t)c->seed, .data_dir = c->data_dir, .cancel = &canceled};
    cli_progress_start(c);
    return -1;
}

enum vs_code cli_print(struct cli *c, const struct vs_buf *text, struct vs_err *err)
{
    size_t n;
    const char *p = vs_text_get(text, &n);
    cli_progress_clear();
    if (!p)
        return vs_fail(err, VS_ENOMEM, "out of memory while writing the report");
    return cli_printed(c, fwrite(p, 1, n, stdout) == n, err);
}

enum vs_code cli_printed(struct cli *c, bool good, struct vs_err *err)
{
    if (good && fflush(stdout) == 0) /* at once: talk on stderr comes after it */
        return VS_OK;
    if (errno != EPIPE)
        return vs_fail(err, VS_EIO, "standard output: %s", strerror(errno));
    if (c->tool->writes || c->dumps)
        pipe_closed = true;
    else
        end_by_pipe();
    return VS_OK;
}

enum vs_code cli_print_line(struct cli *c, struct vs_err *err)
{
    return putchar('\n') == EOF && errno != EPIPE ? vs_fail(err, VS_EIO, "standard output: %s", strerror(errno)) : VS_OK;
}

void cli_complain(const struct cli *c, const struct vs_err *err)
{
    cli_progress_clear();
    fflush(stdout); /* so that it stands in order with the result on a terminal */
    fprintf(stderr, "%s: %s\n", c->tool->name, err->message);
}

void cli_say(const struct cli *c, const char *fmt, ...)
{
    if (c->quiet)
        return;
    va_list ap;
    va_start(ap, fmt);
    cli_progress_clear();
    fflush(stdout); /* so that talk and result keep their order */
    put_talk(fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int cli_exit_code(enum vs_code code)
{
    switch (code) {
    case VS_OK: return CLI_OK;
    case VS_EUSAGE: return CLI_USAGE;
    case VS_EFORMAT:
    case VS_EUNSUPPORTED:
    case VS_EMISMATCH:
    case VS_ELIMIT: return CLI_INPUT;
    case VS_ECANCELED: return CLI_INTERRUPTED;
    default: return CLI_OUTPUT;
    }
}

int cli_end(struct cli *c, enum vs_code code, const struct vs_err *err)
{
    cli_progress_clear();
    if (code == VS_ECANCELED)
        fprintf(stderr, "%s: interrupted%s\n", c->tool->name, c->tool->writes ? "; nothing is left behind" : "");
    else if (code && !c->complained)
        cli_complain(c, err);
    int result = cli_exit_code(code);
    if (result == CLI_OK && c->findings)
        result = CLI_FINDINGS;
    int written = code == VS_EIO ? CLI_OUTPUT : finish_stdout(c); /* one message for one full disk */
    return written && result <= CLI_FINDINGS ? written : result;
}
