/* own.h - model files that this program wrote: what it says in them of itself, and the net again as it
 * was.
 *
 * Another program's words for a net lose some of this program's: names of points, dropout rates, which
 * parameters were frozen. So a file that is written carries the net's own description among its
 * metadata. It is believed only where it is proved: the net of that description, with the file's
 * parameters, is written once more, and must give the file itself, byte for byte (by SHA-256, which
 * the process that reads works out). A file that anybody has changed since is imported as any other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_OWN_H
#define INVPROJ_OWN_H

#include <jansson.h>

#include "format/exporting.h"
#include "format/format.h"

#define INV_OWN_MARK  "invproj" /* the key of the metadata, where a file has a place for one text */
#define INV_OWN_GROUP "/.invproj"

/* What a file says of the net, as texts by name; `layout`: the order of an image's axes in it. */
INV_MUST_CHECK inv_status inv_own_describe(const inv_export *what, const char *layout,
                                           json_t **out);

/* Adds the parameters that the file has no array for to the metadata (inv_param's path is NULL). */
INV_MUST_CHECK inv_status inv_own_add_parameters(inv_exporting *e);

/* Where a file that has such metadata is sent: its text, for a format whose stream does not have it
 * anyway; and the SHA-256 of the file, where it seems to be one. */
INV_MUST_CHECK inv_status inv_own_send_metadata(const inv_sink *to, const char *text, size_t size);
INV_MUST_CHECK inv_status inv_own_send_sum(const inv_sink *to, const unsigned char *bytes,
                                           size_t size);

/* What the file tells of class names and pixels, where it is one of this program's, changed or not. */
INV_MUST_CHECK inv_status inv_own_tell(const inv_tree *tree, inv_model *model);
/* Makes model->net, and *found true, where the file is as this program wrote it. */
INV_MUST_CHECK inv_status inv_own_import(const inv_tree *tree, const inv_format *format,
                                         inv_model *model, bool *found);

#endif
