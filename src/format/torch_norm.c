/* PyTorch: norms (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* An InstanceNorm has neither, unless it says so. */
bool torch_is_affine(const inv_arch_module *m)
{
    const bool instance = m->type[0] == 'I';
    if (m->type[0] == 'L' || m->type[0] == 'R')
        return torch_yes(m, 2, "elementwise_affine", true);
    return torch_yes(m, 3, "affine", !instance);
}

bool torch_tracks(const inv_arch_module *m)
{
    const bool instance = m->type[0] == 'I';
    return (instance || strstr(m->type, "Batch")) &&
           torch_yes(m, 4, "track_running_stats", !instance);
}

/* By its name alone, but for a LayerNorm. */
static bool has_beta(const inv_arch_module *m)
{
    return m->type[0] != 'R' && torch_is_affine(m) &&
           torch_yes(m, m->type[0] == 'L' ? 3 : SIZE_MAX, "bias", true);
}

/* gamma and beta. */
static inv_status put_affine(torch_importing *im, const inv_arch_module *m, inv_shape order,
                             size_t count, bool gamma, bool beta, const inv_place *at)
{
    inv_status status = INV_OK;
    if (gamma)
        INV_TRY(torch_put_vector(im, m, at, "weight", order, count, "gamma"));
    if (beta)
        INV_TRY(torch_put_vector(im, m, at, "bias", order, count, "beta"));
done:
    return status;
}

/* BatchNorm, and InstanceNorm with running statistics, which is the same once it does not learn. */
static inv_status add_batch_norm(torch_importing *im, const inv_arch_module *m,
                                 const torch_value *in, torch_value *out)
{
    const size_t n = torch_whole(m, 0, "num_features", 0, 0);
    const bool gamma = torch_is_affine(m), beta = has_beta(m);
    inv_status status = INV_OK;
    if (in->place.shape.channels != n)
        return WRONG("takes %zu channels or values, but %zu come in", n, in->place.shape.channels);
    if (!torch_tracks(m))
        return WRONG("track_running_stats=False: what it does depends on the batch; where the file "
                     "has '%s.running_mean', say True",
                     m->name);
    INV_TRY(torch_add_layer(im, m, "",
                            json_pack("{ss sf sb sb}", "type", "batch_norm", "epsilon",
                                      inv_arch_number(m, 1, "eps", 0, 1e-5), "use_gamma", gamma,
                                      "use_beta", beta),
                            in, out));
    INV_TRY(put_affine(im, m, in->order, n, gamma, beta, &out->place));
    INV_TRY(torch_put_vector(im, m, &out->place, "running_mean", in->order, n, "mean"));
    INV_TRY(torch_put_vector(im, m, &out->place, "running_var", in->order, n, "variance"));
done:
    return status;
}

/* GroupNorm and InstanceNorm, whose groups are single channels. */
static inv_status add_group_norm(torch_importing *im, const inv_arch_module *m,
                                 const torch_value *in, torch_value *out)
{
    const bool instance = m->type[0] == 'I';
    const size_t n =
        torch_whole(m, instance ? 0 : 1, instance ? "num_features" : "num_channels", 0, 0);
    const size_t groups = instance ? n : torch_whole(m, 0, "num_groups", 0, 0);
    const bool gamma = torch_is_affine(m), beta = has_beta(m);
    torch_value row;
    inv_status status = INV_OK;
    if (torch_tracks(m))
        return add_batch_norm(im, m, in, out);
    INV_TRY(torch_straight(im, m, in, &row));
    INV_TRY(torch_check_channels(im, m, &row, n));
    INV_TRY(torch_add_layer(im, m, "",
                            json_pack("{ss sI sf sb sb}", "type", "group_norm", "groups",
                                      (json_int_t)groups, "epsilon",
                                      inv_arch_number(m, instance ? 1 : 2, "eps", 0, 1e-5),
                                      "use_gamma", gamma, "use_beta", beta),
                            &row, out));
    INV_TRY(put_affine(im, m, (inv_shape){0}, n, gamma, beta, &out->place));
done:
    return status;
}

/* Which axes a norm is over: the last of channels, height and width, as many as it names. */
static bool find_axes(const inv_arch_module *m, const torch_value *in, bool over[3])
{
    const inv_arch_arg *given = inv_arch_find(m, 0, "normalized_shape");
    const inv_shape s = in->place.shape;
    const size_t sizes[3] = {s.channels, s.height, s.width}, rank = in->is_line ? 2 : 3;
    double all = 1.0;
    if (!given || given->count == 0)
        return false;
    for (size_t i = 0; i < given->count; i++)
        all *= given->values[i];
    memcpy(over, (const bool[3]){true, true, true}, 3 * sizeof *over);
    if (fabs(all - (double)inv_shape_size(s)) < 0.5)
        return true;
    if (torch_is_flat(in) || given->count >= rank)
        return false;
    for (size_t i = 0; i < rank; i++) {
        const size_t from_end = rank - i;
        over[i] = from_end <= given->count;
        if (over[i] && fabs(given->values[given->count - from_end] - (double)sizes[i]) > 0.5)
            return false;
    }
    return true;
}

