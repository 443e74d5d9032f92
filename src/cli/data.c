/* The data a session works on: opened as its experiment says, and what is said of them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli.h"

inv_status cli_data_open(cli_session *session)
{
    return inv_dataset_load(&session->experiment->data, session->options->data, session->seed,
                            &session->data);
}

static inv_status put_class_names(inv_run *run, const inv_dataset *data)
{
    const char *names[INV_CLASSES_MAX];
    if (!data->class_names)
        return INV_OK;
    for (size_t c = 0; c < data->classes; c++)
        names[c] = data->class_names[c];
    return inv_run_set_texts(run, "/", "class_names", names, data->classes);
}

/* How the images were read. What another command needs to read images alike, @scale and
 * @class_names, stands at the root. */
inv_status cli_data_describe(inv_run *run, const inv_dataset *data)
{
    const struct {
        const char *name;
        size_t value;
    } sizes[] = {{"height", data->shape.height},         {"width", data->shape.width},
                 {"channels", data->shape.channels},     {"classes", data->classes},
                 {"train", data->train.count},           {"test", data->test.count},
                 {"validation", data->validation.count}, {"transposed", data->transposed}};
    inv_status status = INV_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        INV_TRY(inv_run_set_size(run, "/data", sizes[i].name, sizes[i].value));
    INV_TRY(inv_run_set_text(run, "/data", "type", inv_idx_type_name(data->train.type)));
    if (*data->axes)
        INV_TRY(inv_run_set_text(run, "/data", "axes", data->axes));
    INV_TRY(inv_run_set_real(run, "/data", "low", data->low));
    INV_TRY(inv_run_set_real(run, "/data", "high", data->high));
    INV_TRY(inv_run_set_real(run, "/data", "black", data->pixels.black));
    INV_TRY(inv_run_set_real(run, "/data", "white", data->pixels.white));
    INV_TRY(inv_run_set_real(run, "/data", "ground", data->pixels.ground));
    INV_TRY(inv_run_set_real(run, "/", "scale", data->scale));
    INV_TRY(put_class_names(run, data));
    INV_TRY(cli_put_class_images(run, data));
fail:
    return status;
}

/* A list of the classes that validation lacks, by number: "1, 2, 5". */
static void list_missing(const inv_dataset *data, char *text, size_t size)
{
    size_t train[INV_CLASSES_MAX], validation[INV_CLASSES_MAX], used = 0;
    inv_part_classes(&data->train, train);
    inv_part_classes(&data->validation, validation);
    for (size_t c = 0; c < data->classes && used < size; c++)
        if (train[c] > 0 && validation[c] == 0)
            used += (size_t)snprintf(text + used, size - used, "%s%zu", used ? ", " : "", c);
}

/* What is unusual in how they were read, or asks for another way. */
static void note_reading(const cli_session *session)
{
    const inv_dataset *data = session->data;
    char missing[64] = "";
    if (strcmp(data->axes, "nchw") == 0)
        cli_note(&session->progress, "          read channels first, %zu x %zu x %zu in the file",
                 data->shape.channels, data->transposed ? data->shape.width : data->shape.height,
                 data->transposed ? data->shape.height : data->shape.width);
    if (data->transposed)
        cli_note(&session->progress, "          rows and columns have changed places");
    if (data->label_columns > 1)
        cli_note(&session->progress,
                 "          labels of %zu numbers, of which the first is the "
                 "class",
                 data->label_columns);
    if (data->sideways)
        cli_note(
            &session->progress,
            "          EMNIST's images lie on their side; data.transpose = true turns them up");
    list_missing(data, missing, sizeof missing);
    if (data->missing > 0)
        cli_note(&session->progress,
                 "          %zu classes have no validation image (%s%s); data.shuffle = true gives "
                 "each its share",
                 data->missing, missing, strlen(missing) + 1 == sizeof missing ? "..." : "");
}

void cli_data_note(const cli_session *session)
{
    const inv_dataset *data = session->data;
    char empty[64] = "";
    if (data->empty > 0)
        snprintf(empty, sizeof empty, ", %zu of them without images", data->empty);
    cli_note(&session->progress,
             "data      %s: %zu images to train on, %zu to validate, %zu to test", data->name,
             data->train.count, data->validation.count, data->test.count);
    cli_note(&session->progress,
             "          %zu x %zu x %zu, %ss from %g to %g, divided by %g; %zu classes%s",
             data->shape.height, data->shape.width, data->shape.channels,
             inv_idx_type_name(data->train.type), data->low, data->high, data->scale, data->classes,
             empty);
    note_reading(session);
}

/* ---- what a run file says of pixels ---- */

/* Older files have no @black and @ground: pixels were none but 0 to white. */
inv_status cli_data_pixels(const inv_run *run, inv_pixels *out)
{
    double scale = inv_idx_full_scale(INV_IDX_UBYTE, 0.0);
    inv_status status = INV_OK;
    if (inv_run_has_attribute(run, "/", "scale"))
        INV_TRY(inv_run_real(run, "/", "scale", &scale));
    *out = (inv_pixels){0.0, inv_idx_full_scale(INV_IDX_UBYTE, 0.0) / scale, 0.0};
    if (inv_run_has_attribute(run, "/data", "white"))
        INV_TRY(inv_run_real(run, "/data", "white", &out->white));
    if (inv_run_has_attribute(run, "/data", "black")) {
        INV_TRY(inv_run_real(run, "/data", "black", &out->black));
        INV_TRY(inv_run_real(run, "/data", "ground", &out->ground));
    }
    if (!(out->black < out->white))
        INV_FAIL(INV_EFORMAT, "%s: /data: black is %g and white %g", inv_run_name(run), out->black,
                 out->white);
fail:
    return status;
}
