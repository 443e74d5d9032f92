/* The document of one run or several: its sections, in the order in which they are shown.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "invproj/version.h"
#include "taken.h"

static const struct section {
    const char *key;
    json_t *(*take)(report_run *r);
} sections[] = {
    {"about", report_about},
    {"figures", report_figures},
    {"curves", report_curves},
    {"confusion", report_confusion},
    {"mistakes", report_mistakes},
    {"projections", report_projections},
    {"generated", report_generated},
    {"features", report_features},
    {"exemplars", report_exemplars},
    {"filters", report_filters},
    {"architecture", report_architecture},
    {"data", report_data},
    {"environment", report_environment},
    {"net", report_net},
    {NULL, NULL},
};

/* How many classes there are and, where they have names, which. */
static void take_classes(report_run *r)
{
    uint64_t classes = 0;
    if (r->in.net)
        classes = inv_net_units(r->in.net, inv_net_depth(r->in.net));
    else if (!report_size(r, "/data", "classes", &classes))
        classes = 0;
    r->classes = classes <= INV_CLASSES_MAX ? classes : 0;
    if (r->classes > 0 && inv_run_has_attribute(r->in.run, "/", "class_names"))
        (void)report_got(r, inv_run_texts(r->in.run, "/", "class_names", r->names, r->classes));
}

static json_t *take_run(report_run *r)
{
    json_t *all = report_object(r);
    take_classes(r);
    for (const struct section *s = sections; s->key && r->status == INV_OK; s++) {
        json_t *value = s->take(r);
        if (value)
            report_give(r, all, s->key, value);
    }
    for (size_t c = 0; c < r->classes; c++)
        free(r->names[c]);
    return all;
}

inv_status report_content(const report_input *inputs, size_t count, bool with_net, json_t **out)
{
    json_t *runs = json_array(), *comparison = NULL;
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        free(memory);
        memory = NULL;
        INV_TRY(inv_calloc(1, sizeof(report_run), "a report", &memory));
        report_run *r = memory;
        r->in = inputs[i];
        r->with_net = with_net && count == 1; /* of several the page plays with none */
        json_t *run = take_run(r);
        if (json_array_append_new(runs, run) != 0 && r->status == INV_OK)
            r->status = INV_ERROR(INV_ENOMEM, "%s: no memory to tell of it", inputs[i].file);
        INV_TRY(r->status);
    }
    *out = json_pack("{ss si ss sO}", "format", REPORT_FORMAT, "format_version",
                     REPORT_FORMAT_VERSION, "made_by", "invproj " INV_VERSION, "runs", runs);
    if (count > 1)
        INV_TRY(report_comparison(inputs, count, &comparison));
    if (!*out || (comparison && json_object_set(*out, "comparison", comparison) != 0))
        status = INV_ERROR(INV_ENOMEM, "report: no memory");
done:
    if (status != INV_OK) {
        json_decref(*out);
        *out = NULL;
    }
    free(memory);
    json_decref(comparison);
    json_decref(runs);
    return status;
}
