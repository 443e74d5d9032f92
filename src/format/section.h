/* section.h - the sections of a run file, which carry a checksum each, @sha256: the network, every
 * inverse, every Gaussian, every result.
 *
 * It covers @layers, where the group has it, and the arrays at any depth below the group, but for
 * those of history/ and state/, and confusion and mistakes/ of the network: the SHA-256 of
 *
 *     "@layers TEXT\n"
 *     "PATH TYPE SIZE SIZE ...\n" and the values, row-major and little-endian, for each array
 *
 * with PATH from the group on ("hidden1/kernel"), TYPE as NumPy names it ("float32"), and the
 * arrays in the order of their names, group by group.
 *
 * What writes to a section takes its checksum away (inv_section_touch); saving works out those that
 * are missing (inv_section_sign) and leaves the others as they are: what another program changed
 * stays told.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_SECTION_H
#define INVPROJ_SECTION_H

#include <hdf5.h>

#include "invproj/run.h"
#include "invproj/status.h"

/* To be called before the array `path`, or @layers of the group `path`, is written or removed. */
void inv_section_touch(hid_t file, const char *path);

/* Gives each section without a checksum its own. INV_ENOMEM, INV_EFORMAT with `name` and a path. */
INV_MUST_CHECK inv_status inv_section_sign(hid_t file, const char *name);

/* Whether the section `path` is what its checksum says. */
INV_MUST_CHECK inv_status inv_section_check(hid_t file, const char *name, const char *path,
                                            inv_run_section *out);

#endif
