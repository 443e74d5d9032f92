/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/parametrise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct method {
    const char *type;
    const inv_field *fields;
    void (*values)(inv_parametrisation *p, const gsl_matrix_float *v, gsl_matrix_float *x);
    void (*gradients)(inv_parametrisation *p, const gsl_matrix_float *v, const gsl_matrix_float *x,
                      const gsl_matrix_float *dx, gsl_matrix_float *dv);
    void (*nearest)(inv_parametrisation *p, const gsl_matrix_float *x, gsl_matrix_float *v);
} method;

struct inv_parametrisation {
    const method *method;
    inv_writing writing;
    size_t units, rows, variables;
    gsl_matrix_float *scaled; /* [rows, variables]: of whitened and fourier */
};

const inv_choice inv_parametrisation_types[] = {
    {"direct", "the variables are the values"},
    {"sigmoid", "the values lie within the bounds: low + (high - low) / (1 + exp(-v))"},
    {"whitened", "coordinates along principal components of the training images, in deviations"},
    {"fourier", "coordinates along waves, in deviations that the training images have along them"},
    {"waves", "coordinates along waves that are the smaller the shorter they are; of no images"},
    {"mask", "a factor for each value of a target image"},
    {0}};
static const inv_choice kinds_of[] = {
    {"all", "all training images"}, {"class", "those of the requested class"}, {0}};

#define FIELD(key, type, ...)                                                                      \
    {                                                                                              \
#key, type, offsetof(inv_parametrisation_spec, key), __VA_ARGS__                           \
    }
#define TYPE                                                                                       \
    FIELD(type, INV_FIELD_NAME, .choices = inv_parametrisation_types,                              \
          .help = "how variables become values")
#define PENALTY                                                                                    \
    FIELD(penalty, INV_FIELD_REAL, 0.0, 1e12,                                                      \
          .help = "weight of a Gaussian prior: half the mean square of the variables")

static const inv_field plain_fields[] = {TYPE, {0}};
static const inv_field fourier_fields[] = {TYPE, PENALTY, {0}};
static const inv_field whitened_fields[] = {
    TYPE,
    FIELD(of, INV_FIELD_NAME, .choices = kinds_of,
          .help = "images whose mean and principal components are used"),
    FIELD(components, INV_FIELD_SIZE, 0, INV_GAUSSIAN_UNITS,
          .help = "number of principal components; 0: as many as the data have"),
    PENALTY,
    {0}};

/* ---- direct ---- */

static void copy(const gsl_matrix_float *from, gsl_matrix_float *to)
{
    for (size_t i = 0; i < to->size1; i++)
        memcpy(to->data + i * to->tda, from->data + i * from->tda, to->size2 * sizeof(float));
}

static void direct_values(inv_parametrisation *p, const gsl_matrix_float *v, gsl_matrix_float *x)
{
    (void)p;
    copy(v, x);
}

static void direct_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                             const gsl_matrix_float *x, const gsl_matrix_float *dx,
                             gsl_matrix_float *dv)
{
    (void)p, (void)v, (void)x;
    copy(dx, dv);
}

/* ---- sigmoid ---- */

/* The part of the bounds that a start stays away from each: nothing moves where the gradient is 0. */
#define EDGE 1e-3

static void sigmoid_values(inv_parametrisation *p, const gsl_matrix_float *v, gsl_matrix_float *x)
{
    const double low = p->writing.bounds.low, span = p->writing.bounds.high - low;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            x->data[i * x->tda + j] =
                (float)(low + span / (1.0 + exp(-(double)v->data[i * v->tda + j])));
}

static void sigmoid_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                              const gsl_matrix_float *x, const gsl_matrix_float *dx,
                              gsl_matrix_float *dv)
{
    const double span = p->writing.bounds.high - p->writing.bounds.low;
    (void)x;
    for (size_t i = 0; i < dv->size1; i++)
        for (size_t j = 0; j < dv->size2; j++) {
            const double s = 1.0 / (1.0 + exp(-(double)v->data[i * v->tda + j]));
            dv->data[i * dv->tda + j] = (float)(span * s * (1.0 - s) * dx->data[i * dx->tda + j]);
        }
}

static void sigmoid_nearest(inv_parametrisation *p, const gsl_matrix_float *x, gsl_matrix_float *v)
{
    const double low = p->writing.bounds.low, span = p->writing.bounds.high - low;
    for (size_t i = 0; i < v->size1; i++)
        for (size_t j = 0; j < v->size2; j++) {
            const double part = (x->data[i * x->tda + j] - low) / span;
            const double s = fmin(fmax(part, EDGE), 1.0 - EDGE);
            v->data[i * v->tda + j] = (float)log(s / (1.0 - s));
        }
}

