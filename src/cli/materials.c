/* What a run file is worked on with: data, nets, Gaussians, loaded when they are asked for.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cause.h"
#include "cli.h"
#include "invproj/inverse.h"
#include "quality.h"

/* ---- data ---- */

/* The network takes images of the data's shape, and tells their classes apart. A file may name data
 * by their checksums and hold a network of others: what is then read would lie beyond them. */
static inv_status check_shape(const cli_file *file, const inv_net *net, const char *data,
                              inv_shape b, size_t classes)
{
    const inv_shape a = inv_net_shape(net, 0);
    const size_t outputs = inv_net_units(net, inv_net_depth(net));
    if (a.height == b.height && a.width == b.width && a.channels == b.channels &&
        (outputs == classes || (cli_is_imported(file->run) && outputs > classes)))
        return INV_OK;
    return INV_ERROR(
        INV_EFORMAT,
        "%s: the net takes images of %zu x %zu x %zu and has %zu outputs; %s has images of "
        "%zu x %zu x %zu in %zu classes",
        file->path, a.height, a.width, a.channels, outputs, data, b.height, b.width, b.channels,
        classes);
}

/* Against the data where they are open, and what the run file says of them, where it does. */
static inv_status check_fit(const cli_file *file, const cli_materials *materials)
{
    uint64_t sizes[4];
    static const char *const names[4] = {"height", "width", "channels", "classes"};
    if (!materials->net)
        return INV_OK;
    if (materials->data)
        return check_shape(file, materials->net, materials->data->name, materials->data->shape,
                           materials->data->classes);
    for (int i = 0; i < 4; i++) {
        if (!inv_run_has_attribute(file->run, "/data", names[i]))
            return INV_OK;
        inv_status status = inv_run_size(file->run, "/data", names[i], &sizes[i]);
        if (status != INV_OK)
            return status;
    }
    return check_shape(file, materials->net, "the data that it names",
                       (inv_shape){sizes[0], sizes[1], sizes[2]}, sizes[3]);
}

inv_status cli_load_data(const cli_file *file, cli_materials *materials)
{
    if (materials->data)
        return INV_OK;
    inv_status status = cli_data_open(file, materials);
    if (status == INV_OK)
        status = cli_data_remember(file, materials->data_folder);
    if (status == INV_OK && cli_is_imported(file->run))
        status = cli_data_adopt(file->run, materials->data);
    return status == INV_OK ? check_fit(file, materials) : status;
}

/* ---- nets ---- */

/* The images' shape is what the network was built for; it stands with the network. */
static inv_status input_shape(const cli_file *file, inv_shape *shape)
{
    uint64_t height = 0, width = 0, channels = 0;
    inv_status status = inv_run_size(file->run, "/network", "height", &height);
    if (status == INV_OK)
        status = inv_run_size(file->run, "/network", "width", &width);
    if (status == INV_OK)
        status = inv_run_size(file->run, "/network", "channels", &channels);
    *shape = (inv_shape){height, width, channels};
    if (status == INV_OK && (height == 0 || width == 0 || channels == 0 || height > 65535 ||
                             width > 65535 || channels > 65535))
        return INV_ERROR(INV_EFORMAT, "%s: /network: images of %zu x %zu x %zu", file->path,
                         shape->height, shape->width, shape->channels);
    return status;
}

inv_status cli_load_net(const cli_file *file, cli_materials *materials)
{
    inv_shape shape;
    if (materials->net)
        return INV_OK;
    if (!inv_run_has(file->run, "/network"))
        return INV_ERROR(INV_EDATA, "%s: holds no network", file->path);
    inv_status status = input_shape(file, &shape);
    if (status == INV_OK)
        status = inv_run_get_net(file->run, "/network", shape, &materials->net);
    if (status != INV_OK)
        return status;
    const size_t outputs = inv_net_units(materials->net, inv_net_depth(materials->net));
    if (outputs > INV_CLASSES_MAX)
        return INV_ERROR(INV_EFORMAT,
                         "%s: /network: ends in %zu units; there are %d classes at most",
                         file->path, outputs, INV_CLASSES_MAX);
    return check_fit(file, materials);
}

