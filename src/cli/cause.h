/* cause.h - what results are made from, and whether that is still what the run file holds.
 *
 * Each result (and each inverse, and each Gaussian) records the checksums of what it was made from:
 * @network_sha256, @inverse_sha256, @generator_sha256, @beside_sha256, which are the @sha256 of those sections as they
 * were (src/format). Before each save the results of which one of them is no longer true are marked
 * @stale, with the reason; a mark goes when it is true again. The data need no such record: a run
 * file is of one set of data, and of those a result is made of nothing else.
 *
 * What another program changed is found where a file is opened without its seal: it gets a checksum of
 * its own, so that what was made from it before is out of date, and a mark that stays, INV_RUN_MARK.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_CAUSE_H
#define INVPROJ_CLI_CAUSE_H

#include "cli.h"

typedef enum cli_cause {
    CLI_CAUSE_NETWORK,
    CLI_CAUSE_INVERSE,
    CLI_CAUSE_GENERATOR,
    CLI_CAUSE_BESIDE
} cli_cause;

/* Puts down that the group `path` is made from that, as the run file has it now. `name` is the
 * inverse's or the generator's, or the path of the result that it is beside; NULL for the network. */
INV_MUST_CHECK inv_status cli_cause_put(inv_run *run, const char *path, cli_cause cause,
                                        const char *name);

/* Of a run without its seal: each section that is not what its checksum says is marked, loses its
 * figures and gets its checksum anew; what was made from it, or from what is gone, is out of date. `list` has
 * the names of those sections, or as many as there is room for. */
INV_MUST_CHECK inv_status cli_cause_adopt(inv_run *run, char *list, size_t size);

/* Why the group `path` is out of date, for a message ("made from another network"); NULL where it
 * is not, or is older than these records. */
const char *cli_cause_stale(const inv_run *run, const char *path);

/* Marks what is out of date, and takes the mark from all that is not. */
INV_MUST_CHECK inv_status cli_cause_mark(inv_run *run);

#endif
