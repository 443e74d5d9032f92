/* comparison.h - several runs beside each other.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_REPORT_COMPARISON_H
#define INVPROJ_REPORT_COMPARISON_H

#include "report.h"

/* Columns (runs that differ only by the seed are one), the settings that differ, figures with means and spreads
 * over the runs of a column; the best of a row is marked where the spreads say so (inv_table_mark). INV_ENOMEM. */
INV_MUST_CHECK inv_status report_comparison(const report_input *inputs, size_t count, json_t **out);

#endif
