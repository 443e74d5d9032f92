/* net.h - a net: layers over one flat vector of parameters, each reading the one before it, or those
 * that it names: a chain, or a small graph.
 *
 * A point is a place in the net, named after the layer that ends there: "input", "hidden1.pre"
 * (before the activation), "hidden1", ..., "output.pre" (the logits), "output". Points are
 * numbered: 0 is the input, p is the place after p layers. A pass carries a batch from one point to
 * a later one, and a gradient back. Where a net branches, a pass can start only at a point that no
 * layer passes by: what lies above it must be a function of its values.
 *
 *     inv_pass *pass = NULL;
 *     status = inv_pass_alloc(net, 0, inv_net_depth(net), 100, INV_PASS_FORWARD, &pass);
 *     if (status == INV_OK)
 *         probabilities = inv_net_forward(net, pass, &images);
 *     inv_pass_free(pass);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_NET_H
#define INVPROJ_NET_H

#include "invproj/layer.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_net inv_net;

/* Builds the net that the list at `path` of `config` describes, for rows of shape `input` and data
 * of `classes` classes. Each element holds name, type, the type's keys, and perhaps an activation,
 * which becomes a layer of its own: {name = "hidden1"; type = "dense"; units = 30; activation =
 * "sigmoid";} ends at "hidden1.pre" and "hidden1". `inputs = ["hidden1", "input"]` names the points
 * that a layer reads, in place of the one before it: earlier ones, several for a type that joins
 * (add, concat). Each point but the last must be read. `frozen` keeps a layer's parameters as they
 * are in training. Parameters are 0. INV_ECONFIG names the key at
 * fault; INV_EINVAL for rows of no values or of more than INT_MAX; INV_ENOMEM. The caller frees. */
INV_MUST_CHECK inv_status inv_net_build(const inv_config *config, const char *path, inv_shape input,
                                        size_t classes, inv_net **out);
/* The same for a description that is not to be trusted: more than `maximum` parameters are INV_ECONFIG
 * before memory is taken for them. */
INV_MUST_CHECK inv_status inv_net_build_within(const inv_config *config, const char *path,
                                               inv_shape input, size_t classes, size_t maximum,
                                               inv_net **out);
void inv_net_free(inv_net *net);

#define INV_LAYERS_MAX 1000 /* that an experiment file may have */
#define INV_INPUTS_MAX 256  /* that a layer may have */

/* The keys that a layer of any type has, and the struct that holds their defaults. */
extern const inv_field inv_layer_common_fields[];
extern const void *const inv_layer_common_default;

/* Draws the initial values, layer by layer. */
void inv_net_init(inv_net *net, gsl_rng *rng);

/* The layers as JSON text that inv_net_build reads again (at the path ""); the net owns it. */
const char *inv_net_describe(const inv_net *net);

size_t inv_net_depth(const inv_net *net); /* layers; the number of the last point */
const inv_layer *inv_net_layer(const inv_net *net, size_t i);

/* The flat vector of parameters and its length. A net in use by a pass must not change under it. */
float *inv_net_params(const inv_net *net);
size_t inv_net_size(const inv_net *net);

/* The block `block` ("kernel") of the layer named `owner` ("hidden1"), or NULL. */
const inv_block *inv_net_block(const inv_net *net, const char *owner, const char *block);

/* Points. inv_net_point: INV_ECONFIG for a name that is none, with those that are. */
INV_MUST_CHECK inv_status inv_net_point(const inv_net *net, const char *name, size_t *point);
const char *inv_net_point_name(const inv_net *net, size_t point);
inv_shape inv_net_shape(const inv_net *net, size_t point);
size_t inv_net_units(const inv_net *net, size_t point); /* the size of that shape */

/* The point of the logits: before a last softmax, else the last. */
size_t inv_net_logits(const inv_net *net);

/* Whether the layers from point `first` to `last` are a chain, each reading the one before it. */
bool inv_net_is_chain(const inv_net *net, size_t first, size_t last);
/* Whether a pass can start at `first` and end at `last`: no layer between reads what lies below. */
bool inv_net_is_path(const inv_net *net, size_t first, size_t last);

typedef struct inv_pass inv_pass;
typedef enum inv_pass_kind { INV_PASS_FORWARD, INV_PASS_BOTH } inv_pass_kind;

/* A pass from point `first` to point `last` (first < last) of at most `rows` rows; INV_PASS_BOTH
 * can also go back. Everything it needs is allocated here. INV_ECONFIG where layers between read
 * what lies below `first`. The caller frees. */
INV_MUST_CHECK inv_status inv_pass_alloc(const inv_net *net, size_t first, size_t last, size_t rows,
                                         inv_pass_kind kind, inv_pass **out);
void inv_pass_free(inv_pass *pass);

/* Carries x [1 .. rows, units at first] up and returns the values at the last point, which belong
 * to the pass and hold until its next forward. x must stay as it is until after the backward. */
const gsl_matrix_float *inv_net_forward(const inv_net *net, inv_pass *pass,
                                        const gsl_matrix_float *x);
/* The same in another mode; mode->key is that of the whole step, each layer has its own. */
const gsl_matrix_float *inv_net_forward_in(const inv_net *net, inv_pass *pass,
                                           const gsl_matrix_float *x, const inv_mode *mode);
/* To be called once a step after that: running statistics move by what it found. */
void inv_net_keep(inv_net *net, const inv_pass *pass);

/* The values that the newest forward left at `point`, first < point <= last. */
const gsl_matrix_float *inv_pass_at(const inv_pass *pass, size_t point);

/* Carries dy, the gradient at the last point, down: dparams (inv_net_size floats, to which that of
 * the layers passed is added) and dx [rows, units at first] may be NULL. What the
 * layers add to the objective themselves (inv_pass_penalty) is part of both. */
void inv_net_backward(const inv_net *net, inv_pass *pass, const gsl_matrix_float *dy,
                      float *dparams, gsl_matrix_float *dx);

/* The same for an objective with parts at several points: dy[p - first] is its gradient at point p,
 * NULL where it has none, never at the last. Each is added on the way down. */
void inv_net_backward_points(const inv_net *net, inv_pass *pass, const gsl_matrix_float *const *dy,
                             float *dparams, gsl_matrix_float *dx);

/* The sum of what the layers of the newest forward add to the objective. */
double inv_pass_penalty(const inv_net *net, const inv_pass *pass);

#ifdef __cplusplus
}
#endif
#endif
