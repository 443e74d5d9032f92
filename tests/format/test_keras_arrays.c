/* Keras layers, functions and variables that the files of tests/data/keras have none of: each file is made here,
 * array by array, and the net beside what Keras documents.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <hdf5.h>

#include "invproj/mat.h"
#include "invproj/model.h"
#include "stream_bytes.h"
#include "suites.h"
#include "support.h"

#define UNITS 4

static char *place;

static void open_place(void)
{
    place = support_folder();
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- from arrays to a net ---- */

typedef struct variable {
    const char *path;
    hid_t stored, given; /* types in the file and of the values */
    const void *values;
    hsize_t rows, columns; /* 0: of one axis */
} variable;

static void write_file(const char *path, const variable *list, size_t count)
{
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t groups = H5Pcreate(H5P_LINK_CREATE);
    ck_assert_int_ge(file, 0);
    ck_assert_int_ge(H5Pset_create_intermediate_group(groups, 1), 0);
    for (size_t i = 0; i < count; i++) {
        const variable *v = &list[i];
        const hsize_t dims[2] = {v->rows, v->columns};
        hid_t space = H5Screate_simple(v->columns ? 2 : 1, dims, NULL);
        hid_t set = H5Dcreate2(file, v->path, v->stored, space, groups, H5P_DEFAULT, H5P_DEFAULT);
        ck_assert_int_ge(H5Dwrite(set, v->given, H5S_ALL, H5S_ALL, H5P_DEFAULT, v->values), 0);
        H5Dclose(set);
        H5Sclose(space);
    }
    H5Pclose(groups);
    ck_assert_int_ge(H5Fclose(file), 0);
}

/* As Keras lists names: an attribute of texts. */
static void write_names(const char *path, const char *group, const char *name,
                        const char *const *names, hsize_t count)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), type = H5Tcopy(H5T_C_S1);
    hid_t at = H5Gopen2(file, group, H5P_DEFAULT), space = H5Screate_simple(1, &count, NULL);
    ck_assert_int_ge(H5Tset_size(type, H5T_VARIABLE), 0);
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(attribute, type, names), 0);
    H5Aclose(attribute);
    H5Gclose(at);
    H5Sclose(space);
    H5Tclose(type);
    ck_assert_int_ge(H5Fclose(file), 0);
}

/* The caller frees the tree. */
static inv_tree *read_tree(const char *path)
{
    stream_bytes s = {0};
    const inv_sink sink = stream_bytes_sink(&s);
    inv_source source = stream_bytes_source(&s);
    inv_tree *tree = NULL;
    size_t size = 0;
    unsigned char *bytes = support_read(path, &size);
    ck_assert_status(inv_model_send("made", bytes, size, SIZE_MAX, &sink), INV_OK);
    ck_assert_status(inv_tree_alloc("made", &tree), INV_OK);
    ck_assert_status(inv_tree_add(tree, "", &source), INV_OK);
    free(bytes);
    free(s.data);
    return tree;
}

static inv_tree *tree_of(const variable *list, size_t count)
{
    const char *path = support_at(place, "made.weights.h5");
    write_file(path, list, count);
    return read_tree(path);
}

static inv_status import(const char *arch, const variable *list, size_t count, inv_model **model)
{
    const inv_import how = {.arch = arch, .arch_name = "arch.json"};
    inv_tree *tree = tree_of(list, count);
    *model = NULL;
    inv_status status = inv_model_import(tree, &how, model);
    inv_tree_free(tree);
    return status;
}

/* Row i of `in` gives row i of `out`, to float's precision. */
static void assert_outputs(const inv_model *model, size_t rows, const float *in, const double *out)
{
    const size_t depth = inv_net_depth(model->net), units = inv_net_units(model->net, 0);
    const size_t classes = inv_net_units(model->net, depth);
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    ck_assert_status(inv_mat_alloc(rows, units, "x", &x), INV_OK);
    for (size_t i = 0; i < rows; i++)
        inv_model_row(model, in + i * units, x->data + i * x->tda);
    ck_assert_status(inv_pass_alloc(model->net, 0, depth, rows, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *y = inv_net_forward(model->net, pass, x);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < classes; j++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(y, i, j), out[i * classes + j],
                                    2e-6 * (1.0 + fabs(out[i * classes + j])));
    inv_pass_free(pass);
    inv_mat_free(x);
}

#define LEN(array) (sizeof(array) / sizeof *(array))

static const float unit_rows[UNITS * UNITS] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};

