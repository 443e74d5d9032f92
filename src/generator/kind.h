/* kind.h - the table of kinds of generators. A new one is a file src/generator/NAME.c and a line here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SRC_GENERATOR_KIND_H
#define INVPROJ_SRC_GENERATOR_KIND_H

#include "invproj/maker.h"

struct json_t;

/* X(name, what it does): src/generator/NAME.c defines `const inv_maker_kind inv_maker_NAME`. */
#define INV_MAKER_KINDS(X)                                                                         \
    X(variational, "the decoder of a conditional variational autoencoder of the training images")  \
    X(adversarial, "learns without data, from what the net says, against a student of the net")

typedef struct inv_maker_kind {
    const char *name;
    const inv_field *fields; /* keys of its own, beside those of all */
    const inv_maker_spec *defaults;
    bool needs_data;
    /* What it is given has been checked (inv_maker_alloc). */
    inv_status (*learner)(const inv_maker_spec *spec, inv_net *decoder,
                          const inv_maker_material *material, uint64_t seed, inv_learner **out);
} inv_maker_kind;

#define INV_MAKER_DECLARE(name, help) extern const inv_maker_kind inv_maker_##name;
INV_MAKER_KINDS(INV_MAKER_DECLARE)
#undef INV_MAKER_DECLARE

/* The keys that all kinds have, in the table of each. */
#define INV_MAKER_FIELDS                                                                           \
    {"latent",                                                                                     \
     INV_FIELD_SIZE,                                                                               \
     offsetof(inv_maker_spec, latent),                                                             \
     1,                                                                                            \
     INV_LATENT_MAX,                                                                               \
     .help = "how many normal numbers an image is made of, beside its class"},                     \
        {"decoder", INV_FIELD_JSON, offsetof(inv_maker_spec, decoder), .topic = "layers",          \
         .help = "the layers from numbers and class to the image; where they do not end in as "    \
                 "many values as an image has, a dense layer that does is added"},                 \
        {"coarse",                                                                                 \
         INV_FIELD_SIZE,                                                                           \
         offsetof(inv_maker_spec, coarse),                                                         \
         1,                                                                                        \
         64,                                                                                       \
         .help = "of that layer: how many pixels, in rows and columns, one value is spread over"}, \
        {"steps",                                                                                  \
         INV_FIELD_SIZE,                                                                           \
         offsetof(inv_maker_spec, steps),                                                          \
         1,                                                                                        \
         1e9,                                                                                      \
         .affects = INV_AFFECTS_LENGTH,                                                            \
         .help = "number of steps"},                                                               \
        {"batch", INV_FIELD_SIZE,           offsetof(inv_maker_spec, batch), 1,                    \
         1e6,     .help = "images per step"},                                                      \
        INV_OPTIM_FIELD(offsetof(inv_maker_spec, optimiser)),                                      \
        {"schedule",                                                                               \
         INV_FIELD_GROUP,                                                                          \
         offsetof(inv_maker_spec, schedule),                                                       \
         .choices = inv_schedule_types,                                                            \
         .topic = "schedules",                                                                     \
         .group = inv_schedule_fields,                                                             \
         .help = "how the optimiser's rate changes"},                                              \
        {"spread",                                                                                 \
         INV_FIELD_REAL,                                                                           \
         offsetof(inv_maker_spec, spread),                                                         \
         1e-6,                                                                                     \
         1e6,                                                                                      \
         .help = "standard deviation of the numbers that are drawn for images; below 1 they are "  \
                 "more alike and more often recognised"},                                          \
    {                                                                                              \
        "count", INV_FIELD_SIZE, offsetof(inv_maker_spec, count), 1, 100000,                       \
            .help = "images of each class that run draws when it is learned"                       \
    }

/* What the element of an image's class is, in place of 1. There are more numbers than that one
 * element, and more pixels: with 1 the numbers come to say the class too, and half of the images that
 * are drawn are of another (0.53 recognised after 4,000 steps on MNIST, 0.92 with 4). */
#define INV_MAKER_CLASS 4.0f

/* What the decoder ends in, after its logits: "part", from 0 to 1, and "image", from black to white. */
#define INV_MAKER_END_LAYERS 2

/* Appends the layers that `text` lists, built alone first, so that a message counts them as they were
 * written; *units is how many values they end in. */
INV_MUST_CHECK inv_status inv_maker_add_layers(const char *text, const char *where, inv_shape input,
                                               struct json_t *list, size_t *units);
struct json_t *inv_maker_dense(const char *name, size_t units);

/* y = normal numbers of that deviation */
void inv_maker_normal(gsl_rng *rng, double spread, gsl_matrix_float *y);

#endif
