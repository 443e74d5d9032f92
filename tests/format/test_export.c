/* Model files that this program writes: what is in them, that they come back as the net that they were,
 * and what they refuse. (That other programs take them: make check-interop.)
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "data/zip.h"
#include "format/arch.h"
#include "format/torch_arch.h"
#include "invproj/mat.h"
#include "invproj/model.h"
#include "invproj/npy.h"
#include "small.h"
#include "stream_bytes.h"
#include "suites.h"
#include "support.h"

#define LEN(array) (sizeof(array) / sizeof *(array))
#define ROWS       7

/* ---- from bytes to a net ---- */

static inv_status read_tree(unsigned char *bytes, size_t size, inv_tree **tree)
{
    stream_bytes s = {0};
    const inv_sink sink = stream_bytes_sink(&s);
    inv_source source = stream_bytes_source(&s);
    inv_status status = inv_model_send("file", bytes, size, SIZE_MAX, &sink);
    *tree = NULL;
    if (status == INV_OK)
        status = inv_tree_alloc("file", tree);
    if (status == INV_OK)
        status = inv_tree_add(*tree, "", &source);
    free(s.data);
    return status;
}

static inv_status import(unsigned char *bytes, size_t size, const inv_import *how,
                         inv_model **model)
{
    inv_tree *tree = NULL;
    *model = NULL;
    inv_status status = read_tree(bytes, size, &tree);
    if (status == INV_OK)
        status = inv_model_import(tree, how, model);
    inv_tree_free(tree);
    return status;
}

/* ---- nets ---- */

#define OUT "{ name = \"output\"; type = \"dense\"; units = 0; activation = \"softmax\"; }"
#define CONV(name, more)                                                                           \
    "{ name = \"" name "\"; type = \"conv2d\"; filters = 6; size = 3; " more " }"
#define LAYER(more) "{ name = \"it\"; " more " }"

/* Every layer, in places where the axes of images matter. */
static const char *const nets[] = {
    SMALL_TWO,
    SMALL_FOUR,
    CONV("c",
         "padding = \"same\"; activation = \"relu\";") ", { name = \"p\"; type = \"max_pool\"; "
                                                       "size = 3; stride = 2; padding = \"same\"; "
                                                       "}, { name = \"f\"; type = \"flatten\"; }, "
                                                       "{ name = \"drop\"; type = \"dropout\"; "
                                                       "rate = 0.3; }, " OUT,
    CONV("c", "stride = 2; padding = \"explicit\"; top = 1; right = 2;") "," LAYER(
        "type = \"batch_norm\"; epsilon = 0.01;") ", { name = \"a\"; type = \"relu\"; max_value = "
                                                  "1.5; negative_slope = 0.1; threshold = 0.2; "
                                                  "}," OUT,
    CONV("c", "") ", { name = \"f\"; type = \"flatten\"; }, " LAYER("type = \"batch_norm\"; "
                                                                    "use_beta = false;") "," OUT,
    CONV("c", "") "," LAYER("type = \"depthwise_conv2d\"; size = 2; multiplier = 2; padding = "
                            "\"same\"; activation = \"silu\";") "," OUT,
    CONV("c", "") "," LAYER("type = \"conv2d_transpose\"; size = 3; stride = 2; filters = 2; "
                            "padding = \"same\";") "," OUT,
    LAYER("type = \"local\"; size = 3; stride = 2; filters = 3; padding = \"same\"; activation = "
          "\"tanh\";") "," OUT,
    CONV("c",
         "") "," LAYER("type = \"avg_pool\"; size = 3; stride = 2; padding = \"same\";") "," OUT,
    CONV("c", "") "," LAYER("type = \"global_avg_pool\";") "," OUT,
    CONV("c", "") "," LAYER("type = \"layer_norm\";") "," OUT,
    CONV("c", "") "," LAYER("type = \"group_norm\"; groups = 3;") "," OUT,
    CONV("c", "") "," LAYER("type = \"prelu\"; share_height = true; share_width = true;") "," OUT,
    CONV("c", "") "," LAYER("type = \"scale\";") "," OUT,
    CONV("c",
         "") "," LAYER("type = \"rescale\"; per = \"value\"; scale = 0.3; offset = 0.1;") "," OUT,
    CONV("c",
         "") "," LAYER("type = \"rescale\"; per = \"channel\"; scale = 0.3; offset = 0.1;") "," OUT,
    CONV("c", "") "," LAYER("type = \"permute\"; order = \"cwh\";") "," OUT,
    CONV("c",
         "") "," LAYER("type = \"upsample\"; factor = 2; interpolation = \"bilinear\";") "," OUT,
    CONV("c", "") "," LAYER("type = \"pad\"; top = 1; left = 2;") ", { name = \"cut\"; type = "
                                                                  "\"crop\"; bottom = 2; }," OUT,
    CONV("c",
         "") "," LAYER("type = \"pad\"; mode = \"edge\"; top = 2; left = 1; right = 3;") "," OUT,
    CONV("c", "") "," LAYER("type = \"glu\";") "," OUT,
    CONV("c", "padding = \"same\";") "," CONV(
        "d",
        "padding = \"same\"; activation = \"elu\";") ", { name = \"j\"; type = \"add\"; inputs = [ "
                                                     "\"d\", \"c\" ]; }, { name = \"k\"; type = "
                                                     "\"concat\"; inputs = [ \"j\", \"input\" ]; "
                                                     "}," OUT,
    CONV("c", "") "," LAYER("type = \"slice\"; axis = \"width\"; first = 1; count = 2;") "," OUT,
    CONV("c", "") "," LAYER("type = \"slice\"; first = 5; step = 2; backwards = true;") "," OUT,
    CONV("c", "") "," LAYER("type = \"slice\"; axis = \"height\"; first = 1; step = 2;") "," OUT,
    CONV("c", "") "," LAYER("type = \"lrn\"; size = 3; before = 1; alpha = 0.5;") "," OUT,
    CONV("c", "") "," LAYER("type = \"lrn\"; size = 4; before = 2; beta = 0.5;") "," OUT,
    CONV("c", "") "," LAYER("type = \"depth_to_space\"; block = 1;") "," OUT,
    "{ name = \"c\"; type = \"conv2d\"; filters = 8; size = 3; }," LAYER(
        "type = \"depth_to_space\"; block = 2; order = \"dcr\";") "," OUT,
    CONV("c", "padding = \"same\"; stride = 2;") "," LAYER("type = \"adaptive_avg_pool\"; height "
                                                           "= 2; width = 4;") "," OUT,
    CONV("c", "") "," LAYER("type = \"adaptive_max_pool\"; height = 2; width = 3;") "," OUT,
    CONV("c", "") "," LAYER("type = \"upsample\"; interpolation = \"nearest_centre\"; height = 3; "
                            "width = 7;") "," OUT,
    CONV("c", "") "," LAYER("type = \"max_pool\"; size = 2; stride = 1; dilation = 2;") "," OUT,
    "{ name = \"d\"; type = \"dense\"; units = 12; }, { name = \"it\"; type = \"reshape\"; height "
    "= "
    "2; width = 3; channels = 2; }, { name = \"c\"; type = \"conv2d\"; size = 2; filters = 3; "
    "}," OUT,
};

