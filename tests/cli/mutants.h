/* mutants.h - run files that are damaged, or made to do harm.
 *
 *     mutants *m = mutants_open("run.h5");
 *     for (unsigned n = 0; n < 1000; n++)
 *         mutants_write(m, n, "mutant.h5", what);
 *     mutants_close(m);
 *
 * The nth is the same every time. In four of ten the damage is to bytes, and the checksum in the
 * first 512 bytes shows it; in four it is to bytes, and the checksum is made to match again; in two
 * it is to what HDF5 holds: objects missing, of other types and shapes, links that lead elsewhere,
 * texts that describe what cannot be.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_MUTANTS_H
#define INVPROJ_TESTS_MUTANTS_H

#include <stddef.h>

enum { MUTANT_TEXT = 256 };

typedef struct mutants mutants;

mutants *mutants_open(const char *run);
void mutants_close(mutants *m);

/* Writes the nth; `what` becomes what was done to it. */
void mutants_write(mutants *m, unsigned n, const char *path, char what[MUTANT_TEXT]);

#endif
