/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "format/values.h"

/* ---- types ---- */

/* IEEE 754 binary16, which HDF5 has no name for. */
static hid_t half_type(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static hid_t integer_type(bool is_signed, uint32_t size)
{
    switch (size) {
    case 1:
        return H5Tcopy(is_signed ? H5T_STD_I8LE : H5T_STD_U8LE);
    case 2:
        return H5Tcopy(is_signed ? H5T_STD_I16LE : H5T_STD_U16LE);
    case 4:
        return H5Tcopy(is_signed ? H5T_STD_I32LE : H5T_STD_U32LE);
    default:
        return H5Tcopy(is_signed ? H5T_STD_I64LE : H5T_STD_U64LE);
    }
}

static hid_t text_type(const inv_value_head *head)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, head->kind == INV_VALUE_TEXTS ? H5T_VARIABLE : head->size);
    H5Tset_cset(type, head->flags & INV_VALUE_UTF8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    H5Tset_strpad(type, head->flags & INV_VALUE_NUL_PADDED     ? H5T_STR_NULLPAD
                        : head->flags & INV_VALUE_BLANK_PADDED ? H5T_STR_SPACEPAD
                                                               : H5T_STR_NULLTERM);
    return type;
}

hid_t inv_value_type(const inv_value_head *head)
{
    if (head->kind == INV_VALUE_TEXT || head->kind == INV_VALUE_TEXTS)
        return text_type(head);
    if (head->kind == INV_VALUE_OPAQUE)
        return H5Tcreate(H5T_OPAQUE, head->size);
    if (head->kind == INV_VALUE_FLOAT && head->size == 2)
        return half_type();
    if (head->kind == INV_VALUE_FLOAT)
        return H5Tcopy(head->size == 4 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE);
    return integer_type(head->kind == INV_VALUE_SIGNED, head->size);
}

/* Whether `stored` is the type that the head tells of, in either byte order. */
static bool is_stored_as(hid_t stored, const inv_value_head *head)
{
    hid_t type = inv_value_type(head);
    bool same = H5Tequal(stored, type) > 0;
    if (!same && H5Tset_order(type, H5T_ORDER_BE) >= 0)
        same = H5Tequal(stored, type) > 0;
    H5Tclose(type);
    return same;
}

static void classify_text(hid_t stored, inv_value_head *head)
{
    const bool any = H5Tis_variable_str(stored) > 0;
    const H5T_str_t padding = H5Tget_strpad(stored);
    head->kind = any ? INV_VALUE_TEXTS : INV_VALUE_TEXT;
    head->size = any ? 0 : (uint32_t)H5Tget_size(stored);
    head->flags = H5Tget_cset(stored) == H5T_CSET_UTF8 ? INV_VALUE_UTF8 : 0;
    if (padding == H5T_STR_NULLPAD)
        head->flags |= INV_VALUE_NUL_PADDED;
    if (padding == H5T_STR_SPACEPAD)
        head->flags |= INV_VALUE_BLANK_PADDED;
}

const char *inv_value_classify(hid_t stored, inv_value_head *head)
{
    const H5T_class_t class = H5Tget_class(stored);
    head->flags = 0;
    head->size = (uint32_t)H5Tget_size(stored);
    switch (class) {
    case H5T_INTEGER:
        head->kind = H5Tget_sign(stored) == H5T_SGN_NONE ? INV_VALUE_UNSIGNED : INV_VALUE_SIGNED;
        return inv_value_is_known(head) && is_stored_as(stored, head) ? NULL
                                                                      : "integers of odd width";
    case H5T_FLOAT:
        head->kind = INV_VALUE_FLOAT;
        return inv_value_is_known(head) && is_stored_as(stored, head) ? NULL
                                                                      : "floats of another kind";
    case H5T_STRING:
        classify_text(stored, head);
        return inv_value_is_known(head) ? NULL : "texts of that length";
    case H5T_COMPOUND:
        return "compound values";
    case H5T_ENUM:
        return "an enumeration";
    case H5T_REFERENCE:
        return "references";
    default:
        return "values of another type";
    }
}

/* ---- rows ---- */

uint64_t inv_value_rows(const inv_value_head *head)
{
    return head->rank == INV_RECORD_NULL ? 0 : head->rank == 0 ? 1 : head->dims[0];
}

uint64_t inv_value_row_bytes(const inv_value_head *head)
{
    const uint64_t rows = inv_value_rows(head), count = inv_value_count(head);
    return count && rows ? count / rows * head->size : 0;
}

/* The rows as HDF5 selects them in an array's space; the other is memory, which holds them alone. */
static hid_t select_rows(hid_t array, const inv_value_head *head, uint64_t first, uint64_t rows,
                         hid_t *memory)
{
    hsize_t start[INV_RECORD_RANK_MAX] = {0}, count[INV_RECORD_RANK_MAX];
    hid_t space = H5Dget_space(array);
    if (head->rank == 0) {
        *memory = H5Screate(H5S_SCALAR);
        return space;
    }
    for (uint8_t i = 0; i < head->rank; i++)
        count[i] = head->dims[i];
    start[0] = first;
    count[0] = rows;
    *memory = H5Screate_simple(head->rank, count, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    return space;
}

herr_t inv_value_read_rows(hid_t array, const inv_value_head *head, uint64_t first, uint64_t rows,
                           void *values)
{
    hid_t memory, space = select_rows(array, head, first, rows, &memory);
    hid_t type = inv_value_type(head);
    const herr_t result = H5Dread(array, type, memory, space, H5P_DEFAULT, values);
    H5Tclose(type);
    H5Sclose(memory);
    H5Sclose(space);
    return result;
}

herr_t inv_value_write_rows(hid_t array, const inv_value_head *head, uint64_t first, uint64_t rows,
                            const void *values)
{
    hid_t memory, space = select_rows(array, head, first, rows, &memory);
    hid_t type = inv_value_type(head);
    const herr_t result = H5Dwrite(array, type, memory, space, H5P_DEFAULT, values);
    H5Tclose(type);
    H5Sclose(memory);
    H5Sclose(space);
    return result;
}
