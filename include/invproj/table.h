/* table.h - figures of several results side by side: a row each figure of one group of the table of
 * figures (figure.h), a column each result, the best of a row marked.
 *
 *     inv_table *table = NULL;
 *     status = inv_table_alloc("inverse", &table);
 *     status = status ? status : inv_table_read(table, run, "/inverse/ridge");
 *     status = status ? status : inv_table_read(table, run, "/inverse/decoder");
 *     inv_table_mark(table);
 *     inv_table_free(table);
 *
 * Columns may also be filled by hand, as with means over several runs (inv_table_add).
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TABLE_H
#define INVPROJ_TABLE_H

#include "invproj/fields.h"
#include "invproj/figure.h"
#include "invproj/run.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_table_cell {
    double mean;  /* NAN: there is none */
    double error; /* its standard error, or a spread; NAN: not known */
    bool best;    /* of its row (inv_table_mark) */
} inv_table_cell;

typedef struct inv_table_column {
    char *run; /* which run file it is of, where that is to be told, else NULL; owned */
    char name[INV_NAME_MAX];
    char kind[INV_NAME_MAX], at[INV_NAME_MAX]; /* of an inverse, else "" */
    double images;                             /* it was measured on; NAN: not known */
    double seconds;                            /* it took to learn; likewise */
    inv_table_cell *cells;                     /* [row_count] */
} inv_table_column;

typedef struct inv_table {
    size_t row_count, column_count;
    const inv_figure **rows;
    inv_table_column *columns;
    size_t room; /* for columns; private */
} inv_table;

/* The rows of that group, and no column; the caller frees. */
INV_MUST_CHECK inv_status inv_table_alloc(const char *group, inv_table **out);
void inv_table_free(inv_table *table);

/* A new column, all of whose cells are empty. *out stands until the next one. */
INV_MUST_CHECK inv_status inv_table_add(inv_table *table, const char *name, inv_table_column **out);
/* A new column of what the run file holds of the result at `path`: each figure is an attribute, its
 * standard error the attribute of that name with "_error" behind it. */
INV_MUST_CHECK inv_status inv_table_read(inv_table *table, const inv_run *run, const char *path);

/* How long what stands at `path` took to learn: the last of its history's times; NAN where it has none. */
INV_MUST_CHECK inv_status inv_table_seconds(const inv_run *run, const char *path, double *seconds);

/* Marks in each row the best cell: the one that stays the best where all means move against it by
 * their errors, mean_b - error_b > mean_c + error_c for each other cell c of the row (where lower is better,
 * the other way round). A row where several could be it, where an error is not known or where fewer
 * than two cells are filled has none. */
void inv_table_mark(inv_table *table);

/* Whether any column has something in that row. */
bool inv_table_has_row(const inv_table *table, size_t row);

#define INV_TABLE_TEXT 64
/* The cell in the figure's own format, "0.0739 (0.0003)"; "" where there is nothing. */
void inv_table_text(const inv_table *table, size_t row, size_t column, char out[INV_TABLE_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
