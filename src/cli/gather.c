/* The runs of a sweep, read into a table, and written as CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "gather.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"
#include "invproj/file.h"

const char *const cli_gather_texts[CLI_GATHER_TEXTS] = {
    [CLI_GATHER_FILE] = "file",         [CLI_GATHER_VERSION] = "program_version",
    [CLI_GATHER_COMPILER] = "compiler", [CLI_GATHER_KERNELS] = "kernels",
    [CLI_GATHER_DATA] = "data",         [CLI_GATHER_MESSAGE] = "message",
    [CLI_GATHER_PART] = "part",         [CLI_GATHER_CREATED] = "created",
    [CLI_GATHER_FINISHED] = "finished",
};

/* Where a run file says it. */
static const struct {
    cli_gather_text text;
    const char *path, *attribute;
} told[] = {
    {CLI_GATHER_VERSION, "/environment", "program_version"},
    {CLI_GATHER_COMPILER, "/environment", "compiler"},
    {CLI_GATHER_KERNELS, "/environment", "kernels"},
    {CLI_GATHER_PART, "/environment", "part"},
    {CLI_GATHER_CREATED, "/", "created"},
};

/* What has a history of its own: how long it took. */
#define SECONDS(group)                                                                             \
    {                                                                                              \
        group, "seconds", "seconds", "s", "%.1f", INV_BETTER_NEITHER, "that learning took", true   \
    }
static const inv_figure times[] = {
    SECONDS("training"), SECONDS("inverse"), SECONDS("generator"), {0}};

static inv_status no_memory(void)
{
    return INV_ERROR(INV_ENOMEM, "gather: no memory");
}

/* A run file that is done. What another program changed shows only in all of a file, so that one without its seal
 * is read whole, too, in `edited`; else that is NULL. */
typedef struct done_file {
    inv_tree *tree;
    inv_run *edited;
} done_file;

/* ---- figures ---- */

/* Of a result that was made from what is no longer there, or that another program has changed, there is none. */
static bool find_figure(const done_file *file, const char *path, const char *attribute,
                        double *value)
{
    const bool is_gone = file->edited ? inv_run_has_attribute(file->edited, path, "stale") ||
                                            !inv_run_has_attribute(file->edited, path, attribute)
                                      : inv_tree_attribute(file->tree, path, "stale") != NULL;
    return !is_gone && inv_tree_real(file->tree, path, attribute, value);
}

static inv_status find_column(cli_gather *all, const inv_figure *figure, const char *result,
                              size_t *out)
{
    for (*out = 0; *out < all->column_count; ++*out)
        if (all->columns[*out].figure == figure && strcmp(all->columns[*out].result, result) == 0)
            return INV_OK;
    cli_gather_column *more = realloc(all->columns, (*out + 1) * sizeof *more);
    if (!more)
        return no_memory();
    all->columns = more;
    more[*out].figure = figure;
    snprintf(more[*out].result, sizeof more[*out].result, "%s", result);
    all->column_count++;
    return INV_OK;
}

static inv_status put_value(cli_gather_row *row, size_t column, double value)
{
    if (column >= row->value_count) {
        double *more = realloc(row->values, (column + 1) * sizeof *more);
        if (!more)
            return no_memory();
        while (row->value_count <= column)
            more[row->value_count++] = NAN;
        row->values = more;
    }
    row->values[column] = value;
    return INV_OK;
}

/* Every figure of the group that the result at `path` has. */
static inv_status take_figures(cli_gather *all, cli_gather_row *row, const done_file *file,
                               const char *group, const char *path, const char *result)
{
    inv_status status = INV_OK;
    for (const inv_figure *f = inv_figures; f->attribute && status == INV_OK; f++) {
        double value = 0.0;
        size_t column = 0;
        if (strcmp(f->group, group) != 0 || !find_figure(file, path, f->attribute, &value))
            continue;
        status = find_column(all, f, result, &column);
        if (status == INV_OK)
            status = put_value(row, column, value);
    }
    return status;
}

