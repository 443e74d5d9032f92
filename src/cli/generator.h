/* generator.h - a generator of a run file, and images drawn from it.
 *
 *     cli_generator generator = {0};
 *     status = cli_generator_load(run, path, net, &generator);
 *     status = status ? status : cli_generator_draw(session, &generator, &draws);
 *     cli_generator_free(&generator);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_GENERATOR_H
#define INVPROJ_CLI_GENERATOR_H

#include "cli.h"

typedef struct cli_generator {
    inv_net *net; /* from [latent numbers, one-hot class] to an image */
    char name[INV_NAME_MAX];
    char sha256[INV_SHA256_TEXT];
    size_t latent;
    double spread;
    inv_shape shape; /* of the images, */
    inv_pixels pixels;
    bool own; /* it is of the session's run file */
} cli_generator;

/* The generator of the run, which is in the file `path` and has the network `net`. INV_EDATA: there is
 * none, or it is not finished. */
INV_MUST_CHECK inv_status cli_generator_load(const inv_run *run, const char *path,
                                             const inv_net *net, cli_generator *generator);
void cli_generator_free(cli_generator *generator);

/* What is drawn, as the result's settings keep it. */
typedef struct cli_draws {
    char name[INV_NAME_MAX]; /* of the result */
    inv_sizes classes;
    size_t count; /* images of each */
    double spread;
    bool walk; /* those of a class lead from one draw to another, the same for all classes */
} cli_draws;

/* Draws images, lets the session's net and the judge of --judge read them, and leaves them in
 * /generated/NAME of the run file, saved, and in a picture. INV_EINVAL: the net's images or classes are
 * others than the generator's. */
INV_MUST_CHECK inv_status cli_generator_draw(cli_session *session, const cli_generator *generator,
                                             const cli_draws *draws, const char *stem,
                                             const inv_sheet *sheet);

/* What `generate --with` does: as cli_generator_draw, with the generator of that run file. */
INV_MUST_CHECK inv_status cli_generate_with(cli_session *session);

#endif
