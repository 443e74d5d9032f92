/* PyTorch: activations (torch_import.h).
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <string.h>

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
    {"Softshrink", "soft_shrink", {{0, "lambd", "lambda", 0.5}}},
    {"Hardshrink", "hard_shrink", {{0, "lambd", "lambda", 0.5}}},
    {"Hardtanh", "hard_tanh", {{0, "min_val", "low", -1.0}, {1, "max_val", "high", 1.0}}},
    {"Threshold", "threshold", {{0, "threshold", "threshold", 0.0}, {1, "value", "value", 0.0}}},
    {"ReLU6", "relu", {{SIZE_MAX, "", "max_value", 6.0}}},
};

/* A slope or height of 0 below 0 leaves a ReLU; PyTorch's CELU refuses it. */
static bool is_relu(const formula *f, const inv_arch_module *m)
{
    return f->settings[0].key && strcmp(f->settings[0].key, "alpha") == 0 &&
           strcmp(m->type, "CELU") != 0 &&
           fabs(inv_arch_number(m, 0, f->settings[0].argument, 0, 1.0)) <= 0.0;
}

static inv_status add_formula(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                              torch_value *out)
{
    const formula *f = formulas;
    while (strcmp(f->module, m->type) != 0)
        f++;
    if (strcmp(m->type, "Hardtanh") == 0 &&
        inv_arch_number(m, 0, "min_val", 0, -1.0) >= inv_arch_number(m, 1, "max_val", 0, 1.0))
        return WRONG("min_val must be less than max_val");
    if (is_relu(f, m))
        return torch_add_layer(im, m, "", json_pack("{ss}", "type", "relu"), in, out);
    json_t *settings = json_pack("{ss}", "type", f->layer);
    for (size_t i = 0; i < 2; i++)
        if (f->settings[i].key)
            json_object_set_new(
                settings, f->settings[i].key,
                json_real(inv_arch_number(m, f->settings[i].place, f->settings[i].argument, 0,
                                          f->settings[i].usual)));
    return torch_add_layer(im, m, "", settings, in, out);
}

/* Above 20, PyTorch's usual threshold, it is x to a float's last digit. */
static inv_status add_softplus(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                               torch_value *out)
{
    const double threshold = inv_arch_number(m, 1, "threshold", 0, 20.0);
    if (threshold <= 0.0)
        return WRONG("threshold=%g: one that is not above 0 is not known", threshold);
    return torch_add_layer(im, m, "",
                           json_pack("{ss sf sf}", "type", "softplus", "beta",
                                     inv_arch_number(m, 0, "beta", 0, 1.0), "threshold",
                                     threshold < 20.0 ? threshold : 0.0),
                           in, out);
}

/* Of slopes that are drawn while the net learns, the one between. */
static inv_status add_rrelu(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                            torch_value *out)
{
    const double lower = inv_arch_number(m, 0, "lower", 0, 1.0 / 8.0);
    const double upper = inv_arch_number(m, 1, "upper", 0, 1.0 / 3.0);
    if (lower > upper)
        return WRONG("lower must not be more than upper");
    return torch_add_layer(
        im, m, "", json_pack("{ss sf}", "type", "leaky_relu", "alpha", 0.5 * (lower + upper)), in,
        out);
}

static inv_status add_gelu(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                           torch_value *out)
{
    const bool approximate = strcmp(torch_text(m, 0, "approximate", "none"), "tanh") == 0;
    return torch_add_layer(
        im, m, "", json_pack("{ss sb}", "type", "gelu", "approximate", approximate), in, out);
}

static inv_status add_prelu(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                            torch_value *out)
{
    const size_t n = torch_whole(m, 0, "num_parameters", 0, 1);
    inv_status status = INV_OK;
    if (n != 1 && n != in->place.shape.channels)
        return WRONG("has %zu slopes, but %zu channels come in", n, in->place.shape.channels);
    INV_TRY(torch_add_layer(im, m, "",
                            json_pack("{ss sb sb sb}", "type", "prelu", "share_height", 1,
                                      "share_width", 1, "share_channels", n == 1),
                            in, out));
    INV_TRY(torch_put_vector(im, m, &out->place, "weight", n > 1 ? in->order : (inv_shape){0}, n,
                             "alpha"));
done:
    return status;
}

