/* A net of named parameters and the modules that the user says (torch_import.h): from module to module.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/torch_import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/torch.h"
#include "format/words.h"

/* ---- where modules meet ---- */

static const char *const joins[][2] = {
    {"Add", "add"},     {"Sub", "subtract"},  {"Mul", "multiply"},
    {"Div", "divide"},  {"Mean", "average"},  {"Max", "maximum"},
    {"Min", "minimum"}, {"Concat", "concat"}, {"Cat", "concat"}};

static inv_status find_value(const torch_importing *im, const inv_arch_module *m, const char *name,
                             const torch_value *input, torch_value *out)
{
    if (strcmp(name, "input") == 0) {
        *out = *input;
        return INV_OK;
    }
    size_t found = 0;
    for (size_t i = 0; &im->arch->modules[i] < m; i++)
        if (strcmp(im->arch->modules[i].name, name) == 0) {
            *out = im->values[i];
            found++;
        }
    if (found > 1)
        return WRONG("'%s' comes %zu times before it; give the one that is meant another name",
                     name, found);
    return found == 1 ? INV_OK : WRONG("there is no '%s' before it", name);
}

/* Along channels, or values of a row; rows; columns: of the batch's axes 1, 2, 3. */
static const char *axis_of(const inv_arch_module *m, const torch_value *in)
{
    const double dim = inv_arch_number(m, 0, "dim", 0, 1);
    const double rank = torch_is_flat(in) ? 2 : in->is_line ? 3 : 4;
    const double axis = dim < 0.0 ? dim + rank : dim;
    if (axis > 0.5 && axis < 1.5)
        return "channels";
    return rank < 2.5 ? NULL : axis > 1.5 && axis < 2.5 ? "height" : axis > 2.5 ? "width" : NULL;
}

static inv_status add_join(torch_importing *im, const inv_arch_module *m, const char *type,
                           torch_value *in, size_t count, torch_value *out)
{
    inv_place places[INV_ARCH_INPUTS_MAX];
    const bool concat = strcmp(type, "concat") == 0;
    const char *axis = concat ? axis_of(m, &in[0]) : NULL;
    bool alike = !concat;
    if (concat && !axis)
        return WRONG("puts values side by side along no axis of theirs; dim=1 are channels");
    for (size_t i = 1; i < count; i++)
        alike = alike && memcmp(&in[i].order, &in[0].order, sizeof in[0].order) == 0;
    for (size_t i = 0; i < count; i++) {
        inv_status status = alike ? INV_OK : torch_straight(im, m, &in[i], &in[i]);
        if (status != INV_OK)
            return status;
        places[i] = in[i].place;
    }
    *out = in[0];
    return inv_sketch_add(im->sketch, m->name, "",
                          concat ? json_pack("{ss ss}", "type", type, "axis", axis)
                                 : json_pack("{ss}", "type", type),
                          places, count, &out->place);
}

static inv_status add_module(torch_importing *im, size_t i, const torch_value *input)
{
    const inv_arch_module *m = &im->arch->modules[i];
    char where[INV_TEXT_MAX];
    torch_value in[INV_ARCH_INPUTS_MAX];
    const char *parameter = NULL;
    const size_t count = m->input_count;
    torch_type type;
    in[0] = i > 0 ? im->values[i - 1] : *input;
    torch_where(im, m, where, sizeof where);
    inv_sketch_at(im->sketch, where);
    for (size_t k = 0; k < count; k++) {
        inv_status status = find_value(im, m, m->inputs[k], input, &in[k]);
        if (status != INV_OK)
            return status;
    }
    for (size_t k = 0; k < sizeof joins / sizeof *joins; k++)
        if (strcmp(joins[k][0], m->type) == 0) {
            if (count < 2)
                return WRONG("joins what '<-' names, as in '%s <- fc1, input: Add()'", m->name);
            inv_status status = torch_check_arguments(im, m, joins[k][0][0] == 'C' ? "dim" : "");
            return status == INV_OK ? add_join(im, m, joins[k][1], in, count, &im->values[i])
                                    : status;
        }
    if (!torch_find_type(m->type, &type))
        return torch_refuse_type(im, m);
    if (count > 1)
        return WRONG("%s takes one input", m->type);
    inv_status status = torch_check_arguments(im, m, type.arguments);
    if (status == INV_OK)
        status = type.add(im, m, &in[0], &im->values[i]);
    if (torch_has_parameters(m, &parameter) && im->by_order)
        im->next_stem++;
    return status;
}

/* ---- all of it ---- */

/* Whether the net takes channels and one axis. */
static bool starts_with_line(const inv_arch *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (strstr(a->modules[i].type, "1d") && strncmp(a->modules[i].type, "Dropout", 7) != 0)
            return strncmp(a->modules[i].type, "BatchNorm", 9) != 0 || a->rank == 2;
        else if (strcmp(a->modules[i].type, "Identity") != 0)
            break;
    return false;
}

