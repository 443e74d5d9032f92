/* prepare.h - how a model's pixels were prepared, found by trying.
 *
 *     status = cli_prepare(options->data, model, &how, note, sizeof note);
 *
 * Few files say what their pixels were. Where labelled images are at hand, the usual preparations are
 * tried on 1,000 of them, and the one by which most are classified right is taken.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_PREPARE_H
#define INVPROJ_CLI_PREPARE_H

#include "invproj/model.h"

/* Tries them on the data in `folder`, and puts the best into *how: its scale, mean, std and invert. The
 * note says what each gave: "0.982 with pixels / 255; 0.113 as bytes". Where the data are of other
 * images, or not bytes, *how stays as it is and the note is "". */
INV_MUST_CHECK inv_status cli_prepare(const char *folder, const inv_model *model, inv_import *how,
                                      char note[INV_TEXT_MAX]);

#endif
