/* The port of r2rt's experiment, held value by value to tests/ref/r2rt_reference.h5: the same
 * equations worked in float64 on 32 images and a 784-20-15-10 net. INVPROJ_TESTS says where tests/
 * is, where not here; INVPROJ_VERBOSE prints how far each array is off.
 *
 * In that file, `similarity` is sum |x - x_inv|, `excess` is the range penalty, and a loss of the
 * inverse is their sum.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "gradient.h"
#include "invproj/encode.h"
#include "invproj/features.h"
#include "invproj/generate.h"
#include "invproj/inverse.h"
#include "invproj/loss.h"
#include "invproj/train.h"

Suite *reference_suite(void);

/* Of the largest absolute value of each array; of a sum, nearer: the penalty is but 3e-5 of the
 * inverse's loss. */
#define TOLERANCE     1e-4
#define TOLERANCE_SUM 2e-6

enum { IMAGES = 32, PIXELS = 784, HIDDEN1 = 20, HIDDEN2 = 15, CLASSES = 10, STEPS = 3 };

/* ---- the file ---- */

static hid_t file = -1;

static void open_file(void)
{
    const char *tests = getenv("INVPROJ_TESTS");
    char path[4096];
    snprintf(path, sizeof path, "%s/ref/r2rt_reference.h5", tests ? tests : "tests");
    inv_threads_set(1); /* so small, that waking others takes longer */
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    ck_assert_msg(file >= 0, "%s cannot be opened: run from the root, or set INVPROJ_TESTS", path);
}

static void close_file(void)
{
    H5Fclose(file);
    file = -1;
}

/* The array at `path`, of exactly n values; the caller frees. */
static double *values_at(const char *path, size_t n)
{
    const hid_t set = H5Dopen2(file, path, H5P_DEFAULT);
    ck_assert_msg(set >= 0, "%s is not in the file", path);
    const hid_t space = H5Dget_space(set);
    ck_assert_msg(H5Sget_simple_extent_npoints(space) == (hssize_t)n, "%s has not %zu values", path,
                  n);
    double *values = malloc(n * sizeof *values);
    ck_assert_ptr_nonnull(values);
    ck_assert_int_ge(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Sclose(space);
    H5Dclose(set);
    return values;
}

static double value_at(const char *path)
{
    double *values = values_at(path, 1), value = values[0];
    free(values);
    return value;
}

/* Copies the array at `path` to floats. */
static void take(const char *path, float *to, size_t n)
{
    double *values = values_at(path, n);
    for (size_t i = 0; i < n; i++)
        to[i] = (float)values[i];
    free(values);
}

static void tell(const char *path, double deviation)
{
    if (getenv("INVPROJ_VERBOSE"))
        fprintf(stderr, "%-40s off by at most %.1e of the largest\n", path, deviation);
}

/* Holds n values to the array at `path`. */
static void hold(const char *path, const float *got, size_t n)
{
    double *expected = values_at(path, n), largest = 0.0, maximum = 0.0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(expected[i]));
        maximum = fmax(maximum, fabs(got[i] - expected[i]));
    }
    tell(path, maximum / largest);
    gradient_assert_near(got, expected, n, TOLERANCE, path);
    free(expected);
}

static void hold_matrix(const char *path, const gsl_matrix_float *m)
{
    float *packed = frame_packed(&(frame){.m = *m});
    hold(path, packed, m->size1 * m->size2);
    free(packed);
}

static void hold_value(const char *path, double got)
{
    const double expected = value_at(path);
    tell(path, fabs(got - expected) / fabs(expected));
    ck_assert_msg(fabs(got - expected) <= TOLERANCE_SUM * fabs(expected), "%s is %.9g, not %.9g",
                  path, got, expected);
}

/* ---- nets with the file's values ---- */

static const char net_text[] =
    "layers = ({name = \"hidden1\"; type = \"dense\"; units = 20; activation = \"sigmoid\";},"
    "{name = \"hidden2\"; type = \"dense\"; units = 15; activation = \"sigmoid\";},"
    "{name = \"output\"; type = \"dense\"; units = 0; activation = \"softmax\";});";

