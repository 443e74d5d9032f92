/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/pieces.h"

#include <stdlib.h>
#include <string.h>

#include <omp.h>

/* More would keep more threads busy, but each has a gradient to clear and to add. */
#define SHARES_MOST ((size_t)4)
#define SHARE_LEAST ((size_t)64)  /* rows */
#define PIECE_MOST  ((size_t)128) /* rows: with the gradient they fit a cache of 2 MB */
/* Gradients take no more than this many floats, but for one. */
#define GRADIENTS_MOST ((size_t)1 << 25)

/* What one thread works with. */
typedef struct worker {
    inv_pass *pass;
    gsl_matrix_float *x, *dy; /* x: NULL where the head gives it */
} worker;

/* The head, layers 0 .. split - 1, takes the batch whole; the tail takes it in pieces. */
struct inv_pieces {
    const inv_net *net;
    size_t split, last, shares, workers; /* shares: at most */
    size_t maximum;                      /* rows of a piece */
    inv_pass *head;                      /* NULL where split is 0 */
    gsl_matrix_float *head_x, *head_dy;
    worker *worker;
    gsl_matrix_float *gradients; /* [shares - 1, inv_net_size]: of all but the first; or NULL */
};

static size_t minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t share_count(size_t maximum, size_t rows)
{
    return rows < 2 * SHARE_LEAST ? 1 : minimum(rows / SHARE_LEAST, maximum);
}

/* ---- making them ---- */

/* Behind the last layer that looks at the whole batch, at a point that no branch passes by. */
static size_t find_split(const inv_net *net, size_t last)
{
    size_t split = last;
    while (split > 0 && !inv_net_layer(net, split - 1)->type->whole_batch)
        split--;
    while (split < last && !inv_net_is_path(net, split, last))
        split++;
    return split;
}

static void set_sizes(inv_pieces *pieces, size_t rows)
{
    const size_t size = inv_net_size(pieces->net);
    const size_t room = size ? GRADIENTS_MOST / size : SHARES_MOST;
    pieces->split = find_split(pieces->net, pieces->last);
    pieces->shares = share_count(minimum(SHARES_MOST, room ? room : 1), rows);
    if (pieces->split == pieces->last) { /* no tail is left: one piece */
        pieces->split = 0;
        pieces->shares = 1;
    }
    pieces->maximum = pieces->shares > 1 ? minimum(rows, PIECE_MOST) : rows;
    pieces->workers = minimum(pieces->shares, inv_threads());
}

static inv_status alloc_worker(const inv_pieces *pieces, worker *w)
{
    const inv_net *net = pieces->net;
    const size_t out = inv_net_units(net, pieces->last);
    inv_status status = INV_OK;
    INV_TRY(
        inv_pass_alloc(net, pieces->split, pieces->last, pieces->maximum, INV_PASS_BOTH, &w->pass));
    if (!pieces->head)
        INV_TRY(inv_mat_alloc(pieces->maximum, inv_net_units(net, 0), "a piece of a batch", &w->x));
    INV_TRY(inv_mat_alloc(pieces->maximum, out, "gradients of outputs", &w->dy));
done:
    return status;
}

static inv_status alloc_head(inv_pieces *pieces, size_t rows)
{
    const inv_net *net = pieces->net;
    const size_t split = pieces->split;
    inv_status status = INV_OK;
    if (split == 0)
        return INV_OK;
    INV_TRY(inv_pass_alloc(net, 0, split, rows, INV_PASS_BOTH, &pieces->head));
    INV_TRY(inv_mat_alloc(rows, inv_net_units(net, 0), "a batch", &pieces->head_x));
    INV_TRY(inv_mat_alloc(rows, inv_net_units(net, split), "gradients", &pieces->head_dy));
done:
    return status;
}

inv_status inv_pieces_alloc(const inv_net *net, size_t last, size_t rows, inv_pieces **out)
{
    void *memory = NULL, *workers = NULL;
    inv_pieces *pieces = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    INV_TRY(inv_calloc(1, sizeof *pieces, "pieces", &memory));
    pieces = memory;
    pieces->net = net;
    pieces->last = last;
    set_sizes(pieces, rows);
    INV_TRY(inv_calloc(pieces->workers, sizeof(worker), "pieces", &workers));
    pieces->worker = workers;
    INV_TRY(alloc_head(pieces, rows));
    for (size_t i = 0; i < pieces->workers; i++)
        INV_TRY(alloc_worker(pieces, &pieces->worker[i]));
    if (pieces->shares > 1)
        INV_TRY(
            inv_mat_alloc(pieces->shares - 1, inv_net_size(net), "gradients", &pieces->gradients));
    *out = pieces;
    return INV_OK;
done:
    inv_pieces_free(pieces);
    return status;
}

void inv_pieces_free(inv_pieces *pieces)
{
    if (!pieces)
        return;
    for (size_t i = 0; pieces->worker && i < pieces->workers; i++) {
        inv_pass_free(pieces->worker[i].pass);
        inv_mat_free(pieces->worker[i].x);
        inv_mat_free(pieces->worker[i].dy);
    }
    inv_pass_free(pieces->head);
    inv_mat_free(pieces->head_x);
    inv_mat_free(pieces->head_dy);
    inv_mat_free(pieces->gradients);
    free(pieces->worker);
    free(pieces);
}

/* ---- a batch ---- */

typedef struct batch {
    inv_pieces *pieces;
    const inv_task *task;
    inv_mode mode;
    size_t rows, shares;
    float *gradient; /* that of the first share, and in the end of all; NULL: no gradients */
} batch;

