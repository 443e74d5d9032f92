/* measure: the figures of a run file's inverses.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cause.h"
#include "quality.h"

typedef struct own {
    const char *inverse;
} own;

static const cli_option own_options[] = {{0, "inverse", "NAME",
                                          "the inverse to measure (default: all that are there)",
                                          CLI_TEXT, .offset = offsetof(own, inverse)},
                                         {.shared = CLI_JUDGE},
                                         {.shared = CLI_JSON},
                                         {.shared = CLI_DATA},
                                         {.shared = CLI_THREADS},
                                         {.shared = CLI_QUIET},
                                         {.shared = CLI_HELP},
                                         {0}};

/* Whether it can be measured: it is done, and of the network that is there. */
static bool is_whole(const inv_run *run, const char *name)
{
    char path[CLI_PATH_BYTES];
    uint64_t done = 0;
    snprintf(path, sizeof path, "/inverse/%s", name);
    return inv_run_has_attribute(run, path, "done") &&
           inv_run_size(run, path, "done", &done) == INV_OK && done && !cli_cause_stale(run, path);
}

static inv_status measure_one(cli_session *session, const char *name, const cli_judge *judge,
                              cli_column *column)
{
    char path[CLI_PATH_BYTES], *at = NULL;
    inv_quality quality;
    size_t point = 0;
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "/inverse/%s", name);
    INV_TRY(cli_load_inverse(&session->file, &session->materials, name));
    INV_TRY(inv_run_text(session->file.run, path, "at", &at));
    INV_TRY(inv_net_point(session->materials.net, at, &point));
    INV_TRY(cli_quality_measure(session, path, point, judge, &quality));
    INV_TRY(cli_column_read(session->file.run, name, column));
done:
    free(at);
    return status;
}

static inv_status measure_all(cli_session *session, const char *only, const cli_judge *judge,
                              cli_column **columns, size_t *count)
{
    char(*names)[INV_NAME_MAX] = NULL;
    void *memory = NULL;
    size_t all = 0;
    inv_status status = INV_OK;
    *count = 0;
    if (inv_run_has(session->file.run, "/inverse"))
        INV_TRY(cli_group_names(session->file.run, "/inverse", &names, &all));
    INV_TRY(inv_calloc(all ? all : 1, sizeof **columns, "figures", &memory));
    *columns = memory;
    for (size_t i = 0; i < all; i++) {
        if (only ? strcmp(names[i], only) != 0 : !is_whole(session->file.run, names[i]))
            continue;
        INV_TRY(measure_one(session, names[i], judge, &(*columns)[*count]));
        ++*count;
    }
    if (*count == 0 && only)
        INV_FAIL(INV_EDATA, "%s: holds no inverse named '%s'", session->file.path, only);
    if (*count == 0)
        INV_FAIL(INV_EDATA, "%s: holds no finished inverse; make one with: invproj invert %s",
                 session->file.path, session->file.path);
done:
    free(names);
    return status;
}

static inv_status run(const cli_options *options)
{
    cli_session session = {0};
    cli_judge judge = {0};
    cli_column *columns = NULL;
    size_t count = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_session_open(options, options->operands[0], true, &session));
    if (session.materials.data->test.count == 0)
        INV_FAIL(INV_EDATA, "%s: the data have no test images to measure on", session.file.path);
    if (options->judge)
        INV_TRY(cli_judge_load(&session.progress, options->judge, &judge));
    INV_TRY(measure_all(&session, ((const own *)options->own)->inverse,
                        options->judge ? &judge : NULL, &columns, &count));
    INV_TRY(cli_file_save(&session.file));
    if (options->json)
        INV_TRY(cli_columns_json(columns, count));
    else
        cli_columns_print(columns, count, session.materials.data->test.count);
done:
    free(columns);
    inv_net_free(judge.net);
    cli_session_close(&session);
    return status;
}

const cli_command cli_command_measure = {
    .name = "measure",
    .operands = "RUN.h5",
    .summary = "measure how good inverses are",
    .notes =
        "Each figure is kept with its inverse in the run file; experiments/README.md tells what "
        "each means.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
