/* A net of named parameters and the modules that the user says (torch.h): which parameters are whose,
 * and each module as a layer. PyTorch's images have channels first; here they come last, so kernels
 * are turned as they are read, and so is what follows a Flatten.
 * Source of each module's arithmetic: PyTorch 2.15, torch.nn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "format/named.h"
#include "format/torch.h"
#include "format/torch_arch.h"

#define STEMS_MAX (2 * INV_ARCH_MODULES_MAX)

/* What comes out of a module: its place in the sketch and, of rows that were an image of several
 * channels, that image's shape: PyTorch's order is channels, height, width, that here channels last. */
typedef struct value {
    inv_place place;
    inv_shape order; /* of no channels: as PyTorch has it */
} value;

typedef struct importing {
    const inv_tree *tree;
    inv_model *model;
    inv_sketch *sketch;
    inv_arch *arch;
    const char *group; /* of the tree, where the parameters are: "" or "/state_dict" */
    char (*stems)[INV_ARCH_NAME_MAX]; /* "conv1" of "conv1.weight", in the file's order */
    size_t stem_count, next_stem;
    char prefix[INV_ARCH_NAME_MAX]; /* before the names of the architecture */
    bool by_order;                  /* no prefix makes them fit */
    value *values;                  /* of each module */
} importing;

typedef struct module_type {
    const char *name;
    const char *parameters; /* one that it must have, or may: "weight"; NULL: none */
    inv_status (*add)(importing *im, const inv_arch_module *m, const value *in, value *out);
} module_type;

static inv_status wrong(const importing *im, const inv_arch_module *m, const char *format, ...)
    INV_PRINTF(3, 4);

static inv_status wrong(const importing *im, const inv_arch_module *m, const char *format, ...)
{
    char why[512];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    return INV_ERROR(INV_ECONFIG, "%s:%zu: %s: %s", im->arch->file, m->line, m->name, why);
}

/* ---- parameters ---- */

static const inv_tree_array *find(const importing *im, const char *stem, const char *what)
{
    char path[4 * INV_ARCH_NAME_MAX];
    snprintf(path, sizeof path, "%s/%s.%s", im->group, stem, what);
    return inv_tree_find(im->tree, path);
}

/* The stem of a module's parameters. Where names do not fit they are taken in order. */
static const char *stem_of(importing *im, const inv_arch_module *m,
                           char stem[2 * INV_ARCH_NAME_MAX])
{
    snprintf(stem, 2 * INV_ARCH_NAME_MAX, "%s%s", im->prefix, m->name);
    if (im->by_order)
        snprintf(stem, 2 * INV_ARCH_NAME_MAX, "%s",
                 im->next_stem < im->stem_count ? im->stems[im->next_stem] : "");
    return stem;
}

/* An array whose sizes, in PyTorch's order, are these; a size of 1 may be missing. */
static inv_status take(importing *im, const inv_arch_module *m, const char *what,
                       const size_t dims[4], size_t rank, const inv_tree_array **out)
{
    char stem[2 * INV_ARCH_NAME_MAX], wanted[96] = "", has[96] = "";
    size_t count = 1;
    *out = find(im, stem_of(im, m, stem), what);
    if (!*out)
        return INV_ERROR(INV_ECONFIG,
                         "%s:%zu: %s: %s holds no '%s.%s' and nothing that is left for it in order",
                         im->arch->file, m->line, m->name, inv_tree_name(im->tree), m->name, what);
    for (size_t i = 0; i < rank; i++) {
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%zu", i ? " x " : "",
                 dims[i]);
        count *= dims[i];
    }
    for (size_t i = 0; i < (*out)->rank && i < 6; i++)
        snprintf(has + strlen(has), sizeof has - strlen(has), "%s%zu", i ? " x " : "",
                 (*out)->dims[i]);
    bool good = (*out)->count == count;
    if ((*out)->rank == rank)
        good = good && memcmp((*out)->dims, dims, rank * sizeof *dims) == 0;
    if (!good)
        return wrong(im, m, "%s.%s of the file is %s; the architecture makes it %s", stem, what,
                     *has ? has : "one value", wanted);
    return INV_OK;
}

/* Values to be put down in another order of axes: out's axis i is the array's axis `axes[i]`. */
typedef struct turn {
    size_t dims[4];
    size_t axes[4];
} turn;

static inv_status fill_turned(const void *context, const inv_tree_array *array, float *out,
                              size_t count)
{
    const turn *t = context;
    size_t strides[4] = {1, 1, 1, 1}, index[4] = {0}, size[4], step[4];
    float *from = NULL;
    void *memory = NULL;
    if (array->count != count)
        return INV_ERROR(INV_EFORMAT, "%zu values; there must be %zu", array->count, count);
    inv_status status = inv_calloc(count, sizeof *from, "parameters", &memory);
    from = memory;
    if (status == INV_OK)
        status = inv_tree_floats(array, from);
    for (size_t i = 3; i-- > 0;)
        strides[i] = strides[i + 1] * t->dims[i + 1];
    for (size_t i = 0; i < 4; i++) {
        size[i] = t->dims[t->axes[i]];
        step[i] = strides[t->axes[i]];
    }
    for (size_t n = 0, at = 0; status == INV_OK && n < count; n++) {
        out[n] = from[at];
        for (size_t i = 4; i-- > 0;) {
            at += step[i];
            if (++index[i] < size[i])
                break;
            at -= step[i] * size[i];
            index[i] = 0;
        }
    }
    free(memory);
    return status;
}

static inv_status put_turned(importing *im, const inv_place *at, const char *block,
                             const inv_tree_array *array, turn how)
{
    void *memory = NULL;
    inv_status status = inv_sketch_keep(im->sketch, 1, sizeof how, &memory);
    if (status != INV_OK)
        return status;
    memcpy(memory, &how, sizeof how);
    return inv_sketch_block(im->sketch, at, block, array, fill_turned, memory);
}

