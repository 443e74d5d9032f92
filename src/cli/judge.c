/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

/* Parameters that were trained apart are never the same. */
static bool is_copy(const inv_net *a, const inv_net *b)
{
    const size_t size = inv_net_size(a);
    return size > 0 && size == inv_net_size(b) &&
           memcmp(inv_net_params(a), inv_net_params(b), size * sizeof(float)) == 0;
}

static inv_status check(const char *path, const inv_net *other, const inv_net *net)
{
    const inv_shape a = inv_net_shape(other, 0), b = inv_net_shape(net, 0);
    const size_t sees = inv_net_units(other, inv_net_depth(other));
    const size_t classes = inv_net_units(net, inv_net_depth(net));
    if (a.height != b.height || a.width != b.width || a.channels != b.channels)
        return INV_ERROR(INV_EDATA,
                         "%s: a net of images of %zu x %zu x %zu cannot judge those of %zu x %zu x "
                         "%zu",
                         path, a.height, a.width, a.channels, b.height, b.width, b.channels);
    if (sees != classes)
        return INV_ERROR(INV_EDATA, "%s: a net of %zu classes cannot judge images of %zu", path,
                         sees, classes);
    if (is_copy(other, net))
        return INV_ERROR(INV_EDATA,
                         "%s: holds the net that made the images, which is no independent judge; "
                         "train another, with another seed at least",
                         path);
    return INV_OK;
}

static inv_status read_checksum(const inv_run *run, char out[INV_SHA256_TEXT])
{
    char *text = NULL;
    if (!inv_run_has_attribute(run, "/network", "sha256"))
        return INV_OK;
    inv_status status = inv_run_text(run, "/network", "sha256", &text);
    if (status == INV_OK)
        snprintf(out, INV_SHA256_TEXT, "%s", text);
    free(text);
    return status;
}

inv_status cli_judge_load(const cli_progress *progress, const char *path, const inv_net *net,
                          cli_judge *judge)
{
    char *name = path ? strdup(path) : NULL;
    cli_file other = {.path = name};
    cli_materials materials = {0};
    inv_status status = INV_OK;
    *judge = (cli_judge){.path = path};
    if (!path)
        return INV_OK;
    if (!name)
        return INV_ERROR(INV_ENOMEM, "%s: no memory", path);
    INV_TRY(cli_open_run(NULL, progress, path, CLI_READ, &other.run));
    INV_TRY(cli_data_pixels(other.run, &judge->pixels));
    INV_TRY(cli_load_net(&other, &materials));
    INV_TRY(check(path, materials.net, net));
    INV_TRY(read_checksum(other.run, judge->sha256));
    judge->net = materials.net;
    materials.net = NULL;
done:
    inv_net_free(materials.net);
    inv_run_free(other.run);
    free(name);
    return status;
}

void cli_judge_free(cli_judge *judge)
{
    inv_net_free(judge->net);
    *judge = (cli_judge){0};
}
