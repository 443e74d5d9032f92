/* cli.h - what the program's files share: the session, progress, results, images and pictures.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_CLI_H
#define INVPROJ_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "command.h"
#include "invproj/dataset.h"
#include "invproj/experiment.h"
#include "invproj/gaussian.h"
#include "invproj/net.h"
#include "invproj/run.h"
#include "invproj/status.h"
#include "reader.h"

/* What a stage returns when a signal stopped it after a checkpoint. */
#define CLI_STOPPED ((inv_status)INV_STATUS_COUNT)

/* ---- progress, on stderr ---- */

typedef struct cli_progress {
    bool quiet, terminal;
    const char *stage;
    size_t total, first; /* steps in all, and done before this start */
    size_t epoch;        /* steps of one; 0: epochs do not count */
    double start, shown; /* seconds */
} cli_progress;

double cli_seconds(void); /* of a clock that only goes forward */
void cli_progress_open(cli_progress *progress, bool quiet);
void cli_progress_start(cli_progress *progress, const char *stage, size_t total, size_t done);
void cli_progress_step(cli_progress *progress, size_t done);
void cli_progress_end(cli_progress *progress, size_t done);
/* A line of progress that is no bar's, already with its stage. */
void cli_progress_text(cli_progress *progress, const char *text);
/* Erases the bar, if one stands on the terminal; a handler of signals may call it. */
void cli_progress_clear(void);
/* A line of its own, unless quiet. */
void cli_note(const cli_progress *progress, const char *format, ...) INV_PRINTF(2, 3);
/* The same, quiet or not: of what is left out, will be lost, or is likely to be meant otherwise. */
void cli_warn(const char *format, ...) INV_PRINTF(1, 2);

/* ---- signals ---- */

/* From now on signals ask to stop; those that are ignored stay so. `code`: what the program then exits
 * with; 0: 128 + the signal. Only a second SIGINT ends it at once. */
void cli_signals_open(uint64_t code);
int cli_signal(void);      /* the signal that asks to stop, or 0 */
int cli_signal_code(void); /* what to exit with then */
/* From now on a signal ends the program at once, as there is nothing to save, with these last words
 * on stderr ("" for none); NULL: it asks again. */
void cli_signals_end_now(const char *words);
#define CLI_STOPPED_BETWEEN                                                                        \
    "stopped; the run file holds what was learned, and the same command with --resume continues "  \
    "it\n"
/* The lock file that is removed then; NULL: none. */
void cli_signals_lock(const char *path);
/* Between true and false no signal ends the program at once; what came in between does at the false. */
void cli_signals_hold(bool hold);
/* Processes that are killed when a second SIGINT ends the program; 0 in the list is none. */
void cli_signals_children(volatile pid_t *list, size_t count);

/* ---- session: a run file, what is made from it, and how far that has come ---- */

typedef struct cli_lock cli_lock;

/* The run file at hand, and the experiment that it is of. */
typedef struct cli_file {
    const cli_options *options;
    char *path;
    bool starts; /* a run, from an experiment file */
    bool holds;  /* it is on the disk, as far as it was saved: --resume goes on from there */
    bool alone;  /* no pictures are drawn beside it */
    cli_lock *lock;
    inv_run *run;
    inv_config *config;
    inv_experiment *experiment;
    uint64_t seed;
    inv_pixels pixels;             /* of the run's images */
    char result[4 * INV_NAME_MAX]; /* the path of the newest result */
    inv_checkpoint_spec checkpoint;
    double saved; /* when the newest checkpoint was written, in seconds, */
    double cost;  /* and how long that took */
} cli_file;

/* What it is worked on with: each is loaded when it is first asked for. */
typedef struct cli_materials {
    inv_dataset *data;
    char *data_folder; /* where they are, absolute */
    inv_net *net;
    inv_net *inverse; /* the one named inverse_name */
    char inverse_name[INV_NAME_MAX];
    inv_gaussians *gaussians; /* of the training images at gaussians_point */
    size_t gaussians_point;
} cli_materials;

typedef struct cli_session {
    cli_file file;
    cli_materials materials;
    cli_progress progress;
} cli_session;

/* One process at a time writes the run file `path`; those that only read it (info, predict) take
 * no lock. A file has one lock by whatever symbolic links it is reached. Of two hard links each has
 * its own: saving by one of the names leaves the other what it was, so neither loses anything.
 * INV_EIO where another process works on it, or its lock file cannot be used. On a file system
 * without locks all goes on after a note on stderr, and cli_lock_holds is false. */
#define CLI_LOCKED "another invproj is working on it" /* what its message says then */
INV_MUST_CHECK inv_status cli_lock_take(const char *path, cli_lock **out);
bool cli_lock_holds(const cli_lock *lock);
void cli_lock_free(cli_lock *lock);

