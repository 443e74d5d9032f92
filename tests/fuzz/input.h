/* input.h - what the fuzzers share: any bytes, as a file.
 *
 * Each fuzz_NAME.c is a program of its own, made and run by `make fuzz`: libFuzzer calls it with any
 * bytes, beginning with those in corpus/NAME, and the sanitizers watch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_FUZZ_INPUT_H
#define INVPROJ_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

/* A file, in memory, that holds the bytes until the next call. */
const char *input_file(const uint8_t *data, size_t size);

/* The bytes as a text that ends at the first NUL; the caller frees. */
char *input_text(const uint8_t *data, size_t size);

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