/* The last of the times in the history of what is at `path`; false: it has none. */
static bool find_seconds(const inv_tree *run, const char *path, float *seconds)
{
    char full[2 * CLI_PATH_BYTES];
    snprintf(full, sizeof full, "%s/history/seconds", path);
    const inv_tree_array *times_of = inv_tree_find(run, full);
    if (!times_of || times_of->rank != 1 || times_of->count == 0)
        return false;
    inv_tree_array last = *times_of;
    last.values = (const unsigned char *)last.values + (last.count - 1) * last.size;
    last.count = 1;
    return inv_tree_floats(&last, seconds) == INV_OK;
}

/* How long the result at `path` took, where it was learned. */
static inv_status take_seconds(cli_gather *all, cli_gather_row *row, const inv_tree *run,
                               const char *group, const char *path, const char *result)
{
    const inv_figure *of = times;
    float value = 0.0f;
    size_t column = 0;
    while (of->group && strcmp(of->group, group) != 0)
        of++;
    if (!of->group || !find_seconds(run, path, &value))
        return INV_OK;
    inv_status status = find_column(all, of, result, &column);
    return status == INV_OK ? put_value(row, column, (double)value) : status;
}

/* The name of the result at `path`, where that is "GROUP/NAME"; else NULL. */
static const char *result_in(const char *group, const char *path)
{
    const size_t length = strlen(group);
    const char *name = path + length + 1;
    return strncmp(path, group, length) == 0 && path[length] == '/' && *name && !strchr(name, '/')
               ? name
               : NULL;
}

/* Of the network, and of each result in a group that has figures or times. */
static inv_status take_all_figures(cli_gather *all, cli_gather_row *row, const done_file *file)
{
    const inv_tree *run = file->tree;
    inv_status status = take_figures(all, row, file, "network", "/network", "");
    if (status == INV_OK)
        status = take_seconds(all, row, run, "training", "/training", "");
    for (const char *const *group = inv_run_results; *group && status == INV_OK; group++)
        for (size_t i = 0; i < inv_tree_count(run) && status == INV_OK; i++) {
            const char *path = inv_tree_path(run, i), *name = result_in(*group, path);
            if (!name || strlen(name) >= INV_NAME_MAX)
                continue;
            status = take_figures(all, row, file, *group + 1, path, name);
            if (status == INV_OK)
                status = take_seconds(all, row, run, *group + 1, path, name);
        }
    return status;
}

/* ---- texts ---- */

/* One name for the four files of the data. */
static inv_status sum_of_data(const inv_tree *run, char **out)
{
    char *sums[INV_DATA_FILES] = {NULL};
    bool known = true;
    inv_status status = INV_OK;
    for (size_t i = 0; i < INV_DATA_FILES && status == INV_OK; i++) {
        status = inv_tree_text(run, "/", "dataset_sha256", i, &sums[i]);
        known = known && sums[i];
    }
    if (status == INV_OK && known &&
        asprintf(out, "%.8s-%.8s-%.8s-%.8s", sums[0], sums[1], sums[2], sums[3]) < 0) {
        *out = NULL;
        status = no_memory();
    }
    for (size_t i = 0; i < INV_DATA_FILES; i++)
        free(sums[i]);
    return status;
}

static char *time_of(const char *path)
{
    struct stat info;
    struct tm utc;
    char text[32] = "";
    if (stat(path, &info) == 0)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&info.st_mtime, &utc));
    return strdup(text);
}

static inv_status take_texts(cli_gather_row *row, const inv_tree *run, const char *path)
{
    inv_status status = sum_of_data(run, &row->texts[CLI_GATHER_DATA]);
    for (size_t i = 0; i < sizeof told / sizeof *told && status == INV_OK; i++)
        status = inv_tree_text(run, told[i].path, told[i].attribute, 0, &row->texts[told[i].text]);
    row->texts[CLI_GATHER_FINISHED] = time_of(path);
    return status;
}

/* ---- rows ---- */

static inv_status tell_damage(cli_gather_row *row)
{
    row->damaged = true;
    row->texts[CLI_GATHER_MESSAGE] = strdup(inv_error_message());
    return row->texts[CLI_GATHER_MESSAGE] ? INV_OK : no_memory();
}

static inv_status take_file(cli_gather *all, cli_gather_row *row, const done_file *file,
                            const char *path)
{
    inv_status status = take_texts(row, file->tree, path);
    return status == INV_OK ? take_all_figures(all, row, file) : status;
}

