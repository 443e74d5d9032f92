/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cause.h"
#include "cli.h"
#include "invproj/stream.h"
#include "model.h"

/* What tells of a model would be ignored of a run file, which says it itself. A file that is neither is
 * refused when it is read. */
static inv_status check_options(const cli_options *options, const char *path)
{
    bool is_run = false;
    if (!options || options->operand_count == 0 || strcmp(path, options->operands[0]) != 0)
        return INV_OK;
    const struct {
        const char *name;
        bool given;
    } of_models[] = {{"arch", options->arch},
                     {"key", options->key},
                     {"input", options->input},
                     {"backend", options->backend},
                     {"scale", options->scale},
                     {"mean", options->mean},
                     {"std", options->std},
                     {"channels-first", options->channels_first},
                     {"class-names", options->class_names}};
    inv_status status = cli_is_run(path, &is_run);
    for (size_t i = 0; i < sizeof of_models / sizeof *of_models && is_run; i++)
        if (of_models[i].given)
            return INV_ERROR(INV_EINVAL,
                             "--%s: tells of a model of another program; %s is a run file, which "
                             "has its own",
                             of_models[i].name, path);
    return status;
}

inv_status cli_open_run(const cli_options *options, const cli_progress *progress, const char *path,
                        cli_reading how, inv_run **out)
{
    bool is_model = false;
    *out = NULL;
    inv_status status = how == CLI_READ_TO_SAVE ? INV_OK : cli_model_is(path, &is_model);
    if (status == INV_OK && is_model)
        return cli_model_run(options, path, out);
    if (status == INV_OK)
        status = check_options(options, path);
    if (status == INV_OK)
        status = cli_check_no_experiment(path);
    if (status == INV_OK)
        status = cli_read_run(path, how, out);
    char changed[256] = "";
    if (status == INV_OK && !inv_run_is_sealed(*out))
        status = cli_cause_adopt(*out, changed, sizeof changed);
    if (status != INV_OK) {
        inv_run_free(*out);
        *out = NULL;
        return status;
    }
    if (!progress)
        return INV_OK;
    if (!inv_run_is_sealed(*out))
        cli_note(progress, "%s: " CLI_UNSEALED, path);
    if (*changed)
        cli_warn("%s: another program has changed %s; what was made from it before is out of date",
                 path, changed);
    if (how == CLI_READ_TO_SAVE && inv_run_left_out(*out))
        cli_warn("%s: data that another program added will be lost when it is saved: %s", path,
                 inv_run_left_out(*out));
    return INV_OK;
}