static inv_status put_vector(importing *im, const inv_arch_module *m, const inv_place *at,
                             const char *what, size_t count, const char *block)
{
    const inv_tree_array *array = NULL;
    inv_status status = take(im, m, what, (const size_t[4]){count}, 1, &array);
    return status == INV_OK ? inv_sketch_block(im->sketch, at, block, array, NULL, NULL) : status;
}

/* What is not in the file is 1 or 0. */
static inv_status fill_constant(const void *context, const inv_tree_array *array, float *out,
                                size_t count)
{
    (void)array;
    for (size_t i = 0; i < count; i++)
        out[i] = *(const float *)context;
    return INV_OK;
}

static const float zero = 0.0f, one = 1.0f;

/* ---- arguments ---- */

static size_t whole(const inv_arch_module *m, size_t place, const char *key, size_t i, size_t usual)
{
    const double number = inv_arch_number(m, place, key, i, (double)usual);
    return number >= 0 && number < 1e9 ? (size_t)number : 0;
}

static bool yes(const inv_arch_module *m, size_t place, const char *key, bool usual)
{
    return inv_arch_number(m, place, key, 0, usual) != 0;
}

static const char *text(const inv_arch_module *m, size_t place, const char *key, const char *usual)
{
    const inv_arch_arg *arg = inv_arch_find(m, place, key);
    return arg && *arg->text && !arg->is_none ? arg->text : usual;
}

static inv_status add_layer(importing *im, const inv_arch_module *m, const char *ending,
                            json_t *settings, const value *in, value *out)
{
    *out = *in;
    return inv_sketch_add(im->sketch, m->name, ending, settings, &in->place, 1, &out->place);
}

static bool is_flat(const value *in)
{
    return in->place.shape.height == 1 && in->place.shape.width == 1;
}

/* ---- modules that weigh ---- */

static inv_status add_linear(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const size_t from = whole(m, 0, "in_features", 0, 0), to = whole(m, 1, "out_features", 0, 0);
    const bool bias = yes(m, 2, "bias", true);
    const inv_shape s = in->place.shape, o = in->order;
    const size_t here = inv_shape_size(s);
    const inv_tree_array *weight = NULL;
    inv_status status = INV_OK;
    if (here != from)
        return wrong(
            im, m,
            "takes %zu values, but %zu x %zu x %zu come in: say what is done to them before, "
            "as in 'pool1: MaxPool2d(2)'",
            from, s.channels, s.height, s.width);
    if (!is_flat(in) && s.channels > 1)
        return wrong(im, m,
                     "takes %zu values, but %zu x %zu x %zu come in: say 'flat: Flatten()' "
                     "before it",
                     from, s.channels, s.height, s.width);
    INV_TRY(take(im, m, "weight", (const size_t[4]){to, from}, 2, &weight));
    INV_TRY(add_layer(im, m, "", json_pack("{ss sI}", "type", "dense", "units", (json_int_t)to), in,
                      out));
    out->order = (inv_shape){0};
    INV_TRY(put_turned(im, &out->place, "kernel", weight,
                       o.channels ? (turn){{to, o.channels, o.height, o.width}, {2, 3, 1, 0}}
                                  : (turn){{1, 1, to, from}, {0, 1, 3, 2}}));
    INV_TRY(bias ? put_vector(im, m, &out->place, "bias", to, "bias")
                 : inv_sketch_block(im->sketch, &out->place, "bias", NULL, fill_constant, &zero));
done:
    return status;
}

/* Layers of windows: their keys. */
static json_t *window_keys(const char *type, const size_t size[2], const size_t stride[2],
                           const size_t pads[4])
{
    return json_pack("{ss sI sI sI sI ss sI sI sI sI}", "type", type, "height", (json_int_t)size[0],
                     "width", (json_int_t)size[1], "stride_height", (json_int_t)stride[0],
                     "stride_width", (json_int_t)stride[1], "padding", "explicit", "top",
                     (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                     (json_int_t)pads[2], "right", (json_int_t)pads[3]);
}

static void pair(const inv_arch_module *m, size_t place, const char *key, size_t usual,
                 size_t out[2])
{
    out[0] = whole(m, place, key, 0, usual);
    out[1] = whole(m, place, key, 1, usual);
}

/* top, bottom, left, right. "same" has the odd one below and on the right. */
static bool find_pads(const inv_arch_module *m, size_t place, const size_t size[2],
                      const size_t dilation[2], size_t pads[4])
{
    const char *word = text(m, place, "padding", "");
    size_t each[2];
    pair(m, place, "padding", 0, each);
    for (size_t i = 0; i < 2; i++) {
        const size_t all = strcmp(word, "same") == 0 ? dilation[i] * (size[i] - 1) : 2 * each[i];
        pads[2 * i] = all / 2;
        pads[2 * i + 1] = all - all / 2;
    }
    return !*word || strcmp(word, "same") == 0 || strcmp(word, "valid") == 0;
}

/* PyTorch pads with other than zeros before a convolution. */
static inv_status pad_before(importing *im, const inv_arch_module *m, const char *mode,
                             size_t pads[4], const value *in, value *out)
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
            add_layer(im, m, ".pad",
                      json_pack("{ss ss sI sI sI sI}", "type", "pad", "mode", names[i][1], "top",
                                (json_int_t)pads[0], "bottom", (json_int_t)pads[1], "left",
                                (json_int_t)pads[2], "right", (json_int_t)pads[3]),
                      in, out);
        memset(pads, 0, 4 * sizeof *pads);
        return status;
    }
    return wrong(im, m, "padding_mode '%s' is not known", mode);
}

static void dilate(json_t *settings, const size_t dilation[2], size_t groups)
{
    json_object_set_new(settings, "dilation_height", json_integer((json_int_t)dilation[0]));
    json_object_set_new(settings, "dilation_width", json_integer((json_int_t)dilation[1]));
    json_object_set_new(settings, "groups", json_integer((json_int_t)groups));
}

