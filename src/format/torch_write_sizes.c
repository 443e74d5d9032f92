/* Layers of other sizes than they take, and windows over channels, as modules of PyTorch
 * (torch_writer.h).
 * Source of each module's arithmetic: PyTorch 2.15, torch.nn.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "format/torch_writer.h"

/* ---- rows and columns ---- */

inv_spot torch_write_pad(writer *w, inv_spot in)
{
    static const char *const modes[][2] = {
        {"edge", "Replication"}, {"reflect", "Reflection"}, {"wrap", "Circular"}};
    const char *sign = inv_exporting_is(w->layer, "crop") ? "-" : "", *type = "Constant";
    const char *mode = inv_exporting_word(w->layer, "mode");
    for (size_t i = 0; i < 3; i++)
        type = strcmp(mode, modes[i][0]) == 0 ? modes[i][1] : type;
    const char *value = strcmp(type, "Constant") != 0
                            ? ""
                            : TEXT(", %s", torch_real(w, inv_exporting_real(w->layer, "value")));
    const char *x = torch_image(w, in, w->layer->in).text;
    const char *text = TEXT(
        "nn.%sPad2d((%s%zu, %s%zu, %s%zu, %s%zu)%s)", type, sign,
        inv_exporting_size(w->layer, "left"), sign, inv_exporting_size(w->layer, "right"), sign,
        inv_exporting_size(w->layer, "top"), sign, inv_exporting_size(w->layer, "bottom"), value);
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

/* The size that comes out; or, where a step is said, by how much larger, which must give that size. */
static const char *upsampled_size(writer *w)
{
    const inv_shape in = w->layer->in, out = w->layer->out;
    const double steps[2] = {inv_exporting_real(w->layer, "step_height"),
                             inv_exporting_real(w->layer, "step_width")};
    double factors[2] = {(double)out.height / (double)in.height,
                         (double)out.width / (double)in.width};
    if (!(steps[0] > 0.0) && !(steps[1] > 0.0))
        return TEXT("size=(%zu, %zu)", out.height, out.width);
    for (size_t i = 0; i < 2; i++) {
        const double n = (double)(i ? in.width : in.height);
        factors[i] = steps[i] > 0.0 ? 1.0 / steps[i] : factors[i];
        if (fabs(floor(n * factors[i]) - (double)(i ? out.width : out.height)) > 0.5)
            inv_exporting_refuse(w->e, w->layer, "PyTorch takes no step that gives other sizes");
    }
    return TEXT("scale_factor=(%s, %s)", torch_real(w, factors[0]), torch_real(w, factors[1]));
}

inv_spot torch_write_upsample(writer *w, inv_spot in)
{
    const char *how = inv_exporting_word(w->layer, "interpolation");
    const bool is_linear = strcmp(how, "bilinear") == 0;
    const bool corners = inv_exporting_size(w->layer, "align_corners");
    const char *x = torch_image(w, in, w->layer->in).text;
    if (strcmp(how, "bilinear_corner") == 0)
        inv_exporting_refuse(w->e, w->layer, "PyTorch counts pixels from their centres");
    const char *mode = strcmp(how, "nearest_centre") == 0 ? "nearest-exact" : how;
    const char *text = TEXT("nn.Upsample(%s, mode='%s'%s)", upsampled_size(w), mode,
                            !is_linear ? ""
                            : corners  ? ", align_corners=True"
                                       : ", align_corners=False");
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

/* A slice cannot go backwards, a turned image can. */
inv_spot torch_write_slice(writer *w, inv_spot in)
{
    const char *axis = inv_exporting_word(w->layer, "axis");
    const size_t at = strcmp(axis, "height") == 0 ? 2 : strcmp(axis, "width") == 0 ? 3 : 1;
    const inv_shape s = w->layer->in, out = w->layer->out;
    const size_t n = at == 2 ? s.height : at == 3 ? s.width : s.channels;
    const size_t count = at == 2 ? out.height : at == 3 ? out.width : out.channels;
    const size_t step = inv_exporting_size(w->layer, "step");
    const bool backwards = inv_exporting_size(w->layer, "backwards");
    size_t first = inv_exporting_size(w->layer, "first");
    const char *x = torch_image(w, in, s).text;
    if (backwards) {
        x = TEXT("%s.flip(%zu)", x, at);
        first = n - 1 - first;
    }
    torch_not_in_arch(w, "Slice");
    return (inv_spot){.text = TEXT("%s[%s%zu:%zu:%zu]", x,
                                   at == 3   ? ":, :, :, "
                                   : at == 2 ? ":, :, "
                                             : ":, ",
                                   first, first + (count - 1) * step + 1, step),
                      .is_image = true};
}

inv_spot torch_write_adaptive(writer *w, inv_spot in)
{
    const bool is_max = inv_exporting_is(w->layer, "adaptive_max_pool");
    const inv_shape out = w->layer->out;
    const char *x = torch_image(w, in, w->layer->in).text;
    const char *text =
        TEXT("nn.Adaptive%sPool2d((%zu, %zu))", is_max ? "Max" : "Avg", out.height, out.width);
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}

/* ---- channels ---- */

/* depth_to_space, space_to_depth: PyTorch's have the pixels of a block side by side. */
inv_spot torch_write_blocks(writer *w, inv_spot in)
{
    const bool to_space = inv_exporting_is(w->layer, "depth_to_space");
    const size_t b = inv_exporting_size(w->layer, "block");
    const char *x = torch_image(w, in, w->layer->in).text;
    if (strcmp(inv_exporting_word(w->layer, "order"), "crd") == 0) {
        const char *text = TEXT(to_space ? "nn.PixelShuffle(%zu)" : "nn.PixelUnshuffle(%zu)", b);
        return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
    }
    torch_not_in_arch(w, w->layer->type->name);
    if (to_space)
        x = TEXT("F.pixel_shuffle(%s.unflatten(1, (%zu, -1)).transpose(1, 2).flatten(1, 2), %zu)",
                 x, b * b, b);
    else
        x = TEXT("F.pixel_unshuffle(%s, %zu).unflatten(1, (-1, %zu)).transpose(1, 2).flatten(1, 2)",
                 x, b, b * b);
    return (inv_spot){.text = x, .is_image = true};
}

inv_spot torch_write_lrn(writer *w, inv_spot in)
{
    const size_t size = inv_exporting_size(w->layer, "size");
    const char *x = torch_image(w, in, w->layer->in).text;
    if (inv_exporting_size(w->layer, "before") != size / 2)
        inv_exporting_refuse(w->e, w->layer, "PyTorch's windows lie otherwise around a channel");
    const char *text = TEXT("nn.LocalResponseNorm(%zu, alpha=%s, beta=%s, k=%s)", size,
                            torch_real(w, inv_exporting_real(w->layer, "alpha")),
                            torch_real(w, inv_exporting_real(w->layer, "beta")),
                            torch_real(w, inv_exporting_real(w->layer, "bias")));
    return (inv_spot){.text = torch_module(w, text, x), .is_image = true};
}
