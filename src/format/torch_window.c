/* PyTorch: dense layers and convolutions (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <string.h>

/* ---- dense ---- */

/* weight [out, in], or as other programs have it, [in, out]; of rows that were an image, turned. */
static torch_turn turn_of_dense(size_t from, size_t to, bool inputs_first, inv_shape o)
{
    if (!o.channels)
        return inputs_first ? (torch_turn){{1, 1, from, to}, {0, 1, 2, 3}}
                            : (torch_turn){{1, 1, to, from}, {0, 1, 3, 2}};
    return inputs_first ? (torch_turn){{o.channels, o.height, o.width, to}, {1, 2, 0, 3}}
                        : (torch_turn){{to, o.channels, o.height, o.width}, {2, 3, 1, 0}};
}

static inv_status add_linear(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                             torch_value *out)
{
    const size_t from = torch_whole(m, 0, "in_features", 0, 0);
    const size_t to = torch_whole(m, 1, "out_features", 0, 0);
    const inv_shape s = in->place.shape, o = in->order;
    const inv_tree_array *weight = NULL;
    bool inputs_first = false;
    char shape[80];
    inv_status status = INV_OK;
    torch_say_shape(in, shape);
    if (inv_shape_size(s) != from)
        return WRONG("takes %zu values, but %s come in: say what is done to them before, as in "
                     "'pool1: MaxPool2d(2)'",
                     from, shape);
    if (!torch_is_flat(in) && s.channels > 1)
        return WRONG("takes %zu values, but %s come in: say 'flat: Flatten()' before it", from,
                     shape);
    INV_TRY(torch_take(im, m, "weight", (const size_t[4]){to, from}, 2, (const size_t[4]){from, to},
                       &inputs_first, &weight));
    INV_TRY(torch_add_layer(
        im, m, "", json_pack("{ss sI}", "type", "dense", "units", (json_int_t)to), in, out));
    out->order = (inv_shape){0};
    out->is_line = false;
    INV_TRY(torch_put_turned(im, &out->place, "kernel", weight,
                             turn_of_dense(from, to, inputs_first, o)));
    INV_TRY(torch_yes(m, 2, "bias", true)
                ? torch_put_vector(im, m, &out->place, "bias", (inv_shape){0}, to, "bias")
                : torch_put_constant(im, &out->place, "bias", 0.0));
done:
    return status;
}

/* ---- convolutions ---- */

/* top, bottom, left, right. "same" has the odd one below and on the right. */
static void find_pads(const inv_arch_module *m, size_t place, const size_t size[2],
                      const size_t dilation[2], size_t pads[4])
{
    const char *word = torch_text(m, place, "padding", "");
    size_t each[2];
    torch_sizes(m, place, "padding", 0, 0, each);
    for (size_t i = 0; i < 2; i++) {
        const size_t all = strcmp(word, "same") == 0 ? dilation[i] * (size[i] - 1) : 2 * each[i];
        pads[2 * i] = all / 2;
        pads[2 * i + 1] = all - all / 2;
    }
}

static inv_status check_groups(const torch_importing *im, const inv_arch_module *m, size_t from,
                               size_t to, size_t groups)
{
    return from % groups == 0 && to % groups == 0
               ? INV_OK
               : WRONG("groups=%zu must divide in_channels=%zu and out_channels=%zu", groups, from,
                       to);
}

/* PyTorch pads with other than zeros before a convolution. */
static inv_status pad_before(torch_importing *im, const inv_arch_module *m, const char *mode,
                             size_t pads[4], const torch_value *in, torch_value *out)
{
    static const char *const names[][2] = {
        {"reflect", "reflect"}, {"replicate", "edge"}, {"circular", "wrap"}};
    *out = *in;
    if (strcmp(mode, "zeros") == 0)
        return INV_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(mode, names[i][0]) != 0)
            continue;
        inv_status status =
            torch_add_layer(im, m, ".pad", torch_pad_keys(names[i][1], 0.0, pads), in, out);
        memset(pads, 0, 4 * sizeof *pads);
        return status;
    }
    return WRONG("padding_mode '%s' is not known", mode);
}

/* Kernels [out, in / groups, height, width]; or as other programs have them, [height, width, in /
 * groups, out]. Of a ConvTranspose2d `a` are its inputs, and `b` outputs. */
static inv_status take_kernel(torch_importing *im, const inv_arch_module *m, size_t a, size_t b,
                              const size_t size[2], const inv_tree_array **weight, torch_turn *how)
{
    const bool line = torch_is_over_line(m);
    const size_t dims[4] = {a, b, size[0], size[1]}, other[4] = {size[0], size[1], b, a};
    bool channels_last = false;
    *how = (torch_turn){{a, b, size[0], size[1]}, {2, 3, 1, 0}};
    inv_status status = torch_take(im, m, "weight", dims, line ? 3 : 4, line ? NULL : other,
                                   &channels_last, weight);
    if (channels_last)
        *how = (torch_turn){{size[0], size[1], b, a}, {0, 1, 2, 3}};
    return status;
}

