/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "small.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/rng.h"
#include "invproj/train.h"
#include "support.h"

inv_dataset *small_data(void)
{
    inv_dataset *data = NULL;
    char *folder = support_folder();
    support_write_dataset(folder, SMALL_TRAIN, SMALL_TEST, SMALL_HEIGHT, SMALL_WIDTH, SMALL_CLASSES,
                          20160405);
    ck_assert_status(inv_dataset_open(folder, 255.0, &data), INV_OK);
    support_remove(folder);
    return data;
}

inv_net *small_net_for(const char *layers, inv_shape shape, size_t classes)
{
    char *text = NULL;
    inv_config *config = NULL;
    inv_net *net = NULL;
    gsl_rng *rng = NULL;
    ck_assert_int_gt(asprintf(&text, "layers = ( %s );", layers), 0);
    ck_assert_status(inv_config_read_text("small", text, &config), INV_OK);
    ck_assert_status(inv_net_build(config, "layers", shape, classes, &net), INV_OK);
    ck_assert_status(inv_rng_alloc(31, "small", &rng), INV_OK);
    inv_net_init(net, rng);
    inv_rng_free(rng);
    inv_config_free(config);
    free(text);
    return net;
}

inv_net *small_net(const char *layers)
{
    return small_net_for(layers, (inv_shape){SMALL_HEIGHT, SMALL_WIDTH, 1}, SMALL_CLASSES);
}

void small_train(inv_net *net, const inv_dataset *data, size_t steps)
{
    const inv_train_spec spec = {
        SMALL_USUAL,        .steps = steps,
        .batch = 60,        .loss = "cross_entropy",
        .reduction = "sum", .optimiser = {.type = "adagrad", .rate = 0.1, .accumulator = 0.1}};
    inv_learner *trainer = NULL;
    inv_train_report report;
    ck_assert_status(inv_trainer_alloc(&spec, net, data, 3, &trainer), INV_OK);
    while (inv_learner_count(trainer) < steps)
        ck_assert_status(inv_learner_step(trainer, &report), INV_OK);
    inv_learner_free(trainer);
}

int small_same_params(const inv_net *a, const inv_net *b)
{
    ck_assert_uint_eq(inv_net_size(a), inv_net_size(b));
    return memcmp(inv_net_params(a), inv_net_params(b), inv_net_size(a) * sizeof(float)) == 0;
}

small_saved small_save(const inv_array *state, size_t count, const inv_net *net)
{
    small_saved saved = {.count = count, .params = malloc(inv_net_size(net) * sizeof(float))};
    memcpy(saved.params, inv_net_params(net), inv_net_size(net) * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = state[i].count * inv_type_size(state[i].type);
        saved.state[i] = state[i];
        saved.state[i].data = malloc(bytes);
        memcpy(saved.state[i].data, state[i].data, bytes);
    }
    return saved;
}

void small_load(const small_saved *saved, const inv_array *state, size_t count, inv_net *net)
{
    ck_assert_uint_eq(saved->count, count);
    memcpy(inv_net_params(net), saved->params, inv_net_size(net) * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(saved->state[i].name, state[i].name);
        ck_assert_int_eq(saved->state[i].type, state[i].type);
        ck_assert_uint_eq(saved->state[i].count, state[i].count);
        memcpy(state[i].data, saved->state[i].data, state[i].count * inv_type_size(state[i].type));
    }
}

void small_saved_free(small_saved *saved)
{
    for (size_t i = 0; i < saved->count; i++)
        free(saved->state[i].data);
    free(saved->params);
}

void small_pixels(const inv_part *part, size_t i, double *x)
{
    for (size_t j = 0; j < part->pixels; j++)
        x[j] = ((const unsigned char *)part->images)[i * part->pixels + j] / 255.0;
}

/* ---- naive layers ---- */

