/* outputs.h - predict --outputs: what a net makes of arrays as they are, with nothing done to them.
 *
 *     status = cli_outputs(options, "output.pre");         the arrays in operands[1], [2], ...
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_OUTPUTS_H
#define INVPROJ_CLI_OUTPUTS_H

#include "cli.h"

/* Prints a line of JSON for each image in the .npy and IDX files, {"outputs": [...]}: the values at
 * the point, NULL for the net's own end. Of a model file an image is as its own program takes it
 * (channels first, a flat row); of a run file as the run has it. INV_EDATA: images of other sizes;
 * INV_ENUMERIC: outputs that are not finite. */
INV_MUST_CHECK inv_status cli_outputs(const cli_options *options, const char *point);

#endif