/* ---- whitened and fourier ---- */

/* How many rows from `first` on have the same axes. */
static size_t alike(const inv_parametrisation *p, size_t first, size_t rows)
{
    size_t n = 1;
    while (first + n < rows && p->writing.of[first + n] == p->writing.of[first])
        n++;
    return n;
}

static gsl_matrix_float rows_of(const gsl_matrix_float *m, size_t first, size_t n)
{
    gsl_matrix_float part = inv_mat_head(m, n);
    part.data += first * m->tda;
    return part;
}

static void axes_values(inv_parametrisation *p, const gsl_matrix_float *v, gsl_matrix_float *x)
{
    gsl_matrix_float *scaled = p->scaled;
    for (size_t i = 0; i < v->size1; i++)
        for (size_t k = 0; k < v->size2; k++)
            scaled->data[i * scaled->tda + k] =
                v->data[i * v->tda + k] * p->writing.of[i]->deviation[k];
    for (size_t first = 0, n; first < v->size1; first += n) {
        const inv_gaussian *g = p->writing.of[first];
        n = alike(p, first, v->size1);
        const gsl_matrix_float axes = inv_mat_over(g->axes, p->variables, p->units);
        const gsl_matrix_float from = rows_of(scaled, first, n);
        gsl_matrix_float to = rows_of(x, first, n);
        inv_mat_affine(&from, &axes, g->mean, &to);
    }
}

static void axes_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                           const gsl_matrix_float *x, const gsl_matrix_float *dx,
                           gsl_matrix_float *dv)
{
    (void)v, (void)x;
    for (size_t first = 0, n; first < dv->size1; first += n) {
        const inv_gaussian *g = p->writing.of[first];
        n = alike(p, first, dv->size1);
        const gsl_matrix_float axes = inv_mat_over(g->axes, p->variables, p->units);
        const gsl_matrix_float from = rows_of(dx, first, n);
        gsl_matrix_float to = rows_of(dv, first, n);
        inv_mat_times_transposed(&from, &axes, &to);
    }
    for (size_t i = 0; i < dv->size1; i++)
        for (size_t k = 0; k < dv->size2; k++)
            dv->data[i * dv->tda + k] *= p->writing.of[i]->deviation[k];
}

static void axes_nearest(inv_parametrisation *p, const gsl_matrix_float *x, gsl_matrix_float *v)
{
    for (size_t i = 0; i < v->size1; i++) {
        inv_gaussian g = *p->writing.of[i];
        g.components = p->variables;
        inv_gaussian_coordinates(&g, x->data + i * x->tda, v->data + i * v->tda);
    }
}

/* ---- mask ---- */

static void mask_values(inv_parametrisation *p, const gsl_matrix_float *v, gsl_matrix_float *x)
{
    const gsl_matrix_float *image = p->writing.images;
    for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < x->size2; j++)
            x->data[i * x->tda + j] = v->data[i * v->tda + j] * image->data[i * image->tda + j];
}

static void mask_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                           const gsl_matrix_float *x, const gsl_matrix_float *dx,
                           gsl_matrix_float *dv)
{
    (void)x;
    (void)v;
    mask_values(p, dx, dv);
}

/* 1 where the image is 0: nothing can be seen of it there. */
static void mask_nearest(inv_parametrisation *p, const gsl_matrix_float *x, gsl_matrix_float *v)
{
    const gsl_matrix_float *image = p->writing.images;
    for (size_t i = 0; i < v->size1; i++)
        for (size_t j = 0; j < v->size2; j++) {
            const float whole = image->data[i * image->tda + j];
            v->data[i * v->tda + j] = whole != 0.0f ? x->data[i * x->tda + j] / whole : 1.0f;
        }
}

/* ---- all ---- */

/* In the order of inv_parametrisation_types. */
static const method methods[] = {
    {"direct", plain_fields, direct_values, direct_gradients, direct_values},
    {"sigmoid", plain_fields, sigmoid_values, sigmoid_gradients, sigmoid_nearest},
    {"whitened", whitened_fields, axes_values, axes_gradients, axes_nearest},
    {"fourier", fourier_fields, axes_values, axes_gradients, axes_nearest},
    {"waves", fourier_fields, axes_values, axes_gradients, axes_nearest},
    {"mask", plain_fields, mask_values, mask_gradients, mask_nearest},
};

