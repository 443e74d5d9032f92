/* PyTorch: other sizes, other orders of values (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <string.h>

static inv_status add_nothing(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                              torch_value *out)
{
    (void)im, (void)m;
    *out = *in;
    return INV_OK;
}

/* ---- flat, and not ---- */

static json_t *reshape_keys(size_t height, size_t width, size_t channels)
{
    return json_pack("{ss sI sI sI}", "type", "reshape", "height", (json_int_t)height, "width",
                     (json_int_t)width, "channels", (json_int_t)channels);
}

/* Whole images; or rows and columns to one axis, as before a Conv1d. */
static inv_status add_flatten(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                              torch_value *out)
{
    const inv_shape s = in->place.shape;
    const double first = inv_arch_number(m, 0, "start_dim", 0, 1);
    const double last = inv_arch_number(m, 1, "end_dim", 0, -1);
    const double rank = torch_is_flat(in) ? 1 : in->is_line ? 2 : 3;
    const bool to_end = last < 0.0 ? last > -1.5 : last > rank - 0.5;
    inv_status status = INV_OK;
    if (!in->is_line && to_end &&
        ((first > 1.5 && first < 2.5) || (first < -1.5 && first > -2.5))) {
        status =
            torch_add_layer(im, m, "", reshape_keys(s.height * s.width, 1, s.channels), in, out);
        out->is_line = true;
        return status;
    }
    if (!to_end || first > 1.5 || first < 0.5)
        return WRONG("a Flatten of other than whole images is not known");
    *out = *in;
    out->is_line = false;
    if (torch_is_flat(in))
        return INV_OK;
    status = torch_add_layer(im, m, "", json_pack("{ss}", "type", "flatten"), out, out);
    out->order = s.channels > 1 ? s : (inv_shape){0};
    return status;
}

/* The sizes of an Unflatten, one of which may be -1: what is left. */
static bool find_sizes(const inv_arch_module *m, size_t count, size_t sizes[3])
{
    const inv_arch_arg *given = inv_arch_find(m, 1, "unflattened_size");
    size_t product = 1, left = 3;
    if (!given || given->count < 2 || given->count > 3)
        return false;
    sizes[2] = 1;
    for (size_t i = 0; i < given->count; i++) {
        const double size = given->values[i];
        if (size < 0.0 && left == 3)
            left = i;
        else if (size < 1.0 || size > (double)count)
            return false;
        else
            product *= sizes[i] = (size_t)size;
        if (product > count)
            return false;
    }
    if (left < 3)
        product *= sizes[left] = count / product;
    return product == count;
}

/* Unflatten(1, (channels, height, width)), or (channels, length) */
static inv_status add_unflatten(torch_importing *im, const inv_arch_module *m,
                                const torch_value *in, torch_value *out)
{
    size_t sizes[3];
    const double dim = inv_arch_number(m, 0, "dim", 0, 1);
    torch_value v;
    inv_status status = INV_OK;
    if (fabs(dim - 1.0) > 0.0 && fabs(dim + 1.0) > 0.0)
        return WRONG("an Unflatten along another axis than 1 is not known");
    if (!torch_is_flat(in) || !find_sizes(m, inv_shape_size(in->place.shape), sizes))
        return WRONG("an Unflatten is of values, into two or three sizes, as in 'Unflatten(1, (8, "
                     "7, 7))'");
    INV_TRY(torch_straight(im, m, in, &v));
    INV_TRY(torch_add_layer(im, m, ".chw", reshape_keys(sizes[0], sizes[1], sizes[2]), &v, &v));
    INV_TRY(torch_add_layer(im, m, "", json_pack("{ss ss}", "type", "permute", "order", "wch"), &v,
                            out));
    out->is_line = inv_arch_find(m, 1, "unflattened_size")->count == 2;
done:
    return status;
}

/* ---- padding, sizes ---- */

/* Padding by less than nothing cuts off. */
static inv_status cut_first(torch_importing *im, const inv_arch_module *m, const size_t cut[4],
                            bool is_all, const torch_value *in, torch_value *out)
{
    return torch_add_layer(im, m, is_all ? "" : ".cut",
                           json_pack("{ss sI sI sI sI}", "type", "crop", "top", (json_int_t)cut[0],
                                     "bottom", (json_int_t)cut[1], "left", (json_int_t)cut[2],
                                     "right", (json_int_t)cut[3]),
                           in, out);
}

