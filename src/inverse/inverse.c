/* Inverses of whatever kind: what all have in common.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "invproj/inverse.h"

#include <stdlib.h>
#include <string.h>

#include "inverse/kind.h"
#include "inverse/values.h"
#include "invproj/encode.h"

_Static_assert(sizeof(inv_inverse_spec) <= INV_PART_MAX, "help has room for it");

/* ---- kinds ---- */

#define CHOICE(name, help) {#name, help},
#define KIND(name, help)   &inv_inverse_##name,
const inv_choice inv_inverse_kinds[] = {INV_INVERSE_KINDS(CHOICE){0}};
static const inv_inverse_kind *const kinds[] = {INV_INVERSE_KINDS(KIND) NULL};

/* What a kind was called once. */
static const inv_former former_kinds[] = {{"learned", "r2rt"}, {0}};

const char *inv_inverse_kind_now(const char *kind)
{
    for (const inv_former *f = former_kinds; f->name; f++)
        if (strcmp(f->name, kind) == 0)
            return f->now;
    return kind;
}

static const inv_inverse_kind *find_kind(const char *given)
{
    const char *name = inv_inverse_kind_now(given);
    for (size_t i = 0; kinds[i]; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

const inv_field *inv_inverse_kind_fields(const char *kind)
{
    const inv_inverse_kind *found = find_kind(kind);
    return found ? found->fields : NULL;
}

void inv_inverse_start(const char *kind, void *spec)
{
    const inv_inverse_kind *found = find_kind(kind);
    inv_inverse_spec *out = spec;
    if (!found)
        return;
    *out = *found->defaults;
    if (strcmp(found->name, kind) != 0)
        strcpy(out->name, INV_INVERSE_FORMER_NAME);
}

bool inv_inverse_is_net(const char *kind)
{
    const inv_inverse_kind *found = find_kind(kind);
    return !found || found->build;
}

bool inv_inverse_learns(const char *kind)
{
    const inv_inverse_kind *found = find_kind(kind);
    return found && found->learner;
}

const inv_field inv_inverse_fields[] = {
    {"name", INV_FIELD_NAME, offsetof(inv_inverse_spec, name),
     .help = "name of the inverse in the run file; where a kind is given, its own by default"},
    {"kind", INV_FIELD_NAME, offsetof(inv_inverse_spec, kind), .choices = inv_inverse_kinds,
     .former = former_kinds, .topic = "inverses", .help = "how the inverse is found"},
    {"at", INV_FIELD_NAME, offsetof(inv_inverse_spec, at), .required = true,
     .help = "point from which the inverse leads back to the image, such as hidden2.pre"},
    {"", INV_FIELD_PART, 0, .by = "kind", .choices = inv_inverse_kinds,
     .group = inv_inverse_kind_fields, .start = inv_inverse_start},
    {0}};

/* ---- making ---- */

inv_status inv_inverse_point(const inv_net *net, const char *kind, const char *name, size_t *point)
{
    const inv_inverse_kind *found = find_kind(kind);
    inv_status status = inv_net_point(net, name, point);
    if (status != INV_OK)
        return status;
    if (found && found->undoes && *point > 1 && inv_net_layer(net, *point - 1)->type->one_to_one)
        *point = inv_net_layer(net, *point - 1)->inputs[0].point;
    if (*point == 0 || *point > inv_net_logits(net))
        return INV_ERROR(INV_ECONFIG, "%s: cannot be inverted; points from %s to %s can", name,
                         inv_net_point_name(net, 1), inv_net_point_name(net, inv_net_logits(net)));
    return INV_OK;
}

static inv_status check_is_net(const char *kind)
{
    return inv_inverse_is_net(kind) ? INV_OK
                                    : INV_ERROR(INV_EINVAL, "inverse.kind: %s makes no net", kind);
}

inv_status inv_inverse_build(const inv_inverse_spec *spec, const inv_net *net, inv_net **out)
{
    size_t point = 0;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_fields_check(inv_inverse_fields, spec, "inverse"));
    INV_TRY(inv_inverse_point(net, spec->kind, spec->at, &point));
    INV_TRY(check_is_net(spec->kind));
    INV_TRY(find_kind(spec->kind)->build(spec, net, point, out));
done:
    return status;
}

static inv_status check(const inv_inverse_spec *spec, const inv_net *net, const inv_net *inverse,
                        const inv_dataset *data, size_t *point)
{
    inv_status status = INV_OK;
    INV_TRY(inv_fields_check(inv_inverse_fields, spec, "inverse"));
    INV_TRY(inv_inverse_point(net, spec->kind, spec->at, point));
    INV_TRY(check_is_net(spec->kind));
    INV_TRY(inv_inverse_check(net, inverse, *point));
    INV_TRY(inv_encode_check(net, &data->train));
    INV_TRY(inv_values_vary(net, &data->train, *point));
done:
    return status;
}

inv_status inv_inverter_alloc(const inv_inverse_spec *spec, const inv_net *net, inv_net *inverse,
                              const inv_dataset *data, uint64_t seed, inv_learner **out)
{
    size_t point = 0;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(check(spec, net, inverse, data, &point));
    if (!find_kind(spec->kind)->learner)
        INV_FAIL(INV_EINVAL, "inverse.kind: %s does not learn in steps; inv_inverse_fit fits it",
                 spec->kind);
    INV_TRY(find_kind(spec->kind)->learner(spec, net, point, inverse, data, seed, out));
done:
    return status;
}

inv_status inv_inverse_fit(const inv_inverse_spec *spec, const inv_net *net, inv_net *inverse,
                           const inv_dataset *data, uint64_t seed)
{
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(check(spec, net, inverse, data, &point));
    if (!find_kind(spec->kind)->fit)
        INV_FAIL(INV_EINVAL, "inverse.kind: %s learns in steps: inv_inverter_alloc", spec->kind);
    INV_TRY(find_kind(spec->kind)->fit(spec, net, point, inverse, data, seed));
done:
    return status;
}

/* ---- using ---- */

/* That a matrix has as many values a row, and rows enough. */
static inv_status check_matrix(const gsl_matrix_float *m, size_t rows, size_t cols,
                               const char *what)
{
    if (rows > 0 && m->size1 == rows && m->size2 == cols)
        return INV_OK;
    return INV_ERROR(INV_EINVAL, "inverse: %s: %zu x %zu values, not %zu x %zu", what, m->size1,
                     m->size2, rows, cols);
}

inv_status inv_inverse_search(const inv_inverse_spec *spec, const inv_net *net,
                              const inv_pixels *pixels, uint64_t seed, const gsl_matrix_float *x,
                              gsl_matrix_float *images)
{
    size_t point = 0;
    inv_status status = INV_OK;
    INV_TRY(inv_fields_check(inv_inverse_fields, spec, "inverse"));
    INV_TRY(inv_inverse_point(net, spec->kind, spec->at, &point));
    INV_TRY(check_matrix(x, x->size1, inv_net_units(net, 0), "images"));
    INV_TRY(check_matrix(images, x->size1, inv_net_units(net, 0), "images"));
    if (!find_kind(spec->kind)->search)
        INV_FAIL(INV_EINVAL, "inverse.kind: %s makes a net", spec->kind);
    INV_TRY(find_kind(spec->kind)->search(spec, net, point, pixels, seed, x, images));
done:
    return status;
}

inv_status inv_inverse_check(const inv_net *net, const inv_net *inverse, size_t at)
{
    const size_t logits = inv_net_logits(net), pixels = inv_net_units(net, 0);
    const size_t values = inv_net_units(inverse, 0);
    const size_t images = inv_net_units(inverse, inv_net_depth(inverse));
    if (at == 0 || at > logits)
        return INV_ERROR(INV_EINVAL, "inverse: from point %zu; there are 1 to %zu", at, logits);
    if (values != inv_net_units(net, at) || images != pixels)
        return INV_ERROR(INV_EINVAL,
                         "inverse: leads from %zu values to %zu; the network has %zu at %s, and "
                         "images of %zu",
                         values, images, inv_net_units(net, at), inv_net_point_name(net, at),
                         pixels);
    return INV_OK;
}

inv_status inv_inverse_apply(const inv_net *inverse, const gsl_matrix_float *values,
                             gsl_matrix_float *images)
{
    const size_t depth = inv_net_depth(inverse), rows = values->size1;
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_matrix(values, rows, inv_net_units(inverse, 0), "values"));
    INV_TRY(check_matrix(images, rows, inv_net_units(inverse, depth), "images"));
    INV_TRY(inv_pass_alloc(inverse, 0, depth, rows, INV_PASS_FORWARD, &pass));
    gsl_matrix_float_memcpy(images, inv_net_forward(inverse, pass, values));
done:
    inv_pass_free(pass);
    return status;
}

inv_status inv_inverse_project(const inv_net *net, const inv_net *inverse, size_t at,
                               const gsl_matrix_float *x, gsl_matrix_float *images,
                               float *confidence, unsigned *predicted)
{
    inv_pass *pass = NULL;
    inv_status status = INV_OK;
    INV_TRY(inv_inverse_check(net, inverse, at));
    INV_TRY(check_matrix(x, x->size1, inv_net_units(net, 0), "images"));
    INV_TRY(inv_pass_alloc(net, 0, inv_net_logits(net), x->size1, INV_PASS_FORWARD, &pass));
    inv_encode_classes(inv_net_forward(net, pass, x), confidence, predicted);
    INV_TRY(inv_inverse_apply(inverse, inv_pass_at(pass, at), images));
done:
    inv_pass_free(pass);
    return status;
}
