/* Keras models as files (keras_export.h): .h5, a group a layer with the list of its weights' names; and
 * .keras, a zip archive of metadata.json, config.json and model.weights.h5. Both as Keras 3.15 writes
 * them; strings of any length, as h5py has them, no times anywhere.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "data/zip.h"
#include "format/keras_export.h"
#include "format/memory.h"
#include "format/own.h"

/* A file in memory while it is written; the first failure is kept. */
typedef struct file {
    hid_t id;
    hid_t text; /* the type of texts */
    bool good;
} file;

static bool open_file(file *f)
{
    *f = (file){.id = inv_memory_open(f, NULL, 0), .text = H5Tcopy(H5T_C_S1)};
    f->good = f->id >= 0 && f->text >= 0 && H5Tset_size(f->text, H5T_VARIABLE) >= 0 &&
              H5Tset_cset(f->text, H5T_CSET_UTF8) >= 0;
    return f->good;
}

static void close_file(file *f)
{
    if (f->text >= 0)
        H5Tclose(f->text);
    if (f->id >= 0)
        H5Fclose(f->id);
}

static hid_t open_group(file *f, const char *path)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t group = f->good ? H5Gcreate2(f->id, path, links, H5P_DEFAULT, H5P_DEFAULT) : -1;
    H5Pclose(links);
    f->good = group >= 0;
    return group;
}

static void put_texts(file *f, hid_t object, const char *name, const char *const *texts,
                      size_t count, bool is_list)
{
    const hsize_t size = count;
    if (!f->good)
        return;
    hid_t space = is_list ? H5Screate_simple(1, &size, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, f->text, space, H5P_DEFAULT, H5P_DEFAULT);
    f->good = attribute >= 0 && (count == 0 || H5Awrite(attribute, f->text, texts) >= 0);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
}

static void put_text(file *f, hid_t object, const char *name, const char *text)
{
    put_texts(f, object, name, &text, 1, false);
}

static void put_array(file *f, const char *path, const keras_stored *a)
{
    hsize_t dims[4];
    if (!f->good)
        return;
    for (size_t i = 0; i < a->rank; i++)
        dims[i] = a->dims[i];
    hid_t space = H5Screate_simple((int)a->rank, dims, NULL);
    hid_t create = H5Pcreate(H5P_DATASET_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_obj_track_times(create, false);
    H5Pset_create_intermediate_group(links, 1);
    hid_t array = H5Dcreate2(f->id, path, H5T_IEEE_F32LE, space, links, create, H5P_DEFAULT);
    f->good = array >= 0 &&
              H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->values) >= 0;
    if (array >= 0)
        H5Dclose(array);
    H5Pclose(links);
    H5Pclose(create);
    H5Sclose(space);
}

static inv_status take_bytes(const file *f, const char *name, unsigned char **bytes, size_t *size)
{
    void *memory = NULL;
    ssize_t length = -1;
    if (f->good && H5Fflush(f->id, H5F_SCOPE_GLOBAL) >= 0)
        length = H5Fget_file_image(f->id, NULL, 0);
    if (length <= 0)
        return INV_ERROR(INV_ENOMEM, "%s: HDF5 cannot write the file", name);
    inv_status status = inv_calloc((size_t)length, 1, name, &memory);
    if (status == INV_OK && H5Fget_file_image(f->id, memory, (size_t)length) != length)
        status = INV_ERROR(INV_ENOMEM, "%s: HDF5 cannot give the file's bytes", name);
    if (status != INV_OK) {
        free(memory);
        return status;
    }
    *bytes = memory;
    *size = (size_t)length;
    return INV_OK;
}

/* Says where a weight of the net stands in the tree of the file. */
static void set_path(keras_model *m, const keras_stored *k, const char *prefix, const char *path)
{
    if (k->param == SIZE_MAX)
        return;
    inv_param *p = &m->e.out->params[k->param];
    if (asprintf(&p->path, "%s%s", prefix, path) < 0) {
        p->path = NULL;
        m->e.status = INV_ERROR(INV_ENOMEM, "%s: no memory", m->e.what->file);
    }
}

