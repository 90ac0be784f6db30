/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that is told about the options comes from the option tables: --help, the man page, shell completions.
 */
#include <stdio.h>
#include <string.h>
#include "cli.h"

#define COMMON(member) offsetof(struct cli, member)

const struct cli_option cli_common[] = {
    {'o', "out", "OUT", "write the result to the directory OUT", CLI_TEXT, COMMON(out), NULL},
    {'n', "dry-run", NULL, "show the plan, write nothing", CLI_FLAG, COMMON(dry_run), NULL},
    {'f', "force", NULL, "replace OUT when it exists", CLI_FLAG, COMMON(force), NULL},
    {0, "device", "auto|cpu|cuda", "where the numbers are computed (default auto)", CLI_CHOICE, COMMON(device), "auto|cpu|cuda"},
    {0, "seed", "N", "seed of the random numbers (default 0)", CLI_NUMBER, COMMON(seed), NULL},
    {0, "json", NULL, "machine-readable output", CLI_FLAG, COMMON(json), NULL},
    {'v', "verbose", NULL, "say more; may be repeated", CLI_COUNTER, COMMON(verbose), NULL},
    {'q', "quiet", NULL, "print the result alone: of what is written, its path", CLI_FLAG, COMMON(quiet), NULL},
    {0, "color", "auto|always|never", "colour in the text output", CLI_CHOICE, COMMON(color), "auto|always|never"},
    {0, "progress", "auto|always|never", "progress line on stderr", CLI_CHOICE, COMMON(progress), "auto|always|never"},
    {0, "threads", "N", "number of threads (default: all CPUs; at most 64 are started)", CLI_COUNT, COMMON(threads), NULL},
    {0, "memory", "SIZE", "workspace for weights (default 64M, at least 1M)", CLI_SIZE, COMMON(memory), NULL},
    {0, "data-dir", "DIR", "take schemas and family files from DIR first", CLI_TEXT, COMMON(data_dir), NULL},
    {'h', "help", NULL, "show this help", CLI_FLAG, COMMON(help), NULL},
    {'V', "version", NULL, "show the version", CLI_FLAG, COMMON(version), NULL},
    {0, "help-man", NULL, NULL, CLI_FLAG, COMMON(help_man), NULL},
    {0, "help-bash", NULL, NULL, CLI_FLAG, COMMON(help_bash), NULL},
    {0, "help-zsh", NULL, NULL, CLI_FLAG, COMMON(help_zsh), NULL},
    {0, "help-fish", NULL, NULL, CLI_FLAG, COMMON(help_fish), NULL},
    {0, "parse-only", NULL, NULL, CLI_FLAG, COMMON(parse_only), NULL},
    {0},
};

/* What this tool can end with. */
static const char *exit_codes(const struct cli_tool *tool, char out[256])
{
    snprintf(out, 256, "0 done%s%s; 2 usage; 3 input missing, malformed or unsupported; 4 could not write, no memory%s; 130 interrupted",
             tool->findings ? "; 1 " : "", tool->findings ? tool->findings : "", tool->device ? ", no device" : "");
    return out;
}

bool cli_option_applies(const struct cli_tool *tool, const struct cli_option *common)
{
    if (strchr("onf", common->letter) && common->letter)
        return tool->writes;
    if (common->offset == COMMON(device))
        return tool->device;
    if (common->offset == COMMON(seed))
        return tool->seed;
    if (common->offset == COMMON(memory) || common->offset == COMMON(threads))
        return tool->weights;
    return true;
}

/* Calls show for every visible option, the tool's own first. */
static void each(const struct cli_tool *tool, void (*show)(const struct cli_tool *, const struct cli_option *))
{
    for (const struct cli_option *o = tool->options; o && o->name; o++)
        if (o->help)
            show(tool, o);
    for (const struct cli_option *o = cli_common; o->name; o++)
        if (o->help && cli_option_applies(tool, o))
            show(tool, o);
}

#define COLUMNS 100

/* Text of n bytes as lines of at most COLUMNS columns, the first one begun at column at; a blank is where lines may end. */
static void wrapped(const char *text, size_t n, size_t at, size_t indent)
{
    size_t column = at;
    for (size_t i = 0; i < n;) {
        const size_t word = strcspn(text + i, " \n");
        const size_t take = word < n - i ? word : n - i;
        if (column > indent && column + 1 + take > COLUMNS) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > at) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)take, text + i);
        column += take;
        i += take + 1;
    }
    putchar('\n');
}