/* ---- whole numbers of four bits ---- */

#define DENSE_OF_FOUR_BITS                                                                         \
    "{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["                                  \
    "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 4]}},"                  \
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 3, \"use_bias\": "       \
    "false}}]}}"

enum { COLUMNS = 3, BYTES = 2, GROUPS = 2 };

/* Two in a byte, the low half first; what is behind the last column is none's. */
static const signed char halves[UNITS * BYTES] = {0x1f, 0x07, 0x78, 0x0a, 0x52, 0x00, 0x0c, 0x09};
static const int numbers[UNITS][COLUMNS] = {{-1, 1, 7}, {-8, 7, -6}, {2, 5, 0}, {-4, 0, -7}};
static const float group_scale[GROUPS * COLUMNS] = {0.5f, 0.25f, 2.0f, 1.5f, 0.125f, 3.0f};
static const float group_zero[GROUPS * COLUMNS] = {0, 1, -2, 3, 0, -1};

static inv_status import_four_bits(const int group[UNITS], inv_model **model)
{
    const variable list[] = {
        {"/layers/dense/vars/0", H5T_STD_I8LE, H5T_NATIVE_SCHAR, halves, UNITS, BYTES},
        {"/layers/dense/vars/1", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, group_scale, GROUPS, COLUMNS},
        {"/layers/dense/vars/2", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, group_zero, GROUPS, COLUMNS},
        {"/layers/dense/vars/3", H5T_IEEE_F32LE, H5T_NATIVE_INT, group, UNITS, 0},
    };
    return import(DENSE_OF_FOUR_BITS, list, LEN(list), model);
}

/* kernel[i, o] = (q[i, o] - zero[g, o]) scale[g, o], of the group g of row i. */
START_TEST(four_bits_have_a_scale_a_group)
{
    static const int group[UNITS] = {0, 1, 1, 0};
    double kernel[UNITS * COLUMNS];
    inv_model *model = NULL;
    for (size_t i = 0; i < UNITS; i++)
        for (size_t o = 0; o < COLUMNS; o++) {
            const size_t g = (size_t)group[i] * COLUMNS + o;
            kernel[i * COLUMNS + o] =
                (numbers[i][o] - (double)group_zero[g]) * (double)group_scale[g];
        }
    ck_assert_status(import_four_bits(group, &model), INV_OK);
    assert_outputs(model, UNITS, unit_rows, kernel);
    inv_model_free(model);
}
END_TEST

START_TEST(a_row_of_no_group_is_refused)
{
    static const int groups[][UNITS] = {{0, 1, 1, 2}, {-1, 1, 1, 0}};
    inv_model *model = NULL;
    ck_assert_status(import_four_bits(groups[_i], &model), INV_EFORMAT);
    ck_assert_message_has("a row of no group");
}
END_TEST

/* ---- functions that a model calls ---- */

static double relu(const double *x, size_t i)
{
    return x[i] > 0.0 ? x[i] : 0.0;
}

static double sigmoid(const double *x, size_t i)
{
    return 1.0 / (1.0 + exp(-x[i]));
}

static double log_softmax(const double *x, size_t i)
{
    double sum = 0.0;
    for (size_t k = 0; k < UNITS; k++)
        sum += exp(x[k]);
    return x[i] - log(sum);
}

static const struct {
    const char *module, *class;
    double (*naive)(const double *x, size_t i);
} functions[] = {{"keras.src.ops.nn", "Relu", relu},
                 {"keras.src.activations.activations", "ReLU", relu},
                 {"keras.src.ops.nn", "Sigmoid", sigmoid},
                 {"keras.src.ops.nn", "LogSoftmax", log_softmax}};

