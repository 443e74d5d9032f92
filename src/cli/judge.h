/* judge.h - another net that says what it sees in images: own confidence alone proves nothing.
 *
 *     cli_judge judge = {0};
 *     status = cli_judge_load(&progress, path, net, &judge);
 *     ... judge.net, judge.pixels ...
 *     cli_judge_free(&judge);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_JUDGE_H
#define INVPROJ_CLI_JUDGE_H

#include "cli.h"

/* Another net, and what its pixels are. */
typedef struct cli_judge {
    const char *path;
    inv_net *net; /* NULL: nobody judges */
    inv_pixels pixels;
    char sha256[INV_SHA256_TEXT]; /* of its parameters, as its file says it; "" where it does not */
} cli_judge;

/* The net of the run file or model that --judge names, `path`, to judge images that are made of `net`.
 * With path NULL nobody judges. INV_EDATA: it sees other images, tells other classes apart, or is the
 * same net. */
INV_MUST_CHECK inv_status cli_judge_load(const cli_progress *progress, const char *path,
                                         const inv_net *net, cli_judge *judge);
void cli_judge_free(cli_judge *judge);

#endif
