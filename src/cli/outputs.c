/* predict --outputs.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "outputs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "invproj/mat.h"
#include "model.h"

#define ROWS 100 /* that go through the net at once */

typedef struct outputs {
    inv_model *model;    /* of another program; NULL: */
    cli_session session; /* a run file */
    const inv_net *net;
    size_t point;
    inv_pass *pass;
    gsl_matrix_float *rows;
    float *image;
} outputs;

static void outputs_close(outputs *o)
{
    free(o->image);
    inv_mat_free(o->rows);
    inv_pass_free(o->pass);
    cli_session_close(&o->session);
    inv_model_free(o->model);
}

/* "output" is the net's end and "output.pre" its logits, however its layers are named. */
static inv_status find_point(outputs *o, const char *name)
{
    o->point = inv_net_depth(o->net);
    if (!name || inv_net_point(o->net, name, &o->point) == INV_OK)
        return INV_OK;
    if (strcmp(name, "output") == 0 || strcmp(name, "output.pre") == 0) {
        o->point = name[6] ? inv_net_logits(o->net) : inv_net_depth(o->net);
        return INV_OK;
    }
    return inv_net_point(o->net, name, &o->point);
}

static inv_status outputs_open(const cli_options *options, const char *point, outputs *o)
{
    const char *path = options->operands[0];
    bool is_model = false;
    void *image = NULL;
    inv_status status = INV_OK;
    INV_TRY(cli_model_is(path, &is_model));
    if (is_model) {
        INV_TRY(cli_model_read(options, path, &o->model));
        o->net = o->model->net;
    } else {
        INV_TRY(cli_session_read(options, path, &o->session));
        INV_TRY(cli_load_net(&o->session.file, &o->session.materials));
        o->net = o->session.materials.net;
    }
    INV_TRY(find_point(o, point));
    INV_TRY(inv_mat_alloc(ROWS, inv_net_units(o->net, 0), "images", &o->rows));
    INV_TRY(inv_calloc(inv_net_units(o->net, 0), sizeof(float), "images", &image));
    o->image = image;
    if (o->point > 0)
        INV_TRY(inv_pass_alloc(o->net, 0, o->point, ROWS, INV_PASS_FORWARD, &o->pass));
done:
    return status;
}

/* The sizes of one image, as the net's own program has it. */
static size_t wanted_sizes(const outputs *o, size_t dims[4])
{
    const inv_shape s = inv_net_shape(o->net, 0);
    if (o->model) {
        memcpy(dims, o->model->input_dims, sizeof o->model->input_dims);
        return o->model->input_rank;
    }
    memcpy(dims, (size_t[4]){s.height, s.width, s.channels}, 4 * sizeof *dims);
    return 3;
}

static bool fits(const outputs *o, const inv_idx *array)
{
    size_t dims[4] = {0};
    const size_t rank = wanted_sizes(o, dims);
    if (array->rank == 0 || array->size / array->dims[0] != inv_net_units(o->net, 0))
        return false;
    for (size_t i = 0; array->rank == rank + 1 && i < rank; i++)
        if (array->dims[i + 1] != dims[i])
            return false;
    return true;
}

static inv_status check_sizes(const outputs *o, const char *file, const inv_idx *array)
{
    size_t dims[4] = {0};
    char wanted[128];
    size_t used = (size_t)snprintf(wanted, sizeof wanted, "n");
    const size_t rank = wanted_sizes(o, dims);
    for (size_t i = 0; i < rank; i++)
        used += (size_t)snprintf(wanted + used, sizeof wanted - used, " x %zu", dims[i]);
    if (fits(o, array))
        return INV_OK;
    return INV_ERROR(INV_EDATA, "%s: holds other images than the net takes, which are %s", file,
                     wanted);
}

static inv_status print_row(const char *file, size_t number, const float *values, size_t n)
{
    if (!inv_all_finite(values, n))
        return INV_ERROR(INV_ENUMERIC, "%s: image %zu: the net's outputs are not finite", file,
                         number);
    printf("{\"outputs\": [");
    for (size_t i = 0; i < n; i++)
        printf("%s%.9g", i ? ", " : "", (double)values[i]);
    printf("]}\n");
    return INV_OK;
}

/* The images from `first` on, at most a chunk of them. */
static inv_status predict_chunk(const outputs *o, const char *file, const inv_idx *array,
                                size_t first, size_t n)
{
    const size_t pixels = inv_net_units(o->net, 0);
    for (size_t i = 0; i < n; i++) {
        float *row = o->rows->data + i * o->rows->tda;
        inv_idx_floats(array->type, array->data, (first + i) * pixels, pixels, 1.0, o->image);
        if (o->model)
            inv_model_row(o->model, o->image, row);
        else
            memcpy(row, o->image, pixels * sizeof *row);
    }
    const gsl_matrix_float x = inv_mat_head(o->rows, n);
    const gsl_matrix_float *y = o->pass ? inv_net_forward(o->net, o->pass, &x) : &x;
    inv_status status = INV_OK;
    for (size_t i = 0; i < n && status == INV_OK; i++)
        status = print_row(file, first + i, y->data + i * y->tda, inv_net_units(o->net, o->point));
    return status;
}

static inv_status predict_file(const outputs *o, const char *file)
{
    inv_idx *array = NULL;
    inv_status status = inv_array_read(file, &array);
    if (status == INV_OK)
        status = check_sizes(o, file, array);
    for (size_t i = 0; status == INV_OK && i < array->dims[0]; i += ROWS)
        status =
            predict_chunk(o, file, array, i, array->dims[0] - i < ROWS ? array->dims[0] - i : ROWS);
    inv_idx_free(array);
    return status;
}

inv_status cli_outputs(const cli_options *options, const char *point)
{
    outputs o = {0};
    inv_status status = outputs_open(options, point, &o);
    for (size_t i = 1; i < options->operand_count && status == INV_OK; i++)
        status = predict_file(&o, options->operands[i]);
    outputs_close(&o);
    return status;
}