#define TENSOR(name)                                                                               \
    "{\"class_name\": \"__keras_tensor__\", \"config\": {\"keras_history\": [\"" name "\", 0, "    \
    "0]}}"
#define NODE(name) "\"inbound_nodes\": [{\"args\": [" TENSOR(name) "], \"kwargs\": {}}]"

START_TEST(functions_are_activations)
{
    static const double x[UNITS] = {-1.5, 0.25, 2.0, -0.125};
    static const float row[UNITS] = {-1.5f, 0.25f, 2.0f, -0.125f};
    const variable list[] = {
        {"/layers/dense/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS}};
    char arch[2048];
    double out[UNITS];
    inv_model *model = NULL;
    snprintf(
        arch, sizeof arch,
        "{\"class_name\": \"Functional\", \"config\": {\"layers\": ["
        "{\"class_name\": \"InputLayer\", \"name\": \"in\", \"config\": {\"name\": \"in\", "
        "\"batch_shape\": [null, 4]}, \"inbound_nodes\": []},"
        "{\"class_name\": \"Dense\", \"name\": \"d\", \"config\": {\"name\": \"d\", "
        "\"units\": 4, \"use_bias\": false}, " NODE(
            "in") "},"
                  "{\"class_name\": \"%s\", \"module\": \"%s\", \"name\": \"f\", \"config\": "
                  "{\"name\": "
                  "\"f\"}, " NODE(
                      "d") "}],"
                           "\"input_layers\": [\"in\", 0, 0], \"output_layers\": [\"f\", 0, 0]}}",
        functions[_i].class, functions[_i].module);
    ck_assert_status(import(arch, list, LEN(list), &model), INV_OK);
    for (size_t i = 0; i < UNITS; i++)
        out[i] = functions[_i].naive(x, i);
    assert_outputs(model, 1, row, out);
    inv_model_free(model);
}
END_TEST

/* ---- statistics of the data ---- */

/* (x - mean) / sqrt(variance), and where the layer inverts x sqrt(variance) + mean. */
START_TEST(normalised_as_the_data_were)
{
    static const float mean[UNITS] = {0.5f, -1.0f, 0.0f, 3.0f};
    static const float variance[UNITS] = {4.0f, 0.25f, 1.0f, 2.25f};
    static const float row[UNITS] = {1.0f, -2.0f, 0.5f, 0.0f};
    const bool invert = _i == 1;
    const variable list[] = {
        {"/layers/normalization/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, mean, UNITS, 0},
        {"/layers/normalization/vars/1", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, variance, UNITS, 0},
        {"/layers/dense/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS}};
    char arch[1024];
    double out[UNITS];
    inv_model *model = NULL;
    snprintf(arch, sizeof arch,
             "{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["
             "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 4]}},"
             "{\"class_name\": \"Normalization\", \"config\": {\"name\": \"n\", \"axis\": [-1], "
             "\"invert\": %s}},"
             "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 4, "
             "\"use_bias\": false}}]}}",
             invert ? "true" : "false");
    ck_assert_status(import(arch, list, LEN(list), &model), INV_OK);
    for (size_t i = 0; i < UNITS; i++) {
        const double deviation = sqrt((double)variance[i]), x = (double)row[i];
        out[i] = invert ? x * deviation + (double)mean[i] : (x - (double)mean[i]) / deviation;
    }
    assert_outputs(model, 1, row, out);
    inv_model_free(model);
}
END_TEST

/* ---- an input that no layer tells ---- */

START_TEST(the_first_kernel_tells_how_many_values_come_in)
{
    const variable list[] = {
        {"/layers/dense/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS}};
    const double out[UNITS * UNITS] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    inv_model *model = NULL;
    ck_assert_status(
        import("{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["
               "{\"class_name\": \"Dropout\", \"config\": {\"name\": \"o\", \"rate\": 0.5}},"
               "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 4, "
               "\"use_bias\": false}}]}}",
               list, LEN(list), &model),
        INV_OK);
    ck_assert_uint_eq(model->input_rank, 1);
    ck_assert_uint_eq(model->input_dims[0], UNITS);
    assert_outputs(model, UNITS, unit_rows, out);
    inv_model_free(model);
}
END_TEST

START_TEST(an_input_that_nothing_tells_is_asked_for)
{
    const variable list[] = {
        {"/layers/conv2d/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS}};
    inv_model *model = NULL;
    ck_assert_status(import("{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["
                            "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", "
                            "\"filters\": 4, \"kernel_size\": [2, 2]}}]}}",
                            list, LEN(list), &model),
                     INV_EFORMAT);
    ck_assert_message_has("of what shape its input is");
}
END_TEST

/* ---- channels first ---- */

/* The net's own images have channels last, from its input on; each output is the mean of a pixel's sum. */
START_TEST(channels_that_come_first_are_turned_at_the_input)
{
    enum { CHANNELS = 2, HEIGHT = 3, WIDTH = 4, PIXELS = HEIGHT * WIDTH, OUT = 3 };
    static const float kernel[CHANNELS * OUT] = {1.0f, -2.0f, 0.5f, 3.0f, 0.25f, -1.0f};
    const variable list[] = {
        {"/layers/conv2d/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, kernel, CHANNELS, OUT}};
    float image[CHANNELS * PIXELS];
    double out[OUT] = {0.0};
    inv_model *model = NULL;
    ck_assert_status(
        import("{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["
               "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 2, 3, 4]}},"
               "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 3, "
               "\"kernel_size\": [1, 1], \"use_bias\": false, \"data_format\": "
               "\"channels_first\"}},"
               "{\"class_name\": \"GlobalAveragePooling2D\", \"config\": {\"name\": \"g\", "
               "\"data_format\": \"channels_first\"}}]}}",
               list, LEN(list), &model),
        INV_OK);
    const inv_shape shape = inv_net_shape(model->net, 0);
    ck_assert(model->channels_first);
    ck_assert_uint_eq(shape.height, HEIGHT);
    ck_assert_uint_eq(shape.width, WIDTH);
    ck_assert_uint_eq(shape.channels, CHANNELS);
    for (int i = 0; i < CHANNELS * PIXELS; i++) {
        image[i] = (float)(i * i % 17) / 8.0f - 1.0f;
        for (int o = 0; o < OUT; o++)
            out[o] += (double)image[i] * (double)kernel[i / PIXELS * OUT + o] / PIXELS;
    }
    assert_outputs(model, 1, image, out);
    inv_model_free(model);
}
END_TEST

/* ---- what training keeps ---- */

START_TEST(what_the_optimiser_keeps_is_not_sent)
{
    const variable list[] = {
        {"/layers/dense/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS},
        {"/optimizer/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS},
        {"/optimizer_weights/adam/m", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, unit_rows, UNITS, UNITS}};
    inv_tree *tree = tree_of(list, LEN(list));
    ck_assert(inv_tree_has(tree, "/layers/dense/vars/0"));
    for (size_t i = 0; i < inv_tree_count(tree); i++)
        ck_assert_msg(!strstr(inv_tree_path(tree, i), "optimizer"), "%s", inv_tree_path(tree, i));
    inv_tree_free(tree);
}
END_TEST

/* ---- weights that the configuration denies ---- */

#define SEQUENTIAL "{\"class_name\": \"Sequential\", \"config\": {\"layers\": ["
#define INPUT_OF_4                                                                                 \
    SEQUENTIAL "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 4]}},"
#define DENSE_AND_NORM                                                                             \
    INPUT_OF_4 "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 4%s}},"       \
               "{\"class_name\": \"BatchNormalization\", \"config\": {\"name\": \"n\"%s}}]}}"

static const float four[UNITS] = {1.5f, 2.5f, 0.5f, 3.5f};

/* Without names, and with those that an .h5 file lists. */
static inv_tree *dense_and_norm(bool is_named)
{
    static const char *const paths[2][6] = {
        {"/layers/dense/vars/0", "/layers/dense/vars/1", "/layers/batch_normalization/vars/0",
         "/layers/batch_normalization/vars/1", "/layers/batch_normalization/vars/2",
         "/layers/batch_normalization/vars/3"},
        {"/d/d/kernel:0", "/d/d/bias:0", "/n/n/gamma:0", "/n/n/beta:0", "/n/n/moving_mean:0",
         "/n/n/moving_variance:0"}};
    const char *path = support_at(place, "made.weights.h5");
    variable list[6];
    for (size_t i = 0; i < 6; i++)
        list[i] = (variable){paths[is_named][i],   H5T_IEEE_F32LE, H5T_NATIVE_FLOAT,
                             i ? four : unit_rows, UNITS,          i ? 0 : UNITS};
    write_file(path, list, 6);
    if (is_named) {
        write_names(path, "/", "layer_names", (const char *const[]){"d", "n"}, 2);
        write_names(path, "/d", "weight_names", (const char *const[]){"d/kernel:0", "d/bias:0"}, 2);
        write_names(path, "/n", "weight_names",
                    (const char *const[]){"n/gamma:0", "n/beta:0", "n/moving_mean:0",
                                          "n/moving_variance:0"},
                    4);
    }
    return read_tree(path);
}

static const struct {
    const char *dense, *norm, *says, *named;
} denied[] = {
    {"", "", NULL, NULL},
    {", \"use_bias\": true", ", \"renorm\": false, \"dtype\": \"float32\"", NULL, NULL},
    {", \"use_bias\": false", "", "layer 'd' (Dense): the file has 2 weights of it, and by its",
     "holds 'd/bias:0', which no layer takes"},
    {"", ", \"scale\": false",
     "layer 'n' (BatchNormalization): the file has 4 weights of it, and by its configuration "
     "(use_bias, scale, center) it has 3",
     "holds 'n/gamma:0', which no layer takes"},
    {"", ", \"center\": false", "and by its configuration (use_bias, scale, center) it has 3",
     "holds 'n/beta:0', which no layer takes"},
};

START_TEST(weights_that_a_configuration_denies_are_refused)
{
    const bool is_named = _i % 2;
    const size_t row = (size_t)_i / 2;
    char arch[1024];
    snprintf(arch, sizeof arch, DENSE_AND_NORM, denied[row].dense, denied[row].norm);
    const inv_import how = {.arch = arch, .arch_name = "arch.json"};
    inv_tree *tree = dense_and_norm(is_named);
    inv_model *model = NULL;
    const inv_status status = inv_model_import(tree, &how, &model);
    ck_assert_msg(status == (denied[row].says ? INV_EFORMAT : INV_OK), "%zu: %s", row,
                  inv_error_message());
    if (denied[row].says)
        ck_assert_message_has(is_named ? denied[row].named : denied[row].says);
    inv_model_free(model);
    inv_tree_free(tree);
}
END_TEST

/* ---- keys that cannot be ---- */

#define IMAGE                                                                                      \
    SEQUENTIAL "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 9, 8, 2]}},"
#define CONV  "\"filters\": 4, \"kernel_size\": 3"
#define SIZES "must be a whole number from 1 to 1024, or 2 of them"

static const struct {
    const char *class, *config, *says;
} bad_keys[] = {
    {"Conv2D", CONV ", \"strides\": 0", "layer 'x' (Conv2D): strides=0: " SIZES},
    {"Conv2D", CONV ", \"strides\": -2", "strides=-2: " SIZES},
    {"Conv2D", CONV ", \"strides\": 2.5", "strides=2.5: " SIZES},
    {"Conv2D", CONV ", \"strides\": 2147483648", "strides=2147483648: " SIZES},
    {"Conv2D", CONV ", \"strides\": [2, 2, 2]", "strides=[2,2,2]: " SIZES},
    {"Conv2D", CONV ", \"strides\": [2, null]", "strides=[2,null]: " SIZES},
    {"Conv2D", CONV ", \"strides\": \"a\"", "strides=\"a\": " SIZES},
    {"Conv2D", CONV ", \"strides\": true", "strides=true: " SIZES},
    {"Conv2D", CONV ", \"strides\": {\"a\": 1}", "strides={\"a\":1}: " SIZES},
    {"Conv2D", CONV ", \"dilation_rate\": 0", "dilation_rate=0: " SIZES},
    {"Conv2D", "\"filters\": 4, \"kernel_size\": 0", "kernel_size=0: " SIZES},
    {"Conv2D", "\"filters\": -3, \"kernel_size\": 3", "filters=-3: must be a whole number from 1"},
    {"Conv2D", CONV ", \"groups\": 1.5", "groups=1.5: must be a whole number from 1"},
    {"Conv2D", CONV ", \"padding\": \"full\"", "padding=\"full\": must be one of 'valid', 'same'"},
    {"Conv2D", CONV ", \"padding\": \"explicit\"", "padding=\"explicit\": must be one of 'valid'"},
    {"Conv2D", CONV ", \"padding\": 1", "padding=1: must be one of 'valid', 'same'"},
    {"Conv2D", CONV ", \"data_format\": \"first\"", "data_format=\"first\": must be one of"},
    {"Conv2D", CONV ", \"use_bias\": \"no\"", "use_bias=\"no\": must be True or False"},
    {"MaxPooling2D", "\"pool_size\": [2, 0]", "pool_size=[2,0]: " SIZES},
    {"ZeroPadding2D", "\"padding\": -1", "padding=-1: must be a whole number from 0"},
    {"ZeroPadding2D", "\"padding\": [1, 2, 3]", "padding=[1,2,3]: must be a whole number"},
    {"UpSampling2D", "\"size\": 2, \"interpolation\": 3", "interpolation=3: must be one of"},
    {"Dropout", "\"rate\": 2", "layer 'x' (Dropout): rate=2: must be a number from 0 to 1"},
    {"LeakyReLU", "\"alpha\": \"a\"", "alpha=\"a\": must be a number"},
    {"BatchNormalization", "\"epsilon\": -1", "epsilon=-1: must be a number of at least 0"},
    {"BatchNormalization", "\"axis\": 1.5", "axis=1.5: must be a whole number"},
    {"GroupNormalization", "\"groups\": 0", "groups=0: must be a whole number"},
    {"Rescaling", "\"scale\": \"a\"", "scale=\"a\": must be a number"},
    {"Reshape", "\"target_shape\": [-1, -1, 2]", "a shape that leaves two sizes open"},
    {"Reshape", "\"target_shape\": [2.5]", "target_shape=[2.5]: must be"},
    {"Dense", "\"units\": -3", "units=-3: must be a whole number from 1 to 1000000"},
};

START_TEST(keys_that_cannot_be_are_refused)
{
    const variable list[] = {
        {"/layers/dense/vars/0", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, four, UNITS, 0}};
    char arch[1024];
    inv_model *model = NULL;
    snprintf(arch, sizeof arch,
             IMAGE "{\"class_name\": \"%s\", \"config\": {\"name\": \"x\", %s}}]}}",
             bad_keys[_i].class, bad_keys[_i].config);
    ck_assert_status(import(arch, list, LEN(list), &model), INV_EFORMAT);
    ck_assert_message_has("made: layer 'x' (");
    ck_assert_message_has(bad_keys[_i].says);
}
END_TEST

Suite *keras_arrays_suite(void)
{
    Suite *suite = suite_create("keras_arrays");
    TCase *tests = tcase_create("arrays");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_add_test(tests, four_bits_have_a_scale_a_group);
    tcase_add_loop_test(tests, a_row_of_no_group_is_refused, 0, 2);
    tcase_add_loop_test(tests, functions_are_activations, 0, (int)LEN(functions));
    tcase_add_loop_test(tests, normalised_as_the_data_were, 0, 2);
    tcase_add_test(tests, the_first_kernel_tells_how_many_values_come_in);
    tcase_add_test(tests, an_input_that_nothing_tells_is_asked_for);
    tcase_add_test(tests, channels_that_come_first_are_turned_at_the_input);
    tcase_add_test(tests, what_the_optimiser_keeps_is_not_sent);
    tcase_add_loop_test(tests, weights_that_a_configuration_denies_are_refused, 0, 2 * LEN(denied));
    tcase_add_loop_test(tests, keys_that_cannot_be_are_refused, 0, LEN(bad_keys));
    suite_add_tcase(suite, tests);
    return suite;
}