static const method *find(const char *type)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].type, type) == 0)
            return &methods[i];
    return NULL;
}

const inv_field *inv_parametrisation_fields(const char *type)
{
    const method *found = find(type);
    return found ? found->fields : plain_fields;
}

/* The fewest components that a row's Gaussian has. */
static size_t fewest_components(const inv_writing *writing, size_t rows)
{
    size_t fewest = writing->of[0]->components;
    for (size_t i = 1; i < rows; i++)
        if (writing->of[i]->components < fewest)
            fewest = writing->of[i]->components;
    return fewest;
}

/* What is laid under a mask must have something to show. */
static inv_status check_images(const gsl_matrix_float *images)
{
    for (size_t i = 0; i < images->size1; i++) {
        size_t j = 0;
        while (j < images->size2 && images->data[i * images->tda + j] == 0.0f)
            j++;
        if (j == images->size2)
            return INV_ERROR(
                INV_ECONFIG,
                "parametrisation: mask: image %zu is all 0: nothing of it can be shown", i);
    }
    return INV_OK;
}

static inv_status check_gaussians(const inv_writing *writing, size_t units, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        if (writing->of[i]->units != units)
            return INV_ERROR(INV_EINVAL, "parametrisation: a Gaussian of %zu values, not of %zu",
                             writing->of[i]->units, units);
    return INV_OK;
}

static inv_status check(const inv_parametrisation_spec *spec, const method *found, size_t units,
                        size_t rows, const inv_writing *writing)
{
    inv_status status =
        inv_fields_check(found ? found->fields : plain_fields, spec, "parametrisation");
    if (status != INV_OK)
        return status;
    if (!found || units == 0 || rows == 0)
        return INV_ERROR(INV_EINVAL, "parametrisation: %zu rows of %zu values", rows, units);
    if (found->values == sigmoid_values && !(writing->bounds.low < writing->bounds.high))
        return INV_ERROR(INV_ECONFIG, "parametrisation: sigmoid needs bounds, the lower first");
    if (found->values == axes_values && !writing->of)
        return INV_ERROR(INV_EINVAL, "parametrisation: %s needs the data's Gaussian", spec->type);
    if (found->values == mask_values && !writing->images)
        return INV_ERROR(INV_ECONFIG,
                         "parametrisation: mask needs images to be laid over: targets");
    if (found->values == axes_values)
        return check_gaussians(writing, units, rows);
    if (found->values != mask_values)
        return INV_OK;
    if (writing->images->size1 < rows || writing->images->size2 != units)
        return INV_ERROR(INV_EINVAL, "parametrisation: images of %zu x %zu values, not %zu x %zu",
                         writing->images->size1, writing->images->size2, rows, units);
    return check_images(writing->images);
}

inv_status inv_parametrisation_alloc(const inv_parametrisation_spec *spec, size_t units,
                                     size_t rows, const inv_writing *writing,
                                     inv_parametrisation **out)
{
    const method *found = find(spec->type);
    void *memory = NULL;
    inv_parametrisation *p = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, found, units, rows, writing));
    INV_TRY(inv_calloc(1, sizeof *p, "parametrisation", &memory));
    p = memory;
    *p = (inv_parametrisation){found, *writing, units, rows, units, NULL};
    if (found->values == axes_values) {
        p->variables = fewest_components(writing, rows);
        if (spec->components > 0 && spec->components < p->variables)
            p->variables = spec->components;
        INV_TRY(inv_mat_alloc(rows, p->variables, "components", &p->scaled));
    }
    *out = p;
    return INV_OK;
done:
    inv_parametrisation_free(p);
    return status;
}

void inv_parametrisation_free(inv_parametrisation *p)
{
    if (!p)
        return;
    inv_mat_free(p->scaled);
    free(p);
}

size_t inv_parametrisation_variables(const inv_parametrisation *p)
{
    return p->variables;
}

void inv_parametrisation_values(inv_parametrisation *p, const gsl_matrix_float *v,
                                gsl_matrix_float *x)
{
    p->method->values(p, v, x);
}

void inv_parametrisation_gradients(inv_parametrisation *p, const gsl_matrix_float *v,
                                   const gsl_matrix_float *x, const gsl_matrix_float *dx,
                                   gsl_matrix_float *dv)
{
    p->method->gradients(p, v, x, dx, dv);
}

void inv_parametrisation_nearest(inv_parametrisation *p, const gsl_matrix_float *x,
                                 gsl_matrix_float *v)
{
    p->method->nearest(p, x, v);
}