static bool is_channels(const inv_arch_module *m, const torch_value *in, const char *key,
                        double usual)
{
    const double dim = inv_arch_number(m, 0, key, 0, usual);
    const double last = in->is_line ? -2.0 : torch_is_flat(in) ? -1.0 : -3.0;
    return (dim >= 1.0 && dim <= 1.0) || (dim >= last && dim <= last);
}

/* Of rows over the classes, of images over the channels of each pixel. Softmin is that of -x. */
static inv_status add_softmax(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                              torch_value *out)
{
    const bool is_row = torch_is_flat(in), is_image = strcmp(m->type, "Softmax2d") == 0;
    const inv_arch_arg *dim = inv_arch_find(m, 0, "dim");
    torch_value v = *in;
    if (!is_image && in->is_line && (!dim || dim->count == 0))
        return WRONG("without its dim is over the batch, where values have three axes; say dim=1");
    if (!is_image && !is_channels(m, in, "dim", 1.0))
        return WRONG("along another axis than the classes or channels is not known");
    if (strcmp(m->type, "Softmin") == 0) {
        inv_status status = torch_add_layer(
            im, m, ".minus", json_pack("{ss sf}", "type", "rescale", "scale", -1.0), in, &v);
        if (status != INV_OK)
            return status;
    }
    const char *type = m->type[0] == 'L' ? "log_softmax" : "softmax";
    return torch_add_layer(im, m, "",
                           is_row ? json_pack("{ss}", "type", type)
                                  : json_pack("{ss ss}", "type", type, "over", "channels"),
                           &v, out);
}

static inv_status add_glu(torch_importing *im, const inv_arch_module *m, const torch_value *in,
                          torch_value *out)
{
    torch_value v;
    if (!is_channels(m, in, "dim", -1.0))
        return WRONG("along another axis than channels or values is not known");
    inv_status status = torch_straight(im, m, in, &v);
    return status == INV_OK ? torch_add_layer(im, m, "", json_pack("{ss}", "type", "glu"), &v, out)
                            : status;
}

const torch_type torch_activation_types[] = {
    {"ReLU", NULL, add_formula, "inplace"},
    {"Sigmoid", NULL, add_formula, ""},
    {"Tanh", NULL, add_formula, ""},
    {"SELU", NULL, add_formula, "inplace"},
    {"SiLU", NULL, add_formula, "inplace"},
    {"Mish", NULL, add_formula, "inplace"},
    {"Softsign", NULL, add_formula, ""},
    {"Hardswish", NULL, add_formula, "inplace"},
    {"Hardsigmoid", NULL, add_formula, "inplace"},
    {"LogSigmoid", NULL, add_formula, ""},
    {"Tanhshrink", NULL, add_formula, ""},
    {"LeakyReLU", NULL, add_formula, "negative_slope inplace"},
    {"ELU", NULL, add_formula, "alpha inplace"},
    {"CELU", NULL, add_formula, "alpha inplace"},
    {"Softshrink", NULL, add_formula, "lambd"},
    {"Hardshrink", NULL, add_formula, "lambd"},
    {"Hardtanh", NULL, add_formula, "min_val max_val inplace"},
    {"Threshold", NULL, add_formula, "threshold value inplace"},
    {"ReLU6", NULL, add_formula, "inplace"},
    {"Softplus", NULL, add_softplus, "beta threshold"},
    {"RReLU", NULL, add_rrelu, "lower upper inplace"},
    {"GELU", NULL, add_gelu, "approximate"},
    {"GLU", NULL, add_glu, "dim"},
    {"PReLU", "weight", add_prelu, "num_parameters init"},
    {"Softmax", NULL, add_softmax, "dim"},
    {"Softmax2d", NULL, add_softmax, ""},
    {"Softmin", NULL, add_softmax, "dim"},
    {"LogSoftmax", NULL, add_softmax, "dim"},
    {NULL, NULL, NULL, NULL},
};

bool torch_is_activation(const char *type)
{
    for (const torch_type *t = torch_activation_types; t->name; t++)
        if (strcmp(t->name, type) == 0)
            return true;
    return false;
}
