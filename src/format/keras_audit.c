/* Keys of a Keras layer that nobody reads: one that changes what the layer computes must not be passed
 * over.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "format/keras_layer.h"
#include "format/words.h"

/* Those that any layer may have, and that change nothing here: of names, types and shapes, of training,
 * of what parameters were before it, and what older versions call others (keras_update). */
static const char harmless[] =
    "autocast batch_input_shape batch_shape batch_size bias border_mode build_config "
    "build_input_shape "
    "cache_enabled class_name config custom_name dim_ordering dtype filter_length fused "
    "inbound_nodes init input_dim input_dtype input_length input_shape l1 l2 module momentum name "
    "nb_col nb_filter nb_row noise_shape optional output_dim p pool_length power_iterations "
    "quantization_config ragged registered_name renorm renorm_clipping renorm_momentum seed "
    "shared_axes shared_object_id sparse stride subsample subsample_length supports_masking "
    "synchronized trainable virtual_batch_size weights";

/* "kernel_initializer", "W_regularizer" ... */
static const char *const endings[] = {"_init", "_initializer", "_regularizer", "_constraint"};

/* What a key of some versions is where it changes nothing. */
static const struct {
    const char *key;
    json_int_t usual;
} usual[] = {{"groups", 1}, {"mode", 0}};

static bool is_harmless(const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t end = strlen(endings[i]);
        if (length > end && strcmp(key + length - end, endings[i]) == 0)
            return true;
    }
    return inv_word_place(harmless, key) != SIZE_MAX;
}

static bool is_usual(const char *key, const json_t *value)
{
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcmp(key, usual[i].key) == 0 && json_is_integer(value) &&
            json_integer_value(value) == usual[i].usual)
            return true;
    return json_is_null(value) || json_is_false(value);
}

inv_status keras_audit(const keras *k, const keras_layer *l, const char *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(l->config, key, value)
    {
        if (inv_word_place(known, key) != SIZE_MAX || is_harmless(key) || is_usual(key, value))
            continue;
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        inv_status status = INV_ERROR(
            INV_EFORMAT,
            "%s: layer '%s' (%.60s): its key %.60s, here %.60s, is not known; it may change "
            "what the layer computes",
            k->file, l->name, l->class, key, text ? text : "?");
        free(text);
        return status;
    }
    return INV_OK;
}
