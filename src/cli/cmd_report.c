/* report: runs as a page that one looks at, as JSON or as a short text.
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "invproj/file.h"
#include "page.h"
#include "report/report.h"

typedef struct own {
    bool markdown, no_net;
} own;

/* clang-format off */
static const cli_option own_options[] = {
    {.shared = CLI_OUT}, {.shared = CLI_JSON},
    {0, "markdown", NULL, "print a short summary as Markdown instead; -o FILE.md: with pictures", CLI_FLAG, .offset = offsetof(own, markdown)},
    {0, "no-net", NULL, "leave the net out: a smaller page, without what one can try there", CLI_FLAG,
     .offset = offsetof(own, no_net)},
    {.shared = CLI_FORCE}, {.shared = CLI_QUIET}, {.shared = CLI_HELP},
    {0}};
/* clang-format on */

/* ---- one run ---- */

inv_status cli_page_open(const cli_options *options, const char *path, cli_session *session)
{
    inv_status status = INV_OK;
    INV_TRY(cli_session_results(options, path, "generate", session));
    if (inv_run_has(session->file.run, "/network"))
        INV_TRY(cli_load_net(&session->file, &session->materials));
done:
    return status;
}

static report_input input_of(const cli_session *session)
{
    return (report_input){session->file.run, session->file.path, session->materials.net,
                          session->file.experiment, session->file.pixels};
}

inv_status cli_page_content(const cli_session *sessions, size_t count, bool with_net, json_t **out)
{
    void *inputs = NULL;
    inv_status status = inv_calloc(count + 1, sizeof(report_input), "runs", &inputs);
    for (size_t i = 0; status == INV_OK && i < count; i++)
        ((report_input *)inputs)[i] = input_of(&sessions[i]);
    if (status == INV_OK)
        status = report_content(inputs, count, with_net, out);
    free(inputs);
    return status;
}

/* ---- what is written ---- */

static inv_status print_json(const json_t *content)
{
    if (json_dumpf(content, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) && !ferror(stdout))
        return INV_ERROR(INV_ENOMEM, "report: no memory to tell of it");
    putchar('\n');
    return INV_OK;
}

static inv_status print_markdown(const json_t *content)
{
    char *text = NULL;
    size_t size = 0;
    inv_status status = report_markdown(content, &text, &size);
    if (status == INV_OK)
        fputs(text, stdout);
    free(text);
    return status;
}

/* Only a page, or a text, that this program made is written over: it has `mark` at its beginning. */
static inv_status check_ours(const char *path, const char *mark, const char *what, bool force)
{
    unsigned char start[256] = {0};
    size_t size = 0, got = 0;
    int fd = -1;
    inv_status status = INV_OK;
    if (access(path, F_OK) != 0)
        return INV_OK;
    INV_TRY(inv_file_open(path, &fd, &size));
    INV_TRY(inv_file_fill(path, fd, start, sizeof start - 1, &got));
    if (!strstr((const char *)start, mark))
        INV_FAIL(INV_EINVAL,
                 "%s: is there already and is no %s of invproj's, so it is not overwritten; "
                 "choose another name",
                 path, what);
    if (!force)
        INV_FAIL(INV_EINVAL, "%s: is there already; --force overwrites it", path);
done:
    if (fd >= 0)
        close(fd);
    return status;
}

static inv_status check_page(const char *path, bool force)
{
    return check_ours(path, "<meta name=\"generator\" content=\"invproj report\">", "page", force);
}

inv_status cli_page_save(const json_t *content, const char *path, const cli_progress *progress)
{
    char *text = NULL;
    size_t size = 0;
    inv_status status = report_page(content, &text, &size);
    if (status == INV_OK)
        status = inv_file_replace(path, text, size);
    if (status == INV_OK)
        cli_note(progress, "report    %s", path);
    free(text);
    return status;
}

inv_status cli_page_check(const char *path)
{
    return check_page(path, true);
}

inv_status cli_page_write(const cli_session *session, const char *path)
{
    json_t *content = NULL;
    inv_status status = cli_page_content(session, 1, true, &content);
    if (status == INV_OK)
        status = cli_page_save(content, path, &session->progress);
    json_decref(content);
    return status;
}

/* ---- a text with sheets beside it ---- */

/* "DIR/summary.md" of run 1 (from 0) and "generated": "DIR/summary-2-generated.png". */
static inv_status sheet_path(const char *text, size_t run, const char *group, char **out)
{
    const char *dot = strrchr(text, '.');
    const size_t stem = dot && !strchr(dot, '/') ? (size_t)(dot - text) : strlen(text);
    char number[32] = "";
    if (run > 0)
        snprintf(number, sizeof number, "-%zu", run + 1);
    if (asprintf(out, "%.*s%s-%s.png", (int)stem, text, number, group) >= 0)
        return INV_OK;
    *out = NULL;
    return INV_ERROR(INV_ENOMEM, "%s: no memory", text);
}

/* Looks, before the work, whether the sheets may stand there: they go with the text, and so does leave
 * to write over them. */
static inv_status check_sheets(const char *text, size_t runs, bool force)
{
    inv_status status = INV_OK;
    for (size_t i = 0; i < runs; i++)
        for (const char *const *group = report_sheets; *group && status == INV_OK; group++) {
            char *path = NULL;
            status = sheet_path(text, i, *group, &path);
            if (status == INV_OK)
                status = cli_picture_place(path);
            if (status == INV_OK && !force && access(path, F_OK) == 0)
                status = INV_ERROR(INV_EINVAL, "%s: is there already; --force overwrites it", path);
            free(path);
        }
    return status;
}

