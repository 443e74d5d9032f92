/* PyTorch: pools (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <string.h>

/* Windows along one axis as PyTorch counts them: with ceil_mode one more may begin in the image or
 * the padding before it. How far the last reaches beyond the padding behind. */
static size_t reach_beyond(size_t n, size_t size, size_t stride, size_t pad, bool ceil_mode)
{
    const size_t all = n + 2 * pad;
    if (!ceil_mode || all < size || stride == 0)
        return 0;
    size_t count = (all - size + stride - 1) / stride + 1;
    if ((count - 1) * stride >= n + pad)
        count--;
    const size_t reach = (count - 1) * stride + size;
    return reach > all ? reach - all : 0;
}

typedef struct pooling {
    size_t size[2], stride[2], dilation[2];
    size_t pad[2], more[2]; /* beyond the padding, below and on the right */
} pooling;

static inv_status read_pool(const torch_importing *im, const inv_arch_module *m, size_t first,
                            const torch_value *in, pooling *p)
{
    const inv_shape s = in->place.shape;
    const bool is_max = m->type[0] == 'M', is_power = m->type[0] == 'L';
    const size_t n[2] = {s.height, s.width}, place = is_max ? 5 : 3;
    const bool ceil_mode = torch_yes(m, place, "ceil_mode", false);
    const inv_arch_arg *stride = inv_arch_find(m, first + 1, "stride");
    *p = (pooling){.dilation = {1, 1}};
    torch_sizes(m, first, "kernel_size", 0, 1, p->size);
    torch_sizes(m, first + 1, "stride", 1, 1, p->stride);
    if (!stride || stride->count == 0)
        memcpy(p->stride, p->size, sizeof p->stride);
    if (!is_power)
        torch_sizes(m, 2, "padding", 0, 0, p->pad);
    if (is_max)
        torch_sizes(m, 3, "dilation", 1, 1, p->dilation);
    for (size_t i = 0; i < 2; i++) {
        if (2 * p->pad[i] > p->size[i])
            return WRONG("padding=%zu is more than half of a window of %zu, which PyTorch refuses",
                         p->pad[i], p->size[i]);
        p->more[i] = reach_beyond(n[i], (p->size[i] - 1) * p->dilation[i] + 1, p->stride[i],
                                  p->pad[i], ceil_mode);
    }
    return torch_check_channels(im, m, in, s.channels);
}

/* The image with zeros around it, up to the last window's end where `all`. */
static inv_status pad_zeros(torch_importing *im, const inv_arch_module *m, pooling *p, bool all,
                            const torch_value *in, torch_value *out)
{
    const size_t pads[4] = {p->pad[0], p->pad[0] + (all ? p->more[0] : 0), p->pad[1],
                            p->pad[1] + (all ? p->more[1] : 0)};
    memset(p->pad, 0, sizeof p->pad);
    if (all)
        memset(p->more, 0, sizeof p->more);
    *out = *in;
    if (pads[0] + pads[1] + pads[2] + pads[3] == 0)
        return INV_OK;
    return torch_add_layer(im, m, ".pad", torch_pad_keys("constant", 0.0, pads), in, out);
}

static json_t *pool_keys(const char *type, const pooling *p)
{
    const size_t pads[4] = {p->pad[0], p->pad[0] + p->more[0], p->pad[1], p->pad[1] + p->more[1]};
    json_t *keys = torch_window_keys(type, p->size, p->stride, pads);
    torch_dilate(keys, p->dilation);
    return keys;
}

static inv_status add_max_pool(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                               torch_value *out)
{
    pooling p;
    inv_status status = read_pool(im, m, 0, in, &p);
    return status == INV_OK ? torch_add_layer(im, m, "", pool_keys("max_pool", &p), in, out)
                            : status;
}

/* What print(model) does not show of an AvgPool, where it would matter: a divisor always would. */
static void note_average(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                         const pooling *p)
{
    const size_t n[2] = {in->place.shape.height, in->place.shape.width};
    const bool padded = p->pad[0] + p->pad[1] > 0, divides = !torch_is_over_line(m);
    bool rest = false;
    if (!im->arch->is_printed || m->arg_count > 3)
        return;
    for (size_t i = 0; i < 2; i++)
        rest = rest || reach_beyond(n[i], p->size[i], p->stride[i], p->pad[i], true) > 0;
    if (padded || rest || divides)
        inv_model_note(im->model, "%s: print(model) does not show%s%s%s; taken to be%s%s%s",
                       m->name, padded ? " count_include_pad" : "", rest ? " ceil_mode" : "",
                       divides ? " divisor_override" : "", padded ? " True" : "",
                       rest ? " False" : "", divides ? " None" : "");
}

