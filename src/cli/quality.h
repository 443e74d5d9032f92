/* quality.h - the figures of inverses: measured, kept with each, and told side by side.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_QUALITY_H
#define INVPROJ_CLI_QUALITY_H

#include "cli.h"
#include "invproj/frechet.h"
#include "invproj/measure.h"
#include "invproj/table.h"
#include "judge.h"

/* Measures what stands at `path` and starts at `point` on the test images, the session's inverse or
 * images that were searched for, and puts the figures there, with the number of images: each as an
 * attribute, and its standard error as "NAME_error". `judge` may be one that is nobody. */
INV_MUST_CHECK inv_status cli_quality_measure(cli_session *session, const char *path, size_t point,
                                              const cli_judge *judge, inv_quality *quality);

/* The Frechet distance of the same at point `at` of the judge, likewise, with the judge's checksum and the
 * number of images. *real is what the judge has of real images, NULL at first: it is kept for the next
 * inverse of as many images, and the caller's to free. INV_EINVAL: nobody judges; INV_ECONFIG: it has no
 * such point. */
INV_MUST_CHECK inv_status cli_quality_frechet(cli_session *session, const char *path, size_t point,
                                              const cli_judge *judge, const char *at,
                                              inv_frechet_real **real);

/* Whether the inverse at `path` is a net; else it is images, made of the first test images. */
bool cli_inverse_is_net(const inv_run *run, const char *path);
/* Those images, of the loaded net's size; the caller frees. */
INV_MUST_CHECK inv_status cli_inverse_images(const inv_run *run, const char *path, size_t pixels,
                                             gsl_matrix_float **out);

/* Whether the run file's inverse of that name is done, and of the network that is there. */
bool cli_inverse_is_whole(const inv_run *run, const char *name);
/* INV_EDATA where none was found: none called `only`, or, where that is NULL, none that is whole. */
INV_MUST_CHECK inv_status cli_inverse_is_there(const cli_file *file, const char *only,
                                               size_t found);

/* On stdout: results as columns, a row each figure, the best of several marked; in the corner
 * `heading`. */
INV_MUST_CHECK inv_status cli_table_print(const inv_table *table, const char *heading);
/* The same as JSON: an array, an object each result. */
INV_MUST_CHECK inv_status cli_table_json(const inv_table *table);

#endif
