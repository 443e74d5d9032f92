/* Batches in pieces are the batch as a whole.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gradient.h"
#include "invproj/loss.h"
#include "learn/pieces.h"
#include "suites.h"

#define IN  24
#define OUT 7

/* Nets whose layers can all be taken in pieces, none, or some. */
static const char *const nets[] = {
    "layers = ({name = \"a\"; type = \"dense\"; units = 11; activation = \"tanh\";},"
    "{name = \"b\"; type = \"dropout\"; rate = 0.3;}, {name = \"c\"; type = \"dense\"; units = "
    "7;});",
    "layers = ({name = \"a\"; type = \"inverse_dense\"; units = 9;}, {name = \"b\"; type = "
    "\"squash\";},"
    "{name = \"c\"; type = \"logit\";}, {name = \"d\"; type = \"inverse_dense\"; units = 7;});",
    "layers = ({name = \"a\"; type = \"dense\"; units = 7;}, {name = \"b\"; type = "
    "\"batch_norm\";});",
    "layers = ({name = \"a\"; type = \"batch_norm\";}, {name = \"b\"; type = \"dropout\";},"
    "{name = \"c\"; type = \"dense\"; units = 7; activation = \"sigmoid\";});",
    "layers = ({name = \"a\"; type = \"conv2d\"; filters = 3; size = 3; padding = \"same\";},"
    "{name = \"b\"; type = \"max_pool\";}, {name = \"c\"; type = \"dense\"; units = 7;});"};
#define NETS ((int)(sizeof nets / sizeof *nets))

static const size_t batches[] = {1, 63, 127, 128, 200, 401, 1000};
#define BATCHES (sizeof batches / sizeof *batches)
#define MOST    1000

typedef struct rows {
    gsl_matrix_float *x, *target;
    double loss[MOST];
} rows;

static void input(void *owner, size_t first, gsl_matrix_float *x)
{
    const rows *r = owner;
    for (size_t i = 0; i < x->size1; i++)
        memcpy(x->data + i * x->tda, r->x->data + (first + i) * IN, IN * sizeof(float));
}

static double objective(void *owner, size_t first, const gsl_matrix_float *y, gsl_matrix_float *dy)
{
    rows *r = owner;
    ck_assert(dy->size1 == y->size1 && dy->size2 == OUT);
    const gsl_matrix_float target = inv_mat_over(r->target->data + first * OUT, y->size1, OUT);
    return inv_loss_l2(y, &target, r->loss + first, dy);
}

static rows rows_alloc(void)
{
    rows r = {0};
    ck_assert_int_eq(inv_mat_alloc(MOST, IN, "x", &r.x), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(MOST, OUT, "target", &r.target), INV_OK);
    gradient_fill(r.x->data, MOST * IN, -1.0, 1.5, 301);
    gradient_fill(r.target->data, MOST * OUT, -1.0, 1.0, 302);
    return r;
}

static void rows_free(rows *r)
{
    inv_mat_free(r->x);
    inv_mat_free(r->target);
}

/* The same by one pass over all n rows. */
static double whole(const inv_net *net, rows *r, size_t n, const inv_mode *mode, float *gradient)
{
    inv_pass *pass = NULL;
    gsl_matrix_float *dy = NULL;
    const gsl_matrix_float x = inv_mat_head(r->x, n), target = inv_mat_head(r->target, n);
    ck_assert_int_eq(inv_pass_alloc(net, 0, inv_net_depth(net), n, INV_PASS_BOTH, &pass), INV_OK);
    ck_assert_int_eq(inv_mat_alloc(n, OUT, "dy", &dy), INV_OK);
    const gsl_matrix_float *y = inv_net_forward_in(net, pass, &x, mode);
    const double value = inv_loss_l2(y, &target, r->loss, dy) + inv_pass_penalty(net, pass);
    memset(gradient, 0, inv_net_size(net) * sizeof *gradient);
    inv_net_backward(net, pass, dy, gradient, NULL);
    inv_pass_free(pass);
    inv_mat_free(dy);
    return value;
}

static void assert_alike(const float *got, const float *expected, size_t n, size_t batch)
{
    double maximum = 0.0;
    for (size_t i = 0; i < n; i++)
        maximum = fmax(maximum, fabs((double)expected[i]));
    ck_assert(maximum > 0.0);
    for (size_t i = 0; i < n; i++)
        GRADIENT_HOLD(fabs((double)got[i] - expected[i]) <= 2e-5 * maximum,
                      "%zu rows: gradient %zu is %g, must be %g", batch, i, (double)got[i],
                      (double)expected[i]);
}