/* Whether it is a run file, of whatever format and state, by its bytes. */
INV_MUST_CHECK inv_status cli_is_run(const char *path, bool *is);
/* INV_EINVAL where the file that is there is no run file, of whatever format and state: --force does
 * not write over it. */
INV_MUST_CHECK inv_status cli_check_replaces_run(const char *path);
/* The same of files that begin with `name` or are HDF5 with it inside; `what` they are, for the message. */
INV_MUST_CHECK inv_status cli_check_replaces(const char *path, const char *name, const char *what);

/* What stands behind the name of a run file that is not whole yet, where its name tells that. */
#define CLI_UNFINISHED ".part"

/* What there is to say of a run file that another program has opened for writing. */
#define CLI_UNSEALED                                                                               \
    "unsealed: another program has opened it for writing; it is sealed again when it is next "     \
    "saved"

/* Opens a run file for a command, which it is read for by a process of its own (reader.h). To be
 * read only, it may be a model of another program, with what `options` (or NULL) tell of it. One that
 * is unsealed is told of, in a line, unless `progress` is NULL or quiet; what will be lost when it is saved, unless it is NULL. */
INV_MUST_CHECK inv_status cli_open_run(const cli_options *options, const cli_progress *progress,
                                       const char *path, cli_reading how, inv_run **out);

/* Puts down what this start runs on: in /environment, or, where that was another, in the next of
 * /environment/2, /environment/3, ... Says what of it may change bits. */
INV_MUST_CHECK inv_status cli_describe_environment(inv_run *run);

/* The root's attribute that says by which conventions a run's defaults are: "Keras 3". */
#define CLI_CONVENTIONS "conventions"

/* Where the run says nothing of conventions, the config's optimisers get the keys whose defaults were
 * others then, unless it has them: the run keeps what it was made by. */
INV_MUST_CHECK inv_status cli_former_keys(const inv_run *run, inv_config *config);
/* The kind of inverse at the path becomes what it is called now. */
INV_MUST_CHECK inv_status cli_former_kind(inv_config *config, const char *path);
/* The same as cli_former_keys of the optimiser at the path `group`. */
INV_MUST_CHECK inv_status cli_former_optimiser(inv_config *config, const char *group);

/* Whether the run is one that the file's experiment and seed go on with: they are the same,
 * or only lengthen it. INV_EINVAL names the difference. Longer learning replaces the experiment
 * kept in the file. */
INV_MUST_CHECK inv_status cli_resume_check(cli_file *file);
/* The same of the run file at `path`, which is done: INV_EINVAL where it was made otherwise than the
 * command line asks. */
INV_MUST_CHECK inv_status cli_resume_check_done(const cli_options *options, const char *path);

/* Starts or, with --resume, goes on with the run of an experiment file, in the run file `path`. */
INV_MUST_CHECK inv_status cli_session_start(const cli_options *options, const char *experiment,
                                            const char *path, cli_session *session);
/* Opens a run file, with the options' settings on top of its experiment. `data`: its data too. */
INV_MUST_CHECK inv_status cli_session_open(const cli_options *options, const char *path, bool data,
                                           cli_session *session);
/* Opens a run file only to read it: nobody is kept from it, and there need be no experiment. */
INV_MUST_CHECK inv_status cli_session_read(const cli_options *options, const char *path,
                                           cli_session *session);
/* The same for its results; those of a model of another program are in its run file in the current
 * folder, as `command` makes it. */
INV_MUST_CHECK inv_status cli_session_results(const cli_options *options, const char *path,
                                              const char *command, cli_session *session);
void cli_session_close(cli_session *session);

/* Opens the data: those of --data; else those of the run file where its newest start had them; else
 * of the experiment's folder, relative to the experiment file or, where it is not there, to the
 * current folder. The run file, if there is one, says by their SHA-256s which are right; the message
 * of a failure names each place. */
INV_MUST_CHECK inv_status cli_data_open(const cli_file *file, cli_materials *materials);
/* Whether there are any for the run: an imported net has none until some are given once. */
bool cli_data_is_known(const cli_file *file);
#define CLI_NO_DATA /* for which there are none */                                                 \
    "%s: is of a network that was imported without data, and this needs some; name their folder "  \
    "with --data DIR"
/* Whether two names lead to one file. */
bool cli_is_same_file(const char *a, const char *b);
/* Whether the run's net is one of a file of another program, which may have outputs that no class uses. NULL
 * is no run. */
