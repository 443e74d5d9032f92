/* What keys meant in run files that say nothing of it: they keep that.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli.h"
#include "invproj/inverse.h"

/* A key whose default was another until runs began to say by which conventions they are made. */
static const struct former {
    const char *type, *key;
    const char *with; /* it matters only where this key is there; NULL: always */
} former[] = {{"rmsprop", "epsilon_inside", NULL},
              {"adagrad", "epsilon_inside", "epsilon"},
              {"adamw", "decay_all", NULL}};

static bool has(const inv_config *config, const char *group, const char *key)
{
    char path[INV_TEXT_MAX];
    snprintf(path, sizeof path, "%s.%s", group, key);
    return inv_config_has(config, path);
}

inv_status cli_former_optimiser(inv_config *config, const char *group)
{
    char path[INV_TEXT_MAX];
    inv_status status = INV_OK;
    snprintf(path, sizeof path, "%s.type", group);
    const char *type = inv_config_has(config, path) ? inv_config_text_at(config, path) : NULL;
    for (size_t i = 0; type && i < sizeof former / sizeof *former && status == INV_OK; i++) {
        const struct former *f = &former[i];
        if (strcmp(type, f->type) != 0 || has(config, group, f->key) ||
            (f->with && !has(config, group, f->with)))
            continue;
        snprintf(path, sizeof path, "%s.%s=false", group, f->key);
        status = inv_config_set(config, path);
        break; /* `type` points into what was set */
    }
    return status;
}

inv_status cli_former_kind(inv_config *config, const char *path)
{
    const char *kind = inv_config_text_at(config, path), *now = kind;
    char set[INV_TEXT_MAX];
    if (kind)
        now = inv_inverse_kind_now(kind);
    if (now == kind)
        return INV_OK;
    snprintf(set, sizeof set, "%s=%s", path, now);
    return inv_config_set(config, set);
}

/* A former kind gave its inverse another name than that kind does now. */
static inv_status former_inverse(inv_config *config)
{
    const char *kind = inv_config_text_at(config, "inverse.kind");
    if (!kind || inv_inverse_kind_now(kind) == kind)
        return INV_OK;
    inv_status status = cli_former_kind(config, "inverse.kind");
    if (status == INV_OK && !inv_config_has(config, "inverse.name"))
        status = inv_config_set(config, "inverse.name=" INV_INVERSE_FORMER_NAME);
    return status;
}

inv_status cli_former_keys(const inv_run *run, inv_config *config)
{
    static const char *const groups[] = {"training.optimiser", "inverse.optimiser",
                                         "generate.optimiser", "features.optimiser"};
    inv_status status = former_inverse(config);
    if (status != INV_OK || inv_run_has_attribute(run, "/", CLI_CONVENTIONS))
        return status;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && status == INV_OK; i++)
        status = cli_former_optimiser(config, groups[i]);
    return status;
}
