/* kind.h - the table of kinds of inverses. A new one is a file src/inverse/NAME.c and a line here
 * (optimise is search.c: src/optimise has a file of that name).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_INVERSE_KIND_H
#define INVPROJ_SRC_INVERSE_KIND_H

#include "invproj/inverse.h"

/* X(name, what it does): src/inverse/NAME.c defines `const inv_inverse_kind inv_inverse_NAME`. */
#define INV_INVERSE_KINDS(X)                                                                       \
    X(r2rt, "mirrors the layers, with kernels of its own that learn to bring images back")         \
    X(pinv, "pseudo-inverses of the net's own kernels, activations undone; nothing is learned")    \
    X(ridge, "the linear map that is best on the training images, found at one go")                \
    X(mirror, "the layers the other way round, with nothing of the net's own, trained by Adam")    \
    X(decoder, "layers of any kind from the values, brought to mean 0 and variance 1, to images")  \
    X(optimise, "no net: the pixels of each image, optimised until the net has the same values")

/* What the functions of a kind are given has been checked (inv_inverse_build, inv_inverter_alloc,
 * inv_inverse_fit). An inverse gets its values in steps or at one go, or there is none, and images are
 * searched for: of the last three one is there, and with `search` no `build`. */
typedef struct inv_inverse_kind {
    const char *name;
    const inv_field *fields; /* keys of its own, beside name, kind and at */
    const inv_inverse_spec *defaults;
    bool undoes; /* activations that are one to one: it starts before the one that ends at `at` */
    /* The inverse of `net` from `point` down, before it knows anything. */
    inv_status (*build)(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                        inv_net **out);
    inv_status (*learner)(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                          inv_net *inverse, const inv_dataset *data, uint64_t seed,
                          inv_learner **out);
    inv_status (*fit)(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                      inv_net *inverse, const inv_dataset *data, uint64_t seed);
    /* images[n, pixels] from what the net has at the point for x[n, pixels] */
    inv_status (*search)(const inv_inverse_spec *spec, const inv_net *net, size_t point,
                         const inv_pixels *pixels, uint64_t seed, const gsl_matrix_float *x,
                         gsl_matrix_float *images);
} inv_inverse_kind;

#define INV_INVERSE_DECLARE(name, help) extern const inv_inverse_kind inv_inverse_##name;
INV_INVERSE_KINDS(INV_INVERSE_DECLARE)
#undef INV_INVERSE_DECLARE

#endif
