/* ONNX graphs: those of tests/data/models/onnx-cases.bin, made by make_onnx.py there, give what ONNX's
 * own reference makes of two images; others are refused; and bytes that are damaged or made to do harm.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/sketch.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "invproj/model.h"
#include "invproj/npy.h"
#include "stream_bytes.h"
#include "suites.h"

#define MODELS  "tests/data/models/"
#define IMAGE   60
#define CLASSES 3

/* ---- from a file to a net ---- */

static inv_status add_stream(inv_tree *tree, const char *prefix, stream_bytes *s)
{
    inv_source source = stream_bytes_source(s);
    inv_status status = inv_tree_add(tree, prefix, &source);
    free(s->data);
    return status;
}

/* What is in those bytes; a file far.bin beside them, of so many bytes, where that is not 0. */
static inv_status import(const unsigned char *bytes, size_t size, size_t far, inv_model **model)
{
    static const unsigned char values[64];
    const inv_import how = {0};
    stream_bytes s = {0}, beside = {0};
    const inv_sink sink = stream_bytes_sink(&s), second = stream_bytes_sink(&beside);
    unsigned char *own = malloc(size + 1); /* so that the sanitizer sees its end */
    inv_tree *tree = NULL;
    memcpy(own, bytes, size);
    *model = NULL;
    inv_status status = inv_model_send("net.onnx", own, size, SIZE_MAX, &sink);
    if (status == INV_OK)
        status = inv_tree_alloc("net.onnx", &tree);
    if (status == INV_OK)
        status = add_stream(tree, "", &s);
    else
        free(s.data);
    if (status == INV_OK && far > 0) {
        status = inv_model_send_bytes("far.bin", values, far, &second);
        if (status == INV_OK)
            status = add_stream(tree, "/far.bin", &beside);
    }
    if (status == INV_OK)
        status = inv_model_import(tree, &how, model);
    inv_tree_free(tree);
    free(own);
    return status;
}

/* ---- the records of a file ---- */

typedef struct record {
    char name[128];
    const unsigned char *model;
    size_t size;
    float outputs[2 * CLASSES];
} record;

typedef struct records {
    unsigned char *bytes;
    size_t size, at;
    bool has_outputs;
} records;

static records open_records(const char *name, bool has_outputs)
{
    records r = {.has_outputs = has_outputs};
    r.bytes = support_read(name, &r.size);
    return r;
}

static const unsigned char *take(records *r, size_t *size)
{
    uint32_t length = 0;
    ck_assert_uint_le(r->at + sizeof length, r->size);
    memcpy(&length, r->bytes + r->at, sizeof length);
    r->at += sizeof length;
    ck_assert_uint_le(length, r->size - r->at);
    const unsigned char *from = r->bytes + r->at;
    r->at += length;
    *size = length;
    return from;
}

static bool next_record(records *r, record *out)
{
    size_t length = 0;
    if (r->at == r->size)
        return false;
    const unsigned char *name = take(r, &length);
    ck_assert_uint_lt(length, sizeof out->name);
    memcpy(out->name, name, length);
    out->name[length] = 0;
    out->model = take(r, &out->size);
    if (r->has_outputs) {
        memcpy(out->outputs, r->bytes + r->at, sizeof out->outputs);
        r->at += sizeof out->outputs;
    }
    return true;
}

/* ---- what others wrote ---- */