static inv_status check_channels(const importing *im, const inv_arch_module *m, const value *in,
                                 size_t channels)
{
    const inv_shape s = in->place.shape;
    if (s.channels == channels && !in->order.channels)
        return INV_OK;
    return wrong(im, m, "takes images of %zu channels, but %zu x %zu x %zu come in", channels,
                 s.channels, s.height, s.width);
}

static inv_status add_conv(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const size_t from = whole(m, 0, "in_channels", 0, 0), to = whole(m, 1, "out_channels", 0, 0);
    const size_t groups = whole(m, 6, "groups", 0, 1);
    const bool bias = yes(m, 7, "bias", true);
    size_t size[2], stride[2], dilation[2], pads[4];
    const inv_tree_array *weight = NULL;
    json_t *settings = NULL;
    value padded;
    inv_status status = INV_OK;
    pair(m, 2, "kernel_size", 0, size);
    pair(m, 3, "stride", 1, stride);
    pair(m, 5, "dilation", 1, dilation);
    if (!groups || !size[0] || !size[1] || !find_pads(m, 4, size, dilation, pads))
        return wrong(im, m, "arguments that a Conv2d cannot have");
    INV_TRY(check_channels(im, m, in, from));
    INV_TRY(
        take(im, m, "weight", (const size_t[4]){to, from / groups, size[0], size[1]}, 4, &weight));
    INV_TRY(pad_before(im, m, text(m, 8, "padding_mode", "zeros"), pads, in, &padded));
    settings = window_keys("conv2d", size, stride, pads);
    json_object_set_new(settings, "filters", json_integer((json_int_t)to));
    json_object_set_new(settings, "use_bias", json_boolean(bias));
    dilate(settings, dilation, groups);
    INV_TRY(add_layer(im, m, "", settings, &padded, out));
    INV_TRY(put_turned(im, &out->place, "kernel", weight,
                       (turn){{to, from / groups, size[0], size[1]}, {2, 3, 1, 0}}));
    if (bias)
        INV_TRY(put_vector(im, m, &out->place, "bias", to, "bias"));
done:
    return status;
}

/* weight [in, out / groups, height, width]; here [height, width, out / groups, in]. */
static inv_status add_conv_transpose(importing *im, const inv_arch_module *m, const value *in,
                                     value *out)
{
    const size_t from = whole(m, 0, "in_channels", 0, 0), to = whole(m, 1, "out_channels", 0, 0);
    const size_t groups = whole(m, 6, "groups", 0, 1);
    const bool bias = yes(m, 7, "bias", true);
    size_t size[2], stride[2], dilation[2], more[2], pads[4];
    const inv_tree_array *weight = NULL;
    json_t *settings = NULL;
    inv_status status = INV_OK;
    pair(m, 2, "kernel_size", 0, size);
    pair(m, 3, "stride", 1, stride);
    pair(m, 5, "output_padding", 0, more);
    pair(m, 8, "dilation", 1, dilation);
    if (!groups || !size[0] || !size[1] || !find_pads(m, 4, size, dilation, pads))
        return wrong(im, m, "arguments that a ConvTranspose2d cannot have");
    INV_TRY(check_channels(im, m, in, from));
    INV_TRY(
        take(im, m, "weight", (const size_t[4]){from, to / groups, size[0], size[1]}, 4, &weight));
    settings = window_keys("conv2d_transpose", size, stride, pads);
    json_object_set_new(settings, "filters", json_integer((json_int_t)to));
    json_object_set_new(settings, "use_bias", json_boolean(bias));
    json_object_set_new(settings, "output_padding_height", json_integer((json_int_t)more[0]));
    json_object_set_new(settings, "output_padding_width", json_integer((json_int_t)more[1]));
    dilate(settings, dilation, groups);
    INV_TRY(add_layer(im, m, "", settings, in, out));
    INV_TRY(put_turned(im, &out->place, "kernel", weight,
                       (turn){{from, to / groups, size[0], size[1]}, {2, 3, 1, 0}}));
    if (bias)
        INV_TRY(put_vector(im, m, &out->place, "bias", to, "bias"));
done:
    return status;
}

/* ---- pools ---- */

/* Windows along one axis as PyTorch counts them: with ceil_mode one more may begin in the image or
 * the padding before it. `more` is how far the last reaches beyond the padding behind. */
static void count_windows(size_t n, size_t size, size_t stride, size_t pad, bool ceil_mode,
                          size_t *more)
{
    const size_t all = n + 2 * pad;
    *more = 0;
    if (!ceil_mode || all < size || stride == 0)
        return;
    size_t count = (all - size + stride - 1) / stride + 1;
    if ((count - 1) * stride >= n + pad)
        count--;
    const size_t reach = (count - 1) * stride + size;
    *more = reach > all ? reach - all : 0;
}

static inv_status add_pool(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const bool is_max = m->type[0] == 'M';
    const bool ceil_mode = yes(m, is_max ? 5 : 3, "ceil_mode", false);
    const bool counts = !is_max && yes(m, 4, "count_include_pad", true);
    size_t size[2], stride[2], pad[2], more[2], dilation[2] = {1, 1};
    value padded = *in;
    inv_status status = INV_OK;
    pair(m, 0, "kernel_size", 0, size);
    pair(m, 2, "padding", 0, pad);
    if (is_max)
        pair(m, 3, "dilation", 1, dilation);
    const inv_arch_arg *given = inv_arch_find(m, 1, "stride");
    stride[0] = given && given->count ? whole(m, 1, "stride", 0, 1) : size[0];
    stride[1] = given && given->count ? whole(m, 1, "stride", 1, 1) : size[1];
    if (!size[0] || !size[1] || dilation[0] != 1 || dilation[1] != 1 ||
        inv_arch_number(m, 5, "divisor_override", 0, 0) * !is_max != 0)
        return wrong(im, m, "a pool with these arguments is not known");
    INV_TRY(check_channels(im, m, in, in->place.shape.channels));
    count_windows(in->place.shape.height, size[0], stride[0], pad[0], ceil_mode, &more[0]);
    count_windows(in->place.shape.width, size[1], stride[1], pad[1], ceil_mode, &more[1]);
    size_t pads[4] = {pad[0], pad[0] + more[0], pad[1], pad[1] + more[1]};
    if (counts && (pad[0] || pad[1])) { /* zeros that count; what lies beyond them does not */
        INV_TRY(add_layer(im, m, ".pad",
                          json_pack("{ss sI sI sI sI}", "type", "pad", "top", (json_int_t)pad[0],
                                    "bottom", (json_int_t)pad[0], "left", (json_int_t)pad[1],
                                    "right", (json_int_t)pad[1]),
                          in, &padded));
        memcpy(pads, (size_t[4]){0, more[0], 0, more[1]}, sizeof pads);
    }
    INV_TRY(add_layer(im, m, "", window_keys(is_max ? "max_pool" : "avg_pool", size, stride, pads),
                      &padded, out));
done:
    return status;
}

