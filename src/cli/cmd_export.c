/* export: a net, or an inverse, as a file of another program.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "invproj/file.h"
#include "invproj/inverse.h"
#include "model.h"

typedef struct own {
    const char *format, *inverse;
} own;

/* clang-format off */
static const cli_option own_options[] = {
    {.shared = CLI_OUT},
    {0, "format", "NAME", "format of the file, where its name does not tell: onnx, keras, keras-h5, safetensors, npz",
     CLI_TEXT, .offset = offsetof(own, format)},
    {0, "inverse", "NAME", "export the inverse of that name in place of the net", CLI_TEXT,
     .offset = offsetof(own, inverse)},
    {.shared = CLI_ARCH}, {.shared = CLI_BACKEND}, {.shared = CLI_KEY_OF}, {.shared = CLI_INPUT}, {.shared = CLI_SCALE}, {.shared = CLI_MEAN},
    {.shared = CLI_STD}, {.shared = CLI_INVERTED}, {.shared = CLI_CHANNELS_FIRST}, {.shared = CLI_CLASS_NAMES},
    {.shared = CLI_FORCE}, {.shared = CLI_QUIET}, {.shared = CLI_HELP},
    {0}};
/* clang-format on */

/* What is exported, and what it is taken from. */
typedef struct exporting {
    cli_session session;
    inv_export what;
    char *at;
    char *names[INV_CLASSES_MAX];
    size_t name_count;
    unsigned char *bytes;
    size_t size;
    char *text;
} exporting;

static void exporting_close(exporting *x)
{
    for (size_t i = 0; i < x->name_count; i++)
        free(x->names[i]);
    free(x->at);
    free(x->bytes);
    free(x->text);
    cli_session_close(&x->session);
}

/* "onnx (.onnx), keras (.keras)" */
static void list_formats(char *list, size_t size)
{
    const char *ending = NULL, *name = NULL;
    list[0] = 0;
    for (size_t i = 0; (name = inv_export_format_at(i, &ending)); i++)
        snprintf(list + strlen(list), size - strlen(list), "%s%s (%s)", i ? ", " : "", name,
                 ending);
}

static inv_status find_format(const cli_options *options, const char **out)
{
    const own *given = options->own;
    char list[256];
    const char *ending = NULL, *name = NULL;
    list_formats(list, sizeof list);
    *out = NULL;
    if (!given->format) {
        *out = inv_export_format(options->out);
        return *out ? INV_OK
                    : INV_ERROR(INV_EINVAL,
                                "%s: its ending names no format that is written, which are %s; "
                                "--format says which",
                                options->out, list);
    }
    for (size_t i = 0; (name = inv_export_format_at(i, &ending)); i++)
        if (strcmp(name, given->format) == 0)
            *out = name;
    return *out ? INV_OK
                : INV_ERROR(INV_EINVAL, "--format: '%.60s' is none that is written, which are %s",
                            given->format, list);
}

/* Never over a run file, or what is no model file, and over a model file only with --force. */
static inv_status check_out(const cli_options *options)
{
    bool is_model = false, is_run = false;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "export: needs -o FILE, the file to write");
    if (access(options->out, F_OK) != 0)
        return INV_OK;
    inv_status status = cli_model_is(options->out, &is_model);
    if (status == INV_OK)
        status = cli_is_run(options->out, &is_run);
    if (status != INV_OK)
        return status;
    if (is_run || !is_model)
        return INV_ERROR(INV_EINVAL,
                         "%s: is there already and is %s, so it is not overwritten; choose another "
                         "name",
                         options->out, is_run ? "a run file" : "no model file");
    if (cli_is_same_file(options->out, options->operands[0]))
        return INV_ERROR(INV_EINVAL,
                         "%s: is the model itself, which is never written to; choose another name",
                         options->out);
    return options->force
               ? INV_OK
               : INV_ERROR(INV_EINVAL, "%s: is there already; --force overwrites it", options->out);
}

/* Of a file that was an inverse already. */
static inv_status take_imported_inverse(exporting *x)
{
    static const char *const names[3] = {"image_height", "image_width", "image_channels"};
    const inv_run *run = x->session.file.run;
    uint64_t sizes[3] = {0};
    inv_status status = inv_run_text(run, "/source", "inverse_of", &x->at);
    for (size_t i = 0; i < 3 && status == INV_OK; i++)
        status = inv_run_size(run, "/source", names[i], &sizes[i]);
    x->what.inverse_at = x->at;
    x->what.image = (inv_shape){sizes[0], sizes[1], sizes[2]};
    return status;
}