static inv_status read_done(cli_gather *all, cli_gather_row *row, cli_reader *reader,
                            const cli_progress *progress, const char *path)
{
    done_file file = {0};
    inv_status status = cli_reader_tree(reader, path, &file.tree);
    if (status == INV_OK && !inv_tree_is_sealed(file.tree))
        status = cli_open_run(NULL, progress, path, CLI_READ, &file.edited);
    if (status == INV_OK)
        status = take_file(all, row, &file, path);
    else if (status != INV_ENOMEM) /* told, and the others are read all the same */
        status = tell_damage(row);
    inv_run_free(file.edited);
    inv_tree_free(file.tree);
    return status;
}

static inv_status read_failure(const cli_gather *all, cli_gather_row *row)
{
    char *path = cli_sweep_path(all->sweep, row->item, "." CLI_SWEEP_FAILED);
    unsigned char *text = NULL;
    size_t size = 0;
    if (!path)
        return no_memory();
    if (inv_file_read(path, 1 << 16, &text, &size) == INV_OK)
        text[strcspn((const char *)text, "\n")] = 0;
    row->texts[CLI_GATHER_MESSAGE] = (char *)text;
    free(path);
    return INV_OK;
}

/* What names in the folder tell. The file is called as it is there, wherever that is. */
static inv_status look_at(const cli_gather *all, cli_gather_row *row)
{
    char *path = cli_sweep_path(all->sweep, row->item, ".h5");
    inv_status status = INV_OK;
    if (path)
        row->texts[CLI_GATHER_FILE] = strdup(path + strlen(all->sweep->out) + 1);
    if (!path || !row->texts[CLI_GATHER_FILE])
        INV_RAISE(no_memory());
    INV_TRY(cli_sweep_look(all->sweep, row->item, &row->state));
    if (row->state == CLI_SWEEP_FAILING)
        INV_TRY(read_failure(all, row));
done:
    free(path);
    return status;
}

/* The first row from `r` on that is done; row_count: there is none. */
static size_t next_done(const cli_gather *all, size_t r)
{
    while (r < all->row_count && all->rows[r].state != CLI_SWEEP_DONE)
        r++;
    return r;
}

/* While a file's figures are taken the next one is read. */
static inv_status read_all(cli_gather *all, cli_reader *reader, cli_progress *progress)
{
    size_t r = next_done(all, 0);
    char *path = NULL, *next = NULL;
    inv_status status = INV_OK;
    while (r < all->row_count) {
        char text[64];
        const size_t then = next_done(all, r + 1);
        path = path ? path : cli_sweep_path(all->sweep, all->rows[r].item, ".h5");
        next =
            then < all->row_count ? cli_sweep_path(all->sweep, all->rows[then].item, ".h5") : NULL;
        if (!path || (then < all->row_count && !next))
            INV_RAISE(no_memory());
        if (next)
            cli_reader_next(reader, next);
        INV_TRY(read_done(all, &all->rows[r], reader, progress, path));
        snprintf(text, sizeof text, "gather    %zu of %zu read", r + 1, all->row_count);
        cli_progress_text(progress, text);
        free(path);
        path = next;
        next = NULL;
        r = then;
    }
    cli_progress_clear();
done:
    free(path);
    free(next);
    return status;
}

inv_status cli_gather_read(const cli_sweep *sweep, const cli_part *part, cli_gather *out)
{
    const size_t items = inv_sweep_count(sweep->items);
    cli_reader *reader = NULL;
    cli_progress progress;
    void *memory = NULL;
    inv_status status = INV_OK;
    *out = (cli_gather){.sweep = sweep};
    if (part->index >= items)
        return INV_ERROR(INV_EINVAL, "--part: %zu/%zu has none of the sweep's %zu runs",
                         part->index, part->count, items);
    cli_progress_open(&progress, sweep->options->quiet);
    INV_TRY(inv_calloc(items / part->count + 1, sizeof *out->rows, "gather", &memory));
    out->rows = memory;
    for (size_t item = part->index; item < items; item += part->count) {
        out->rows[out->row_count].item = item;
        INV_TRY(look_at(out, &out->rows[out->row_count++]));
    }
    INV_TRY(cli_reader_open(NULL, &reader));
    INV_TRY(read_all(out, reader, &progress));
done:
    cli_reader_close(reader);
    return status;
}

