/* input.h - what the fuzzers share: any bytes, as a file, a text, a stream or a model file.
 *
 * Each fuzz_NAME.c is a program of its own, made and run by `make fuzz`: libFuzzer calls it with any
 * bytes, beginning with those in corpus/NAME, and the sanitizers watch.
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_TESTS_FUZZ_INPUT_H
#define INVPROJ_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "invproj/model.h"

/* A file, in memory, that holds the bytes until the next call. */
const char *input_file(const uint8_t *data, size_t size);

/* The bytes as a text that ends at the first NUL; the caller frees. */
char *input_text(const uint8_t *data, size_t size);

/* What is left of bytes that are taken from the front. */
typedef struct input_rest {
    const uint8_t *at;
    size_t left;
} input_rest;

/* The bytes as the stream that the process for strangers' files could send. */
inv_source input_source(input_rest *rest);

/* The bytes as a model file of that format (src/format/format.h), as that process decodes it: what it
 * sends goes nowhere. */
void input_send(const char *format, const uint8_t *data, size_t size);
/* What it sends, made a model as by input_model. */
void input_import(const char *format, const uint8_t *data, size_t size, const char *arch);

/* The bytes as the stream of a model file, made a model that an image is given; `arch` may be NULL. */
void input_model(const uint8_t *stream, size_t size, const char *arch);

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
