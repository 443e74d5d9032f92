/* suites.h - every suite of checks: the one list that check_main.c runs and that declares them.
 *
 * To add one: write tests/FOLDER/test_NAME.c (the folder its module has in src/) with `Suite *NAME_suite(void)`, add its line here.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_SUITES_H
#define INVPROJ_TESTS_SUITES_H

#include <check.h>

/* X(name), in the order in which they run: what others stand on comes first. */
#define SUITES(X)                                                                                  \
    X(status)                                                                                      \
    X(file)                                                                                        \
    X(text)                                                                                        \
    X(sniff)                                                                                       \
    X(kernels)                                                                                     \
    X(amx)                                                                                         \
    X(signs)                                                                                       \
    X(eigen)                                                                                       \
    X(cholesky)                                                                                    \
    X(mat)                                                                                         \
    X(rng)                                                                                         \
    X(config)                                                                                      \
    X(fields)                                                                                      \
    X(help)                                                                                        \
    X(columns)                                                                                     \
    X(idx)                                                                                         \
    X(font)                                                                                        \
    X(zip)                                                                                         \
    X(npy)                                                                                         \
    X(arrange)                                                                                     \
    X(dataset)                                                                                     \
    X(sources)                                                                                     \
    X(layer)                                                                                       \
    X(window)                                                                                      \
    X(norm)                                                                                        \
    X(net)                                                                                         \
    X(graph)                                                                                       \
    X(loss)                                                                                        \
    X(optim)                                                                                       \
    X(schedule)                                                                                    \
    X(encode)                                                                                      \
    X(pieces)                                                                                      \
    X(train)                                                                                       \
    X(inverse)                                                                                     \
    X(mirror)                                                                                      \
    X(kinds)                                                                                       \
    X(variational)                                                                                 \
    X(adversarial)                                                                                 \
    X(gaussian)                                                                                    \
    X(objective)                                                                                   \
    X(parametrise)                                                                                 \
    X(transform)                                                                                   \
    X(optimise)                                                                                    \
    X(generate)                                                                                    \
    X(features)                                                                                    \
    X(filters)                                                                                     \
    X(exemplars)                                                                                   \
    X(likeness)                                                                                    \
    X(measure)                                                                                     \
    X(student)                                                                                     \
    X(reference)                                                                                   \
    X(run)                                                                                         \
    X(run_attributes)                                                                              \
    X(run_saved)                                                                                   \
    X(run_strangers)                                                                               \
    X(run_nets)                                                                                    \
    X(table)                                                                                       \
    X(stream)                                                                                      \
    X(torch)                                                                                       \
    X(onnx)                                                                                        \
    X(export)                                                                                      \
    X(seal)                                                                                        \
    X(fit)                                                                                         \
    X(centre)                                                                                      \
    X(image_file)                                                                                  \
    X(png)                                                                                         \
    X(experiment)                                                                                  \
    X(experiment_help)                                                                             \
    X(sweep)                                                                                       \
    X(keras)                                                                                       \
    X(keras_arrays)                                                                                \
    X(reader)                                                                                      \
    X(cli)                                                                                         \
    X(cli_cause)                                                                                   \
    X(cli_train)                                                                                   \
    X(cli_inverses)                                                                                \
    X(cli_generator)                                                                               \
    X(cli_images)                                                                                  \
    X(cli_report)                                                                                  \
    X(cli_export)                                                                                  \
    X(cli_models)                                                                                  \
    X(cli_data)                                                                                    \
    X(cases)                                                                                       \
    X(zoo)                                                                                         \
    X(former)                                                                                      \
    X(cli_engine)                                                                                  \
    X(cli_usage)                                                                                   \
    X(cli_completion)                                                                              \
    X(cli_terminal)                                                                                \
    X(part)                                                                                        \
    X(cli_signals)                                                                                 \
    X(cli_sweep)                                                                                   \
    X(cli_printed)                                                                                 \
    X(cli_file)                                                                                    \
    X(cli_walk)                                                                                    \
    X(cli_bad)                                                                                     \
    X(cli_place)                                                                                   \
    X(cli_pictures)                                                                                \
    X(cli_disk)                                                                                    \
    X(survive)                                                                                     \
    X(readme)

#define SUITE_DECLARE(name) Suite *name##_suite(void);
SUITES(SUITE_DECLARE)
#undef SUITE_DECLARE

#endif