/* Where a format has nothing for one of those, which the others have. */
static bool has_no_layer(const char *layers, const char *format)
{
    static const char *const none[][2] = {{"keras-h5", "glu"},       {"keras", "step = 2"},
                                          {"keras", "lrn"},          {"keras", "depth_to_space"},
                                          {"keras", "adaptive"},     {"keras", "nearest_centre"},
                                          {"keras", "dilation = 2"}, {"onnx", "adaptive_max"}};
    for (size_t i = 0; i < LEN(none); i++)
        if (strncmp(format, none[i][0], strlen(none[i][0])) == 0 && strstr(layers, none[i][1]))
            return true;
    return false;
}

static const char *const formats[] = {"onnx", "keras", "keras-h5", "safetensors", "npz"};

/* Parameters that no two places share, and that a norm can have. */
static void fill(inv_net *net)
{
    float *params = inv_net_params(net);
    for (size_t i = 0; i < inv_net_size(net); i++)
        params[i] = 0.05f + 0.3f * (float)fabs(sin(0.7 * (double)i + 0.3));
}

static inv_net *make_net(const char *layers)
{
    inv_net *net = small_net(layers);
    fill(net);
    return net;
}

static const char *const class_names[] = {"zero", "one \"quoted\"", "zw\303\266lf", "x"};

static inv_export export_of(const inv_net *net)
{
    return (inv_export){.net = net,
                        .file = "run.h5",
                        .black = 0.125,
                        .white = 1.0 / 3.0,
                        .scale = 3.5,
                        .class_count = LEN(class_names),
                        .class_names = class_names};
}

typedef struct written {
    unsigned char *bytes;
    size_t size;
    char *text;
} written;

static written write_net(const inv_export *what, const char *format)
{
    written w = {0};
    ck_assert_status(inv_model_export(what, format, &w.bytes, &w.size, &w.text), INV_OK);
    return w;
}

static void free_written(const written *w)
{
    free(w->bytes);
    free(w->text);
}

