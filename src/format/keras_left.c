/* Keras: which weights of the file no layer has taken. Keras itself refuses what is left
 * ("expected 1 variables, but received 2").
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "format/keras_layer.h"

#define VARIABLES_MAX 8 /* of a layer, and more */

/* Beside weights a layer may have a count, states of random numbers, and what its precision needs. */
static bool has_others(const keras_layer *l)
{
    json_t *type = keras_get(l, "dtype"), *policy = json_object_get(type, "config");
    const char *name = json_is_string(type) ? json_string_value(type)
                                            : json_string_value(json_object_get(policy, "name"));
    return strcmp(l->class, "Normalization") == 0 || keras_bool(l, "renorm", false) ||
           json_object_get(policy, "mode") ||
           (name && !strstr(name, "float16") && strcmp(name, "float32") != 0 &&
            strcmp(name, "float64") != 0);
}

inv_status keras_check_variables(const keras *k, const keras_layer *l)
{
    size_t taken = 0, left = 0;
    for (size_t i = 0; i < VARIABLES_MAX; i++) {
        const inv_tree_array *array = keras_variable(k, l, i);
        taken += array && inv_taken_has(&k->taken, array);
        left += array && !inv_taken_has(&k->taken, array);
    }
    if (taken == 0 || left == 0 || has_others(l))
        return INV_OK;
    return INV_ERROR(INV_EFORMAT,
                     "%s: layer '%s' (%.60s): the file has %zu weights of it, and by its "
                     "configuration (use_bias, scale, center) it has %zu",
                     k->file, l->name, l->class, taken + left, taken);
}

/* What changes outputs, by any of Keras's names. */
static const char parameters[] =
    "kernel W bias b gamma beta alpha alphas moving_mean moving_variance running_mean running_std "
    "depthwise_kernel pointwise_kernel lora_kernel_a lora_kernel_b";

static inv_status check_group(const keras *k, const char *group)
{
    char path[2 * KERAS_PATH_MAX];
    json_t *names = NULL, *name;
    size_t i;
    inv_status status = keras_weight_names(k, group, &names);
    if (status != INV_OK)
        return status;
    json_array_foreach(names, i, name)
    {
        snprintf(path, sizeof path, "%s/%s", group, json_string_value(name));
        const inv_tree_array *array = inv_tree_find(k->tree, path);
        if (status == INV_OK && array && keras_is_called_by(path, parameters) &&
            !inv_taken_has(&k->taken, array))
            status = INV_ERROR(INV_EFORMAT,
                               "%s: holds '%.200s', which no layer takes: by the configuration "
                               "(use_bias, scale, center) it is not there, or a layer is missing",
                               k->file, json_string_value(name));
    }
    json_decref(names);
    return status;
}

inv_status keras_check_named(const keras *k)
{
    char group[KERAS_PATH_MAX];
    json_t *name;
    size_t i;
    inv_status status = INV_OK;
    if (k->layout != KERAS_NAMED)
        return INV_OK;
    json_array_foreach(k->weighted, i, name)
    {
        snprintf(group, sizeof group, "%s/%s", k->root, json_string_value(name));
        if (status == INV_OK)
            status = check_group(k, group);
    }
    return status;
}
