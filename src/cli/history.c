/* The history of a run's learning, as CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define PATH_BYTES (4 * INV_NAME_MAX)

/* The columns, after the stage; those of validation have rows for some steps only. */
enum {
    STEP,
    LOSS,
    ACCURACY,
    KEPT,
    SECONDS,
    RATE,
    VALIDATION_STEP,
    VALIDATION_LOSS,
    VALIDATION,
    COLUMNS
};
static const struct {
    const char *array, *heading; /* NULL: it is not printed */
    inv_type type;
} columns[COLUMNS] = {
    [STEP] = {"history/step", "step", INV_UINT64},
    [LOSS] = {"history/loss", "loss", INV_FLOAT32},
    [ACCURACY] = {"history/accuracy", "accuracy", INV_FLOAT32},
    [KEPT] = {"history/kept", "kept", INV_UINT64},
    [SECONDS] = {"history/seconds", "seconds", INV_FLOAT32},
    [RATE] = {"history/rate", "rate", INV_FLOAT32},
    [VALIDATION_STEP] = {"validation/step", NULL, INV_UINT64},
    [VALIDATION_LOSS] = {"validation/loss", "validation_loss", INV_FLOAT32},
    [VALIDATION] = {"validation/accuracy", "validation_accuracy", INV_FLOAT32},
};

typedef struct column {
    size_t rows; /* 0: it is not there */
    void *values;
} column;

static inv_status read_column(const inv_run *run, const char *path, int which, column *c)
{
    char full[PATH_BYTES + INV_NAME_MAX];
    size_t rank = 0, dims[INV_RUN_RANK_MAX] = {0};
    inv_status status = INV_OK;
    snprintf(full, sizeof full, "%s/%s", path, columns[which].array);
    if (!inv_run_has(run, full))
        return INV_OK;
    INV_TRY(inv_run_dims(run, full, &rank, dims));
    if (rank != 1)
        INV_FAIL(INV_EFORMAT, "%s: %s: %zu dimensions, not 1", inv_run_name(run), full, rank);
    if (dims[0] == 0)
        return INV_OK;
    INV_TRY(inv_calloc(dims[0], inv_type_size(columns[which].type), full, &c->values));
    INV_TRY(inv_run_get(run, full, columns[which].type, dims[0], c->values));
    c->rows = dims[0];
done:
    return status;
}

/* A cell with the comma before it; an empty one where there is no such row. */
static void print_cell(const column *c, inv_type type, size_t row)
{
    if (row >= c->rows)
        putchar(',');
    else if (type == INV_UINT64)
        printf(",%" PRIu64, ((const uint64_t *)c->values)[row]);
    else
        printf(",%.9g", (double)((const float *)c->values)[row]);
}

static uint64_t step_at(const column *c, size_t row)
{
    return ((const uint64_t *)c->values)[row];
}

static void print_rows(const char *stage, const column list[COLUMNS])
{
    const column *validated = &list[VALIDATION_STEP];
    size_t next = 0; /* row of validation */
    for (size_t row = 0; row < list[STEP].rows; row++) {
        const uint64_t step = step_at(&list[STEP], row);
        while (next < validated->rows && step_at(validated, next) < step)
            next++;
        const bool is = next < validated->rows && step_at(validated, next) == step;
        fputs(stage, stdout);
        for (int which = 0; which < COLUMNS; which++)
            if (columns[which].heading)
                print_cell(&list[which], columns[which].type,
                           which < VALIDATION_STEP ? row
                           : is                    ? next
                                                   : SIZE_MAX);
        putchar('\n');
    }
}

static inv_status print_stage(const inv_run *run, const char *stage, const char *path)
{
    column list[COLUMNS] = {{0, NULL}};
    inv_status status = INV_OK;
    for (int which = 0; which < COLUMNS; which++)
        INV_TRY(read_column(run, path, which, &list[which]));
    print_rows(stage, list);
done:
    for (int which = 0; which < COLUMNS; which++)
        free(list[which].values);
    return status;
}

/* Of each inverse, or each generator. */
static inv_status print_group(const inv_run *run, const char *group)
{
    char(*names)[INV_NAME_MAX] = NULL, path[PATH_BYTES];
    size_t count = 0;
    inv_status status = INV_OK;
    if (inv_run_has(run, group))
        INV_TRY(cli_group_names(run, group, &names, &count));
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        INV_TRY(print_stage(run, path + 1, path));
    }
done:
    free(names);
    return status;
}

inv_status cli_print_history(const inv_run *run)
{
    inv_status status = INV_OK;
    fputs("stage", stdout);
    for (int which = 0; which < COLUMNS; which++)
        if (columns[which].heading)
            printf(",%s", columns[which].heading);
    putchar('\n');
    INV_TRY(print_stage(run, "training", "/training"));
    INV_TRY(print_group(run, "/inverse"));
    INV_TRY(print_group(run, "/generator"));
done:
    return status;
}