/* The images: as said, or what the first module takes, where that can only be one thing. */
static inv_status find_input(const torch_importing *im, const inv_import *how, inv_shape *out)
{
    inv_arch *a = im->arch;
    if (a->rank == 0 && how->input_rank > 0) {
        const size_t *d = how->input_dims;
        a->rank = how->input_rank == 2 ? 3 : how->input_rank;
        memcpy(a->dims,
               how->input_rank == 3   ? (size_t[3]){d[2], d[0], d[1]}
               : how->input_rank == 2 ? (size_t[3]){1, d[0], d[1]}
                                      : (size_t[3]){d[0]},
               sizeof a->dims);
    }
    size_t values = a->rank == 1 ? a->dims[0] : 0;
    if (a->rank == 2) {
        *out = starts_with_line(a) ? (inv_shape){a->dims[1], 1, a->dims[0]}
                                   : (inv_shape){a->dims[0], a->dims[1], 1};
        return INV_OK;
    }
    if (a->rank == 3) {
        *out = (inv_shape){a->dims[1], a->dims[2], a->dims[0]};
        return INV_OK;
    }
    for (size_t i = 0; i < a->count && values == 0; i++) {
        if (strcmp(a->modules[i].type, "Linear") == 0)
            values = torch_whole(&a->modules[i], 0, "in_features", 0, 0);
        else if (strcmp(a->modules[i].type, "Flatten") != 0)
            break;
    }
    const size_t side = (size_t)lround(sqrt((double)values));
    if (values == 0 || (a->rank == 0 && side * side != values))
        return INV_ERROR(INV_ECONFIG,
                         "%s: does not say what images the net takes; add 'input: 1x28x28' "
                         "(channels x height x width), or say --input 28x28x1",
                         a->file);
    *out = side * side == values ? (inv_shape){side, side, 1} : (inv_shape){1, 1, values};
    return INV_OK;
}

/* What print(model) may have left out. */
static void note_printed(torch_importing *im)
{
    const inv_arch *a = im->arch;
    const inv_arch_module *last = NULL;
    if (!a->is_printed)
        return;
    if (*a->unknown)
        inv_model_note(im->model,
                       "print(model) does not show what %s does between its modules and behind "
                       "them: they were taken one after the other",
                       a->unknown);
    if (*a->residual)
        inv_model_note(im->model,
                       "%s is taken to be torchvision's: its convolutions with ReLU between them, "
                       "its input added, ReLU",
                       a->residual);
    for (size_t i = 0; i < a->count; i++) {
        const inv_arch_module *m = &a->modules[i];
        const bool weighs = strcmp(m->type, "Linear") == 0 || strncmp(m->type, "Conv", 4) == 0;
        if (weighs && last && m->input_count == 0) {
            inv_model_note(im->model,
                           "no activation stands between %s and %s: print(model) does not show "
                           "functions, add a line 'relu1: ReLU()' where there is one",
                           last->name, m->name);
            return;
        }
        if (weighs)
            last = m;
        else if (torch_is_activation(m->type) || m->input_count > 0)
            last = NULL;
    }
}

/* What the architecture says of its outputs adds nothing to its modules. */
static inv_status check_output(const torch_importing *im)
{
    static const char *const kinds[][2] = {{"softmax", "Softmax"}, {"log-softmax", "LogSoftmax"}};
    const inv_arch_module *m = &im->arch->modules[im->arch->count - 1];
    while (m > im->arch->modules && inv_word_place("Identity Dropout Flatten", m->type) != SIZE_MAX)
        m--;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (strcmp(im->arch->output, kinds[k][0]) == 0 && strcmp(m->type, kinds[k][1]) != 0)
            return WRONG("comes last, a %s, though the output is said to be %s: add a line "
                         "'last: %s(dim=1)'",
                         m->type, kinds[k][0], kinds[k][1]);
    return INV_OK;
}

static void describe(const torch_importing *im, inv_shape shape)
{
    inv_model *model = im->model;
    const inv_arch *a = im->arch;
    model->channels_first = shape.channels > 1;
    model->input_rank = a->rank ? a->rank : 1;
    model->input_dims[0] = inv_shape_size(shape);
    for (size_t i = 0; i < a->rank; i++)
        model->input_dims[i] = a->dims[i];
    if (a->rank == 3)
        model->channels_first = true;
    if (strcmp(a->output, "logits") == 0)
        inv_model_note(model, "its outputs are logits");
}

inv_status inv_torch_import(const inv_tree *tree, const inv_import *how, inv_model *model,
                            inv_sketch *sketch)
{
    torch_importing im = {.tree = tree, .model = model, .sketch = sketch, .how = how};
    void *memory = NULL;
    inv_shape shape = {0};
    torch_value input = {0};
    inv_status status = INV_OK;
    if (!how->arch)
        INV_RAISE(torch_ask_for_arch(&im));
    INV_TRY(inv_arch_read(how->arch_name, how->arch, &im.arch));
    INV_TRY(torch_find_names(&im, how->key));
    INV_TRY(inv_calloc(im.arch->count, sizeof *im.values, "modules", &memory));
    im.values = memory;
    INV_TRY(find_input(&im, how, &shape));
    INV_TRY(inv_model_input(how, model, sketch, shape, &input.place));
    input.is_line = im.arch->rank == 2 && starts_with_line(im.arch);
    for (size_t i = 0; i < im.arch->count; i++)
        INV_TRY(add_module(&im, i, &input));
    inv_sketch_at(sketch, "");
    INV_TRY(torch_check_left(&im));
    INV_TRY(check_output(&im));
    torch_note_order(&im);
    note_printed(&im);
    const torch_value *last = &im.values[im.arch->count - 1];
    if (last->order.channels)
        INV_FAIL(INV_ECONFIG, "%s: ends with images that are flattened; no classes come out",
                 im.arch->file);
    describe(&im, shape);
    INV_TRY(inv_sketch_build(sketch, &last->place, &model->net));
done:
    free(im.values);
    free(im.stems);
    inv_taken_free(&im.taken);
    inv_arch_free(im.arch);
    return status;
}
