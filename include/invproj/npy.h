/* npy.h - arrays as NumPy saves them: .npy files, and .npz archives of them.
 *
 * Layout of a .npy: the bytes 93 "NUMPY", two of a version, the length of the header, the header (a
 * Python dictionary: 'descr', the type of the elements; 'fortran_order'; 'shape'), the elements. A
 * .npz is a ZIP archive of them. Source: NumPy's numpy.lib.format, versions 1.0 to 3.0.
 *
 *     inv_npz *npz = NULL;
 *     inv_idx *images = NULL;
 *     status = inv_npz_open("mnist.npz", &npz);
 *     if (status == INV_OK)
 *         status = inv_npz_read(npz, "x_train", &images);
 *     inv_idx_free(images);
 *     inv_npz_close(npz);
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef INVPROJ_NPY_H
#define INVPROJ_NPY_H

#include <stdbool.h>

#include "invproj/idx.h"
#include "invproj/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inv_npz inv_npz;

/* Reads a .npy file into *out, which the caller frees with inv_idx_free: row-major and in the
 * processor's byte order, whatever order the file has. Elements that the IDX format does not know
 * become the nearest that hold them: bool and half floats floats, unsigned 16-bit integers and all
 * wider ones 32-bit integers. The SHA-256 is of the whole file. INV_EIO as inv_file_open;
 * INV_EFORMAT: no .npy file, a header that is not as NumPy writes it, elements that are no numbers
 * (objects, texts, records, complex), no dimension or more than INV_IDX_RANK_MAX, none of a size,
 * other bytes than the shape says; INV_EDATA: an integer beyond 32 bits. On failure *out is NULL. */
INV_MUST_CHECK inv_status inv_npy_read(const char *path, inv_idx **out);

/* Opens an archive. As inv_npy_read; INV_EFORMAT also where it is no ZIP archive. The caller closes. */
INV_MUST_CHECK inv_status inv_npz_open(const char *path, inv_npz **out);
void inv_npz_close(inv_npz *npz);

/* Its arrays, from 0 on, by name ("x_train"). What else is in the archive does not count. */
size_t inv_npz_count(const inv_npz *npz);
const char *inv_npz_name(const inv_npz *npz, size_t index);
bool inv_npz_has(const inv_npz *npz, const char *name);

/* Reads the array of that name, as inv_npy_read does; the SHA-256 is of the member, unpacked.
 * INV_EDATA: there is none of that name. */
INV_MUST_CHECK inv_status inv_npz_read(inv_npz *npz, const char *name, inv_idx **out);

#ifdef __cplusplus
}
#endif
#endif