static inv_status add_adaptive(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const bool is_max = strstr(m->type, "Max");
    const inv_shape s = in->place.shape;
    const size_t high = whole(m, 0, "output_size", 0, s.height);
    const size_t wide = whole(m, 0, "output_size", 1, s.width);
    if (high == 1 && wide == 1)
        return add_layer(im, m, "",
                         json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool"),
                         in, out);
    if (!high || !wide || s.height % high || s.width % wide)
        return wrong(im, m, "%zu x %zu images do not divide into %zu x %zu parts of one size",
                     s.height, s.width, high, wide);
    const size_t size[2] = {s.height / high, s.width / wide};
    return add_layer(
        im, m, "",
        window_keys(is_max ? "max_pool" : "avg_pool", size, size, (const size_t[4]){0, 0, 0, 0}),
        in, out);
}

/* ---- normalisation ---- */

static bool has(importing *im, const inv_arch_module *m, const char *what)
{
    char stem[2 * INV_ARCH_NAME_MAX];
    return find(im, stem_of(im, m, stem), what) != NULL;
}

static inv_status put_statistic(importing *im, const inv_arch_module *m, const inv_place *at,
                                const char *what, size_t count, const char *block,
                                const float *usual)
{
    if (has(im, m, what))
        return put_vector(im, m, at, what, count, block);
    return inv_sketch_block(im->sketch, at, block, NULL, fill_constant, usual);
}

static inv_status add_batch_norm(importing *im, const inv_arch_module *m, const value *in,
                                 value *out)
{
    const size_t n = whole(m, 0, "num_features", 0, 0);
    const bool gamma = has(im, m, "weight"), beta = has(im, m, "bias");
    value flat = *in;
    inv_status status = INV_OK;
    if (in->order.channels || in->place.shape.channels != n)
        return wrong(im, m, "takes %zu channels or values, but %zu come in", n,
                     in->place.shape.channels);
    if (!has(im, m, "running_mean"))
        return wrong(im, m, "has no running statistics: what it does depends on the batch");
    INV_TRY(add_layer(im, m, "",
                      json_pack("{ss sf sb sb}", "type", "batch_norm", "epsilon",
                                inv_arch_number(m, 1, "eps", 0, 1e-5), "use_gamma", gamma,
                                "use_beta", beta),
                      &flat, out));
    if (gamma)
        INV_TRY(put_vector(im, m, &out->place, "weight", n, "gamma"));
    if (beta)
        INV_TRY(put_vector(im, m, &out->place, "bias", n, "beta"));
    INV_TRY(put_statistic(im, m, &out->place, "running_mean", n, "mean", &zero));
    INV_TRY(put_statistic(im, m, &out->place, "running_var", n, "variance", &one));
done:
    return status;
}

/* gamma or beta of a norm over images: PyTorch's are channels, height, width. */
static inv_status put_like(importing *im, const inv_arch_module *m, const inv_place *at,
                           const char *what, inv_shape order, size_t count, const char *block)
{
    const inv_tree_array *array = NULL;
    char stem[2 * INV_ARCH_NAME_MAX];
    if (!order.channels)
        return put_vector(im, m, at, what, count, block);
    array = find(im, stem_of(im, m, stem), what);
    if (!array || array->count != count)
        return wrong(im, m, "%s does not have %zu values", what, count);
    return put_turned(im, at, block, array,
                      (turn){{1, order.channels, order.height, order.width}, {0, 2, 3, 1}});
}

static inv_status add_layer_norm(importing *im, const inv_arch_module *m, const value *in,
                                 value *out)
{
    const inv_arch_arg *shape = inv_arch_find(m, 0, "normalized_shape");
    const inv_shape s = in->place.shape;
    const bool gamma = has(im, m, "weight"), beta = has(im, m, "bias");
    const size_t n = inv_shape_size(s);
    double count = shape && shape->count ? 1.0 : 0.0;
    inv_status status = INV_OK;
    for (size_t i = 0; shape && i < shape->count; i++)
        count *= shape->values[i];
    if (count != (double)n)
        return wrong(im, m, "is over other than all of the %zu x %zu x %zu values that come in",
                     s.channels, s.height, s.width);
    INV_TRY(
        add_layer(im, m, "",
                  json_pack("{ss sf sb sb sb sb sb}", "type", "layer_norm", "epsilon",
                            inv_arch_number(m, 1, "eps", 0, 1e-5), "over_height", 1, "over_width",
                            1, "over_channels", 1, "use_gamma", gamma, "use_beta", beta),
                  in, out));
    inv_shape order = in->order;
    if (!order.channels && !is_flat(in))
        order = s;
    if (gamma)
        INV_TRY(put_like(im, m, &out->place, "weight", order, n, "gamma"));
    if (beta)
        INV_TRY(put_like(im, m, &out->place, "bias", order, n, "beta"));
done:
    return status;
}

