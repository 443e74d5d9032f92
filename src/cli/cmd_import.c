/* import: a run file of a model of another program.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

/* clang-format off */
static const cli_option own_options[] = {
    {.shared = CLI_OUT}, {.shared = CLI_DATA}, {.shared = CLI_ARCH}, {.shared = CLI_BACKEND}, {.shared = CLI_KEY_OF}, {.shared = CLI_INPUT}, {.shared = CLI_SCALE}, {.shared = CLI_MEAN},
    {.shared = CLI_STD}, {.shared = CLI_INVERTED}, {.shared = CLI_CHANNELS_FIRST},
    {.shared = CLI_CLASS_NAMES}, {.shared = CLI_FORCE}, {.shared = CLI_QUIET}, {.shared = CLI_HELP},
    {0}};
/* clang-format on */

/* What its owner should know of it. */
static inv_status print_notes(const inv_run *run, const cli_progress *progress)
{
    char *notes[INV_MODEL_NOTES_MAX] = {NULL};
    size_t count = 0;
    inv_status status = cli_notes(run, notes, &count);
    for (size_t i = 0; i < count; i++) {
        cli_note(progress, "          %s", notes[i]);
        free(notes[i]);
    }
    return status;
}

static inv_status check_model(const char *path)
{
    bool is_model = false, is_run = false;
    inv_status status = cli_model_is(path, &is_model); /* a folder perhaps, as no run file is */
    if (status != INV_OK || is_model)
        return status;
    status = cli_is_run(path, &is_run);
    if (status == INV_OK && is_run)
        return INV_ERROR(INV_EINVAL,
                         "%s: is a run file already, which every command takes as it is", path);
    return status == INV_OK ? cli_check_no_experiment(path) : status;
}

static inv_status check_out(const cli_options *options)
{
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "import: needs -o RUN.h5, the file to write");
    if (access(options->out, F_OK) != 0)
        return INV_OK;
    inv_status status = cli_check_replaces_run(options->out);
    if (status == INV_OK && !options->force)
        return INV_ERROR(INV_EINVAL, "%s: already holds a run; --force overwrites it",
                         options->out);
    return status;
}

static inv_status run(const cli_options *options)
{
    const char *path = options->operands[0];
    cli_progress progress = {0};
    cli_lock *lock = NULL;
    inv_run *run = NULL;
    inv_status status = INV_OK;
    cli_progress_open(&progress, options->quiet);
    if (access(path, F_OK) != 0)
        INV_FAIL(INV_EIO, "%s: %s", path, strerror(errno));
    INV_TRY(check_model(path));
    INV_TRY(check_out(options));
    INV_TRY(cli_model_run(options, path, &run));
    INV_TRY(cli_lock_take(options->out, &lock));
    INV_TRY(inv_run_save(run, options->out));
    cli_note(&progress, "import    %s is in %s now", path, options->out);
    INV_TRY(print_notes(run, &progress));
done:
    inv_run_free(run);
    cli_lock_free(lock);
    return status;
}

const cli_command cli_command_import = {
    .name = "import",
    .operands = "MODEL -o RUN.h5",
    .summary = "make a run file of a model of another program",
    .notes =
        "MODEL is a Keras file (.h5, .keras, the folder of one, weights with --arch), an ONNX file "
        "(.onnx, with the files of its data beside it), or the parameters of a PyTorch net (.pt, "
        ".pth, .safetensors, .npz) with --arch, known by its content. Pixels are taken as bytes "
        "divided by 255 where neither the file nor --scale says otherwise; with --data, the usual "
        "preparations are tried on 1,000 images, and the one by which most are classified right is "
        "taken. FILE of --arch is what the other program says of its net (model.to_json(), "
        "print(model)), or an experiment with its network. A run file works in its place in every "
        "other command, and so "
        "does the model file itself.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .run = run,
};