/* Commands begin with "$ ", what else there is says what they are for. */
static void examples(const char *text)
{
    while (*text) {
        const size_t n = strcspn(text, "\n");
        printf("%s%.*s\n", *text == '$' ? "  " : "      ", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

#define HELP_COLUMN 35

static void help_line(const struct cli_tool *tool, const struct cli_option *o)
{
    (void)tool;
    char left[64];
    char letter[5] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    int used = printf("  %s", left);
    if (used >= HELP_COLUMN) {
        putchar('\n');
        used = 0;
    }
    printf("%*s", HELP_COLUMN - used, "");
    wrapped(o->help, strlen(o->help), HELP_COLUMN, HELP_COLUMN);
}

void cli_help(const struct cli_tool *tool)
{
    const char *paragraph_end = strstr(tool->description, "\n\n");
    printf("%s - %s\n\nusage: %s %s\n\n", tool->name, tool->summary, tool->name, tool->synopsis);
    wrapped(tool->description, paragraph_end ? (size_t)(paragraph_end - tool->description) : strlen(tool->description), 0, 0);
    putchar('\n');
    each(tool, help_line);
    puts("\nexamples:");
    examples(tool->examples);
    char codes[256];
    printf("\nexit status: ");
    exit_codes(tool, codes);
    wrapped(codes, strlen(codes), 13, 13);
}

/* ---- man page ---- */

/* troff: a backslash and a dash need an escape, a line must not begin with a dot or an apostrophe. */
static void troff(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
            fputs("\\&", stdout);
        if (*p == '\\')
            fputs("\\e", stdout);
        else if (*p == '-')
            fputs("\\-", stdout);
        else if (p[0] == '\n' && p[1] == '\n')
            fputs("\n.PP", stdout);
        else
            putchar(*p);
    }
}

static void man_option(const struct cli_tool *tool, const struct cli_option *o)
{
    (void)tool;
    fputs(".TP\n.B ", stdout);
    if (o->letter)
        printf("\\-%c\\fR, \\fB", o->letter);
    fputs("\\-\\-", stdout);
    troff(o->name);
    if (o->arg)
        printf(" \\fI%s\\fR", o->arg);
    putchar('\n');
    troff(o->help);
    puts(".");
}

static void see_also(const struct cli_tool *tool)
{
    static const char *const names[] = {"vocab-inspect", "vocab-merge", "embed-extend", "offset-patch", "vocab-check"};
    const char *between = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], tool->name) != 0) {
            fputs(between, stdout);
            troff(names[i]);
            fputs("(1)", stdout);
            between = ", ";
        }
    putchar('\n');
}

void cli_help_man(const struct cli_tool *tool)
{
    char codes[256];
    printf(".TH %s 1 \"\" \"vocabsurgeon %s\" \"User Commands\"\n.SH NAME\n", tool->name, vs_version());
    troff(tool->name);
    fputs(" \\- ", stdout);
    troff(tool->summary);
    fputs("\n.SH SYNOPSIS\n.B ", stdout);
    troff(tool->name);
    putchar('\n');
    troff(tool->synopsis);
    fputs("\n.SH DESCRIPTION\n", stdout);
    troff(tool->description);
    fputs("\n.SH OPTIONS\n", stdout);
    each(tool, man_option);
    fputs(".SH EXAMPLES\n.nf\n", stdout);
    troff(tool->examples);
    fputs(".fi\n.SH EXIT STATUS\n", stdout);
    troff(exit_codes(tool, codes));
    puts(".\n.SH SEE ALSO");
    see_also(tool);
}

/* ---- completions ---- */

static void bash_word(const struct cli_tool *tool, const struct cli_option *o)
{
    (void)tool;
    printf(" --%s", o->name);
}

static void bash_choice(const struct cli_tool *tool, const struct cli_option *o)
{
    (void)tool;
    if (o->type != CLI_CHOICE)
        return;
    printf("    --%s) COMPREPLY=($(compgen -W \"", o->name);
    for (const char *p = o->choices; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
    puts("\" -- \"$cur\")); return ;;");
}

void cli_help_bash(const struct cli_tool *tool)
{
    char name[64];
    snprintf(name, sizeof name, "%s", tool->name);
    for (char *p = name; *p; p++)
        *p = *p == '-' ? '_' : *p;
    printf("_%s() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n  case $prev in\n", name);
    each(tool, bash_choice);
    printf("  esac\n  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"");
    each(tool, bash_word);
    printf("\" -- \"$cur\")); else COMPREPLY=($(compgen -f -- \"$cur\")); fi\n}\ncomplete -o filenames -F _%s %s\n", name, tool->name);
}

static void quoted(const char *text, const char *escape)
{
    for (const char *p = text; *p; p++) {
        if (strchr(escape, *p))
            putchar('\\');
        putchar(*p);
    }
}

static void zsh_option(const struct cli_tool *tool, const struct cli_option *o)
{
    (void)tool;
    printf("  \"%s--%s[", o->type == CLI_LIST || o->type == CLI_COUNTER ? "*" : "", o->name);
    quoted(o->help, "[]:\"`$\\");
    putchar(']');
    if (o->type == CLI_CHOICE) {
        printf(":%s:(", o->name);
        for (const char *p = o->choices; *p; p++)
            putchar(*p == '|' ? ' ' : *p);
        putchar(')');
    } else if (o->arg) {
        printf(":%s:_files", o->name);
    }
    puts("\" \\");
}

void cli_help_zsh(const struct cli_tool *tool)
{
    printf("#compdef %s\n_arguments \\\n", tool->name);
    each(tool, zsh_option);
    puts("  \"*:file:_files\"");
}

static void fish_option(const struct cli_tool *tool, const struct cli_option *o)
{
    printf("complete -c %s -l %s", tool->name, o->name);
    if (o->letter)
        printf(" -s %c", o->letter);
    if (o->type == CLI_CHOICE) {
        printf(" -x -a '");
        for (const char *p = o->choices; *p; p++)
            putchar(*p == '|' ? ' ' : *p);
        putchar('\'');
    } else if (o->arg) {
        printf(" -r");
    }
    printf(" -d '");
    quoted(o->help, "'\\");
    puts("'");
}

void cli_help_fish(const struct cli_tool *tool)
{
    each(tool, fish_option);
}