static inv_status add_group_norm(importing *im, const inv_arch_module *m, const value *in,
                                 value *out)
{
    const bool instance = m->type[0] == 'I';
    const size_t n = whole(m, instance ? 0 : 1, instance ? "num_features" : "num_channels", 0, 0);
    const size_t groups = instance ? n : whole(m, 0, "num_groups", 0, 0);
    const bool gamma = has(im, m, "weight"), beta = has(im, m, "bias");
    inv_status status = INV_OK;
    if (instance && has(im, m, "running_mean"))
        return wrong(im, m, "an InstanceNorm2d with running statistics is not known");
    INV_TRY(check_channels(im, m, in, n));
    INV_TRY(
        add_layer(im, m, "",
                  json_pack("{ss sI sf sb sb}", "type", "group_norm", "groups", (json_int_t)groups,
                            "epsilon", inv_arch_number(m, instance ? 1 : 2, "eps", 0, 1e-5),
                            "use_gamma", gamma, "use_beta", beta),
                  in, out));
    if (gamma)
        INV_TRY(put_vector(im, m, &out->place, "weight", n, "gamma"));
    if (beta)
        INV_TRY(put_vector(im, m, &out->place, "bias", n, "beta"));
done:
    return status;
}

/* ---- activations ---- */

/* A module that is a formula a value: the layer, and up to two of its settings. */
typedef struct formula {
    const char *module, *layer;
    struct {
        size_t place;
        const char *argument, *key;
        double usual;
    } settings[2];
} formula;

static const formula formulas[] = {
    {"ReLU", "relu", {{0}}},
    {"Sigmoid", "sigmoid", {{0}}},
    {"Tanh", "tanh", {{0}}},
    {"SELU", "selu", {{0}}},
    {"SiLU", "silu", {{0}}},
    {"Mish", "mish", {{0}}},
    {"Softsign", "softsign", {{0}}},
    {"Hardswish", "hard_silu", {{0}}},
    {"Hardsigmoid", "hard_sigmoid", {{0}}},
    {"LogSigmoid", "log_sigmoid", {{0}}},
    {"Tanhshrink", "tanh_shrink", {{0}}},
    {"LeakyReLU", "leaky_relu", {{0, "negative_slope", "alpha", 0.01}}},
    {"ELU", "elu", {{0, "alpha", "alpha", 1.0}}},
    {"CELU", "celu", {{0, "alpha", "alpha", 1.0}}},
    {"Softplus", "softplus", {{0, "beta", "beta", 1.0}}},
    {"Softshrink", "soft_shrink", {{0, "lambd", "lambda", 0.5}}},
    {"Hardshrink", "hard_shrink", {{0, "lambd", "lambda", 0.5}}},
    {"Hardtanh", "hard_tanh", {{0, "min_val", "low", -1.0}, {1, "max_val", "high", 1.0}}},
    {"Threshold", "threshold", {{0, "threshold", "threshold", 0.0}, {1, "value", "value", 0.0}}},
    {"ReLU6", "relu", {{SIZE_MAX, "", "max_value", 6.0}}},
};

static inv_status add_formula(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const formula *f = formulas;
    while (strcmp(f->module, m->type) != 0)
        f++;
    json_t *settings = json_pack("{ss}", "type", f->layer);
    for (size_t i = 0; i < 2; i++)
        if (f->settings[i].key)
            json_object_set_new(
                settings, f->settings[i].key,
                json_real(inv_arch_number(m, f->settings[i].place, f->settings[i].argument, 0,
                                          f->settings[i].usual)));
    return add_layer(im, m, "", settings, in, out);
}

static inv_status add_gelu(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const bool approximate = strcmp(text(m, 0, "approximate", "none"), "tanh") == 0;
    return add_layer(im, m, "", json_pack("{ss sb}", "type", "gelu", "approximate", approximate),
                     in, out);
}

static inv_status add_prelu(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const size_t n = whole(m, 0, "num_parameters", 0, 1);
    inv_status status = INV_OK;
    if (n != 1 && (in->order.channels || n != in->place.shape.channels))
        return wrong(im, m, "has %zu slopes, but %zu channels come in", n,
                     in->place.shape.channels);
    INV_TRY(add_layer(im, m, "",
                      json_pack("{ss sb sb sb}", "type", "prelu", "share_height", 1, "share_width",
                                1, "share_channels", n == 1),
                      in, out));
    INV_TRY(put_vector(im, m, &out->place, "weight", n, "alpha"));
done:
    return status;
}

/* Over the classes: rows of values. */
static inv_status add_softmax(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const double dim = inv_arch_number(m, 0, "dim", 0, 1);
    if (!is_flat(in) || (dim != 1 && dim != -1))
        return wrong(im, m,
                     "a softmax of images, or along another axis than the classes, is not "
                     "known");
    return add_layer(im, m, "",
                     json_pack("{ss}", "type", m->type[0] == 'L' ? "log_softmax" : "softmax"), in,
                     out);
}

/* ---- shapes ---- */

static inv_status add_nothing(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    (void)im, (void)m;
    *out = *in;
    return INV_OK;
}

static inv_status add_flatten(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const inv_shape s = in->place.shape;
    if (inv_arch_number(m, 0, "start_dim", 0, 1) != 1 ||
        inv_arch_number(m, 1, "end_dim", 0, -1) > 0)
        return wrong(im, m, "a Flatten of other than whole images is not known");
    if (is_flat(in)) {
        *out = *in;
        return INV_OK;
    }
    inv_status status = add_layer(im, m, "", json_pack("{ss}", "type", "flatten"), in, out);
    out->order = s.channels > 1 ? s : (inv_shape){0};
    return status;
}