/* Draws a sheet, and has the run's part of the document name it. */
static inv_status add_sheet(const cli_session *session, size_t i, const char *group,
                            const char *text, json_t *run)
{
    const report_input input = input_of(session);
    char *path = NULL;
    bool drawn = false;
    json_t *list = json_object_get(run, "sheets");
    inv_status status = INV_OK;
    INV_TRY(sheet_path(text, i, group, &path));
    INV_TRY(report_sheet(&input, group, path, &drawn));
    if (!drawn)
        goto done;
    if (!list && json_object_set_new(run, "sheets", list = json_array()) != 0)
        INV_FAIL(INV_ENOMEM, "%s: no memory", text);
    const char *slash = strrchr(path, '/');
    json_t *name = inv_json_text(slash ? slash + 1 : path);
    if (json_array_append_new(list, json_pack("{so ss}", "file", name, "alt", group)) != 0)
        INV_FAIL(INV_ENOMEM, "%s: no memory", text);
done:
    free(path);
    return status;
}

static inv_status write_markdown(const cli_session *sessions, size_t count, json_t *content,
                                 const cli_options *options)
{
    char *text = NULL, *marked = NULL;
    size_t size = 0;
    cli_progress progress = {0};
    inv_status status = INV_OK;
    for (size_t i = 0; i < count; i++)
        for (const char *const *group = report_sheets; *group; group++)
            INV_TRY(add_sheet(&sessions[i], i, *group, options->out,
                              json_array_get(json_object_get(content, "runs"), i)));
    INV_TRY(report_markdown(content, &text, &size));
    if (asprintf(&marked, REPORT_MARK "\n%s", text) < 0) {
        marked = NULL;
        INV_FAIL(INV_ENOMEM, "%s: no memory", options->out);
    }
    INV_TRY(inv_file_replace(options->out, marked, strlen(marked)));
    cli_progress_open(&progress, options->quiet);
    cli_note(&progress, "report    %s", options->out);
done:
    free(marked);
    free(text);
    return status;
}

/* ---- the command ---- */

static inv_status check_options(const cli_options *options)
{
    const bool markdown = ((const own *)options->own)->markdown;
    if (options->json && markdown)
        return INV_ERROR(INV_EINVAL, "report: --json and --markdown are two; give one of them");
    if (options->json && options->out)
        return INV_ERROR(INV_EINVAL, "report: -o is for a page or a Markdown file; --json prints");
    if (!options->json && !markdown && !options->out)
        return INV_ERROR(INV_EINVAL, "report: needs -o PAGE.html, the page to write");
    if (!options->out)
        return INV_OK;
    if (!markdown)
        return check_page(options->out, options->force);
    inv_status status = check_ours(options->out, REPORT_MARK, "summary", options->force);
    return status == INV_OK ? check_sheets(options->out, options->operand_count, options->force)
                            : status;
}

static inv_status write_all(const cli_options *options, const cli_session *sessions,
                            json_t *content)
{
    cli_progress progress = {0};
    if (options->json)
        return print_json(content);
    if (((const own *)options->own)->markdown)
        return options->out ? write_markdown(sessions, options->operand_count, content, options)
                            : print_markdown(content);
    cli_progress_open(&progress, options->quiet);
    return cli_page_save(content, options->out, &progress);
}

static inv_status run(const cli_options *options)
{
    const size_t count = options->operand_count;
    void *sessions = NULL;
    json_t *content = NULL;
    inv_status status = INV_OK;
    INV_TRY(check_options(options));
    INV_TRY(inv_calloc(count, sizeof(cli_session), "runs", &sessions));
    for (size_t i = 0; i < count; i++)
        INV_TRY(cli_page_open(options, options->operands[i], (cli_session *)sessions + i));
    INV_TRY(cli_page_content(sessions, count, !((const own *)options->own)->no_net, &content));
    INV_TRY(write_all(options, sessions, content));
done:
    for (size_t i = 0; sessions && i < count; i++)
        cli_session_close((cli_session *)sessions + i);
    json_decref(content);
    free(sessions);
    return status;
}

const cli_command cli_command_report = {
    .name = "report",
    .operands = "RUN.h5... -o PAGE.html",
    .summary = "make a page of a run, to look at, to send and to play with",
    .notes =
        "The page is one file that needs no network and no server: what was asked and what came "
        "out, figures with what they mean, training curves, mistakes, projections, generated "
        "images, features, the net's layers, and how to make the run again. With the net in it, "
        "up to 16 MB of parameters, one draws digits that it classifies and projects, and moves "
        "hidden units. The same run gives the same bytes. Several runs are compared: the settings "
        "that differ, figures side by "
        "side, curves over each other and a row of pictures for each; runs that differ only by the "
        "seed are one column, with mean and spread. --json prints the page's content for "
        "programs (src/report/README.md), --markdown what came out and the figures; with -o "
        "FILE.md as a "
        "file, with two sheets of pictures beside it, FILE-projections.png and FILE-generated.png.",
    .minimum = 1,
    .maximum = SIZE_MAX,
    .options = own_options,
    .own = sizeof(own),
    .run = run,
};
