/* Each class of Keras's layers, as layers of this program: the table.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/keras.h"
#include "format/keras_layer.h"

/* ---- wrappers ---- */

/* The layer that a wrapper has as its key "layer". */
static inv_status unwrap(const keras *k, const keras_layer *l, keras_layer *inner)
{
    json_t *entry = keras_get(l, "layer");
    *inner = *l;
    inner->config = json_object_get(entry, "config");
    inner->class = json_string_value(json_object_get(entry, "class_name"));
    if (!inner->class || !inner->config || strcmp(inner->class, l->class) == 0)
        return keras_refuse(k, l, "a layer within it that is not understood");
    const size_t used = strlen(inner->variables);
    if (used > 0)
        snprintf(inner->variables + used, sizeof inner->variables - used, "/layer");
    return INV_OK;
}

/* At inference the kernel is used as it is stored. */
static inv_status add_spectral(keras *k, const keras_layer *l, const keras_tensor *from,
                               keras_tensor *out)
{
    keras_layer inner;
    inv_status status = unwrap(k, l, &inner);
    if (status != INV_OK)
        return status;
    const char *name = json_string_value(json_object_get(inner.config, "name"));
    if (name)
        inner.name = name;
    return keras_layer_add(k, &inner, from, 1, out);
}

/* What does the same to each row of an axis does it to all at once where it minds the last axis alone. */
static inv_status add_time_distributed(keras *k, const keras_layer *l, const keras_tensor *from,
                                       keras_tensor *out)
{
    static const char *const known[] = {"Dense", "Activation", "Dropout",           "ReLU",
                                        "ELU",   "LeakyReLU",  "LayerNormalization"};
    keras_layer inner;
    inv_status status = unwrap(k, l, &inner);
    if (status != INV_OK)
        return status;
    for (size_t i = 0; from->rank > 1 && i < sizeof known / sizeof *known; i++)
        if (strcmp(inner.class, known[i]) == 0)
            return keras_layer_add(k, &inner, from, 1, out);
    if (strcmp(inner.class, "Flatten") != 0 || from->rank != 3)
        return keras_refuse(k, l, "a layer for each step of a sequence that is not known");
    *out = *from;
    status = keras_order(k, l, out);
    out->rank = 2;
    out->dims[1] *= out->dims[2];
    return status;
}

/* ---- the table ---- */

typedef struct keras_class {
    const char *name;
    keras_adder *add; /* after one input */
    bool has_weights;
    keras_joiner *join; /* after several, as the layer `type` of this program */
    const char *type;
    const char *why_not; /* why it is refused */
    const char *keys; /* that are read; NULL: none but those that change nothing (keras_audit.c) */
    bool is_nothing;  /* at inference, whatever its keys say */
} keras_class;

#define WINDOW "data_format dilation_rate kernel_size padding strides "
#define ENDS   "activation use_bias"
#define POOL   "data_format padding pool_size strides"

