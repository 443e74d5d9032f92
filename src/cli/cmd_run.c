/* run: every stage of an experiment file.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "invproj/file.h"
#include "page.h"
#include "stage.h"

/* Whether each stage can do what it will be asked for. */
static inv_status check_stages(const cli_session *session)
{
    const inv_dataset *data = session->materials.data;
    inv_net *net = NULL;
    inv_status status = INV_OK;
    INV_TRY(
        inv_net_build(session->file.config, "network.layers", data->shape, data->classes, &net));
    for (const cli_stage *const *stage = cli_stages; *stage; stage++)
        if (cli_stage_is_asked(*stage, session->file.experiment))
            INV_TRY((*stage)->check(session, net));
done:
    inv_net_free(net);
    return status;
}

static inv_status run_stages(cli_session *session)
{
    for (const cli_stage *const *stage = cli_stages; *stage; stage++) {
        if (!cli_stage_is_asked(*stage, session->file.experiment))
            continue;
        inv_status status = (*stage)->run(session);
        if (status != INV_OK)
            return status;
        if (cli_signal())
            return cli_file_stop(&session->file, &session->progress, (*stage)->name);
    }
    return INV_OK;
}

typedef struct own {
    bool no_report;
} own;

static const cli_option own_options[] = {
    {.shared = CLI_OUT},
    {.shared = CLI_SINGLE},
    {0, "no-report", NULL, "make no page of the run", CLI_FLAG, .offset = offsetof(own, no_report)},
    CLI_EXPERIMENT_OPTIONS,
    {0}};

/* Where the run goes. */
typedef struct place {
    const char *out;
    bool alone;   /* the run file alone, which is `out` */
    char *folder; /* that the run file is in */
    char *path;   /* of the run file, until it is whole, */
    char *whole;  /* and then */
    char *page;   /* NULL: none is made */
} place;

static void place_close(place *p)
{
    free(p->folder);
    free(p->path);
    free(p->whole);
    free(p->page);
}

/* -o DIR, or -o NAME.h5 where no folder has that name. */
static inv_status find_place(const cli_options *options, place *p)
{
    struct stat info;
    p->out = options->out;
    const size_t length = strlen(p->out);
    p->alone = length > 3 && strcmp(p->out + length - 3, ".h5") == 0 &&
               !(stat(p->out, &info) == 0 && S_ISDIR(info.st_mode));
    if (p->alone && options->single)
        return INV_ERROR(
            INV_EINVAL, "--single: with -o %s no pictures are made; give -o DIR, a folder", p->out);
    if (asprintf(&p->whole, p->alone ? "%s" : "%s/run.h5", p->out) < 0)
        p->whole = NULL;
    if (asprintf(&p->path, p->alone ? "%s" CLI_UNFINISHED : "%s/run.h5", p->out) < 0)
        p->path = NULL;
    if (!p->whole || !p->path)
        return INV_ERROR(INV_ENOMEM, "run: no memory");
    if (p->alone)
        return inv_file_beside(p->whole, ".", &p->folder);
    p->folder = strdup(p->out);
    if (!p->folder)
        return INV_ERROR(INV_ENOMEM, "run: no memory");
    return ((const own *)options->own)->no_report
               ? INV_OK
               : inv_file_beside(p->whole, "report.html", &p->page);
}

/* Whether a run file that is whole is there: then --resume has nothing to do, and only --force begins
 * again. */
static inv_status find_whole(const cli_options *options, const place *p, bool *done)
{
    *done = false;
    if (!p->alone || access(p->whole, F_OK) != 0)
        return INV_OK;
    inv_status status = cli_check_replaces_run(p->whole);
    if (status == INV_OK && !options->resume && !options->force)
        return INV_ERROR(INV_EINVAL, "%s: already holds a run; --force overwrites it", p->whole);
    *done = status == INV_OK && options->resume;
    return *done ? cli_resume_check_done(options, p->whole) : status;
}

/* The name tells from then on that the run is done. */
static inv_status give_name(const place *p)
{
    if (p->alone && rename(p->path, p->whole) != 0)
        return INV_ERROR(INV_EIO, "%s: %s", p->whole, strerror(errno));
    return INV_OK;
}

static inv_status run_at(const cli_options *options, const place *p)
{
    cli_session session = {0};
    bool done = false;
    inv_status status = INV_OK;
    INV_TRY(find_whole(options, p, &done));
    if (!done) {
        INV_TRY(cli_session_start(options, options->operands[0], p->path, &session));
        session.file.alone = p->alone;
        INV_TRY(
            find_whole(options, p, &done)); /* by another process, which had the lock until now */
    }
    if (!done) {
        INV_TRY(check_stages(&session));
        if (p->page)
            INV_TRY(cli_page_check(p->page));
        INV_TRY(run_stages(&session));
        INV_TRY(give_name(p));
        if (p->page)
            INV_TRY(cli_page_write(&session, p->page));
        INV_TRY(cli_print_figures(&session.file));
    }
    printf("%s\n", p->whole);
done:
    cli_session_close(&session);
    return status;
}

static inv_status run(const cli_options *options)
{
    place p = {0};
    inv_status status = INV_OK;
    if (!options->out)
        return INV_ERROR(INV_EINVAL, "run: needs -o DIR, the folder to write");
    const bool made = access(options->out, F_OK) != 0;
    INV_TRY(find_place(options, &p));
    INV_TRY(inv_file_make_folder(p.folder));
    INV_TRY(run_at(options, &p));
done:
    if (made && status != INV_OK && !p.alone)
        (void)rmdir(options->out); /* which it is only if nothing is in it */
    place_close(&p);
    return status;
}

const cli_command cli_command_run = {
    .name = "run",
    .operands = "EXPERIMENT.cfg -o DIR",
    .summary = "run every stage of an experiment, into DIR/run.h5 and pictures",
    .notes = "DIR/report.html is a page of the run (invproj help report). "
             "-o NAME.h5 writes the run file alone, and neither pictures nor page. Until the run "
             "is done it is called "
             "NAME.h5" CLI_UNFINISHED "; then --resume has nothing more to do.",
    .minimum = 1,
    .maximum = 1,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
