/* Generators of whatever kind: what all have in common.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/maker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_randist.h>
#include <jansson.h>

#include "generator/kind.h"
#include "inverse/parts.h"

_Static_assert(sizeof(inv_maker_spec) <= INV_PART_MAX, "help has room for it");

/* ---- kinds ---- */

#define CHOICE(name, help) {#name, help},
#define KIND(name, help)   &inv_maker_##name,
const inv_choice inv_maker_kinds[] = {INV_MAKER_KINDS(CHOICE){0}};
static const inv_maker_kind *const kinds[] = {INV_MAKER_KINDS(KIND) NULL};

static const inv_maker_kind *find_kind(const char *name)
{
    for (size_t i = 0; kinds[i]; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

static const inv_field *kind_fields(const char *kind)
{
    const inv_maker_kind *found = find_kind(kind);
    return found ? found->fields : NULL;
}

void inv_maker_start(const char *kind, void *spec)
{
    const inv_maker_kind *found = find_kind(kind);
    if (found)
        *(inv_maker_spec *)spec = *found->defaults;
}

bool inv_maker_needs_data(const char *kind)
{
    const inv_maker_kind *found = find_kind(kind);
    return !found || found->needs_data;
}

const inv_field inv_maker_fields[] = {
    {"kind", INV_FIELD_NAME, offsetof(inv_maker_spec, kind), .choices = inv_maker_kinds,
     .topic = "generators", .help = "what the generator is, and learns from"},
    {"name", INV_FIELD_NAME, offsetof(inv_maker_spec, name),
     .help = "name of the generator in the run file"},
    {"", INV_FIELD_PART, 0, .by = "kind", .choices = inv_maker_kinds, .group = kind_fields,
     .start = inv_maker_start},
    {0}};

/* ---- the decoder ---- */

inv_status inv_maker_add_layers(const char *text, const char *where, inv_shape input, json_t *list,
                                size_t *units)
{
    json_t *given = *text ? json_loads(text, 0, NULL) : json_array(), *layer = NULL;
    inv_net *alone = NULL;
    size_t i = 0;
    inv_status status = INV_OK;
    *units = inv_shape_size(input);
    if (json_array_size(given) == 0)
        goto done;
    INV_TRY(inv_parts_build(given, input, where, &alone));
    *units = inv_net_units(alone, inv_net_depth(alone));
    json_array_foreach(given, i, layer) INV_TRY(inv_parts_add(list, json_incref(layer)));
done:
    inv_net_free(alone);
    json_decref(given);
    return status;
}

json_t *inv_maker_dense(const char *name, size_t units)
{
    return json_pack("{ss ss sI s{ss}}", "name", name, "type", "dense", "units", (json_int_t)units,
                     "kernel", "type", "glorot_uniform");
}

/* A coarse image made as large as it is to be, bilinear: neighbouring pixels are alike. */
static inv_status add_coarse(size_t coarse, inv_shape shape, json_t *list)
{
    const json_int_t height = (json_int_t)((shape.height + coarse - 1) / coarse);
    const json_int_t width = (json_int_t)((shape.width + coarse - 1) / coarse);
    const json_int_t channels = (json_int_t)shape.channels;
    inv_status status = INV_OK;
    INV_TRY(inv_parts_add(list, inv_maker_dense("coarse", (size_t)(height * width * channels))));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss sI sI sI}", "name", "places", "type", "reshape",
                                          "height", height, "width", width, "channels", channels)));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss sI sI ss}", "name", "pixels", "type", "upsample",
                                          "height", (json_int_t)shape.height, "width",
                                          (json_int_t)shape.width, "interpolation", "bilinear")));
done:
    return status;
}

static inv_status build_decoder(const inv_maker_spec *spec, const inv_maker_material *m,
                                inv_net **out)
{
    const inv_shape input = {1, 1, spec->latent + m->classes};
    const size_t pixels = inv_shape_size(m->shape);
    const bool is_plane = m->shape.height > 1 && m->shape.width > 1;
    const inv_pixels *p = &m->pixels;
    json_t *list = json_array();
    size_t units = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_maker_add_layers(spec->decoder, "generator.decoder", input, list, &units));
    if (spec->coarse > 1 && is_plane && units != pixels)
        INV_TRY(add_coarse(spec->coarse, m->shape, list));
    else if (units != pixels || json_array_size(list) == 0)
        INV_TRY(inv_parts_add(list, inv_maker_dense("pixels", pixels)));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss}", "name", "part", "type", "sigmoid")));
    INV_TRY(inv_parts_add(list, json_pack("{ss ss sf sf}", "name", "image", "type", "rescale",
                                          "scale", p->white - p->black, "offset", p->black)));
    INV_TRY(inv_parts_build(list, input, "generator", out));
done:
    json_decref(list);
    return status;
}

inv_status inv_maker_build(const inv_maker_spec *spec, const inv_maker_material *material,
                           inv_net **out)
{
    inv_status status = inv_fields_check(inv_maker_fields, spec, "generator");
    *out = NULL;
    return status == INV_OK ? build_decoder(spec, material, out) : status;
}