/* Unflatten(1, (channels, height, width)) */
static inv_status add_unflatten(importing *im, const inv_arch_module *m, const value *in,
                                value *out)
{
    const size_t channels = whole(m, 1, "unflattened_size", 0, 0);
    const size_t height = whole(m, 1, "unflattened_size", 1, 0);
    const size_t width = whole(m, 1, "unflattened_size", 2, 0);
    const inv_arch_arg *sizes = inv_arch_find(m, 1, "unflattened_size");
    value turned;
    if (in->order.channels || !sizes || sizes->count != 3)
        return wrong(im, m, "an Unflatten is of values that no image was, into three sizes");
    inv_status status =
        add_layer(im, m, ".chw",
                  json_pack("{ss sI sI sI}", "type", "reshape", "height", (json_int_t)channels,
                            "width", (json_int_t)height, "channels", (json_int_t)width),
                  in, &turned);
    if (status != INV_OK)
        return status;
    return add_layer(im, m, "", json_pack("{ss ss}", "type", "permute", "order", "wch"), &turned,
                     out);
}

/* Padding by less than nothing cuts off. */
static inv_status cut_and_pad(importing *im, const inv_arch_module *m, const char *mode,
                              const size_t sides[4], const size_t cut[4], const value *in,
                              value *out)
{
    if (strcmp(mode, "constant") != 0 || sides[0] + sides[1] + sides[2] + sides[3] > 0)
        return wrong(im, m, "padding that is partly negative is not known");
    return add_layer(im, m, "",
                     json_pack("{ss sI sI sI sI}", "type", "crop", "left", (json_int_t)cut[0],
                               "right", (json_int_t)cut[1], "top", (json_int_t)cut[2], "bottom",
                               (json_int_t)cut[3]),
                     in, out);
}

static inv_status add_pad(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    static const char *const modes[][2] = {{"ZeroPad2d", "constant"},
                                           {"ConstantPad2d", "constant"},
                                           {"ReflectionPad2d", "reflect"},
                                           {"ReplicationPad2d", "edge"},
                                           {"CircularPad2d", "wrap"}};
    const inv_arch_arg *padding = inv_arch_find(m, 0, "padding");
    const char *mode = NULL;
    size_t sides[4], cut[4]; /* PyTorch: left, right, top, bottom */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        mode = strcmp(m->type, modes[i][0]) == 0 ? modes[i][1] : mode;
    if (!padding || (padding->count != 1 && padding->count != 4))
        return wrong(im, m, "padding is one number, or four");
    for (size_t i = 0; i < 4; i++) {
        const double side = inv_arch_number(m, 0, "padding", i, 0.0);
        sides[i] = side > 0.0 ? whole(m, 0, "padding", i, 0) : 0;
        cut[i] = side < 0.0 && side > -1e6 ? (size_t)-side : 0;
    }
    if (cut[0] + cut[1] + cut[2] + cut[3] > 0)
        return cut_and_pad(im, m, mode, sides, cut, in, out);
    return add_layer(im, m, "",
                     json_pack("{ss ss sf sI sI sI sI}", "type", "pad", "mode", mode, "value",
                               inv_arch_number(m, 1, "value", 0, 0.0), "left", (json_int_t)sides[0],
                               "right", (json_int_t)sides[1], "top", (json_int_t)sides[2], "bottom",
                               (json_int_t)sides[3]),
                     in, out);
}

static inv_status add_upsample(importing *im, const inv_arch_module *m, const value *in, value *out)
{
    const char *mode = strstr(m->type, "Bilinear")  ? "bilinear"
                       : strstr(m->type, "Nearest") ? "nearest"
                                                    : text(m, 2, "mode", "nearest");
    const bool align = yes(m, 3, "align_corners", strstr(m->type, "Bilinear") != NULL);
    const inv_shape s = in->place.shape;
    const size_t height = whole(m, 0, "size", 0, 0), width = whole(m, 0, "size", 1, 0);
    const double y = inv_arch_number(m, 1, "scale_factor", 0, 1.0) * (double)s.height;
    const double x = inv_arch_number(m, 1, "scale_factor", 1, 1.0) * (double)s.width;
    if (strcmp(mode, "bilinear") != 0 && strcmp(mode, "nearest") != 0)
        return wrong(im, m, "mode '%s' is not known", mode);
    return add_layer(im, m, "",
                     json_pack("{ss sI sI ss sb}", "type", "upsample", "height",
                               (json_int_t)(height ? height : (size_t)floor(y)), "width",
                               (json_int_t)(width ? width : (size_t)floor(x)), "interpolation",
                               mode, "align_corners", align),
                     in, out);
}

static const module_type types[] = {
    {"Linear", "weight", add_linear},
    {"Conv2d", "weight", add_conv},
    {"ConvTranspose2d", "weight", add_conv_transpose},
    {"BatchNorm1d", "running_mean", add_batch_norm},
    {"BatchNorm2d", "running_mean", add_batch_norm},
    {"SyncBatchNorm", "running_mean", add_batch_norm},
    {"LayerNorm", "weight", add_layer_norm},
    {"GroupNorm", "weight", add_group_norm},
    {"InstanceNorm2d", NULL, add_group_norm},
    {"PReLU", "weight", add_prelu},
    {"MaxPool2d", NULL, add_pool},
    {"AvgPool2d", NULL, add_pool},
    {"AdaptiveAvgPool2d", NULL, add_adaptive},
    {"AdaptiveMaxPool2d", NULL, add_adaptive},
    {"GELU", NULL, add_gelu},
    {"Softmax", NULL, add_softmax},
    {"LogSoftmax", NULL, add_softmax},
    {"Flatten", NULL, add_flatten},
    {"Unflatten", NULL, add_unflatten},
    {"Identity", NULL, add_nothing},
    {"Dropout", NULL, add_nothing},
    {"Dropout1d", NULL, add_nothing},
    {"Dropout2d", NULL, add_nothing},
    {"AlphaDropout", NULL, add_nothing},
    {"FeatureAlphaDropout", NULL, add_nothing},
    {"ZeroPad2d", NULL, add_pad},
    {"ConstantPad2d", NULL, add_pad},
    {"ReflectionPad2d", NULL, add_pad},
    {"ReplicationPad2d", NULL, add_pad},
    {"CircularPad2d", NULL, add_pad},
    {"Upsample", NULL, add_upsample},
    {"UpsamplingNearest2d", NULL, add_upsample},
    {"UpsamplingBilinear2d", NULL, add_upsample},
};