static const keras_class classes[] = {
    {"Dense", .add = keras_add_dense, .has_weights = true,
     .keys = "units lora_alpha lora_rank " ENDS},
    {"Conv2D", .add = keras_add_conv2d, .has_weights = true,
     .keys = "filters groups lora_alpha lora_rank " WINDOW ENDS},
    {"Convolution2D", .add = keras_add_conv2d, .has_weights = true,
     .keys = "filters groups lora_alpha lora_rank " WINDOW ENDS},
    {"MaxPooling2D", .add = keras_add_max_pool, .keys = POOL},
    {"MaxPool2D", .add = keras_add_max_pool, .keys = POOL},
    {"AveragePooling2D", .add = keras_add_average_pool, .keys = POOL},
    {"AvgPool2D", .add = keras_add_average_pool, .keys = POOL},
    {"GlobalMaxPooling2D", .add = keras_add_global_max, .keys = "data_format keepdims"},
    {"GlobalMaxPool2D", .add = keras_add_global_max, .keys = "data_format keepdims"},
    {"GlobalAveragePooling2D", .add = keras_add_global_average, .keys = "data_format keepdims"},
    {"GlobalAvgPool2D", .add = keras_add_global_average, .keys = "data_format keepdims"},
    {"DepthwiseConv2D", .add = keras_add_depthwise, .has_weights = true,
     .keys = "depth_multiplier " WINDOW ENDS},
    {"SeparableConv2D", .add = keras_add_separable, .has_weights = true,
     .keys = "depth_multiplier filters " WINDOW ENDS},
    {"SeparableConvolution2D", .add = keras_add_separable, .has_weights = true,
     .keys = "depth_multiplier filters " WINDOW ENDS},
    {"Conv2DTranspose", .add = keras_add_transpose, .has_weights = true,
     .keys = "filters output_padding " WINDOW ENDS},
    {"LocallyConnected2D", .add = keras_add_local, .has_weights = true,
     .keys = "filters implementation " WINDOW ENDS},
    {"Conv1D", .add = keras_add_1d, .has_weights = true,
     .keys = "filters groups lora_alpha lora_rank " WINDOW ENDS},
    {"Convolution1D", .add = keras_add_1d, .has_weights = true,
     .keys = "filters groups lora_alpha lora_rank " WINDOW ENDS},
    {"SeparableConv1D", .add = keras_add_1d, .has_weights = true,
     .keys = "depth_multiplier filters " WINDOW ENDS},
    {"DepthwiseConv1D", .add = keras_add_1d, .has_weights = true,
     .keys = "depth_multiplier " WINDOW ENDS},
    {"Conv1DTranspose", .add = keras_add_1d, .has_weights = true,
     .keys = "filters output_padding " WINDOW ENDS},
    {"MaxPooling1D", .add = keras_add_1d, .keys = POOL},
    {"MaxPool1D", .add = keras_add_1d, .keys = POOL},
    {"AveragePooling1D", .add = keras_add_1d, .keys = POOL},
    {"AvgPool1D", .add = keras_add_1d, .keys = POOL},
    {"GlobalMaxPooling1D", .add = keras_add_1d, .keys = "data_format keepdims"},
    {"GlobalMaxPool1D", .add = keras_add_1d, .keys = "data_format keepdims"},
    {"GlobalAveragePooling1D", .add = keras_add_1d, .keys = "data_format keepdims"},
    {"GlobalAvgPool1D", .add = keras_add_1d, .keys = "data_format keepdims"},
    {"ZeroPadding1D", .add = keras_add_1d, .keys = "data_format padding"},
    {"Cropping1D", .add = keras_add_1d, .keys = "cropping data_format"},
    {"UpSampling1D", .add = keras_add_1d, .keys = "data_format interpolation size"},
    {"RepeatVector", .add = keras_add_repeat, .keys = "n"},
    {"Flatten", .add = keras_add_flatten, .keys = "data_format"},
    {"Permute", .add = keras_add_permute, .keys = "dims"},
    {"ZeroPadding2D", .add = keras_add_padding, .keys = "data_format padding"},
    {"Cropping2D", .add = keras_add_cropping, .keys = "cropping data_format"},
    {"CenterCrop", .add = keras_add_center_crop, .keys = "data_format height width"},
    {"Resizing", .add = keras_add_resizing,
     .keys = "antialias crop_to_aspect_ratio data_format fill_mode fill_value height "
             "interpolation pad_to_aspect_ratio width"},
    {"UpSampling2D", .add = keras_add_upsampling, .keys = "data_format interpolation size"},
    {"PReLU", .add = keras_add_prelu, .has_weights = true},
    {"LayerNormalization", .add = keras_add_layer_norm, .has_weights = true,
     .keys = "axis center epsilon rms_scaling scale"},
    {"RMSNormalization", .add = keras_add_layer_norm, .has_weights = true, .keys = "axis epsilon"},
    {"GroupNormalization", .add = keras_add_group_norm, .has_weights = true,
     .keys = "axis center epsilon groups scale"},
    {"UnitNormalization", .add = keras_add_unit_norm, .keys = "axis"},
    {"Rescaling", .add = keras_add_rescaling, .keys = "offset scale"},
    {"Normalization", .add = keras_add_normalization, .has_weights = true,
     .keys = "axis invert mean variance"},
    {"TimeDistributed", .add = add_time_distributed, .has_weights = true, .keys = "layer"},
    {"SpectralNormalization", .add = add_spectral, .has_weights = true, .keys = "layer"},
    {"Reshape", .add = keras_add_reshape, .keys = "target_shape"},
    {"Activation", .add = keras_add_activation, .keys = "activation"},
    {"ReLU", .add = keras_add_relu, .keys = "alpha max_value negative_slope theta threshold"},
    {"LeakyReLU", .add = keras_add_leaky_relu, .keys = "alpha negative_slope"},
    {"ELU", .add = keras_add_elu, .keys = "alpha"},
    {"Softmax", .add = keras_add_softmax, .keys = "axis"},
    {"ThresholdedReLU", .add = keras_add_thresholded, .keys = "theta"},
    {"BatchNormalization", .add = keras_add_batch_norm, .has_weights = true,
     .keys = "axis center epsilon scale"},
    {"BatchNormalizationV1", .add = keras_add_batch_norm, .has_weights = true,
     .keys = "axis center epsilon scale"},
    {"BatchNormalizationV2", .add = keras_add_batch_norm, .has_weights = true,
     .keys = "axis center epsilon scale"},
    {"Dropout", .add = keras_add_dropout, .keys = "rate"},
    {"SpatialDropout2D", .add = keras_add_nothing, .is_nothing = true},
    {"SpatialDropout1D", .add = keras_add_nothing, .is_nothing = true},
    {"GaussianNoise", .add = keras_add_nothing, .is_nothing = true},
    {"GaussianDropout", .add = keras_add_nothing, .is_nothing = true},
    {"AlphaDropout", .add = keras_add_nothing, .is_nothing = true},
    {"ActivityRegularization", .add = keras_add_nothing, .is_nothing = true},
    {"RandomFlip", .add = keras_add_nothing, .is_nothing = true},
    {"RandomRotation", .add = keras_add_nothing, .is_nothing = true},
    {"RandomTranslation", .add = keras_add_nothing, .is_nothing = true},
    {"RandomZoom", .add = keras_add_nothing, .is_nothing = true},
    {"RandomContrast", .add = keras_add_nothing, .is_nothing = true},
    {"RandomBrightness", .add = keras_add_nothing, .is_nothing = true},
    {"RandomHeight", .add = keras_add_nothing, .is_nothing = true},
    {"RandomWidth", .add = keras_add_nothing, .is_nothing = true},
    {"RandomColorJitter", .add = keras_add_nothing, .is_nothing = true},
    {"RandomErasing", .add = keras_add_nothing, .is_nothing = true},
    {"RandomGrayscale", .add = keras_add_nothing, .is_nothing = true},
    {"RandomHue", .add = keras_add_nothing, .is_nothing = true},
    {"RandomInvert", .add = keras_add_nothing, .is_nothing = true},
    {"RandomPerspective", .add = keras_add_nothing, .is_nothing = true},
    {"RandomPosterization", .add = keras_add_nothing, .is_nothing = true},
    {"RandomSaturation", .add = keras_add_nothing, .is_nothing = true},
    {"RandomSharpness", .add = keras_add_nothing, .is_nothing = true},
    {"RandomShear", .add = keras_add_nothing, .is_nothing = true},
    {"RandomElasticTransform", .add = keras_add_nothing, .is_nothing = true},
    {"RandomGaussianBlur", .add = keras_add_nothing, .is_nothing = true},
    {"RandAugment", .add = keras_add_nothing, .is_nothing = true},
    {"AugMix", .add = keras_add_nothing, .is_nothing = true},
    {"Identity", .add = keras_add_nothing, .is_nothing = true},
    {"InputLayer", .add = keras_add_nothing, .is_nothing = true},
    {"Add", .join = keras_add_merge, .type = "add"},
    {"Multiply", .join = keras_add_merge, .type = "multiply"},
    {"Subtract", .join = keras_add_merge, .type = "subtract"},
    {"Average", .join = keras_add_merge, .type = "average"},
    {"Maximum", .join = keras_add_merge, .type = "maximum"},
    {"Minimum", .join = keras_add_merge, .type = "minimum"},
    {"TrueDivide", .join = keras_add_merge, .type = "divide"},
    {"Divide", .join = keras_add_merge, .type = "divide"},
    {"Concatenate", .join = keras_add_concatenate, .type = "concat", .keys = "axis"},
    {"LSTM", .why_not = "a recurrent layer; this program knows layers of images"},
    {"GRU", .why_not = "a recurrent layer; this program knows layers of images"},
    {"SimpleRNN", .why_not = "a recurrent layer; this program knows layers of images"},
    {"Bidirectional", .why_not = "a recurrent layer; this program knows layers of images"},
    {"Embedding", .why_not = "takes indices, not pixels"},
    {"Lambda",
     .why_not = "Python code inside the file, which is not run; unknown what it computes"},
    {"Conv3D", .why_not = "a convolution over three axes; this program knows those of images"},
    {0}};