static const struct weight {
    const char *name, *owner, *block;
} weights[] = {{"w1", "hidden1", "kernel"}, {"b1", "hidden1", "bias"}, {"w2", "hidden2", "kernel"},
               {"b2", "hidden2", "bias"},   {"w", "output", "kernel"}, {"b", "output", "bias"}},
  inverse_weights[] = {{"w2_inv", "hidden2", "kernel"}, {"w1_inv", "hidden1", "kernel"}};
enum { WEIGHTS = 6, INVERSE_WEIGHTS = 2 };

static const inv_optim_spec adagrad = {.type = "adagrad", .rate = 0.01, .accumulator = 0.1};

typedef void visitor(const char *path, float *values, size_t n);

/* Calls `visit` for the part of `vector`, laid out as the net's parameters, that GROUP/NAME is
 * about. */
static void each_weight(const inv_net *net, const struct weight *list, size_t count, float *vector,
                        const char *group, visitor *visit)
{
    for (size_t i = 0; i < count; i++) {
        char path[64];
        const inv_block *block = inv_net_block(net, list[i].owner, list[i].block);
        ck_assert_ptr_nonnull(block);
        snprintf(path, sizeof path, "%s/%s", group, list[i].name);
        visit(path, vector + block->offset, block->size);
    }
}

static void hold_visitor(const char *path, float *values, size_t n)
{
    hold(path, values, n);
}

static void take_net(inv_net *net, const char *group)
{
    each_weight(net, weights, WEIGHTS, inv_net_params(net), group, take);
}

static void hold_net(const inv_net *net, float *vector, const char *group)
{
    each_weight(net, weights, WEIGHTS, vector, group, hold_visitor);
}

static void take_inverse(inv_net *inverse, const char *group)
{
    each_weight(inverse, inverse_weights, INVERSE_WEIGHTS, inv_net_params(inverse), group, take);
}

static void hold_inverse(const inv_net *inverse, float *vector, const char *group)
{
    each_weight(inverse, inverse_weights, INVERSE_WEIGHTS, vector, group, hold_visitor);
}

/* The classifier with the parameters of `group`. */
static inv_net *classifier(const char *group)
{
    inv_net *net = gradient_net(net_text, (inv_shape){28, 28, 1}, CLASSES);
    ck_assert_uint_eq(inv_net_size(net), PIXELS * HIDDEN1 + HIDDEN1 + HIDDEN1 * HIDDEN2 + HIDDEN2 +
                                             HIDDEN2 * CLASSES + CLASSES);
    take_net(net, group);
    return net;
}

/* The file's threshold is the confidence of an image that is not kept, to the last bit of a double.
 * Floats cannot tell those apart, so a number between it and the least of those kept serves. */
static double threshold(void)
{
    double *confidence = values_at("inverse/confidence", IMAGES);
    const double given = value_at("inverse/threshold");
    double minimum = 1.0;
    for (size_t i = 0; i < IMAGES; i++)
        if (confidence[i] > given)
            minimum = fmin(minimum, confidence[i]);
    free(confidence);
    ck_assert_double_gt(minimum - given, 5e-7);
    return (given + minimum) / 2;
}

static inv_inverse_spec inverse_spec(void)
{
    inv_inverse_spec spec = inv_inverse_defaults; /* squash 0.99 and penalty 1/2 are r2rt's */
    strcpy(spec.at, "hidden2");                   /* which is taken as hidden2.pre */
    spec.steps = STEPS;
    spec.batch = IMAGES;
    spec.confidence = threshold();
    spec.optimiser = adagrad;
    return spec;
}

/* Its inverse with the kernels of `group`. */
static inv_net *inverse_of(const inv_net *net, const char *group)
{
    const inv_inverse_spec spec = inverse_spec();
    inv_net *inverse = NULL;
    ck_assert_status(inv_inverse_build(&spec, net, &inverse), INV_OK);
    take_inverse(inverse, group);
    return inverse;
}

