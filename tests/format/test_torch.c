/* Parameters as PyTorch, safetensors and NumPy write them, and architectures as text: the files of
 * tests/data/models, made by make_torch.py there, and damaged and hostile ones.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/pickle.h"
#include "format/torch_arch.h"
#include "invproj/mat.h"
#include "invproj/model.h"
#include "invproj/npy.h"
#include "stream_bytes.h"
#include "suites.h"

#define MODELS     "tests/data/models/"
#define LEN(array) (sizeof(array) / sizeof *(array))

static char *place;

static void open_place(void)
{
    place = support_folder();
}

static void close_place(void)
{
    support_remove(place);
}

/* ---- from a file to a net ---- */

/* What is in those bytes, through a stream. */
static inv_status import(const char *name, unsigned char *bytes, size_t size, const inv_import *how,
                         inv_model **model)
{
    stream_bytes s = {0};
    const inv_sink sink = stream_bytes_sink(&s);
    inv_source source = stream_bytes_source(&s);
    inv_tree *tree = NULL;
    *model = NULL;
    inv_status status = inv_model_send(name, bytes, size, SIZE_MAX, &sink);
    if (status == INV_OK)
        status = inv_tree_alloc(name, &tree);
    if (status == INV_OK)
        status = inv_tree_add(tree, "", &source);
    if (status == INV_OK)
        status = inv_model_import(tree, how, model);
    inv_tree_free(tree);
    free(s.data);
    return status;
}

static inv_status import_file(const char *name, const inv_import *how, inv_model **model)
{
    char path[256];
    size_t size = 0;
    snprintf(path, sizeof path, MODELS "%s", name);
    unsigned char *bytes = support_read(path, &size);
    inv_status status = import(name, bytes, size, how, model);
    free(bytes);
    return status;
}

static inv_status import_safetensors(const char *header, size_t values, const inv_import *how,
                                     inv_model **model)
{
    const size_t length = strlen(header), size = 8 + length + values;
    unsigned char *bytes = calloc(1, size);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(bytes + 8, header, length);
    inv_status status = import("s", bytes, size, how, model);
    free(bytes);
    return status;
}

static char *architecture(void)
{
    size_t size = 0;
    return (char *)support_read(MODELS "torch.arch.txt", &size); /* a NUL byte follows */
}

