/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cause.h"

#include <stdlib.h>
#include <string.h>

#include "invproj/figure.h"
#include "stage.h"

#define PATH_BYTES CLI_PATH_BYTES

/* ---- the table ---- */

/* A thing that results are made from: where its checksum is recorded, which attribute of the result
 * names it (NULL: there is but one), and where it stands. */
static const struct cause {
    const char *record, *name, *place, *stale;
} causes[] = {
    [CLI_CAUSE_NETWORK] = {"network_sha256", NULL, "/network", "made from another network"},
    [CLI_CAUSE_INVERSE] = {"inverse_sha256", "inverse", "/inverse/", "made by another inverse"},
    [CLI_CAUSE_GENERATOR] = {"generator_sha256", "generator", "/generator/",
                             "drawn by another generator"},
    [CLI_CAUSE_BESIDE] = {"beside_sha256", "beside", "", "beside images that are no longer there"},
};

#define COUNT(array) (sizeof array / sizeof *array)

/* ---- checksums ---- */

/* The checksum of the section at `path`, "" where there is none. */
static inv_status read_checksum(const inv_run *run, const char *path, const char *attribute,
                                char out[INV_SHA256_TEXT])
{
    char *text = NULL;
    out[0] = 0;
    if (!inv_run_has(run, path) || !inv_run_has_attribute(run, path, attribute))
        return INV_OK;
    inv_status status = inv_run_text(run, path, attribute, &text);
    if (status == INV_OK)
        snprintf(out, INV_SHA256_TEXT, "%s", text);
    free(text);
    return status;
}

inv_status cli_cause_put(inv_run *run, const char *path, cli_cause which, const char *name)
{
    const struct cause *cause = &causes[which];
    char place[PATH_BYTES], checksum[INV_SHA256_TEXT];
    inv_status status = INV_OK;
    snprintf(place, sizeof place, "%s%s", cause->place, name ? name : "");
    INV_TRY(inv_run_sign(run)); /* what was not saved yet has no checksum */
    INV_TRY(read_checksum(run, place, "sha256", checksum));
    if (*checksum)
        INV_TRY(inv_run_set_text(run, path, cause->record, checksum));
    if (cause->name)
        INV_TRY(inv_run_set_text(run, path, cause->name, name));
done:
    return status;
}

/* ---- out of date ---- */

static bool is_true(const inv_run *run, const char *path, const struct cause *cause)
{
    char recorded[INV_SHA256_TEXT], now[INV_SHA256_TEXT], place[PATH_BYTES];
    char *name = NULL;
    if (read_checksum(run, path, cause->record, recorded) != INV_OK || !*recorded)
        return true;
    if (cause->name && inv_run_text(run, path, cause->name, &name) != INV_OK)
        return true;
    snprintf(place, sizeof place, "%s%s", cause->place, name ? name : "");
    free(name);
    /* what cannot be read now, for lack of memory perhaps, is not said to be another */
    return read_checksum(run, place, "sha256", now) != INV_OK || strcmp(now, recorded) == 0;
}

const char *cli_cause_stale(const inv_run *run, const char *path)
{
    for (size_t i = 0; i < COUNT(causes); i++)
        if (!is_true(run, path, &causes[i]))
            return causes[i].stale;
    return NULL;
}

/* Takes the mark from what is not out of date, too, where it is done `afresh`. */
static inv_status mark(inv_run *run, const char *path, void *context)
{
    const bool *afresh = context;
    const char *why = cli_cause_stale(run, path);
    if (why)
        return inv_run_set_text(run, path, "stale", why);
    return *afresh ? inv_run_unset(run, path, "stale") : INV_OK;
}

/* Calls `visit` for each group in `group`, until one fails. */
static inv_status for_each(inv_run *run, const char *group,
                           inv_status (*visit)(inv_run *run, const char *path, void *context),
                           void *context)
{
    char(*names)[INV_NAME_MAX] = NULL, path[PATH_BYTES];
    size_t count = 0;
    inv_status status = cli_group_names(run, group, &names, &count);
    for (size_t i = 0; i < count && status == INV_OK; i++) {
        snprintf(path, sizeof path, "%s/%s", group, names[i]);
        status = visit(run, path, context);
    }
    free(names);
    return status;
}

static inv_status mark_results(inv_run *run, bool afresh)
{
    inv_status status = inv_run_sign(run);
    for (const cli_stage *const *stage = cli_stages; *stage && status == INV_OK; stage++)
        if ((*stage)->group)
            status = for_each(run, (*stage)->group, mark, &afresh);
    return status == INV_OK ? for_each(run, "/gaussian", mark, &afresh) : status;
}

inv_status cli_cause_mark(inv_run *run)
{
    return mark_results(run, true);
}

/* ---- what another program changed ---- */

/* What was measured of the section as it was: its figures, and where the net was wrong. */
static inv_status forget_figures(inv_run *run, const char *path)
{
    const size_t length = strcspn(path + 1, "/");
    inv_status status = INV_OK;
    for (const inv_figure *f = inv_figures; f->attribute && status == INV_OK; f++)
        if (strlen(f->group) == length && strncmp(f->group, path + 1, length) == 0)
            status = inv_run_unset(run, path, f->attribute);
    if (status != INV_OK || strcmp(path, "/network") != 0)
        return status;
    status = inv_run_remove(run, "/network/confusion");
    return status == INV_OK ? inv_run_remove(run, "/network/mistakes") : status;
}

/* The names of what was changed. */
struct told {
    char *list;
    size_t size;
};

/* Where the section is not what its checksum says, that goes, and a mark comes that stays. */
static inv_status adopt(inv_run *run, const char *path, void *context)
{
    const struct told *told = context;
    inv_run_section section = INV_RUN_UNSIGNED;
    const size_t used = strlen(told->list);
    inv_status status = inv_run_check(run, path, &section);
    if (status != INV_OK || section != INV_RUN_CHANGED)
        return status;
    INV_TRY(inv_run_unset(run, path, "sha256"));
    INV_TRY(inv_run_set_text(run, path, INV_RUN_MARK, "by another program"));
    INV_TRY(forget_figures(run, path));
    snprintf(told->list + used, told->size - used, "%s%s", used ? ", " : "", path + 1);
done:
    return status;
}

inv_status cli_cause_adopt(inv_run *run, char *list, size_t size)
{
    struct told told = {list, size};
    inv_status status = INV_OK;
    *list = 0;
    INV_TRY(adopt(run, "/network", &told));
    INV_TRY(for_each(run, "/gaussian", adopt, &told));
    for (const char *const *group = inv_run_results; *group; group++)
        INV_TRY(for_each(run, *group, adopt, &told));
    INV_TRY(mark_results(run, false)); /* also of what it took away, or gave another name */
done:
    return status;
}