static gsl_matrix_float *outputs_of(const inv_net *net)
{
    const size_t units = inv_net_units(net, 0), depth = inv_net_depth(net);
    gsl_matrix_float *x = small_matrix(ROWS, units),
                     *y = small_matrix(ROWS, inv_net_units(net, depth));
    inv_pass *pass = NULL;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < units; j++)
            gsl_matrix_float_set(x, i, j, (float)fabs(sin(1.3 * (double)(i * units + j))));
    ck_assert_status(inv_pass_alloc(net, 0, depth, ROWS, INV_PASS_FORWARD, &pass), INV_OK);
    gsl_matrix_float_memcpy(y, inv_net_forward(net, pass, x));
    inv_pass_free(pass);
    inv_mat_free(x);
    return y;
}

static void assert_near(const inv_net *a, const inv_net *b, double tolerance)
{
    gsl_matrix_float *y = outputs_of(a), *z = outputs_of(b);
    ck_assert_uint_eq(y->size2, z->size2);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < y->size2; j++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(y, i, j), gsl_matrix_float_get(z, i, j),
                                    tolerance);
    inv_mat_free(y);
    inv_mat_free(z);
}

/* ---- there and back ---- */

START_TEST(what_is_exported_comes_back_and_is_exported_the_same)
{
    inv_net *net = make_net(nets[_i]);
    const inv_export what = export_of(net);
    const inv_import how = {0};
    for (size_t f = 0; f < LEN(formats); f++) {
        inv_model *model = NULL;
        if (has_no_layer(nets[_i], formats[f]))
            continue;
        const written first = write_net(&what, formats[f]);
        ck_assert_status(import(first.bytes, first.size, &how, &model), INV_OK);
        ck_assert_str_eq(inv_net_describe(model->net), inv_net_describe(net));
        ck_assert(small_same_params(model->net, net));
        ck_assert_uint_eq(model->class_count, LEN(class_names));
        for (size_t c = 0; c < LEN(class_names); c++)
            ck_assert_str_eq(model->class_names[c], class_names[c]);
        ck_assert_double_eq(model->black, what.black);
        ck_assert_double_eq(model->white, what.white);
        ck_assert_double_eq(model->scale, what.scale);
        ck_assert(model->is_prepared);
        inv_export again = export_of(model->net);
        again.class_names = (const char *const *)model->class_names;
        const written second = write_net(&again, formats[f]);
        ck_assert_uint_eq(second.size, first.size);
        ck_assert_mem_eq(second.bytes, first.bytes, first.size);
        free_written(&first);
        free_written(&second);
        inv_model_free(model);
    }
    inv_net_free(net);
}
END_TEST

/* The mark of this program's metadata becomes another, so that the file is one of a stranger. */
static void estrange(const written *w, const char *format)
{
    static const char *const marks[] = {"\"invproj\":\"1\"", "\7invproj\22\1"
                                                             "1"};
    const char *mark = marks[strcmp(format, "onnx") == 0];
    unsigned char *at = memmem(w->bytes, w->size, mark, strlen(mark));
    ck_assert_ptr_nonnull(at);
    at[strlen(mark) - (strcmp(format, "onnx") == 0 ? 1 : 2)] = '9';
}

/* What a format says of the net without this program's own metadata. */
START_TEST(what_is_exported_means_the_same_without_the_metadata)
{
    static const char *const strange[] = {"onnx", "keras-h5", "safetensors"};
    inv_net *net = make_net(nets[_i]);
    const inv_export what = export_of(net);
    for (size_t f = 0; f < LEN(strange); f++) {
        inv_model *model = NULL;
        if (has_no_layer(nets[_i], strange[f]))
            continue;
        const written w = write_net(&what, strange[f]);
        inv_import how = {.arch = w.text, .arch_name = "net.py"};
        estrange(&w, strange[f]);
        if (import(w.bytes, w.size, &how, &model) == INV_OK) {
            ck_assert_uint_eq(model->class_count, 0);
            assert_near(net, model->net, 2e-5);
        } else { /* layers that a format has no words for, and the importer none of its own */
            ck_assert_msg(!strstr(nets[_i], "per = \"channel\""), "%s", inv_error_message());
            ck_assert_msg(support_message_has("'it") || support_message_has(" it") ||
                              support_message_has(": a:") || support_message_has("'a"),
                          "%s", inv_error_message());
        }
        inv_model_free(model);
        free_written(&w);
    }
    inv_net_free(net);
}
END_TEST