static void assert_outputs(const inv_model *model, double tolerance)
{
    inv_idx *images = NULL, *outputs = NULL;
    inv_pass *pass = NULL;
    ck_assert_status(inv_npy_read(MODELS "torch-images.npy", &images), INV_OK);
    ck_assert_status(inv_npy_read(MODELS "torch-outputs.npy", &outputs), INV_OK);
    const size_t rows = images->dims[0], depth = inv_net_depth(model->net);
    const size_t units = inv_net_units(model->net, 0), classes = outputs->dims[1];
    gsl_matrix_float *x = NULL;
    ck_assert_uint_eq(units, images->size / rows);
    ck_assert_uint_eq(inv_net_units(model->net, depth), classes);
    ck_assert_status(inv_mat_alloc(rows, units, "images", &x), INV_OK);
    for (size_t i = 0; i < rows; i++)
        inv_model_row(model, (const float *)images->data + i * units, x->data + i * x->tda);
    ck_assert_status(inv_pass_alloc(model->net, 0, depth, rows, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *y = inv_net_forward(model->net, pass, x);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < classes; j++)
            ck_assert_double_eq_tol(gsl_matrix_float_get(y, i, j),
                                    ((const float *)outputs->data)[i * classes + j], tolerance);
    inv_pass_free(pass);
    inv_mat_free(x);
    inv_idx_free(images);
    inv_idx_free(outputs);
}

/* ---- what PyTorch and others wrote ---- */

static const char *const same_net[] = {"torch-zip.pt",     "torch-old.pt", "torch-checkpoint.pt",
                                       "torch-renamed.pt", "torch.npz",    "torch.safetensors"};

START_TEST(the_same_net_from_each_format)
{
    char *arch = architecture();
    const inv_import how = {.arch = arch, .arch_name = "torch.arch.txt"};
    inv_model *model = NULL;
    ck_assert_status(import_file(same_net[_i], &how, &model), INV_OK);
    assert_outputs(model, 1e-6);
    ck_assert_int_eq(model->channels_first, true);
    ck_assert_uint_eq(model->input_rank, 3);
    ck_assert_uint_eq(model->input_dims[0], 2);
    inv_model_free(model);
    free(arch);
}
END_TEST

/* The same as an experiment's network, by the names of its layers. */
START_TEST(the_same_net_by_an_experiment)
{
    static const char arch[] =
        "network = { layers = ("
        "{ name = \"conv\"; type = \"conv2d\"; height = 3; width = 2; filters = 4; stride_height = "
        "2;"
        "  stride_width = 1; padding = \"explicit\"; top = 1; bottom = 1; use_bias = false; },"
        "{ name = \"norm\"; type = \"batch_norm\"; epsilon = 0.001; activation = \"relu\"; },"
        "{ name = \"same\"; type = \"conv2d\"; size = 3; filters = 6; padding = \"same\";"
        "  groups = 2; },"
        "{ name = \"pool\"; type = \"max_pool\"; size = 2; },"
        "{ name = \"flat\"; type = \"flatten\"; },"
        "{ name = \"fc1\"; type = \"dense\"; units = 5; activation = \"tanh\"; },"
        "{ name = \"fc2\"; type = \"dense\"; units = 5; activation = \"sigmoid\"; },"
        "{ name = \"fc3\"; type = \"dense\"; units = 5; activation = \"sigmoid\"; },"
        "{ name = \"out\"; type = \"dense\"; units = 3; } ); };";
    const inv_import how = {
        .arch = arch, .arch_name = "net.cfg", .input_rank = 3, .input_dims = {7, 6, 2}};
    inv_model *model = NULL;
    ck_assert_status(import_file(same_net[_i], &how, &model), INV_OK);
    assert_outputs(model, 1e-6);
    inv_model_free(model);
}
END_TEST

/* ---- modules, and ways of keeping parameters ---- */

#define CASE_CLASSES 3

typedef struct torch_case {
    char name[128], *arch;
    const unsigned char *file;
    size_t size;
    float outputs[2 * CASE_CLASSES];
} torch_case;

/* What stands behind its length. */
static const unsigned char *take_part(const unsigned char **at, size_t *size)
{
    uint32_t length = 0;
    memcpy(&length, *at, sizeof length);
    const unsigned char *part = *at + sizeof length;
    *at = part + length;
    *size = length;
    return part;
}

static torch_case take_case(const unsigned char **at)
{
    torch_case c = {0};
    size_t size = 0;
    const unsigned char *name = take_part(at, &size);
    ck_assert_uint_lt(size, sizeof c.name);
    memcpy(c.name, name, size);
    const unsigned char *arch = take_part(at, &size);
    c.arch = strndup((const char *)arch, size);
    ck_assert_ptr_nonnull(c.arch);
    c.file = take_part(at, &c.size);
    memcpy(c.outputs, *at, sizeof c.outputs);
    *at += sizeof c.outputs;
    return c;
}

static void assert_case(const torch_case *c, const inv_model *model, const inv_idx *images)
{
    const size_t depth = inv_net_depth(model->net), units = inv_net_units(model->net, 0);
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    double largest = 0.0, furthest = 0.0;
    ck_assert_msg(units == images->size / 2 && inv_net_units(model->net, depth) == CASE_CLASSES,
                  "%s: %zu values in, %zu out", c->name, units, inv_net_units(model->net, depth));
    ck_assert_status(inv_mat_alloc(2, units, "images", &x), INV_OK);
    for (size_t i = 0; i < 2; i++)
        inv_model_row(model, (const float *)images->data + i * units, x->data + i * x->tda);
    ck_assert_status(inv_pass_alloc(model->net, 0, depth, 2, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *y = inv_net_forward(model->net, pass, x);
    for (size_t i = 0; i < sizeof c->outputs / sizeof *c->outputs; i++) {
        const float got = gsl_matrix_float_get(y, i / CASE_CLASSES, i % CASE_CLASSES);
        largest = fmax(largest, fabs((double)c->outputs[i]));
        furthest = fmax(furthest, fabs((double)c->outputs[i] - (double)got));
    }
    ck_assert_msg(furthest <= 1e-5 * largest, "%s: %g off, of %g", c->name, furthest, largest);
    inv_pass_free(pass);
    inv_mat_free(x);
}

/* torch-cases.bin, made by make_torch_cases.py */
START_TEST(modules_give_what_pytorch_gives)
{
    size_t size = 0, count = 0;
    unsigned char *bytes = support_read(MODELS "torch-cases.bin", &size);
    inv_idx *images = NULL;
    ck_assert_status(inv_npy_read(MODELS "onnx-images.npy", &images), INV_OK);
    for (const unsigned char *at = bytes; at < bytes + size; count++) {
        torch_case c = take_case(&at);
        const inv_import how = {.arch = c.arch, .arch_name = "a.txt"};
        unsigned char *own = malloc(c.size); /* so that the sanitizer sees its end */
        inv_model *model = NULL;
        memcpy(own, c.file, c.size);
        const inv_status status = import(c.name, own, c.size, &how, &model);
        ck_assert_msg(status == INV_OK, "%s: %s", c.name, inv_error_message());
        assert_case(&c, model, images);
        inv_model_free(model);
        free(own);
        free(c.arch);
    }
    ck_assert_uint_gt(count, 70);
    inv_idx_free(images);
    free(bytes);
}
END_TEST

START_TEST(names_that_do_not_fit_are_taken_in_order_and_said)
{
    char *arch = architecture();
    const inv_import how = {.arch = arch, .arch_name = "torch.arch.txt"};
    inv_model *model = NULL;
    size_t said = 0;
    ck_assert_status(import_file("torch-renamed.pt", &how, &model), INV_OK);
    for (size_t i = 0; i < model->note_count; i++)
        said += strcmp(model->notes[i], "conv: layer0") == 0 ||
                strcmp(model->notes[i], "out: layer6") == 0;
    ck_assert_uint_eq(said, 2);
    inv_model_free(model);
    free(arch);
}
END_TEST

/* Every byte cut off, and every byte changed: an error or a net, and nothing worse. */
START_TEST(damaged_files_are_refused)
{
    char *arch = architecture(), path[256];
    const inv_import how = {.arch = arch, .arch_name = "torch.arch.txt"};
    size_t size = 0, refused = 0;
    snprintf(path, sizeof path, MODELS "%s", same_net[_i]);
    unsigned char *bytes = support_read(path, &size);
    for (size_t at = 0; at < size; at += 7) {
        unsigned char *part = malloc(at + 1); /* of its own, so that the sanitizer sees its end */
        inv_model *model = NULL;
        memcpy(part, bytes, at);
        refused += import("cut", part, at, &how, &model) != INV_OK;
        ck_assert_msg(!model, "%s cut at %zu", same_net[_i], at);
        free(part);
    }
    ck_assert_uint_eq(refused, (size + 6) / 7);
    for (size_t at = 0; at < size; at += 3) {
        inv_model *model = NULL;
        bytes[at] ^= (unsigned char)(1 + at % 255);
        if (import("changed", bytes, size, &how, &model) != INV_OK)
            ck_assert_ptr_null(model);
        inv_model_free(model);
        bytes[at] ^= (unsigned char)(1 + at % 255);
    }
    free(bytes);
    free(arch);
}
END_TEST

static const struct {
    const char *file, *says;
} refused[] = {
    {"torch-module.pt", "a whole module"},
    {"torch-script.pt", "a TorchScript program"},
};

START_TEST(programs_are_never_run)
{
    char *arch = architecture();
    const inv_import how = {.arch = arch, .arch_name = "torch.arch.txt"};
    inv_model *model = NULL;
    ck_assert_status(import_file(refused[_i].file, &how, &model), INV_EFORMAT);
    ck_assert_message_has(refused[_i].says);
    ck_assert_message_has("state_dict");
    free(arch);
}
END_TEST

/* ---- architectures ---- */

#define MLP "fc1: Linear(24, 5)\n"
#define IN  "input: 2x7x6\n"

static const struct {
    const char *arch, *says;
} bad_archs[] = {
    {"", "a.txt: holds no module"},
    {"conv Conv2d(2, 4, 3)", "a.txt:1: a line is 'name: Module(arguments)'"},
    {"\n# a\nconv: Conv2d(2, 4, 3", "a.txt:3: ')' is missing"},
    {"conv: Conv2d(2, 4, {3})", "a.txt:1: an argument that is no number"},
    {"(conv: Conv2d(2, 4, 3)", "a.txt:1: a line is '(name): Module(arguments)'"},
    {"Net(\n(conv): Conv2d(2, 4, 3)\n", "a.txt:2: a ')' is missing at the end"},
    {")", "a.txt:1: ')' has no '('"},
    {"input: 2x0x6\nconv: Conv2d(2, 4, 3)", "a.txt:1: an input is"},
    {"output: words\nconv: Conv2d(2, 4, 3)", "a.txt:1: an output is"},
    {"input: 2x7x6\nrnn: LSTM(2, 4)", "a.txt:2: rnn: the module LSTM is not known"},
    {"input: 2x7x6\np: MaxPool2d(2, ceil_mod=True)", "MaxPool2d has no argument 'ceil_mod'"},
    {"input: 2x7x6\nh: Hardtanh(min_value=-2)", "Hardtanh has no argument 'min_value'"},
    {"input: 2x7x6\na: AdaptiveAvgPool2d(2, 2)", "AdaptiveAvgPool2d takes 1 arguments at most"},
    {"input: 2x7x6\nr: ReLU()\na <- r, input: Add(alpha=2)", "Add has no argument 'alpha'"},
    {"input: 2x7x6\nf: Flatten()\nu: Unflatten(0, (2, 7, 6))", "along another axis than 1"},
    {"input: 2x7\np: MaxPool1d(2)\ns: Softmax()", "without its dim is over the batch"},
    {"input: 2x7x6\ng: GELU(approximate='sigmoid')",
     "a.txt:2: g: approximate='sigmoid': must be one of 'none', 'tanh'"},
    {"conv: Conv2d(2, 4, (3, 2), bias=False)", "add 'input: 1x28x28'"},
    {"input: 2x7x6\n" MLP, "a.txt:2: fc1: takes 24 values, but 2 x 7 x 6 come in"},
    {"input: 2x4x3\n" MLP, "a.txt:2: fc1: takes 24 values, but 2 x 4 x 3 come in: say 'flat: "
                           "Flatten()' before it"},
    {"input: 24\nfc1: Linear(24, 6)", "fc1.weight of the file is 5 x 24; the architecture makes it "
                                      "6 x 24"},
    {"input: 24\nnone: Linear(24, 6)\nnorm: BatchNorm1d(6)\nfc1: Linear(6, 3)",
     "conv.weight of the file is 4 x 2 x 3 x 2; the architecture makes it 6 x 24"},
    {"input: 2x7x6\nconv: Conv2d(3, 4, (3, 2), bias=False)",
     "a.txt:2: conv: takes images of 3 channels, but 2 x 7 x 6 come in"},
    {"input: 2x7x6\nsum <- a, b: Add()", "a.txt:2: sum: there is no 'a' before it"},
    {"input: 2x7x6\nflat: Flatten()", "ends with images that are flattened"},
    {"input: 2x7x6\npool: MaxPool2d(9)", "a.txt:2: pool: a window of 9 x 9 does not fit"},
    {"input: 2x7x6\np: LPPool2d(3, 2)", "norm_type=3: must be a whole number from 1 to 2"},
    {"input: 2x7x6\nu: Upsample(scale_factor=2, mode='bicubic')",
     "mode='bicubic': must be one of 'nearest'"},
    {"input: 2x7x6\nc: ChannelShuffle(3)", "2 channels are not in 3 groups"},
    {"input: 2x7x6\nc: Conv1d(2, 4, 3)", "takes channels and one axis, but 2 x 7 x 6 come in"},
    {"input: 2x7x6\nn: LayerNorm((7, 5))", "is over other sizes than the 2 x 7 x 6"},
    {"input: 2x7x6\nu: Unflatten(1, (2, 3, 7))", "an Unflatten is of values"},
    {"input: 2x7x6\ns: Softmax(dim=2)", "along another axis than the classes or channels"},
    /* arguments that cannot be */
    {IN "c: Conv2d(2, 4, 3, stride=0)",
     "a.txt:2: c: stride=0: must be a whole number from 1 to 1024, or 2 of them"},
    {IN "c: Conv2d(2, 4, 3, -2)", "c: stride=-2: must be a whole number from 1"},
    {IN "c: Conv2d(2, 4, 3, 2.5)", "c: stride=2.5: must be a whole number from 1"},
    {IN "c: Conv2d(2, 4, 3, 2147483648)", "c: stride=2.14748365e+09: must be a whole"},
    {IN "c: Conv2d(2, 4, 3, (2, 2, 2))", "c: stride=(2, 2, 2): must be"},
    {IN "c: Conv2d(2, 4, 3, (None, 2))", "c: stride=(None, 2): must be"},
    {IN "c: Conv2d(2, 4, 3, ())", "c: stride=(): must be"},
    {IN "c: Conv2d(2, 4, 3, None)", "c: stride=None: must be"},
    {IN "c: Conv2d(2, 4, 3, 'a')", "c: stride='a': must be"},
    {IN "c: Conv2d(2, 4, 3, padding=-1)", "c: padding=-1: must be a whole number from 0"},
    {IN "c: Conv2d(2, 4, 3, padding='full')",
     "c: padding='full': must be a whole number from 0 to 1024, or 2 of them, or one of 'valid'"},
    {IN "c: Conv2d(2, 4, 3, 2, padding='same')", "padding='same' is for stride=1 alone"},
    {IN "c: Conv2d(2, 4, 3, dilation=0)", "c: dilation=0: must be"},
    {IN "c: Conv2d(2, 4, 0)", "c: kernel_size=0: must be"},
    {IN "c: Conv2d(2, -3, 3)", "c: out_channels=-3: must be"},
    {IN "c: Conv2d(2, 4, 3, groups=1.5)", "c: groups=1.5: must be"},
    {IN "c: Conv2d(2, 3, 3, groups=2)", "groups=2 must divide in_channels=2 and out_channels=3"},
    {IN "c: Conv2d(2, 4, 3, bias=Maybe)", "c: bias='Maybe': must be True or False"},
    {IN "c: Conv2d(2, 4, 3, bias=None)", "c: bias=None: must be True or False"},
    {IN "c: Conv2d(2, 4, 3, 1, stride=2)", "a.txt:2: c: stride is given twice"},
    {IN "c: Conv2d(2, 4, 3, stride=1, stride=1)", "a.txt:2: c: stride is given twice"},
    {IN "c: Conv2d(2, 4, kernel_size=3, 1)", "stands behind one that has one"},
    {IN "c: Conv2d(2, 4)", "Conv2d needs kernel_size; it takes: in_channels"},
    {IN "c: Conv2d(2, 4, 10**9)", "a.txt:2: an argument that is no number"},
    {IN "c: ConvTranspose2d(2, 4, 3, 2, output_padding=2)", "must be less than stride"},
    {IN "c: ConvTranspose2d(2, 4, 3, padding='same')", "c: padding='same': must be"},
    {IN "n: BatchNorm2d(2, eps=-1)", "n: eps=-1: must be a number of at least 0"},
    {IN "n: BatchNorm2d(2, eps=nan)", "n: eps='nan': must be a number of at least 0"},
    {IN "n: BatchNorm2d(2, eps=-inf)", "n: eps=-inf: must be a number of at least 0"},
    {IN "n: BatchNorm2d(2, 'a')", "n: eps='a': must be"},
    {IN "r: LeakyReLU('a')", "r: negative_slope='a': must be a number"},
    {IN "d: Dropout(2)", "d: p=2: must be a number from 0 to 1"},
    {IN "h: Hardtanh(2, 1)", "min_val must be less than max_val"},
    {IN "r: RReLU(0.5, 0.1)", "lower must not be more than upper"},
    {IN "t: Threshold(0.1)", "Threshold needs value; it takes: threshold value"},
    {IN "s: Sigmoid(3)", "Sigmoid takes 0 arguments at most: none"},
    {IN "p: MaxPool2d(2, return_indices=True)", "p: return_indices=1: must be False"},
    {IN "p: MaxPool2d(2, padding=2)", "padding=2 is more than half of a window of 2"},
    {IN "p: AvgPool2d(2, divisor_override=-3)", "p: divisor_override=-3: must be"},
    {IN "p: AdaptiveAvgPool2d(-1)", "p: output_size=-1: must be"},
    {IN "u: Upsample()", "Upsample needs size or scale_factor, one of the two"},
    {IN "u: Upsample(4, 2)", "Upsample needs size or scale_factor, one of the two"},
    {IN "u: Upsample(scale_factor=0)", "u: scale_factor=0: must be"},
    {IN "u: Upsample(4, mode='linear')", "mode='linear' is for values along one axis"},
    {IN "p: ZeroPad2d((1, 2))",
     "p: padding=(1, 2): must be a whole number from -1024 to 1024, or 4"},
    {IN "s: Softmax(1.5)", "s: dim=1.5: must be"},
    {IN "f: Flatten()\nc: Conv2d(84, 4, 1)", "but 84 come in, which were flattened before"},
    {IN "p: MaxPool2d(2)\ns <- p, input: Add()", "torch-zip.pt: output: add of"},
    {IN "e: CELU(0)", "a.txt:2: e: alpha: 0 is not from"},
    {IN "p: ReflectionPad2d(7)", "a.txt:2: p: more padding than there is image"},
    {"Net(\n(a): Residual(\n(conv): Conv2d(2, 4, 3)\n)\n)", "does not show how a Residual joins"},
    {"Net(\n(a): Block(\n(conv): Conv2d(2, 4, 3)\n(shortcut): Sequential()\n)\n)",
     "does not show how a Block joins"},
    {"input: 2x7x6\nr: ReLU()\nr: ReLU()\ns <- r, input: Add()", "s: 'r' comes 2 times before it"},
    {"input: 2x7x6\nconv: Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 0), bias=False)\n"
     "output: softmax",
     "a.txt:2: conv: comes last, a Conv2d, though the output is said to be softmax"},
    {"class Net(nn.Module):\n", "a.txt:1: a program, which is not run"},
    {"input: 2 7 6\nconv: Conv2d(2, 4, 3)", "a.txt:1: an input is"},
    {"input: 2x7x\nconv: Conv2d(2, 4, 3)", "a.txt:1: an input is"},
    {"input: 2x7x6\nx = F.relu(self.conv(x))", "a.txt:2: an argument that is no number"},
    {"input: 2x7x6\nr: F.max_pool2d(2)", "the module F.max_pool2d is not known; MaxPool2d is"},
    {"input: 2x7x6\nv: View(-1, 84)", "the module View is not known; what makes rows of images"},
    {"input: 2x7x6\nconv: Conv2d(2, 4, 3) 5", "a.txt:2: there is more behind the module"},
    {"input: 2x7x6\nflat: Flatten()\n" MLP, "a.txt:3: fc1: takes 24 values, but 84 come in"},
    {"Net(\n(a): BasicBlock(\n(bn1): BatchNorm2d(2)\n(conv1): Conv2d(2, 4, 3)\n)\n)",
     "how a BasicBlock joins its modules"},
};

START_TEST(an_architecture_that_does_not_fit_is_refused_by_its_line)
{
    const inv_import how = {.arch = bad_archs[_i].arch, .arch_name = "a.txt"};
    inv_model *model = NULL;
    const inv_status status = import_file("torch-zip.pt", &how, &model);
    ck_assert_msg(status == INV_ECONFIG || status == INV_EFORMAT, "%d: %s", (int)status,
                  inv_error_message());
    ck_assert_message_has(bad_archs[_i].says);
}
END_TEST

/* The architecture of the files with `from` of one line made `to`. */
static char *changed_architecture(const char *from, const char *to)
{
    char *arch = architecture();
    const char *at = strstr(arch, from);
    const size_t size = strlen(arch) + strlen(to) + 1;
    char *changed = malloc(size);
    ck_assert_msg(at && changed, "%s", from);
    snprintf(changed, size, "%.*s%s%s", (int)(at - arch), arch, to, at + strlen(from));
    free(arch);
    return changed;
}

/* Of all three ways to find parameters: by name, in order, array by array. */
static const struct {
    const char *file, *from, *to, *says;
} denied[] = {
    {"torch-zip.pt", "Linear(24, 5)", "Linear(24, 5, bias=False)",
     "a.txt:9: fc1: torch-zip.pt holds 'fc1.bias', which Linear"},
    {"torch-zip.pt", "padding=1, groups=2", "padding=1, groups=2, bias=False",
     "a.txt:6: same: torch-zip.pt holds 'same.bias', which Conv2d"},
    {"torch-zip.pt", "eps=0.001", "eps=0.001, affine=False", "holds 'norm.weight', which Batch"},
    {"torch-zip.pt", "eps=0.001", "eps=0.001, bias=False", "holds 'norm.bias', which BatchNorm2d"},
    {"torch-zip.pt", "eps=0.001", "eps=0.001, track_running_stats=False",
     "a.txt:4: norm: track_running_stats=False: what it does depends on the batch; where the file "
     "has 'norm.running_mean', say True"},
    {"torch-zip.pt", "BatchNorm2d(4, eps=0.001)", "ReLU()", "'norm.weight', which ReLU with these"},
    {"torch-zip.pt", "BatchNorm2d(4, eps=0.001)", "GroupNorm(2, 4)",
     "'norm.running_mean', which GroupNorm"},
    {"torch-zip.pt", "padding=(1, 0), bias=False", "padding=(1, 0)", "holds no 'conv.bias'"},
    {"torch-renamed.pt", "Linear(24, 5)", "Linear(24, 5, bias=False)",
     "a.txt:9: fc1: torch-renamed.pt holds 'layer3.bias', which Linear"},
    {"torch-renamed.pt", "fc3: Linear(5, 5)\ns2: Sigmoid()\nout: Linear(5, 3)", "out: Linear(5, 5)",
     "no module is left to take 'layer6.weight' of torch-renamed.pt"},
    {"torch.npz", "Linear(24, 5)", "Linear(24, 5, bias=False)", "which Linear with these"},
    {"torch.safetensors", "Linear(24, 5)", "Linear(24, 5, bias=False)", "which Linear with these"},
};

START_TEST(parameters_that_an_architecture_denies_are_refused)
{
    char *arch = changed_architecture(denied[_i].from, denied[_i].to);
    const inv_import how = {.arch = arch, .arch_name = "a.txt"};
    inv_model *model = NULL;
    const inv_status status = import_file(denied[_i].file, &how, &model);
    ck_assert_msg(status == INV_ECONFIG, "%s: %d", denied[_i].to, (int)status);
    ck_assert_message_has(denied[_i].says);
    free(arch);
}
END_TEST

static const char *const possible[] = {"ReLU (inplace)", "LeakyReLU(negative_slope=0.01, inplace)",
                                       "Threshold(0.1, value=0, inplace=False)", "LeakyReLU(0)",
                                       "ELU(alpha=0)"};

/* What PyTorch before 1.3 printed, too. */
START_TEST(arguments_that_can_be_are_taken)
{
    char *arch = changed_architecture("ReLU()", possible[_i]);
    const inv_import how = {.arch = arch, .arch_name = "a.txt"};
    inv_model *model = NULL;
    ck_assert_status(import_file("torch-zip.pt", &how, &model), INV_OK);
    if (strstr(possible[_i], "0)")) /* is the ReLU in whose place it stands */
        assert_outputs(model, 1e-6);
    inv_model_free(model);
    free(arch);
}
END_TEST

/* As an experiment's network, whose lines are its own. */
START_TEST(an_experiment_that_denies_parameters_is_refused)
{
    static const char arch[] =
        "layers = ( { name = \"fc\"; type = \"dense\"; units = 2; },"
        "           { name = \"norm\"; type = \"batch_norm\"; use_gamma = false;"
        "             use_beta = false; } );";
    static const char header[] =
        "{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
        "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
        "\"norm.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},"
        "\"norm.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]},"
        "\"norm.running_mean\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[40,48]},"
        "\"norm.running_var\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[48,56]}}";
    const inv_import how = {
        .arch = arch, .arch_name = "net.cfg", .input_rank = 1, .input_dims = {2}};
    inv_model *model = NULL;
    ck_assert_int_ne(import_safetensors(header, 56, &how, &model), INV_OK);
    ck_assert_message_has("net.cfg: norm: s holds 'norm.weight', which BatchNorm1d");
}
END_TEST

START_TEST(without_an_architecture_it_is_asked_for)
{
    const inv_import how = {0};
    inv_model *model = NULL;
    ck_assert_status(import_file("torch-zip.pt", &how, &model), INV_ECONFIG);
    ck_assert_message_has("--arch FILE");
    ck_assert_message_has("(conv, norm, same, fc1, fc2, fc3, out)");
}
END_TEST

/* What a state_dict has is given in a program's own words: names behind "self.", modules behind "nn.",
 * products, a Sequential in one go, and as PyTorch 0.3 printed it. */
static const char *const same_words[] = {
    "\xef\xbb\xbfinput: 1 x 28 x 28\n"
    "    self.conv = nn.Conv2d(1, 16, 5, 2)\r\n"
    "    self.pool = torch.nn.MaxPool2d(2)\n"
    "    nn.Flatten(),\n"
    "    self.fc = nn.Linear(16*6 * 6, 10)  # classes\n",
    "input: [1, 28, 28]\n"
    "self.conv = nn.Sequential(nn.Conv2d(1, 16, 5, 2), nn.MaxPool2d(2),\n"
    "                          nn.Flatten())\n"
    "fc = nn.Linear(576, 10),\n",
    "input: (1,28,28)\n"
    "net = nn.Sequential(\n"
    "  nn.Conv2d(1, 16, 5, 2),\n"
    "  nn.Sequential(nn.MaxPool2d(2), nn.Flatten()),\n"
    "  nn.Linear(576, 10))\n",
    "input: 1X28X28 (channels x height x width)\n"
    "Net (\n"
    "  (conv): Conv2d (1, 16, kernel_size=(5, 5), stride=(2, 2))\n"
    "  (pool): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1))\n"
    "  (flat): Flatten ()\n"
    "  (fc): Linear (576 -> 10)\n"
    ")\n",
};

static const char *const same_names[][4] = {{"conv", "pool", "2", "fc"},
                                            {"conv.0", "conv.1", "conv.2", "fc"},
                                            {"0", "1.0", "1.1", "2"},
                                            {"conv", "pool", "flat", "fc"}};

START_TEST(what_programs_say_is_read)
{
    static const char *const types[4] = {"Conv2d", "MaxPool2d", "Flatten", "Linear"};
    inv_arch *arch = NULL;
    const inv_status status = inv_arch_read("a.txt", same_words[_i], &arch);
    ck_assert_msg(status == INV_OK, "%s", inv_error_message());
    ck_assert_uint_eq(arch->count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(arch->modules[i].type, types[i]);
        ck_assert_str_eq(arch->modules[i].name, same_names[_i][i]);
    }
    ck_assert_uint_eq(arch->rank, 3);
    ck_assert_uint_eq(arch->dims[2], 28);
    ck_assert_double_eq(inv_arch_number(&arch->modules[0], 3, "stride", 1, 0), 2);
    ck_assert_double_eq(inv_arch_number(&arch->modules[1], 0, "kernel_size", 1, 0), 2);
    ck_assert_double_eq(inv_arch_number(&arch->modules[3], 0, "in_features", 0, 0), 576);
    ck_assert_double_eq(inv_arch_number(&arch->modules[3], 1, "out_features", 0, 0), 10);
    inv_arch_free(arch);
}
END_TEST

/* A class may do anything with the modules that it is printed with. */
/* A BasicBlock may be another than torchvision's. */
START_TEST(residual_blocks_are_told)
{
    static const char text[] = "Sequential(\n(0): BasicBlock(\n(conv1): Conv2d(2, 2, 3)\n"
                               "(bn1): BatchNorm2d(2)\n(conv2): Conv2d(2, 2, 3)\n"
                               "(bn2): BatchNorm2d(2)\n)\n)\n";
    inv_arch *arch = NULL;
    ck_assert_status(inv_arch_read("a.txt", text, &arch), INV_OK);
    ck_assert_str_eq(arch->residual, "BasicBlock");
    ck_assert_str_eq(arch->modules[arch->count - 2].type, "Add");
    inv_arch_free(arch);
}
END_TEST

START_TEST(of_a_printed_class_it_is_said_what_is_not_known)
{
    static const char text[] = "%s(\n(conv): Conv2d(2, 4, 3, bias=False)\n)\n";
    inv_arch *arch = NULL;
    char one[128];
    snprintf(one, sizeof one, text, _i ? "Sequential" : "LeNet");
    ck_assert_status(inv_arch_read("a.txt", one, &arch), INV_OK);
    ck_assert_str_eq(arch->unknown, _i ? "" : "LeNet");
    ck_assert_int_eq(arch->is_printed, true);
    inv_arch_free(arch);
}
END_TEST

START_TEST(what_pytorch_prints_is_read)
{
    static const char text[] = "Net(\n"
                               "  (features): Sequential(\n"
                               "    (0): Conv2d(1, 8, kernel_size=(5, 5), stride=(1, 1))\n"
                               "    (1-2): 2 x ReLU(inplace=True)\n"
                               "  )\n"
                               "  (pool): MaxPool2d(kernel_size=2, stride=2, padding=0, "
                               "dilation=1, ceil_mode=False)\n"
                               "  (fc): Linear(in_features=1152, out_features=10, bias=True)\n"
                               ")\n";
    inv_arch *arch = NULL;
    ck_assert_status(inv_arch_read("a.txt", text, &arch), INV_OK);
    ck_assert_uint_eq(arch->count, 5);
    ck_assert_str_eq(arch->modules[0].name, "features.0");
    ck_assert_str_eq(arch->modules[2].name, "features.2");
    ck_assert_str_eq(arch->modules[2].type, "ReLU");
    ck_assert_str_eq(arch->modules[3].name, "pool");
    ck_assert_str_eq(arch->modules[4].name, "fc");
    ck_assert_uint_eq(arch->modules[4].line, 7);
    ck_assert_double_eq(inv_arch_number(&arch->modules[0], 2, "kernel_size", 1, 0), 5);
    ck_assert_double_eq(inv_arch_number(&arch->modules[0], 1, "out_channels", 0, 0), 8);
    ck_assert_double_eq(inv_arch_number(&arch->modules[4], 2, "bias", 0, 0), 1);
    ck_assert_double_eq(inv_arch_number(&arch->modules[4], 3, "none", 0, 42), 42);
    inv_arch_free(arch);
}
END_TEST

/* ---- pickles ---- */

static const char *refuse_os(const char *global)
{
    return strncmp(global, "os ", 3) == 0 ? "no" : NULL;
}

static inv_status unpickle(const char *bytes, size_t size, inv_pickle **out)
{
    char *exact = malloc(size);
    memcpy(exact, bytes, size);
    inv_status status = inv_pickle_read("p", (unsigned char *)exact, size, refuse_os, out);
    free(exact);
    return status;
}

START_TEST(values_are_those_of_python)
{
    /* {'a': [1, -2, 300, 2.5, None, True], 'b': (b'x\0', -2**40)} by protocols 2 and 4 */
    static const char two[] =
        "\x80\x02}q\0(X\1\0\0\0aq\1]q\2(K\1J\xfe\xff\xff\xffM,\1G@\4\0\0\0\0\0"
        "\0N\x88"
        "eX\1\0\0\0bq\3C\2x\0\x8a\6\0\0\0\0\0\xff\x86q\4u.";
    inv_pickle *pickle = NULL;
    ck_assert_status(unpickle(two, sizeof two - 1, &pickle), INV_OK);
    ck_assert_uint_eq(inv_pickle_size(pickle), sizeof two - 1);
    const inv_pickle_value *a = inv_pickle_get(inv_pickle_root(pickle), "a");
    const inv_pickle_value *b = inv_pickle_get(inv_pickle_root(pickle), "b");
    ck_assert_uint_eq(a->count, 6);
    ck_assert_int_eq(a->items[0]->integer, 1);
    ck_assert_int_eq(a->items[1]->integer, -2);
    ck_assert_int_eq(a->items[2]->integer, 300);
    ck_assert_double_eq(a->items[3]->real, 2.5);
    ck_assert_int_eq(a->items[4]->kind, INV_PICKLE_NONE);
    ck_assert_int_eq(a->items[5]->kind, INV_PICKLE_BOOL);
    ck_assert_int_eq(a->items[5]->integer, 1);
    ck_assert_int_eq(b->kind, INV_PICKLE_TUPLE);
    ck_assert_uint_eq(b->items[0]->length, 2);
    ck_assert_int_eq(b->items[1]->integer, -(INT64_C(1) << 40));
    ck_assert_ptr_null(inv_pickle_get(inv_pickle_root(pickle), "c"));
    inv_pickle_free(pickle);
}
END_TEST

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t size;
    const char *says;
} bad_pickles[] = {
    {BYTES(""), "breaks off"},
    {BYTES("\x80"), "breaks off"},
    {BYTES("\x80\2"), "breaks off"},
    {BYTES("\x80\2N"), "breaks off"},
    {BYTES("\x80\2."), "other than one value"},
    {BYTES("\x80\2NN."), "other than one value"},
    {BYTES("\x80\2(N."), "other than one value"},
    {BYTES("\x80\2X\xff\xff\xff\xff"), "breaks off"},
    {BYTES("\x80\2\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "breaks off"},
    {BYTES("\x80\2\x8b\xff\xff\xff\x7f"), "breaks off"},
    {BYTES("\x80\2q\1."), "its stack is empty"},
    {BYTES("\x80\2Nr\xff\xff\xff\xff."), "a number of a value is too large"},
    {BYTES("\x80\2h\7."), "there is no value of a number"},
    {BYTES("\x80\2j\xff\xff\xff\xff."), "there is no value of a number"},
    {BYTES("\x80\2t."), "its stack has no mark"},
    {BYTES("\x80\2(t"), "breaks off"}, /* nothing was ever above the mark */
    {BYTES("\x80\2\x86."), "its stack is empty"},
    {BYTES("\x80\2N(\x85."), "its stack is empty"},
    {BYTES("\x80\2}(Nu."), "values go into what cannot hold them"},
    {BYTES("\x80\2NNa."), "values go into what cannot hold them"},
    {BYTES("\x80\2(Nd."), "a key has no value"},
    {BYTES("\x80\2N)R."), "what is called is no name"},
    {BYTES("\x80\2N}b."), "a state is given to what has none"},
    {BYTES("\x80\2cos\nsystem\n)R."), "names Python's 'os system': no"},
    {BYTES("\x80\4\x8c\2os\x8c\6system\x93)R."), "names Python's 'os system': no"},
    {BYTES("\x80\2cos"), "breaks off"},
    {BYTES("\x80\2ca\nb\0c\n."), "a name holds a NUL"},
    {BYTES("\x80\2I1\n."), "the instruction 49"},
    {BYTES("\x80\2\x82\1."), "the instruction 82"},
};

START_TEST(a_pickle_that_cannot_be_is_refused)
{
    inv_pickle *pickle = NULL;
    ck_assert_status(unpickle(bad_pickles[_i].bytes, bad_pickles[_i].size, &pickle), INV_EFORMAT);
    ck_assert_ptr_null(pickle);
    ck_assert_message_has(bad_pickles[_i].says);
}
END_TEST

/* A list that holds itself is a value like another. */
START_TEST(loops_are_values)
{
    inv_pickle *pickle = NULL;
    ck_assert_status(unpickle(BYTES("\x80\2]q\0h\0a."), &pickle), INV_OK);
    const inv_pickle_value *list = inv_pickle_root(pickle);
    ck_assert_uint_eq(list->count, 1);
    ck_assert_ptr_eq(list->items[0], list);
    inv_pickle_free(pickle);
}
END_TEST

/* ---- types of values ---- */

static const struct {
    const char *storage, *bytes;
    size_t size;
    float values[2];
} stored[] = {
    {"FloatStorage", BYTES("\0\0\xc0\x3f\0\0\0\xc0"), {1.5f, -2.0f}},
    {"DoubleStorage", BYTES("\0\0\0\0\0\0\xf8\x3f\0\0\0\0\0\0\0\xc0"), {1.5f, -2.0f}},
    {"HalfStorage", BYTES("\x00\x3e\x00\xc0"), {1.5f, -2.0f}},
    {"BFloat16Storage", BYTES("\xc0\x3f\x00\xc0"), {1.5f, -2.0f}},
    {"LongStorage", BYTES("\x2c\1\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"), {300.0f, -2.0f}},
    {"IntStorage", BYTES("\x2c\1\0\0\xfe\xff\xff\xff"), {300.0f, -2.0f}},
    {"ShortStorage", BYTES("\x2c\1\xfe\xff"), {300.0f, -2.0f}},
    {"CharStorage", BYTES("\x2c\xfe"), {44.0f, -2.0f}},
    {"ByteStorage", BYTES("\x2c\xfe"), {44.0f, 254.0f}},
    {"BoolStorage", BYTES("\1\0"), {1.0f, 0.0f}},
};

/* {'fc.weight': a tensor of 1 x 2}, as torch.save pickles it, into an archive; the caller frees. `order` is
 * its byteorder, and `places` the tensor's offset, sizes and strides; NULL: as usual. */
static unsigned char *state_of_one(const char *storage, const void *values, size_t values_size,
                                   const char *order, const char *places, size_t places_size,
                                   size_t *size)
{
    static const char usual[] = "K\0K\1K\2\x86K\2K\1\x86";
    char pickle[512];
    const char *path = support_at(place, "made.pt");
    size_t used = 0;
    const struct {
        const char *bytes;
        size_t size;
    } parts[] = {{BYTES("\x80\2}(X\11\0\0\0fc.weightctorch._utils\n_rebuild_tensor_v2\n(("
                        "X\7\0\0\0storagectorch\n")},
                 {storage, strlen(storage)},
                 {BYTES("\nX\1\0\0\0000X\3\0\0\0cpuK\2tQ")},
                 {places ? places : usual, places ? places_size : sizeof usual - 1},
                 {BYTES("\x89"
                        "ccollections\nOrderedDict\n)RtRu.")}};
    for (size_t i = 0; i < LEN(parts); i++) {
        memcpy(pickle + used, parts[i].bytes, parts[i].size);
        used += parts[i].size;
    }
    const support_member members[] = {{"archive/data/0", values, values_size},
                                      {"archive/data.pkl", pickle, used},
                                      {"archive/version", "3\n", 2},
                                      {"archive/byteorder", order, order ? strlen(order) : 0}};
    support_write_zip(path, members + !values, (order ? 4 : 3) - !values, 0);
    return support_read(path, size);
}

static const struct {
    const char *pickle;
    size_t size;
    const char *says;
} no_parameters[] = {
    {BYTES("\x80\2K\1K\2\x86."), "holds no parameters by name"},
    {BYTES("\x80\2ccore.models\nLeNet\n)R."), "'core.models LeNet': this is a whole module"},
    {BYTES("\x80\2}(X\1\0\0\0dctorch\nqint8\nu."), "quantised values are not read"},
};

START_TEST(a_file_without_parameters_is_refused_by_what_it_is)
{
    const support_member members[] = {
        {"archive/data.pkl", no_parameters[_i].pickle, no_parameters[_i].size}};
    const char *path = support_at(place, "made.pt");
    const inv_import how = {0};
    inv_model *model = NULL;
    size_t size = 0;
    support_write_zip(path, members, 1, 0);
    unsigned char *bytes = support_read(path, &size);
    ck_assert_status(import("made.pt", bytes, size, &how, &model), INV_EFORMAT);
    ck_assert_message_has(no_parameters[_i].says);
    free(bytes);
}
END_TEST

/* A Linear's outputs for (1, 0) and (0, 1) are its kernel. Every second file is big-endian. */
START_TEST(every_type_of_value_is_read)
{
    const size_t type = (size_t)_i / 2, width = stored[type].size / 2;
    const char *order = _i % 2 ? "big" : NULL;
    char turned[16];
    const inv_import how = {.arch = "input: 2\nfc: Linear(2, 1, bias=False)", .arch_name = "a.txt"};
    inv_model *model = NULL;
    gsl_matrix_float *x = NULL;
    inv_pass *pass = NULL;
    size_t size = 0;
    for (size_t i = 0; i < 2 * width; i++)
        turned[i] = stored[type].bytes[i / width * width + width - 1 - i % width];
    unsigned char *bytes = state_of_one(stored[type].storage, order ? turned : stored[type].bytes,
                                        stored[type].size, order, NULL, 0, &size);
    ck_assert_status(import(stored[type].storage, bytes, size, &how, &model), INV_OK);
    ck_assert_status(inv_mat_alloc(2, 2, "unit rows", &x), INV_OK);
    gsl_matrix_float_set_identity(x);
    const size_t depth = inv_net_depth(model->net);
    ck_assert_status(inv_pass_alloc(model->net, 0, depth, 2, INV_PASS_FORWARD, &pass), INV_OK);
    const gsl_matrix_float *y = inv_net_forward(model->net, pass, x);
    ck_assert_float_eq(gsl_matrix_float_get(y, 0, 0), stored[type].values[0]);
    ck_assert_float_eq(gsl_matrix_float_get(y, 1, 0), stored[type].values[1]);
    inv_pass_free(pass);
    inv_mat_free(x);
    inv_model_free(model);
    free(bytes);
}
END_TEST

#define FLOATS "\0\0\xc0\x3f\0\0\0\xc0"

static const struct {
    const char *values;
    size_t size;
    const char *order, *places;
    size_t places_size;
    const char *says;
} bad_tensors[] = {
    {BYTES(FLOATS), "middle", NULL, 0, "its byteorder is neither 'little' nor 'big'"},
    {BYTES(FLOATS), "littl", NULL, 0, "its byteorder is neither 'little' nor 'big'"},
    {NULL, 0, NULL, NULL, 0, "'fc.weight' has no values: their record is missing; copy or save"},
    {FLOATS, 7, NULL, NULL, 0, "'fc.weight' has a storage of another length than it says"},
    {BYTES(FLOATS "\0"), NULL, NULL, 0, "'fc.weight' has a storage of another length than it says"},
    {BYTES(FLOATS), NULL, BYTES("K\1K\1K\2\x86K\2K\1\x86"),
     "'fc.weight' has values beyond its storage"},
    {BYTES(FLOATS), NULL, BYTES("K\0K\1K\3\x86K\2K\1\x86"),
     "'fc.weight' has values beyond its storage"},
    {BYTES(FLOATS), NULL, BYTES("K\0K\1K\2\x86K\2K\2\x86"),
     "'fc.weight' has values beyond its storage"},
    /* an offset, a stride and a size of -1: the pickle's long */
    {BYTES(FLOATS), NULL, BYTES("J\xff\xff\xff\xffK\1K\2\x86K\2K\1\x86"),
     "an offset that cannot be"},
    {BYTES(FLOATS), NULL, BYTES("K\0K\1K\2\x86K\2J\xff\xff\xff\xff\x86"),
     "an offset that cannot be"},
    {BYTES(FLOATS), NULL, BYTES("K\0K\1J\xff\xff\xff\xff\x86K\2K\1\x86"),
     "an offset that cannot be"},
};

START_TEST(a_tensor_that_cannot_be_is_refused_by_its_name)
{
    const inv_import how = {.arch = "input: 2\nfc: Linear(2, 1, bias=False)", .arch_name = "a.txt"};
    inv_model *model = NULL;
    size_t size = 0;
    unsigned char *bytes = state_of_one("FloatStorage", bad_tensors[_i].values,
                                        bad_tensors[_i].size, bad_tensors[_i].order,
                                        bad_tensors[_i].places, bad_tensors[_i].places_size, &size);
    ck_assert_status(import("net.pt", bytes, size, &how, &model), INV_EFORMAT);
    ck_assert_message_has("net.pt: damaged: ");
    ck_assert_message_has(bad_tensors[_i].says);
    free(bytes);
}
END_TEST

/* ---- safetensors ---- */

static inv_status import_header(const char *header, size_t values, inv_model **model)
{
    const inv_import how = {.arch = "input: 2\nfc: Linear(2, 1)", .arch_name = "a.txt"};
    return import_safetensors(header, values, &how, model);
}

#define WEIGHT "\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}"
#define BIAS   "\"fc.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":"

static const struct {
    const char *header;
    size_t values;
    const char *says;
} bad_headers[] = {
    {"{" WEIGHT "," BIAS "[8,12]}", 12, "JSON"},
    {"{" WEIGHT "," BIAS "[8,12]}}", 11, "fc.bias: lies beyond the end of the file"},
    {"{" WEIGHT "," BIAS "[8,16]}}", 16, "other bytes than its sizes say"},
    {"{" WEIGHT "," BIAS "[12,8]}}", 12, "its type, sizes or place cannot be"},
    {"{" WEIGHT "," BIAS "[-1,3]}}", 12, "its type, sizes or place cannot be"},
    {"{" WEIGHT "," WEIGHT "}", 12, "JSON"},
    {"{" WEIGHT "}", 8, "holds no 'fc.bias'"},
    /* every byte belongs to one tensor, in whatever order the header names them */
    {"{" BIAS "[4,8]}," WEIGHT "}", 8, "s: damaged: fc.bias: begins within the tensor fc.weight"},
    {"{" BIAS "[0,4]}," WEIGHT "}", 8, "fc.weight: begins within the tensor fc.bias"},
    {"{" WEIGHT "," BIAS "[12,16]}}", 16, "fc.bias: bytes 8 to 12 before it belong to no tensor"},
    {"{" BIAS "[4,8]}}", 8, "fc.bias: bytes 0 to 4 before it belong to no tensor"},
    {"{" BIAS "[8,12]}," WEIGHT "}", 13, "fc.bias: bytes 12 to 13 behind it belong to no tensor"},
    {"{}", 3, "its header: bytes 0 to 3 behind it belong to no tensor"},
    {"{" WEIGHT ",\"a/../b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8,
     "a/../b: begins within the tensor fc.weight"},
    {"{\"fc.weight\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,16],\"data_offsets\":[0,0]"
     "}}",
     0, "its type, sizes or place cannot be"},
    {"{\"fc.weight\":7}", 8, "its type, sizes or place cannot be"},
};

START_TEST(a_header_that_cannot_be_is_refused)
{
    inv_model *model = NULL;
    const inv_status status = import_header(bad_headers[_i].header, bad_headers[_i].values, &model);
    ck_assert_msg(status == INV_EFORMAT || status == INV_ECONFIG, "%d", (int)status);
    ck_assert_message_has(bad_headers[_i].says);
}
END_TEST

START_TEST(a_header_that_can_be_is_read)
{
    inv_model *model = NULL;
    static const char *const good[] = {
        "{" WEIGHT "," BIAS "[8,12]}}", "{" BIAS "[8,12]}," WEIGHT "}",
        "{" BIAS "[8,12]},\"none\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]}," WEIGHT
        "}"};
    for (size_t i = 0; i < LEN(good); i++) {
        ck_assert_status(import_header(good[i], 12, &model), INV_OK);
        ck_assert_uint_eq(inv_net_size(model->net), 3);
        inv_model_free(model);
    }
}
END_TEST

Suite *torch_suite(void)
{
    Suite *suite = suite_create("torch");
    TCase *tests = tcase_create("torch");
    tcase_add_unchecked_fixture(tests, open_place, close_place);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, modules_give_what_pytorch_gives);
    tcase_add_loop_test(tests, the_same_net_from_each_format, 0, LEN(same_net));
    tcase_add_loop_test(tests, the_same_net_by_an_experiment, 0, LEN(same_net));
    tcase_add_test(tests, names_that_do_not_fit_are_taken_in_order_and_said);
    tcase_add_loop_test(tests, damaged_files_are_refused, 0, LEN(same_net));
    tcase_add_loop_test(tests, programs_are_never_run, 0, LEN(refused));
    tcase_add_loop_test(tests, an_architecture_that_does_not_fit_is_refused_by_its_line, 0,
                        LEN(bad_archs));
    tcase_add_loop_test(tests, parameters_that_an_architecture_denies_are_refused, 0, LEN(denied));
    tcase_add_loop_test(tests, arguments_that_can_be_are_taken, 0, LEN(possible));
    tcase_add_test(tests, an_experiment_that_denies_parameters_is_refused);
    tcase_add_test(tests, without_an_architecture_it_is_asked_for);
    tcase_add_test(tests, what_pytorch_prints_is_read);
    tcase_add_loop_test(tests, what_programs_say_is_read, 0, LEN(same_words));
    tcase_add_test(tests, residual_blocks_are_told);
    tcase_add_loop_test(tests, of_a_printed_class_it_is_said_what_is_not_known, 0, 2);
    tcase_add_loop_test(tests, a_file_without_parameters_is_refused_by_what_it_is, 0,
                        LEN(no_parameters));
    tcase_add_test(tests, values_are_those_of_python);
    tcase_add_loop_test(tests, a_pickle_that_cannot_be_is_refused, 0, LEN(bad_pickles));
    tcase_add_test(tests, loops_are_values);
    tcase_add_loop_test(tests, every_type_of_value_is_read, 0, 2 * LEN(stored));
    tcase_add_loop_test(tests, a_tensor_that_cannot_be_is_refused_by_its_name, 0, LEN(bad_tensors));
    tcase_add_loop_test(tests, a_header_that_cannot_be_is_refused, 0, LEN(bad_headers));
    tcase_add_test(tests, a_header_that_can_be_is_read);
    suite_add_tcase(suite, tests);
    return suite;
}