static void assert_outputs(const record *r, const inv_model *model, const inv_idx *images)
{
    const size_t depth = inv_net_depth(model->net), units = inv_net_units(model->net, 0);
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    double largest = 0.0, furthest = 0.0;
    ck_assert_msg(units == IMAGE && inv_net_units(model->net, depth) == CLASSES,
                  "%s: %zu values in, %zu out", r->name, units, inv_net_units(model->net, depth));
    ck_assert_status(inv_mat_alloc(2, units, "images", &x), INV_OK);
    for (size_t i = 0; i < 2; i++)
        inv_model_row(model, (const float *)images->data + i * units, x->data + i * x->tda);
    ck_assert_status(inv_pass_alloc(model->net, 0, depth, 2, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *y = inv_net_forward(model->net, pass, x);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < CLASSES; j++) {
            const double wanted = (double)r->outputs[i * CLASSES + j];
            largest = fmax(largest, fabs(wanted));
            furthest = fmax(furthest, fabs(wanted - (double)gsl_matrix_float_get(y, i, j)));
        }
    ck_assert_msg(furthest <= 5e-6 * largest, "%s: %g off, of %g", r->name, furthest, largest);
    inv_pass_free(pass);
    inv_mat_free(x);
}

START_TEST(graphs_give_what_the_reference_gives)
{
    records all = open_records(MODELS "onnx-cases.bin", true);
    inv_idx *images = NULL;
    record r;
    size_t count = 0;
    ck_assert_status(inv_npy_read(MODELS "onnx-images.npy", &images), INV_OK);
    for (; next_record(&all, &r); count++) {
        inv_model *model = NULL;
        const inv_status status = import(r.model, r.size, 0, &model);
        ck_assert_msg(status == INV_OK, "%s: %s", r.name, inv_error_message());
        assert_outputs(&r, model, images);
        inv_model_free(model);
    }
    ck_assert_uint_ge(count, 131);
    inv_idx_free(images);
    free(all.bytes);
}
END_TEST

START_TEST(classes_are_named_as_the_file_names_them)
{
    records all = open_records(MODELS "onnx-cases.bin", true);
    record r;
    inv_model *model = NULL;
    do
        ck_assert(next_record(&all, &r));
    while (strcmp(r.name, "names_of_classes") != 0);
    ck_assert_status(import(r.model, r.size, 0, &model), INV_OK);
    ck_assert_uint_eq(model->class_count, 3);
    ck_assert_str_eq(model->class_names[0], "boot");
    ck_assert_str_eq(model->class_names[1], "coat");
    ck_assert_str_eq(model->class_names[2], "bag");
    inv_model_free(model);
    free(all.bytes);
}
END_TEST

START_TEST(what_is_no_such_net_is_refused_by_name)
{
    records all = open_records(MODELS "onnx-refused.bin", false);
    record r;
    size_t count = 0;
    for (; next_record(&all, &r); count++) {
        inv_model *model = NULL;
        const inv_status status = import(r.model, r.size, 0, &model);
        ck_assert_msg(status != INV_OK && !model, "%s: is taken", r.name);
        ck_assert_message_has(r.name);
        ck_assert_message_has("net.onnx: ");
    }
    ck_assert_uint_ge(count, 87);
    free(all.bytes);
}
END_TEST

/* The tensor lies at bytes 4 to 12. */
START_TEST(data_beside_the_file_must_reach)
{
    records all = open_records(MODELS "onnx-refused.bin", false);
    record r;
    inv_model *model = NULL;
    do
        ck_assert(next_record(&all, &r));
    while (!strstr(r.name, "far.bin"));
    ck_assert_status(import(r.model, r.size, 11, &model), INV_EFORMAT);
    ck_assert_message_has("tensor 'far' lies in far.bin where that does not reach");
    ck_assert_status(import(r.model, r.size, 12, &model), INV_OK);
    ck_assert_uint_eq(inv_net_units(model->net, inv_net_depth(model->net)), IMAGE);
    inv_model_free(model);
    free(all.bytes);
}
END_TEST

/* ---- damaged, or made to do harm ---- */

/* Every file cut short, and bytes changed: an error or a net, and nothing worse. */
START_TEST(damaged_files_are_refused)
{
    records all = open_records(MODELS "onnx-cases.bin", true);
    record r;
    for (size_t n = 0; next_record(&all, &r); n++) {
        unsigned char *bytes = malloc(r.size);
        memcpy(bytes, r.model, r.size);
        for (size_t at = 1 + n % 5; at < r.size; at += 5 + r.size / 40) {
            inv_model *model = NULL;
            ck_assert_msg(import(bytes, at, 0, &model) != INV_OK, "%s cut at %zu", r.name, at);
            bytes[at] ^= (unsigned char)(1 + (at + n) % 255);
            if (import(bytes, r.size, 0, &model) != INV_OK)
                ck_assert_ptr_null(model);
            inv_model_free(model);
            bytes[at] = r.model[at];
        }
        free(bytes);
    }
    free(all.bytes);
}
END_TEST

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} harm[] = {
    {BYTES(""), "neither a run file nor a model of a known format but an empty file"},
    {BYTES("\x08\x07"), "neither a run file nor a model"},
    {BYTES("\x08\x07:\0"), "its graph has no input"},
    /* a length of 2^63, which begins where the file ends */
    {BYTES("\x08\x07:\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "damaged"},
    /* graphs in graphs in graphs, each as a node's attribute */
    {BYTES("\x08\x07:\x1a\n\x18*\x16\x32\x14\n\x12*\x10\x32\x0e\n\x0c*\x0a\x32\x08\n\x06*"
           "\x04\x32\x02\n\0"),
     "its graph has no input"},
    /* an input named x, of sizes 1 x 2^62 */
    {BYTES("\x08\x07:"
           "\x19Z\x17\n\1x\x12\x12\n\x10\x08\1\x12\x0c\n\x02\x08\1\n\x06\x08\xff\xff\xff\xff\x7f"),
     "size 2 of its input 'x' is not fixed"},
    /* a tensor of more axes than any */
    {BYTES("\x08\x07:\x15*\x13\x08\1\x08\1\x08\1\x08\1\x08\1\x08\1\x08\1\x08\1\x08\1\x10"),
     "damaged"},
    /* nodes that name each other, and none that is the output */
    {BYTES("\x08\x07:\x1d\n\x0b\n\1a\x12\1b\"\3Abs\n\x0b\n\1b\x12\1a\"\3AbsZ"), "damaged"},
};

START_TEST(files_made_to_do_harm_are_refused)
{
    inv_model *model = NULL;
    const inv_status status =
        import((const unsigned char *)harm[_i].bytes, harm[_i].size, 0, &model);
    ck_assert_msg(status != INV_OK && !model, "%d is taken", _i);
    ck_assert_message_has(harm[_i].says);
}
END_TEST

static const struct {
    const char *bytes;
    size_t size;
} no_onnx[] = {{BYTES("\x08\1\x12\x80\x80\4some TensorFlow graph")},
               {BYTES("version https://git-lfs\noid sha256:0\n")},
               {BYTES(":) a text")},
               {BYTES("\x18\0\0\0TFL3\0\0\0\0")},
               {BYTES("\0\0\x08\3\0\0\0\1")}};

START_TEST(other_files_are_not_taken_for_it)
{
    ck_assert(!inv_model_probe((const unsigned char *)no_onnx[_i].bytes, no_onnx[_i].size));
}
END_TEST

/* A small file can ask for any number of constants. */
START_TEST(constants_have_a_bound_on_their_work)
{
    inv_sketch *sketch = NULL;
    inv_tree *tree = NULL;
    ck_assert_status(inv_tree_alloc("large.onnx", &tree), INV_OK);
    ck_assert_status(inv_sketch_alloc(tree, &sketch), INV_OK);
    ck_assert_status(inv_sketch_spend(sketch, (size_t)1 << 24), INV_OK);
    ck_assert_status(inv_sketch_spend(sketch, (size_t)1 << 24), INV_OK);
    ck_assert_status(inv_sketch_spend(sketch, 1), INV_EFORMAT);
    ck_assert_message_has("large.onnx: its constants and shared parameters take more work");
    ck_assert_status(inv_sketch_spend(sketch, SIZE_MAX), INV_EFORMAT);
    inv_sketch_free(sketch);
    inv_tree_free(tree);
}
END_TEST

/* And for parameters that are stored once and are those of many layers. */
START_TEST(shared_parameters_have_a_bound)
{
    const inv_tree_array array = {.kind = 'f', .size = 4, .count = (size_t)1 << 24};
    inv_sketch *sketch = NULL;
    inv_tree *tree = NULL;
    ck_assert_status(inv_tree_alloc("shared.h5", &tree), INV_OK);
    ck_assert_status(inv_sketch_alloc(tree, &sketch), INV_OK);
    inv_place at = inv_sketch_input(sketch, (inv_shape){1, 1, 4});
    ck_assert_status(inv_sketch_add(sketch, "d", "",
                                    json_pack("{ss si}", "type", "dense", "units", 4), &at, 1, &at),
                     INV_OK);
    for (size_t i = 0; i < 2; i++)
        ck_assert_status(inv_sketch_block(sketch, &at, "kernel", &array, NULL, NULL), INV_OK);
    ck_assert_status(inv_sketch_block(sketch, &at, "kernel", &array, NULL, NULL), INV_EFORMAT);
    ck_assert_message_has("shared.h5: its constants and shared parameters take more work");
    inv_sketch_free(sketch);
    inv_tree_free(tree);
}
END_TEST

/* Hundreds of layers of one name each get one of their own. */
START_TEST(layers_of_one_name)
{
    inv_sketch *sketch = NULL;
    inv_tree *tree = NULL;
    ck_assert_status(inv_tree_alloc("many.onnx", &tree), INV_OK);
    ck_assert_status(inv_sketch_alloc(tree, &sketch), INV_OK);
    inv_place at = inv_sketch_input(sketch, (inv_shape){1, 1, 4});
    for (size_t i = 0; i < 1000; i++)
        ck_assert_status(
            inv_sketch_add(sketch, "n", "", json_pack("{ss}", "type", "tanh"), &at, 1, &at),
            INV_OK);
    ck_assert_str_eq(at.name, "n_1000");
    inv_sketch_free(sketch);
    inv_tree_free(tree);
}
END_TEST

Suite *onnx_suite(void)
{
    Suite *suite = suite_create("onnx");
    TCase *tests = tcase_create("onnx");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, graphs_give_what_the_reference_gives);
    tcase_add_test(tests, classes_are_named_as_the_file_names_them);
    tcase_add_test(tests, what_is_no_such_net_is_refused_by_name);
    tcase_add_test(tests, data_beside_the_file_must_reach);
    tcase_add_test(tests, damaged_files_are_refused);
    tcase_add_test(tests, constants_have_a_bound_on_their_work);
    tcase_add_test(tests, shared_parameters_have_a_bound);
    tcase_add_test(tests, layers_of_one_name);
    tcase_add_loop_test(tests, files_made_to_do_harm_are_refused, 0, sizeof harm / sizeof *harm);
    tcase_add_loop_test(tests, other_files_are_not_taken_for_it, 0,
                        sizeof no_onnx / sizeof *no_onnx);
    suite_add_tcase(suite, tests);
    return suite;
}