static gsl_matrix_float *images(void)
{
    gsl_matrix_float *x = NULL;
    ck_assert_status(inv_mat_alloc(IMAGES, PIXELS, "images", &x), INV_OK);
    take("input/images", x->data, IMAGES * PIXELS);
    gsl_matrix_float_scale(x, 1.0f / 255.0f);
    return x;
}

static void labels_to(unsigned labels[IMAGES])
{
    double *values = values_at("input/labels", IMAGES);
    for (size_t i = 0; i < IMAGES; i++)
        labels[i] = (unsigned)values[i];
    free(values);
}

static size_t point(const inv_net *net, const char *name)
{
    size_t p = 0;
    ck_assert_status(inv_net_point(net, name, &p), INV_OK);
    return p;
}

static inv_pass *pass_of(const inv_net *net, size_t last, size_t rows)
{
    inv_pass *pass = NULL;
    ck_assert_status(inv_pass_alloc(net, 0, last, rows, INV_PASS_BOTH, &pass), INV_OK);
    return pass;
}

/* The same images as the four IDX files of a data set, both parts alike. */
static void big_endian(unsigned char *to, unsigned value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void write_idx(const char *path, const char *from, const unsigned *dims, unsigned rank)
{
    unsigned char *bytes = calloc(1, 4 + 4 * rank + IMAGES * PIXELS);
    ck_assert_ptr_nonnull(bytes);
    size_t size = 1, head = 4 + 4 * rank;
    bytes[2] = 8;
    bytes[3] = (unsigned char)rank;
    for (unsigned d = 0; d < rank; d++) {
        big_endian(bytes + 4 + 4 * d, dims[d]);
        size *= dims[d];
    }
    double *values = values_at(from, size);
    for (size_t i = 0; i < size; i++)
        bytes[head + i] = (unsigned char)values[i];
    support_write(path, bytes, head + size);
    free(values);
    free(bytes);
}

static inv_dataset *dataset(void)
{
    const unsigned dims[] = {IMAGES, 28, 28};
    inv_dataset *data = NULL;
    char *folder = support_folder();
    write_idx(support_at(folder, "train-images-idx3-ubyte"), "input/images", dims, 3);
    write_idx(support_at(folder, "train-labels-idx1-ubyte"), "input/labels", dims, 1);
    write_idx(support_at(folder, "t10k-images-idx3-ubyte"), "input/images", dims, 3);
    write_idx(support_at(folder, "t10k-labels-idx1-ubyte"), "input/labels", dims, 1);
    ck_assert_status(inv_dataset_open(folder, 255.0, &data), INV_OK);
    support_remove(folder);
    return data;
}

/* ---- the classifier ---- */

START_TEST(first_forward_and_gradient)
{
    inv_net *net = classifier("init");
    gsl_matrix_float *x = images(), *dlogits = NULL;
    const size_t depth = inv_net_depth(net), logits = inv_net_logits(net);
    inv_pass *pass = pass_of(net, depth, IMAGES), *below = pass_of(net, logits, IMAGES);
    float *gradient = calloc(inv_net_size(net), sizeof *gradient);
    double rows[IMAGES];
    unsigned labels[IMAGES];
    size_t correct = 0;
    ck_assert_ptr_nonnull(gradient);
    labels_to(labels);
    hold_matrix("forward/probabilities", inv_net_forward(net, pass, x));
    hold_matrix("forward/l1", inv_pass_at(pass, point(net, "hidden1")));
    hold_matrix("forward/l2", inv_pass_at(pass, point(net, "hidden2")));
    ck_assert_status(inv_mat_alloc(IMAGES, CLASSES, "slopes", &dlogits), INV_OK);
    const gsl_matrix_float *at = inv_net_forward(net, below, x);
    hold_value("forward/cross_entropy",
               inv_loss_cross_entropy(at, labels, rows, dlogits, &correct));
    inv_net_backward(net, below, dlogits, gradient, NULL);
    hold_net(net, gradient, "gradient");
    free(gradient);
    inv_mat_free(x);
    inv_mat_free(dlogits);
    inv_pass_free(pass);
    inv_pass_free(below);
    inv_net_free(net);
}
END_TEST

static const char *const losses[] = {"training/loss_0", "training/loss_1", "training/loss_2"};

START_TEST(three_steps_of_training)
{
    inv_net *net = classifier("init");
    gsl_matrix_float *x = images(), *dlogits = NULL;
    inv_pass *pass = pass_of(net, inv_net_logits(net), IMAGES);
    float *gradient = calloc(inv_net_size(net), sizeof *gradient);
    inv_optim *optim = NULL;
    double rows[IMAGES];
    unsigned labels[IMAGES];
    inv_array state[INV_ARRAYS_MAX];
    size_t correct = 0;
    ck_assert_ptr_nonnull(gradient);
    labels_to(labels);
    ck_assert_status(inv_mat_alloc(IMAGES, CLASSES, "slopes", &dlogits), INV_OK);
    ck_assert_status(inv_optim_alloc(&adagrad, inv_net_size(net), &optim), INV_OK);
    for (int step = 0; step < STEPS; step++) {
        const gsl_matrix_float *logits = inv_net_forward(net, pass, x);
        hold_value(losses[step], inv_loss_cross_entropy(logits, labels, rows, dlogits, &correct));
        memset(gradient, 0, inv_net_size(net) * sizeof *gradient);
        inv_net_backward(net, pass, dlogits, gradient, NULL);
        inv_optim_step(optim, inv_net_params(net), gradient);
    }
    hold_net(net, inv_net_params(net), "training/after_3_steps");
    ck_assert_uint_eq(inv_optim_state(optim, state), 1);
    ck_assert_uint_eq(state[0].count, inv_net_size(net));
    hold_net(net, state[0].data, "training/accumulator");
    free(gradient);
    inv_optim_free(optim);
    inv_mat_free(x);
    inv_mat_free(dlogits);
    inv_pass_free(pass);
    inv_net_free(net);
}
END_TEST

/* The same by the method itself: its batch is the 32 images, in some order. */
START_TEST(three_steps_of_the_trainer)
{
    inv_net *net = classifier("init");
    inv_dataset *data = dataset();
    inv_learner *trainer = NULL;
    inv_train_spec spec = inv_train_defaults;
    inv_train_report report;
    inv_array state[INV_ARRAYS_MAX];
    size_t held = 0;
    spec.steps = STEPS;
    spec.batch = IMAGES;
    strcpy(spec.reduction, "sum");
    spec.optimiser = adagrad;
    ck_assert_status(inv_trainer_alloc(&spec, net, data, 17, &trainer), INV_OK);
    for (int step = 0; step < STEPS; step++) {
        ck_assert_status(inv_learner_step(trainer, &report), INV_OK);
        hold_value(losses[step], report.loss);
    }
    hold_net(net, inv_net_params(net), "training/after_3_steps");
    const size_t arrays = inv_learner_state(trainer, state);
    for (size_t i = 0; i < arrays; i++)
        if (strcmp(state[i].name, "accumulator") == 0) {
            ck_assert_uint_eq(state[i].count, inv_net_size(net));
            hold_net(net, state[i].data, "training/accumulator");
            held++;
        }
    ck_assert_uint_eq(held, 1);
    inv_learner_free(trainer);
    inv_dataset_free(data);
    inv_net_free(net);
}
END_TEST

/* ---- the inverse ---- */

/* The images kept, and what stands at hidden2.pre for them. */
typedef struct kept {
    size_t count;
    gsl_matrix_float *images, *codes;
} kept;

/* Holds confidences and the choice to the file's, then takes the images chosen. */
static kept keep(const inv_net *net, const gsl_matrix_float *x)
{
    kept k = {0};
    float confidence[IMAGES];
    uint32_t index[IMAGES];
    const double above = threshold();
    double *chosen = values_at("inverse/kept", IMAGES);
    inv_pass *pass = pass_of(net, inv_net_logits(net), IMAGES);
    inv_encode_classes(inv_net_forward(net, pass, x), confidence, NULL);
    hold("inverse/confidence", confidence, IMAGES);
    for (size_t i = 0; i < IMAGES; i++) {
        ck_assert_int_eq(confidence[i] > above, chosen[i] != 0.0);
        if (confidence[i] > above)
            index[k.count++] = (uint32_t)i;
    }
    ck_assert_uint_eq(k.count, 16);
    ck_assert_status(inv_mat_alloc(k.count, PIXELS, "images", &k.images), INV_OK);
    ck_assert_status(inv_mat_alloc(k.count, HIDDEN2, "codes", &k.codes), INV_OK);
    inv_mat_gather(x, index, k.count, k.images);
    inv_mat_gather(inv_pass_at(pass, point(net, "hidden2.pre")), index, k.count, k.codes);
    free(chosen);
    inv_pass_free(pass);
    return k;
}

static void kept_free(kept *k)
{
    inv_mat_free(k->images);
    inv_mat_free(k->codes);
}

static const char *const inverse_losses[] = {"inverse/loss_0", "inverse/loss_1", "inverse/loss_2"};

START_TEST(inverse_forward_gradient_and_three_steps)
{
    inv_net *net = classifier("training/after_3_steps"), *inverse = inverse_of(net, "init");
    gsl_matrix_float *x = images(), *dimages = NULL;
    kept k = keep(net, x);
    inv_pass *pass = pass_of(inverse, inv_net_depth(inverse), k.count);
    float *gradient = calloc(inv_net_size(inverse), sizeof *gradient);
    inv_optim *optim = NULL;
    double rows[IMAGES];
    ck_assert_ptr_nonnull(gradient);
    ck_assert_status(inv_mat_alloc(k.count, PIXELS, "slopes", &dimages), INV_OK);
    ck_assert_status(inv_optim_alloc(&adagrad, inv_net_size(inverse), &optim), INV_OK);
    for (int step = 0; step < STEPS; step++) {
        const gsl_matrix_float *y = inv_net_forward(inverse, pass, k.codes);
        const double similarity = inv_loss_l1(y, k.images, rows, dimages);
        const double excess = inv_pass_penalty(inverse, pass);
        memset(gradient, 0, inv_net_size(inverse) * sizeof *gradient);
        inv_net_backward(inverse, pass, dimages, gradient, NULL);
        hold_value(inverse_losses[step], similarity + excess);
        if (step == 0) {
            hold_matrix("inverse/x_inv", y);
            hold_matrix("inverse/l1_inv", inv_pass_at(pass, point(inverse, "hidden2")));
            hold_matrix("inverse/l1_inv_norm", inv_pass_at(pass, point(inverse, "hidden1.squash")));
            hold_value("inverse/similarity", similarity);
            hold_value("inverse/excess", excess);
            hold_inverse(inverse, gradient, "inverse/gradient");
        }
        inv_optim_step(optim, inv_net_params(inverse), gradient);
    }
    hold_inverse(inverse, inv_net_params(inverse), "inverse/after_3_steps");
    free(gradient);
    inv_optim_free(optim);
    kept_free(&k);
    inv_mat_free(x);
    inv_mat_free(dimages);
    inv_pass_free(pass);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

/* The same by the method itself, which is left its own batches but not its own kernels. */
START_TEST(three_steps_of_the_inverter)
{
    inv_net *net = classifier("training/after_3_steps"), *inverse = inverse_of(net, "init");
    inv_dataset *data = dataset();
    inv_learner *inverter = NULL;
    inv_inverse_report report;
    const inv_inverse_spec spec = inverse_spec();
    ck_assert_status(inv_inverter_alloc(&spec, net, inverse, data, 17, &inverter), INV_OK);
    take_inverse(inverse, "init");
    for (int step = 0; step < STEPS; step++) {
        ck_assert_status(inv_learner_step(inverter, &report), INV_OK);
        ck_assert_uint_eq(report.kept, 16);
        hold_value(inverse_losses[step], report.loss);
    }
    hold_inverse(inverse, inv_net_params(inverse), "inverse/after_3_steps");
    inv_learner_free(inverter);
    inv_dataset_free(data);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

/* ---- what is made of it ---- */

START_TEST(generated_images)
{
    enum { MADE = 9 };
    inv_net *net = classifier("training/after_3_steps");
    inv_net *inverse = inverse_of(net, "inverse/after_3_steps");
    inv_generate_spec spec = inv_generate_defaults; /* rate 1 from 0 is r2rt's */
    inv_generator *generator = NULL;
    gsl_matrix_float *made = NULL;
    float confidence[MADE];
    inv_optimise_report report;
    strcpy(spec.at, "hidden2.pre");
    for (size_t i = 0; i < MADE; i++)
        spec.classes.values[spec.classes.count++] = i + 1;
    ck_assert_status(inv_mat_alloc(MADE, PIXELS, "images", &made), INV_OK);
    ck_assert_status(inv_generator_alloc(&spec, net, &(inv_material){.seed = 1}, &generator),
                     INV_OK);
    const gsl_matrix_float *values = inv_generator_values(generator);
    for (int step = 0; step < 50; step++) {
        ck_assert_status(inv_generator_step(generator, &report), INV_OK);
        if (step > 0)
            continue;
        float *down = frame_packed(&(frame){.m = *values}); /* from 0, at rate 1 */
        for (size_t i = 0; i < MADE * HIDDEN2; i++)
            down[i] = -down[i];
        hold("generate/first_gradient", down, MADE * HIDDEN2);
        free(down);
    }
    hold_matrix("generate/hidden_after_50_steps", values);
    inv_pass *pass = NULL;
    ck_assert_status(inv_pass_alloc(net, point(net, "hidden2.pre"), inv_net_depth(net), MADE,
                                    INV_PASS_FORWARD, &pass),
                     INV_OK);
    const gsl_matrix_float *softmax = inv_net_forward(net, pass, values);
    hold_matrix("generate/probabilities", softmax);
    inv_generator_confidence(generator, confidence);
    for (size_t i = 0; i < MADE; i++)
        ck_assert_float_eq_tol(confidence[i], gsl_matrix_float_get(softmax, i, i + 1), 1e-7f);
    ck_assert_status(inv_inverse_apply(inverse, values, made), INV_OK);
    hold_matrix("generate/images", made);
    inv_pass_free(pass);
    inv_generator_free(generator);
    inv_mat_free(made);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

START_TEST(feature_images)
{
    inv_net *net = classifier("training/after_3_steps");
    inv_net *inverse = inverse_of(net, "inverse/after_3_steps");
    gsl_matrix_float *made = NULL;
    ck_assert_status(inv_mat_alloc(HIDDEN2, PIXELS, "images", &made), INV_OK);
    ck_assert_status(inv_features_images(inverse, 1e8, made), INV_OK);
    hold_matrix("features/images", made);
    inv_mat_free(made);
    inv_net_free(inverse);
    inv_net_free(net);
}
END_TEST

Suite *reference_suite(void)
{
    Suite *suite = suite_create("reference");
    TCase *tests = tcase_create("reference");
    tcase_add_checked_fixture(tests, open_file, close_file);
    tcase_add_test(tests, first_forward_and_gradient);
    tcase_add_test(tests, three_steps_of_training);
    tcase_add_test(tests, three_steps_of_the_trainer);
    tcase_add_test(tests, inverse_forward_gradient_and_three_steps);
    tcase_add_test(tests, three_steps_of_the_inverter);
    tcase_add_test(tests, generated_images);
    tcase_add_test(tests, feature_images);
    suite_add_tcase(suite, tests);
    return suite;
}
