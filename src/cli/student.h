/* student.h - what the images of a generator, or of a result, are worth to learn from.
 *
 *     char path[CLI_PATH_BYTES];
 *     status = cli_student_measure(session, "eights", path);
 *     ... inv_table_read(table, session->file.run, path) ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_STUDENT_H
#define INVPROJ_CLI_STUDENT_H

#include "cli.h"

/* Trains the student (invproj/student.h) on images that the run file's generator of that name draws, or
 * where there is none, on those of the result of that name in /generated, and another on as many real
 * images; puts the accuracy of both there, @student and @student_real, with the number of images, @student_images. `path`
 * is where. INV_EDATA: there is neither; it is not finished, or out of date; images of units, or not
 * of all classes. */
INV_MUST_CHECK inv_status cli_student_measure(cli_session *session, const char *name,
                                              char path[CLI_PATH_BYTES]);

#endif