bool cli_is_imported(const inv_run *run);
/* Of an imported net: puts down which data it was given, the first time. */
INV_MUST_CHECK inv_status cli_data_adopt(inv_run *run, const inv_dataset *data);
/* Puts down in the run file where they are and, of a new start, where its experiment file is. */
INV_MUST_CHECK inv_status cli_data_remember(const cli_file *file, const char *data_folder);
/* Puts down in the run file, and tells the user, how they were read. */
INV_MUST_CHECK inv_status cli_data_describe(inv_run *run, const inv_dataset *data);
/* What values of pixels mean to the run's net. INV_EFORMAT. */
INV_MUST_CHECK inv_status cli_data_pixels(const inv_run *run, inv_pixels *out);
/* What the run's training images look like. INV_EFORMAT. */
INV_MUST_CHECK inv_status cli_data_looks(const inv_run *run, inv_looks *out);
void cli_data_note(const inv_dataset *data, const cli_progress *progress);

/* Sets the classes of the command's group to those that --classes lists, by number or by the names in
 * the run file: a name goes before a number. INV_EINVAL: there is no such class. */
INV_MUST_CHECK inv_status cli_set_classes(cli_file *file);
/* Puts down how many images of each class are trained on. */
INV_MUST_CHECK inv_status cli_put_class_images(inv_run *run, const inv_dataset *data);
/* An empty list becomes that of all classes that have images, and the user is told who is left out.
 * INV_ECONFIG where the list names one that has none. */
INV_MUST_CHECK inv_status cli_leave_out_empty(const inv_run *run, const inv_net *net,
                                              const char *stage, inv_sizes *classes);

/* The data, where they are not open yet. */
INV_MUST_CHECK inv_status cli_load_data(const cli_file *file, cli_materials *materials);
/* The Gaussian of what the training images are at that point of the net: the run file's,
 * or, the first time, worked out and kept. */
INV_MUST_CHECK inv_status cli_load_gaussians(const cli_file *file, cli_materials *materials,
                                             size_t point);

/* The net, or the inverse of that name, as the run file holds it. */
INV_MUST_CHECK inv_status cli_load_net(const cli_file *file, cli_materials *materials);
INV_MUST_CHECK inv_status cli_load_inverse(const cli_file *file, cli_materials *materials,
                                           const char *name);

/* The names of the net's classes, each the caller's to free; all NULL where the run file
 * has none. */
INV_MUST_CHECK inv_status cli_class_names(const inv_run *run, size_t classes, char **names);

/* A method's settings as JSON text, which the caller frees. */
INV_MUST_CHECK inv_status cli_settings(const inv_field *fields, const void *spec, char **out);

/* Writes the run file. */
INV_MUST_CHECK inv_status cli_file_save(cli_file *file);
/* Whether a checkpoint is due after this step. */
bool cli_file_due(const cli_file *file, size_t step);
/* Says how to go on, and returns CLI_STOPPED; what is done so far is saved. */
inv_status cli_file_stop(const cli_file *file, const cli_progress *progress, const char *stage);

/* ---- what every result is made of ---- */

#define CLI_PATH_BYTES (4 * INV_NAME_MAX)

/* Where the result `name` stands; what stood there goes. `inverse` is NULL where none is used. */
INV_MUST_CHECK inv_status cli_result_open(cli_file *file, const char *group, const char *name,
                                          const char *inverse, const inv_field *fields,
                                          const void *spec, char path[CLI_PATH_BYTES]);
/* The names of all groups in the group at `path`; the caller frees *names. */
INV_MUST_CHECK inv_status cli_group_names(const inv_run *run, const char *path,
                                          char (**names)[INV_NAME_MAX], size_t *count);
/* An array of it. */
INV_MUST_CHECK inv_status cli_put(inv_run *run, const char *path, const char *name, inv_type type,
                                  size_t rank, const size_t *dims, const void *data,
                                  inv_run_storage storage);
/* [n, height, width], or [n, height, width, channels] where there are several. */
INV_MUST_CHECK inv_status cli_put_images(inv_run *run, const char *path, const char *name,
                                         inv_shape shape, const gsl_matrix_float *images);
INV_MUST_CHECK inv_status cli_put_classes(inv_run *run, const char *path, const char *name,
                                          const unsigned *classes, size_t n);
/* The point where the loaded inverse starts must be `at`, which the key says. */
INV_MUST_CHECK inv_status cli_inverse_check(const inv_run *run, const cli_materials *materials,
                                            const char *key, const char *at);

/* ---- images that a command is given: pictures, IDX and NumPy files ---- */

/* Where an image came from. */
typedef struct cli_image {
    const char *file;
    bool in_idx;
    size_t index;  /* in an IDX file, from 0 */
    size_t number; /* among all that were given, from 0, those that are broken counted too */
} cli_image;