static inv_status add_pad(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                          torch_value *out)
{
    static const struct {
        const char *start, *mode;
    } modes[] = {{"Reflection", "reflect"}, {"Replication", "edge"}, {"Circular", "wrap"}};
    static const size_t places[4] = {2, 3, 0, 1}; /* PyTorch: left, right, top, bottom */
    const inv_arch_arg *padding = inv_arch_find(m, 0, "padding");
    const char *mode = "constant";
    size_t sides[4] = {0}, cut[4] = {0}, all = 0, all_cut = 0;
    torch_value v = *in;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        mode = strncmp(m->type, modes[i].start, strlen(modes[i].start)) == 0 ? modes[i].mode : mode;
    if (!padding || (padding->count != 1 && padding->count != 4))
        return WRONG("padding is one number, or four");
    for (size_t i = 0; i < 4; i++) {
        const double side = inv_arch_number(m, 0, "padding", i, 0.0);
        if (fabs(side) > 1e6)
            return WRONG("padding that cannot be");
        all += sides[places[i]] = side > 0.0 ? (size_t)side : 0;
        all_cut += cut[places[i]] = side < 0.0 ? (size_t)-side : 0;
    }
    if (all_cut && all && strcmp(mode, "constant") != 0)
        return WRONG("padding that is partly negative is not known");
    if (all_cut) {
        inv_status status = cut_first(im, m, cut, all == 0, in, &v);
        *out = v;
        if (status != INV_OK || all == 0)
            return status;
    }
    const double value = inv_arch_number(m, 1, "value", 0, 0.0);
    return torch_add_layer(im, m, "", torch_pad_keys(mode, value, sides), &v, out);
}

/* left, right, top, bottom, front, back, of which the last two are channels: those are padded where columns
 * are, and come back. */
static inv_status add_pad_3d(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                             torch_value *out)
{
    static const size_t places[4] = {2, 3, 0, 1};
    const double value = inv_arch_number(m, 1, "value", 0, 0.0);
    size_t sides[4] = {0}, channels[4] = {0};
    inv_status status = INV_OK;
    for (size_t i = 0; i < 6; i++)
        *(i < 4 ? &sides[places[i]] : &channels[i - 2]) = torch_whole(m, 0, "padding", i, 0);
    INV_TRY(torch_check_channels(im, m, in, in->place.shape.channels));
    INV_TRY(torch_add_layer(im, m, ".sides", torch_pad_keys("constant", value, sides), in, out));
    INV_TRY(torch_add_layer(im, m, ".hcw", json_pack("{ss ss}", "type", "permute", "order", "hcw"),
                            out, out));
    INV_TRY(
        torch_add_layer(im, m, ".channels", torch_pad_keys("constant", value, channels), out, out));
    INV_TRY(torch_add_layer(im, m, "", json_pack("{ss ss}", "type", "permute", "order", "hcw"), out,
                            out));
done:
    return status;
}

/* Whether nearest pixels, worked in float as PyTorch does, are those that whole numbers give. */
static bool is_exact(size_t n, size_t m)
{
    const float step = (float)n / (float)m;
    for (size_t i = 0; i < m; i++)
        if ((size_t)((float)i * step) != i * n / m)
            return false;
    return true;
}

/* Along one axis: how many come out, and the step where that is not n over them. */
static size_t resize(const inv_arch_module *m, const char *mode, size_t axis, size_t n,
                     double *step)
{
    const size_t given = torch_whole(m, 0, "size", axis, 0);
    const double factor = inv_arch_number(m, 1, "scale_factor", axis, 1.0);
    const double length = floor((double)n * factor);
    const size_t out = given ? given : length >= 1.0 && length < 1e6 ? (size_t)length : 0;
    *step = 0.0;
    if (out == 0)
        return 0;
    const bool by_sizes = torch_yes(m, 4, "recompute_scale_factor", false);
    if (!given && !by_sizes && fabs((double)n * factor - length) > 1e-9)
        *step = 1.0 / factor;
    else if (strcmp(mode, "nearest") == 0 && !is_exact(n, out))
        *step = (double)((float)n / (float)out);
    return out;
}

static bool is_given(const inv_arch_module *m, size_t place, const char *key)
{
    const inv_arch_arg *arg = inv_arch_find(m, place, key);
    return arg && arg->count > 0;
}