void cli_gather_close(cli_gather *all)
{
    for (size_t r = 0; r < all->row_count; r++) {
        for (size_t i = 0; i < CLI_GATHER_TEXTS; i++)
            free(all->rows[r].texts[i]);
        free(all->rows[r].values);
    }
    free(all->rows);
    free(all->columns);
}

/* ---- asking ---- */

void cli_gather_name(const cli_gather_column *column, char out[2 * INV_NAME_MAX])
{
    const inv_figure *f = column->figure;
    if (*column->result)
        snprintf(out, 2 * INV_NAME_MAX, "%s.%s.%s", f->group, column->result, f->attribute);
    else
        snprintf(out, 2 * INV_NAME_MAX, "%s.%s", f->group, f->attribute);
}

void cli_gather_heading(const cli_gather_column *column, char out[4 * INV_NAME_MAX])
{
    const char *group = column->figure->group, *result = column->result;
    const bool tells = *result && strcmp(group, "inverse") != 0;
    snprintf(out, 4 * INV_NAME_MAX, "%s%s%s%s%s", tells ? group : "", tells ? " " : "", result,
             *result ? ": " : "", column->figure->label);
}

bool cli_gather_is_done(const cli_gather_row *row)
{
    return row->state == CLI_SWEEP_DONE && !row->damaged;
}

double cli_gather_value(const cli_gather_row *row, size_t column)
{
    return column < row->value_count ? row->values[column] : NAN;
}

const char *cli_gather_state(const cli_gather_row *row)
{
    static const char *const names[CLI_SWEEP_STATES] = {[CLI_SWEEP_MISSING] = "missing",
                                                        [CLI_SWEEP_RUNNING] = "running",
                                                        [CLI_SWEEP_FAILING] = "failed",
                                                        [CLI_SWEEP_DONE] = "done"};
    return row->damaged ? "damaged" : names[row->state];
}

void cli_gather_key(const cli_gather *all, const cli_gather_row *row, size_t key,
                    char out[INV_TEXT_MAX])
{
    char number[INV_SWEEP_NUMBER];
    const char *value = inv_sweep_value(all->sweep->items, row->item, key, number);
    const size_t length = strlen(value);
    if (length >= 2 && *value == '"' && !strchr(value, '\\'))
        snprintf(out, INV_TEXT_MAX, "%.*s", (int)length - 2, value + 1);
    else
        snprintf(out, INV_TEXT_MAX, "%s", value);
}

/* ---- CSV ---- */

/* RFC 4180. */
static void put_field(const char *text, bool first, FILE *out)
{
    if (!first)
        fputc(',', out);
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_heading(const cli_gather *all, FILE *out)
{
    put_field("run", true, out);
    for (size_t k = 0; k < inv_sweep_keys(all->sweep->items); k++)
        put_field(inv_sweep_key(all->sweep->items, k), false, out);
    put_field("status", false, out);
    for (size_t c = 0; c < all->column_count; c++) {
        char name[2 * INV_NAME_MAX];
        cli_gather_name(&all->columns[c], name);
        put_field(name, false, out);
    }
    for (size_t i = 0; i < CLI_GATHER_TEXTS; i++)
        put_field(cli_gather_texts[i], false, out);
    fputc('\n', out);
}

static void put_row(const cli_gather *all, const cli_gather_row *row, FILE *out)
{
    char text[INV_TEXT_MAX];
    snprintf(text, sizeof text, "%zu", row->item);
    put_field(text, true, out);
    for (size_t k = 0; k < inv_sweep_keys(all->sweep->items); k++) {
        cli_gather_key(all, row, k, text);
        put_field(text, false, out);
    }
    put_field(cli_gather_state(row), false, out);
    for (size_t c = 0; c < all->column_count; c++) {
        const double value = cli_gather_value(row, c);
        snprintf(text, sizeof text, "%.9g", value);
        put_field(isnan(value) ? "" : text, false, out);
    }
    for (size_t i = 0; i < CLI_GATHER_TEXTS; i++)
        put_field(row->texts[i] ? row->texts[i] : "", false, out);
    fputc('\n', out);
}

inv_status cli_gather_csv(const cli_gather *all, FILE *out)
{
    put_heading(all, out);
    for (size_t r = 0; r < all->row_count; r++)
        put_row(all, &all->rows[r], out);
    return INV_OK;
}
