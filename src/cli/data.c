/* The data a session works on: opened as its experiment says, and what is said of them.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli.h"

inv_status cli_data_open(cli_session *session)
{
    const inv_data_spec *spec = &session->experiment->data;
    const char *folder = session->options->data ? session->options->data : spec->folder;
    inv_status status = inv_dataset_open(folder, spec->scale, &session->data);
    return status == INV_OK ? inv_dataset_set_validation(session->data, spec->validation) : status;
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
    } sizes[] = {{"height", data->shape.height},        {"width", data->shape.width},
                 {"channels", data->shape.channels},    {"classes", data->classes},
                 {"train", data->train.count},          {"test", data->test.count},
                 {"validation", data->validation.count}};
    inv_status status = INV_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        INV_TRY(inv_run_set_size(run, "/data", sizes[i].name, sizes[i].value));
    INV_TRY(inv_run_set_text(run, "/data", "type", inv_idx_type_name(data->train.type)));
    INV_TRY(inv_run_set_real(run, "/data", "low", data->low));
    INV_TRY(inv_run_set_real(run, "/data", "high", data->high));
    INV_TRY(inv_run_set_real(run, "/data", "white", data->white));
    INV_TRY(inv_run_set_real(run, "/", "scale", data->scale));
    INV_TRY(put_class_names(run, data));
fail:
    return status;
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
}