static json_t *conv_keys(const char *type, const inv_arch_module *m, const size_t size[2],
                         const size_t stride[2], const size_t pads[4], size_t dilation_place)
{
    size_t dilation[2];
    json_t *settings = torch_window_keys(type, size, stride, pads);
    torch_sizes(m, dilation_place, "dilation", 1, 1, dilation);
    torch_dilate(settings, dilation);
    json_object_set_new(settings, "filters",
                        json_integer((json_int_t)torch_whole(m, 1, "out_channels", 0, 0)));
    json_object_set_new(settings, "groups",
                        json_integer((json_int_t)torch_whole(m, 6, "groups", 0, 1)));
    json_object_set_new(settings, "use_bias", json_boolean(torch_yes(m, 7, "bias", true)));
    return settings;
}

static inv_status put_conv(torch_importing *im, const inv_arch_module *m,
                           const inv_tree_array *weight, torch_turn how, const inv_place *at)
{
    const size_t filters = torch_whole(m, 1, "out_channels", 0, 0);
    inv_status status = torch_put_turned(im, at, "kernel", weight, how);
    if (status == INV_OK && torch_yes(m, 7, "bias", true))
        status = torch_put_vector(im, m, at, "bias", (inv_shape){0}, filters, "bias");
    return status;
}

static inv_status add_conv(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                           torch_value *out)
{
    const size_t from = torch_whole(m, 0, "in_channels", 0, 0);
    const size_t to = torch_whole(m, 1, "out_channels", 0, 0);
    const size_t groups = torch_whole(m, 6, "groups", 0, 1);
    size_t size[2], stride[2], dilation[2], pads[4];
    const inv_tree_array *weight = NULL;
    torch_turn how;
    torch_value padded;
    inv_status status = INV_OK;
    torch_sizes(m, 2, "kernel_size", 0, 1, size);
    torch_sizes(m, 3, "stride", 1, 1, stride);
    torch_sizes(m, 5, "dilation", 1, 1, dilation);
    find_pads(m, 4, size, dilation, pads);
    INV_TRY(check_groups(im, m, from, to, groups));
    if (strcmp(torch_text(m, 4, "padding", ""), "same") == 0 && stride[0] * stride[1] > 1)
        return WRONG("padding='same' is for stride=1 alone; say the padding in numbers");
    INV_TRY(torch_check_channels(im, m, in, from));
    INV_TRY(take_kernel(im, m, to, from / groups, size, &weight, &how));
    INV_TRY(pad_before(im, m, torch_text(m, 8, "padding_mode", "zeros"), pads, in, &padded));
    INV_TRY(
        torch_add_layer(im, m, "", conv_keys("conv2d", m, size, stride, pads, 5), &padded, out));
    INV_TRY(put_conv(im, m, weight, how, &out->place));
done:
    return status;
}

/* weight [in, out / groups, height, width]; here [height, width, out / groups, in]. */
static inv_status add_conv_transpose(torch_importing *im, const inv_arch_module *m,
                                     const torch_value *in, torch_value *out)
{
    const size_t from = torch_whole(m, 0, "in_channels", 0, 0);
    const size_t to = torch_whole(m, 1, "out_channels", 0, 0);
    const size_t groups = torch_whole(m, 6, "groups", 0, 1);
    size_t size[2], stride[2], dilation[2], more[2], pads[4];
    const inv_tree_array *weight = NULL;
    torch_turn how;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    torch_sizes(m, 2, "kernel_size", 0, 1, size);
    torch_sizes(m, 3, "stride", 1, 1, stride);
    torch_sizes(m, 5, "output_padding", 0, 0, more);
    torch_sizes(m, 8, "dilation", 1, 1, dilation);
    find_pads(m, 4, size, dilation, pads);
    INV_TRY(check_groups(im, m, from, to, groups));
    for (size_t i = 0; i < 2; i++)
        if (more[i] > 0 && more[i] >= stride[i] && more[i] >= dilation[i])
            return WRONG("output_padding=%zu must be less than stride or dilation", more[i]);
    INV_TRY(torch_check_channels(im, m, in, from));
    INV_TRY(take_kernel(im, m, from, to / groups, size, &weight, &how));
    settings = conv_keys("conv2d_transpose", m, size, stride, pads, 8);
    json_object_set_new(settings, "output_padding_height", json_integer((json_int_t)more[0]));
    json_object_set_new(settings, "output_padding_width", json_integer((json_int_t)more[1]));
    INV_TRY(torch_add_layer(im, m, "", settings, in, out));
    INV_TRY(put_conv(im, m, weight, how, &out->place));
done:
    return status;
}

/* ---- the tables ---- */

const torch_type torch_window_types[] = {
    {"Linear", "weight", add_linear, "in_features out_features bias"},
    {"Conv2d", "weight", add_conv,
     "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"},
    {"Conv1d", "weight", add_conv,
     "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"},
    {"ConvTranspose2d", "weight", add_conv_transpose,
     "in_channels out_channels kernel_size stride padding output_padding groups bias dilation "
     "padding_mode"},
    {"ConvTranspose1d", "weight", add_conv_transpose,
     "in_channels out_channels kernel_size stride padding output_padding groups bias dilation "
     "padding_mode"},
    {NULL, NULL, NULL, NULL},
};
