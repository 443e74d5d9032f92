/* pieces.h - an objective over a batch and its gradient to a net's parameters, found a piece of the
 * batch at a time, so that what a piece leaves behind stays in the cache of the core at work on it.
 *
 * A batch is split into shares, and a share into pieces, both by its number of rows alone. Each
 * share has a gradient of its own, to which its pieces are added in their order; the shares are
 * added in theirs. So the bits are the same for any number of threads. Layers that look at the
 * whole batch, and those below them, take it whole.
 *
 *     status = inv_pieces_alloc(net, inv_net_depth(net), batch, &pieces);
 *     loss = inv_pieces_descend(pieces, &task, batch, &mode, gradient);
 *     inv_pieces_free(pieces);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_PIECES_H
#define INVPROJ_PIECES_H

#include "invproj/net.h"

typedef struct inv_pieces inv_pieces;

/* What is to be done with rows `first` and following of the batch. Both functions may be called by
 * several threads at once, for different rows. */
typedef struct inv_task {
    void *owner;
    /* x[rows, units at 0] = what the net is to take */
    void (*input)(void *owner, size_t first, gsl_matrix_float *x);
    /* Returns the objective of what the net gave, y[rows, units], summed over the rows; dy is its
     * gradient. */
    double (*objective)(void *owner, size_t first, const gsl_matrix_float *y, gsl_matrix_float *dy);
} inv_task;

/* For the net's layers up to point `last`, on at most `rows` rows. The caller frees, before the
 * net. */
INV_MUST_CHECK inv_status inv_pieces_alloc(const inv_net *net, size_t last, size_t rows,
                                           inv_pieces **out);
void inv_pieces_free(inv_pieces *pieces);

/* Returns the objective of a batch of `rows` rows, with what the layers add to it themselves, and
 * sets gradient[inv_net_size]. */
double inv_pieces_descend(inv_pieces *pieces, const inv_task *task, size_t rows,
                          const inv_mode *mode, float *gradient);
/* The same of a net in inference mode, without the gradient. */
double inv_pieces_value(inv_pieces *pieces, const inv_task *task, size_t rows);

/* inv_net_keep for the newest batch. */
void inv_pieces_keep(const inv_pieces *pieces, inv_net *net);

#endif
