/* sweep: many runs of one experiment, each with other values of some keys.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sweep.h"

#define JOBS_MAX 1024

typedef struct own {
    bool list, count, check, retry, keep_going;
    const char *show, *jobs, *part;
} own;

static const cli_option own_options[] = {
    {.shared = CLI_OUT},
    {0, "list", NULL, "print the command of each run, one a line", CLI_FLAG,
     .offset = offsetof(own, list)},
    {0, "count", NULL, "print how many runs it is", CLI_FLAG, .offset = offsetof(own, count)},
    {0, "show", "I", "print experiment I (from 0) in full", CLI_TEXT,
     .offset = offsetof(own, show)},
    {0, "check", NULL, "count what is missing in the folder that stands in place of the file",
     CLI_FLAG, .offset = offsetof(own, check)},
    {'j', "jobs", "N", "runs at a time, of one thread each (default: the processors it may use)",
     CLI_TEXT, .offset = offsetof(own, jobs)},
    {0, "part", "I/N", "take this part (I from 0) of N (default: what the launcher or array says)",
     CLI_TEXT, .offset = offsetof(own, part)},
    {0, "retry", NULL, "try again what failed before", CLI_FLAG, .offset = offsetof(own, retry)},
    {0, "keep-going", NULL, "exit with 0 though runs failed, so that a launcher ends no others",
     CLI_FLAG, .offset = offsetof(own, keep_going)},
    {.shared = CLI_DATA},
    {.shared = CLI_SET},
    {.shared = CLI_STOP_CODE},
    {.shared = CLI_QUIET},
    {.shared = CLI_HELP},
    {0}};

/* ---- what only tells ---- */

/* As a shell takes it. */
static void print_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_@%+=:,./-";
    if (*word && strspn(word, plain) == strlen(word)) {
        fputs(word, stdout);
        return;
    }
    putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\'", stdout);
        putchar(*word);
    }
    putchar('\'');
}

/* A command is one line, in which no quotes can hide a line's end. */
static inv_status print_command(char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (strchr(words[i], '\n'))
            return INV_ERROR(INV_EINVAL,
                             "sweep: --list: '%.100s' has a line break, which a list of commands, "
                             "one a line, cannot have; choose another name or value",
                             words[i]);
    for (size_t i = 0; words[i]; i++) {
        if (i)
            putchar(' ');
        print_word(words[i]);
    }
    putchar('\n');
    return INV_OK;
}

static inv_status print_commands(cli_sweep *sweep)
{
    inv_status status = cli_sweep_load(sweep);
    for (size_t item = 0; status == INV_OK && item < inv_sweep_count(sweep->items); item++) {
        char **words = NULL;
        status = cli_sweep_words(sweep, item, &words);
        if (status == INV_OK)
            status = print_command(words);
        cli_sweep_words_free(words);
    }
    return status;
}

static inv_status read_number(const char *name, const char *text, size_t *out)
{
    char *end = NULL;
    *out = strtoul(text, &end, 10);
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 9)
        return INV_ERROR(INV_EINVAL, "--%s: '%s' is not a whole number", name, text);
    return INV_OK;
}

static inv_status print_item(const cli_sweep *sweep, const char *number)
{
    const size_t count = inv_sweep_count(sweep->items);
    inv_config *config = NULL;
    char *text = NULL;
    size_t item = 0;
    inv_status status = INV_OK;
    INV_TRY(read_number("show", number, &item));
    if (item >= count)
        INV_FAIL(INV_EINVAL, "--show: there is no experiment %zu; they are 0 to %zu", item,
                 count - 1);
    INV_TRY(inv_sweep_item(sweep->items, item, &config));
    INV_TRY(inv_config_text(config, &text));
    fputs(text, stdout);
done:
    free(text);
    inv_config_free(config);
    return status;
}