typedef struct cli_images {
    const cli_options *options;
    const inv_run *run;
    inv_shape shape;   /* of the net's images */
    char *type;        /* of the pixels it was trained on */
    double scale;      /* what they were divided by */
    inv_pixels pixels; /* and what they then are */
    char **files;      /* [file_count] */
    size_t file_count, room;
    size_t next_file;
    size_t given;     /* images so far, and of the files, */
    size_t broken;    /* those that cannot be read */
    const char *file; /* the one at hand */
    inv_idx *idx;     /* NULL: none */
    size_t next;      /* image of it */
    double idx_scale; /* its pixels are divided by this, */
    double idx_black; /* and this is added */
    inv_looks looks;  /* of the images trained on */
    size_t seen;      /* images so far, and of them, */
    size_t blank;     /* those that are all of one brightness, */
    size_t ground;    /* else those on a ground of the other brightness, */
    size_t unlike;    /* else those whose ink lies otherwise than in those trained on */
} cli_images;

/* Reads the files named by the operands after the first, for the net: of a folder all PNG and JPEG
 * files in it and in the folders in it, of "-" those named on stdin, a line each.
 * Pixels become what they were in training: a PNG's black and white are black and white; those of
 * an IDX file are divided by the run's scale where they are of the type trained on, else brought
 * from 0 and their white to black and white. Images of another size or number of channels are fitted (inv_fit_image). With
 * --invert, light and dark change places first; with --centre, they are prepared as handwriting is
 * (inv_centre_image), INV_EINVAL where the net's images are lines. */
INV_MUST_CHECK inv_status cli_images_open(const cli_file *file, const inv_net *net,
                                          cli_images *images);
/* The next *n images, at most `maximum` and 0 at the end, as rows; `from` may be NULL. Of several files,
 * those that cannot be read are said, and left out; with the last comes INV_EDATA then, unless
 * --skip-broken is given. */
INV_MUST_CHECK inv_status cli_images_next(cli_images *images, size_t maximum,
                                          gsl_matrix_float *rows, cli_image *from, size_t *n);
/* Says in one line, if anything, how many of the images are unlike those trained on, and which options
 * may mend that. */
void cli_images_advise(const cli_images *images);
void cli_images_close(cli_images *images);

/* What help says of it, for the commands that take images. */
#define CLI_IMAGE_NOTES                                                                            \
    "An IMAGE is a PNG or JPEG file (turned as its Exif orientation says), an IDX or NumPy file, " \
    "a "                                                                                           \
    "folder, of which all pictures are taken, also of folders in it, or -, which reads names of "  \
    "files from stdin, one on each line. "
#define CLI_FITTING_NOTES                                                                          \
    "Images of any size, grey or coloured, are fitted to the net's: in the middle, with their "    \
    "proportions kept and their ground beside them; averaged where they get smaller, "             \
    "interpolated "                                                                                \
    "where larger; colours become grey (0.299 red + 0.587 green + 0.114 blue) where the net has "  \
    "one channel. What is transparent is black, or with --invert white before the inversion. "     \
    "A PNG's white is the white of the images trained on. --centre finds what is written on a "    \
    "page or photograph of whatever size and light, makes it as large as the digits of MNIST are " \
    "in their images, and lays it in the middle; ink must be as in the images trained on, light "  \
    "on dark (--invert) or dark on light."

/* ---- pictures, from the run file alone ---- */

/* Before the work: whether `count` images of that shape will make the picture that cli_draw makes
 * of the result of that name, and whether what stands in its place may be written over. INV_EINVAL,
 * which says what else to do; INV_EIO as cli_picture_place. */
INV_MUST_CHECK inv_status cli_picture_check(const cli_file *file, inv_shape shape,
                                            const char *result, const char *stem,
                                            const inv_sheet *sheet, size_t count);
/* Only a PNG file is written over by a picture: INV_EIO where something else is there. */
INV_MUST_CHECK inv_status cli_picture_place(const char *path);

/* Draws the array `array` of the group `path` beside the run file as STEM.png, or STEM-NAME.png
 * where the command line names the result; with --single as STEM/00000.png and so on. */
INV_MUST_CHECK inv_status cli_draw(const cli_session *session, const char *path, const char *array,
                                   const char *stem, const inv_sheet *sheet);

/* The table of figures, on stdout: the reference's beside this run's. */
INV_MUST_CHECK inv_status cli_print_figures(const cli_file *file);
/* The same of the newest result alone, and where it stands. */
INV_MUST_CHECK inv_status cli_print_result(const cli_file *file);

/* The history of training and of inverses on stdout, as CSV: a line each step. INV_EFORMAT. */
INV_MUST_CHECK inv_status cli_print_history(const inv_run *run);

#endif