static gsl_matrix_float rows_of(const gsl_matrix_float *m, size_t first, size_t n)
{
    gsl_matrix_float some = inv_mat_head(m, n);
    some.data += first * m->tda;
    return some;
}

/* Rows first .. first + n - 1; `gradient` is what theirs is added to, or NULL. */
static double work_piece(const batch *b, worker *w, size_t first, size_t n, float *gradient)
{
    const inv_pieces *pieces = b->pieces;
    const inv_net *net = pieces->net;
    inv_mode mode = b->mode;
    gsl_matrix_float dy = inv_mat_head(w->dy, n), x, dx;
    mode.first = first;
    if (pieces->head) {
        x = rows_of(inv_pass_at(pieces->head, pieces->split), first, n);
        dx = rows_of(pieces->head_dy, first, n);
    } else {
        x = inv_mat_head(w->x, n);
        b->task->input(b->task->owner, first, &x);
    }
    const gsl_matrix_float *y = inv_net_forward_in(net, w->pass, &x, &mode);
    const double value = b->task->objective(b->task->owner, first, y, &dy);
    if (gradient)
        inv_net_backward(net, w->pass, &dy, gradient, pieces->head ? &dx : NULL);
    return value + inv_pass_penalty(net, w->pass);
}

#define CLEARED ((size_t)1 << 14) /* floats that a thread sets to 0 at a time */

static void clear(float *values, size_t n)
{
#pragma omp parallel for schedule(static) if (n > 4 * CLEARED)
    for (size_t i = 0; i < n; i += CLEARED)
        memset(values + i, 0, minimum(CLEARED, n - i) * sizeof *values);
}

static float *gradient_of(const batch *b, size_t share)
{
    const gsl_matrix_float *others = b->pieces->gradients;
    return !b->gradient || share == 0 ? b->gradient : others->data + (share - 1) * others->tda;
}

static double work_share(const batch *b, size_t share, size_t number)
{
    inv_pieces *pieces = b->pieces;
    worker *w = &pieces->worker[number];
    float *gradient = gradient_of(b, share);
    const size_t start = share * b->rows / b->shares, end = (share + 1) * b->rows / b->shares;
    const size_t n = end - start, count = (n + pieces->maximum - 1) / pieces->maximum;
    double value = 0.0;
    if (gradient)
        clear(gradient, inv_net_size(pieces->net));
    for (size_t p = 0; p < count; p++) {
        const size_t first = p * n / count, next = (p + 1) * n / count;
        value += work_piece(b, w, start + first, next - first, gradient);
    }
    return value;
}

/* As many threads as in other loops, though some may have no share: to change the number is to make
 * threads anew. But no more than there are workers, where more threads were allowed since. */
static size_t team_size(const batch *b)
{
    const size_t workers = b->pieces->workers, team = inv_threads();
    return workers < b->shares ? minimum(workers, team) : team;
}

/* Whichever thread is free takes the next share, and at its first a worker of its own. */
static void work_shares(const batch *b, double *values)
{
    size_t taken = 0;
#pragma omp parallel num_threads(team_size(b))
    {
        size_t own = SHARES_MOST;
#pragma omp for schedule(dynamic, 1)
        for (size_t s = 0; s < b->shares; s++) {
            if (own == SHARES_MOST) {
#pragma omp atomic capture
                own = taken++;
            }
            values[s] = work_share(b, s, own);
        }
    }
}

static double work_batch(const batch *b)
{
    double values[SHARES_MOST], value = 0.0;
    if (b->shares > 1 && 2 * b->shares >= inv_threads())
        work_shares(b, values);
    else /* most threads would have no share: the layers use them */
        for (size_t s = 0; s < b->shares; s++)
            values[s] = work_share(b, s, 0);
    for (size_t s = 0; s < b->shares; s++)
        value += values[s];
    return value;
}

static double work(const batch *b)
{
    inv_pieces *pieces = b->pieces;
    double value = 0.0;
    if (pieces->head) {
        gsl_matrix_float x = inv_mat_head(pieces->head_x, b->rows);
        b->task->input(b->task->owner, 0, &x);
        inv_net_forward_in(pieces->net, pieces->head, &x, &b->mode);
        value += inv_pass_penalty(pieces->net, pieces->head);
    }
    value += work_batch(b);
    if (b->gradient && b->shares > 1) {
        const gsl_matrix_float others = inv_mat_head(pieces->gradients, b->shares - 1);
        inv_mat_add_column_sums(&others, b->gradient);
    }
    if (b->gradient && pieces->head) {
        const gsl_matrix_float dy = inv_mat_head(pieces->head_dy, b->rows);
        inv_net_backward(pieces->net, pieces->head, &dy, b->gradient, NULL);
    }
    return value;
}

double inv_pieces_descend(inv_pieces *pieces, const inv_task *task, size_t rows,
                          const inv_mode *mode, float *gradient)
{
    return work(&(batch){pieces, task, *mode, rows, share_count(pieces->shares, rows), gradient});
}

double inv_pieces_value(inv_pieces *pieces, const inv_task *task, size_t rows)
{
    return work(&(batch){pieces, task, {0}, rows, share_count(pieces->shares, rows), NULL});
}

void inv_pieces_keep(const inv_pieces *pieces, inv_net *net)
{
    if (pieces->head)
        inv_net_keep(net, pieces->head);
    for (size_t i = 0; i < pieces->workers; i++)
        inv_net_keep(net, pieces->worker[i].pass);
}