/* --arch may be the experiment that the net is of, for any format of weights. */
START_TEST(an_experiment_is_an_architecture)
{
    static const char *const kinds[] = {"keras-h5", "keras", "safetensors", "npz"};
    static const char *const texts[] = {"title = \"x\"; network = { layers = ( %s ); };",
                                        "layers = ( %s );"};
    static const char layers[] = CONV("c", "activation = \"elu\";") "," LAYER(
        "type = \"batch_norm\";") ", { name = \"d\"; type = \"dense\"; units = 7; }," OUT;
    inv_net *net = make_net(layers);
    const inv_export what = export_of(net);
    for (size_t k = 0; k < LEN(kinds); k++) {
        const written w = write_net(&what, kinds[k]);
        for (size_t t = 0; t < LEN(texts); t++) {
            char text[1024];
            inv_model *model = NULL;
            snprintf(text, sizeof text, texts[t], layers);
            inv_import how = {.arch = text,
                              .arch_name = "net.cfg",
                              .input_rank = 2,
                              .input_dims = {SMALL_HEIGHT, SMALL_WIDTH}};
            ck_assert_msg(import(w.bytes, w.size, &how, &model) == INV_OK, "%s: %s", kinds[k],
                          inv_error_message());
            assert_near(net, model->net, 1e-6);
            inv_model_free(model);
            how.input_rank = 0; /* those images are not square */
            ck_assert_status(import(w.bytes, w.size, &how, &model), INV_EFORMAT);
            ck_assert_message_has("say it with --input");
        }
        free_written(&w);
    }
    inv_net_free(net);
}
END_TEST

