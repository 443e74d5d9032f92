/* model.h - model files of other programs, for commands that read a net: they work on them as on a
 * run file.
 *
 *     bool is_model = false;
 *     status = cli_model_is(path, &is_model);
 *     if (is_model)
 *         status = cli_model_run(options, path, &run);          a run, in memory, made of it
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_MODEL_H
#define INVPROJ_CLI_MODEL_H

#include "cli.h"
#include "invproj/model.h"

/* Whether `path` is to be read as a model: a folder, or a file that is no run file and begins as a
 * model of a known format does. What cannot be opened is none. */
INV_MUST_CHECK inv_status cli_model_is(const char *path, bool *out);

/* Reads it, and whatever belongs to it, with --arch and the other options that tell of it. */
INV_MUST_CHECK inv_status cli_model_read(const cli_options *options, const char *path,
                                         inv_model **out);

/* A run, in memory, that holds the model's net and says where it is from. */
INV_MUST_CHECK inv_status cli_model_run(const cli_options *options, const char *path,
                                        inv_run **out);

/* For a command that makes results: the run file of the model in the current folder, "mnist.run.h5"
 * of "DIR/mnist.keras", which is made if it is not there. The caller frees *run_path; it
 * is NULL where `path` is no model. INV_EINVAL: the run file is there, of another model,
 * or made with another --arch or --key. */
INV_MUST_CHECK inv_status cli_model_place(const cli_options *options, const cli_progress *progress,
                                          const char *path, char **run_path);

/* For a command that shows results: that run file, where it is there and of this very model, else
 * NULL. The caller frees it. */
INV_MUST_CHECK inv_status cli_model_results(const char *path, char **run_path);

/* Whether the file is the very model that the run was made of. */
INV_MUST_CHECK inv_status cli_model_is_source(const inv_run *run, const char *path, bool *out);

/* What there is to know of the model that a run was made of: *count texts, each the caller's to
 * free. */
INV_MUST_CHECK inv_status cli_notes(const inv_run *run, char *notes[INV_MODEL_NOTES_MAX],
                                    size_t *count);

/* An error where a file is the text of an experiment, which nothing but `run` takes. */
INV_MUST_CHECK inv_status cli_check_no_experiment(const char *path);

#endif