START_TEST(pieces_are_the_whole)
{
    inv_net *net = gradient_net(nets[_i], (inv_shape){4, 6, 1}, 0);
    const size_t size = inv_net_size(net);
    float *gradient = malloc(size * sizeof *gradient), *expected = malloc(size * sizeof *expected);
    rows r = rows_alloc();
    const inv_task task = {&r, input, objective};
    const inv_mode mode = {true, .key = 77};
    inv_pieces *pieces = NULL;
    inv_threads_set(2);
    ck_assert_int_eq(inv_pieces_alloc(net, inv_net_depth(net), MOST, &pieces), INV_OK);
    for (size_t b = 0; b < BATCHES; b++) {
        const size_t n = batches[b];
        if (n == 1 && strstr(nets[_i], "batch_norm"))
            continue; /* a batch of one has no gradient there */
        const double value = whole(net, &r, n, &mode, expected);
        const double got = inv_pieces_descend(pieces, &task, n, &mode, gradient);
        ck_assert_double_eq_tol(got, value, 1e-6 * fabs(value));
        assert_alike(gradient, expected, size, n);
        const double rest = whole(net, &r, n, &(inv_mode){0}, expected);
        ck_assert_double_eq_tol(inv_pieces_value(pieces, &task, n), rest, 1e-6 * fabs(rest));
    }
    inv_pieces_free(pieces);
    rows_free(&r);
    inv_net_free(net);
    free(gradient);
    free(expected);
}
END_TEST

/* Pieces made for one number of threads, for another, and used with another still. */
START_TEST(pieces_do_not_depend_on_threads)
{
    inv_net *net = gradient_net(nets[_i], (inv_shape){4, 6, 1}, 0);
    const size_t bytes = inv_net_size(net) * sizeof(float);
    float *gradient = malloc(bytes), *first = malloc(bytes);
    rows r = rows_alloc();
    const inv_task task = {&r, input, objective};
    const inv_mode mode = {true, .key = 78};
    enum { COUNTS = 6 };
    static const size_t threads[COUNTS] = {1, 2, 3, 5, 8, 16}; /* the last leave shares to layers */
    double value = 0.0;
    for (int k = 0; k < 2 * COUNTS; k++) {
        inv_pieces *pieces = NULL;
        inv_threads_set(threads[k % COUNTS]);
        ck_assert_int_eq(inv_pieces_alloc(net, inv_net_depth(net), MOST, &pieces), INV_OK);
        if (k >= COUNTS)
            inv_threads_set(threads[2 * COUNTS - 1 - k]);
        const double got = inv_pieces_descend(pieces, &task, 777, &mode, k ? gradient : first);
        value = k ? value : got;
        ck_assert(got == value && (k == 0 || gradient_same_bits(gradient, first, bytes)));
        inv_pieces_free(pieces);
    }
    rows_free(&r);
    inv_net_free(net);
    free(gradient);
    free(first);
}
END_TEST

/* Running statistics move as by a pass over the whole batch. */
START_TEST(statistics_are_kept)
{
    inv_net *net = gradient_net(nets[_i], (inv_shape){4, 6, 1}, 0);
    const size_t size = inv_net_size(net);
    float *gradient = malloc(size * sizeof *gradient), *start = malloc(size * sizeof *start);
    rows r = rows_alloc();
    const inv_task task = {&r, input, objective};
    inv_pieces *pieces = NULL;
    inv_pass *pass = NULL;
    memcpy(start, inv_net_params(net), size * sizeof *start);
    ck_assert_int_eq(inv_pieces_alloc(net, inv_net_depth(net), 300, &pieces), INV_OK);
    (void)inv_pieces_descend(pieces, &task, 300, &(inv_mode){true, .key = 5}, gradient);
    inv_pieces_keep(pieces, net);
    memcpy(gradient, inv_net_params(net), size * sizeof *gradient);
    ck_assert(memcmp(gradient, start, size * sizeof *start) != 0);
    memcpy(inv_net_params(net), start, size * sizeof *start);
    const gsl_matrix_float x = inv_mat_head(r.x, 300);
    ck_assert_int_eq(inv_pass_alloc(net, 0, inv_net_depth(net), 300, INV_PASS_FORWARD, &pass),
                     INV_OK);
    (void)inv_net_forward_in(net, pass, &x, &(inv_mode){true, .key = 5});
    inv_net_keep(net, pass);
    ck_assert(gradient_same_bits(gradient, inv_net_params(net), size * sizeof *start));
    inv_pass_free(pass);
    inv_pieces_free(pieces);
    rows_free(&r);
    inv_net_free(net);
    free(gradient);
    free(start);
}
END_TEST

Suite *pieces_suite(void)
{
    Suite *suite = suite_create("pieces");
    TCase *tcase = tcase_create("pieces");
    tcase_add_loop_test(tcase, pieces_are_the_whole, 0, NETS);
    tcase_add_loop_test(tcase, pieces_do_not_depend_on_threads, 0, NETS);
    tcase_add_loop_test(tcase, statistics_are_kept, 2, 4); /* those with batch_norm */
    suite_add_tcase(suite, tcase);
    return suite;
}