static bool find_type(const char *name, module_type *out)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = types[i];
            return true;
        }
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].module, name) == 0) {
            *out = (module_type){name, NULL, add_formula};
            return true;
        }
    return false;
}

/* ---- where modules meet ---- */

static const char *const joins[][2] = {{"Add", "add"},
                                       {"Sub", "subtract"},
                                       {"Mul", "multiply"},
                                       {"Concat", "concat"},
                                       {"Cat", "concat"}};

static inv_status find_value(const importing *im, const inv_arch_module *m, const char *name,
                             const inv_place *input, value *out)
{
    if (strcmp(name, "input") == 0) {
        *out = (value){.place = *input};
        return INV_OK;
    }
    for (size_t i = 0; &im->arch->modules[i] < m; i++)
        if (strcmp(im->arch->modules[i].name, name) == 0) {
            *out = im->values[i];
            return INV_OK;
        }
    return wrong(im, m, "there is no '%s' before it", name);
}

static inv_status add_join(importing *im, const inv_arch_module *m, const char *type,
                           const value *in, size_t count, value *out)
{
    inv_place places[INV_ARCH_INPUTS_MAX];
    const bool concat = strcmp(type, "concat") == 0;
    if (concat && inv_arch_number(m, 0, "dim", 0, 1) != 1)
        return wrong(im, m, "values are put side by side along channels alone, dim=1");
    *out = in[0];
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&in[i].order, &in[0].order, sizeof in[0].order) != 0 ||
            (concat && in[i].order.channels))
            return wrong(im, m, "joins values that were flattened from images of other shapes");
        places[i] = in[i].place;
    }
    return inv_sketch_add(im->sketch, m->name, "", json_pack("{ss}", "type", type), places, count,
                          &out->place);
}

static inv_status add_module(importing *im, size_t i, const inv_place *input)
{
    const inv_arch_module *m = &im->arch->modules[i];
    value in[INV_ARCH_INPUTS_MAX];
    size_t count = m->input_count;
    module_type type;
    in[0] = i > 0 ? im->values[i - 1] : (value){.place = *input};
    for (size_t k = 0; k < count; k++) {
        inv_status status = find_value(im, m, m->inputs[k], input, &in[k]);
        if (status != INV_OK)
            return status;
    }
    for (size_t k = 0; k < sizeof joins / sizeof *joins; k++)
        if (strcmp(joins[k][0], m->type) == 0) {
            if (count < 2)
                return wrong(im, m, "joins what '<-' names, as in '%s <- fc1, input: Add()'",
                             m->name);
            return add_join(im, m, joins[k][1], in, count, &im->values[i]);
        }
    if (!find_type(m->type, &type))
        return wrong(im, m, "the module %s is not known", m->type);
    if (count > 1)
        return wrong(im, m, "%s takes one input", m->type);
    inv_status status = type.add(im, m, &in[0], &im->values[i]);
    if (type.parameters && im->by_order)
        im->next_stem++;
    return status;
}

/* ---- whose parameters are whose ---- */

static bool has_parameters(const inv_arch_module *m, const char **parameter)
{
    module_type type;
    *parameter = find_type(m->type, &type) ? type.parameters : NULL;
    return *parameter;
}

/* Whether all modules that have parameters find them behind this prefix. */
static bool prefix_fits(const importing *im, const char *prefix)
{
    char stem[2 * INV_ARCH_NAME_MAX];
    const char *parameter = NULL;
    for (size_t i = 0; i < im->arch->count; i++) {
        const inv_arch_module *m = &im->arch->modules[i];
        if (!has_parameters(m, &parameter))
            continue;
        snprintf(stem, sizeof stem, "%s%s", prefix, m->name);
        if (!find(im, stem, parameter) && !find(im, stem, "bias") &&
            !find(im, stem, "running_mean"))
            return false;
    }
    return true;
}

/* "module." of nn.DataParallel, "_orig_mod." of torch.compile, "net." of a Lightning module. */
static void find_prefix(importing *im)
{
    if (prefix_fits(im, ""))
        return;
    for (size_t i = 0; i < im->stem_count; i++)
        for (const char *dot = strchr(im->stems[i], '.'); dot; dot = strchr(dot + 1, '.')) {
            snprintf(im->prefix, sizeof im->prefix, "%.*s", (int)(dot - im->stems[i] + 1),
                     im->stems[i]);
            if (prefix_fits(im, im->prefix))
                return;
        }
    im->prefix[0] = 0;
    im->by_order = true;
}

/* Stems in the file's order, each once. */
static inv_status list_stems(importing *im)
{
    const char *path = *im->group ? im->group : "/";
    const inv_tree_array *order = inv_tree_attribute(im->tree, path, INV_NAMED_ORDER);
    void *memory = NULL;
    if (!order || order->kind != 't')
        return INV_ERROR(INV_EFORMAT, "%s: holds no parameters", inv_tree_name(im->tree));
    inv_status status = inv_calloc(order->count, sizeof *im->stems, "names", &memory);
    im->stems = memory;
    for (size_t i = 0; status == INV_OK && i < order->count; i++) {
        const char *name = ((char *const *)order->values)[i], *dot = strrchr(name, '.');
        const size_t length = dot ? (size_t)(dot - name) : 0;
        if (!dot || length >= INV_ARCH_NAME_MAX)
            continue;
        char *stem = im->stems[im->stem_count];
        memcpy(stem, name, length);
        stem[length] = 0;
        bool is_new = true;
        for (size_t k = 0; k < im->stem_count && is_new; k++)
            is_new = strcmp(im->stems[k], stem) != 0;
        im->stem_count += is_new;
    }
    return status;
}

