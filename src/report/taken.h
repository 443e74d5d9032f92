/* taken.h - what is taken from a run file into a document.
 *
 *     json_t *one = report_object(r);
 *     report_take_real(r, "/network", "accuracy", one);      nothing where it is not there
 *     return one;
 *
 * What is missing, or not what it must be, is left out; only a lack of memory is a failure, which is
 * put down in r->status.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_REPORT_TAKEN_H
#define INVPROJ_REPORT_TAKEN_H

#include "report.h"

#define REPORT_PATH    (4 * INV_NAME_MAX)
#define REPORT_RESULTS 256 /* results of a kind that are told of, at most */
#define REPORT_SHOWN   400 /* pictures of a result that are shown, at most */

typedef struct report_run {
    report_input in;
    bool with_net;
    size_t classes;
    char *names[INV_CLASSES_MAX]; /* each NULL where it has none */
    inv_status status;            /* INV_ENOMEM once memory was short */
} report_run;

/* Its sections; NULL where there is nothing to tell. The caller takes over. */
json_t *report_about(report_run *r);
json_t *report_figures(report_run *r);
json_t *report_curves(report_run *r);
json_t *report_confusion(report_run *r);
json_t *report_mistakes(report_run *r);
json_t *report_projections(report_run *r);
json_t *report_generated(report_run *r);
json_t *report_features(report_run *r);
json_t *report_exemplars(report_run *r);
json_t *report_filters(report_run *r);
json_t *report_architecture(report_run *r);
json_t *report_environment(report_run *r);
json_t *report_data(report_run *r);
json_t *report_net(report_run *r);

/* ---- building JSON ---- */

json_t *report_object(report_run *r);
json_t *report_list(report_run *r);
/* Takes over `value`; NULL: memory was short. */
void report_give(report_run *r, json_t *to, const char *key, json_t *value);
void report_append(report_run *r, json_t *list, json_t *value);
void report_give_text(report_run *r, json_t *to, const char *key, const char *format, ...)
    INV_PRINTF(4, 5);
void report_append_text(report_run *r, json_t *list, const char *format, ...) INV_PRINTF(3, 4);
/* The value, or NULL, which it then frees, where it holds nothing. */
json_t *report_unless_empty(json_t *value);

/* ---- from the file ---- */

/* Whether it is there; puts down that memory was short. */
bool report_got(report_run *r, inv_status status);
void report_take_text(report_run *r, const char *path, const char *name, json_t *to);
void report_take_size(report_run *r, const char *path, const char *name, json_t *to);
void report_take_real(report_run *r, const char *path, const char *name, json_t *to);
/* The attribute, which the caller frees; NULL: none. */
char *report_attribute(report_run *r, const char *path, const char *name);
/* Whether the attribute is there, and then its value. */
bool report_real(report_run *r, const char *path, const char *name, double *value);
bool report_size(report_run *r, const char *path, const char *name, uint64_t *value);
/* The array `name` of the group, of one dimension; NULL: none. The caller frees. */
void *report_array(report_run *r, const char *path, const char *name, inv_type type, size_t *count);
/* The same where it must have `count` values. */
void *report_array_of(report_run *r, const char *path, const char *name, inv_type type,
                      size_t count);

/* Calls `take` with the path of each result in `group` ("/inverse"), and gives what it returns, unless that
 * is NULL, to a list, which may be NULL in the end. */
json_t *report_each(report_run *r, const char *group,
                    json_t *(*take)(report_run *r, const char *path));

/* @inverse, @stale and all else that a result says of itself. */
void report_take_causes(report_run *r, const char *path, json_t *to);

/* The class's name, or its number; `text` has room for it. */
const char *report_class(const report_run *r, size_t class, char text[INV_NAME_MAX]);

/* Bytes as base64; `before` is put in front. NULL: no memory. */
json_t *report_base64(const char *before, const void *bytes, size_t size);

#endif
