/* report.h - what a run file holds, as one document, and the document as a page or as a short text.
 *
 *     const report_input input = {.run = run, .file = "run.h5", .net = net, .pixels = pixels};
 *     json_t *content = NULL;
 *     status = report_content(&input, 1, true, &content);
 *     status = status ? status : report_page(content, &text, &size);          HTML, complete in itself
 *     json_decref(content);
 *
 * The document is JSON (README.md in this folder says what it holds); the page, `report --json` and
 * `report --markdown` are three renderings of it. A section is a function and its row in content.c's
 * table; the page draws it in page.js.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_REPORT_H
#define INVPROJ_REPORT_H

#include <jansson.h>

#include "invproj/dataset.h"
#include "invproj/experiment.h"
#include "invproj/net.h"
#include "invproj/run.h"
#include "invproj/status.h"

#define REPORT_FORMAT         "invproj-report"
#define REPORT_FORMAT_VERSION 1

/* A run, opened; all is the caller's. */
typedef struct report_input {
    const inv_run *run;
    const char *file;                 /* its name, as the user gave it */
    const inv_net *net;               /* NULL: it holds none */
    const inv_experiment *experiment; /* NULL: it keeps none */
    inv_pixels pixels;
} report_input;

/* The document of `count` runs; `with_net`: the parameters too, which the page plays with, where they are
 * not too many. What a file lacks, or does not hold as it must, is left out. INV_ENOMEM. */
INV_MUST_CHECK inv_status report_content(const report_input *inputs, size_t count, bool with_net,
                                         json_t **out);

/* The document as a page of HTML, the same bytes for the same document. INV_ENOMEM; the caller frees *text. */
INV_MUST_CHECK inv_status report_page(const json_t *content, char **text, size_t *size);

#define REPORT_MARK "<!-- invproj report -->" /* the first line of such a text */

/* The document in short, as Markdown: what came out, the sheets that a run of it names ("sheets": a list of file
 * and alt) and the figures. INV_ENOMEM; the caller frees *text. */
INV_MUST_CHECK inv_status report_markdown(const json_t *content, char **text, size_t *size);

/* The groups that have sheets: "projections", ...; ends with NULL. */
extern const char *const report_sheets[];
/* Draws the group's first result as the PNG file `file`; *drawn is false where the run has none. */
INV_MUST_CHECK inv_status report_sheet(const report_input *in, const char *group, const char *file,
                                       bool *drawn);

#endif