static void note_order(importing *im)
{
    const char *parameter = NULL;
    inv_model_note(im->model,
                   "the file's names are not those of %s: its parameters were taken in order",
                   im->arch->file);
    for (size_t i = 0, k = 0; i < im->arch->count && k < im->stem_count; i++)
        if (has_parameters(&im->arch->modules[i], &parameter))
            inv_model_note(im->model, "%s: %s", im->arch->modules[i].name, im->stems[k++]);
}

/* ---- which of a checkpoint's dicts ---- */

static bool has_order(const inv_tree *tree, const char *path)
{
    const inv_tree_array *order = inv_tree_attribute(tree, path, INV_NAMED_ORDER);
    return order && order->kind == 't' && order->count > 0;
}

/* The group the user names, else the only one with tensors, else the one of a usual name. */
static inv_status find_group(const inv_tree *tree, const char *wanted, const char **out)
{
    static const char *const usual[] = {"/state_dict", "/model_state_dict", "/model", "/net",
                                        "/network",    "/module",           "/params"};
    char path[4 * INV_ARCH_NAME_MAX], list[512] = "";
    size_t found = 0;
    if (wanted) {
        snprintf(path, sizeof path, "/%s", wanted);
        for (size_t i = 0; i < inv_tree_count(tree); i++)
            if (strcmp(inv_tree_path(tree, i), path) == 0 && has_order(tree, path)) {
                *out = inv_tree_path(tree, i);
                return INV_OK;
            }
    } else if (has_order(tree, "/")) {
        *out = "";
        return INV_OK;
    }
    for (size_t i = 0; i < inv_tree_count(tree); i++) {
        const char *at = inv_tree_path(tree, i);
        if (!has_order(tree, at))
            continue;
        if (found++ == 0)
            *out = at;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "",
                 at + 1);
    }
    if (found == 1 && !wanted)
        return INV_OK;
    for (size_t k = 0; k < sizeof usual / sizeof *usual && !wanted; k++)
        if (has_order(tree, usual[k])) {
            *out = usual[k];
            return INV_OK;
        }
    if (found == 0 && !has_order(tree, "/"))
        return INV_ERROR(INV_EFORMAT, "%s: holds no parameters by name", inv_tree_name(tree));
    if (wanted)
        return INV_ERROR(INV_ECONFIG, "%s: --key: there is no set of parameters '%s'; %s%s",
                         inv_tree_name(tree), wanted,
                         *list ? "there are: " : "the file holds one, and needs no --key", list);
    return INV_ERROR(INV_ECONFIG, "%s: holds several sets of parameters; choose one with --key: %s",
                     inv_tree_name(tree), list);
}

/* ---- all of it ---- */

/* The images: as said, or what the first module takes, where that can only be one thing. */
static inv_status find_input(const importing *im, inv_shape *out)
{
    const inv_arch *a = im->arch;
    size_t values = a->rank == 1 ? a->dims[0] : 0;
    if (a->rank == 2) {
        *out = (inv_shape){a->dims[0], a->dims[1], 1};
        return INV_OK;
    }
    if (a->rank == 3) {
        *out = (inv_shape){a->dims[1], a->dims[2], a->dims[0]};
        return INV_OK;
    }
    for (size_t i = 0; i < a->count && values == 0; i++) {
        if (strcmp(a->modules[i].type, "Linear") == 0)
            values = whole(&a->modules[i], 0, "in_features", 0, 0);
        else if (strcmp(a->modules[i].type, "Flatten") != 0)
            break;
    }
    const size_t side = (size_t)lround(sqrt((double)values));
    if (values == 0 || (a->rank == 0 && side * side != values))
        return INV_ERROR(INV_ECONFIG,
                         "%s: does not say what images the net takes; add 'input: 1x28x28' "
                         "(channels x height x width)",
                         a->file);
    *out = side * side == values ? (inv_shape){side, side, 1} : (inv_shape){1, 1, values};
    return INV_OK;
}

static void describe(const importing *im, inv_shape shape)
{
    inv_model *model = im->model;
    const inv_arch *a = im->arch;
    model->channels_first = shape.channels > 1;
    model->input_rank = a->rank ? a->rank : 1;
    model->input_dims[0] = inv_shape_size(shape);
    for (size_t i = 0; i < a->rank; i++)
        model->input_dims[i] = a->dims[i];
    if (a->rank == 3)
        model->channels_first = true;
    if (strcmp(a->output, "logits") == 0)
        inv_model_note(model, "its outputs are logits");
}

inv_status inv_torch_import(const inv_tree *tree, const inv_import *how, inv_model *model,
                            inv_sketch *sketch)
{
    importing im = {.tree = tree, .model = model, .sketch = sketch};
    void *memory = NULL;
    inv_shape shape = {0};
    inv_place input;
    inv_status status = INV_OK;
    if (!how->arch)
        INV_FAIL(INV_ECONFIG,
                 "%s: holds parameters alone; give the architecture with --arch FILE, a module on "
                 "a line, as PyTorch's print(model) does",
                 inv_tree_name(tree));
    INV_TRY(inv_arch_read(how->arch_name, how->arch, &im.arch));
    INV_TRY(find_group(tree, how->key, &im.group));
    INV_TRY(list_stems(&im));
    find_prefix(&im);
    INV_TRY(inv_calloc(im.arch->count, sizeof *im.values, "modules", &memory));
    im.values = memory;
    INV_TRY(find_input(&im, &shape));
    INV_TRY(inv_model_input(how, model, sketch, shape, &input));
    for (size_t i = 0; i < im.arch->count; i++)
        INV_TRY(add_module(&im, i, &input));
    if (im.by_order)
        note_order(&im);
    const value *last = &im.values[im.arch->count - 1];
    if (last->order.channels)
        INV_FAIL(INV_ECONFIG, "%s: ends with images that are flattened; no classes come out",
                 im.arch->file);
    describe(&im, shape);
    INV_TRY(inv_sketch_build(sketch, &last->place, &model->net));
done:
    free(im.values);
    free(im.stems);
    inv_arch_free(im.arch);
    return status;
}
