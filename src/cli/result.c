/* What every result is made of: its group in the run file, its settings, its arrays.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cause.h"

#define PATH_BYTES CLI_PATH_BYTES

inv_status cli_result_open(cli_file *file, const char *group, const char *name, const char *inverse,
                           const inv_field *fields, const void *spec, char path[PATH_BYTES])
{
    char *settings = NULL;
    inv_status status = cli_settings(fields, spec, &settings);
    if (status != INV_OK)
        return status;
    snprintf(path, PATH_BYTES, "/%s/%s", group, name);
    memcpy(file->result, path, sizeof file->result);
    INV_TRY(inv_run_remove(file->run, path));
    INV_TRY(inv_run_set_text(file->run, path, "settings", settings));
    INV_TRY(inv_run_set_size(file->run, path, "seed", file->seed));
    INV_TRY(cli_cause_put(file->run, path, CLI_CAUSE_NETWORK, NULL));
    if (inverse)
        INV_TRY(cli_cause_put(file->run, path, CLI_CAUSE_INVERSE, inverse));
done:
    free(settings);
    return status;
}

inv_status cli_put(inv_run *run, const char *path, const char *name, inv_type type, size_t rank,
                   const size_t *dims, const void *data, inv_run_storage storage)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    snprintf(full, sizeof full, "%s/%s", path, name);
    return inv_run_put(run, full, type, rank, dims, data, storage);
}

inv_status cli_put_images(inv_run *run, const char *path, const char *name, inv_shape shape,
                          const gsl_matrix_float *images)
{
    const size_t dims[] = {images->size1, shape.height, shape.width, shape.channels};
    return cli_put(run, path, name, INV_FLOAT32, shape.channels > 1 ? 4 : 3, dims, images->data,
                   INV_RUN_IMAGES);
}

inv_status cli_put_classes(inv_run *run, const char *path, const char *name,
                           const unsigned *classes, size_t n)
{
    return cli_put(run, path, name, INV_UINT32, 1, &n, classes, INV_RUN_PLAIN);
}

inv_status cli_inverse_check(const inv_run *run, const cli_materials *materials, const char *key,
                             const char *at)
{
    const size_t units = inv_net_units(materials->inverse, 0);
    size_t point = 0, start = 0;
    char path[2 * INV_NAME_MAX], *recorded = NULL;
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "/inverse/%s", materials->inverse_name);
    INV_TRY(inv_run_text(run, path, "at", &recorded));
    INV_TRY(inv_net_point(materials->net, recorded, &start));
    INV_TRY(inv_net_point(materials->net, at, &point));
    if (point != start || units != inv_net_units(materials->net, point))
        INV_FAIL(INV_ECONFIG, "%s: the inverse '%s' starts at %s, not at %s", key,
                 materials->inverse_name, recorded, at);
done:
    free(recorded);
    return status;
}

#define NAMES_FIRST 64 /* room that is enough for most */

inv_status cli_group_names(const inv_run *run, const char *path, char (**names)[INV_NAME_MAX],
                           size_t *count)
{
    size_t room = NAMES_FIRST;
    void *memory = NULL;
    do {
        free(memory);
        room *= 2;
        inv_status status = inv_calloc(room, INV_NAME_MAX, "names of results", &memory);
        if (status != INV_OK)
            return status;
        *count = inv_run_groups(run, path, memory, room);
    } while (*count == room); /* there may be more */
    *names = memory;
    return INV_OK;
}