/* LayerNorm and RMSNorm, whose epsilon is by default that of a float. */
static inv_status add_layer_norm(torch_importing *im, const inv_arch_module *m,
                                 const torch_value *in, torch_value *out)
{
    const bool is_rms = m->type[0] == 'R';
    const inv_shape s = in->place.shape;
    const bool gamma = torch_is_affine(m), beta = has_beta(m);
    bool over[3];
    inv_status status = INV_OK;
    if (!find_axes(m, in, over))
        return WRONG("is over other sizes than the %zu x %zu x %zu that come in", s.channels,
                     s.height, s.width);
    const size_t count =
        (over[0] ? s.channels : 1) * (over[1] ? s.height : 1) * (over[2] ? s.width : 1);
    INV_TRY(torch_add_layer(
        im, m, "",
        json_pack("{ss sf sb sb sb sb sb sb}", "type", "layer_norm", "epsilon",
                  inv_arch_number(m, 1, "eps", 0, is_rms ? (double)FLT_EPSILON : 1e-5),
                  "over_height", over[1], "over_width", over[2], "over_channels", over[0],
                  "subtract_mean", !is_rms, "use_gamma", gamma, "use_beta", beta),
        in, out));
    const bool turned = over[0] && !torch_is_flat(in);
    INV_TRY(put_affine(im, m, turned ? s : in->order, count, gamma, beta, &out->place));
done:
    return status;
}

static inv_status add_local_response_norm(torch_importing *im, const inv_arch_module *m,
                                          const torch_value *in, torch_value *out)
{
    const size_t size = torch_whole(m, 0, "size", 0, 0);
    if (size < 1 || torch_is_flat(in))
        return WRONG("takes images, and a window of some channels");
    return torch_add_layer(im, m, "",
                           json_pack("{ss sI sI sf sf sf}", "type", "lrn", "size", (json_int_t)size,
                                     "before", (json_int_t)(size / 2), "alpha",
                                     inv_arch_number(m, 1, "alpha", 0, 1e-4), "beta",
                                     inv_arch_number(m, 2, "beta", 0, 0.75), "bias",
                                     inv_arch_number(m, 3, "k", 0, 1.0)),
                           in, out);
}

/* Not of PyTorch: what export writes of a layer that rescales each channel, such as a preparation. */
static inv_status add_affine(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                             torch_value *out)
{
    const size_t n = torch_whole(m, 0, "size", 0, 0);
    inv_status status = INV_OK;
    if (in->place.shape.channels != n)
        return WRONG("takes %zu channels, but %zu come in", n, in->place.shape.channels);
    INV_TRY(torch_add_layer(im, m, "", json_pack("{ss ss}", "type", "rescale", "per", "channel"),
                            in, out));
    INV_TRY(torch_put_vector(im, m, &out->place, "scale", in->order, n, "scale"));
    INV_TRY(torch_put_vector(im, m, &out->place, "offset", in->order, n, "offset"));
done:
    return status;
}

const torch_type torch_norm_types[] = {
    {"BatchNorm1d", "running_mean", add_batch_norm,
     "num_features eps momentum affine track_running_stats bias"},
    {"BatchNorm2d", "running_mean", add_batch_norm,
     "num_features eps momentum affine track_running_stats bias"},
    {"SyncBatchNorm", "running_mean", add_batch_norm,
     "num_features eps momentum affine track_running_stats process_group bias"},
    {"LayerNorm", "weight", add_layer_norm, "normalized_shape eps elementwise_affine bias"},
    {"RMSNorm", "weight", add_layer_norm, "normalized_shape eps elementwise_affine"},
    {"GroupNorm", "weight", add_group_norm, "num_groups num_channels eps affine bias"},
    {"InstanceNorm1d", "running_mean", add_group_norm,
     "num_features eps momentum affine track_running_stats bias"},
    {"InstanceNorm2d", "running_mean", add_group_norm,
     "num_features eps momentum affine track_running_stats bias"},
    {"Affine", "scale", add_affine, "size shape"},
    {"LocalResponseNorm", NULL, add_local_response_norm, "size alpha beta k"},
    {NULL, NULL, NULL, NULL},
};