static char *json_text(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* ---- .h5 ---- */

static void put_h5_layer(file *f, keras_model *m, const keras_node *node)
{
    char path[4 * INV_NAME_MAX], names[KERAS_WEIGHTS_MAX][2 * INV_NAME_MAX];
    const char *list[KERAS_WEIGHTS_MAX];
    snprintf(path, sizeof path, "/model_weights/%s", node->name);
    hid_t group = open_group(f, path);
    for (size_t i = 0; i < node->weight_count; i++) {
        snprintf(names[i], sizeof names[i], "%s/%s", node->name, node->weights[i].name);
        list[i] = names[i];
    }
    put_texts(f, group, "weight_names", list, node->weight_count, true);
    for (size_t i = 0; i < node->weight_count; i++) {
        snprintf(path, sizeof path, "/model_weights/%s/%s", node->name, names[i]);
        put_array(f, path, &node->weights[i]);
        set_path(m, &node->weights[i], "", path);
    }
    if (group >= 0)
        H5Gclose(group);
}

static inv_status put_h5(file *f, keras_model *m, const char *model, const char *metadata)
{
    const char **names = inv_exporting_keep(&m->e, m->count, sizeof *names);
    size_t count = 0;
    hid_t root = H5Gopen2(f->id, "/", H5P_DEFAULT), group = open_group(f, "/model_weights");
    for (size_t i = 0; names && i < m->count; i++)
        if (m->nodes[m->order[i]].is_layer)
            names[count++] = m->nodes[m->order[i]].name;
    put_text(f, root, "keras_version", KERAS_VERSION);
    put_text(f, root, "model_config", model);
    put_text(f, root, INV_OWN_MARK, metadata);
    put_text(f, group, "keras_version", KERAS_VERSION);
    if (names)
        put_texts(f, group, "layer_names", names, count, true);
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[m->order[i]].is_layer)
            put_h5_layer(f, m, &m->nodes[m->order[i]]);
    if (group >= 0)
        H5Gclose(group);
    H5Gclose(root);
    return m->e.status;
}

inv_status keras_h5_export(const inv_export *what, inv_exported *out)
{
    keras_model model = {0};
    file f = {-1, -1, false};
    char *text = NULL, *metadata = NULL;
    inv_status status = INV_OK;
    INV_TRY(keras_model_make(what, false, out, &model));
    INV_TRY(inv_own_add_parameters(&model.e));
    text = json_text(keras_model_json(&model, true));
    metadata = json_text(json_incref(model.e.metadata));
    if (!text || !metadata || !open_file(&f))
        INV_FAIL(INV_ENOMEM, "%s: no memory for a Keras model", what->file);
    INV_TRY(put_h5(&f, &model, text, metadata));
    INV_TRY(take_bytes(&f, what->file, &out->bytes, &out->size));
done:
    close_file(&f);
    free(text);
    free(metadata);
    keras_model_free(&model);
    return status;
}

/* ---- .keras ---- */

#define WEIGHTS "model.weights.h5"

static void put_variables(file *f, keras_model *m, const keras_node *node)
{
    char path[4 * INV_NAME_MAX];
    snprintf(path, sizeof path, "/layers/%s/vars", node->group);
    hid_t group = open_group(f, path);
    put_text(f, group, "name", node->name);
    for (size_t i = 0; i < node->weight_count; i++) {
        snprintf(path, sizeof path, "/layers/%s/vars/%zu", node->group, i);
        put_array(f, path, &node->weights[i]);
        set_path(m, &node->weights[i], "/" WEIGHTS, path);
    }
    if (group >= 0)
        H5Gclose(group);
}

static inv_status make_weights(keras_model *m, unsigned char **bytes, size_t *size)
{
    file f = {-1, -1, false};
    inv_status status = INV_OK;
    if (!open_file(&f))
        INV_FAIL(INV_ENOMEM, "%s: no memory for a Keras model", m->e.what->file);
    hid_t group = open_group(&f, "/vars");
    put_text(&f, group, "name", "net");
    if (group >= 0)
        H5Gclose(group);
    for (size_t i = 0; i < m->count; i++)
        if (m->nodes[m->order[i]].is_layer)
            put_variables(&f, m, &m->nodes[m->order[i]]);
    INV_TRY(m->e.status);
    INV_TRY(take_bytes(&f, m->e.what->file, bytes, size));
done:
    close_file(&f);
    return status;
}

inv_status keras_zip_export(const inv_export *what, inv_exported *out)
{
    keras_model model = {0};
    char *config = NULL, *metadata = NULL;
    unsigned char *weights = NULL;
    size_t size = 0;
    inv_status status = INV_OK;
    INV_TRY(keras_model_make(what, true, out, &model));
    INV_TRY(inv_own_add_parameters(&model.e));
    config = json_text(keras_model_json(&model, false));
    metadata = json_text(
        json_pack("{ss sO}", "keras_version", KERAS_VERSION, INV_OWN_MARK, model.e.metadata));
    if (!config || !metadata)
        INV_FAIL(INV_ENOMEM, "%s: no memory for a Keras model", what->file);
    INV_TRY(make_weights(&model, &weights, &size));
    const inv_zip_member members[] = {{"metadata.json", metadata, strlen(metadata)},
                                      {"config.json", config, strlen(config)},
                                      {WEIGHTS, weights, size}};
    INV_TRY(inv_zip_make(what->file, members, 3, NULL, &out->bytes, &out->size));
done:
    free(weights);
    free(config);
    free(metadata);
    keras_model_free(&model);
    return status;
}