inv_status inv_maker_alloc(const inv_maker_spec *spec, inv_net *decoder,
                           const inv_maker_material *material, uint64_t seed, inv_learner **out)
{
    const inv_maker_kind *kind = find_kind(spec->kind);
    inv_net *wanted = NULL;
    *out = NULL;
    inv_status status = inv_maker_build(spec, material, &wanted);
    if (status == INV_OK && strcmp(inv_net_describe(wanted), inv_net_describe(decoder)) != 0)
        status = INV_ERROR(INV_EINVAL, "generator: the net is not the decoder of these settings");
    inv_net_free(wanted);
    if (status == INV_OK && (kind->needs_data ? !material->data : !material->net))
        status = INV_ERROR(INV_EINVAL, "generator: the kind %s learns from %s", kind->name,
                           kind->needs_data ? "data" : "a net");
    return status == INV_OK ? kind->learner(spec, decoder, material, seed, out) : status;
}

/* ---- drawing ---- */

void inv_maker_normal(gsl_rng *rng, double spread, gsl_matrix_float *y)
{
    for (size_t i = 0; i < y->size1; i++)
        for (size_t j = 0; j < y->size2; j++)
            gsl_matrix_float_set(y, i, j, (float)gsl_ran_gaussian_ziggurat(rng, spread));
}

inv_status inv_maker_latent(uint64_t seed, double spread, gsl_matrix_float *latent)
{
    gsl_rng *rng = NULL;
    inv_status status = inv_rng_alloc(seed, "latent values", &rng);
    if (status == INV_OK)
        inv_maker_normal(rng, spread, latent);
    inv_rng_free(rng);
    return status;
}

inv_status inv_maker_walk(uint64_t seed, double spread, gsl_matrix_float *latent)
{
    const size_t n = latent->size1;
    gsl_matrix_float *ends = NULL;
    inv_status status = inv_mat_alloc(2, latent->size2, "ends of a walk", &ends);
    if (status == INV_OK)
        status = inv_maker_latent(seed, spread, ends);
    for (size_t i = 0; i < n && status == INV_OK; i++) {
        const double t = n > 1 ? M_PI_2 * (double)i / (double)(n - 1) : 0.0;
        for (size_t j = 0; j < latent->size2; j++)
            gsl_matrix_float_set(latent, i, j,
                                 (float)(cos(t) * gsl_matrix_float_get(ends, 0, j) +
                                         sin(t) * gsl_matrix_float_get(ends, 1, j)));
    }
    inv_mat_free(ends);
    return status;
}

static inv_status check_draw(const inv_net *decoder, const gsl_matrix_float *latent,
                             const unsigned *classes, const gsl_matrix_float *images)
{
    const size_t inputs = inv_net_units(decoder, 0), numbers = latent->size2;
    if (numbers >= inputs || inv_net_units(decoder, inv_net_depth(decoder)) != images->size2 ||
        images->size1 != latent->size1)
        return INV_ERROR(INV_EINVAL,
                         "generator: takes %zu values and gives images of %zu; asked for %zu "
                         "images of %zu from %zu rows of %zu numbers",
                         inputs, inv_net_units(decoder, inv_net_depth(decoder)), images->size1,
                         images->size2, latent->size1, numbers);
    for (size_t i = 0; i < images->size1; i++)
        if (classes[i] >= inputs - numbers)
            return INV_ERROR(INV_EINVAL, "generator: class %u does not exist (0 to %zu)",
                             classes[i], inputs - numbers - 1);
    return INV_OK;
}

#define ROWS_MOST ((size_t)1000) /* at a time */

/* Rows `first` and following; x is room for them. */
static void draw_rows(const inv_net *decoder, inv_pass *pass, const gsl_matrix_float *latent,
                      const unsigned *classes, size_t first, gsl_matrix_float *x,
                      gsl_matrix_float *images)
{
    gsl_matrix_float_set_zero(x);
    for (size_t i = 0; i < x->size1; i++) {
        memcpy(x->data + i * x->tda, latent->data + (first + i) * latent->tda,
               latent->size2 * sizeof(float));
        gsl_matrix_float_set(x, i, latent->size2 + classes[first + i], INV_MAKER_CLASS);
    }
    const gsl_matrix_float *y = inv_net_forward(decoder, pass, x);
    for (size_t i = 0; i < x->size1; i++)
        memcpy(images->data + (first + i) * images->tda, y->data + i * y->tda,
               images->size2 * sizeof(float));
}

inv_status inv_maker_draw(const inv_net *decoder, const gsl_matrix_float *latent,
                          const unsigned *classes, gsl_matrix_float *images)
{
    const size_t n = images->size1, most = n < ROWS_MOST ? n : ROWS_MOST;
    gsl_matrix_float *room = NULL;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_draw(decoder, latent, classes, images));
    INV_TRY(inv_mat_alloc(most, inv_net_units(decoder, 0), "numbers and classes", &room));
    INV_TRY(inv_pass_alloc(decoder, 0, inv_net_depth(decoder), most, INV_PASS_FORWARD, &pass));
    for (size_t first = 0; first < n; first += most) {
        gsl_matrix_float x = inv_mat_head(room, n - first < most ? n - first : most);
        draw_rows(decoder, pass, latent, classes, first, &x, images);
    }
done:
    inv_pass_free(pass);
    inv_mat_free(room);
    return status;
}