static void dense(const inv_net *net, const inv_layer *layer, const double *x, double *y)
{
    const float *kernel = inv_net_params(net) + layer->blocks[0].offset;
    const float *bias = inv_net_params(net) + layer->blocks[1].offset;
    const size_t in = layer->blocks[0].dims[0], out = layer->blocks[0].dims[1];
    const int inverse = strcmp(layer->type->name, "inverse_dense") == 0;
    for (size_t j = 0; j < out; j++) {
        y[j] = inverse ? 0.0 : (double)bias[j];
        for (size_t i = 0; i < in; i++)
            y[j] += (x[i] - (inverse ? (double)bias[i] : 0.0)) * (double)kernel[i * out + j];
    }
}

static void softmax(const double *x, double *y, size_t n)
{
    double sum = 0.0;
    const double largest = x[small_top(x, n)];
    for (size_t j = 0; j < n; j++)
        sum += exp(x[j] - largest);
    for (size_t j = 0; j < n; j++)
        y[j] = exp(x[j] - largest) / sum;
}

static void squash(const double *x, double *y, size_t n, double width)
{
    double low = x[0], high = x[0];
    for (size_t j = 1; j < n; j++) {
        low = fmin(low, x[j]);
        high = fmax(high, x[j]);
    }
    for (size_t j = 0; j < n; j++)
        y[j] = ((x[j] - low) / (high - low) - 0.5) * width + 0.5;
}

static void one_layer(const inv_net *net, const inv_layer *layer, double width, const double *x,
                      double *y)
{
    const char *type = layer->type->name;
    const size_t n = inv_shape_size(layer->out);
    if (strcmp(type, "dense") == 0 || strcmp(type, "inverse_dense") == 0)
        dense(net, layer, x, y);
    else if (strcmp(type, "softmax") == 0)
        softmax(x, y, n);
    else if (strcmp(type, "squash") == 0)
        squash(x, y, n, width);
    else if (strcmp(type, "sigmoid") == 0)
        for (size_t j = 0; j < n; j++)
            y[j] = 1.0 / (1.0 + exp(-x[j]));
    else if (strcmp(type, "logit") == 0)
        for (size_t j = 0; j < n; j++)
            y[j] = log(x[j] / (1.0 - x[j]));
    else
        ck_abort_msg("no naive twin of %s", type);
}

void small_values(const inv_net *net, size_t first, size_t last, double width, const double *x,
                  double *y)
{
    double from[SMALL_WIDEST];
    memcpy(y, x, inv_net_units(net, first) * sizeof *y);
    for (size_t p = first; p < last; p++) {
        ck_assert_uint_le(inv_net_units(net, p), SMALL_WIDEST);
        ck_assert_uint_le(inv_net_units(net, p + 1), SMALL_WIDEST);
        memcpy(from, y, inv_net_units(net, p) * sizeof *y);
        one_layer(net, inv_net_layer(net, p), width, from, y);
    }
}

size_t small_top(const double *values, size_t n)
{
    size_t top = 0;
    for (size_t j = 1; j < n; j++)
        if (values[j] > values[top])
            top = j;
    return top;
}

gsl_matrix_float *small_matrix(size_t rows, size_t cols)
{
    gsl_matrix_float *m = gsl_matrix_float_calloc(rows, cols);
    ck_assert_ptr_nonnull(m);
    return m;
}

inv_part small_repeat(const inv_part *part, size_t count)
{
    const unsigned char *from_images = part->images;
    unsigned char *images = malloc(count * part->pixels);
    uint16_t *labels = malloc(count * sizeof *labels);
    ck_assert(images && labels);
    for (size_t i = 0; i < count; i++) {
        const size_t from = i % part->count;
        memcpy(images + i * part->pixels, from_images + from * part->pixels, part->pixels);
        labels[i] = part->labels[from];
    }
    inv_part repeated = *part;
    repeated.count = count;
    repeated.images = images;
    repeated.labels = labels;
    return repeated;
}