/* That there is none of that name: which there are, or how one is made. */
static inv_status no_inverse(const cli_file *file, const char *name)
{
    char(*names)[INV_NAME_MAX] = NULL, list[256] = "";
    size_t count = 0, used = 0;
    inv_status status = INV_OK;
    INV_TRY(cli_group_names(file->run, "/inverse", &names, &count));
    for (size_t i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    if (count > 0)
        INV_FAIL(INV_EDATA, "%s: holds no inverse named '%s', but %s; name one with --inverse",
                 file->path, name, list);
    INV_FAIL(INV_EDATA,
             "%s: holds no inverse named '%s', nor any other; make one with: invproj "
             "invert %s --name %s",
             file->path, name, file->path, name);
done:
    free(names);
    return status;
}

inv_status cli_load_inverse(const cli_file *file, cli_materials *materials, const char *name)
{
    char path[2 * INV_NAME_MAX], *at = NULL;
    uint64_t done = 0;
    size_t point = 0;
    inv_status status = INV_OK;
    if (materials->inverse && strcmp(materials->inverse_name, name) == 0)
        return INV_OK;
    inv_net_free(materials->inverse);
    materials->inverse = NULL;
    INV_TRY(cli_load_net(file, materials));
    snprintf(path, sizeof path, "/inverse/%s", name);
    if (!inv_run_has(file->run, path))
        INV_RAISE(no_inverse(file, name));
    INV_TRY(inv_run_size(file->run, path, "done", &done));
    if (!done)
        INV_FAIL(INV_EDATA,
                 "%s: the inverse '%s' is not finished; invproj invert --resume continues it",
                 file->path, name);
    if (cli_cause_stale(file->run, path))
        INV_FAIL(INV_EDATA,
                 "%s: the inverse '%s' belongs to a network that is no longer there; learn it "
                 "again: invproj invert %s --force --name %s",
                 file->path, name, file->path, name);
    if (!cli_inverse_is_net(file->run, path))
        INV_FAIL(INV_EDATA,
                 "%s: the inverse '%s' was searched for image by image: there is no net that makes "
                 "others; choose another with --inverse",
                 file->path, name);
    INV_TRY(inv_run_text(file->run, path, "at", &at));
    INV_TRY(inv_net_point(materials->net, at, &point));
    INV_TRY(inv_run_get_net(file->run, path,
                            (inv_shape){1, 1, inv_net_units(materials->net, point)},
                            &materials->inverse));
    if (inv_net_units(materials->inverse, inv_net_depth(materials->inverse)) !=
        inv_net_units(materials->net, 0))
        INV_FAIL(INV_EFORMAT, "%s: %s: does not lead to images of the network's size", file->path,
                 path);
    snprintf(materials->inverse_name, sizeof materials->inverse_name, "%s", name);
done:
    if (status == INV_ECONFIG) /* all of it comes from the file */
        status = INV_EFORMAT;
    free(at);
    return status;
}

/* ---- what the data are like ---- */

#define COMPONENTS 200 /* that are kept: those of MNIST beyond are a 30th of the variance */

static inv_status read_gaussians(const cli_file *file, cli_materials *materials, size_t point,
                                 const char *path)
{
    inv_array state[INV_ARRAYS_MAX];
    uint64_t components = 0, classes = 0;
    const size_t units = inv_net_units(materials->net, point);
    inv_gaussians *g = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_run_size(file->run, path, "components", &components));
    INV_TRY(inv_run_size(file->run, path, "classes", &classes));
    if (components == 0 || components > units || classes > INV_CLASSES_MAX)
        INV_FAIL(INV_EFORMAT, "%s: %s: %zu components, %zu classes", file->path, path,
                 (size_t)components, (size_t)classes);
    INV_TRY(inv_gaussians_alloc(units, components, classes, &g));
    INV_TRY(inv_run_get_state(file->run, path, state, inv_gaussians_state(g, state)));
    INV_TRY(inv_gaussians_restored(g));
    materials->gaussians = g;
    g = NULL;
done:
    inv_gaussians_free(g);
    return status;
}

static inv_status fit_gaussians(const cli_file *file, cli_materials *materials, size_t point,
                                const char *path)
{
    inv_array state[INV_ARRAYS_MAX];
    inv_status status = INV_OK;
    INV_TRY(cli_load_data(file, materials));
    INV_TRY(inv_gaussians_fit(materials->net, &materials->data->train, point,
                              materials->data->classes, COMPONENTS, &materials->gaussians));
    const inv_gaussians *g = materials->gaussians;
    INV_TRY(inv_run_put_state(file->run, path, state,
                              inv_gaussians_state(materials->gaussians, state)));
    INV_TRY(cli_cause_put(file->run, path, CLI_CAUSE_NETWORK, NULL));
    INV_TRY(inv_run_set_size(file->run, path, "components", g->all.components));
    INV_TRY(inv_run_set_size(file->run, path, "classes", g->classes));
done:
    return status;
}

inv_status cli_load_gaussians(const cli_file *file, cli_materials *materials, size_t point)
{
    char path[CLI_PATH_BYTES];
    if (materials->gaussians && materials->gaussians_point == point)
        return INV_OK;
    inv_gaussians_free(materials->gaussians);
    materials->gaussians = NULL;
    materials->gaussians_point = point;
    snprintf(path, sizeof path, "/gaussian/%s", inv_net_point_name(materials->net, point));
    const bool good = inv_run_has(file->run, path) && !cli_cause_stale(file->run, path);
    return good ? read_gaussians(file, materials, point, path)
                : fit_gaussians(file, materials, point, path);
}

inv_status cli_class_names(const inv_run *run, size_t classes, char **names)
{
    memset(names, 0, classes * sizeof *names);
    if (!inv_run_has_attribute(run, "/", "class_names"))
        return INV_OK;
    return inv_run_texts(run, "/", "class_names", names, classes);
}

inv_status cli_settings(const inv_field *fields, const void *spec, char **out)
{
    json_t *object = json_object();
    *out = NULL;
    inv_status status = object ? inv_fields_write(fields, spec, object) : INV_ENOMEM;
    if (status == INV_OK)
        *out = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return *out ? INV_OK : INV_ERROR(INV_ENOMEM, "settings: no memory");
}