static inv_status add_upsample(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                               torch_value *out)
{
    static const char *const modes[][2] = {{"nearest", "nearest"},
                                           {"nearest-exact", "nearest_centre"},
                                           {"bilinear", "bilinear"},
                                           {"linear", "bilinear"}};
    const char *mode = strstr(m->type, "Bilinear")  ? "bilinear"
                       : strstr(m->type, "Nearest") ? "nearest"
                                                    : torch_text(m, 2, "mode", "nearest");
    const bool align = torch_yes(m, 3, "align_corners", strstr(m->type, "Bilinear") != NULL);
    const inv_shape s = in->place.shape;
    const char *how = modes[0][1];
    double step[2] = {0.0, 0.0};
    const bool given_size = is_given(m, 0, "size");
    if (given_size == is_given(m, 1, "scale_factor"))
        return WRONG("%s needs size or scale_factor, one of the two", m->type);
    const size_t high = resize(m, mode, 0, s.height, &step[0]);
    const size_t wide = in->is_line ? 1 : resize(m, mode, 1, s.width, &step[1]);
    if (high == 0 || wide == 0)
        return WRONG("sizes that cannot be");
    if (strcmp(mode, "area") == 0)
        return torch_add_layer(im, m, "",
                               json_pack("{ss sI sI}", "type", "adaptive_avg_pool", "height",
                                         (json_int_t)high, "width", (json_int_t)wide),
                               in, out);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        how = strcmp(mode, modes[i][0]) == 0 ? modes[i][1] : how;
    if (strcmp(mode, in->is_line ? "bilinear" : "linear") == 0)
        return WRONG("mode='%s' is for %s", mode, in->is_line ? "images" : "values along one axis");
    if (im->arch->is_printed && strcmp(how, "bilinear") == 0 && !align)
        inv_model_note(im->model,
                       "%s: print(model) does not show align_corners; it is taken to be False",
                       m->name);
    if (im->arch->is_printed && (step[0] > 0.0 || step[1] > 0.0) && !given_size &&
        !is_given(m, 4, "recompute_scale_factor"))
        inv_model_note(
            im->model,
            "%s: print(model) does not show recompute_scale_factor; it is taken to be False",
            m->name);
    return torch_add_layer(im, m, "",
                           json_pack("{ss sI sI ss sb sf sf}", "type", "upsample", "height",
                                     (json_int_t)high, "width", (json_int_t)wide, "interpolation",
                                     how, "align_corners", align, "step_height", step[0],
                                     "step_width", step[1]),
                           in, out);
}

/* ---- channels moved ---- */

static inv_status add_pixel_shuffle(torch_importing *im, const inv_arch_module *m,
                                    const torch_value *in, torch_value *out)
{
    const bool back = strcmp(m->type, "PixelUnshuffle") == 0;
    const size_t block = torch_whole(m, 0, back ? "downscale_factor" : "upscale_factor", 0, 0);
    return torch_add_layer(im, m, "",
                           json_pack("{ss sI}", "type", back ? "space_to_depth" : "depth_to_space",
                                     "block", (json_int_t)block),
                           in, out);
}

/* Channel a of group g of G becomes channel a G + g. */
static inv_status add_channel_shuffle(torch_importing *im, const inv_arch_module *m,
                                      const torch_value *in, torch_value *out)
{
    const size_t groups = torch_whole(m, 0, "groups", 0, 0);
    const inv_shape s = in->place.shape;
    torch_value v = *in;
    inv_status status = INV_OK;
    if (groups == 0 || s.channels % groups || in->order.channels)
        return WRONG("%zu channels are not in %zu groups", s.channels, groups);
    INV_TRY(torch_add_layer(im, m, ".groups",
                            reshape_keys(s.height * s.width, groups, s.channels / groups), &v, &v));
    INV_TRY(torch_add_layer(im, m, "", json_pack("{ss ss}", "type", "permute", "order", "hcw"), &v,
                            &v));
    INV_TRY(torch_add_layer(im, m, ".image", reshape_keys(s.height, s.width, s.channels), &v, out));
done:
    return status;
}

const torch_type torch_shape_types[] = {
    {"Identity", NULL, add_nothing, NULL},
    {"Dropout", NULL, add_nothing, "p inplace"},
    {"Dropout1d", NULL, add_nothing, "p inplace"},
    {"Dropout2d", NULL, add_nothing, "p inplace"},
    {"Dropout3d", NULL, add_nothing, "p inplace"},
    {"AlphaDropout", NULL, add_nothing, "p inplace"},
    {"FeatureAlphaDropout", NULL, add_nothing, "p inplace"},
    {"Flatten", NULL, add_flatten, "start_dim end_dim"},
    {"Unflatten", NULL, add_unflatten, "dim unflattened_size"},
    {"ZeroPad2d", NULL, add_pad, "padding"},
    {"ConstantPad2d", NULL, add_pad, "padding value"},
    {"ZeroPad3d", NULL, add_pad_3d, "padding"},
    {"ConstantPad3d", NULL, add_pad_3d, "padding value"},
    {"ReflectionPad2d", NULL, add_pad, "padding"},
    {"ReplicationPad2d", NULL, add_pad, "padding"},
    {"CircularPad2d", NULL, add_pad, "padding"},
    {"Upsample", NULL, add_upsample, "size scale_factor mode align_corners recompute_scale_factor"},
    {"UpsamplingNearest2d", NULL, add_upsample, "size scale_factor mode"},
    {"UpsamplingBilinear2d", NULL, add_upsample, "size scale_factor mode"},
    {"PixelShuffle", NULL, add_pixel_shuffle, "upscale_factor"},
    {"PixelUnshuffle", NULL, add_pixel_shuffle, "downscale_factor"},
    {"ChannelShuffle", NULL, add_channel_shuffle, "groups"},
    {NULL, NULL, NULL, NULL},
};