static inv_status check(const cli_options *options)
{
    cli_sweep sweep = {0};
    size_t counts[CLI_SWEEP_STATES] = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_sweep_reopen(options, options->operands[0], &sweep));
    const size_t count = inv_sweep_count(sweep.items);
    for (size_t item = 0; item < count; item++) {
        cli_sweep_state state;
        INV_TRY(cli_sweep_look(&sweep, item, &state));
        counts[state]++;
    }
    printf("%zu of %zu done, %zu begun, %zu failed, %zu not begun\n", counts[CLI_SWEEP_DONE], count,
           counts[CLI_SWEEP_RUNNING], counts[CLI_SWEEP_FAILING], counts[CLI_SWEEP_MISSING]);
    if (counts[CLI_SWEEP_DONE] < count)
        INV_FAIL(INV_EDATA, "%s: %zu of %zu runs are not done", sweep.out,
                 count - counts[CLI_SWEEP_DONE], count);
done:
    cli_sweep_close(&sweep);
    return status;
}

/* ---- running ---- */

static inv_status read_how(const own *given, cli_sweep_how *how)
{
    *how = (cli_sweep_how){cli_processors(), given->retry, given->keep_going};
    if (!given->jobs)
        return INV_OK;
    inv_status status = read_number("jobs", given->jobs, &how->jobs);
    if (status == INV_OK && (how->jobs == 0 || how->jobs > JOBS_MAX))
        return INV_ERROR(INV_EINVAL, "--jobs: %s is not from 1 to %d", given->jobs, JOBS_MAX);
    return status;
}

static inv_status find_part(const own *given, cli_part *part)
{
    inv_status status =
        cli_part_find(given->part, cli_environment_own, NULL, isatty(STDIN_FILENO), part);
    if (status == INV_OK)
        status = cli_part_check_slurm(part);
    if (status == INV_OK && *part->source)
        cli_warn("%s", part->source);
    if (status == INV_OK && *part->note)
        cli_warn("%s", part->note);
    return status;
}

static inv_status run_missing(cli_sweep *sweep, const own *given)
{
    cli_sweep_how how;
    cli_part part;
    inv_status status = INV_OK;
    if (!sweep->out)
        return INV_ERROR(INV_EINVAL, "sweep: needs -o DIR, the folder of the runs");
    INV_TRY(read_how(given, &how));
    INV_TRY(find_part(given, &part));
    INV_TRY(cli_sweep_load(sweep));
    INV_TRY(cli_sweep_claim(sweep, &part));
    INV_TRY(cli_sweep_run(sweep, &part, &how));
done:
    return status;
}

/* --list names run files too: without -o those of a folder named after the sweep file. */
static char *default_out(const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    const char *dot = strrchr(name, '.');
    return strndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

static inv_status run(const cli_options *options)
{
    const own *given = options->own;
    cli_sweep sweep = {0};
    char *out = NULL;
    inv_status status = INV_OK;
    if (given->list + given->count + given->check + (given->show != NULL) > 1)
        return INV_ERROR(INV_EINVAL, "sweep: give one of --list, --count, --show and --check");
    if (given->check)
        return check(options);
    INV_TRY(cli_sweep_open(options, &sweep));
    if (given->list && !sweep.out)
        sweep.out = out = default_out(options->operands[0]);
    if (given->count)
        printf("%zu\n", inv_sweep_count(sweep.items));
    else if (given->show)
        INV_TRY(print_item(&sweep, given->show));
    else
        INV_TRY(given->list ? print_commands(&sweep) : run_missing(&sweep, given));
done:
    cli_sweep_close(&sweep);
    free(out);
    return status;
}

const cli_command cli_command_sweep = {
    .name = "sweep",
    .operands = "SWEEP.cfg -o DIR",
    .summary = "run an experiment many times, with other values of some keys",
    .notes =
        "Runs what is missing in DIR, a run file each, and may be stopped and started again at any "
        "time. Several computers share a sweep by parts, which are taken from SLURM, Grid Engine "
        "or MPI where those start it; experiments/README.md tells of the file, "
        "experiments/clusters of clusters. --list without -o is for a folder named after the file.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
