/* torch_arch.h - the architecture of a PyTorch net as text: its modules, in order (torch.h).
 *
 *     inv_arch *arch = NULL;
 *     status = inv_arch_read("net.arch.txt", text, &arch);
 *     for (size_t i = 0; status == INV_OK && i < arch->count; i++)
 *         kernel = inv_arch_number(&arch->modules[i], 2, "kernel_size", 0, 3);
 *     inv_arch_free(arch);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_FORMAT_TORCH_ARCH_H
#define INVPROJ_FORMAT_TORCH_ARCH_H

#include <stdbool.h>

#include "invproj/layer.h"
#include "invproj/status.h"

#define INV_ARCH_NAME_MAX    128
#define INV_ARCH_VALUES_MAX  6
#define INV_ARCH_ARGS_MAX    16
#define INV_ARCH_INPUTS_MAX  8
#define INV_ARCH_MODULES_MAX 2000

/* One argument of a module: `3`, `(3, 5)`, `stride=2`, `padding='same'`, `bias=False`. */
typedef struct inv_arch_arg {
    char key[32];                       /* "": it is known by its place */
    char text[32];                      /* of a text in quotes or a word; "" for numbers */
    double values[INV_ARCH_VALUES_MAX]; /* True is 1, False 0; None within a tuple is NaN */
    size_t count;                       /* of values; 0 for a text and for None */
    bool is_none;
} inv_arch_arg;

typedef struct inv_arch_module {
    size_t line; /* of the text, from 1 */
    char name[INV_ARCH_NAME_MAX];
    char type[48]; /* "Conv2d" */
    inv_arch_arg args[INV_ARCH_ARGS_MAX];
    size_t arg_count;
    char inputs[INV_ARCH_INPUTS_MAX][INV_ARCH_NAME_MAX]; /* "input": the image */
    size_t input_count;                                  /* 0: the module before */
} inv_arch_module;

typedef struct inv_arch {
    char *file;
    size_t
        rank; /* of the input, as PyTorch has it: channels, height, width, or values; 0: not said */
    size_t dims[3];
    char output[16]; /* "logits", "softmax", "log-softmax"; "": not said */
    bool is_printed; /* by print(model), which does not show what is done between modules */
    char
        unknown[48]; /* the type of one of its modules that hold others, whose doing is not known */
    char residual[48]; /* and of one that is taken to add its input, as torchvision's do */
    inv_arch_module *modules;
    size_t count, capacity;
} inv_arch;

/* Part of what print(model) gives: a module that holds those from `first` on. */
typedef struct inv_arch_block {
    char path[INV_ARCH_NAME_MAX], type[48];
    size_t first, line;
} inv_arch_block;

/* Reads the text. INV_ECONFIG names the line that cannot be read. The caller frees. */
INV_MUST_CHECK inv_status inv_arch_read(const char *file, const char *text, inv_arch **out);
void inv_arch_free(inv_arch *arch);

/* The argument at that place, from 0, or of that name; NULL where there is none. */
const inv_arch_arg *inv_arch_find(const inv_arch_module *module, size_t place, const char *key);
/* Its value i, or its only one; `usual` where it is not given. */
double inv_arch_number(const inv_arch_module *module, size_t place, const char *key, size_t i,
                       double usual);

/* ---- torch_blocks.c ---- */

INV_MUST_CHECK inv_status inv_arch_add(inv_arch *arch, const inv_arch_module *module);
/* The block is complete: of one whose class is known to add its input to its output, the layers that do
 * so are added. INV_ECONFIG: a class that does so, in a way that is not known. */
INV_MUST_CHECK inv_status inv_arch_close(inv_arch *arch, const inv_arch_block *block);
/* The same modules again, of the path `next`, which becomes the block's. */
INV_MUST_CHECK inv_status inv_arch_repeat(inv_arch *arch, inv_arch_block *block, const char *next);

#endif