/* With a divisor of its own it is the sum over that, zeros around counted. */
static inv_status add_avg_pool(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                               torch_value *out)
{
    const double divisor = inv_arch_number(m, 5, "divisor_override", 0, 0.0);
    pooling p;
    torch_value padded = *in;
    inv_status status = INV_OK;
    INV_TRY(read_pool(im, m, 0, in, &p));
    note_average(im, m, in, &p);
    if (divisor > 0.0 || torch_yes(m, 4, "count_include_pad", true))
        INV_TRY(pad_zeros(im, m, &p, divisor > 0.0, in, &padded));
    INV_TRY(torch_add_layer(im, m, "", pool_keys("avg_pool", &p), &padded, out));
    if (divisor > 0.0)
        INV_TRY(torch_add_layer(im, m, ".times",
                                json_pack("{ss sf}", "type", "rescale", "scale",
                                          (double)(p.size[0] * p.size[1]) / divisor),
                                out, out));
done:
    return status;
}

/* LPPool2d: y = (sum of x^p over a window)^(1/p), worked as PyTorch does: the mean, times the window. */
static inv_status add_power_pool(torch_importing *im, const inv_arch_module *m,
                                 const torch_value *in, torch_value *out)
{
    const bool is_square = torch_whole(m, 0, "norm_type", 0, 0) == 2;
    pooling p;
    inv_status status = INV_OK;
    INV_TRY(read_pool(im, m, 1, in, &p));
    *out = *in;
    if (is_square)
        INV_TRY(torch_add_layer(im, m, ".square", json_pack("{ss}", "type", "square"), out, out));
    INV_TRY(torch_add_layer(im, m, "", pool_keys("avg_pool", &p), out, out));
    INV_TRY(torch_add_layer(
        im, m, ".times",
        json_pack("{ss sf}", "type", "rescale", "scale", (double)(p.size[0] * p.size[1])), out,
        out));
    if (is_square)
        INV_TRY(torch_add_layer(im, m, ".root", json_pack("{ss}", "type", "sqrt"), out, out));
done:
    return status;
}

/* Windows of one size where the image divides into them; None leaves an axis as it is. */
static inv_status add_adaptive(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                               torch_value *out)
{
    static const size_t none[4] = {0, 0, 0, 0};
    const bool is_max = strstr(m->type, "Max");
    const inv_shape s = in->place.shape;
    const bool line = torch_is_over_line(m);
    const size_t high = torch_whole(m, 0, "output_size", 0, s.height);
    const size_t wide = line ? 1 : torch_whole(m, 0, "output_size", 1, s.width);
    const size_t rows = high ? high : s.height, columns = wide ? wide : s.width;
    inv_status status = torch_check_channels(im, m, in, s.channels);
    if (status != INV_OK)
        return status;
    if (rows == 1 && columns == 1)
        return torch_add_layer(
            im, m, "", json_pack("{ss}", "type", is_max ? "global_max_pool" : "global_avg_pool"),
            in, out);
    if (s.height % rows || s.width % columns)
        return torch_add_layer(im, m, "",
                               json_pack("{ss sI sI}", "type",
                                         is_max ? "adaptive_max_pool" : "adaptive_avg_pool",
                                         "height", (json_int_t)rows, "width", (json_int_t)columns),
                               in, out);
    const size_t size[2] = {s.height / rows, s.width / columns};
    return torch_add_layer(
        im, m, "", torch_window_keys(is_max ? "max_pool" : "avg_pool", size, size, none), in, out);
}

const torch_type torch_pool_types[] = {
    {"MaxPool2d", NULL, add_max_pool,
     "kernel_size stride padding dilation return_indices ceil_mode"},
    {"MaxPool1d", NULL, add_max_pool,
     "kernel_size stride padding dilation return_indices ceil_mode"},
    {"AvgPool2d", NULL, add_avg_pool,
     "kernel_size stride padding ceil_mode count_include_pad divisor_override"},
    {"AvgPool1d", NULL, add_avg_pool, "kernel_size stride padding ceil_mode count_include_pad"},
    {"LPPool2d", NULL, add_power_pool, "norm_type kernel_size stride ceil_mode"},
    {"LPPool1d", NULL, add_power_pool, "norm_type kernel_size stride ceil_mode"},
    {"AdaptiveAvgPool2d", NULL, add_adaptive, "output_size"},
    {"AdaptiveAvgPool1d", NULL, add_adaptive, "output_size"},
    {"AdaptiveMaxPool2d", NULL, add_adaptive, "output_size return_indices"},
    {"AdaptiveMaxPool1d", NULL, add_adaptive, "output_size return_indices"},
    {NULL, NULL, NULL, NULL},
};
