/* What the configuration of a Keras layer says: keys and defaults are those of Keras 3.15, older ones
 * brought to them by keras_update.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "format/keras_layer.h"

json_t *keras_get(const keras_layer *l, const char *key)
{
    json_t *value = json_object_get(l->config, key);
    return json_is_null(value) ? NULL : value;
}

const char *keras_text(const keras_layer *l, const char *key, const char *otherwise)
{
    const char *text = json_string_value(keras_get(l, key));
    return text ? text : otherwise;
}

double keras_real(const keras_layer *l, const char *key, double otherwise)
{
    json_t *value = keras_get(l, key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool keras_bool(const keras_layer *l, const char *key, bool otherwise)
{
    json_t *value = keras_get(l, key);
    return value ? json_is_true(value) || (json_is_integer(value) && json_integer_value(value))
                 : otherwise;
}

/* A whole number from 0 to a million; `otherwise` where it is none. */
size_t keras_size(json_t *value, size_t otherwise)
{
    const double number = json_number_value(value);
    return json_is_number(value) && number >= 0.0 && number <= 1e6 && number == rint(number)
               ? (size_t)number
               : otherwise;
}

size_t keras_count(const keras_layer *l, const char *key, size_t otherwise)
{
    return keras_size(keras_get(l, key), otherwise);
}

/* Two numbers, or one for both. */
void keras_pair(const keras_layer *l, const char *key, size_t otherwise, size_t pair[2])
{
    json_t *value = keras_get(l, key);
    for (size_t i = 0; i < 2; i++)
        pair[i] = json_is_array(value) ? keras_size(json_array_get(value, i), otherwise)
                                       : keras_size(value, otherwise);
}

bool keras_channels_first(const keras_layer *l)
{
    return strcmp(keras_text(l, "data_format", ""), "channels_first") == 0;
}

void keras_update(json_t *config)
{
    static const struct {
        const char *old, *today;
    } names[] = {{"nb_filter", "filters"},
                 {"border_mode", "padding"},
                 {"subsample", "strides"},
                 {"output_dim", "units"},
                 {"bias", "use_bias"},
                 {"p", "rate"},
                 {"filter_length", "kernel_size"},
                 {"subsample_length", "strides"},
                 {"pool_length", "pool_size"},
                 {"stride", "strides"},
                 {"dim_ordering", "data_format"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *value = json_object_get(config, names[i].old);
        if (value && !json_object_get(config, names[i].today))
            json_object_set(config, names[i].today, value);
    }
    const char *order = json_string_value(json_object_get(config, "data_format"));
    if (order && strcmp(order, "th") == 0)
        json_object_set_new(config, "data_format", json_string("channels_first"));
    if (order && strcmp(order, "tf") == 0)
        json_object_set_new(config, "data_format", json_string("channels_last"));
    json_t *rows = json_object_get(config, "nb_row"), *cols = json_object_get(config, "nb_col");
    if (rows && cols && !json_object_get(config, "kernel_size"))
        json_object_set_new(config, "kernel_size", json_pack("[OO]", rows, cols));
}

/* Axis `axis` of a key, counted as Keras does, the batch included; -1 where it is not there. */
int keras_axis(const keras_layer *l, const char *key, size_t rank, int otherwise)
{
    json_t *value = keras_get(l, key);
    if (json_is_array(value))
        value = json_array_size(value) == 1 ? json_array_get(value, 0) : NULL;
    int axis = json_is_integer(value) ? (int)json_integer_value(value) : otherwise;
    if (axis < 0)
        axis += (int)rank + 1;
    return axis >= 1 && axis <= (int)rank ? axis : -1;
}