/* Of square images the parameters' numbers tell the side. */
START_TEST(an_experiments_images_are_those_that_fit)
{
    static const char layers[] = "{ name = \"a\"; type = \"dense\"; units = 7; }," OUT;
    inv_net *net = small_net_for(layers, (inv_shape){9, 9, 1}, 4);
    const inv_export what = export_of(net);
    const written w = write_net(&what, "npz");
    char text[256];
    snprintf(text, sizeof text, "layers = ( %s );", layers);
    const inv_import how = {.arch = text, .arch_name = "net.txt"};
    const inv_import wrong = {.arch = "network = { };", .arch_name = "net.cfg"};
    const inv_import bad = {.arch = "layers = ( { type = \"dens\"; } );", .arch_name = "net.cfg"};
    inv_model *model = NULL;
    ck_assert_status(import(w.bytes, w.size, &how, &model), INV_OK);
    ck_assert(small_same_params(model->net, net));
    ck_assert_uint_eq(inv_net_shape(model->net, 0).width, 9);
    ck_assert_uint_gt(model->note_count, 0);
    ck_assert_ptr_nonnull(strstr(model->notes[0], "9 x 9 x 1 fit; --input says others"));
    inv_model_free(model);
    ck_assert_status(import(w.bytes, w.size, &wrong, &model), INV_ECONFIG);
    ck_assert_message_has("net.cfg: has no network.layers");
    ck_assert_int_ne(import(w.bytes, w.size, &bad, &model), INV_OK);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

/* A Sequential of Keras whose config does not say of what shape its input is. */
START_TEST(a_model_without_a_shape_takes_the_images_that_fit)
{
    static const char arch[] =
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
        "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 6, "
        "\"kernel_size\": [3, 3], \"use_bias\": true}},"
        "{\"class_name\": \"%s\", \"config\": {\"name\": \"f\"}},"
        "{\"class_name\": \"Dense\", \"config\": {\"name\": \"output\", \"units\": 4, "
        "\"activation\": \"softmax\", \"use_bias\": true}}]}}";
    static const char *const layers[] = {
        CONV("c", "") ", { name = \"f\"; type = \"flatten\"; }," OUT,
        CONV("c", "") ", { name = \"f\"; type = "
                      "\"global_avg_pool\"; }," OUT};
    static const char *const classes[] = {"Flatten", "GlobalAveragePooling2D"};
    static const size_t sides[] = {9, 28}; /* the only one; the usual one of many */
    for (size_t i = 0; i < LEN(layers); i++) {
        inv_net *net = small_net_for(layers[i], (inv_shape){sides[i], sides[i], 1}, 4);
        const inv_export what = export_of(net);
        const written w = write_net(&what, "keras-h5");
        char text[1024];
        snprintf(text, sizeof text, arch, classes[i]);
        inv_import how = {.arch = text, .arch_name = "a.json"};
        inv_model *model = NULL;
        ck_assert_status(import(w.bytes, w.size, &how, &model), INV_OK);
        ck_assert_uint_eq(inv_net_shape(model->net, 0).height, sides[i]);
        ck_assert(small_same_params(model->net, net));
        inv_model_free(model);
        how.input_rank = 3;
        memcpy(how.input_dims, (size_t[3]){10, 11, 1}, sizeof how.input_dims);
        ck_assert_status(import(w.bytes, w.size, &how, &model), i ? INV_OK : INV_EFORMAT);
        ck_assert(!model || inv_net_shape(model->net, 0).width == 11);
        inv_model_free(model);
        free_written(&w);
        inv_net_free(net);
    }
}
END_TEST

/* What fits, and how often it was asked. */
typedef struct asked {
    size_t side, count;
} asked;

static inv_status fits_one(void *context, inv_shape shape, bool *fits)
{
    asked *a = context;
    a->count++;
    *fits = shape.height == a->side && shape.width == a->side && shape.channels == 1;
    return INV_OK;
}

/* Usual sizes first; the others only where there are tries enough for all of them. */
START_TEST(a_shape_is_searched_for_so_many_times)
{
    static const struct {
        size_t side, tries, asked;
        bool is_found;
    } cases[] = {{28, 0, 1, true},       {224, 0, 4, true},  {9, 511, 8, false},
                 {9, 512, 255, true},    {0, 511, 8, false}, {0, 512, 510, false},
                 {300, 9999, 510, false}};
    for (size_t i = 0; i < LEN(cases); i++) {
        asked a = {.side = cases[i].side};
        inv_shape shape;
        ck_assert_status(inv_find_shape("f", fits_one, &a, cases[i].tries, &shape),
                         cases[i].is_found ? INV_OK : INV_EFORMAT);
        ck_assert_uint_eq(a.count, cases[i].asked);
        ck_assert(!cases[i].is_found || shape.height == cases[i].side);
    }
}
END_TEST

/* Of a description that is long, only the usual sizes are tried, since each try reads it. */
START_TEST(a_long_description_is_tried_on_usual_images_alone)
{
    static const char arch[] =
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"%s\", \"layers\": ["
        "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 6, "
        "\"kernel_size\": [3, 3], \"use_bias\": true}},"
        "{\"class_name\": \"Flatten\", \"config\": {\"name\": \"f\"}},"
        "{\"class_name\": \"Dense\", \"config\": {\"name\": \"output\", \"units\": 4, "
        "\"activation\": \"softmax\", \"use_bias\": true}}]}}";
    static const size_t sides[] = {9, 28}, lengths[] = {9, 100000};
    for (size_t i = 0; i < 4; i++) {
        const size_t side = sides[i % 2], length = lengths[i / 2];
        inv_net *net = small_net_for(CONV("c", "") ", { name = \"f\"; type = \"flatten\"; }," OUT,
                                     (inv_shape){side, side, 1}, 4);
        const inv_export what = export_of(net);
        const written w = write_net(&what, "keras-h5");
        char *name = malloc(length + 1), *text = NULL;
        memset(name, 'n', length);
        name[length] = 0;
        ck_assert_int_gt(asprintf(&text, arch, name), 0);
        const inv_import how = {.arch = text, .arch_name = "a.json"};
        inv_model *model = NULL;
        ck_assert_status(import(w.bytes, w.size, &how, &model), i == 2 ? INV_EFORMAT : INV_OK);
        ck_assert(i != 2 || support_message_has("say it with --input"));
        inv_model_free(model);
        free(name);
        free(text);
        free_written(&w);
        inv_net_free(net);
    }
}
END_TEST

/* A file is believed for what it holds: one changed number is that number, whatever the metadata say. */
START_TEST(a_number_changed_in_the_file_is_changed_in_the_net)
{
    inv_net *net = make_net(nets[2]);
    const inv_export what = export_of(net);
    const inv_import how = {0};
    const float was = inv_net_params(net)[5], now = -4.25f;
    inv_model *model = NULL;
    const written w = write_net(&what, "onnx");
    unsigned char *at = memmem(w.bytes, w.size, &was, sizeof was);
    size_t found = 0;
    ck_assert_ptr_nonnull(at);
    memcpy(at, &now, sizeof now);
    ck_assert_status(import(w.bytes, w.size, &how, &model), INV_OK);
    ck_assert_uint_eq(inv_net_size(model->net), inv_net_size(net));
    for (size_t i = 0; i < inv_net_size(net); i++)
        found += inv_net_params(model->net)[i] == now;
    ck_assert_uint_eq(found, 1);
    inv_model_free(model);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

/* A description of more parameters than the file has values is not built. */
START_TEST(a_description_too_large_is_not_believed)
{
    inv_net *net = make_net(SMALL_TWO);
    const inv_export what = export_of(net);
    const inv_import how = {0};
    inv_model *model = NULL;
    const written w = write_net(&what, "onnx");
    unsigned char *at = memmem(w.bytes, w.size, "\"units\":17", 10);
    ck_assert_ptr_nonnull(at);
    memcpy(at, "\"units\":99", 10);
    ck_assert_status(import(w.bytes, w.size, &how, &model), INV_OK);
    ck_assert_uint_eq(inv_net_size(model->net), inv_net_size(net)); /* as the graph has it */
    assert_near(net, model->net, 2e-6);
    inv_model_free(model);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

START_TEST(an_inverse_says_what_it_leads_back_from)
{
    inv_net *net =
        small_net_for("{ name = \"h\"; type = \"inverse_dense\"; units = 12; }, { name = "
                      "\"h.squash\"; type = \"squash\"; }, { name = \"h.logit\"; type = "
                      "\"logit\"; }, { name = \"g\"; type = \"inverse_dense\"; units = 63; }",
                      (inv_shape){1, 1, 5}, 0);
    fill(net);
    inv_export what = export_of(net);
    const inv_import how = {0};
    what.class_count = 0;
    what.inverse_at = "hidden2.pre";
    what.image = (inv_shape){9, 7, 1};
    for (size_t f = 0; f < LEN(formats); f++) {
        inv_model *model = NULL;
        if (strcmp(formats[f], "keras-h5") == 0)
            continue; /* refused: below */
        const written w = write_net(&what, formats[f]);
        ck_assert_status(import(w.bytes, w.size, &how, &model), INV_OK);
        ck_assert_str_eq(model->inverse_at, "hidden2.pre");
        ck_assert_uint_eq(model->image.height, 9);
        ck_assert_uint_eq(model->image.width, 7);
        ck_assert_str_eq(inv_net_describe(model->net), inv_net_describe(net));
        ck_assert(small_same_params(model->net, net));
        inv_model_free(model);
        free_written(&w);
    }
    inv_net_free(net);
}
END_TEST

/* ---- what is in them ---- */

static const char tiny[] =
    "{ name = \"c\"; type = \"conv2d\"; filters = 2; size = 3; activation = \"relu\"; }," OUT;

START_TEST(an_onnx_graph_is_as_others_write_it)
{
    static const char *const ops[] = {"Conv", "Relu", "Flatten", "Gemm", "Softmax"};
    static const char *const names[] = {"c", "c_relu", NULL, "output", "output_softmax"};
    inv_net *net = make_net(tiny);
    const inv_export what = export_of(net);
    inv_tree *tree = NULL;
    char *text = NULL;
    const written w = write_net(&what, "onnx");
    ck_assert_status(read_tree(w.bytes, w.size, &tree), INV_OK);
    ck_assert_status(inv_tree_text(tree, "/", "graph", 0, &text), INV_OK);
    json_t *graph = json_loads(text, 0, NULL), *nodes = json_object_get(graph, "nodes");
    ck_assert_uint_eq(json_array_size(nodes), LEN(ops));
    for (size_t i = 0; i < LEN(ops); i++) {
        const json_t *node = json_array_get(nodes, i);
        ck_assert_str_eq(json_string_value(json_object_get(node, "op")), ops[i]);
        if (names[i])
            ck_assert_str_eq(json_string_value(json_object_get(node, "name")), names[i]);
    }
    const json_t *input = json_array_get(json_object_get(graph, "inputs"), 0);
    const json_t *output = json_array_get(json_object_get(graph, "outputs"), 0);
    const json_t *dims = json_object_get(input, "dims");
    ck_assert_str_eq(json_string_value(json_object_get(input, "name")), "input");
    ck_assert_str_eq(json_string_value(json_object_get(output, "name")), "output");
    ck_assert_uint_eq(json_array_size(dims), 4);
    ck_assert(json_is_null(json_array_get(dims, 0)));
    ck_assert_int_eq(json_integer_value(json_array_get(dims, 1)), 1);
    ck_assert_int_eq(json_integer_value(json_array_get(dims, 2)), SMALL_HEIGHT);
    ck_assert_int_eq(json_integer_value(json_array_get(dims, 3)), SMALL_WIDTH);
    const json_t *weight = json_array_get(json_object_get(graph, "tensors"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(weight, "name")), "c.weight");
    /* out, in, height, width: the kernel's first value of each filter */
    const inv_tree_array *kernel = inv_tree_find(tree, "/tensors/0");
    ck_assert_uint_eq(kernel->rank, 4);
    ck_assert_uint_eq(kernel->dims[0], 2);
    for (size_t o = 0; o < 2; o++)
        for (size_t v = 0; v < 9; v++)
            ck_assert_float_eq(((const float *)kernel->values)[o * 9 + v],
                               inv_net_params(net)[v * 2 + o]);
    json_decref(graph);
    free(text);
    inv_tree_free(tree);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

START_TEST(a_safetensors_file_has_a_header_and_the_module_that_loads_it)
{
    inv_net *net = make_net(tiny);
    const inv_export what = export_of(net);
    const written w = write_net(&what, "safetensors");
    const size_t length = w.bytes[0] + 256u * w.bytes[1];
    json_t *header = json_loadb((const char *)w.bytes + 8, length, 0, NULL);
    ck_assert_uint_eq(length % 8, 0);
    ck_assert_uint_eq(json_object_size(header), 5);
    const json_t *bias = json_object_get(header, "c.bias");
    const json_t *at = json_object_get(bias, "data_offsets");
    ck_assert_str_eq(json_string_value(json_object_get(bias, "dtype")), "F32");
    const size_t from = (size_t)json_integer_value(json_array_get(at, 0));
    ck_assert_mem_eq(w.bytes + 8 + length + from, inv_net_params(net) + 18, 2 * sizeof(float));
    ck_assert_ptr_nonnull(strstr(w.text, "class Net(nn.Module):"));
    ck_assert_ptr_nonnull(strstr(w.text, "self.c = nn.Conv2d(1, 2, 3, "));
    json_decref(header);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

START_TEST(the_module_that_is_printed_is_an_architecture)
{
    inv_net *net = make_net(tiny);
    const inv_export what = export_of(net);
    const written w = write_net(&what, "npz");
    inv_arch *arch = NULL;
    ck_assert_status(inv_arch_read("net.py", w.text, &arch), INV_OK);
    ck_assert_uint_eq(arch->rank, 3);
    ck_assert_uint_eq(arch->dims[1], SMALL_HEIGHT);
    ck_assert_uint_eq(arch->count, 5);
    ck_assert_str_eq(arch->modules[3].name, "output");
    ck_assert_str_eq(arch->modules[3].type, "Linear");
    inv_arch_free(arch);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

START_TEST(a_numpy_archive_has_an_array_a_parameter)
{
    inv_net *net = make_net(tiny);
    const inv_export what = export_of(net);
    char *folder = support_folder();
    const written w = write_net(&what, "npz");
    inv_npz *npz = NULL;
    inv_idx *bias = NULL;
    support_write(support_at(folder, "net.npz"), w.bytes, w.size);
    ck_assert_status(inv_npz_open(support_at(folder, "net.npz"), &npz), INV_OK);
    ck_assert_uint_eq(inv_npz_count(npz), 4);
    ck_assert_str_eq(inv_npz_name(npz, 0), "c.weight");
    ck_assert_status(inv_npz_read(npz, "c.bias", &bias), INV_OK);
    ck_assert_uint_eq(bias->rank, 1);
    ck_assert_uint_eq(bias->dims[0], 2);
    ck_assert_mem_eq(bias->data, inv_net_params(net) + 18, 2 * sizeof(float));
    inv_idx_free(bias);
    inv_npz_close(npz);
    free_written(&w);
    support_remove(folder);
    inv_net_free(net);
}
END_TEST

START_TEST(a_keras_archive_has_its_three_members)
{
    static const char *const members[] = {"metadata.json", "config.json", "model.weights.h5"};
    static const char *const classes[] = {"InputLayer", "Conv2D", "Flatten", "Dense"};
    inv_net *net = make_net(tiny);
    const inv_export what = export_of(net);
    inv_zip *zip = NULL;
    unsigned char *text = NULL;
    size_t size = 0;
    const written w = write_net(&what, "keras");
    ck_assert_status(inv_zip_open_bytes("net.keras", w.bytes, w.size, &zip), INV_OK);
    ck_assert_uint_eq(inv_zip_count(zip), LEN(members));
    for (size_t i = 0; i < LEN(members); i++)
        ck_assert_str_eq(inv_zip_name(zip, i), members[i]);
    ck_assert_status(inv_zip_read(zip, 1, SIZE_MAX, &text, &size), INV_OK);
    json_t *config = json_loads((const char *)text, 0, NULL);
    const json_t *layers = json_object_get(json_object_get(config, "config"), "layers");
    ck_assert_uint_eq(json_array_size(layers), LEN(classes));
    for (size_t i = 0; i < LEN(classes); i++)
        ck_assert_str_eq(
            json_string_value(json_object_get(json_array_get(layers, i), "class_name")),
            classes[i]);
    const json_t *conv = json_object_get(json_array_get(layers, 1), "config");
    ck_assert_str_eq(json_string_value(json_object_get(conv, "name")), "c");
    ck_assert_str_eq(json_string_value(json_object_get(conv, "activation")), "relu");
    json_decref(config);
    free(text);
    inv_zip_close(zip);
    free_written(&w);
    inv_net_free(net);
}
END_TEST

/* ---- refusals ---- */

static const struct refusal {
    const char *layers, *format, *says;
} refusals[] = {
    {"{ name = \"it\"; type = \"sparsemax\"; }," OUT, "onnx",
     "run.h5: layer 'it' (sparsemax): ONNX has nothing for it"},
    {"{ name = \"it\"; type = \"sparsemax\"; }," OUT, "safetensors", "layer 'it' (sparsemax)"},
    {"{ name = \"it\"; type = \"squash\"; }," OUT, "keras-h5",
     "layer 'it' (squash): an .h5 file of Keras 3 has no layer for it"},
    {"{ name = \"it\"; type = \"logit\"; }," OUT, "keras-h5", "layer 'it' (logit)"},
    {CONV("c",
          "") ", { name = \"it\"; type = \"conv2d_transpose\"; size = 2; filters = 4; groups = "
              "2; }," OUT,
     "keras", "layer 'it' (conv2d_transpose): Keras takes no transposed convolution in groups"},
    {"{ name = \"it\"; type = \"sparsemax\"; }," OUT, "keras",
     "layer 'it' (sparsemax): what Keras 3 calls so is another function"},
    {CONV("c", "") ", { name = \"it\"; type = \"upsample\"; factor = 2; interpolation = "
                   "\"bilinear\"; align_corners = true; }," OUT,
     "keras", "layer 'it' (upsample): Keras does not align corners"},
    {CONV("c", "") ", { name = \"it\"; type = \"slice\"; first = 1; }," OUT, "keras",
     "layer 'it' (slice): Keras has no layer that takes channels"},
    {CONV("c", "") ", { name = \"it\"; type = \"lrn\"; }," OUT, "keras",
     "layer 'it' (lrn): Keras has "
     "nothing for it"},
    {CONV("c", "") ", { name = \"it\"; type = \"lrn\"; size = 4; before = 1; }," OUT, "safetensors",
     "layer 'it' (lrn): PyTorch's windows lie otherwise"},
    {CONV("c", "") ", { name = \"it\"; type = \"adaptive_max_pool\"; height = 2; }," OUT, "onnx",
     "layer 'it' (adaptive_max_pool): ONNX has no windows of several sizes"},
    {CONV("c", "") ", { name = \"it\"; type = \"avg_pool\"; dilation = 2; }," OUT, "npz",
     "layer 'it' (avg_pool): PyTorch takes no mean over windows with dilations"},
    {CONV("c",
          "") ", { name = \"it\"; type = \"upsample\"; interpolation = \"bilinear_corner\"; }," OUT,
     "safetensors", "layer 'it' (upsample): PyTorch counts pixels from their centres"},
};

START_TEST(what_a_format_has_nothing_for_is_named)
{
    const struct refusal *r = &refusals[_i];
    inv_net *net = make_net(r->layers);
    const inv_export what = export_of(net);
    written w = {0};
    ck_assert_status(inv_model_export(&what, r->format, &w.bytes, &w.size, &w.text), INV_EFORMAT);
    ck_assert_message_has(r->says);
    ck_assert_ptr_null(w.bytes);
    ck_assert_ptr_null(w.text);
    inv_net_free(net);
}
END_TEST

START_TEST(formats_are_known_by_endings_and_names)
{
    inv_net *net = make_net(SMALL_ONE);
    const inv_export what = export_of(net);
    const char *ending = NULL;
    written w = {0};
    size_t count = 0;
    ck_assert_str_eq(inv_export_format("a/net.onnx"), "onnx");
    ck_assert_str_eq(inv_export_format("net.hdf5"), "keras-h5");
    ck_assert_str_eq(inv_export_format("net.keras"), "keras");
    ck_assert_ptr_null(inv_export_format("net.pt"));
    ck_assert_ptr_null(inv_export_format(".onnx"));
    while (inv_export_format_at(count, &ending))
        count++;
    ck_assert_uint_eq(count, LEN(formats));
    ck_assert_status(inv_model_export(&what, "torch", &w.bytes, &w.size, &w.text), INV_EINVAL);
    inv_net_free(net);
}
END_TEST

Suite *export_suite(void)
{
    Suite *suite = suite_create("export");
    TCase *tests = tcase_create("export");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, what_is_exported_comes_back_and_is_exported_the_same, 0, LEN(nets));
    tcase_add_loop_test(tests, what_is_exported_means_the_same_without_the_metadata, 0, LEN(nets));
    tcase_add_test(tests, an_experiment_is_an_architecture);
    tcase_add_test(tests, a_model_without_a_shape_takes_the_images_that_fit);
    tcase_add_test(tests, a_shape_is_searched_for_so_many_times);
    tcase_add_test(tests, a_long_description_is_tried_on_usual_images_alone);
    tcase_add_test(tests, an_experiments_images_are_those_that_fit);
    tcase_add_test(tests, a_number_changed_in_the_file_is_changed_in_the_net);
    tcase_add_test(tests, a_description_too_large_is_not_believed);
    tcase_add_test(tests, an_inverse_says_what_it_leads_back_from);
    tcase_add_test(tests, an_onnx_graph_is_as_others_write_it);
    tcase_add_test(tests, a_safetensors_file_has_a_header_and_the_module_that_loads_it);
    tcase_add_test(tests, the_module_that_is_printed_is_an_architecture);
    tcase_add_test(tests, a_numpy_archive_has_an_array_a_parameter);
    tcase_add_test(tests, a_keras_archive_has_its_three_members);
    tcase_add_loop_test(tests, what_a_format_has_nothing_for_is_named, 0, LEN(refusals));
    tcase_add_test(tests, formats_are_known_by_endings_and_names);
    suite_add_tcase(suite, tests);
    return suite;
}