/* The names of its classes, what its pixels are. */
static inv_status take_told(exporting *x)
{
    const inv_run *run = x->session.file.run;
    const size_t classes = inv_net_units(x->what.net, inv_net_depth(x->what.net));
    inv_pixels pixels;
    inv_status status = INV_OK;
    if (inv_run_has_attribute(run, "/source", "inverse_of"))
        INV_TRY(take_imported_inverse(x));
    if (inv_run_has_attribute(run, "/", "scale") && inv_run_has_attribute(run, "/data", "black")) {
        INV_TRY(cli_data_pixels(run, &pixels));
        INV_TRY(inv_run_real(run, "/", "scale", &x->what.scale));
        x->what.black = pixels.black;
        x->what.white = pixels.white;
    }
    if (inv_run_has_attribute(run, "/", "class_names") && classes <= INV_CLASSES_MAX) {
        INV_TRY(cli_class_names(run, classes, x->names));
        x->name_count = x->what.class_count = classes;
        x->what.class_names = (const char *const *)x->names;
    }
done:
    return status;
}

/* The inverse in place of the net: what comes out of it are images. */
static inv_status take_inverse(exporting *x, const char *name)
{
    char path[2 * INV_NAME_MAX];
    inv_status status = INV_OK;
    INV_TRY(cli_load_inverse(&x->session.file, &x->session.materials, name));
    snprintf(path, sizeof path, "/inverse/%s", name);
    INV_TRY(inv_run_text(x->session.file.run, path, "at", &x->at));
    x->what.image = inv_net_shape(x->what.net, 0);
    x->what.net = x->session.materials.inverse;
    x->what.inverse_at = x->at;
    x->what.class_count = 0;
done:
    return status;
}

/* The model that the run was made of may be the only copy, so not even --force changes it. */
static inv_status check_source(const exporting *x, const char *out)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    bool is_source = false;
    inv_status status = INV_OK;
    if (access(out, F_OK) != 0)
        return INV_OK;
    INV_TRY(cli_model_is_source(x->session.file.run, out, &is_source));
    if (is_source)
        INV_TRY(inv_file_read(out, SIZE_MAX - 1, &bytes, &size));
    if (is_source && (size != x->size || memcmp(bytes, x->bytes, size) != 0))
        INV_FAIL(INV_EINVAL,
                 "%s: is the model that %s was made of, which is never written to; choose another "
                 "name",
                 out, x->what.file);
done:
    free(bytes);
    return status;
}

static inv_status run(const cli_options *options)
{
    const own *given = options->own;
    const char *path = options->operands[0], *format = NULL;
    void *memory = NULL;
    cli_progress progress = {0};
    exporting *x = NULL;
    inv_status status = INV_OK;
    cli_progress_open(&progress, options->quiet);
    INV_TRY(inv_calloc(1, sizeof *x, "export", &memory));
    x = memory;
    if (options->out)
        INV_TRY(find_format(options, &format));
    INV_TRY(check_out(options));
    INV_TRY(given->inverse ? cli_session_results(options, path, "invert", &x->session)
                           : cli_session_read(options, path, &x->session));
    INV_TRY(cli_load_net(&x->session.file, &x->session.materials));
    x->what.file = path;
    x->what.net = x->session.materials.net;
    INV_TRY(take_told(x));
    if (given->inverse)
        INV_TRY(take_inverse(x, given->inverse));
    INV_TRY(inv_model_export(&x->what, format, &x->bytes, &x->size, &x->text));
    INV_TRY(check_source(x, options->out));
    INV_TRY(inv_file_replace(options->out, x->bytes, x->size));
    cli_note(&progress, "export    %s is in %s now", path, options->out);
    if (x->text)
        fputs(x->text, stdout);
done:
    if (x)
        exporting_close(x);
    free(x);
    return status;
}

const cli_command cli_command_export = {
    .name = "export",
    .operands = "RUN.h5 -o FILE",
    .summary = "write the net, or an inverse, as a file of another program",
    .notes =
        "The ending of FILE says the format: .onnx, .keras and .h5 (Keras 3), .safetensors and "
        ".npz. Of the last two, which hold parameters alone, the module of PyTorch that loads them "
        "is printed, for a file of Python; --arch reads it too. Names of layers are kept, and the "
        "names of classes and what pixels are stand in the file's metadata; the net takes what it "
        "takes here, pixels that are divided already. What is exported and imported again is the "
        "same net, and exported once more the same file. A layer that a format has nothing for is "
        "named.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