static const keras_class *find_class(const char *name)
{
    for (const keras_class *c = classes; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const char *keras_merge_type(const char *class)
{
    const keras_class *c = find_class(class);
    return c && c->join == keras_add_merge ? c->type : NULL;
}

bool keras_has_weights(const char *class)
{
    const keras_class *c = find_class(class);
    return c && c->has_weights;
}

bool keras_is_channels_first(json_t *entry)
{
    json_t *item;
    size_t i;
    const char *key;
    if (json_is_array(entry))
        json_array_foreach(entry, i, item) if (keras_is_channels_first(item)) return true;
    if (!json_is_object(entry))
        return false;
    const char *order = json_string_value(json_object_get(entry, "data_format"));
    if (order && strcmp(order, "channels_first") == 0)
        return true;
    json_object_foreach(entry, key, item) if (keras_is_channels_first(item)) return true;
    return false;
}

/* A use of a layer; the tensors are changed on the way. */
static inv_status add_use(keras *k, const keras_layer *l, keras_tensor *list, size_t count,
                          keras_tensor *out)
{
    const keras_class *c = find_class(l->class);
    if (l->is_function || (!c && keras_is_called(k, l)) || (c && c->join && count == 1 && l->own))
        return keras_add_called(k, l, list, count, out);
    if (!c || c->why_not)
        return keras_refuse(k, l, c ? c->why_not : "a layer that is not known here");
    inv_status status = c->is_nothing ? INV_OK : keras_audit(k, l, c->keys);
    if (status != INV_OK)
        return status;
    if (c->join && count > 1)
        return c->join(k, l, c->type, list, count, out);
    if (c->join) /* of one thing alone: that */
        return keras_add_nothing(k, l, &list[0], out);
    if (count != 1)
        return keras_refuse(k, l, "takes several inputs, which is not known");
    status = c->add(k, l, &list[0], out);
    return status == INV_OK && c->has_weights ? keras_check_variables(k, l) : status;
}

/* Once of a model: that Keras computes with fewer digits than there are here. */
static void tell_precision(keras *k, const keras_layer *l)
{
    json_t *type = keras_get(l, "dtype"), *policy = json_object_get(type, "config");
    const char *name = json_is_string(type) ? json_string_value(type)
                       : json_object_get(policy, "name")
                           ? json_string_value(json_object_get(policy, "name"))
                           : json_string_value(json_object_get(policy, "mode"));
    const bool is_float8 = name && strcmp(name, "float8") == 0;
    if (k->told_precision || !name || (!is_float8 && !strstr(name, "float16")))
        return;
    k->told_precision = true;
    inv_model_note(k->model,
                   "Keras computes layer '%s' and others like it in %.20s, here it is "
                   "float32: outputs may differ by a %s",
                   l->name, name, is_float8 ? "tenth" : "hundredth");
}

inv_status keras_layer_add(keras *k, const keras_layer *l, const keras_tensor *from, size_t count,
                           keras_tensor *out)
{
    void *list = NULL;
    inv_status status = inv_calloc(count, sizeof *from, k->file, &list);
    if (status != INV_OK)
        return status;
    memcpy(list, from, count * sizeof *from);
    tell_precision(k, l);
    if (!l->is_function)
        status = keras_check_arguments(k, l);
    if (status == INV_OK)
        status = add_use(k, l, list, count, out);
    free(list);
    return status;
}
