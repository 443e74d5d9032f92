/* What the keys of Keras's layers may be.
 * Source of what is possible: the checks of Keras 3.15's layers.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "format/argument.h"
#include "format/keras_layer.h"

#define WINDOW  1024.0 /* the largest height or width of a window, as layers have it */
#define MOST    1e6
#define ONE_TWO (INV_COUNTS(1) | INV_COUNTS(2))
#define ANY     INV_ARGUMENT_LARGEST
#define SIZES   "kernel_size strides dilation_rate pool_size size"

static const inv_argument rules[] = {
    {"units filters depth_multiplier n height width", NULL, INV_WHOLE(1, MOST)},
    {"groups", "GroupNormalization", INV_WHOLE(-1, MOST)},
    {"groups", NULL, INV_WHOLE(1, MOST)},
    {"implementation", "Locally", INV_WHOLE(1, 3)},
    /* windows */
    {SIZES, "1D", INV_WHOLE(1, WINDOW)},
    {SIZES, NULL, INV_WHOLE(1, WINDOW), .counts = ONE_TWO},
    {"output_padding", "1D", INV_WHOLE(0, WINDOW)},
    {"output_padding", NULL, INV_WHOLE(0, WINDOW), .counts = ONE_TWO},
    {"padding", "ZeroPadding1D", INV_WHOLE(0, WINDOW), .counts = ONE_TWO},
    {"padding", "ZeroPadding2D", INV_WHOLE(0, WINDOW), .counts = ONE_TWO | INV_COUNTS(4)},
    {"cropping", "1D", INV_WHOLE(0, WINDOW), .counts = ONE_TWO},
    {"cropping", NULL, INV_WHOLE(0, WINDOW), .counts = ONE_TWO | INV_COUNTS(4)},
    {"padding", "Conv1DTranspose", INV_WORDS("valid same")},
    {"padding", "Conv1D", INV_WORDS("valid same causal")},
    {"padding", "Convolution1D", INV_WORDS("valid same causal")},
    {"padding", NULL, INV_WORDS("valid same")},
    {"data_format", NULL, INV_WORDS("channels_last channels_first")},
    {"interpolation", "UpSampling", INV_WORDS("nearest bilinear")},
    {"interpolation", "Resizing",
     INV_WORDS("bilinear nearest bicubic area lanczos3 lanczos5 gaussian mitchellcubic")},
    /* shapes and axes */
    {"target_shape", "Reshape", INV_WHOLE(-1, MOST), .counts = INV_COUNTS_ANY, .or_none = true},
    {"dims", "Permute", INV_WHOLE(1, 4), .counts = INV_COUNTS_ANY},
    {"axis", NULL, INV_WHOLE(-4, 4), .counts = INV_COUNTS_ANY},
    {"mode", "BatchNormalization", INV_WHOLE(0, 2)},
    /* numbers of formulas */
    {"scale offset", "Rescaling", INV_NUMBER(-ANY, ANY), .counts = INV_COUNTS_ANY},
    {"mean variance", "Normalization", INV_NUMBER(-ANY, ANY), .counts = INV_COUNTS_ANY},
    {"epsilon lora_rank lora_alpha", NULL, INV_NUMBER(0, ANY)},
    {"momentum", NULL, INV_NUMBER(-ANY, ANY)},
    {"rate", "Dropout", INV_NUMBER(0, 1)},
    {"negative_slope alpha theta threshold max_value", "LU", INV_NUMBER(-ANY, ANY)},
    {"use_bias keepdims invert crop_to_aspect_ratio pad_to_aspect_ratio antialias rms_scaling",
     NULL, INV_YES_NO},
    {"scale center", "Normalization", INV_YES_NO},
    {.names = NULL}};

/* Whether all numbers of a list, and of lists within it, are possible; *count of them. */
static bool is_possible(const inv_argument *rule, json_t *value, size_t *count)
{
    json_t *item;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (!is_possible(rule, item, count))
                return false;
        }
        return true;
    }
    ++*count;
    if (json_is_string(value))
        return inv_argument_takes_word(rule, json_string_value(value));
    if (json_is_null(value))
        return rule->or_none;
    if (json_is_boolean(value))
        return rule->kind == INV_ARGUMENT_YES_NO && (rule->high > 0.0 || json_is_false(value));
    return json_is_number(value) && inv_argument_takes(rule, json_number_value(value));
}

static inv_status refuse(const keras *k, const keras_layer *l, const char *key, json_t *value,
                         const inv_argument *rule)
{
    char possible[256];
    char *given = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    inv_argument_say(rule, possible, sizeof possible);
    inv_status status = given
                            ? INV_ERROR(INV_EFORMAT, "%s: layer '%s' (%.60s): %s=%.60s: must be %s",
                                        k->file, l->name, l->class, key, given, possible)
                            : INV_ERROR(INV_ENOMEM, "%s: no memory", k->file);
    free(given);
    return status;
}

inv_status keras_check_arguments(const keras *k, const keras_layer *l)
{
    json_t *value;
    const char *key;
    json_object_foreach(l->config, key, value)
    {
        const inv_argument *rule = inv_argument_find(rules, l->class, key);
        size_t count = 0;
        if (rule && !json_is_null(value) &&
            (!is_possible(rule, value, &count) || !inv_argument_takes_count(rule, count)))
            return refuse(k, l, key, value, rule);
    }
    return INV_OK;
}
