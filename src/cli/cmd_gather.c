/* gather: the runs of a sweep in one table.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/plural.h"
#include "gather.h"
#include "invproj/file.h"
#include "page.h"

#define TOLD_MOST 10 /* runs that are not done */

typedef struct own {
    bool csv;
    const char *into, *page, *part;
} own;

static const cli_option own_options[] = {
    {0, "csv", NULL, "print CSV, a line for each run, and no table", CLI_FLAG,
     .offset = offsetof(own, csv)},
    {.shared = CLI_OUT},
    {0, "into", "ALL.h5", "write one HDF5 file: links to all runs, and the array runs", CLI_TEXT,
     .offset = offsetof(own, into)},
    {0, "report", "PAGE.html", "write a page of all runs, to look at", CLI_TEXT,
     .offset = offsetof(own, page)},
    {0, "part", "I/N", "take this part (I from 0) of N of the runs, to share the reading", CLI_TEXT,
     .offset = offsetof(own, part)},
    {.shared = CLI_QUIET},
    {.shared = CLI_HELP},
    {0}};

/* What runs that are compared should have in common. */
static void warn_mixed(const cli_gather *all, cli_gather_text text, const char *what)
{
    const char *first = NULL;
    for (size_t r = 0; r < all->row_count; r++) {
        const char *here = all->rows[r].texts[text];
        if (here && first && strcmp(here, first) != 0) {
            cli_warn("note      runs were made with different %s: %s and %s", what, first, here);
            return;
        }
        first = here ? here : first;
    }
}

/* How many are not done; the first are told one by one. */
static size_t tell_missing(const cli_gather *all)
{
    size_t missing = 0;
    for (size_t r = 0; r < all->row_count; r++) {
        const cli_gather_row *row = &all->rows[r];
        char what[512];
        if (cli_gather_is_done(row))
            continue;
        const char *message = row->texts[CLI_GATHER_MESSAGE];
        cli_sweep_tell(all->sweep, row->item, what, sizeof what);
        if (missing++ < TOLD_MOST)
            cli_warn("%-9s %s", cli_gather_state(row), message ? message : what);
    }
    if (missing > TOLD_MOST)
        cli_warn("... and %zu more", missing - TOLD_MOST);
    return missing;
}

static inv_status write_csv(const cli_gather *all, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    inv_status status = memory ? cli_gather_csv(all, memory) : INV_ENOMEM;
    if (!memory || fclose(memory) != 0)
        status = INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    if (status == INV_OK)
        status = inv_file_replace(path, text, size);
    free(text);
    return status;
}

/* Only what an earlier gather wrote is written over. */
static inv_status check_names(const char *csv, const own *given)
{
    inv_status status = INV_OK;
    const char *const names[] = {csv, given->into, given->page};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = i + 1; k < 3; k++)
            if (names[i] && names[k] && strcmp(names[i], names[k]) == 0)
                INV_FAIL(INV_EINVAL, "%s: is named for two files; give each a name of its own",
                         names[i]);
    if (csv && access(csv, F_OK) == 0)
        INV_TRY(cli_check_replaces(csv, CLI_GATHER_CSV, "a table of gather's"));
    if (given->into && access(given->into, F_OK) == 0)
        INV_TRY(cli_check_replaces(given->into, CLI_GATHER_FORMAT, "such a file of gather's"));
    if (given->page)
        INV_TRY(cli_page_check(given->page));
done:
    return status;
}

static inv_status run(const cli_options *options)
{
    const own *given = options->own;
    cli_sweep sweep = {0};
    cli_gather all = {0};
    cli_part part = {0};
    inv_status status = INV_OK;
    INV_TRY(cli_part_read(given->part ? given->part : "0/1", &part));
    INV_TRY(check_names(options->out, given));
    INV_TRY(cli_sweep_reopen(options, options->operands[0], &sweep));
    INV_TRY(cli_gather_read(&sweep, &part, &all));
    if (options->out)
        INV_TRY(write_csv(&all, options->out));
    if (given->into)
        INV_TRY(cli_gather_into(&all, given->into));
    if (given->page)
        INV_TRY(cli_gather_page(&all, given->page));
    INV_TRY(given->csv ? cli_gather_csv(&all, stdout) : cli_gather_print(&all));
    warn_mixed(&all, CLI_GATHER_VERSION, "versions of the program");
    warn_mixed(&all, CLI_GATHER_COMPILER, "compilers");
    warn_mixed(&all, CLI_GATHER_KERNELS, "kernels");
    if (sweep.data_key == SIZE_MAX)
        warn_mixed(&all, CLI_GATHER_DATA, "data");
    const size_t missing = tell_missing(&all);
    if (missing > 0)
        INV_FAIL(INV_EDATA, "%s: %zu of %zu %s not done", sweep.out, missing, all.row_count,
                 inv_plural(all.row_count, "run is", "runs are"));
done:
    cli_gather_close(&all);
    cli_sweep_close(&sweep);
    return status;
}

const cli_command cli_command_gather = {
    .name = "gather",
    .operands = "DIR",
    .summary = "show the runs of a sweep in one table",
    .notes =
        "DIR is the folder of a sweep. The table has a line for each setting, with means over "
        "the seeds. "
        "-o FILE writes CSV, a line for each run: every key that varies, every figure, how many "
        "seconds each stage took to learn, versions, kernels, and whether it is done. --report "
        "writes a page (as report does): up to 1,000 settings beside each other, and curves and "
        "pictures of at most 12 runs, which are all or the first of each setting. "
        "Of a hundred thousand runs, --part 0/10 to 9/10 read a tenth each, side by side. "
        "Missing and failed runs are told, and make the exit code 1.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
